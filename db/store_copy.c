/*
 * A copy of what people set, for trying changes: a connection that cannot write the database, with
 * temporary tables in front of those that a change may write. SQLite finds a temporary table before
 * one of the database that has its name, so all other functions of the store work as they are: they
 * read and write the copies, and read what is not copied where it lies. All of it sees one moment.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

#define ROWS 500 /* of one step */

/* The log is only added to. */
static const struct {
	const char *name;
	bool empty;
} tables[] = {
	{ "image", false },
	{ "host", false },
	{ "host_mac", false },
	{ "host_client", false },
	{ "host_place", false },
	{ "host_neighbour", false },
	{ "host_value", false },
	{ "host_label", false },
	{ "host_loader", false },
	{ "host_pin", false },
	{ "host_reboot", false },
	{ "reservation", false },
	{ "lease", false },
	{ "rule", false },
	{ "profile", false },
	{ "profile_value", false },
	{ "profile_file", false },
	{ "rollout", false },
	{ "rollout_host", false },
	{ "image_log", true },
};

#define TABLES (sizeof tables / sizeof *tables)

int store_copy_open(const char *file, struct store **out, char *err, size_t err_size)
{
	struct store *s;
	int rc = store_open_reader(file, &s, err, err_size);

	if (rc < 0)
		return rc;
	if (sql_exec(s->q,
		    "PRAGMA query_only=OFF; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
		    "BEGIN") < 0) {
		snprintf(err, err_size, "%s: %s", file, sql_error(s->q));
		store_close(s);
		return -EIO;
	}
	*out = s;
	return 0;
}

/* The table as it was made, and its indexes, in front of it. */
static int make(struct store *s, const char *table)
{
	char *text = NULL;
	int rc = sql_value(s->q, &text,
		"SELECT group_concat(iif(type = 'table', replace(sql, 'CREATE TABLE ', 'CREATE TEMP TABLE '),"
		" replace(sql, 'INDEX ', 'INDEX temp.')), ';') FROM (SELECT type, sql FROM main.sqlite_schema"
		" WHERE tbl_name = ? AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC)",
		"t", table);

	if (!rc)
		rc = sql_exec(s->q, text);
	free(text);
	return rc;
}

int store_copy_step(struct store *s)
{
	const char *const name = tables[s->copied].name;
	char text[160];
	int rc = s->copied_rows ? 0 : make(s, name);

	snprintf(text, sizeof text,
		"INSERT INTO temp.%s SELECT * FROM main.%s LIMIT %d OFFSET %lld", name, name,
		tables[s->copied].empty ? 0 : ROWS, (long long)s->copied_rows);
	if (!rc)
		rc = sql_exec(s->q, text);
	if (rc < 0)
		return rc;
	s->copied_rows += ROWS;
	if (sql_changes(s->q) < ROWS) {
		s->copied++;
		s->copied_rows = 0;
	}
	return s->copied < TABLES;
}
