/* Labels of hosts, and the rules that choose their image. */
#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

int store_host_label_put(struct store *s, int64_t host, const char *name, const char *value)
{
	if (!value)
		return sql_run(s->q, "DELETE FROM host_label WHERE host = ? AND name = ?", "it",
			host, name);
	return sql_run(s->q,
		"INSERT INTO host_label (host, name, value) VALUES (?, ?, ?)"
		" ON CONFLICT (host, name) DO UPDATE SET value = excluded.value",
		"itt", host, name, value);
}

int store_host_labels(struct store *s, int64_t host, struct store_label *out, int max)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT name, value FROM host_label WHERE host = ? ORDER BY name LIMIT ?", "ii",
		host, (int64_t)max);
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0) {
		sql_text(r, 0, out[n].name, sizeof out[n].name);
		sql_text(r, 1, out[n++].value, sizeof out[0].value);
	}
	sql_end(r);
	return rc < 0 ? rc : n;
}

int store_rules(struct store *s, struct store_rule *out, int max)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT name, match, image, channel, profile FROM rule ORDER BY position LIMIT ?",
		"i", (int64_t)max);
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0) {
		struct store_rule *rule = &out[n++];

		sql_text(r, 0, rule->name, sizeof rule->name);
		sql_text(r, 1, rule->match, sizeof rule->match);
		sql_text(r, 2, rule->image, sizeof rule->image);
		sql_text(r, 3, rule->channel, sizeof rule->channel);
		sql_text(r, 4, rule->profile, sizeof rule->profile);
	}
	sql_end(r);
	return rc < 0 ? rc : n;
}

int store_rules_clear(struct store *s)
{
	return sql_run(s->q, "DELETE FROM rule", "");
}

int store_rules_append(struct store *s, const struct store_rule *r)
{
	return sql_run(s->q,
		"INSERT INTO rule (position, name, match, image, channel, profile)"
		" SELECT 1 + coalesce(max(position), 0), ?, ?, ?, ?, ? FROM rule",
		"ttttt", r->name, r->match, r->image, r->channel, r->profile);
}
