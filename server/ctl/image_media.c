/*
 * image_media.c: images of what people bring. `muster image inspect MEDIUM` says what can be booted
 * there and what is missing; `muster image build --from MEDIUM`, or --kernel, --efi, --iso, --san,
 * makes an image of it. Needs no server.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "images/bootcfg.h"
#include "images/json.h"
#include "server/bytes.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/medium_find.h"
#include "server/ctl/verbs.h"

#define SECTOR	    2048
#define SAN_ROOT    "iscsi:@{san-target}:::@{san-lun}:@{san-iqn}"
#define NO_REPORT   "muster.reports=no"
#define MBOOT_NAME  "mboot.efi"
#define CRYPTO_NAME BOOTCFG_CRYPTO

/* One file of the image: from the medium, or of this machine. */
struct part {
	enum file_role role;
	const char *path; /* of this machine, or NULL */
	size_t which;	  /* of the medium */
	char name[MANIFEST_NAME_MAX];
};

struct media {
	const struct ctl *c;
	const char *from, *out, *kernel, *efi, *iso, *kind, *name, *version, *args, *channel;
	const char *initrds[MANIFEST_FILES_MAX], *with[MANIFEST_FILES_MAX];
	size_t n_initrds, n_with;
	bool san, reports;

	struct medium m;
	struct medium_found found;
	struct medium_boots boots; /* of an ISO image */
	bool bootable;
	char *bootcfg; /* the text, NULL without */
	struct bootcfg cfg;
	char cfg_lack[MEDIUM_PATH_MAX + 64]; /* what is wrong with it, or "" */

	struct part parts[MANIFEST_FILES_MAX];
	size_t n_parts;
	struct manifest image;
};

/* ---- what is there ---- */

/* A boot catalogue, in the bytes of the ISO image itself. */
static void look_for_boots(int fd, struct media *b)
{
	uint8_t sector[SECTOR];
	uint32_t where;

	b->bootable = pread(fd, sector, SECTOR, 17 * SECTOR) == SECTOR &&
		      medium_boot_record(sector, &where) == 0 &&
		      pread(fd, sector, SECTOR, (off_t)where * SECTOR) == SECTOR &&
		      medium_boot_catalogue(sector, &b->boots) == 0 &&
		      (b->boots.bios || b->boots.uefi);
}

/* Where the medium has a file that boot.cfg names. 0, or -ENOENT with the path in b->cfg_lack. */
static int place_of(struct media *b, const struct bootcfg_item *item, size_t *which)
{
	char path[MEDIUM_PATH_MAX], prefix[MEDIUM_PATH_MAX];
	const struct bootcfg_text *p = &b->cfg.prefix;

	if (item->path.len >= sizeof path || p->len >= sizeof prefix) {
		snprintf(b->cfg_lack, sizeof b->cfg_lack, "boot.cfg: a path is too long");
		return -ENOENT;
	}
	snprintf(path, sizeof path, "%.*s", (int)item->path.len, item->path.p);
	snprintf(prefix, sizeof prefix, "%.*s", (int)p->len, p->len ? p->p : "");
	*which = medium_of_bootcfg(&b->m, b->found.bootcfg, prefix, path);
	if (*which != MEDIUM_NONE)
		return 0;
	snprintf(b->cfg_lack, sizeof b->cfg_lack, "boot.cfg names %s, which is missing", path);
	return -ENOENT;
}

static int look_at_bootcfg(struct media *b)
{
	char err[BOOTCFG_ERR_MAX];
	size_t len = 0, which;
	int rc;

	if (b->m.files[b->found.bootcfg].size > BOOTCFG_MAX) {
		snprintf(b->cfg_lack, sizeof b->cfg_lack, "boot.cfg is too long");
		return CTL_OK;
	}
	rc = medium_read(&b->m, b->found.bootcfg, BOOTCFG_MAX, &b->bootcfg, &len);
	if (rc)
		return rc;
	if (bootcfg_parse(b->bootcfg, len, &b->cfg, err)) {
		snprintf(b->cfg_lack, sizeof b->cfg_lack, "boot.cfg: %s", err);
		return CTL_OK;
	}
	if (place_of(b, &b->cfg.kernel, &which))
		return CTL_OK;
	for (size_t i = 0; i < b->cfg.n_modules; i++) {
		if (place_of(b, &b->cfg.modules[i], &which))
			break;
	}
	return CTL_OK;
}

