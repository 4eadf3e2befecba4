/* host.h: bytes as people write them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db/host.h"
#include "server/bytes.h"

static void bytes_from_text(void **state)
{
	static const struct {
		const char *text;
		int want;
		uint8_t first, last;
	} rows[] = {
		{ "01525400aabbcc", 7, 0x01, 0xcc },
		{ "01:52:54:00:AA:bb:cc", 7, 0x01, 0xcc },
		{ "0152:54", 3, 0x01, 0x54 },
		{ "ff", 1, 0xff, 0xff },
		{ "", -EBADMSG, 0, 0 },
		{ "f", -EBADMSG, 0, 0 },
		{ "fff", -EBADMSG, 0, 0 },
		{ "ff:", -EBADMSG, 0, 0 },
		{ ":ff", -EBADMSG, 0, 0 },
		{ "ff::ff", -EBADMSG, 0, 0 },
		{ "0x01", -EBADMSG, 0, 0 },
		{ "port 1", -EBADMSG, 0, 0 },
	};
	char longest[2 * HOST_BYTES_MAX + 3];
	uint8_t out[HOST_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("row: %s\n", rows[i].text);
		assert_int_equal(host_bytes_parse(rows[i].text, out), rows[i].want);
		if (rows[i].want > 0) {
			assert_int_equal(out[0], rows[i].first);
			assert_int_equal(out[rows[i].want - 1], rows[i].last);
		}
	}
	memset(longest, 'a', sizeof longest);
	longest[2 * HOST_BYTES_MAX] = 0;
	assert_int_equal(host_bytes_parse(longest, out), HOST_BYTES_MAX);
	longest[2 * HOST_BYTES_MAX] = 'a';
	longest[2 * HOST_BYTES_MAX + 2] = 0;
	assert_int_equal(host_bytes_parse(longest, out), -EBADMSG);
}

static void serials_that_fit(void **state)
{
	static const struct {
		const char *name, *serial;
		int want;
	} rows[] = {
		{ "none", "", 1 },
		{ "as makers have them", "CZ3-1234 (rev. B)", 1 },
		{ "of 63 bytes", "123456789012345678901234567890123456789012345678901234567890123",
			1 },
		{ "of 64", "1234567890123456789012345678901234567890123456789012345678901234", 0 },
		{ "an escape", "A\033[2J", 0 },
		{ "a line end", "A\n", 0 },
		{ "DEL", "A\177", 0 },
		{ "UTF-8", "S\303\251rie", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("row: %s\n", rows[i].name);
		assert_int_equal(host_serial_fits(rows[i].serial), rows[i].want);
	}
}

static void names_that_are_words(void **state)
{
	(void)state;
	assert_true(host_name_is_word("all") && host_name_is_word("ALL"));
	assert_false(host_name_is_word("all1") || host_name_is_word("al") || host_name_is_word(""));
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(bytes_from_text),
		cmocka_unit_test(serials_that_fit), cmocka_unit_test(names_that_are_words) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
