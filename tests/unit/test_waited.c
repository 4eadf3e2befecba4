/* test_waited.c: what a boot waited for, apart from how long it took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/waited.h"

#define NOW 100000

static void test_rows(void **state)
{
	static const struct {
		const char *boot, *text;
		int64_t took_ms; /* of 60 s */
	} rows[] = {
		{ "{}", "", 60000 },
		{ "{\"waited\":{\"approval\":0,\"image\":0,\"turn\":0},\"waits_for\":null}", "",
			60000 },
		{ "{\"waited\":{\"approval\":41000,\"image\":0,\"turn\":0},\"waits_for\":null}",
			"waited 41.0 s for approval", 19000 },
		{ "{\"waited\":{\"approval\":5000,\"image\":6000,\"turn\":7000}}",
			"waited 5.0 s for approval, 6.0 s for an image, 7.0 s for its turn",
			42000 },
		{ "{\"waited\":{\"turn\":1000},\"waits_for\":\"turn\",\"waits_since\":98000}",
			"waiting 3.0 s for its turn", 57000 },
		{ "{\"waits_for\":\"turn\",\"waits_since\":200000}", "",
			60000 }, /* another clock */
		{ "{\"waits_for\":\"weather\",\"waits_since\":1}", "", 60000 },
		{ "{\"waited\":{\"approval\":90000}}", "waited 90.0 s for approval", 0 },
		{ "{\"waited\":{\"approval\":-5}}", "", 60000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct waited w;
		char err[160], text[WAITED_TEXT];
		struct json *boot = json_read(rows[i].boot, strlen(rows[i].boot), err, sizeof err);

		print_message("row: %s\n", rows[i].boot);
		assert_non_null(boot);
		waited_read(boot, NOW, &w);
		assert_string_equal(waited_text(&w, text), rows[i].text);
		assert_int_equal(waited_took_ms(&w, 60000), rows[i].took_ms);
		json_free(boot);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
