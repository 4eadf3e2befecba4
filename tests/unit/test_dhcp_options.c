/* dhcp_options.h: text to option bytes, what is refused, and sets that override each other. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/dhcp_options.h"
#include "tests/support/dhcp_packet.h"

#define ROUTER 0x0a4d0001u

static const struct {
	const char *name, *key, *text, *bytes;
	size_t len;
} good[] = {
	{ "one address", "dns", "10.77.0.1", BYTES("\x06\x00\x04\x0a\x4d\x00\x01") },
	{ "addresses by comma and blank", "ntp", "10.77.0.1, 10.77.0.2\t10.77.0.3",
		BYTES("\x2a\x00\x0c\x0a\x4d\x00\x01\x0a\x4d\x00\x02\x0a\x4d\x00\x03") },
	{ "domain", "domain", "lab.example", BYTES("\x0f\x00\x0blab.example") },
	{ "smallest MTU", "mtu", "68", BYTES("\x1a\x00\x02\x00\x44") },
	{ "largest MTU", "mtu", "65535", BYTES("\x1a\x00\x02\xff\xff") },
	{ "search list", "search", "lab.example, example.",
		BYTES("\x77\x00\x16\x03lab\x07"
		      "example\x00\x07"
		      "example\x00") },
	{ "underscore and digit in a label", "search", "_x.1-a",
		BYTES("\x77\x00\x08\x02_x\x03"
		      "1-a\x00") },
	{ "route", "route", "10.9.0.0/16 via 10.77.0.254",
		BYTES("\x79\x00\x07\x10\x0a\x09\x0a\x4d\x00\xfe") },
	{ "routes of each width", "route",
		"0.0.0.0/0 via 10.77.0.1, 10.0.0.0/8 via 10.77.0.2, 10.9.9.128/25 via 0.0.0.0, "
		"10.9.9.9/32 via 10.77.0.3",
		BYTES("\x79\x00\x1d\x00\x0a\x4d\x00\x01\x08\x0a\x0a\x4d\x00\x02"
		      "\x19\x0a\x09\x09\x80\x00\x00\x00\x00\x20\x0a\x09\x09\x09\x0a\x4d\x00\x03") },
	{ "u8", "option", "23 u8 64", BYTES("\x17\x00\x01\x40") },
	{ "u16", "option", "22 u16 576", BYTES("\x16\x00\x02\x02\x40") },
	{ "u32", "option", "35 u32 4294967295", BYTES("\x23\x00\x04\xff\xff\xff\xff") },
	{ "bool yes", "option", "19 bool yes", BYTES("\x13\x00\x01\x01") },
	{ "bool no", "option", "19 bool no", BYTES("\x13\x00\x01\x00") },
	{ "text", "option", "252 text http://wpad/wpad.dat, or not",
		BYTES("\xfc\x00\x1chttp://wpad/wpad.dat, or not") },
	{ "name", "option", "40 name nis.example", BYTES("\x28\x00\x0bnis.example") },
	{ "names", "option", "125 names a b",
		BYTES("\x7d\x00\x06\x01"
		      "a\x00\x01"
		      "b\x00") },
	{ "address", "option", "32 address 10.0.0.5", BYTES("\x20\x00\x04\x0a\x00\x00\x05") },
	{ "addresses", "option", "150 addresses 10.0.0.5 10.0.0.6",
		BYTES("\x96\x00\x08\x0a\x00\x00\x05\x0a\x00\x00\x06") },
	{ "routes", "option", "249 routes 10.0.0.0/8 via 10.77.0.2",
		BYTES("\xf9\x00\x06\x08\x0a\x0a\x4d\x00\x02") },
	{ "hex", "option", "43 hex 01:04:c0a8Ff01", BYTES("\x2b\x00\x06\x01\x04\xc0\xa8\xff\x01") },
};

static void takes_good_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct dhcp_options set = { 0 };
		char err[200] = "";

		print_message("row: %s\n", good[i].name);
		assert_int_equal(
			dhcp_options_set(&set, good[i].key, good[i].text, err, sizeof err), 0);
		assert_string_equal(err, "");
		assert_int_equal(set.len, good[i].len);
		assert_memory_equal(set.bytes, good[i].bytes, good[i].len);
		assert_true(dhcp_options_ok(set.bytes, set.len));
	}
}

#define LABEL_63      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NOT_A_ROUTE   "a route is NETWORK/PREFIX via ROUTER, such as 10.9.0.0/16 via 10.77.0.254"
#define NOT_AN_OPTION "an option is NUMBER TYPE VALUE, such as 150 addresses 10.0.0.5"

static const struct {
	const char *name, *key, *text, *want;
} bad[] = {
	{ "no address", "dns", "10.77.0", "'10.77.0' is no IPv4 address" },
	{ "second is none", "dns", "10.77.0.1 x", "'x' is no IPv4 address" },
	{ "nothing", "dns", "", "the value is empty" },
	{ "only separators", "dns", " , ,", "the value is empty" },
	{ "small MTU", "mtu", "67", "'67' is no MTU from 68 to 65535" },
	{ "large MTU", "mtu", "65536", "'65536' is no MTU from 68 to 65535" },
	{ "MTU in hex", "mtu", "0x5dc", "'0x5dc' is no MTU from 68 to 65535" },
	{ "domain with a blank", "domain", "lab example", "'lab example' is no DNS name" },
	{ "domain with a command", "domain", "$(reboot)", "'$(reboot)' is no DNS name" },
	{ "empty label", "search", "a..b", "'a..b' is no DNS name" },
	{ "root alone", "search", ".", "'.' is no DNS name" },
	{ "label begins with a hyphen", "search", "-a", "'-a' is no DNS name" },
	{ "label ends with a hyphen", "search", "a-.b", "'a-.b' is no DNS name" },
	{ "label of 64", "search", LABEL_63 "a", "'" LABEL_63 "a' is no DNS name" },
	{ "route without a router", "route", "10.9.0.0/16", NOT_A_ROUTE },
	{ "route without via", "route", "10.9.0.0/16 10.77.0.1", NOT_A_ROUTE },
	{ "route without a prefix", "route", "10.9.0.0 via 10.77.0.1", NOT_A_ROUTE },
	{ "prefix of 33", "route", "10.9.0.0/33 via 10.77.0.1", NOT_A_ROUTE },
	{ "bits beyond the prefix", "route", "10.9.0.1/16 via 10.77.0.1", NOT_A_ROUTE },
	{ "router is no address", "route", "10.9.0.0/16 via x", NOT_A_ROUTE },
	{ "second route is none", "route", "10.9.0.0/16 via 10.77.0.1, x", NOT_A_ROUTE },
	{ "no number", "option", "x text y", NOT_AN_OPTION },
	{ "number of 256", "option", "256 text y", NOT_AN_OPTION },
	{ "no type", "option", "150", NOT_AN_OPTION },
	{ "unknown type", "option", "150 ip 10.0.0.5",
		"'ip' is none of: u8, u16, u32, bool, text, name, names, address, addresses, "
		"routes, hex" },
	{ "no value", "option", "150 addresses", "the value is empty" },
	{ "no text", "option", "252 text", "the value is empty" },
	{ "u8 of 256", "option", "23 u8 256", "'256' is no number from 0 to 255" },
	{ "u8 below 0", "option", "23 u8 -1", "'-1' is no number from 0 to 255" },
	{ "u16 of 65536", "option", "22 u16 65536", "'65536' is no number from 0 to 65535" },
	{ "u32 of 2^32", "option", "35 u32 4294967296",
		"'4294967296' is no number from 0 to 4294967295" },
	{ "u32 of 2^64", "option", "35 u32 18446744073709551616",
		"'18446744073709551616' is no number from 0 to 4294967295" },
	{ "neither yes nor no", "option", "19 bool maybe", "'maybe' is neither yes nor no" },
	{ "control character", "option", "252 text a\x1b[31m",
		"the text holds a control character" },
	{ "two addresses for one", "option", "32 address 10.0.0.5 10.0.0.6",
		"'10.0.0.5 10.0.0.6' is no IPv4 address" },
	{ "odd hex", "option", "43 hex 123", "'123' is no hex such as 01:02:ff or 0102ff" },
	{ "hex that ends with a colon", "option",
		"43 hex 12:", "'12:' is no hex such as 01:02:ff or 0102ff" },
	{ "two colons", "option", "43 hex 12::34",
		"'12::34' is no hex such as 01:02:ff or 0102ff" },
	{ "the server's own", "option", "53 u8 2",
		"option 53 (message type) is the server's to decide" },
	{ "padding", "option", "0 hex 00", "option 0 (padding) is the server's to decide" },
	{ "end", "option", "255 hex 00",
		"option 255 (end of the options) is the server's to decide" },
	{ "a number with a key", "option", "6 addresses 10.0.0.5",
		"option 6 (DNS servers) has a key of its own: dns" },
};

static void refuses_bad_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct dhcp_options set = { 0 };
		char err[200] = "";

		print_message("row: %s\n", bad[i].name);
		assert_int_equal(
			dhcp_options_set(&set, bad[i].key, bad[i].text, err, sizeof err), -EINVAL);
		assert_string_equal(err, bad[i].want);
		assert_int_equal(set.len, 0);
	}
}

/* What a packet consists of, what a client sends, and what the server makes from other settings. */
static void refuses_numbers_of_the_server(void **state)
{
	static const uint8_t tags[] = { 0, 1, 3, 6, 12, 13, 15, 26, 28, 42, 50, 51, 52, 53, 54, 55,
		56, 57, 58, 59, 60, 61, 77, 80, 81, 82, 93, 94, 97, 118, 119, 121, 175, 255 };
	size_t refused = 0;

	(void)state;
	for (unsigned tag = 0; tag < 256; tag++) {
		struct dhcp_options set = { 0 };
		char text[32], err[200];

		snprintf(text, sizeof text, "%u hex 0102", tag);
		if (!dhcp_options_set(&set, "option", text, err, sizeof err))
			continue;
		assert_true(refused < ARRAY_LEN(tags));
		assert_int_equal(tags[refused++], tag);
	}
	assert_int_equal(refused, ARRAY_LEN(tags));
}

