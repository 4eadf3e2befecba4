/*
 * The log of changes. Each row's hash is the SHA-256 of the hash of the row before it (32 bytes of
 * zero before the first) and of the row's columns in their order, each as LENGTH:BYTES, with
 * numbers in decimal and NULL as "-,": so no row can be changed, removed or put in between without
 * all after it being made anew. Rows are numbered without a gap from 1 on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

#define COLUMNS                                                                                    \
	"id, at_ms, uid, token, who, source, request, method, path, status, why, before, after"
#define COLUMNS_N 13

static void add_text(struct digest_ctx *d, const char *s)
{
	char len[24];

	if (!s) {
		digest_update(d, "-,", 2);
		return;
	}
	snprintf(len, sizeof len, "%zu:", strlen(s));
	digest_update(d, len, strlen(len));
	digest_update(d, s, strlen(s));
	digest_update(d, ",", 1);
}

static void add_number(struct digest_ctx *d, bool there, int64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, n);
	add_text(d, there ? text : NULL);
}

static int hash_row(const struct store_audit *a, const struct digest *before, struct digest *out)
{
	const char *const texts[] = { a->who, a->source, a->request, a->method, a->path };
	struct digest_ctx *d = digest_new();
	int rc;

	if (!d)
		return -EIO;
	digest_update(d, before->b, sizeof before->b);
	add_number(d, true, a->id);
	add_number(d, true, a->at_ms);
	add_number(d, !a->token, a->uid);
	add_number(d, a->token, a->token);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		add_text(d, texts[i]);
	add_number(d, true, a->status);
	add_text(d, a->why);
	add_text(d, a->before);
	add_text(d, a->after);
	rc = digest_final(d, out);
	digest_free(d);
	return rc;
}

int store_audit_head(struct store *s, int64_t *id, struct digest *hash)
{
	struct sql_row *r =
		sql_start(s->q, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", "");
	int rc = sql_one(r);

	*id = 0;
	*hash = (struct digest){ 0 };
	if (!rc) {
		*id = sql_int(r, 0);
		sql_blob(r, 1, hash->b, sizeof hash->b);
	}
	sql_end(r);
	return rc == -ENOENT ? 0 : rc;
}

int store_audit_add(struct store *s, struct store_audit *a, struct digest *hash)
{
	struct digest before;
	int rc = store_audit_head(s, &a->id, &before);

	a->id++;
	if (!rc)
		rc = hash_row(a, &before, hash);
	if (rc)
		return rc;
	return sql_run(s->q,
		"INSERT INTO audit (" COLUMNS ", hash) VALUES (?, ?, iif(?4, NULL, ?3),"
		" nullif(?4, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"iiiitttttitttb", a->id, a->at_ms, (int64_t)a->uid, a->token, a->who, a->source,
		a->request, a->method, a->path, (int64_t)a->status, a->why, a->before, a->after,
		hash->b, sizeof hash->b);
}

/* ---- checking it ---- */

/* What the row says of itself; its texts are borrowed until the next row. */
static void read_row(struct sql_row *r, struct store_audit *a)
{
	*a = (struct store_audit){ .id = sql_int(r, 0),
		.at_ms = sql_int(r, 1),
		.uid = (uint32_t)sql_int(r, 2),
		.token = sql_int(r, 3),
		.who = sql_borrow(r, 4),
		.source = sql_borrow(r, 5),
		.request = sql_borrow(r, 6),
		.method = sql_borrow(r, 7),
		.path = sql_borrow(r, 8),
		.status = (int)sql_int(r, 9),
		.why = sql_borrow(r, 10),
		.before = sql_borrow(r, 11),
		.after = sql_borrow(r, 12) };
}

int store_audit_each(struct store *s, int64_t after,
	int (*fn)(void *arg, const struct store_audit *a, const struct digest *hash), void *arg)
{
	struct sql_row *r = sql_start(
		s->q, "SELECT " COLUMNS ", hash FROM audit WHERE id > ? ORDER BY id", "i", after);
	struct store_audit a;
	struct digest hash;
	int more, rc = 0;

	while (!rc && (more = sql_next(r)) > 0) {
		read_row(r, &a);
		if (sql_blob(r, COLUMNS_N, hash.b, sizeof hash.b))
			rc = fn(arg, &a, &hash);
	}
	sql_end(r);
	return !rc && more < 0 ? more : rc;
}

