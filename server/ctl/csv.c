#include "server/ctl/csv.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One walk over the text, whose cells are ended with NUL in place. */
struct walk {
	char *p, *end;
	unsigned line;
	char *err;
	size_t err_size;
};

static int wrong(struct walk *w, unsigned line, const char *what)
{
	snprintf(w->err, w->err_size, "line %u: %s", line, what);
	return -EBADMSG;
}

/* A quoted cell: its text moves over its own quotes. w->p is behind the opening one. */
static int read_quoted(struct walk *w, char **cell)
{
	const unsigned start = w->line;
	char *out = *cell = w->p;

	while (w->p < w->end) {
		w->line += *w->p == '\n';
		if (*w->p == '"') {
			w->p++;
			if (w->p == w->end || *w->p != '"') {
				if (w->p < w->end && !strchr(",\r\n", *w->p))
					return wrong(w, w->line, "text behind a closing quote");
				*out = 0;
				return 0;
			}
		}
		*out++ = *w->p++;
	}
	return wrong(w, start, "a quote that does not end");
}

/*
 * The next cell; *last: it ends its line. Its NUL may take the place of what ended it, which has
 * been looked at by then.
 */
static int read_cell(struct walk *w, char **cell, bool *last)
{
	char *end, ended_by;
	int rc = 0;

	if (w->p < w->end && *w->p == '"') {
		w->p++;
		rc = read_quoted(w, cell);
		end = NULL;
	} else {
		*cell = w->p;
		w->p += strcspn(w->p, ",\r\n");
		end = w->p;
	}
	if (rc)
		return rc;
	ended_by = w->p < w->end ? *w->p : '\n';
	w->p += w->p < w->end;
	if (ended_by == '\r' && w->p < w->end && *w->p == '\n')
		w->p++;
	*last = ended_by != ',';
	w->line += *last;
	if (end)
		*end = 0;
	return 0;
}

/* The cells of one line, at most max; returns their number, or an error. */
static int read_line(struct walk *w, char **cells, size_t max)
{
	const unsigned line = w->line;
	bool last = false;
	size_t n = 0;

	while (!last) {
		int rc;

		if (n == max)
			return wrong(w, line, "more cells than there are columns");
		rc = read_cell(w, &cells[n++], &last);
		if (rc)
			return rc;
	}
	return (int)n;
}

static bool is_header(char *const *cells, int n, const char *const *first)
{
	for (int i = 0; i < n; i++) {
		for (const char *const *word = first; *word; word++) {
			if (!strcasecmp(cells[i], *word))
				return true;
		}
	}
	return false;
}

static int make_room(struct csv *c)
{
	const size_t room = c->room ? 2 * c->room : 64;
	void *cells = reallocarray(c->cells, room * c->n_cols, sizeof *c->cells), *lines;

	if (!cells)
		return -ENOMEM;
	c->cells = cells;
	lines = reallocarray(c->lines, room, sizeof *c->lines);
	if (!lines)
		return -ENOMEM;
	c->lines = lines;
	c->room = room;
	return 0;
}

static int add_row(struct csv *c, struct walk *w, char **cells, int n, unsigned line)
{
	static char empty[1];
	int rc = 0;

	if (n == 1 && !*cells[0])
		return 0; /* a blank line */
	if (c->n_rows == CSV_ROWS_MAX)
		return wrong(w, line, "more rows than one file may have");
	if (c->n_rows == c->room)
		rc = make_room(c);
	if (rc)
		return rc;
	for (size_t i = 0; i < c->n_cols; i++)
		c->cells[c->n_rows * c->n_cols + i] = i < (size_t)n ? cells[i] : empty;
	c->lines[c->n_rows++] = line;
	return 0;
}

/* The columns: of the first line, or of `first`, as whose row it counts then. */
static int read_head(struct csv *c, struct walk *w, const char *const *first)
{
	char *cells[CSV_COLS_MAX];
	int n = read_line(w, cells, CSV_COLS_MAX);

	if (n < 0)
		return n;
	if (is_header(cells, n, first)) {
		for (int i = 0; i < n; i++) {
			c->cols[c->n_cols++] = cells[i];
			for (char *s = cells[i]; *s; s++)
				*s = (char)tolower((unsigned char)*s);
		}
		return 0;
	}
	while (first[c->n_cols]) {
		c->cols[c->n_cols] = first[c->n_cols];
		c->n_cols++;
	}
	if ((size_t)n > c->n_cols)
		return wrong(w, 1, "more cells than columns; name them in a first line");
	return add_row(c, w, cells, n, 1);
}

int csv_read(const char *text, size_t len, const char *const *first, struct csv *out, char *err,
	size_t err_size)
{
	struct csv c = { .text = malloc(len + 1) };
	struct walk w = { .line = 1, .err = err, .err_size = err_size };
	int rc;

	if (!c.text)
		return -ENOMEM;
	memcpy(c.text, text, len);
	c.text[len] = 0;
	w.p = c.text;
	w.end = c.text + len;
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		w.p += 3; /* a spreadsheet's mark of UTF-8 */
	rc = memchr(text, 0, len) ? wrong(&w, 1, "it is no text") : read_head(&c, &w, first);
	while (!rc && w.p < w.end) {
		const unsigned line = w.line;
		char *cells[CSV_COLS_MAX];

		rc = read_line(&w, cells, c.n_cols);
		if (rc > 0)
			rc = add_row(&c, &w, cells, rc, line);
	}
	if (rc < 0)
		csv_fini(&c);
	else
		*out = c;
	return rc;
}

void csv_fini(struct csv *c)
{
	free(c->cells);
	free(c->lines);
	free(c->text);
	*c = (struct csv){ 0 };
}

const char *csv_cell(const struct csv *c, size_t row, const char *col)
{
	for (size_t i = 0; i < c->n_cols; i++) {
		if (!strcmp(c->cols[i], col))
			return c->cells[row * c->n_cols + i];
	}
	return NULL;
}

struct place {
	const char *word;
	unsigned line;
};

static int by_word(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	const int d = strcasecmp(x->word, y->word);

	return d ? d : x->line < y->line ? -1 : 1;
}

bool csv_twice(const struct csv *c, const char *col, char *err, size_t err_size)
{
	struct place *all = calloc(c->n_rows + 1, sizeof *all);
	size_t i;

	if (!all) {
		snprintf(err, err_size, "out of memory");
		return true;
	}
	for (i = 0; i < c->n_rows; i++) {
		const char *word = csv_cell(c, i, col);

		all[i] = (struct place){ word ? word : "", c->lines[i] };
	}
	qsort(all, c->n_rows, sizeof *all, by_word);
	for (i = 1; i < c->n_rows; i++) {
		if (*all[i].word && !strcasecmp(all[i - 1].word, all[i].word))
			break;
	}
	if (i < c->n_rows)
		snprintf(err, err_size, "lines %u and %u: %s is there twice", all[i - 1].line,
			all[i].line, all[i].word);
	free(all);
	return i < c->n_rows;
}