static int look(struct media *b)
{
	int rc = medium_open(b->from, &b->m);

	if (rc)
		return rc;
	medium_find(&b->m, &b->found);
	if (b->m.iso)
		look_for_boots(b->m.fd, b);
	return b->found.bootcfg == MEDIUM_NONE ? CTL_OK : look_at_bootcfg(b);
}

static const char *path_of(const struct media *b, size_t i)
{
	return i == MEDIUM_NONE ? NULL : b->m.files[i].path;
}

static const char *firmware_words(const struct media *b)
{
	return !b->bootable ? NULL : b->boots.bios ? b->boots.uefi ? "bios uefi" : "bios" : "uefi";
}

/* What keeps the medium from being an image of that kind, or NULL. */
static const char *lacks(const struct media *b, enum image_kind kind)
{
	const struct medium_found *f = &b->found;

	switch (kind) {
	case IMAGE_LINUX:
		return f->kernel == MEDIUM_NONE	  ? "no Linux kernel"
		       : f->initrd == MEDIUM_NONE ? "no ramdisk beside the kernel"
						  : NULL;
	case IMAGE_ESXI:
		return f->bootcfg == MEDIUM_NONE ? "no boot.cfg"
		       : f->mboot == MEDIUM_NONE ? "neither mboot.efi nor efi/boot/bootx64.efi"
		       : *b->cfg_lack		 ? b->cfg_lack
						 : NULL;
	case IMAGE_EFI:
		return f->efi_boot == MEDIUM_NONE ? "no efi/boot/bootx64.efi" : NULL;
	case IMAGE_ISO:
		return !b->m.iso ? "no ISO 9660 image"
		       : !b->bootable
			       ? "no boot catalogue (El Torito): no firmware starts it as a CD"
			       : NULL;
	default:
		return "never on a medium";
	}
}

static const enum image_kind kinds[] = { IMAGE_ESXI, IMAGE_LINUX, IMAGE_EFI, IMAGE_ISO };

/* ---- inspect ---- */

static void say_found(const char *label, const char *value)
{
	char clean[MEDIUM_PATH_MAX + 64];

	snprintf(clean, sizeof clean, "%s", value ? value : "none");
	printf("  %-11s %s\n", label, format_clean(clean));
}

static void inspect_people(const struct media *b)
{
	char kernel[MEDIUM_PATH_MAX + 40];
	const char *path = path_of(b, b->found.kernel);

	snprintf(kernel, sizeof kernel, b->found.n_kernels > 1 ? "%s (the first of %zu)" : "%s",
		path ? path : "none", b->found.n_kernels);
	printf("%s: %s, %zu files\n", b->from,
		b->m.folder ? "a folder"
		: b->m.iso  ? "an ISO image"
			    : "an archive",
		b->m.n);
	say_found("kernel", kernel);
	say_found("ramdisk", path_of(b, b->found.initrd));
	say_found("EFI loader", path_of(b, b->found.efi_boot));
	say_found("boot.cfg", path_of(b, b->found.bootcfg));
	if (b->found.bootcfg != MEDIUM_NONE)
		say_found("mboot", path_of(b, b->found.mboot));
	if (b->m.iso)
		say_found("CD boots", firmware_words(b));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *lack = lacks(b, kinds[i]);

		printf("as %-6s    %s\n", image_kind_name(kinds[i]), lack ? lack : "complete");
	}
}

static int inspect_json(const struct media *b)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "medium", b->from);
	jw_int(&w, "files", (int64_t)b->m.n);
	jw_bool(&w, "iso", b->m.iso);
	jw_str(&w, "kernel", path_of(b, b->found.kernel));
	jw_int(&w, "kernels", (int64_t)b->found.n_kernels);
	jw_str(&w, "initrd", path_of(b, b->found.initrd));
	jw_str(&w, "efi", path_of(b, b->found.efi_boot));
	jw_str(&w, "bootcfg", path_of(b, b->found.bootcfg));
	jw_str(&w, "mboot", path_of(b, b->found.mboot));
	jw_str(&w, "cd", firmware_words(b));
	jw_obj(&w, "missing");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		jw_str(&w, image_kind_name(kinds[i]), lacks(b, kinds[i]));
	jw_end_obj(&w);
	jw_end_obj(&w);
	return ctl_print_json(&w);
}

