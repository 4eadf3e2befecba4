#include "db/check.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/store.h"
#include "db/store_inside.h"

/* SQL reads better as its author breaks it. */
/* clang-format off */

/* Everything that is not a row: what a stranger adds, such as a trigger, would run in core. */
#define SCHEMA                                                                                     \
	"SELECT json_group_array(json_array(type, name, tbl_name, sql)) FROM"                          \
	" (SELECT * FROM sqlite_schema ORDER BY type, name)"

#define HELD                                                                                       \
	"SELECT json_object('schema', (SELECT user_version FROM pragma_user_version),"                 \
	" 'hosts', (SELECT count(*) FROM host), 'leases', (SELECT count(*) FROM lease),"               \
	" 'boots', (SELECT count(*) FROM boot),"                                                       \
	" 'tokens', (SELECT count(*) FROM token WHERE NOT revoked_ms),"                                \
	" 'audit', (SELECT count(*) FROM audit), 'audit_damage', nullif(?, ''),"                       \
	" 'roots', (SELECT count(*) FROM root), 'channels', (SELECT count(*) FROM channel),"           \
	" 'images', (SELECT json_group_array(json_object('name', name, 'version', version,"            \
	" 'manifest', lower(hex(manifest)), 'files', (SELECT json_group_array(json_object("            \
	" 'name', f.name, 'length', f.length, 'digest', lower(hex(f.digest))))"                        \
	" FROM image_file f WHERE f.manifest = i.manifest)))"                                          \
	" FROM (SELECT * FROM image ORDER BY name, release) i))"

/* clang-format on */

static int is_whole(struct store *s, char *err, size_t err_size)
{
	char *said = NULL;
	int rc = sql_value(s->q, &said, "PRAGMA integrity_check(1)", "");

	if (!rc && strcmp(said, "ok") != 0)
		rc = -EBADMSG;
	if (rc)
		snprintf(err, err_size, "the database is damaged: %.200s",
			said ? said : store_error(s));
	free(said);
	return rc ? -EBADMSG : 0;
}

static int has_schema(struct store *s, char *err, size_t err_size)
{
	struct store *fresh = NULL;
	char *is = NULL, *want = NULL;
	int rc = store_open(":memory:", &fresh, err, err_size);

	if (rc)
		return -ENOMEM;
	rc = sql_value(fresh->q, &want, SCHEMA, "");
	if (!rc)
		rc = sql_value(s->q, &is, SCHEMA, "");
	if (rc || strcmp(is, want) != 0) {
		snprintf(err, err_size, "the database has not the tables that it should have");
		rc = -EBADMSG;
	}
	free(is);
	free(want);
	store_close(fresh);
	return rc;
}

/* "" when each row is as it was written. */
static void check_chain(struct store *s, char *damage, size_t size)
{
	struct store_audit_check c = { 0 };

	*damage = 0;
	if (store_audit_check(s, 0, INT_MAX, &c) || c.bad)
		snprintf(damage, size, "row %lld of the audit log: %s", (long long)c.bad,
			c.why ? c.why : store_error(s));
}

int check_database(const char *file, char **json, char *err, size_t err_size)
{
	struct store *s = NULL;
	char damage[300];
	int rc = store_open_reader(file, &s, err, err_size);

	if (rc)
		return -EBADMSG;
	rc = is_whole(s, err, err_size);
	if (!rc)
		rc = has_schema(s, err, err_size);
	if (!rc)
		check_chain(s, damage, sizeof damage);
	if (!rc && sql_value(s->q, json, HELD, "t", damage) < 0) {
		snprintf(err, err_size, "the database cannot be read: %s", store_error(s));
		rc = -EBADMSG;
	}
	store_close(s);
	return rc;
}
