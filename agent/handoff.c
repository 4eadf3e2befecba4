#include "agent/handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/cpio.h"
#include "agent/file.h"
#include "agent/lowmem.h"
#include "agent/memfile.h"
#include "agent/run.h"
#include "agent/unpack.h"

#define KEXEC_TIMEOUT_MS 120000
#define CPIO_OVERHEAD	 2048
#define FD_PATH_LEN	 32

/* ---- what this boot is told ---- */

#define TOLD_MAX (3 + TRUST_KEYS_MAX)

/* The files that an image finds, whichever way it is started. */
struct told {
	struct told_file {
		char path[64]; /* without the slash before it */
		mode_t mode;
		const char *text;
	} files[TOLD_MAX];
	size_t n;
	char ticket[TICKET_MAX + 1], keys[TRUST_KEYS_MAX][MINISIG_TEXT_MAX];
};

static void tell(struct told *t, const char *path, mode_t mode, const char *text)
{
	struct told_file *f = &t->files[t->n++];

	snprintf(f->path, sizeof f->path, "%s", path + 1);
	f->mode = mode;
	f->text = text;
}

static void tell_all(const struct handoff *h, struct told *t)
{
	char path[64];

	t->n = 0;
	tell(t, "/etc/muster/boot.json", 0600, h->boot_json);
	tell(t, "/etc/muster/boot-nic", 0644, h->boot_mac);
	if (ticket_print(h->ticket, t->ticket, sizeof t->ticket) > 0)
		tell(t, HANDOFF_TICKET, 0644, t->ticket);
	for (size_t i = 0; i < h->trust->n_site; i++) {
		minisig_public_print(&h->trust->site[i], t->keys[i]);
		snprintf(path, sizeof path, "%s/site-%zu.pub", TRUST_DIR, i + 1);
		tell(t, path, 0644, t->keys[i]);
	}
}

/* As the last initrd. */
static int add_boot_files(int to, const struct handoff *h)
{
	struct cpio c = { .size = CPIO_OVERHEAD };
	struct told t;
	int rc;

	tell_all(h, &t);
	for (size_t i = 0; i < t.n; i++)
		c.size += strlen(t.files[i].text) + CPIO_OVERHEAD;
	c.buf = malloc(c.size);
	if (!c.buf)
		return -ENOMEM;
	cpio_dir(&c, "etc", 0755);
	cpio_dir(&c, "etc/muster", 0755);
	cpio_dir(&c, &TRUST_DIR[1], 0755);
	for (size_t i = 0; i < t.n; i++)
		cpio_file(&c, t.files[i].path, t.files[i].mode, t.files[i].text,
			strlen(t.files[i].text));
	cpio_end(&c);
	rc = c.bad ? -ENOSPC : file_put(to, c.buf, c.len);
	free(c.buf);
	return rc;
}

/* Into this ramdisk. */
static int write_boot_files(const struct handoff *h)
{
	struct told t;
	char path[72];
	int rc = mkdir(TRUST_DIR, 0755) < 0 && errno != EEXIST ? -errno : 0;

	tell_all(h, &t);
	for (size_t i = 0; i < t.n && rc == 0; i++) {
		snprintf(path, sizeof path, "/%s", t.files[i].path);
		rc = file_write(path, t.files[i].text, strlen(t.files[i].text), t.files[i].mode);
	}
	return rc;
}

/* The initrd that was received, or the base out of this ramdisk. */
static int add_initrd(int to, const struct handoff *h, const struct manifest_file *f)
{
	return shared_has(h->shared, f) ? shared_put_base(to)
					: memfile_append(to, h->fds[f - h->m->files]);
}