int verb_image_inspect(struct ctl *c, int argc, char **argv)
{
	struct media *b;
	int rc;

	if (argc != 2 || *argv[1] == '-')
		return ctl_usage(c, "which medium?");
	b = calloc(1, sizeof *b);
	if (!b)
		return ctl_fail(CTL_FAILED, "out of memory");
	b->c = c;
	b->from = argv[1];
	rc = look(b);
	if (!rc && c->format == CTL_JSON)
		rc = inspect_json(b);
	else if (!rc)
		inspect_people(b);
	medium_fini(&b->m);
	free(b->bootcfg);
	free(b);
	return rc;
}

/* ---- parts ---- */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The same file of the medium twice is one part; two files of one name cannot be told apart. */
static int add_part(
	struct media *b, enum file_role role, const char *path, size_t which, const char *name)
{
	struct part *p;

	if (!manifest_name_ok(name))
		return ctl_fail(CTL_FAILED,
			"'%s' is no file name of an image: 1 to %d of A-Z a-z 0-9 . _ + -, not starting "
			"with . or -",
			name, MANIFEST_NAME_MAX - 1);
	for (size_t i = 0; i < b->n_parts; i++) {
		if (strcasecmp(b->parts[i].name, name))
			continue;
		if (!path && !b->parts[i].path && b->parts[i].which == which)
			return CTL_OK;
		return ctl_fail(CTL_FAILED, "two files are named %s", name);
	}
	if (b->n_parts == MANIFEST_FILES_MAX)
		return ctl_fail(CTL_FAILED, "more than %d files", MANIFEST_FILES_MAX);
	p = &b->parts[b->n_parts++];
	*p = (struct part){ .role = role, .path = path, .which = which };
	snprintf(p->name, sizeof p->name, "%s", name);
	return CTL_OK;
}

static int add_found(struct media *b, enum file_role role, size_t which)
{
	return add_part(b, role, NULL, which, last_part(b->m.files[which].path));
}

static int add_local(struct media *b, enum file_role role, const char *path)
{
	return add_part(b, role, path, 0, last_part(path));
}

/* Where people named a file of the medium. */
static int choose(struct media *b, const char *path, size_t *which)
{
	if (!path)
		return CTL_OK;
	*which = medium_by_path(&b->m, path);
	return *which == MEDIUM_NONE ? ctl_fail(CTL_NOT_FOUND, "%s has no file %s", b->from, path)
				     : CTL_OK;
}

static int linux_of_medium(struct media *b)
{
	size_t initrd = b->found.initrd;
	int rc = choose(b, b->kernel, &b->found.kernel);

	if (!rc && b->found.kernel == MEDIUM_NONE)
		rc = ctl_fail(CTL_FAILED, "%s: %s", b->from, lacks(b, IMAGE_LINUX));
	if (!rc)
		rc = add_found(b, FILE_KERNEL, b->found.kernel);
	for (size_t i = 0; i < b->n_initrds && !rc; i++) {
		rc = choose(b, b->initrds[i], &initrd);
		if (!rc)
			rc = add_found(b, FILE_INITRD, initrd);
	}
	if (!rc && !b->n_initrds && !b->kernel && initrd != MEDIUM_NONE)
		rc = add_found(b, FILE_INITRD, initrd);
	return rc;
}

/* One file that boot.cfg names. */
static int add_item(struct media *b, enum file_role role, const struct bootcfg_item *item)
{
	char name[MANIFEST_NAME_MAX];
	size_t which;

	if (place_of(b, item, &which))
		return ctl_fail(CTL_FAILED, "%s: %s", b->from, b->cfg_lack);
	if (bootcfg_name(&item->path, name, sizeof name))
		return ctl_fail(CTL_FAILED, "%s: boot.cfg: '%.*s' is no file's name", b->from,
			item->path.len < 80 ? (int)item->path.len : 80, item->path.p);
	return add_part(b, role, NULL, which, name);
}

