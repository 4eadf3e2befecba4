/* Which blobs are needed. */
#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

int store_blob_each(struct store *s, const struct digest *d,
	int (*fn)(void *arg, const struct digest *d), void *arg)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT ?1 UNION SELECT digest FROM image_file WHERE manifest = ?1"
		" UNION SELECT digest FROM image_signature WHERE manifest = ?1"
		" UNION SELECT digest FROM trust_signature WHERE signed = ?1",
		"b", d->b, sizeof d->b);
	struct digest one;
	int rc;

	while ((rc = sql_next(r)) > 0) {
		if (sql_blob(r, 0, one.b, sizeof one.b))
			rc = fn(arg, &one);
		if (rc < 0)
			break;
	}
	sql_end(r);
	return rc;
}

int store_blob_used(struct store *s, const struct digest *d)
{
	struct sql_row *r = sql_start(
		s->q, "SELECT 1 FROM blob_use WHERE digest = ? LIMIT 1", "b", d->b, sizeof d->b);
	int rc = sql_next(r);

	sql_end(r);
	return rc;
}

int store_papers_each(struct store *s, int (*fn)(void *arg, const struct digest *d), void *arg)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT manifest FROM image UNION SELECT digest FROM image_signature"
		" UNION SELECT digest FROM root UNION SELECT digest FROM channel"
		" UNION SELECT digest FROM trust_signature",
		"");
	struct digest d;
	int more, rc = 0;

	while (!rc && (more = sql_next(r)) > 0) {
		if (sql_blob(r, 0, d.b, sizeof d.b))
			rc = fn(arg, &d);
	}
	sql_end(r);
	return !rc && more < 0 ? more : rc;
}

/*
 * SQLite reads in one transaction, so that writers only find their log growing meanwhile; what was
 * removed from the database is not in the copy, not even in pages that are free. query_only means
 * the copy, too; that the database is open for reading only is another thing, and stays.
 */
int store_copy(struct store *s, const char *file)
{
	int rc = sql_exec(s->q, "PRAGMA query_only=OFF");

	if (!rc)
		rc = sql_run(s->q, "VACUUM INTO ?", "t", file);
	sql_exec(s->q, "PRAGMA query_only=ON");
	return rc;
}

int store_json_blobs(struct store *s, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('blobs', json_group_array(json(o))) FROM (SELECT json_object("
		"'digest', lower(hex(digest)), 'bytes', max(length),"
		" 'names', json_group_array(name)) AS o FROM blob_use GROUP BY digest)",
		"");
}
