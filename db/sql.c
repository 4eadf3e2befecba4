#include "db/sql.h"

#define SQLITE_ENABLE_PREUPDATE_HOOK /* of SQLite's sessions */
#define SQLITE_ENABLE_SESSION

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_PAGES 1000 /* of the log, until they are moved to the database */
#define KEPT		 512  /* statements; a power of two, above the number of texts in db/ */

/* A struct sql_row is a sqlite3_stmt under the name that callers see. */
struct sql {
	sqlite3 *db;
	bool reads; /* only */
	sqlite3_session *watch;
	struct {
		const char *text;
		sqlite3_stmt *stmt;
	} kept[KEPT];
};

static sqlite3_stmt *stmt_of(struct sql_row *r)
{
	return (sqlite3_stmt *)(void *)r;
}

/*
 * After a commit that made the log long: SQLite's own hook would do the same, but keep a failing
 * disk to itself. An error that is returned here becomes that of the COMMIT, which is in the log by
 * then.
 */
static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	int rc;

	(void)arg;
	if (pages < CHECKPOINT_PAGES)
		return SQLITE_OK;
	rc = sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return rc == SQLITE_BUSY ? SQLITE_OK : rc; /* a reader is in the way: next time */
}

int sql_open(const char *file, struct sql **out, char *err, size_t err_size)
{
	struct sql *q = calloc(1, sizeof *q);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

	if (!q)
		return -ENOMEM;
	if (sqlite3_open_v2(file, &q->db, flags, NULL) != SQLITE_OK ||
		sql_exec(q, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			    "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;") < 0) {
		snprintf(err, err_size, "%s: %s", file, sql_error(q));
		sql_close(q);
		return -EIO;
	}
	sqlite3_busy_timeout(q->db, 5000);
	sqlite3_wal_hook(q->db, on_commit, NULL);
	*out = q;
	return 0;
}