/* All initrds and ours, each at a multiple of 4 bytes. A sealed descriptor or -errno. */
static int make_initrd(const struct handoff *h)
{
	int fd = memfile_new("initrd");
	int rc = fd < 0 ? fd : 0;

	for (size_t i = 0; i < h->m->n_files && rc == 0; i++)
		if (h->m->files[i].role == FILE_INITRD)
			rc = add_initrd(fd, h, &h->m->files[i]);
	if (rc == 0 && h->extra >= 0)
		rc = memfile_append(fd, h->extra);
	if (rc == 0)
		rc = add_boot_files(fd, h);
	if (rc == 0)
		return memfile_seal_take(fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int file_fd(const struct handoff *h, enum file_role role)
{
	const struct manifest_file *f = manifest_file(h->m, role);

	return f ? h->fds[f - h->m->files] : -1;
}

/* ---- linux ---- */

static const char *kexec_problem(int err)
{
	switch (err) {
	case ENOEXEC:
		return "it is no bzImage";
	case ENOKEY:
	case EKEYREJECTED:
	case ENODATA:
	case EBADMSG:
		return "it is not signed by a key that this host's firmware trusts (Secure Boot)";
	case EPERM:
	case EACCES:
		return "kexec is locked (Secure Boot or kernel.kexec_load_disabled)";
	case ENOMEM:
	case EADDRNOTAVAIL:
		return "there is not enough memory for it";
	default:
		return strerror(err);
	}
}

static int load_linux(const struct handoff *h, int initrd, struct fault *fault)
{
	const char *args = h->m->args;
	int err;

	if (syscall(SYS_kexec_file_load, file_fd(h, FILE_KERNEL), initrd, strlen(args) + 1, args,
		    0UL) == 0)
		return 0;
	err = errno;
	return fault_set(fault, -err, "handoff", "kexec",
		"The kernel of image %s was not accepted: %s (errno %d).", h->m->name,
		kexec_problem(err), err);
}

/* ---- xen ---- */

/* The path by which a child process opens one of our sealed files. */
static int child_path(int fd, char out[FD_PATH_LEN])
{
	snprintf(out, FD_PATH_LEN, "/proc/self/fd/%d", fd);
	return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
}

static int load_xen(const struct handoff *h, int initrd, struct fault *fault)
{
	char xen[FD_PATH_LEN], kernel[FD_PATH_LEN], rd[FD_PATH_LEN];
	char command_line[MANIFEST_ARGS_MAX + 64], kernel_arg[MANIFEST_ARGS_MAX + 64], rd_arg[64];
	char said[256] = "";
	const char *argv[] = { "/sbin/kexec", "-l", xen, "-t", "multiboot2-x86", command_line,
		kernel_arg, rd_arg, NULL };
	int rc;

	if (child_path(file_fd(h, FILE_XEN), xen) < 0 ||
		child_path(file_fd(h, FILE_KERNEL), kernel) < 0 || child_path(initrd, rd) < 0)
		return fault_set(fault, -EBADF, "handoff", "kexec",
			"A file of image %s is missing.", h->m->name);
	/* there is no BIOS that Xen could ask */
	snprintf(command_line, sizeof command_line, "--command-line=%s%s", h->m->xen_args,
		h->uefi ? " no-real-mode edd=off" : "");
	snprintf(kernel_arg, sizeof kernel_arg, "--module=%s %s", kernel, h->m->args);
	snprintf(rd_arg, sizeof rd_arg, "--module=%s", rd);
	rc = run_capture(argv, KEXEC_TIMEOUT_MS, said, sizeof said);
	if (rc == 0)
		return 0;
	said[strcspn(said, "\n")] = '\0';
	return fault_set(fault, rc < 0 ? rc : -EIO, "handoff", "kexec",
		"kexec did not accept Xen of image %s: status %d, \"%.100s\".", h->m->name, rc,
		said);
}

/* The XSDT's address from the kernel's log; no file in sysfs has it. 0 or -ENOENT. */
static int find_xsdt(uint64_t *xsdt)
{
	char record[1024];
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int found = 0;
	ssize_t n;

	if (fd < 0)
		return -ENOENT;
	do {
		n = read(fd, record, sizeof record - 1);
		record[n > 0 ? n : 0] = '\0';
		found = lowmem_xsdt(record, xsdt);
	} while (!found && (n > 0 || (n < 0 && errno == EPIPE))); /* EPIPE: overtaken */
	close(fd);
	return found ? 0 : -ENOENT;
}

/* Write and read back: a kernel may silently drop writes to memory that it calls its own. */
static int patch_memory(uint64_t xsdt)
{
	struct lowmem_patch patches[LOWMEM_PATCHES];
	uint8_t back[LOWMEM_RSDP_LEN];
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	lowmem_patches(xsdt, patches);
	for (size_t i = 0; i < LOWMEM_PATCHES && rc == 0; i++) {
		const struct lowmem_patch *p = &patches[i];

		if (pwrite(fd, p->bytes, p->len, p->at) != (ssize_t)p->len ||
			pread(fd, back, p->len, p->at) != (ssize_t)p->len)
			rc = -errno;
		else if (memcmp(p->bytes, back, p->len) != 0)
			rc = -EIO;
	}
	close(fd);
	return rc;
}

static int prepare_low_memory(struct fault *fault)
{
	uint64_t xsdt;
	int rc = find_xsdt(&xsdt);

	if (rc < 0)
		return fault_set(fault, rc, "handoff", "kexec",
			"The kernel's log does not say where the ACPI tables are, and Xen needs them.");
	rc = patch_memory(xsdt);
	if (rc < 0)
		return fault_set(fault, rc, "handoff", "kexec",
			"Low memory could not be made ready for Xen: %s.", strerror(-rc));
	return 0;
}

/* ---- without a kexec ---- */

/* The base is here; the image's other initrds go over it, and the agent's own part goes away. */
static int load_switch(const struct handoff *h, struct fault *fault)
{
	int rc = shared_strip();

	for (size_t i = 0; i < h->m->n_files && rc == 0; i++) {
		const struct manifest_file *f = &h->m->files[i];

		if (f->role == FILE_INITRD && !shared_has(h->shared, f))
			rc = unpack_initrd(h->fds[i], "");
	}
	if (rc == 0 && h->extra >= 0)
		rc = unpack_initrd(h->extra, "");
	if (rc == 0)
		rc = write_boot_files(h);
	if (rc == 0)
		return 0;
	return fault_set(fault, rc, "handoff", rc == -ENOSPC || rc == -ENOMEM ? "memory" : "unpack",
		"The files of image %s could not be unpacked: %s.", h->m->name, strerror(-rc));
}

/* Lazily: what a process that is gone held open goes with it. The newest mount first. */
static void unmount_all(void)
{
	char mounts[8192], *lines[128], *save = NULL;
	size_t n = 0;

	file_read("/proc/self/mounts", mounts, sizeof mounts);
	for (char *l = strtok_r(mounts, "\n", &save); l && n < sizeof lines / sizeof lines[0];
		l = strtok_r(NULL, "\n", &save))
		lines[n++] = l;
	while (n--) {
		char *at = strchr(lines[n], ' ');

		if (!at)
			continue;
		at++;
		at[strcspn(at, " ")] = '\0';
		if (strcmp(at, "/") != 0)
			umount2(at, MNT_DETACH);
	}
}

int handoff_become_init(void)
{
	kill(-1, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	unmount_all();
	execl("/init", "/init", (char *)NULL);
	return -errno;
}

/* ---- with one ---- */

static int load_kexec(const struct handoff *h, struct fault *fault)
{
	int initrd = make_initrd(h);
	int rc;

	if (initrd < 0)
		return fault_set(fault, initrd, "handoff", "memory",
			"The initrd could not be put together: %s.", strerror(-initrd));
	rc = h->m->kind == IMAGE_XEN ? load_xen(h, initrd, fault) : load_linux(h, initrd, fault);
	close(initrd);
	if (rc == 0 && h->m->kind == IMAGE_XEN && h->uefi)
		rc = prepare_low_memory(fault);
	return rc;
}

int handoff_load(const struct handoff *h, struct fault *fault)
{
	return h->by_switch ? load_switch(h, fault) : load_kexec(h, fault);
}

int handoff_go(const struct handoff *h, struct fault *fault)
{
	int err;

	if (h->by_switch)
		exit(HANDOFF_SWITCH_STATUS);
	sync();
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	err = errno;
	return fault_set(fault, -err, "handoff", "kexec",
		"The kernel did not jump to the image: %s (errno %d).", strerror(err), err);
}
