/*
 * sql.h: the little of SQLite that the store needs; sql.c is the only file that includes sqlite3.h.
 *
 * Statements are prepared once and kept, found again by the address of their text: texts are
 * string literals. Values are bound by a string of types, one letter each:
 *   i int64_t   t const char * (NULL: SQL NULL)   b const void *, size_t (NULL: SQL NULL)
 * Errors: -EEXIST a unique constraint, -EIO anything else (sql_error has the words).
 */
#ifndef MUSTER_DB_SQL_H
#define MUSTER_DB_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sql;
struct sql_row;

int sql_open(const char *file, struct sql **out, char *err, size_t err_size);
/* A file that is there, for reading only. -ENOENT: it is not, or not made yet. */
int sql_open_reader(const char *file, struct sql **out, char *err, size_t err_size);
void sql_close(struct sql *q); /* accepts NULL */

/* Statements without values, several separated by ';'. */
int sql_exec(struct sql *q, const char *text);

/* Start a statement with its values bound; NULL on failure. One use of a text at a time. */
struct sql_row *sql_start(struct sql *q, const char *text, const char *types, ...);
/* 1: a row is there; 0: finished; -EEXIST, -EIO. */
int sql_next(struct sql_row *r);
/* The same where one row is wanted: 0 when it is there, -ENOENT when not. */
int sql_one(struct sql_row *r);
/* After the last sql_next, and also when a caller stops before. Accepts NULL. */
void sql_end(struct sql_row *r);

/* The whole of a statement whose rows do not matter. */
int sql_run(struct sql *q, const char *text, const char *types, ...);
/* The first column of the first row as text to free(); -ENOENT without a row or when it is NULL. */
int sql_value(struct sql *q, char **out, const char *text, const char *types, ...);

int64_t sql_int(struct sql_row *r, int col);
void sql_text(struct sql_row *r, int col, char *out, size_t size); /* NULL: "" */
/* Borrowed until the next sql_next; NULL for NULL. */
const char *sql_borrow(struct sql_row *r, int col);
/* Copies when the blob has exactly len bytes: 1; else leaves *out alone: 0. */
int sql_blob(struct sql_row *r, int col, void *out, size_t len);
/* Copies a blob of at most max bytes. Returns its length; 0 for NULL and for a longer one. */
size_t sql_bytes(struct sql_row *r, int col, void *out, size_t max);

/* The blob as memory to free(). */
int sql_copy(struct sql_row *r, int col, void **out, size_t *len);

int64_t sql_last_id(struct sql *q);
int sql_changes(struct sql *q);
/*
 * From sql_watch to sql_unwatch it is recorded what is written; with `keep`, *undo (to free()) is
 * then what sql_undo takes to make it as it was, but for what was changed again in between.
 * -EEXIST: it cannot be so any more, and nothing is done.
 */
int sql_watch(struct sql *q);
int sql_unwatch(struct sql *q, bool keep, void **undo, size_t *len);
int sql_undo(struct sql *q, void *undo, size_t len);
/* The text of the last failure. */
const char *sql_error(struct sql *q);

#endif
