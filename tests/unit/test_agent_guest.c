/* The two guests really run: under QEMU's emulation, where there is no KVM and no Xen. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guest_rom.h"
#include "agent/guest_stop.h"
#include "agent/run.h"

#define NONCE	      "0123456789abcdef0123456789abcdef"
#define QEMU	      "qemu-system-x86_64"
#define NOT_FOUND     127
#define BIOS_LIMIT_MS 30000
#define PVH_LIMIT_MS  5000 /* it never ends by itself */

static char path[] = "/tmp/muster-guest-XXXXXX";

static void write_guest(const void *p, size_t len)
{
	FILE *f;
	int fd;

	strcpy(path + sizeof path - 7, "XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	f = fdopen(fd, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static int run_guest(const char *const argv[], int limit_ms)
{
	char said[4096] = "", nonce[GUEST_NONCE_LEN + 1] = "", line[64];
	int rc = run_capture(argv, limit_ms, said, sizeof said);

	unlink(path);
	if (rc == NOT_FOUND)
		skip();
	assert_int_equal(guest_line_find(said, nonce, line, sizeof line), 0);
	assert_string_equal(nonce, NONCE);
	return rc;
}

static void test_bios(void **state)
{
	static const char *const argv[] = { QEMU, "-accel", "tcg", "-machine", "pc", "-m", "16",
		"-nodefaults", "-display", "none", "-no-reboot", "-bios", path, "-chardev",
		"stdio,id=line,signal=off", "-device", "isa-serial,chardev=line", "-device",
		"isa-debug-exit,iobase=0xf4,iosize=4", NULL };
	static uint8_t rom[GUEST_ROM_LEN];

	(void)state;
	assert_int_equal(guest_rom_bios(NONCE, rom), 0);
	write_guest(rom, sizeof rom);
	assert_int_equal(run_guest(argv, BIOS_LIMIT_MS), 33);
}

/* QEMU starts a PVH kernel by the same note as Xen, and its debug console is Xen's port 0xe9. */
static void test_pvh(void **state)
{
	static const char *const argv[] = { QEMU, "-accel", "tcg", "-machine", "pc", "-m", "16",
		"-nodefaults", "-display", "none", "-kernel", path, "-chardev",
		"stdio,id=line,signal=off", "-device", "isa-debugcon,iobase=0xe9,chardev=line",
		NULL };
	uint8_t elf[GUEST_ELF_LEN];

	(void)state;
	assert_int_equal(guest_rom_pvh(NONCE, elf), 0);
	write_guest(elf, sizeof elf);
	assert_int_equal(run_guest(argv, PVH_LIMIT_MS), -ETIMEDOUT);
}

/* Where a guest's power button is, by the arguments of its QEMU; a blank stands for each NUL. */
static void test_monitor(void **state)
{
	static const struct {
		const char *args, *path; /* NULL: none */
		bool qmp;
	} rows[] = {
		{ "qemu -m 16 -monitor unix:/run/a,server=on,wait=off -smp 2 ", "/run/a", false },
		{ "qemu -qmp unix:/run/b ", "/run/b", true },
		{ "qemu --qmp unix:b,server ", "b", true },
		{ "qemu -monitor stdio -qmp unix:/run/c ", "/run/c", true },
		{ "qemu -monitor tcp:127.0.0.1:9 ", NULL, false },
		{ "qemu -name unix:/run/d ", NULL, false },
		{ "qemu -monitor unix:,server ", NULL, false },
		{ "qemu -monitor ", NULL, false },
		{ "qemu -monitor unix:/run/cut", NULL, false },
		{ "qemu ", NULL, false },
		{ "", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t len = strlen(rows[i].args);
		char *args = malloc(len ? len : 1);
		struct guest_monitor m = { .path = "untouched" };

		print_message("row: %s\n", rows[i].args);
		assert_non_null(args);
		for (size_t k = 0; k < len; k++)
			args[k] = rows[i].args[k] == ' ' ? '\0' : rows[i].args[k];
		assert_int_equal(guest_monitor_find(args, len, &m), rows[i].path != NULL);
		assert_string_equal(m.path, rows[i].path ? rows[i].path : "untouched");
		assert_int_equal(m.qmp, rows[i].qmp);
		free(args);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_monitor),
		cmocka_unit_test(test_bios),
		cmocka_unit_test(test_pvh),
	};

	return cmocka_run_group_tests_name("agent guests", tests, NULL, NULL);
}