/* ESXi's own version, where boot.cfg has it: build=8.0.2-0.0.22380479 */
static void take_build(struct media *b)
{
	const char *build = strstr(b->bootcfg, "\nbuild=");
	size_t n = build ? strcspn(build + 7, " \r\n") : 0;

	if (!b->version && n && n < sizeof b->image.version)
		snprintf(b->image.version, sizeof b->image.version, "%.*s", (int)n, build + 7);
}

static int esxi_of_medium(struct media *b)
{
	const struct bootcfg *cfg = &b->cfg;
	const char *lack = lacks(b, IMAGE_ESXI);
	int rc;

	if (lack)
		return ctl_fail(CTL_FAILED, "%s: %s", b->from, lack);
	take_build(b);
	rc = add_part(b, FILE_EFI, NULL, b->found.mboot, MBOOT_NAME);
	if (!rc)
		rc = add_part(b, FILE_BOOTCFG, NULL, b->found.bootcfg, "boot.cfg");
	if (!rc)
		rc = add_item(b, FILE_KERNEL, &cfg->kernel);
	for (size_t i = 0; i < cfg->n_modules && !rc; i++)
		rc = add_item(b, FILE_MODULE, &cfg->modules[i]);
	if (!rc && cfg->crypto.path.len)
		rc = add_item(b, FILE_MODULE, &cfg->crypto);
	else if (!rc && b->found.crypto != MEDIUM_NONE)
		rc = add_part(b, FILE_MODULE, NULL, b->found.crypto, CRYPTO_NAME);
	return rc;
}

static int efi_of_medium(struct media *b)
{
	int rc = choose(b, b->efi, &b->found.efi_boot);

	if (!rc && b->found.efi_boot == MEDIUM_NONE)
		rc = ctl_fail(CTL_FAILED, "%s: %s", b->from, lacks(b, IMAGE_EFI));
	if (!rc)
		rc = add_found(b, FILE_EFI, b->found.efi_boot);
	for (size_t i = 0; i < b->n_with && !rc; i++) {
		size_t which = MEDIUM_NONE;

		rc = choose(b, b->with[i], &which);
		if (!rc)
			rc = add_found(b, FILE_MODULE, which);
	}
	return rc;
}

static int iso_of(struct media *b, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return ctl_fail(errno == ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "%s: %s", path,
			strerror(errno));
	look_for_boots(fd, b);
	close(fd);
	if (!b->bootable) {
		ctl_fail(CTL_FAILED,
			"%s: no boot catalogue (El Torito): no firmware starts it as a CD", path);
		ctl_hint("'muster image inspect %s' says what else can be booted there", path);
		return CTL_FAILED;
	}
	if (b->args)
		return ctl_fail(CTL_FAILED, "a CD takes no arguments");
	snprintf(b->image.args, sizeof b->image.args, "%s", firmware_words(b));
	return add_local(b, FILE_ISO, path);
}

static int of_medium(struct media *b)
{
	enum image_kind kind = IMAGE_KINDS;
	int rc = look(b);

	if (rc)
		return rc;
	if (b->kind && image_kind_parse(b->kind, &kind))
		return ctl_fail(
			CTL_USAGE, "--kind takes linux, esxi, efi or iso, not '%s'", b->kind);
	for (size_t i = 0; i < ARRAY_LEN(kinds) && kind == IMAGE_KINDS; i++) {
		if (!lacks(b, kinds[i]))
			kind = kinds[i];
	}
	/* A broken ESXi is not something else. */
	if (!b->kind && b->found.bootcfg != MEDIUM_NONE)
		kind = IMAGE_ESXI;
	if (b->efi)
		kind = IMAGE_EFI;
	else if (b->kernel)
		kind = IMAGE_LINUX;
	b->image.kind = kind;
	switch (kind) {
	case IMAGE_LINUX:
		return linux_of_medium(b);
	case IMAGE_ESXI:
		return esxi_of_medium(b);
	case IMAGE_EFI:
		return efi_of_medium(b);
	case IMAGE_ISO:
		return b->m.folder ? ctl_fail(CTL_FAILED, "%s: %s", b->from, lacks(b, IMAGE_ISO))
				   : iso_of(b, b->from);
	default:
		break;
	}
	ctl_fail(CTL_FAILED, "%s: nothing there can be booted", b->from);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		ctl_hint("as %s: %s", image_kind_name(kinds[i]), lacks(b, kinds[i]));
	return CTL_FAILED;
}

