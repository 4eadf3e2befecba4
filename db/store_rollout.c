/* Rollouts: a new version of an image comes to the hosts of a channel in waves. */
#include <errno.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

/* ---- rollouts ---- */

#define COLUMNS                                                                                     \
	"id, name, channel, manifest, to_version, to_release, from_manifest, from_version,"         \
	" from_release, state, waves, hosts, wave, reach, max_failures, failures, bake_ms, reboot," \
	" started_ms, changed_ms, uid, user, why, note, named"

static void read_rollout(struct sql_row *r, struct store_rollout *out)
{
	*out = (struct store_rollout){ .id = sql_int(r, 0) };
	sql_text(r, 1, out->name, sizeof out->name);
	sql_text(r, 2, out->channel, sizeof out->channel);
	sql_blob(r, 3, out->to.b, sizeof out->to.b);
	sql_text(r, 4, out->to_version, sizeof out->to_version);
	out->to_release = (uint64_t)sql_int(r, 5);
	sql_blob(r, 6, out->from.b, sizeof out->from.b);
	sql_text(r, 7, out->from_version, sizeof out->from_version);
	out->from_release = (uint64_t)sql_int(r, 8);
	out->state = (enum rollout_state)sql_int(r, 9);
	sql_text(r, 10, out->waves, sizeof out->waves);
	out->hosts = (uint32_t)sql_int(r, 11);
	out->wave = (uint32_t)sql_int(r, 12);
	out->reach = (uint32_t)sql_int(r, 13);
	out->max_failures = (uint32_t)sql_int(r, 14);
	out->failures = (uint32_t)sql_int(r, 15);
	out->bake_ms = sql_int(r, 16);
	out->reboot = sql_int(r, 17) != 0;
	out->started_ms = sql_int(r, 18);
	out->changed_ms = sql_int(r, 19);
	out->has_uid = sql_borrow(r, 20) != NULL;
	out->uid = (uint32_t)sql_int(r, 20);
	sql_text(r, 21, out->user, sizeof out->user);
	sql_text(r, 22, out->why, sizeof out->why);
	sql_text(r, 23, out->note, sizeof out->note);
	out->named = sql_int(r, 24) != 0;
}

/* Hosts in it go with their rollout. */
static int forget_old(struct store *s, int keep)
{
	return sql_run(s->q,
		"DELETE FROM rollout WHERE state >= 3 AND id NOT IN"
		" (SELECT id FROM rollout ORDER BY id DESC LIMIT ?)",
		"i", (int64_t)keep);
}

int store_rollout_add(struct store *s, struct store_rollout *r, int keep)
{
	int rc = sql_run(s->q,
		"INSERT INTO rollout (name, channel, manifest, to_version, to_release,"
		" from_manifest, from_version, from_release, state, waves, hosts, wave, reach,"
		" max_failures, failures, bake_ms, reboot, started_ms, changed_ms, uid, user, why,"
		" note, named) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, 0, ?11, 0, ?12, ?13,"
		" ?14, ?14, iif(?15, ?16, NULL), ?17, ?18, '', ?19)",
		"ttbtibtiitiiiiiitti", r->name, r->channel, r->to.b, sizeof r->to.b, r->to_version,
		(int64_t)r->to_release, r->from.b, sizeof r->from.b, r->from_version,
		(int64_t)r->from_release, (int64_t)r->state, r->waves, (int64_t)r->max_failures,
		r->bake_ms, (int64_t)r->reboot, r->started_ms, (int64_t)r->has_uid, (int64_t)r->uid,
		r->user, r->why, (int64_t)r->named);

	if (rc)
		return rc;
	r->id = sql_last_id(s->q);
	return forget_old(s, keep);
}

int store_rollout_put(struct store *s, const struct store_rollout *r)
{
	return sql_run(s->q,
		"UPDATE rollout SET state = ?2, hosts = ?3, wave = ?4, reach = ?5, failures = ?6,"
		" changed_ms = ?7, note = ?8 WHERE id = ?1",
		"iiiiiiit", r->id, (int64_t)r->state, (int64_t)r->hosts, (int64_t)r->wave,
		(int64_t)r->reach, (int64_t)r->failures, r->changed_ms, r->note);
}

static int one_rollout(struct sql_row *r, struct store_rollout *out)
{
	int rc = sql_one(r);

	if (!rc)
		read_rollout(r, out);
	sql_end(r);
	return rc;
}

