/* Which version of an image hosts run, and every change of that. */
#include <errno.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

/* ---- the current version ---- */

int store_current_get(
	struct store *s, const char *name, const char *channel, struct store_image *out)
{
	return store_one_image(sql_start(s->q,
				       "SELECT " IMAGE_COLUMNS
				       " FROM image_current c JOIN image i USING (manifest)"
				       " WHERE c.name = ? AND c.channel = ?",
				       "tt", name, channel),
		out);
}

int store_current_of(struct store *s, const char *name, struct store_image *out)
{
	return store_one_image(
		sql_start(s->q,
			"SELECT " IMAGE_COLUMNS
			" FROM image_current c JOIN image i USING (manifest) WHERE c.name = ?"
			" ORDER BY c.channel = 'stable' DESC, i.release DESC, c.channel LIMIT 1",
			"t", name),
		out);
}

int store_current_put(struct store *s, const struct store_image *image, int64_t now_ms)
{
	return sql_run(s->q,
		"INSERT OR REPLACE INTO image_current (name, channel, manifest, since_ms)"
		" VALUES (?, ?, ?, ?)",
		"ttbi", image->name, image->channel, image->manifest.b, sizeof image->manifest.b,
		now_ms);
}

int store_current_rm(struct store *s, const char *name)
{
	int rc = sql_run(s->q, "DELETE FROM image_current WHERE name = ?", "t", name);

	if (!rc)
		rc = sql_run(s->q,
			"DELETE FROM trust_signature WHERE signed IN"
			" (SELECT digest FROM channel WHERE image = ?)",
			"t", name);
	return rc ? rc : sql_run(s->q, "DELETE FROM channel WHERE image = ?", "t", name);
}

int store_current_before(struct store *s, const char *name, const char *channel, uint64_t release,
	struct store_image *out)
{
	return store_one_image(
		sql_start(s->q,
			"SELECT " IMAGE_COLUMNS " FROM image_log l JOIN image i USING (manifest)"
			" WHERE l.name = ? AND l.channel = ? AND l.what IN ('current', 'rollback')"
			" AND i.release < ? ORDER BY l.id DESC LIMIT 1",
			"tti", name, channel, (int64_t)release),
		out);
}

/* ---- pins ---- */

int store_pin_put(struct store *s, int64_t host, const struct store_image *image)
{
	return sql_run(s->q,
		"INSERT OR REPLACE INTO host_pin (host, name, manifest) VALUES (?, ?, ?)", "itb",
		host, image->name, image->manifest.b, sizeof image->manifest.b);
}

int store_pin_rm(struct store *s, int64_t host, const char *name)
{
	return sql_run(s->q, "DELETE FROM host_pin WHERE host = ? AND name = ?", "it", host, name);
}

int store_pin_get(struct store *s, int64_t host, const char *name, struct store_image *out)
{
	return store_one_image(
		sql_start(s->q,
			"SELECT " IMAGE_COLUMNS " FROM host_pin p JOIN image i USING (manifest)"
			" WHERE p.host = ? AND p.name = ?",
			"it", host, name),
		out);
}

int store_pins(struct store *s, int64_t host, struct store_image *out, int max)
{
	return store_some_images(
		sql_start(s->q,
			"SELECT " IMAGE_COLUMNS " FROM host_pin p JOIN image i USING (manifest)"
			" WHERE p.host = ? ORDER BY p.name",
			"i", host),
		out, max);
}

/* ---- what stands in the way of removing one ---- */

int store_count_names(struct sql_row *r, char *names, size_t size)
{
	int rc = sql_one(r);

	if (!rc) {
		rc = (int)sql_int(r, 0);
		sql_text(r, 1, names, size);
	}
	sql_end(r);
	return rc;
}

int store_image_pinned_by(struct store *s, const struct digest *manifest, char *names, size_t size)
{
	return store_count_names(
		sql_start(s->q,
			STORE_NAMES("h.name FROM host_pin p JOIN host h ON h.id = p.host"
				    " WHERE p.manifest = ? ORDER BY h.name"),
			"b", manifest->b, sizeof manifest->b),
		names, size);
}

int store_image_booted_by(
	struct store *s, const struct digest *manifest, int64_t before_ms, char *names, size_t size)
{
	return store_count_names(
		sql_start(s->q,
			STORE_NAMES(
				"h.name FROM boot b JOIN host h ON h.id = b.host WHERE b.state = 0"
				" AND (b.manifest = ?1 OR b.agent = ?1)"
				" AND NOT (b.stage = ?2 AND b.nonce = '' AND b.seen_ms < ?3)"
				" ORDER BY h.name"),
			"bii", manifest->b, sizeof manifest->b, (int64_t)STAGE_HANDOFF, before_ms),
		names, size);
}

int store_image_current_in(struct store *s, const struct digest *manifest, char *names, size_t size)
{
	return store_count_names(
		sql_start(s->q,
			STORE_NAMES("channel AS name FROM image_current WHERE manifest = ?"
				    " ORDER BY name"),
			"b", manifest->b, sizeof manifest->b),
		names, size);
}

int store_image_named_by(struct store *s, const struct digest *manifest, char *names, size_t size)
{
	return store_count_names(
		sql_start(s->q, STORE_NAMES("name FROM channel WHERE manifest = ? ORDER BY name"),
			"b", manifest->b, sizeof manifest->b),
		names, size);
}

int store_image_assigned_to(struct store *s, const char *name, char *names, size_t size)
{
	return store_count_names(
		sql_start(s->q, STORE_NAMES("name FROM host WHERE image = ? ORDER BY name"), "t",
			name),
		names, size);
}

/* ---- the log ---- */

int store_image_log_add(struct store *s, const struct store_image_log *l)
{
	return sql_run(s->q,
		"INSERT INTO image_log (at_ms, what, name, channel, host, from_version,"
		" from_release, to_version, to_release, manifest, floor, uid, user, why)"
		" VALUES (?1, ?2, ?3, coalesce(?4, ''), ?5, ?6, nullif(?7, 0), ?8, nullif(?9, 0),"
		" ?10, nullif(?11, 0), iif(?12, ?13, NULL), nullif(?14, ''), nullif(?15, ''))",
		"itttttitibiiitt", l->at_ms, l->what, l->name, l->channel, l->host, l->from_version,
		(int64_t)l->from_release, l->to_version, (int64_t)l->to_release,
		l->manifest ? l->manifest->b : NULL, sizeof l->manifest->b, (int64_t)l->floor,
		(int64_t)l->has_uid, (int64_t)l->uid, l->user, l->why);
}
