/* store_history.c: what has been of one boot and of one host, for whoever explains it. */
#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

int store_events_each(struct store *s, int64_t boot, int limit,
	int (*fn)(void *arg, const struct store_event *e), void *arg)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT stage, source, what, at_ms, since_ms, bytes, total, detail FROM"
		" (SELECT * FROM boot_event WHERE boot = ? ORDER BY id DESC LIMIT ?)"
		" ORDER BY since_ms, id",
		"ii", boot, (int64_t)limit);
	char source[16], what[16], detail[512];
	int rc;

	while ((rc = sql_next(r)) > 0) {
		const struct store_event e = {
			.boot = boot,
			.stage = (enum boot_stage)sql_int(r, 0),
			.source = source,
			.what = what,
			.at_ms = sql_int(r, 3),
			.since_ms = sql_int(r, 4),
			.bytes = (uint64_t)sql_int(r, 5),
			.total = (uint64_t)sql_int(r, 6),
			.detail = detail,
		};

		sql_text(r, 1, source, sizeof source);
		sql_text(r, 2, what, sizeof what);
		sql_text(r, 7, detail, sizeof detail);
		rc = fn(arg, &e);
		if (rc < 0)
			break;
	}
	sql_end(r);
	return rc < 0 ? rc : 0;
}

int store_boots_before(struct store *s, int64_t host, int64_t boot, struct store_past *out, int max)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT id, state, stage, started_ms, ended_ms, loader_sent, reason, image, firmware,"
		" waited_approval_ms + waited_image_ms + waited_turn_ms FROM boot"
		" WHERE host = ? AND id < ? ORDER BY id DESC LIMIT ?",
		"iii", host, boot, (int64_t)max);
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0) {
		struct store_past *p = &out[n++];

		*p = (struct store_past){
			.boot = sql_int(r, 0),
			.state = (enum boot_state)sql_int(r, 1),
			.stage = (enum boot_stage)sql_int(r, 2),
			.started_ms = sql_int(r, 3),
			.ended_ms = sql_int(r, 4),
			.loader_sent = sql_int(r, 5) != 0,
			.waited_ms = sql_int(r, 9),
		};
		sql_text(r, 6, p->reason, sizeof p->reason);
		sql_text(r, 7, p->image, sizeof p->image);
		sql_text(r, 8, p->firmware, sizeof p->firmware);
	}
	sql_end(r);
	return rc < 0 ? rc : n;
}

/* The statement's one column are silences; those of that stage into out. */
static int silences_of(struct sql_row *r, enum boot_stage stage, int64_t *out)
{
	uint32_t ms[STAGE_FAILED];
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0) {
		store_read_silences(r, 0, ms);
		out[n++] = ms[stage];
	}
	sql_end(r);
	return rc < 0 ? rc : n;
}

int store_host_silences(struct store *s, int64_t host, enum boot_stage stage, int64_t *out, int max)
{
	return silences_of(sql_start(s->q,
				   "SELECT silence FROM boot WHERE host = ? AND state = 1"
				   " ORDER BY id DESC LIMIT ?",
				   "ii", host, (int64_t)max),
		stage, out);
}

int store_image_silences(
	struct store *s, const char *image, enum boot_stage stage, int64_t *out, int max)
{
	return silences_of(sql_start(s->q,
				   "SELECT silence FROM boot WHERE image = ? AND state = 1"
				   " ORDER BY id DESC LIMIT ?",
				   "ti", image, (int64_t)max),
		stage, out);
}

int store_image_times(struct store *s, const char *image, int64_t *out_ms, int max)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT (SELECT max(at_ms) - min(at_ms) FROM boot_event WHERE boot = b.id AND stage = ?2"
		" AND what IN ('started', 'finished')) AS ms FROM (SELECT id FROM boot WHERE image = ?1"
		" AND state = 1 ORDER BY id DESC LIMIT ?3) b WHERE ms > 0",
		"tii", image, (int64_t)STAGE_IMAGE, (int64_t)max);
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0)
		out_ms[n++] = sql_int(r, 0);
	sql_end(r);
	return rc < 0 ? rc : n;
}

/* The statement's one column, up to what it was limited to. */
static int ids_of(struct sql_row *r, int64_t *out)
{
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0)
		out[n++] = sql_int(r, 0);
	sql_end(r);
	return rc < 0 ? rc : n;
}

int store_hosts_after(struct store *s, int64_t host, int64_t *out, int max)
{
	return ids_of(sql_start(s->q, "SELECT id FROM host WHERE id > ? ORDER BY id LIMIT ?", "ii",
			      host, (int64_t)max),
		out);
}

int store_boots_old(
	struct store *s, int64_t host, int keep, int64_t before_ms, int64_t *out, int max)
{
	/* Of those beyond `keep` the newest is found by the index alone. */
	return ids_of(
		sql_start(s->q,
			"SELECT id FROM boot WHERE host = ?1 AND (id <= (SELECT id FROM boot WHERE"
			" host = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2) OR started_ms < ?3)"
			" AND id < (SELECT max(id) FROM boot WHERE host = ?1) ORDER BY id LIMIT ?4",
			"iiii", host, (int64_t)keep, before_ms, (int64_t)max),
		out);
}

int store_boot_rm(struct store *s, int64_t boot)
{
	return sql_run(s->q, "DELETE FROM boot WHERE id = ?", "i", boot);
}

int store_host_facts(struct store *s, int64_t host, char **json)
{
	return sql_value(s->q, json, "SELECT facts FROM host WHERE id = ?", "i", host);
}
