/* NAME@VERSION#RELEASE */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/image_ref.h"

#define LONG "a123456789b123456789c123456789d123456789e123456789f123456789g1234"

static void versions_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		int want;
		const char *name, *version;
		uint64_t release;
		const char *query;
	} rows[] = {
		{ "kvm", 0, "kvm", "", 0, "" },
		{ "kvm@1", 0, "kvm", "1", 0, "version=1" },
		{ "kvm@1#7", 0, "kvm", "1", 7, "version=1&release=7" },
		{ "kvm#7", 0, "kvm", "", 7, "release=7" },
		{ "kvm@#7", 0, "kvm", "", 7, "release=7" },
		{ "kvm@6.1-2+b1", 0, "kvm", "6.1-2+b1", 0, "version=6.1-2%2Bb1" },
		{ "", -EINVAL, "", "", 0, "" },
		{ "@1", -EINVAL, "", "", 0, "" },
		{ "kvm@", -EINVAL, "", "", 0, "" },
		{ "kvm#", -EINVAL, "", "", 0, "" },
		{ "kvm@1#", -EINVAL, "", "", 0, "" },
		{ "kvm@1#0", -EINVAL, "", "", 0, "" },
		{ "kvm@1#x", -EINVAL, "", "", 0, "" },
		{ "kvm@1@2", -EINVAL, "", "", 0, "" },
		{ "kvm/1", -EINVAL, "", "", 0, "" },
		{ "kvm@a b", -EINVAL, "", "", 0, "" },
		{ "kvm@1#9223372036854775808", -EINVAL, "", "", 0, "" },
		{ LONG, -EINVAL, "", "", 0, "" },
		{ "kvm@" LONG, -EINVAL, "", "", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = strdup(rows[i].text), query[IMAGE_REF_QUERY];
		struct image_ref ref = { 0 };

		print_message("row: %s\n", rows[i].text);
		assert_int_equal(image_ref_parse(text, &ref), rows[i].want);
		assert_string_equal(ref.name, rows[i].name);
		assert_string_equal(ref.version, rows[i].version);
		assert_int_equal(ref.release, rows[i].release);
		assert_string_equal(image_ref_query(&ref, query), rows[i].query);
		free(text);
	}
}

static void said_as_it_was_read(void **state)
{
	static const char *const rows[] = { "kvm", "kvm@1", "kvm@1#7", "kvm#7" };
	char text[IMAGE_REF_TEXT];
	struct image_ref ref;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(image_ref_parse(rows[i], &ref), 0);
		assert_string_equal(image_ref_print(&ref, text), rows[i]);
	}
}

static void a_text_is_escaped_whole(void **state)
{
	char out[8];

	(void)state;
	assert_string_equal(image_ref_escape("a b&c", out, sizeof out), "a%20b");
	assert_string_equal(image_ref_escape("", out, sizeof out), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_as_people_write_them),
		cmocka_unit_test(said_as_it_was_read),
		cmocka_unit_test(a_text_is_escaped_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