int store_rollout_get(struct store *s, int64_t id, struct store_rollout *out)
{
	return one_rollout(
		sql_start(s->q, "SELECT " COLUMNS " FROM rollout WHERE id = ?", "i", id), out);
}

int store_rollout_of(
	struct store *s, const char *name, const char *channel, struct store_rollout *out)
{
	return one_rollout(sql_start(s->q,
				   "SELECT " COLUMNS " FROM rollout"
				   " WHERE name = ? AND channel = ? AND state < 3",
				   "tt", name, channel),
		out);
}

int store_rollouts(struct store *s, int64_t before, bool open, struct store_rollout *out, int max)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT " COLUMNS " FROM rollout WHERE id < ?1 AND (NOT ?2 OR state < 3)"
		" ORDER BY id DESC LIMIT ?3",
		"iii", before, (int64_t)open, (int64_t)max);
	int rc, n = 0;

	while ((rc = sql_next(r)) > 0 && n < max)
		read_rollout(r, &out[n++]);
	sql_end(r);
	return rc < 0 ? rc : n;
}

/* ---- hosts in them ---- */

#define HOST_COLUMNS                                                                               \
	"x.rollout, x.host, x.place, x.state, x.since_ms, x.due_ms, x.boot, x.restarts,"           \
	" x.reason"

static void read_rolling(struct sql_row *r, struct store_rolling *out)
{
	*out = (struct store_rolling){
		.rollout = sql_int(r, 0),
		.host = sql_int(r, 1),
		.place = (uint32_t)sql_int(r, 2),
		.state = (enum rolling_state)sql_int(r, 3),
		.since_ms = sql_int(r, 4),
		.due_ms = sql_int(r, 5),
		.boot = sql_int(r, 6),
		.restarts = (uint32_t)sql_int(r, 7),
	};
	sql_text(r, 8, out->reason, sizeof out->reason);
}

static int some_rolling(struct sql_row *r, struct store_rolling *out, int max)
{
	int rc, n = 0;

	while (n < max && (rc = sql_next(r)) > 0)
		read_rolling(r, &out[n++]);
	sql_end(r);
	return n < max && rc < 0 ? rc : n;
}

int store_rolling_pick_all(struct store *s, int64_t rollout, const char *image)
{
	return sql_run(s->q,
		"INSERT INTO rollout_host (rollout, host, place, state, since_ms, due_ms, boot,"
		" restarts, reason) SELECT ?1, id, row_number() OVER (ORDER BY name), 0, 0, 0,"
		" 0, 0, '' FROM host WHERE image IN ('', ?2)",
		"it", rollout, image);
}

int store_rolling_pick(struct store *s, int64_t rollout, int64_t host, uint32_t place)
{
	return sql_run(s->q,
		"INSERT OR IGNORE INTO rollout_host (rollout, host, place, state, since_ms, due_ms,"
		" boot, restarts, reason) VALUES (?, ?, ?, 0, 0, 0, 0, 0, '')",
		"iii", rollout, host, (int64_t)place);
}

int store_rolling_put(struct store *s, const struct store_rolling *h)
{
	return sql_run(s->q,
		"UPDATE rollout_host SET place = ?3, state = ?4, since_ms = ?5, due_ms = ?6,"
		" boot = ?7, restarts = ?8, reason = ?9 WHERE rollout = ?1 AND host = ?2",
		"iiiiiiiit", h->rollout, h->host, (int64_t)h->place, (int64_t)h->state, h->since_ms,
		h->due_ms, h->boot, (int64_t)h->restarts, h->reason);
}

int store_rolling_retry(struct store *s, int64_t rollout, int64_t now_ms)
{
	return sql_run(s->q,
		"UPDATE rollout_host SET state = 1, since_ms = ?2, boot = 0, restarts = 0,"
		" reason = '' WHERE rollout = ?1 AND state = 4",
		"ii", rollout, now_ms);
}

int store_rolling_rm(struct store *s, int64_t rollout, int64_t host)
{
	return sql_run(s->q, "DELETE FROM rollout_host WHERE rollout = ? AND host = ?", "ii",
		rollout, host);
}

int store_rolling_in(struct store *s, int64_t rollout, enum rolling_state state, uint32_t after,
	uint32_t reach, struct store_rolling *out, int max)
{
	return some_rolling(sql_start(s->q,
				    "SELECT " HOST_COLUMNS
				    " FROM rollout_host x WHERE rollout = ? AND state = ?"
				    " AND place > ? AND place <= ? ORDER BY place LIMIT ?",
				    "iiiii", rollout, (int64_t)state, (int64_t)after,
				    (int64_t)reach, (int64_t)max),
		out, max);
}

