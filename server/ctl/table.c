/* table.c: rows for people and for machines. */
#include "server/ctl/table.h"

#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/format.h"

#define GAP 2 /* blanks between columns */

void table_init(struct table *t, const struct ctl *c, const struct column *cols, size_t n_cols)
{
	*t = (struct table){ .c = c, .cols = cols, .n_cols = n_cols };
}

void table_fini(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){ 0 };
}

static bool is_shown(const struct table *t, size_t col)
{
	switch (t->c->format) {
	case CTL_CSV:
		return true;
	case CTL_NAME:
		return col == 0;
	default:
		return t->cols[col].when == COL_ALWAYS || t->c->format == CTL_WIDE;
	}
}

void table_cell(struct table *t, const char *people, const char *machine)
{
	const bool for_machines = t->c->format == CTL_CSV || t->c->format == CTL_NAME;
	char **cell;

	if (t->n_cells == t->size) {
		size_t size = t->size ? 2 * t->size : 64;
		char **cells = reallocarray(t->cells, size, sizeof *cells);

		if (!cells)
			err(CTL_FAILED, "table");
		t->cells = cells;
		t->size = size;
	}
	cell = t->cells + t->n_cells;
	*cell = NULL;
	if (!is_shown(t, t->n_cells++ % t->n_cols))
		return;
	*cell = strdup(for_machines && machine ? machine : people);
	if (!*cell)
		err(CTL_FAILED, "table");
	if (!for_machines)
		format_clean(*cell);
}

static const char *cell_at(const struct table *t, size_t row, size_t col)
{
	return t->cells[row * t->n_cols + col];
}

static void put_blanks(size_t n)
{
	while (n--)
		putc_unlocked(' ', stdout);
}

static void put_padded(const char *s, size_t width, const struct column *col, bool last)
{
	const size_t blanks = width - format_width(s);

	put_blanks(col->align == COL_RIGHT ? blanks : 0);
	fputs_unlocked(s, stdout);
	if (!last)
		put_blanks((col->align == COL_RIGHT ? 0 : blanks) + GAP);
}

static void print_people(const struct table *t)
{
	size_t width[32] = { 0 }, shown[32], n = 0, rows = t->n_cells / t->n_cols;

	for (size_t i = 0; i < t->n_cols && n < ARRAY_LEN(shown); i++) {
		if (is_shown(t, i))
			shown[n++] = i;
	}
	for (size_t k = 0; k < n; k++) {
		width[k] = format_width(t->cols[shown[k]].title);
		for (size_t r = 0; r < rows; r++) {
			size_t w = format_width(cell_at(t, r, shown[k]));

			width[k] = w > width[k] ? w : width[k];
		}
	}
	for (size_t k = 0; k < n; k++)
		put_padded(t->cols[shown[k]].title, width[k], &t->cols[shown[k]], k + 1 == n);
	putchar('\n');
	for (size_t r = 0; r < rows; r++) {
		for (size_t k = 0; k < n; k++)
			put_padded(
				cell_at(t, r, shown[k]), width[k], &t->cols[shown[k]], k + 1 == n);
		putchar('\n');
	}
}

/* RFC 4180: quote what holds a comma or a quote, double the quotes; lines stay whole. */
static void put_csv(const char *s, int last)
{
	bool quote = strpbrk(s, ",\"\r\n");

	if (quote)
		putchar('"');
	for (; *s; s++) {
		if (*s == '"')
			putchar('"');
		putchar(iscntrl((unsigned char)*s) ? '?' : *s);
	}
	if (quote)
		putchar('"');
	putchar(last ? '\n' : ',');
}

void csv_row(const char *const *cells, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_csv(cells[i], i + 1 == n);
}

static void print_csv(const struct table *t)
{
	for (size_t i = 0; i < t->n_cols; i++) {
		for (const char *p = t->cols[i].title; *p; p++)
			putchar(*p == ' ' ? '_' : tolower((unsigned char)*p));
		putchar(i + 1 == t->n_cols ? '\n' : ',');
	}
	for (size_t r = 0; r < t->n_cells / t->n_cols; r++) {
		for (size_t i = 0; i < t->n_cols; i++)
			put_csv(cell_at(t, r, i), i + 1 == t->n_cols);
	}
}

void table_print(const struct table *t)
{
	if (t->c->format == CTL_CSV) {
		print_csv(t);
	} else if (t->c->format == CTL_NAME) {
		for (size_t r = 0; r < t->n_cells / t->n_cols; r++)
			puts(cell_at(t, r, 0));
	} else {
		print_people(t);
	}
}

void print_wrapped(const struct ctl *c, const char *text, size_t indent)
{
	char clean[PRINT_WRAPPED_MAX];
	size_t col = indent;

	snprintf(clean, sizeof clean, "%s", text);
	format_clean(clean);
	for (const char *s = clean; *s;) {
		const size_t word = strcspn(s, " ");

		if (col > indent && col + 1 + word > c->columns) {
			printf("\n%*s", (int)indent, "");
			col = indent;
		}
		printf("%s%.*s", col > indent ? " " : "", (int)word, s);
		col += word + (col > indent);
		s += word + strspn(s + word, " ");
	}
	putchar('\n');
}
