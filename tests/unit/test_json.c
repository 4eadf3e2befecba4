/* test_json.c: what is refused, what is read, what is written. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/json.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define L8	     "[[[[[[[["
#define R8	     "]]]]]]]]"
#define BYTES(s)     (s), sizeof(s) - 1

static const struct {
	const char *name, *text;
	size_t len;
	int ok;
	const char *says; /* part of the sentence when refused */
} rows[] = {
	{ "object", BYTES("{\"a\":1}"), 1, NULL },
	{ "array", BYTES("[1, 2]\n"), 1, NULL },
	{ "sixteen levels", BYTES(L8 L8 R8 R8), 1, NULL },
	{ "seventeen levels", BYTES(L8 L8 "[" R8 R8 "]"), 0, "16 levels" },
	{ "seventeen levels of objects", BYTES(L8 L8 "{}" R8 R8), 0, "16 levels" },
	{ "nothing", BYTES(""), 0, "line 1" },
	{ "a bare number", BYTES("1"), 0, "line 1" },
	{ "a doubled key", BYTES("{\"a\":1,\n \"a\":2}"), 0, "line 2" },
	{ "a doubled key, escaped", BYTES("{\"a\":1,\"\\u0061\":2}"), 0, "duplicate" },
	{ "text after the end", BYTES("{} {}"), 0, "line 1" },
	{ "not closed", BYTES("{\"a\":"), 0, "line 1" },
	{ "byte order mark", BYTES("\xef\xbb\xbf{}"), 0, "line 1" },
	{ "NUL in the middle", BYTES("{\"a\":\0 1}"), 0, "line 1" },
	{ "NUL in a string", BYTES("{\"a\":\"\\u0000\"}"), 0, "line 1" },
	{ "NUL in a key", BYTES("{\"\\u0000a\":1}"), 0, "line 1" },
	{ "no UTF-8", BYTES("{\"a\":\"\xff\"}"), 0, "line 1" },
	{ "overlong UTF-8", BYTES("{\"a\":\"\xc0\xaf\"}"), 0, "line 1" },
	{ "lone surrogate", BYTES("{\"a\":\"\\ud800\"}"), 0, "line 1" },
	{ "leading zero", BYTES("[01]"), 0, "line 1" },
	{ "2 to the 64th", BYTES("[18446744073709551616]"), 0, "big" },
	{ "escape sequence in the complaint", BYTES("{\x1b[2J"), 0, "line 1" },
};

static struct json *read_exact(const char *text, size_t len, char *err, size_t err_size)
{
	char *exact = malloc(len ? len : 1);
	struct json *doc;

	assert_non_null(exact);
	memcpy(exact, text, len);
	doc = json_read(exact, len, err, err_size);
	free(exact);
	return doc;
}

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char err[128] = "";
		struct json *doc = read_exact(rows[i].text, rows[i].len, err, sizeof err);

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(doc != NULL, rows[i].ok);
		if (rows[i].says)
			assert_non_null(strstr(err, rows[i].says));
		for (const char *p = err; *p; p++)
			assert_in_range(*p, ' ', '~');
		json_free(doc);
	}
}

static void test_nodes(void **state)
{
	const char text[] = "{\"z\":\"s\",\"a\":-5,\"t\":true,\"l\":[1,null],\"r\":1.5}";
	struct json *doc = read_exact(BYTES(text), (char[64]){ 0 }, 64), *l;
	const char *key = NULL;
	char *out;

	(void)state;
	assert_non_null(doc);
	assert_int_equal(json_len(doc), 5);
	assert_string_equal(json_get_str(doc, "z", "no"), "s");
	assert_string_equal(json_get_str(doc, "a", "no"), "no");
	assert_int_equal(json_get_int(doc, "a", 0), -5);
	assert_int_equal(json_get_int(doc, "r", 7), 7);
	assert_int_equal(json_get_int(doc, "absent", 7), 7);
	assert_true(json_bool(json_get(doc, "t"), false));
	assert_true(json_bool(json_get(doc, "z"), true));
	assert_true(json_is_bool(json_get(doc, "t")));
	assert_false(json_is_bool(json_get(doc, "z")) || json_is_bool(NULL));
	l = json_get(doc, "l");
	assert_true(json_is_array(l) && !json_is_object(l));
	assert_int_equal(json_len(l), 2);
	assert_true(json_is_int(json_at(l, 0)) && !json_is_str(json_at(l, 1)));
	assert_null(json_at(l, 2));
	assert_null(json_at(doc, 0));
	assert_null(json_get(l, "z"));
	assert_non_null(json_member(doc, 1, &key));
	assert_string_equal(key, "a");
	assert_null(json_member(doc, 5, &key));
	assert_null(json_member(l, 0, &key));
	assert_int_equal(json_len(NULL), 0);
	out = json_text(l);
	assert_string_equal(out, "[1,null]");
	free(out);
	json_free(doc);
	json_free(NULL);
}

static const struct {
	const char *name, *value, *want;
} strings[] = {
	{ "plain", "kvm", "\"kvm\"" },
	{ "absent", NULL, "null" },
	{ "quote and backslash", "a\"b\\", "\"a\\\"b\\\\\"" },
	{ "control characters", "a\n\x1b\x7f", "\"a\\u000a\\u001b\\u007f\"" },
	{ "UTF-8 of 2, 3 and 4 bytes", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
	{ "a stray byte", "a\xff!", "\"a\xef\xbf\xbd!\"" },
	{ "cut short", "a\xe2\x82", "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "overlong", "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "surrogate", "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "past U+10FFFF", "\xf4\x90\x80\x80",
		"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
};

static void test_write_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		struct jw w = { 0 };

		print_message("row: %s\n", strings[i].name);
		jw_str(&w, NULL, strings[i].value);
		assert_false(w.bad);
		assert_string_equal(w.buf, strings[i].want);
		jw_fini(&w);
	}
}

static void test_write_tree(void **state)
{
	struct jw w = { 0 };

	(void)state;
	jw_obj(&w, NULL);
	jw_int(&w, "least", INT64_MIN);
	jw_arr(&w, "list");
	jw_obj(&w, NULL);
	jw_end_obj(&w);
	jw_bool(&w, NULL, false);
	jw_null(&w, NULL);
	jw_end_arr(&w);
	jw_raw(&w, "raw", "[1]");
	jw_end_obj(&w);
	assert_string_equal(
		w.buf, "{\"least\":-9223372036854775808,\"list\":[{},false,null],\"raw\":[1]}");
	assert_int_equal(w.len, strlen(w.buf));
	jw_fini(&w);
}

static void test_write_bounds(void **state)
{
	struct jw deep = { 0 }, unpaired = { 0 }, big = { 0 };

	(void)state;
	for (int i = 0; i < 17; i++)
		jw_arr(&deep, NULL);
	assert_true(deep.bad);
	jw_end_obj(&unpaired);
	assert_true(unpaired.bad);
	jw_arr(&big, NULL);
	for (int i = 0; i < 10000; i++)
		jw_str(&big, NULL, "sixteen letters!");
	jw_end_arr(&big);
	assert_false(big.bad);
	assert_int_equal(big.len, 2 + 10000 * 19 - 1);
	jw_fini(&deep);
	jw_fini(&unpaired);
	jw_fini(&big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_write_strings),
		cmocka_unit_test(test_write_tree),
		cmocka_unit_test(test_write_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
