/*
 * table.h: rows for people (-o table, wide) and for machines (-o csv, name), from one description.
 *
 * Columns are aligned by the characters that are seen, not by bytes; control characters in cells
 * become '?'. Out of memory ends the program with a message.
 */
#ifndef MUSTER_SERVER_CTL_TABLE_H
#define MUSTER_SERVER_CTL_TABLE_H

#include <stddef.h>

#include "server/ctl/ctl.h"

struct column {
	const char *title; /* "ADDRESS"; in csv in lower case */
	enum { COL_LEFT, COL_RIGHT } align;
	enum { COL_ALWAYS, COL_WIDE } when; /* csv has every column */
};

struct table {
	const struct ctl *c;
	const struct column *cols;
	size_t n_cols, n_cells, size;
	char **cells; /* as they are printed; NULL: it is not */
};

/* Of c, which is borrowed, the format says what is kept of each cell. */
void table_init(struct table *t, const struct ctl *c, const struct column *cols, size_t n_cols);
void table_fini(struct table *t);

/* The next cell, row by row. `machine` is for csv and name, NULL: the same as `people`. */
void table_cell(struct table *t, const char *people, const char *machine);

/* Print all rows as c->format says (CTL_JSON is the caller's: it has the server's own text). */
void table_print(const struct table *t);

/* Words on lines of c->columns, and a LF; all lines but the first are indented. */
#define PRINT_WRAPPED_MAX 1024 /* bytes, with NUL, of what is printed */
void print_wrapped(const struct ctl *c, const char *text, size_t indent);

/* One line of RFC 4180, for rows that come one at a time. */
void csv_row(const char *const *cells, size_t n);

#endif
