/*
 * csv.h: comma-separated values (RFC 4180) out of a spreadsheet, whose first line names the columns
 * in any order. Pure, but for the rows' own memory.
 */
#ifndef MUSTER_SERVER_CTL_CSV_H
#define MUSTER_SERVER_CTL_CSV_H

#include <stdbool.h>
#include <stddef.h>

#define CSV_COLS_MAX 32
#define CSV_ROWS_MAX 20000

struct csv {
	size_t n_cols, n_rows;
	const char *cols[CSV_COLS_MAX]; /* in lower case */
	char **cells;			/* n_rows times n_cols; a short row ends in "" */
	unsigned *lines;		/* of the file, where each row begins */
	char *text;			/* what all of them borrow */
	size_t room;			/* rows that there is memory for */
};

/*
 * `first` names the columns of a file without a header, and is what a header is known by: its first
 * line has one of these words; NULL-ended, and borrowed. Returns 0; -EBADMSG with one sentence in
 * err; -ENOMEM.
 */
int csv_read(const char *text, size_t len, const char *const *first, struct csv *out, char *err,
	size_t err_size);
void csv_fini(struct csv *c); /* accepts a zeroed one */

/* The cell of that column; "" where it is empty, NULL where there is no such column. */
const char *csv_cell(const struct csv *c, size_t row, const char *col);

/*
 * Has the column a word twice, in upper or lower case? Empty cells do not count. Then, or without
 * memory to tell, one sentence is in err: which of two rows would count?
 */
bool csv_twice(const struct csv *c, const char *col, char *err, size_t err_size);

#endif
