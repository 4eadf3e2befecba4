/* medium_find.c: kernels, ramdisks, EFI programs and boot catalogues by their looks. */
#include "server/ctl/medium_find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"

#define EFI_BOOT "efi/boot/bootx64.efi"

int medium_path(const char *path, char out[MEDIUM_PATH_MAX])
{
	size_t len;

	while (path[0] == '.' && path[1] == '/')
		path += 2 + strspn(path + 2, "/");
	if (*path == '/' || (path[0] && path[1] == ':'))
		return -EACCES;
	len = strlen(path);
	while (len > 0 && path[len - 1] == '/')
		len--;
	if (len == 0 || (len == 1 && *path == '.'))
		return -ENOENT;
	if (len >= MEDIUM_PATH_MAX)
		return -ENAMETOOLONG;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f || path[i] == '\\')
			return -EBADMSG;
	}
	memcpy(out, path, len);
	out[len] = 0;
	for (const char *part = out; part; part = strchr(part, '/')) {
		size_t n;

		part += *part == '/';
		n = strcspn(part, "/");
		if (n == 2 && part[0] == '.' && part[1] == '.')
			return -EACCES;
		if (n == 0 || (n == 1 && part[0] == '.'))
			return -EBADMSG;
	}
	return 0;
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* Linux's boot protocol: 0xaa55 at 0x1fe, "HdrS" at 0x202, XLF_KERNEL_64 at 0x236 since 2.12. */
static bool is_kernel(const struct medium_file *f)
{
	return f->head_len >= 0x238 && le16(f->head + 0x1fe) == 0xaa55 &&
	       !memcmp(f->head + 0x202, "HdrS", 4) && le16(f->head + 0x206) >= 0x20c &&
	       (f->head[0x236] & 1);
}

/* PE32+ for x86-64 with the subsystem of an EFI application. */
static bool is_efi(const struct medium_file *f)
{
	uint32_t pe;

	if (f->head_len < 0x40 || memcmp(f->head, "MZ", 2))
		return false;
	pe = le32(f->head + 0x3c);
	return pe < f->head_len && f->head_len - pe >= 24 + 70 &&
	       !memcmp(f->head + pe, "PE\0\0", 4) && le16(f->head + pe + 4) == 0x8664 &&
	       le16(f->head + pe + 24) == 0x20b && le16(f->head + pe + 24 + 68) == 10;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static size_t folder_of(const char *path)
{
	return (size_t)(name_of(path) - path);
}

static unsigned depth_of(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Bytes that a ramdisk may begin with: gzip, xz, zstd, lz4, bzip2, lzma, cpio. */
static bool is_packed(const struct medium_file *f)
{
	static const struct {
		const char *bytes;
		size_t len;
	} magics[] = {
		{ "\x1f\x8b", 2 },
		{ "\xfd"
		  "7zXZ",
			5 },
		{ "\x28\xb5\x2f\xfd", 4 },
		{ "\x02\x21\x4c\x18", 4 },
		{ "BZh", 3 },
		{ "\x5d\x00\x00", 3 },
		{ "070701", 6 },
		{ "070702", 6 },
	};

	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		if (f->head_len >= magics[i].len &&
			!memcmp(f->head, magics[i].bytes, magics[i].len))
			return true;
	}
	return false;
}

static bool is_ramdisk(const struct medium_file *f)
{
	const char *name = name_of(f->path);

	return (!strncasecmp(name, "init", 4) || strcasestr(name, "initr")) && is_packed(f);
}

enum medium_type medium_type(const struct medium_file *f)
{
	return is_kernel(f)    ? MEDIUM_KERNEL /* an EFI program as well, when it has a stub */
	       : is_efi(f)     ? MEDIUM_EFI
	       : is_ramdisk(f) ? MEDIUM_RAMDISK
			       : MEDIUM_UNKNOWN;
}

size_t medium_by_path(const struct medium *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++) {
		if (!strcasecmp(m->files[i].path, path))
			return i;
	}
	return MEDIUM_NONE;
}

/* The topmost file of that name; of several the one whose path sorts first. */
static size_t by_name(const struct medium *m, const char *name)
{
	size_t best = MEDIUM_NONE;

	for (size_t i = 0; i < m->n; i++) {
		const char *path = m->files[i].path;
		unsigned depth = depth_of(path);

		if (strcasecmp(name_of(path), name))
			continue;
		if (best == MEDIUM_NONE || depth < depth_of(m->files[best].path) ||
			(depth == depth_of(m->files[best].path) &&
				strcmp(path, m->files[best].path) < 0))
			best = i;
	}
	return best;
}

/* A file in the folder of another one. */
static size_t beside(const struct medium *m, size_t other, const char *name)
{
	const char *path = m->files[other].path;
	char wanted[MEDIUM_PATH_MAX + 64];

	snprintf(wanted, sizeof wanted, "%.*s%s", (int)folder_of(path), path, name);
	return medium_by_path(m, wanted);
}

