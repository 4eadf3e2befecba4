/* Memory modules out of the firmware's table: whole, cut and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/smbios.h"

struct building {
	uint8_t bytes[2048];
	size_t len;
};

/* A memory device: the fields that are looked at, and its strings, each with its NUL. */
static void put_dimm(struct building *b, uint8_t fields, unsigned size, uint32_t more,
	const char *strings, size_t n_strings)
{
	uint8_t *p = b->bytes + b->len;

	memset(p, 0, fields);
	p[0] = 17;
	p[1] = fields;
	p[0x0c] = (uint8_t)size;
	p[0x0d] = (uint8_t)(size >> 8);
	p[0x10] = 1;
	p[0x15] = 0x80;
	p[0x16] = 0x0c; /* 3200 */
	if (fields > 0x1a) {
		p[0x17] = 2;
		p[0x18] = 3;
		p[0x1a] = 4;
	}
	for (int i = 0; i < 4 && fields >= 0x20; i++)
		p[0x1c + i] = (uint8_t)(more >> (8 * i));
	memcpy(p + fields, strings, n_strings);
	p[fields + n_strings] = 0;
	b->len += fields + n_strings + 1;
}

#define PUT(b, fields, size, more, strings) put_dimm(b, fields, size, more, strings, sizeof strings)

static void put_other(struct building *b, uint8_t type)
{
	const uint8_t other[] = { type, 6, 0, 0, 1, 0, 'x', 0, 0 };

	memcpy(b->bytes + b->len, other, sizeof other);
	b->len += sizeof other;
}

static void make(struct building *b)
{
	b->len = 0;
	put_other(b, 0);
	PUT(b, 0x28, 16384, 0, "P1 DIMM 1\0Samsung\0 0123ABCD \0M393A2G40DB0");
	PUT(b, 0x28, 0, 0, "P1 DIMM 2"); /* empty */
	PUT(b, 0x28, 0x7fff, 131072, "P1 DIMM 3\0Micron\0Not Specified");
	PUT(b, 0x28, 0xffff, 0, "P1 DIMM 4");	      /* nobody knows */
	PUT(b, 0x28, 0x8000 | 2048, 0, "SYSTEM ROM"); /* in KiB */
	PUT(b, 0x17, 512, 0, "old");
	put_other(b, 127);
	PUT(b, 0x28, 1024, 0, "behind the end");
}

static void what_is_plugged_in(void **state)
{
	struct smbios_dimm d[8];
	struct building b;

	(void)state;
	make(&b);
	assert_int_equal(smbios_dimms(b.bytes, b.len, d, 8), 4);
	assert_string_equal(d[0].slot, "P1 DIMM 1");
	assert_string_equal(d[0].maker, "Samsung");
	assert_string_equal(d[0].serial, "0123ABCD");
	assert_string_equal(d[0].part, "M393A2G40DB0");
	assert_int_equal(d[0].size_mb, 16384);
	assert_int_equal(d[0].speed, 3200);
	assert_string_equal(d[1].slot, "P1 DIMM 3");
	assert_int_equal(d[1].size_mb, 131072);
	assert_string_equal(d[1].serial, ""); /* junk */
	assert_string_equal(d[1].part, "");   /* no such string */
	assert_int_equal(d[2].size_mb, 2);
	assert_string_equal(d[3].slot, "old");
	assert_string_equal(d[3].maker, "");
	assert_int_equal(smbios_dimms(b.bytes, b.len, d, 1), 1);
}

/* Each prefix, in a block of just its size, holds a prefix of what the whole holds. */
static void cut_anywhere(void **state)
{
	struct smbios_dimm all[8], some[8];
	struct building b;
	size_t n, before = 0;

	(void)state;
	make(&b);
	smbios_dimms(b.bytes, b.len, all, 8);
	for (size_t len = 0; len <= b.len; len++) {
		uint8_t *exact = malloc(len ? len : 1);

		assert_non_null(exact);
		memcpy(exact, b.bytes, len);
		n = smbios_dimms(exact, len, some, 8);
		assert_true(n >= before && n <= 4);
		assert_memory_equal(some, all, n * sizeof all[0]);
		before = n;
		free(exact);
	}
	assert_int_equal(before, 4);
}

static void what_is_no_table(void **state)
{
	static const char *const rows[] = { "", "\x11", "\x11\x03\x01\x01",
		"\x11\xff\x01\x01\x01" };
	uint8_t zeros[300] = { 0 };
	struct smbios_dimm d[2];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(smbios_dimms((const uint8_t *)rows[i], strlen(rows[i]), d, 2), 0);
	assert_int_equal(smbios_dimms(zeros, sizeof zeros, d, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_plugged_in),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(what_is_no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