static void set(struct dhcp_options *o, const char *key, const char *text)
{
	char err[200] = "";

	assert_int_equal(dhcp_options_set(o, key, text, err, sizeof err), 0);
	assert_string_equal(err, "");
}

static void lists_grow_and_others_do_not(void **state)
{
	static const char want[] = "\x06\x00\x08\x0a\x00\x00\x01\x0a\x00\x00\x02"
				   "\x79\x00\x0c\x08\x0b\x0a\x00\x00\x01\x08\x0c\x0a\x00\x00\x02"
				   "\x0f\x00\x01"
				   "x";
	struct dhcp_options o = { 0 };
	char err[200];

	(void)state;
	set(&o, "dns", "10.0.0.1");
	set(&o, "route", "11.0.0.0/8 via 10.0.0.1");
	set(&o, "dns", "10.0.0.2");
	set(&o, "route", "12.0.0.0/8 via 10.0.0.2");
	set(&o, "domain", "x");
	assert_int_equal(o.len, sizeof want - 1);
	assert_memory_equal(o.bytes, want, sizeof want - 1);
	assert_int_equal(dhcp_options_set(&o, "domain", "y", err, sizeof err), -EINVAL);
	assert_string_equal(err, "option 15 is given twice");
	set(&o, "option", "150 addresses 10.0.0.5");
	assert_int_equal(
		dhcp_options_set(&o, "option", "150 addresses 10.0.0.6", err, sizeof err), -EINVAL);
	assert_string_equal(err, "option 150 is given twice");
}