/* Does the file look like what it is said to be? */
static int check_local(const char *path, enum medium_type want, const char *what)
{
	uint8_t head[MEDIUM_HEAD];
	struct medium_file f = { .head = head };
	char copy[PATH_MAX];
	enum medium_type type;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return ctl_fail(errno == ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "%s: %s", path,
			strerror(errno));
	snprintf(copy, sizeof copy, "%s", path);
	f.path = copy;
	f.head_len = (size_t)n;
	type = medium_type(&f);
	/* A kernel with an EFI stub is an EFI program as well. */
	if (type == want || (want == MEDIUM_EFI && type == MEDIUM_KERNEL && head[0] == 'M'))
		return CTL_OK;
	return ctl_fail(CTL_FAILED, "%s is no %s", path, what);
}

static int of_files(struct media *b)
{
	int rc = CTL_OK;

	if (b->san) {
		b->image.kind = IMAGE_SAN;
		snprintf(b->image.args, sizeof b->image.args, SAN_ROOT);
		return CTL_OK;
	}
	if (b->iso) {
		b->image.kind = IMAGE_ISO;
		return iso_of(b, b->iso);
	}
	b->image.kind = b->efi ? IMAGE_EFI : IMAGE_LINUX;
	rc = b->efi ? check_local(b->efi, MEDIUM_EFI, "EFI program for x86-64")
		    : check_local(b->kernel, MEDIUM_KERNEL, "Linux kernel (bzImage) for x86-64");
	if (!rc)
		rc = add_local(b, b->efi ? FILE_EFI : FILE_KERNEL, b->efi ? b->efi : b->kernel);
	for (size_t i = 0; i < b->n_initrds && !rc; i++)
		rc = add_local(b, FILE_INITRD, b->initrds[i]);
	for (size_t i = 0; i < b->n_with && !rc; i++)
		rc = add_local(b, FILE_MODULE, b->with[i]);
	return rc;
}

/* ---- the image's folder ---- */

static int copy_local(const char *path, const char *dir, const char *name)
{
	char out[PATH_MAX], *buf;
	int in = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), fd = -1, rc = 0;
	ssize_t n = 0;

	if (in < 0)
		return ctl_fail(errno == ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "%s: %s", path,
			strerror(errno));
	buf = malloc(1 << 20);
	if (snprintf(out, sizeof out, "%s/%s", dir, name) < PATH_MAX && buf) {
		unlink(out);
		fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	}
	while (fd >= 0 && !rc && (n = read(in, buf, 1 << 20)) > 0) {
		for (ssize_t done = 0, w; done < n && !rc; done += w > 0 ? w : 0) {
			w = write(fd, buf + done, (size_t)(n - done));
			if (w < 0 && errno != EINTR)
				rc = -errno;
		}
	}
	if (fd < 0 || (!rc && n < 0))
		rc = -errno;
	if (fd >= 0 && close(fd) < 0 && !rc)
		rc = -errno;
	close(in);
	free(buf);
	return rc ? ctl_fail(CTL_FAILED, "%s to %s: %s", path, dir, strerror(-rc)) : CTL_OK;
}

static int copy_parts(struct media *b, const char *dir)
{
	size_t which[MANIFEST_FILES_MAX], n = 0;
	const char *names[MANIFEST_FILES_MAX];
	int rc = CTL_OK;

	for (size_t i = 0; i < b->n_parts && !rc; i++) {
		const struct part *p = &b->parts[i];

		if (p->path) {
			rc = copy_local(p->path, dir, p->name);
		} else {
			which[n] = p->which;
			names[n++] = p->name;
		}
	}
	return rc || !n ? rc : medium_copy(&b->m, which, names, n, dir);
}

