/* Profiles: what hosts are told beside their image. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

static int read_values(struct store *s, int64_t id, struct store_profile *p)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT name, value, value IS NULL FROM profile_value WHERE profile = ?"
		" ORDER BY name LIMIT ?",
		"ii", id, (int64_t)STORE_VALUES_MAX);
	int rc;

	while ((rc = sql_next(r)) > 0) {
		struct store_profile_value *v = &p->values[p->n_values++];

		sql_text(r, 0, v->name, sizeof v->name);
		sql_text(r, 1, v->value, sizeof v->value);
		v->required = sql_int(r, 2) != 0;
	}
	sql_end(r);
	return rc;
}

static int read_files(struct store *s, int64_t id, struct store_profile *p)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT path, mode, content FROM profile_file WHERE profile = ?"
		" ORDER BY path LIMIT ?",
		"ii", id, (int64_t)EXTRA_FILES_MAX);
	int rc;

	while ((rc = sql_next(r)) > 0) {
		struct store_profile_file *f = &p->files[p->n_files];

		sql_text(r, 0, f->path, sizeof f->path);
		f->mode = (unsigned)sql_int(r, 1);
		f->content = strdup(sql_borrow(r, 2));
		if (!f->content) {
			rc = -ENOMEM;
			break;
		}
		p->n_files++;
	}
	sql_end(r);
	return rc;
}

/* Its number in *id. */
static int find(struct store *s, const char *name, int64_t *id, struct store_profile *p)
{
	struct sql_row *r =
		sql_start(s->q, "SELECT id, name, args FROM profile WHERE name = ?", "t", name);
	int rc = sql_one(r);

	if (!rc) {
		*id = sql_int(r, 0);
		sql_text(r, 1, p->name, sizeof p->name);
		sql_text(r, 2, p->args, sizeof p->args);
	}
	sql_end(r);
	return rc;
}

int store_profile_get(struct store *s, const char *name, struct store_profile *out)
{
	struct store_profile p = { 0 };
	int64_t id;
	int rc = find(s, name, &id, &p);

	if (!rc)
		rc = read_values(s, id, &p);
	if (!rc)
		rc = read_files(s, id, &p);
	if (rc)
		store_profile_fini(&p);
	else
		*out = p;
	return rc;
}

void store_profile_fini(struct store_profile *p)
{
	for (size_t i = 0; i < p->n_files; i++)
		free(p->files[i].content);
	p->n_files = 0;
}

int store_profile_has(struct store *s, const char *name)
{
	struct sql_row *r =
		sql_start(s->q, "SELECT count(*) FROM profile WHERE name = ?", "t", name);
	int rc = sql_one(r);

	if (!rc)
		rc = (int)sql_int(r, 0);
	sql_end(r);
	return rc;
}

int store_profile_put(struct store *s, const struct store_profile *p)
{
	int64_t id;
	int rc = store_profile_rm(s, p->name);

	if (!rc)
		rc = sql_run(s->q, "INSERT INTO profile (name, args) VALUES (?, ?)", "tt", p->name,
			p->args);
	id = rc ? 0 : sql_last_id(s->q);
	for (size_t i = 0; !rc && i < p->n_values; i++)
		rc = sql_run(s->q,
			"INSERT INTO profile_value (profile, name, value) VALUES (?, ?, ?)", "itt",
			id, p->values[i].name, p->values[i].required ? NULL : p->values[i].value);
	for (size_t i = 0; !rc && i < p->n_files; i++)
		rc = sql_run(s->q,
			"INSERT INTO profile_file (profile, path, mode, content)"
			" VALUES (?, ?, ?, ?)",
			"itit", id, p->files[i].path, (int64_t)p->files[i].mode,
			p->files[i].content);
	return rc;
}

int store_profile_rm(struct store *s, const char *name)
{
	return sql_run(s->q, "DELETE FROM profile WHERE name = ?", "t", name);
}

int store_profile_hosts(struct store *s, const char *name, char *names, size_t size)
{
	return store_count_names(
		sql_start(s->q, STORE_NAMES("name FROM host WHERE profile = ? ORDER BY name"), "t",
			name),
		names, size);
}

int store_profile_rules(struct store *s, const char *name, char *names, size_t size)
{
	return store_count_names(
		sql_start(s->q, STORE_NAMES("name FROM rule WHERE profile = ? ORDER BY name"), "t",
			name),
		names, size);
}

/* SQL reads better as its author breaks it. */
/* clang-format off */
/* A secret is written and never shown. */
#define PROFILE_FIELDS                                                                             \
	"'name', p.name, 'args', nullif(p.args, ''), 'values', (SELECT json_group_object(name,"        \
	"  CASE WHEN value IS NULL THEN json('true') WHEN name LIKE '%secret' THEN NULL ELSE value END)"   \
	"  FROM (SELECT name, value FROM profile_value WHERE profile = p.id ORDER BY name)), 'files', (SELECT"     \
	"  json_group_object(path, json(o)) FROM (SELECT path, json_object('mode', printf('%04o', mode),"     \
	"   'content', content) AS o FROM profile_file WHERE profile = p.id ORDER BY path)),"            \
	" 'hosts', (SELECT count(*) FROM host WHERE profile = p.name),"                                \
	" 'rules', (SELECT count(*) FROM rule WHERE profile = p.name)"

int store_json_profiles(struct store *s, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('profiles', json_group_array(json(o))) FROM (SELECT json_object("
		PROFILE_FIELDS ") AS o FROM profile p ORDER BY p.name)",
		"");
}

int store_json_profile(struct store *s, const char *name, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object(" PROFILE_FIELDS ") FROM profile p WHERE p.name = ?", "t", name);
}