/* A set takes what fits, to the byte, and is unchanged by what does not. */
static void a_full_set_refuses(void **state)
{
	static const char full[] = "all options of a section together are longer than 512 bytes";
	struct dhcp_options o = { 0 }, before;
	char text[600] = "252 text ", err[200];

	(void)state;
	memset(text + 9, 'a', 510);
	assert_int_equal(dhcp_options_set(&o, "option", text, err, sizeof err), -EINVAL);
	assert_string_equal(err, full);
	text[9 + 502] = '\0';
	set(&o, "option", text);
	set(&o, "dns", "10.0.0.1");
	assert_int_equal(o.len, DHCP_OPTIONS_SET_MAX);
	before = o;
	assert_int_equal(dhcp_options_set(&o, "dns", "10.0.0.2", err, sizeof err), -EINVAL);
	assert_string_equal(err, full);
	assert_int_equal(dhcp_options_set(&o, "option", "19 bool yes", err, sizeof err), -EINVAL);
	assert_memory_equal(&o, &before, sizeof o);
}

/* A name fills 255 bytes on the wire; with one more it is none. */
static void the_longest_name(void **state)
{
	char name[300] = LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63, err[400];
	struct dhcp_options o = { 0 };

	(void)state;
	assert_int_equal(dhcp_options_set(&o, "search", name, err, sizeof err), -EINVAL);
	assert_int_equal(dhcp_options_set(&o, "domain", name, err, sizeof err), -EINVAL);
	name[253] = '\0';
	set(&o, "search", name);
	assert_int_equal(o.len, 3 + 255);
	o.len = 0;
	set(&o, "domain", name);
	assert_int_equal(o.len, 3 + 253);
}

