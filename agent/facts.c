#include "agent/facts.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/file.h"

#define EFI_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define TABLE_MAX  (256 * 1024) /* of the firmware's description; the largest seen has 40 KiB */

int facts_is_junk(const char *value)
{
	static const char *const junk[] = { "To Be Filled By O.E.M.", "To be filled by O.E.M",
		"Default string", "System Serial Number", "System manufacturer",
		"System Product Name", "Serial Number", "Not Specified", "Not Applicable",
		"Unknown", "None", "N/A", "0123456789", "123456789", "INVALID" };

	for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++)
		if (strcasecmp(value, junk[i]) == 0)
			return 1;
	return value[strspn(value, "0-. ")] == '\0' || value[strspn(value, "fF-")] == '\0';
}

/* Read SYSROOT/DIR/NAME; "" when it is not there. */
static void get(const char *sysroot, const char *dir, const char *name, char *out, size_t size)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s/%s", sysroot, dir, name);
	file_text(path, out, size);
}

/* A value that came from firmware: junk is absent, what is no printable ASCII becomes '?'. */
static void get_firmware(
	const char *sysroot, const char *dir, const char *name, char *out, size_t size)
{
	get(sysroot, dir, name, out, size);
	for (char *p = out; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
	if (facts_is_junk(out))
		out[0] = '\0';
}

static int64_t get_int(const char *sysroot, const char *dir, const char *name)
{
	char text[32];
	long long v;

	get(sysroot, dir, name, text, sizeof text);
	v = strtoll(text, NULL, 10);
	return v > 0 ? v : 0;
}

static int exists(const char *sysroot, const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s/%s", sysroot, dir, name);
	return access(path, F_OK) == 0;
}

static void read_smbios(const char *sysroot, struct facts *f)
{
	static const char dir[] = "sys/class/dmi/id";
	char vendor[40], date[24];

	get_firmware(sysroot, dir, "product_uuid", f->uuid, sizeof f->uuid);
	for (char *p = f->uuid; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	get_firmware(sysroot, dir, "product_serial", f->serial, sizeof f->serial);
	get_firmware(sysroot, dir, "sys_vendor", f->vendor, sizeof f->vendor);
	get_firmware(sysroot, dir, "product_name", f->product, sizeof f->product);
	get_firmware(sysroot, dir, "bios_vendor", vendor, sizeof vendor);
	get_firmware(sysroot, dir, "bios_version", f->bios_version, sizeof f->bios_version);
	get_firmware(sysroot, dir, "board_serial", f->board_serial, sizeof f->board_serial);
	get_firmware(sysroot, dir, "bios_date", date, sizeof date);
	snprintf(f->bios, sizeof f->bios, "%s%s%s%s%s", vendor, f->bios_version[0] ? " " : "",
		f->bios_version, date[0] ? " " : "", date);
}

static void read_dimms(const char *sysroot, struct facts *f)
{
	char path[512], *table = malloc(TABLE_MAX);
	ssize_t n;

	if (!table)
		return;
	snprintf(path, sizeof path, "%s/sys/firmware/dmi/tables/DMI", sysroot);
	n = file_read(path, table, TABLE_MAX);
	if (n > 0)
		f->n_dimms =
			smbios_dimms((const uint8_t *)table, (size_t)n, f->dimms, SMBIOS_DIMMS_MAX);
	free(table);
}

static void read_arch(struct facts *f)
{
	struct utsname u;

	if (uname(&u) == 0)
		snprintf(f->arch, sizeof f->arch, "%.15s", u.machine);
}

/* "none [integrity] confidentiality": the word in brackets is in force. */
static void read_lockdown(const char *sysroot, struct facts *f)
{
	char text[64];
	char *from, *to;

	get(sysroot, "sys/kernel/security", "lockdown", text, sizeof text);
	from = strchr(text, '[');
	to = from ? strchr(from, ']') : NULL;
	if (to)
		snprintf(f->lockdown, sizeof f->lockdown, "%.*s", (int)(to - from - 1), from + 1);
}

static void read_firmware(const char *sysroot, struct facts *f)
{
	char path[512], var[8] = { 0 };
	FILE *file;

	f->uefi = exists(sysroot, "sys/firmware", "efi");
	snprintf(path, sizeof path, "%s/sys/firmware/efi/efivars/SecureBoot-" EFI_GLOBAL, sysroot);
	file = fopen(path, "rbe");
	if (file) {
		/* four bytes of attributes, then the value */
		f->secure_boot = fread(var, 1, 5, file) == 5 && var[4] == 1;
		fclose(file);
	}
	read_lockdown(sysroot, f);
	f->tpm = (int)get_int(sysroot, "sys/class/tpm/tpm0", "tpm_version_major");
}

static int has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = strstr(list, word); p; p = strstr(p + 1, word))
		if (p[-1] == ' ' && (p[len] == ' ' || p[len] == '\n' || p[len] == '\0'))
			return 1;
	return 0;
}

