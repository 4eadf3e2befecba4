#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/net/dhcp_opt.h"
#include "tests/support/dhcp_packet.h"

static void test_next(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		int want;
		uint8_t tag, opt_len;
	} rows[] = {
		{ "arch is UEFI", BYTES("\x5d\x02\x00\x07\xff"), 1, 93, 2 },
		{ "padding first", BYTES("\x00\x00\x5d\x02\x00\x07\xff"), 1, 93, 2 },
		{ "empty value", BYTES("\x50\x00\xff"), 1, 80, 0 },
		{ "at the end", BYTES("\xff"), 0, 0, 0 },
		{ "nothing at all", BYTES(""), -EBADMSG, 0, 0 },
		{ "padding and no END", BYTES("\x00\x00\x00"), -EBADMSG, 0, 0 },
		{ "no length", BYTES("\x5d"), -EBADMSG, 0, 0 },
		{ "value cut short", BYTES("\x5d\x02\x00"), -EBADMSG, 0, 0 },
		{ "length past the end", BYTES("\x5d\xff\x00\x07\xff"), -EBADMSG, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *b = exact_copy(rows[i].bytes, rows[i].len);
		struct rd r = { b, b + rows[i].len, false };
		struct dhcp_opt o = { 0 };

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(dhcp_opt_next(&r, &o), rows[i].want);
		assert_int_equal(o.tag, rows[i].tag);
		assert_int_equal(o.len, rows[i].opt_len);
		if (rows[i].want < 0)
			assert_int_equal(dhcp_opt_next(&r, &o), -EBADMSG);
		free(b);
	}
}

static void test_tlv(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		int options, last;
	} rows[] = {
		{ "two", BYTES("\x01\x01\x61\x02\x01\x62"), 2, 0 },
		{ "0 and 255 are codes", BYTES("\x00\x01\x61\xff\x00"), 2, 0 },
		{ "none", BYTES(""), 0, 0 },
		{ "overrun", BYTES("\x01\x01\x61\x02\x02\x62"), 1, -EBADMSG },
		{ "no length", BYTES("\x01"), 0, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *b = exact_copy(rows[i].bytes, rows[i].len);
		struct rd r = { b, b + rows[i].len, false };
		struct dhcp_opt o;
		int n = 0, rc;

		print_message("row: %s\n", rows[i].name);
		while ((rc = dhcp_tlv_next(&r, &o)) > 0)
			n++;
		assert_int_equal(n, rows[i].options);
		assert_int_equal(rc, rows[i].last);
		free(b);
	}
}