/* Does the row follow on the one that c stands at? Then c stands at it. */
static int check_row(struct sql_row *r, struct store_audit_check *c)
{
	struct digest want, is = { 0 };
	struct store_audit a;
	int rc;

	read_row(r, &a);
	if (a.id != c->last + 1) {
		c->bad = c->last + 1;
		c->why = "it is missing";
		return 0;
	}
	rc = hash_row(&a, &c->hash, &want);
	if (rc)
		return rc;
	if (!sql_blob(r, COLUMNS_N, is.b, sizeof is.b) || !digest_equal(&is, &want)) {
		c->bad = a.id;
		c->why = "it, or its hash, is not what was written";
		return 0;
	}
	c->last = a.id;
	c->hash = is;
	c->rows++;
	return 0;
}

/* Begin behind a row: with its hash as it stands there. */
static int stand_at(struct store *s, int64_t after, struct store_audit_check *c)
{
	struct sql_row *r = sql_start(s->q, "SELECT hash FROM audit WHERE id = ?", "i", after);
	int rc = sql_one(r);

	*c = (struct store_audit_check){ .last = after };
	if (!rc)
		sql_blob(r, 0, c->hash.b, sizeof c->hash.b);
	sql_end(r);
	if (rc == -ENOENT && after > 0) {
		c->bad = after;
		c->why = "it is missing";
	}
	return rc == -ENOENT ? 0 : rc;
}

int store_audit_check(struct store *s, int64_t after, int limit, struct store_audit_check *out)
{
	struct sql_row *r;
	int rc = stand_at(s, after, out), more;

	if (rc || out->bad)
		return rc;
	r = sql_start(s->q, "SELECT " COLUMNS ", hash FROM audit WHERE id > ? ORDER BY id LIMIT ?",
		"ii", after, (int64_t)limit);
	while ((more = sql_next(r)) > 0 && !rc && !out->bad)
		rc = check_row(r, out);
	sql_end(r);
	return more < 0 ? more : rc;
}

/* ---- showing it ---- */

/* SQL reads better as its author breaks it. */
/* clang-format off */

#define AUDIT_FIELDS                                                                               \
	"'id', id, 'at', at_ms, 'uid', uid, 'token', token, 'who', who, 'from', source, 'request',"    \
	" request, 'method', method, 'path', path, 'status', status, 'why', why, 'before',"            \
	" json(before), 'after', json(after), 'hash', lower(hex(hash))"

/* Of those that fit: ?1 who, ?2 since, ?3 part of the path. */
#define AUDIT_WHERE " (?1 IS NULL OR who = ?1) AND at_ms >= ?2 AND (?3 IS NULL OR instr(path, ?3))"

int store_json_audit(struct store *s, const struct store_audit_filter *f, char **out)
{
	/* Without `after`: the newest, still in their order. */
	if (f->after < 0)
		return sql_value(s->q, out,
			"SELECT json_object('audit', json_group_array(json(o)), 'next', NULL) FROM (SELECT id,"
			" json_object(" AUDIT_FIELDS ") AS o FROM (SELECT * FROM audit WHERE" AUDIT_WHERE
			" ORDER BY id DESC LIMIT ?4) ORDER BY id)",
			"titi", f->who, f->since_ms, f->object, (int64_t)f->limit);
	return sql_value(s->q, out,
		"SELECT json_object('audit', json_group_array(json(o)), 'next', iif(count(*) = ?4, max(id), NULL))"
		" FROM (SELECT id, json_object(" AUDIT_FIELDS ") AS o FROM audit WHERE id > ?5 AND" AUDIT_WHERE
		" ORDER BY id LIMIT ?4)",
		"titii", f->who, f->since_ms, f->object, (int64_t)f->limit, f->after);
}