int sql_open_reader(const char *file, struct sql **out, char *err, size_t err_size)
{
	struct sql *q = calloc(1, sizeof *q);

	if (!q)
		return -ENOMEM;
	q->reads = true;
	if (sqlite3_open_v2(file, &q->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
			SQLITE_OK ||
		sql_exec(q, "PRAGMA query_only=ON; PRAGMA trusted_schema=OFF;") < 0) {
		snprintf(err, err_size, "%s: %s", file, sql_error(q));
		sql_close(q);
		return -ENOENT;
	}
	sqlite3_busy_timeout(q->db, 5000);
	*out = q;
	return 0;
}

/* What is in the log goes to the database, whoever else has it open: then one file can be copied.
 */
static void checkpoint(struct sql *q)
{
	if (q->db && !q->reads)
		sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

void sql_close(struct sql *q)
{
	if (!q)
		return;
	checkpoint(q);
	for (size_t i = 0; i < KEPT; i++)
		sqlite3_finalize(q->kept[i].stmt);
	sqlite3_close(q->db);
	free(q);
}

const char *sql_error(struct sql *q)
{
	return q->db ? sqlite3_errmsg(q->db) : "out of memory";
}

int sql_exec(struct sql *q, const char *text)
{
	return sqlite3_exec(q->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

static sqlite3_stmt *kept(struct sql *q, const char *text)
{
	size_t i = ((uintptr_t)text >> 4) & (KEPT - 1);

	for (size_t n = 0; n < KEPT; n++, i = (i + 1) & (KEPT - 1)) {
		if (q->kept[i].text == text)
			return q->kept[i].stmt;
		if (q->kept[i].text)
			continue;
		if (sqlite3_prepare_v3(q->db, text, -1, SQLITE_PREPARE_PERSISTENT, &q->kept[i].stmt,
			    NULL) != SQLITE_OK)
			return NULL;
		q->kept[i].text = text;
		return q->kept[i].stmt;
	}
	return NULL;
}

static int bind_all(sqlite3_stmt *s, const char *types, va_list ap)
{
	int rc = SQLITE_OK;

	for (int i = 1; *types && rc == SQLITE_OK; types++, i++) {
		if (*types == 'i') {
			rc = sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
		} else if (*types == 't') {
			rc = sqlite3_bind_text(
				s, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		} else {
			const void *p = va_arg(ap, const void *);

			rc = sqlite3_bind_blob64(s, i, p, va_arg(ap, size_t), SQLITE_TRANSIENT);
		}
	}
	return rc == SQLITE_OK ? 0 : -EIO;
}

static struct sql_row *start(struct sql *q, const char *text, const char *types, va_list ap)
{
	sqlite3_stmt *s = kept(q, text);

	if (!s || bind_all(s, types, ap) < 0)
		return NULL;
	return (struct sql_row *)(void *)s;
}

struct sql_row *sql_start(struct sql *q, const char *text, const char *types, ...)
{
	struct sql_row *r;
	va_list ap;

	va_start(ap, types);
	r = start(q, text, types, ap);
	va_end(ap);
	return r;
}

int sql_next(struct sql_row *r)
{
	int rc;

	if (!r)
		return -EIO;
	rc = sqlite3_step(stmt_of(r));
	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	return rc == SQLITE_CONSTRAINT ? -EEXIST : -EIO;
}

int sql_one(struct sql_row *r)
{
	int rc = sql_next(r);

	return rc > 0 ? 0 : rc == 0 ? -ENOENT : rc;
}

void sql_end(struct sql_row *r)
{
	if (!r)
		return;
	sqlite3_reset(stmt_of(r));
	sqlite3_clear_bindings(stmt_of(r));
}

int sql_run(struct sql *q, const char *text, const char *types, ...)
{
	struct sql_row *r;
	va_list ap;
	int rc;

	va_start(ap, types);
	r = start(q, text, types, ap);
	va_end(ap);
	while ((rc = sql_next(r)) > 0)
		;
	sql_end(r);
	return rc;
}

int sql_value(struct sql *q, char **out, const char *text, const char *types, ...)
{
	struct sql_row *r;
	va_list ap;
	int rc;

	va_start(ap, types);
	r = start(q, text, types, ap);
	va_end(ap);
	rc = sql_next(r);
	if (rc > 0) {
		const unsigned char *v = sqlite3_column_text(stmt_of(r), 0);
		char *copy = v ? strdup((const char *)v) : NULL;

		if (copy)
			*out = copy;
		rc = copy ? 0 : v ? -ENOMEM : -ENOENT;
	} else if (rc == 0) {
		rc = -ENOENT;
	}
	sql_end(r);
	return rc;
}

int64_t sql_int(struct sql_row *r, int col)
{
	return sqlite3_column_int64(stmt_of(r), col);
}

void sql_text(struct sql_row *r, int col, char *out, size_t size)
{
	const unsigned char *v = sqlite3_column_text(stmt_of(r), col);

	snprintf(out, size, "%s", v ? (const char *)v : "");
}

const char *sql_borrow(struct sql_row *r, int col)
{
	return (const char *)sqlite3_column_text(stmt_of(r), col);
}

int sql_blob(struct sql_row *r, int col, void *out, size_t len)
{
	const void *v = sqlite3_column_blob(stmt_of(r), col);

	if (!v || (size_t)sqlite3_column_bytes(stmt_of(r), col) != len)
		return 0;
	memcpy(out, v, len);
	return 1;
}

size_t sql_bytes(struct sql_row *r, int col, void *out, size_t max)
{
	const void *v = sqlite3_column_blob(stmt_of(r), col);
	size_t len = (size_t)sqlite3_column_bytes(stmt_of(r), col);

	if (!v || len > max)
		return 0;
	memcpy(out, v, len);
	return len;
}

int sql_copy(struct sql_row *r, int col, void **out, size_t *len)
{
	const void *v = sqlite3_column_blob(stmt_of(r), col);
	const size_t n = (size_t)sqlite3_column_bytes(stmt_of(r), col);
	void *copy = malloc(n + 1);

	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, v, n);
	*out = copy;
	*len = n;
	return 0;
}

int64_t sql_last_id(struct sql *q)
{
	return sqlite3_last_insert_rowid(q->db);
}

int sql_changes(struct sql *q)
{
	return sqlite3_changes(q->db);
}

/* ---- taking back ---- */

/* What is true whatever becomes of the rest. */
static int is_watched(void *arg, const char *table)
{
	(void)arg;
	return strcmp(table, "audit") != 0 && strcmp(table, "metric") != 0 &&
	       strcmp(table, "undo") != 0;
}

int sql_watch(struct sql *q)
{
	if (sqlite3session_create(q->db, "main", &q->watch) != SQLITE_OK)
		return -EIO;
	sqlite3session_table_filter(q->watch, is_watched, NULL);
	if (sqlite3session_attach(q->watch, NULL) == SQLITE_OK)
		return 0;
	sqlite3session_delete(q->watch);
	q->watch = NULL;
	return -EIO;
}

/* Memory of SQLite's becomes that of malloc. */
static int take(void *from, int n, void **out, size_t *len)
{
	void *copy = malloc((size_t)n + 1);

	if (copy && n)
		memcpy(copy, from, (size_t)n);
	sqlite3_free(from);
	if (!copy)
		return -ENOMEM;
	*out = copy;
	*len = (size_t)n;
	return 0;
}

int sql_unwatch(struct sql *q, bool keep, void **undo, size_t *len)
{
	void *done = NULL, *back = NULL;
	int n = 0, m = 0, rc = SQLITE_OK;

	if (keep)
		rc = sqlite3session_changeset(q->watch, &n, &done);
	if (keep && rc == SQLITE_OK)
		rc = sqlite3changeset_invert(n, done, &m, &back);
	sqlite3session_delete(q->watch);
	q->watch = NULL;
	sqlite3_free(done);
	if (rc != SQLITE_OK)
		return -EIO;
	return keep ? take(back, m, undo, len) : 0;
}

/* What somebody else has changed, or taken away, since stays so. */
static int on_conflict(void *arg, int why, sqlite3_changeset_iter *it)
{
	(void)arg;
	(void)it;
	return why == SQLITE_CHANGESET_FOREIGN_KEY ? SQLITE_CHANGESET_ABORT : SQLITE_CHANGESET_OMIT;
}

int sql_undo(struct sql *q, void *undo, size_t len)
{
	int rc = sqlite3changeset_apply(q->db, (int)len, undo, NULL, on_conflict, NULL);

	return rc == SQLITE_OK ? 0 : rc == SQLITE_ABORT || rc == SQLITE_CONSTRAINT ? -EEXIST : -EIO;
}