static void read_cpu(const char *sysroot, struct facts *f)
{
	char path[512], line[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s/proc/cpuinfo", sysroot);
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof line, file)) {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		if (strncmp(line, "processor", 9) == 0) {
			f->cpu_count++;
		} else if (strncmp(line, "model name", 10) == 0) {
			value += strspn(value, ": ");
			snprintf(f->cpu_model, sizeof f->cpu_model, "%.*s",
				(int)strcspn(value, "\n"), value);
		} else if (strncmp(line, "flags", 5) == 0) {
			f->is_virtual = has_word(value, "hypervisor");
			snprintf(f->cpu_virt, sizeof f->cpu_virt, "%s",
				has_word(value, "svm")	 ? "svm"
				: has_word(value, "vmx") ? "vmx"
							 : "");
		}
	}
	fclose(file);
}

static void read_memory(const char *sysroot, struct facts *f)
{
	char text[2048];
	const char *total, *available;

	get(sysroot, "proc", "meminfo", text, sizeof text);
	total = strstr(text, "MemTotal:");
	available = strstr(text, "MemAvailable:");
	if (total)
		f->memory_mb = strtoll(total + 9, NULL, 10) / 1024;
	if (available)
		f->memory_free = strtoll(available + 13, NULL, 10) * 1024;
}

