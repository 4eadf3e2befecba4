/* test_format.c: numbers, times and strangers' text as people see them; words nearly right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/format.h"
#include "server/nearest.h"
#include "server/ctl/text.h"

static void test_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} rows[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ 1024 * 1024 - 1, "1.0 MiB" },
		{ 8214336, "7.8 MiB" },
		{ 32ULL << 30, "32.0 GiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char out[FORMAT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(format_bytes(rows[i].bytes, out), rows[i].want);
}

static void test_times(void **state)
{
	static const struct {
		int64_t ms;
		const char *age, *seconds;
	} rows[] = {
		{ -5, "0s", "0.0 s" },
		{ 0, "0s", "0.0 s" },
		{ 12345, "12s", "12.3 s" },
		{ 119999, "119s", "1m59s" },
		{ 120000, "2m", "2m00s" },
		{ 7200000, "2h", "2h00m" },
		{ 172800000, "2d", "48h00m" },
		{ INT64_MAX, "106751991167d", "2562047788015h12m" },
	};
	char out[FORMAT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_string_equal(format_age(rows[i].ms, out), rows[i].age);
		assert_string_equal(format_seconds(rows[i].ms, out), rows[i].seconds);
	}
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
	} rows[] = {
		{ "90", 90000 },
		{ "90s", 90000 },
		{ "10m", 600000 },
		{ "1h30m", 5400000 },
		{ "0", 0 },
		{ "168h", 604800000 },
		{ "169h", -1 },
		{ "", -1 },
		{ "s", -1 },
		{ "10d", -1 },
		{ "-1", -1 },
		{ "1.5s", -1 },
		{ "99999999999", -1 },
		{ "168h168h", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("row: %s\n", rows[i].text);
		assert_true(format_parse_duration(rows[i].text) == rows[i].want);
	}
}

static void test_clean(void **state)
{
	static const struct {
		const char *text, *want;
		size_t width;
	} rows[] = {
		{ "plain", "plain", 5 },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", 4 },
		{ "\033[31mred\n", "?[31mred?", 9 },
		{ "\xc2\x9b"
		  "31m",
			"??31m", 5 }, /* CSI as one C1 character */
		{ "cut \xe2\x82", "cut ??", 6 },
		{ "\xff\xc0\x80", "???", 3 },
		{ "\x7f", "?", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *s = strdup(rows[i].text);

		assert_non_null(s);
		assert_string_equal(format_clean(s), rows[i].want);
		assert_int_equal(format_width(s), rows[i].width);
		free(s);
	}
}

static void test_text(void **state)
{
	char out[12];
	struct text t = { out, 0, sizeof out, false };

	(void)state;
	text_left(&t, "\xc3\xbc\xc3\xbc\xc3\xbc", 2);
	text_right(&t, "1", 3);
	assert_string_equal(out, "\xc3\xbc\xc3\xbc  1");
	assert_false(t.cut);
	text_put(&t, "%s", "too much");
	assert_string_equal(out, "\xc3\xbc\xc3\xbc  1too ");
	assert_true(t.cut);
	text_put(&t, "x");
	assert_int_equal(strlen(out), sizeof out - 1);
}

static void test_nearest(void **state)
{
	static const char *const words[] = { "list", "show", "timeline", "wait" };
	const char *best = NULL;
	unsigned distance = 4;

	(void)state;
	assert_int_equal(nearest_distance("lits", "list"), 2);
	assert_int_equal(nearest_distance("", "list"), 4);
	assert_int_equal(nearest_distance("same", "same"), 0);
	assert_int_equal(nearest_distance("a", "a word of more than thirty-one bytes"), 99);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		nearest_try("timelime", words[i], &best, &distance);
	assert_string_equal(best, "timeline");
	best = NULL;
	distance = 4;
	nearest_try("zzzzzzzzz", "show", &best, &distance);
	assert_null(best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
