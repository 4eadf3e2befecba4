#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/cpio.h"
#include "agent/guest_rom.h"
#include "agent/lowmem.h"

#define NONCE "0123456789abcdef0123456789abcdef"

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *p++);
	return s;
}

static void test_low_memory(void **state)
{
	struct lowmem_patch p[LOWMEM_PATCHES];

	(void)state;
	lowmem_patches(0x000000003fb7d0e8, p);
	assert_int_equal(p[0].at, 0x40e);
	assert_int_equal(p[0].len, 2);
	assert_memory_equal(p[0].bytes, "\x50\x00", 2);
	assert_int_equal(p[1].at, 0x413);
	assert_int_equal(p[1].len, 2);
	assert_memory_equal(p[1].bytes, "\x7f\x02", 2);
	assert_int_equal(p[2].at, 0x500);
	assert_int_equal(p[2].len, 36);
	assert_memory_equal(p[2].bytes, "RSD PTR ", 8);
	assert_int_equal(p[2].bytes[15], 2);
	assert_memory_equal(p[2].bytes + 20, "\x24\0\0\0\xe8\xd0\xb7\x3f\0\0\0\0", 12);
	assert_int_equal(sum(p[2].bytes, 20), 0);
	assert_int_equal(sum(p[2].bytes, 36), 0);
}

static void test_xsdt(void **state)
{
	static const struct {
		const char *line;
		int want;
		uint64_t xsdt;
	} rows[] = {
		{ "6,9,0,-;ACPI: XSDT 0x000000003FB7D0E8 00005C (v01 BOCHS  BXPC 00000001)\n", 1,
			0x3fb7d0e8 },
		{ "6,9,0,-;ACPI: XSDT 0xFFFFFFFF3FB7D0E8 00005C", 1, 0xffffffff3fb7d0e8 },
		{ "6,9,0,-;ACPI: RSDT 0x000000003FB7D0E8 00005C", 0, 7 },
		{ "6,9,0,-;ACPI: XSDT 0x0", 0, 7 },
		{ "", 0, 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t xsdt = 7;

		assert_int_equal(lowmem_xsdt(rows[i].line, &xsdt), rows[i].want);
		assert_true(xsdt == rows[i].xsdt);
	}
}

static void test_cpio(void **state)
{
	uint8_t buf[512];
	struct cpio c = { .buf = buf, .size = sizeof buf };

	(void)state;
	cpio_dir(&c, "etc", 0755);
	assert_int_equal(c.len, 116);
	assert_memory_equal(buf,
		"0707010000000000"
		"0041ed",
		22);
	cpio_file(&c, "etc/a", 0600, "hello", 5);
	assert_int_equal(c.len, 116 + 116 + 8);
	assert_memory_equal(buf + 116 + 14, "00008180", 8);
	assert_memory_equal(buf + 116 + 110, "etc/a\0hello\0\0\0", 14);
	cpio_end(&c);
	assert_memory_equal(buf + 240 + 110, "TRAILER!!!", 11);
	assert_int_equal(c.len % 4, 0);
	assert_false(c.bad);
}

/* Every size that is too small is refused without a byte past it. */
static void test_cpio_full(void **state)
{
	(void)state;
	for (size_t size = 0; size < 364; size++) {
		struct cpio c = { .buf = malloc(size + 1), .size = size };

		assert_non_null(c.buf);
		cpio_dir(&c, "etc", 0755);
		cpio_file(&c, "etc/a", 0600, "hello", 5);
		cpio_end(&c);
		assert_int_equal(c.bad, size < 240 + 124);
		assert_true(c.len <= size);
		free(c.buf);
	}
}

static int contains(const uint8_t *p, size_t len, const char *text)
{
	return memmem(p, len, text, strlen(text)) != NULL;
}

/* The guests must say what is not written in them. Whether they run is for tests/boot. */
static void test_guests(void **state)
{
	static uint8_t rom[GUEST_ROM_LEN];
	uint8_t elf[GUEST_ELF_LEN];

	(void)state;
	assert_int_equal(guest_rom_bios(NONCE, rom), 0);
	assert_int_equal(rom[0xfff0], 0xea);
	assert_false(contains(rom, sizeof rom, "muster"));
	assert_false(contains(rom, sizeof rom, NONCE));
	assert_int_equal(guest_rom_pvh(NONCE, elf), 0);
	assert_memory_equal(elf, "\177ELF\1\1\1", 7);
	assert_false(contains(elf, sizeof elf, "muster"));
	assert_false(contains(elf, sizeof elf, NONCE));
	assert_int_equal(guest_rom_bios("short", rom), -EINVAL);
	assert_int_equal(guest_rom_pvh("0123456789ABCDEF0123456789ABCDEF", elf), -EINVAL);
}

static void test_line(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{ "muster-guest " NONCE "\r\n", 0 },
		{ "(d1) muster-guest " NONCE "\n", 0 },
		{ "muster-guest 12\nmuster-guest " NONCE, 0 },
		{ "muster-guest 0123456789abcdef0123456789abcde", -ENOENT },
		{ "muster-guest", -ENOENT },
		{ "qemu: failed to initialize kvm", -ENOENT },
	};
	char nonce[GUEST_NONCE_LEN + 1], line[64];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(
			guest_line_find(rows[i].text, nonce, line, sizeof line), rows[i].want);
		if (rows[i].want == 0) {
			assert_string_equal(nonce, NONCE);
			assert_string_equal(line, "muster-guest " NONCE);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_low_memory),
		cmocka_unit_test(test_xsdt),
		cmocka_unit_test(test_cpio),
		cmocka_unit_test(test_cpio_full),
		cmocka_unit_test(test_guests),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests_name("agent hand-off bytes", tests, NULL, NULL);
}
