#include "agent/guest.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/net.h"
#include "agent/pace.h"
#include "agent/run.h"

#define QEMU		  "qemu-system-x86_64"
#define TOOL_TIMEOUT_MS	  60000
#define GUEST_TIMEOUT_MS  120000 /* an emulated machine is slow */
#define SAID_MAX	  65536
#define GUEST_NAME	  "muster-proof"
#define GUESTS_MAX	  1024
#define GUEST_EXIT_STATUS 33 /* of QEMU, see guest_rom.h */

static const char rom_path[] = NET_RUN_DIR "/guest.rom";
static const char elf_path[] = NET_RUN_DIR "/guest.elf";
static const char cfg_path[] = NET_RUN_DIR "/guest.cfg";

int guest_on_xen(void)
{
	char text[64];

	return file_text("/proc/xen/capabilities", text, sizeof text) > 0 &&
	       strstr(text, "control_d") != NULL;
}

/* The last line that a program wrote, for a sentence. */
static const char *last_line(char *said)
{
	char *at;

	for (size_t n = strlen(said); n > 0 && (said[n - 1] == '\n' || said[n - 1] == '\r'); n--)
		said[n - 1] = '\0';
	at = strrchr(said, '\n');
	return at ? at + 1 : said;
}

/* ---- kvm ---- */

/* "QEMU emulator version 7.2.22 (Debian ...)" -> "QEMU 7.2.22" */
static void kvm_version(struct guest_proof *p)
{
	static const char mark[] = "version ";
	const char *const argv[] = { QEMU, "--version", NULL };
	const char *at;

	p->detail[0] = '\0';
	run_capture(argv, TOOL_TIMEOUT_MS, p->detail, sizeof p->detail);
	at = strstr(p->detail, mark);
	if (at)
		snprintf(p->version, sizeof p->version, "QEMU %.*s",
			(int)strcspn(at + sizeof mark - 1, " \n"), at + sizeof mark - 1);
}

