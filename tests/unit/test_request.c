/* test_request.c: queries, parameter by parameter. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/request.h"

/* "key=value " of each parameter, with '!' for a value that is not printable. */
static void walk(const char *query, char *out, size_t size)
{
	char key[8], value[8];
	size_t n = 0;
	int rc;

	*out = 0;
	while ((rc = query_next(&query, key, sizeof key, value, sizeof value)) != 0)
		n += (size_t)snprintf(out + n, size - n, "%s=%s%s ", key, rc < 0 ? "!" : "", value);
}

static void each_parameter(void **state)
{
	static const struct {
		const char *query, *want;
	} rows[] = {
		{ "", "" },
		{ "&&", "" },
		{ "a=1", "a=1 " },
		{ "a=1&b=2", "a=1 b=2 " },
		{ "&a=1&&b=2&", "a=1 b=2 " },
		{ "a", "a= " },
		{ "a=", "a= " },
		{ "a&b", "a= b= " },
		{ "=1", "=1 " },
		{ "a=b=c", "a=b=c " },
		{ "a=%31+2", "a=1 2 " },
		{ "a%31=1", "a%31=1 " },
		{ "a=%00&b=2", "a=! b=2 " },
		{ "a=%C3%A9", "a=! " },
		{ "a=%4", "a=! " },
		{ "a=1%", "a=! " },
		{ "longerkey=longervalue", "longerk=longerv " },
	};
	char got[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("row: %s\n", rows[i].query);
		walk(rows[i].query, got, sizeof got);
		assert_string_equal(got, rows[i].want);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(each_parameter) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