/* ---- sets that override each other ---- */

static void strongest_first(void **state)
{
	static const char want[] = "\x06\x00\x04\x0a\x00\x00\x03"
				   "\x2a\x00\x04\x0a\x00\x00\x02"
				   "\x0f\x00\x03net"
				   "\x1a\x00\x02\x05\xdc";
	struct dhcp_options host = { 0 }, subnet = { 0 }, all = { 0 };
	const struct dhcp_options *const sets[] = { &host, NULL, &subnet, &all };
	uint8_t out[DHCP_OPTIONS_MAX];
	struct wr w = { out, out + sizeof out, false };

	(void)state;
	set(&host, "dns", "10.0.0.3");
	set(&subnet, "dns", "10.0.0.2");
	set(&subnet, "ntp", "10.0.0.2");
	set(&subnet, "domain", "net");
	set(&all, "mtu", "1500");
	set(&all, "dns", "10.0.0.1, 10.0.0.9");
	set(&all, "domain", "all");
	dhcp_options_merge(&w, sets, ARRAY_LEN(sets), ROUTER);
	assert_int_equal(w.p - out, sizeof want - 1);
	assert_memory_equal(out, want, sizeof want - 1);
	assert_true(dhcp_options_ok(out, (size_t)(w.p - out)));
}

static void routes_get_a_default(void **state)
{
	static const struct {
		const char *name, *routes;
		uint32_t router;
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "added", "10.9.0.0/16 via 10.77.0.254", ROUTER,
			BYTES("\x79\x00\x0c\x10\x0a\x09\x0a\x4d\x00\xfe\x00\x0a\x4d\x00\x01") },
		{ "no router", "10.9.0.0/16 via 10.77.0.254", 0,
			BYTES("\x79\x00\x07\x10\x0a\x09\x0a\x4d\x00\xfe") },
		{ "has one", "0.0.0.0/0 via 10.77.0.9", ROUTER,
			BYTES("\x79\x00\x05\x00\x0a\x4d\x00\x09") },
		{ "has one behind another", "10.9.9.128/25 via 10.77.0.2, 0.0.0.0/0 via 10.77.0.9",
			ROUTER,
			BYTES("\x79\x00\x0e\x19\x0a\x09\x09\x80\x0a\x4d\x00\x02\x00\x0a\x4d\x00"
			      "\x09") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_options subnet = { 0 };
		const struct dhcp_options *const sets[] = { &subnet };
		uint8_t out[DHCP_OPTIONS_MAX];
		struct wr w = { out, out + sizeof out, false };

		print_message("row: %s\n", rows[i].name);
		set(&subnet, "route", rows[i].routes);
		dhcp_options_merge(&w, sets, 1, rows[i].router);
		assert_int_equal(w.p - out, rows[i].len);
		assert_memory_equal(out, rows[i].bytes, rows[i].len);
	}
}