static int kvm_prove(const char *nonce, const char *cpu_virt, struct guest_proof *p, char *said,
	struct fault *fault)
{
	const char *const argv[] = { QEMU, "-accel", "kvm", "-machine", "pc", "-m", "16",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-bios",
		rom_path, "-chardev", "stdio,id=line,signal=off", "-device",
		"isa-serial,chardev=line", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", NULL };
	static uint8_t rom[GUEST_ROM_LEN];
	int64_t start_ms;
	int rc = guest_rom_bios(nonce, rom);

	p->hypervisor = "kvm";
	snprintf(p->accelerator, sizeof p->accelerator, "/dev/kvm %s", cpu_virt);
	kvm_version(p);
	if (rc == 0)
		rc = file_write(rom_path, rom, sizeof rom, 0600);
	if (rc < 0)
		return fault_set(fault, rc, "up", "guest", "The guest could not be written: %s.",
			strerror(-rc));
	start_ms = pace_now_ms();
	rc = run_capture(argv, GUEST_TIMEOUT_MS, said, SAID_MAX);
	p->ms = pace_now_ms() - start_ms;
	unlink(rom_path);
	if (guest_line_find(said, p->nonce, p->line, sizeof p->line) == 0 &&
		rc == GUEST_EXIT_STATUS)
		return 0;
	return fault_set(fault, -EIO, "up", "guest",
		"KVM did not run a guest: %s ended with status %d, \"%.120s\".", QEMU, rc,
		last_line(said));
}

/* ---- xen ---- */

/* The value of "key : value" in xl info; "" when it is not there. */
static void info_value(const char *info, const char *key, char *out, size_t size)
{
	size_t len = strlen(key);
	const char *p = info;

	out[0] = '\0';
	while (p && strncmp(p, key, len) != 0) {
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	if (!p)
		return;
	p += len + strspn(p + len, " \t:");
	snprintf(out, size, "%.*s", (int)strcspn(p, "\n"), p);
}

static void xen_version(struct guest_proof *p, char *said)
{
	const char *const argv[] = { "xl", "info", NULL };
	char version[40];

	if (run_capture(argv, TOOL_TIMEOUT_MS, said, SAID_MAX) != 0)
		return;
	info_value(said, "xen_version", version, sizeof version);
	snprintf(p->version, sizeof p->version, "Xen %s", version);
	snprintf(p->detail, sizeof p->detail, "%s", said);
}

static int write_xen_guest(const char *nonce)
{
	static const char cfg[] =
		"name = \"" GUEST_NAME "\"\ntype = \"pvh\"\nkernel = \"" NET_RUN_DIR
		"/guest.elf\"\nmemory = 8\nvcpus = 1\n"
		"on_poweroff = \"destroy\"\non_crash = \"destroy\"\n";
	uint8_t elf[GUEST_ELF_LEN];
	int rc = guest_rom_pvh(nonce, elf);

	if (rc == 0)
		rc = file_write(elf_path, elf, sizeof elf, 0600);
	if (rc == 0)
		rc = file_write(cfg_path, cfg, sizeof cfg - 1, 0600);
	return rc;
}

/* What the guest says goes to Xen's own log. 0 or -ETIMEDOUT. */
static int await_xen_line(const char *nonce, struct guest_proof *p, char *said)
{
	const char *const argv[] = { "xl", "dmesg", NULL };
	int64_t give_up_ms = pace_now_ms() + GUEST_TIMEOUT_MS;
	const char *at;

	do {
		run_capture(argv, TOOL_TIMEOUT_MS, said, SAID_MAX);
		for (at = said; guest_line_find(at, p->nonce, p->line, sizeof p->line) == 0;
			at = strstr(at, p->line) + 1)
			if (strcmp(p->nonce, nonce) == 0)
				return 0;
		pace_sleep_ms(250);
	} while (pace_now_ms() < give_up_ms);
	return -ETIMEDOUT;
}

static int xen_prove(const char *nonce, struct guest_proof *p, char *said, struct fault *fault)
{
	const char *const create[] = { "xl", "create", "-q", cfg_path, NULL };
	const char *const destroy[] = { "xl", "destroy", GUEST_NAME, NULL };
	int64_t start_ms;
	int rc;

	p->hypervisor = "xen";
	snprintf(p->accelerator, sizeof p->accelerator, "pv pvh");
	xen_version(p, said);
	rc = write_xen_guest(nonce);
	if (rc < 0)
		return fault_set(fault, rc, "up", "guest", "The guest could not be written: %s.",
			strerror(-rc));
	start_ms = pace_now_ms();
	rc = run_capture(create, GUEST_TIMEOUT_MS, said, SAID_MAX);
	if (rc != 0)
		return fault_set(fault, -EIO, "up", "guest",
			"Xen did not create a guest: xl ended with status %d, \"%.120s\".", rc,
			last_line(said));
	rc = await_xen_line(nonce, p, said);
	p->ms = pace_now_ms() - start_ms;
	run_capture(destroy, TOOL_TIMEOUT_MS, said, SAID_MAX); /* it may have ended by itself */
	unlink(elf_path);
	unlink(cfg_path);
	if (rc < 0)
		return fault_set(fault, rc, "up", "guest",
			"Xen's log has no line of the guest (Xen needs guest_loglvl=all).");
	return 0;
}

/* ---- both ---- */

int guest_prove(
	const char *nonce, const char *cpu_virt, struct guest_proof *out, struct fault *fault)
{
	struct guest_proof p = { 0 };
	char *said = calloc(1, SAID_MAX);
	int rc;

	if (!said)
		rc = fault_set(fault, -ENOMEM, "up", "guest", "There is no memory for a guest.");
	else if (guest_on_xen())
		rc = xen_prove(nonce, &p, said, fault);
	else if (access("/dev/kvm", R_OK | W_OK) == 0)
		rc = kvm_prove(nonce, cpu_virt, &p, said, fault);
	else
		rc = fault_set(fault, -ENODEV, "up", "hypervisor",
			cpu_virt[0]
				? "The processor has %s but there is no /dev/kvm: virtualisation "
				  "is switched off in the firmware."
				: "The processor can run no guests%s: virtualisation is missing "
				  "or hidden.",
			cpu_virt);
	free(said);
	if (rc == 0)
		*out = p;
	return rc;
}

/* The kernel keeps 15 characters of a name. */
static int is_qemu(const char *pid)
{
	char path[300], comm[32];

	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	return pid[0] >= '1' && pid[0] <= '9' && file_text(path, comm, sizeof comm) > 0 &&
	       strncmp(comm, QEMU, 15) == 0;
}

size_t guest_qemus(pid_t *pids, size_t max)
{
	DIR *dir = opendir("/proc");
	const struct dirent *d;
	size_t n = 0;

	while (dir && n < max && (d = readdir(dir)))
		if (is_qemu(d->d_name))
			pids[n++] = (pid_t)strtol(d->d_name, NULL, 10);
	if (dir)
		closedir(dir);
	return n;
}

/* xl list: a heading, Domain-0, then the guests. */
static int count_domains(void)
{
	const char *const argv[] = { "xl", "list", NULL };
	char said[16384];
	int lines = 0;

	if (run_capture(argv, TOOL_TIMEOUT_MS, said, sizeof said) != 0)
		return 0;
	for (const char *p = said; (p = strchr(p, '\n')); p++)
		lines++;
	return lines > 2 ? lines - 2 : 0;
}

int guest_count(void)
{
	pid_t pids[GUESTS_MAX];

	return guest_on_xen() ? count_domains() : (int)guest_qemus(pids, GUESTS_MAX);
}