static void test_scan_and_join(void **state)
{
	static const struct {
		const char *name, *options;
		size_t len;
		const char *file, *sname; /* up to their first NUL, padded with zeros */
		int want;
		const char *joined; /* option 12 */
	} rows[] = {
		{ "absent", BYTES(END), "", "", 0, NULL },
		{ "one piece",
			BYTES("\x0c\x02"
			      "ab" END),
			"", "", 0, "ab" },
		{ "split in two, another between (RFC 3396)",
			BYTES("\x0c\x01"
			      "a\x32\x01x\x0c\x01"
			      "b" END),
			"", "", 0, "ab" },
		{ "file and sname are not options",
			BYTES("\x0c\x01"
			      "a" END),
			"\x0c\x01z\xff", "\x0c\x01z\xff", 0, "a" },
		{ "goes on in file",
			BYTES("\x34\x01\x01\x0c\x01"
			      "a" END),
			"\x0c\x01"
			"b\xff",
			"\x0c\x01z\xff", 0, "ab" },
		{ "goes on in sname",
			BYTES("\x34\x01\x02\x0c\x01"
			      "a" END),
			"\x0c\x01z\xff",
			"\x0c\x01"
			"c\xff",
			0, "ac" },
		{ "options, file, sname",
			BYTES("\x0c\x01"
			      "a\x34\x01\x03" END),
			"\x0c\x01"
			"b\xff",
			"\x0c\x01"
			"c\xff",
			0, "abc" },
		{ "overload inside file is ignored", BYTES("\x34\x01\x01" END),
			"\x34\x01\x02\x0c\x01"
			"b\xff",
			"\x0c\x01z\xff", 0, "b" },
		{ "overload inside both is ignored", BYTES("\x34\x01\x03" END),
			"\x34\x01\x01\x0c\x01"
			"b\xff",
			"\x0c\x01"
			"c\x34\x01\x03\xff",
			0, "bc" },
		{ "no END in file", BYTES("\x34\x01\x01" END), "\x0c\x01z", "", -EBADMSG, NULL },
		{ "no END in sname", BYTES("\x34\x01\x02" END), "", "", -EBADMSG, NULL },
		{ "overload 0", BYTES("\x34\x01\x00" END), "", "", -EBADMSG, NULL },
		{ "overload 4", BYTES("\x34\x01\x04" END), "", "", -EBADMSG, NULL },
		{ "overload without a value", BYTES("\x34\x00" END), "", "", -EBADMSG, NULL },
		{ "two overloads", BYTES("\x34\x01\x01\x34\x01\x01" END), "\xff", "", -EBADMSG,
			NULL },
		{ "no END", BYTES("\x0c\x01z"), "", "", -EBADMSG, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *b = exact_copy(rows[i].options, rows[i].len);
		uint8_t file[128] = { 0 }, sname[64] = { 0 };
		char value[8] = "";
		struct dhcp_opts o;
		int len;

		print_message("row: %s\n", rows[i].name);
		memcpy(file, rows[i].file, strlen(rows[i].file));
		memcpy(sname, rows[i].sname, strlen(rows[i].sname));
		assert_int_equal(dhcp_opts_scan(b, rows[i].len, file, sname, &o), rows[i].want);
		if (!rows[i].want) {
			len = dhcp_opts_get(&o, 12, value, sizeof value);
			assert_int_equal(
				len, rows[i].joined ? (int)strlen(rows[i].joined) : -ENOENT);
			assert_string_equal(value, rows[i].joined ? rows[i].joined : "");
		}
		free(b);
	}
}

/* More than 1024 bytes of one option are refused, 1024 are not; get cuts to the buffer. */
static void test_joined_limit(void **state)
{
	static const uint8_t none[128];
	uint8_t b[5 * 257 + 1], value[3] = { 0, 0, 0x77 };
	struct wr w = { b, b + sizeof b, false };
	struct dhcp_opts o;

	(void)state;
	memset(b, 0, sizeof b);
	for (int i = 0; i < 4; i++)
		assert_true(dhcp_opt_put(&w, 61, NULL, 255));
	assert_true(dhcp_opt_put(&w, 61, "abcd", 4));
	wr_u8(&w, DHCP_OPT_END);
	assert_int_equal(dhcp_opts_scan(b, (size_t)(w.p - b), none, none, &o), 0);
	assert_int_equal(dhcp_opts_get(&o, 61, value, 2), 1024);
	assert_int_equal(value[2], 0x77);
	w.p--;
	assert_true(dhcp_opt_put(&w, 61, "e", 1));
	wr_u8(&w, DHCP_OPT_END);
	assert_int_equal(dhcp_opts_scan(b, (size_t)(w.p - b), none, none, &o), -EBADMSG);
}

static void test_put(void **state)
{
	uint8_t b[8] = { 0 };
	struct wr w = { b, b + 7, false };

	(void)state;
	assert_true(dhcp_opt_put_u32(&w, 1, 0xffffff00));
	assert_memory_equal(b, "\x01\x04\xff\xff\xff\x00", 6);
	assert_false(dhcp_opt_put(&w, 53, NULL, 0));
	assert_false(w.bad);
	assert_int_equal(w.p - b, 6);
	w.end = b + 8;
	assert_true(dhcp_opt_put(&w, 53, NULL, 0));
}

/* RFC 3396: rows {bytes of the value, room, pieces}; whole or not at all. */
static void test_put_long(void **state)
{
	static const struct {
		size_t len, room;
		bool want;
		size_t pieces;
		uint8_t last;
	} rows[] = {
		{ 255, 257, true, 1, 255 },
		{ 255, 256, false, 0, 0 },
		{ 256, 260, true, 2, 1 },
		{ 256, 259, false, 0, 0 },
		{ 510, 514, true, 2, 255 },
		{ 511, 517, true, 3, 1 },
	};
	uint8_t val[600];

	(void)state;
	for (size_t i = 0; i < sizeof val; i++)
		val[i] = (uint8_t)(i * 3);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *b = exact_copy(val, rows[i].room), joined[511];
		struct wr w = { b, b + rows[i].room, false };
		struct rd r = { b, b, false };
		struct dhcp_opt o = { 0 };
		size_t n = 0, pieces = 0;

		print_message("row: %zu into %zu\n", rows[i].len, rows[i].room);
		assert_int_equal(dhcp_opt_put(&w, 61, val, rows[i].len), rows[i].want);
		assert_false(w.bad);
		for (r.end = w.p; dhcp_tlv_next(&r, &o) > 0; pieces++) {
			memcpy(joined + n, o.val, o.len);
			n += o.len;
		}
		assert_int_equal(pieces, rows[i].pieces);
		assert_int_equal(o.len, rows[i].last);
		assert_int_equal(n, rows[i].want ? rows[i].len : 0);
		assert_memory_equal(joined, val, n);
		free(b);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_tlv),
		cmocka_unit_test(test_scan_and_join),
		cmocka_unit_test(test_joined_limit),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_put_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