/* A ramdisk in the folder of the kernel: the name that sorts first. */
static size_t ramdisk_of(const struct medium *m, size_t kernel)
{
	const char *path = m->files[kernel].path;
	size_t n = folder_of(path), best = MEDIUM_NONE;

	for (size_t i = 0; i < m->n; i++) {
		const struct medium_file *f = &m->files[i];

		if (folder_of(f->path) == n && !strncmp(f->path, path, n) &&
			medium_type(f) == MEDIUM_RAMDISK &&
			(best == MEDIUM_NONE || strcmp(f->path, m->files[best].path) < 0))
			best = i;
	}
	return best;
}

static bool better_kernel(const struct medium *m, size_t a, size_t b, bool a_disk, bool b_disk)
{
	unsigned a_depth = depth_of(m->files[a].path), b_depth = depth_of(m->files[b].path);

	if (a_disk != b_disk)
		return a_disk;
	return a_depth != b_depth ? a_depth < b_depth
				  : strcmp(m->files[a].path, m->files[b].path) < 0;
}

static void find_kernel(const struct medium *m, struct medium_found *out)
{
	for (size_t i = 0; i < m->n; i++) {
		size_t disk;

		if (medium_type(&m->files[i]) != MEDIUM_KERNEL)
			continue;
		out->n_kernels++;
		disk = ramdisk_of(m, i);
		if (out->kernel != MEDIUM_NONE &&
			!better_kernel(
				m, i, out->kernel, disk != MEDIUM_NONE, out->initrd != MEDIUM_NONE))
			continue;
		out->kernel = i;
		out->initrd = disk;
	}
}

void medium_find(const struct medium *m, struct medium_found *out)
{
	*out = (struct medium_found){ MEDIUM_NONE, MEDIUM_NONE, MEDIUM_NONE, MEDIUM_NONE,
		MEDIUM_NONE, MEDIUM_NONE, 0 };
	out->bootcfg = by_name(m, "boot.cfg");
	out->efi_boot = medium_by_path(m, EFI_BOOT);
	find_kernel(m, out);
	if (out->bootcfg == MEDIUM_NONE)
		return;
	out->mboot = by_name(m, "mboot.efi");
	if (out->mboot == MEDIUM_NONE)
		out->mboot = out->efi_boot;
	if (out->mboot != MEDIUM_NONE)
		out->crypto = beside(m, out->mboot, "crypto64.efi");
	if (out->crypto == MEDIUM_NONE)
		out->crypto = by_name(m, "crypto64.efi");
}

size_t medium_of_bootcfg(
	const struct medium *m, size_t bootcfg, const char *prefix, const char *path)
{
	char wanted[3 * MEDIUM_PATH_MAX];
	size_t found = MEDIUM_NONE;

	while (*path == '/')
		path++;
	while (*prefix == '/')
		prefix++;
	if (*prefix && !strstr(prefix, "://")) {
		snprintf(wanted, sizeof wanted, "%.*s/%.*s", MEDIUM_PATH_MAX, prefix,
			MEDIUM_PATH_MAX, path);
		found = medium_by_path(m, wanted);
	}
	if (found == MEDIUM_NONE)
		found = beside(m, bootcfg, path);
	return found == MEDIUM_NONE ? medium_by_path(m, path) : found;
}

int medium_boot_record(const uint8_t sector[2048], uint32_t *where)
{
	if (sector[0] != 0 || memcmp(sector + 1, "CD001", 5) ||
		memcmp(sector + 7, "EL TORITO SPECIFICATION", 23))
		return -ENOENT;
	*where = le32(sector + 71);
	return 0;
}

/* Platform of an entry: 0 is a PC's BIOS, 0xef is UEFI. */
static void take_entry(const uint8_t *entry, uint8_t platform, struct medium_boots *out)
{
	if (entry[0] != 0x88)
		return;
	out->bios = out->bios || platform == 0;
	out->uefi = out->uefi || platform == 0xef;
}

/* A validation entry, the default entry, then sections: 0x90 (0x91 the last) and their entries. */
int medium_boot_catalogue(const uint8_t sector[2048], struct medium_boots *out)
{
	struct medium_boots boots = { 0 };
	uint16_t sum = 0;
	size_t at = 64;

	for (size_t i = 0; i < 32; i += 2)
		sum = (uint16_t)(sum + le16(sector + i));
	if (sector[0] != 1 || sector[30] != 0x55 || sector[31] != 0xaa || sum)
		return -EBADMSG;
	take_entry(sector + 32, sector[1], &boots);
	while (at < 2048 && (sector[at] == 0x90 || sector[at] == 0x91)) {
		const uint8_t *head = sector + at;
		unsigned n = le16(head + 2);

		at += 32;
		for (; n > 0 && at < 2048; n--, at += 32)
			take_entry(sector + at, head[1], &boots);
		if (head[0] == 0x91)
			break;
	}
	*out = boots;
	return 0;
}