int store_rolling_due(struct store *s, int64_t now_ms, struct store_rolling *out, int max)
{
	return some_rolling(
		sql_start(s->q,
			"SELECT " HOST_COLUMNS
			" FROM rollout_host x JOIN rollout r ON r.id = x.rollout"
			" WHERE x.state = 2 AND x.due_ms <= ? AND r.state < 3 ORDER BY x.due_ms LIMIT ?",
			"ii", now_ms, (int64_t)max),
		out, max);
}

int store_rolling_of(struct store *s, int64_t host, struct store_rolling *out, int max)
{
	return some_rolling(sql_start(s->q,
				    "SELECT " HOST_COLUMNS
				    " FROM rollout_host x JOIN rollout r ON r.id = x.rollout"
				    " WHERE x.host = ? AND r.state < 3 ORDER BY x.rollout",
				    "i", host),
		out, max);
}

int store_rolling_by(
	struct store *s, int64_t host, const struct digest *manifest, struct store_rolling *out)
{
	int n = some_rolling(sql_start(s->q,
				     "SELECT " HOST_COLUMNS
				     " FROM rollout_host x JOIN rollout r ON r.id = x.rollout"
				     " WHERE x.host = ? AND r.state < 3 AND r.manifest = ?",
				     "ib", host, manifest->b, sizeof manifest->b),
		out, 1);

	return n < 0 ? n : n == 0 ? -ENOENT : 0;
}

/* Who waits is told while the rollout runs; who has had the new version keeps it. */
int store_rolling_told(struct store *s, int64_t host, const char *name, const char *channel,
	struct store_image *out, int64_t *rollout)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT " IMAGE_COLUMNS
		", r.id FROM rollout_host x JOIN rollout r ON r.id = x.rollout"
		" JOIN image i ON i.manifest = r.manifest WHERE x.host = ?1 AND r.name = ?2"
		" AND r.channel = ?3 AND r.state IN (1, 2) AND (x.state IN (2, 3)"
		"  OR (x.state = 1 AND r.state = 1 AND x.place <= r.reach))",
		"itt", host, name, channel);
	int rc = sql_one(r);

	if (!rc) {
		store_read_image(r, out);
		*rollout = sql_int(r, 7);
	}
	sql_end(r);
	return rc;
}

int store_rolling_each(struct store *s, int64_t rollout,
	int (*fn)(void *arg, const struct store_rolling *h, const char *name, bool open), void *arg)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT " HOST_COLUMNS ", h.name, EXISTS (SELECT 1 FROM boot b WHERE b.id ="
		"  (SELECT max(id) FROM boot WHERE host = h.id) AND b.state = 0 AND b.manifest = r.manifest)"
		" FROM rollout_host x JOIN host h ON h.id = x.host JOIN rollout r ON r.id = x.rollout"
		" WHERE x.rollout = ? ORDER BY x.place, h.name",
		"i", rollout);
	struct store_rolling h;
	char name[HOST_TEXT_MAX];
	int rc;

	while ((rc = sql_next(r)) > 0) {
		read_rolling(r, &h);
		sql_text(r, 9, name, sizeof name);
		rc = fn(arg, &h, name, sql_int(r, 10) != 0);
		if (rc)
			break;
	}
	sql_end(r);
	return rc;
}

int store_rolling_count(struct store *s, int64_t rollout, uint32_t out[ROLLING_SKIPPED + 1])
{
	struct sql_row *r = sql_start(s->q,
		"SELECT state, count(*) FROM rollout_host WHERE rollout = ? GROUP BY state", "i",
		rollout);
	int rc;

	for (int i = 0; i <= ROLLING_SKIPPED; i++)
		out[i] = 0;
	while ((rc = sql_next(r)) > 0) {
		const int64_t state = sql_int(r, 0);

		if (state >= 0 && state <= ROLLING_SKIPPED)
			out[state] = (uint32_t)sql_int(r, 1);
	}
	sql_end(r);
	return rc;
}

int store_image_rolled_by(struct store *s, const struct digest *manifest, char *names, size_t size)
{
	return store_count_names(
		sql_start(s->q,
			STORE_NAMES("'rollout ' || id AS name FROM rollout WHERE state < 3"
				    " AND (manifest = ?1 OR from_manifest = ?1) ORDER BY name"),
			"b", manifest->b, sizeof manifest->b),
		names, size);
}