/* The last part of where a link leads; "" when it is none. */
static void read_link(
	const char *sysroot, const char *dir, const char *link, char *out, size_t size)
{
	char path[512], target[256];
	ssize_t n;
	char *name;

	*out = '\0';
	snprintf(path, sizeof path, "%s/%s/%s", sysroot, dir, link);
	n = readlink(path, target, sizeof target - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	name = strrchr(target, '/');
	snprintf(out, size, "%.31s", name ? name + 1 : target);
}

/* One network card; what has no device behind it is virtual and says nothing about the host. */
static void read_nic(const char *sysroot, const char *name, const char *boot_mac, struct facts *f)
{
	struct facts_nic *nic = &f->nics[f->n_nics];
	char dir[256];

	snprintf(dir, sizeof dir, "sys/class/net/%.60s", name);
	if (f->n_nics == FACTS_NICS_MAX || strlen(name) >= sizeof nic->name ||
		!exists(sysroot, dir, "device") || get_int(sysroot, dir, "type") != 1)
		return;
	snprintf(nic->name, sizeof nic->name, "%s", name);
	get(sysroot, dir, "address", nic->mac, sizeof nic->mac);
	read_link(sysroot, dir, "device/driver", nic->driver, sizeof nic->driver);
	read_link(sysroot, dir, "device", nic->place, sizeof nic->place);
	nic->link = get_int(sysroot, dir, "carrier") == 1;
	nic->speed = get_int(sysroot, dir, "speed");
	nic->boot = boot_mac[0] && strcmp(nic->mac, boot_mac) == 0;
	f->n_nics++;
}

/* SCSI disks give their serial number as a vital product data page: four bytes, then text. */
static void read_scsi_serial(const char *sysroot, const char *dir, struct facts_disk *d)
{
	char path[512], page[68];
	size_t n;
	FILE *file;

	snprintf(path, sizeof path, "%s/%s/device/vpd_pg80", sysroot, dir);
	file = fopen(path, "rbe");
	if (!file)
		return;
	n = fread(page, 1, sizeof page - 1, file);
	fclose(file);
	if (n <= 4)
		return;
	page[n] = '\0';
	snprintf(d->serial, sizeof d->serial, "%s", page + 4 + strspn(page + 4, " "));
}

static void read_disk(const char *sysroot, const char *name, struct facts *f)
{
	static const char *const skip[] = { "loop", "ram", "dm-", "sr", "zram", "md", "fd", "nbd" };
	struct facts_disk *d = &f->disks[f->n_disks];
	char dir[256];

	for (size_t i = 0; i < sizeof skip / sizeof skip[0]; i++)
		if (strncmp(name, skip[i], strlen(skip[i])) == 0)
			return;
	if (f->n_disks == FACTS_DISKS_MAX || strlen(name) >= sizeof d->name)
		return;
	snprintf(d->name, sizeof d->name, "%s", name);
	snprintf(dir, sizeof dir, "sys/block/%.60s", name);
	d->size = get_int(sysroot, dir, "size") * 512; /* always in units of 512 */
	d->rotational = get_int(sysroot, dir, "queue/rotational") == 1;
	get_firmware(sysroot, dir, "device/model", d->model, sizeof d->model);
	get_firmware(sysroot, dir, "serial", d->serial, sizeof d->serial); /* virtio */
	if (!d->serial[0])
		get_firmware(sysroot, dir, "device/serial", d->serial, sizeof d->serial); /* NVMe */
	if (!d->serial[0])
		read_scsi_serial(sysroot, dir, d);
	get_firmware(
		sysroot, dir, "device/firmware_rev", d->firmware, sizeof d->firmware); /* NVMe */
	if (!d->firmware[0])
		get_firmware(
			sysroot, dir, "device/rev", d->firmware, sizeof d->firmware); /* SCSI */
	if (facts_is_junk(d->serial))
		d->serial[0] = '\0';
	f->n_disks += d->size > 0;
}

/* The names in a folder, in order. Returns their number; free with free_names. */
static int list_names(const char *sysroot, const char *dir, struct dirent ***out)
{
	char path[512];
	int n;

	snprintf(path, sizeof path, "%s/%s", sysroot, dir);
	n = scandir(path, out, NULL, versionsort);
	return n < 0 ? 0 : n;
}

static void free_names(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

void facts_read(const char *sysroot, const char *boot_mac, struct facts *out)
{
	struct dirent **names = NULL;
	int n;

	memset(out, 0, sizeof *out);
	read_smbios(sysroot, out);
	read_dimms(sysroot, out);
	read_arch(out);
	read_firmware(sysroot, out);
	read_cpu(sysroot, out);
	read_memory(sysroot, out);
	n = list_names(sysroot, "sys/class/net", &names);
	for (int i = 0; i < n; i++)
		if (names[i]->d_name[0] != '.')
			read_nic(sysroot, names[i]->d_name, boot_mac, out);
	free_names(names, n);
	names = NULL;
	n = list_names(sysroot, "sys/block", &names);
	for (int i = 0; i < n; i++)
		if (names[i]->d_name[0] != '.')
			read_disk(sysroot, names[i]->d_name, out);
	free_names(names, n);
}

static void nics_json(const struct facts *f, struct jw *w)
{
	jw_arr(w, "nics");
	for (size_t i = 0; i < f->n_nics; i++) {
		const struct facts_nic *nic = &f->nics[i];

		jw_obj(w, NULL);
		jw_str(w, "name", nic->name);
		jw_str(w, "mac", nic->mac);
		jw_str(w, "driver", nic->driver);
		jw_str(w, "place", nic->place);
		jw_bool(w, "link", nic->link);
		jw_int(w, "speed", nic->speed);
		jw_bool(w, "boot", nic->boot);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void disks_json(const struct facts *f, struct jw *w)
{
	jw_arr(w, "disks");
	for (size_t i = 0; i < f->n_disks; i++) {
		const struct facts_disk *d = &f->disks[i];

		jw_obj(w, NULL);
		jw_str(w, "name", d->name);
		jw_int(w, "size", d->size);
		jw_str(w, "model", d->model);
		jw_str(w, "serial", d->serial);
		jw_str(w, "firmware", d->firmware);
		jw_bool(w, "rotational", d->rotational);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void dimms_json(const struct facts *f, struct jw *w)
{
	jw_arr(w, "dimms");
	for (size_t i = 0; i < f->n_dimms; i++) {
		const struct smbios_dimm *d = &f->dimms[i];

		jw_obj(w, NULL);
		jw_str(w, "slot", d->slot);
		jw_int(w, "size_mb", d->size_mb);
		jw_int(w, "speed", d->speed);
		jw_str(w, "maker", d->maker);
		jw_str(w, "part", d->part);
		jw_str(w, "serial", d->serial);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

void facts_json(const struct facts *f, struct jw *w)
{
	jw_obj(w, NULL);
	jw_str(w, "agent", MUSTER_VERSION);
	jw_str(w, "uuid", f->uuid);
	jw_str(w, "serial", f->serial);
	jw_str(w, "vendor", f->vendor);
	jw_str(w, "product", f->product);
	jw_str(w, "board_serial", f->board_serial);
	jw_str(w, "bios", f->bios);
	jw_str(w, "bios_version", f->bios_version);
	jw_str(w, "firmware", f->uefi ? "uefi" : "bios");
	jw_bool(w, "secure_boot", f->secure_boot);
	jw_str(w, "lockdown", f->lockdown[0] ? f->lockdown : "none");
	jw_str(w, "tpm", f->tpm == 2 ? "2" : f->tpm == 1 ? "1" : "none");
	jw_bool(w, "virtual", f->is_virtual);
	jw_str(w, "arch", f->arch);
	jw_obj(w, "cpu");
	jw_str(w, "model", f->cpu_model);
	jw_int(w, "count", f->cpu_count);
	jw_str(w, "virt", f->cpu_virt[0] ? f->cpu_virt : "none");
	jw_end_obj(w);
	jw_int(w, "memory_mb", f->memory_mb);
	dimms_json(f, w);
	nics_json(f, w);
	disks_json(f, w);
	jw_end_obj(w);
}
