/*
 * Taking back what was committed in several transactions. Each of them has a row that says how to
 * make undone what it did; the last one removes these rows. Rows that are there when the server
 * starts are of one that ended in between.
 */
#include <errno.h>
#include <stdlib.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

int store_watch(struct store *s)
{
	return sql_watch(s->q);
}

int store_unwatch(struct store *s, bool keep)
{
	void *undo = NULL;
	size_t len = 0;
	int rc = sql_unwatch(s->q, keep, &undo, &len);

	if (!rc && len)
		rc = sql_run(s->q, "INSERT INTO undo (changes) VALUES (?)", "b", undo, len);
	free(undo);
	return rc;
}

int store_undo_step(struct store *s)
{
	struct sql_row *r =
		sql_start(s->q, "SELECT id, changes FROM undo ORDER BY id DESC LIMIT 1", "");
	int rc = sql_one(r), undone = 0;
	int64_t id = 0;
	void *undo = NULL;
	size_t len = 0;

	if (!rc) {
		id = sql_int(r, 0);
		rc = sql_copy(r, 1, &undo, &len);
	}
	sql_end(r);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	undone = sql_undo(s->q, undo, len);
	free(undo);
	if (undone < 0 && undone != -EEXIST)
		return undone;
	rc = sql_run(s->q, "DELETE FROM undo WHERE id = ?", "i", id);
	return rc < 0 ? rc : undone < 0 ? 2 : 1;
}

int store_undo_forget(struct store *s)
{
	return sql_run(s->q, "DELETE FROM undo", "");
}
