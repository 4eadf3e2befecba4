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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bios),
		cmocka_unit_test(test_pvh),
	};

	return cmocka_run_group_tests_name("agent guests", tests, NULL, NULL);
}