/* Full sets that share nothing fit all, with a default route; a smaller room keeps entries whole.
 */
static void everything_fits(void **state)
{
	struct dhcp_options sets[DHCP_OPTIONS_SETS] = { 0 };
	const struct dhcp_options *const p[DHCP_OPTIONS_SETS] = { &sets[0], &sets[1], &sets[2] };
	uint8_t out[DHCP_OPTIONS_MAX], *small;
	struct wr w = { out, out + sizeof out, false };
	char text[600];

	(void)state;
	for (size_t i = 0; i < DHCP_OPTIONS_SETS; i++) {
		int n = snprintf(text, sizeof text, "%zu text ", 200 + i);

		memset(text + n, 'a', sizeof text - 1 - (size_t)n);
		text[(size_t)n + DHCP_OPTIONS_SET_MAX - 3 - (i ? 0 : 11)] = '\0';
		set(&sets[i], "option", text);
	}
	set(&sets[0], "route", "10.9.9.0/24 via 10.77.0.9");
	assert_int_equal(sets[0].len, DHCP_OPTIONS_SET_MAX);
	dhcp_options_merge(&w, p, DHCP_OPTIONS_SETS, ROUTER);
	assert_int_equal(w.p - out, DHCP_OPTIONS_SETS * DHCP_OPTIONS_SET_MAX + 5);

	small = exact_copy(out, 600);
	w = (struct wr){ small, small + 600, false };
	dhcp_options_merge(&w, p, DHCP_OPTIONS_SETS, ROUTER);
	assert_int_equal(w.p - small, DHCP_OPTIONS_SET_MAX + 5);
	assert_true(dhcp_options_ok(small, (size_t)(w.p - small)));
	free(small);
}

static void malformed_sets(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		bool want;
	} rows[] = {
		{ "none", BYTES(""), true },
		{ "one", BYTES("\x06\x00\x01x"), true },
		{ "an empty value", BYTES("\x06\x00\x00"), true },
		{ "twice", BYTES("\x06\x00\x01x\x06\x00\x01x"), false },
		{ "value cut short", BYTES("\x06\x00\x02x"), false },
		{ "long value cut short", BYTES("\x06\x01\x01x"), false },
		{ "length cut short", BYTES("\x06\x00"), false },
		{ "PAD", BYTES("\x00\x00\x01x"), false },
		{ "overload", BYTES("\x34\x00\x01\x03"), false },
		{ "relay information", BYTES("\x52\x00\x01x"), false },
		{ "END", BYTES("\xff\x00\x01x"), false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *b = exact_copy(rows[i].bytes, rows[i].len);

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(dhcp_options_ok(b, rows[i].len), rows[i].want);
		free(b);
	}
}

static void finds_addresses(void **state)
{
	struct dhcp_options o = { 0 };

	(void)state;
	assert_false(dhcp_options_has_addr(&o, DHCP_OPT_DNS, 0x0a000001));
	set(&o, "dns", "10.0.0.1, 10.0.0.2");
	assert_true(dhcp_options_has_addr(&o, DHCP_OPT_DNS, 0x0a000001));
	assert_true(dhcp_options_has_addr(&o, DHCP_OPT_DNS, 0x0a000002));
	assert_false(dhcp_options_has_addr(&o, DHCP_OPT_DNS, 0x0a000003));
	assert_false(dhcp_options_has_addr(&o, DHCP_OPT_NTP, 0x0a000001));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_good_text),
		cmocka_unit_test(refuses_bad_text),
		cmocka_unit_test(refuses_numbers_of_the_server),
		cmocka_unit_test(lists_grow_and_others_do_not),
		cmocka_unit_test(a_full_set_refuses),
		cmocka_unit_test(the_longest_name),
		cmocka_unit_test(strongest_first),
		cmocka_unit_test(routes_get_a_default),
		cmocka_unit_test(everything_fits),
		cmocka_unit_test(malformed_sets),
		cmocka_unit_test(finds_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