/* "Debian 12.iso" -> "Debian-12" */
static void name_after(const char *path, char out[MANIFEST_NAME_MAX])
{
	char copy[PATH_MAX], *base, *dot;
	size_t n = 0;

	snprintf(copy, sizeof copy, "%s", path);
	for (size_t len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
		copy[len - 1] = 0;
	base = strrchr(copy, '/');
	base = base ? base + 1 : copy;
	dot = strrchr(base, '.');
	if (dot && dot != base)
		*dot = 0;
	for (; *base && n + 1 < MANIFEST_NAME_MAX; base++) {
		const char one[2] = { *base, 0 };

		if (n || manifest_name_ok(one))
			out[n++] =
				(char)(manifest_name_ok(one) || strchr(".-", *base) ? *base : '-');
	}
	out[n] = 0;
	if (!n)
		snprintf(out, MANIFEST_NAME_MAX, "image");
}

static bool set(char *out, size_t size, const char *text)
{
	return !text || (size_t)snprintf(out, size, "%s", text) < size;
}

static int describe(struct media *b)
{
	struct manifest *im = &b->image;
	const char *after = b->from  ? b->from
			    : b->iso ? b->iso
			    : b->efi ? b->efi
			    : b->san ? "san"
				     : "linux";
	size_t len;

	name_after(after, im->name);
	if (!im->version[0])
		snprintf(im->version, sizeof im->version, "1");
	snprintf(im->channel, sizeof im->channel, "stable");
	if (!set(im->name, sizeof im->name, b->name) ||
		!set(im->version, sizeof im->version, b->version) ||
		!set(im->channel, sizeof im->channel, b->channel) ||
		!set(im->args, sizeof im->args, b->args))
		return ctl_fail(
			CTL_USAGE, "a name, a version, a channel or the arguments: too long");
	len = strlen(im->args);
	if (im->kind == IMAGE_LINUX && !b->reports &&
		(size_t)snprintf(im->args + len, sizeof im->args - len, "%s%s", len ? " " : "",
			NO_REPORT) >= sizeof im->args - len)
		return ctl_fail(CTL_USAGE, "the arguments are too long");
	im->n_files = b->n_parts;
	for (size_t i = 0; i < b->n_parts; i++) {
		im->files[i].role = b->parts[i].role;
		memcpy(im->files[i].name, b->parts[i].name, sizeof im->files[i].name);
	}
	return CTL_OK;
}

static void say_built(const struct media *b, const char *dir)
{
	const struct manifest *im = &b->image;
	char size[FORMAT_MAX];

	if (b->c->format == CTL_NAME)
		puts(dir);
	else
		printf("built %s %s, kind %s: %zu files, %s, in %s\n", im->name, im->version,
			image_kind_name(im->kind), im->n_files,
			format_bytes(manifest_total(im), size), dir);
	if (im->kind == IMAGE_LINUX && b->from && !b->kernel && b->found.n_kernels > 1)
		ctl_hint("the kernel is %s, of %zu; --kernel PATH takes another",
			path_of(b, b->found.kernel), b->found.n_kernels);
	if (im->kind == IMAGE_ISO)
		ctl_hint(
			"the CD is there until its own kernel runs: a system that looks for its CD "
			"then finds none");
	ctl_hint("muster image sign %s --key NAME", dir);
}

static int make(struct media *b)
{
	const char *dir;
	int rc = b->from ? of_medium(b) : of_files(b);

	if (!rc)
		rc = describe(b);
	if (rc)
		return rc;
	dir = b->out ? b->out : b->image.name;
	rc = image_dir_clear(dir);
	if (!rc)
		rc = copy_parts(b, dir);
	if (!rc)
		rc = image_dir_finish(dir, &b->image);
	if (!rc)
		say_built(b, dir);
	return rc;
}

/* ---- arguments ---- */

enum {
	OPT_FROM = 256,
	OPT_KERNEL,
	OPT_INITRD,
	OPT_EFI,
	OPT_WITH,
	OPT_ISO,
	OPT_SAN,
	OPT_KIND,
	OPT_NAME,
	OPT_VERSION,
	OPT_ARGS,
	OPT_CHANNEL,
	OPT_REPORTS
};

static const struct option options[] = {
	{ "from", required_argument, NULL, OPT_FROM },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "efi", required_argument, NULL, OPT_EFI },
	{ "with", required_argument, NULL, OPT_WITH },
	{ "iso", required_argument, NULL, OPT_ISO },
	{ "san", no_argument, NULL, OPT_SAN },
	{ "kind", required_argument, NULL, OPT_KIND },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "version", required_argument, NULL, OPT_VERSION },
	{ "args", required_argument, NULL, OPT_ARGS },
	{ "channel", required_argument, NULL, OPT_CHANNEL },
	{ "reports", no_argument, NULL, OPT_REPORTS },
	{ "out", required_argument, NULL, 'o' },
	{ 0 },
};

