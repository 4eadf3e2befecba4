/* Spreadsheets: with and without a header, quoted, and wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/csv.h"

static const char *const first[] = { "serial", "name", "image", NULL };

/* "a|b/c|d": cells of serial, name, image of each row; '~' where there is no such column. */
static void print(const struct csv *c, char *out, size_t size)
{
	size_t n = 0;

	*out = 0;
	for (size_t row = 0; row < c->n_rows; row++) {
		for (size_t i = 0; first[i]; i++) {
			const char *cell = csv_cell(c, row, first[i]);

			n += (size_t)snprintf(out + n, size - n, "%s%s",
				i     ? "|"
				: row ? "/"
				      : "",
				cell ? cell : "~");
		}
	}
}

static void files(void **state)
{
	static const struct {
		const char *text, *want, *err;
	} rows[] = {
		{ "A1\nA2,n2\nA3,n3,kvm\n", "A1||/A2|n2|/A3|n3|kvm", NULL },
		{ "A1,n1,kvm", "A1|n1|kvm", NULL },
		{ "Name,Serial\r\nn1,A1\r\n\r\nn2,A2\r\n", "A1|n1|~/A2|n2|~", NULL },
		{ "\xef\xbb\xbfserial\nA1\n", "A1|~|~", NULL },
		{ "serial,name\n\"A,1\",\"say \"\"n1\"\"\"\n", "A,1|say \"n1\"|~", NULL },
		{ "serial,name\n\"two\nlines\",n1\n", "two\nlines|n1|~", NULL },
		{ "serial,name,\nA1,n1,\n", "A1|n1|~", NULL },
		{ "", "", NULL },
		{ "serial,name\n", "", NULL },
		{ "serial,name\nA1,n1,x\n", "", "line 2: more cells than there are columns" },
		{ "A1,n1,kvm,x\n", "",
			"line 1: more cells than columns; name them in a first line" },
		{ "serial\nA1\n\"A2\n", "", "line 3: a quote that does not end" },
		{ "serial\n\"A1\"x\n", "", "line 2: text behind a closing quote" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const size_t len = strlen(rows[i].text);
		char *exact = malloc(len ? len : 1), out[200], err[120] = "";
		struct csv c = { 0 };
		int rc;

		assert_non_null(exact);
		memcpy(exact, rows[i].text, len);
		print_message("%s\n", rows[i].text);
		rc = csv_read(exact, len, first, &c, err, sizeof err);
		assert_int_equal(rc, rows[i].err ? -EBADMSG : 0);
		if (rows[i].err)
			assert_string_equal(err, rows[i].err);
		print(&c, out, sizeof out);
		assert_string_equal(out, rows[i].want);
		csv_fini(&c);
		free(exact);
	}
}

static void many_rows(void **state)
{
	static char text[8 * 300];
	char err[120];
	struct csv c;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 300; i++)
		n += (size_t)sprintf(text + n, "A%d\n", i);
	assert_int_equal(csv_read(text, n, first, &c, err, sizeof err), 0);
	assert_int_equal(c.n_rows, 300);
	assert_string_equal(csv_cell(&c, 299, "serial"), "A299");
	assert_int_equal(c.lines[299], 300);
	csv_fini(&c);
}

static void twice(void **state)
{
	static const struct {
		const char *text, *err;
	} rows[] = {
		{ "serial,name\nA1,n1\nA2,n2\n", "" },
		{ "serial,name\n,n1\n,n2\n", "" },
		{ "name\nn1\n", "" },
		{ "serial\n", "" },
		{ "serial,name\nA1,n1\nB1,n2\n\na1,n3\nA1,n4\n",
			"lines 2 and 5: a1 is there twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct csv c = { 0 };
		char err[160] = "";

		print_message("%s\n", rows[i].text);
		assert_int_equal(
			csv_read(rows[i].text, strlen(rows[i].text), first, &c, err, sizeof err),
			0);
		assert_int_equal(csv_twice(&c, "serial", err, sizeof err), *rows[i].err != 0);
		assert_string_equal(err, rows[i].err);
		csv_fini(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(many_rows),
		cmocka_unit_test(twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
