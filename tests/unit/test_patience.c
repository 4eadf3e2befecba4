/* How long a boot may be silent: what earlier boots say about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/patience.h"

static const struct {
	const char *name;
	size_t n_own, n_image;
	int64_t own[PATIENCE_OWN], image[PATIENCE_IMAGE];
	int64_t want_s;
} rows[] = {
	{ "nothing is known", 0, 0, { 0 }, { 0 }, 900 },
	{ "one boot of its own", 1, 0, { 60000 }, { 0 }, 240 },
	{ "quick boots: the least", 3, 0, { 100, 200, 300 }, { 0 }, 120 },
	{ "slow ones: the most", 2, 0, { 400000, 500000 }, { 0 }, 900 },
	{ "one odd boot does not count", 5, 0, { 50000, 50000, 800000, 50000, 1 }, { 0 }, 200 },
	{ "the image's median", 0, 3, { 0 }, { 90000, 1, 60000 }, 240 },
	{ "the longer of the two", 1, 1, { 50000 }, { 100000 }, 400 },
	{ "and the other way", 1, 1, { 100000 }, { 50000 }, 400 },
	{ "of two the upper", 2, 0, { 40000, 50000 }, { 0 }, 200 },
	{ "no overflow", 1, 0, { INT64_MAX }, { 0 }, 900 },
};

static void test_patience(void **state)
{
	const struct patience_limits l = { 120000, 900000, 4 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t own[PATIENCE_OWN], image[PATIENCE_IMAGE];

		print_message("row: %s\n", rows[i].name);
		memcpy(own, rows[i].own, sizeof own);
		memcpy(image, rows[i].image, sizeof image);
		assert_int_equal(patience_of(&l, own, rows[i].n_own, image, rows[i].n_image),
			rows[i].want_s * 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_patience) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