/* Before any recipe's name: "image build -o DIR --kernel …" */
int image_media_wanted(int argc, char **argv)
{
	static const char *const words[] = { "--from", "--kernel", "--efi", "--iso", "--san" };

	for (int i = 1; i < argc && *argv[i] == '-'; i++) {
		for (size_t k = 0; k < ARRAY_LEN(words); k++) {
			size_t n = strlen(words[k]);

			if (!strncmp(argv[i], words[k], n) && (!argv[i][n] || argv[i][n] == '='))
				return 1;
		}
		if (strcmp(argv[i], "--reports") && !strchr(argv[i], '='))
			i++; /* its value */
	}
	return 0;
}

static int add_word(const struct ctl *c, const char **words, size_t *n, const char *word)
{
	if (*n == MANIFEST_FILES_MAX)
		return ctl_usage(c, "too many files");
	words[(*n)++] = word;
	return CTL_OK;
}

static int take_option(struct media *b, int opt, const char *value)
{
	switch (opt) {
	case OPT_FROM:
		b->from = value;
		break;
	case OPT_KERNEL:
		b->kernel = value;
		break;
	case OPT_INITRD:
		return add_word(b->c, b->initrds, &b->n_initrds, value);
	case OPT_EFI:
		b->efi = value;
		break;
	case OPT_WITH:
		return add_word(b->c, b->with, &b->n_with, value);
	case OPT_ISO:
		b->iso = value;
		break;
	case OPT_SAN:
		b->san = true;
		break;
	case OPT_KIND:
		b->kind = value;
		break;
	case OPT_NAME:
		b->name = value;
		break;
	case OPT_VERSION:
		b->version = value;
		break;
	case OPT_ARGS:
		b->args = value;
		break;
	case OPT_CHANNEL:
		b->channel = value;
		break;
	case OPT_REPORTS:
		b->reports = true;
		break;
	case 'o':
		b->out = value;
		break;
	default:
		return ctl_usage(b->c, NULL);
	}
	return CTL_OK;
}

/* What makes sense together. */
static int check_options(const struct media *b)
{
	const int ways = (b->kernel != NULL) + (b->efi != NULL) + (b->iso != NULL) + b->san;

	if (ways > 1)
		return ctl_usage(b->c, "--kernel, --efi, --iso and --san exclude each other");
	if (b->from && (b->iso || b->san))
		return ctl_usage(b->c, "--from and --iso or --san exclude each other");
	if (b->kind && !b->from)
		return ctl_usage(b->c, "--kind goes with --from");
	if (b->n_initrds && (b->efi || b->iso || b->san))
		return ctl_usage(b->c, "--initrd goes with --kernel");
	if (b->n_with && !b->efi && !(b->kind && !strcmp(b->kind, "efi")))
		return ctl_usage(b->c, "--with goes with --efi");
	return CTL_OK;
}

int image_media_build(struct ctl *c, int argc, char **argv)
{
	struct media *b = calloc(1, sizeof *b);
	int opt, rc = CTL_OK;

	if (!b)
		return ctl_fail(CTL_FAILED, "out of memory");
	b->c = c;
	while (!rc && (opt = getopt_long(argc, argv, "o:", options, NULL)) != -1)
		rc = take_option(b, opt, optarg);
	if (!rc && optind != argc)
		rc = ctl_usage(c, "'%s': either a recipe or a medium", argv[optind]);
	if (!rc)
		rc = check_options(b);
	if (!rc)
		rc = make(b);
	medium_fini(&b->m);
	free(b->bootcfg);
	free(b);
	return rc;
}
