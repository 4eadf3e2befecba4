/* What agents said of their machines, as it changed, and where those hang; who waits. */
#include <errno.h>
#include <stdlib.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

int store_facts_add(
	struct store *s, int64_t host, int64_t boot, int64_t at_ms, const char *json, int keep)
{
	int rc = sql_run(s->q,
		"INSERT INTO host_facts (host, boot, at_ms, facts) VALUES (?, ?, ?, ?)", "iiit",
		host, boot, at_ms, json);

	if (rc < 0)
		return rc;
	return sql_run(s->q,
		"DELETE FROM host_facts WHERE host = ?1 AND id NOT IN"
		" (SELECT id FROM host_facts WHERE host = ?1 ORDER BY id DESC LIMIT ?2)",
		"ii", host, (int64_t)keep);
}

int store_facts_newest(struct store *s, int64_t host, char **json)
{
	return sql_value(s->q, json,
		"SELECT facts FROM host_facts WHERE host = ? ORDER BY id DESC LIMIT 1", "i", host);
}

int store_facts_each(struct store *s, int64_t host,
	int (*fn)(void *arg, int64_t boot, int64_t at_ms, const char *json), void *arg)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT boot, at_ms, facts FROM host_facts WHERE host = ? ORDER BY id", "i", host);
	char *text = malloc(STORE_FACTS_MAX);
	int rc = text ? 0 : -ENOMEM;

	while (!rc && (rc = sql_next(r)) > 0) {
		sql_text(r, 2, text, STORE_FACTS_MAX);
		rc = fn(arg, sql_int(r, 0), sql_int(r, 1), text);
	}
	sql_end(r);
	free(text);
	return rc < 0 ? rc : 0;
}

/* ---- switch ports ---- */

int store_neighbours_put(struct store *s, int64_t host, const struct store_neighbour *all, int n)
{
	int rc = sql_run(s->q, "DELETE FROM host_neighbour WHERE host = ?", "i", host);

	for (int i = 0; i < n && rc >= 0; i++)
		rc = sql_run(s->q,
			"INSERT OR REPLACE INTO host_neighbour (host, nic, chassis, port,"
			" port_description, system, vlan) VALUES (?, ?, ?, ?, ?, ?, ?)",
			"ittttti", host, all[i].nic, all[i].chassis, all[i].port,
			all[i].port_description, all[i].system, (int64_t)all[i].vlan);
	return rc < 0 ? rc : 0;
}

int store_neighbours(struct store *s, int64_t host, struct store_neighbour *out, int max)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT nic, chassis, port, port_description, system, vlan FROM host_neighbour"
		" WHERE host = ? ORDER BY nic LIMIT ?",
		"ii", host, (int64_t)max);
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0) {
		struct store_neighbour *o = &out[n++];

		sql_text(r, 0, o->nic, sizeof o->nic);
		sql_text(r, 1, o->chassis, sizeof o->chassis);
		sql_text(r, 2, o->port, sizeof o->port);
		sql_text(r, 3, o->port_description, sizeof o->port_description);
		sql_text(r, 4, o->system, sizeof o->system);
		o->vlan = (uint16_t)sql_int(r, 5);
	}
	sql_end(r);
	return rc < 0 ? rc : n;
}

/* ---- the waiting room ---- */

int store_host_reject(struct store *s, int64_t host, int64_t at_ms)
{
	int rc = sql_run(s->q,
		"UPDATE host SET rejected_ms = ?1 WHERE id = ?2 AND (rejected_ms = 0) != (?1 = 0)",
		"ii", at_ms, host);

	return rc < 0 ? rc : sql_changes(s->q) > 0;
}

int store_host_expected(struct store *s, const char *serial, struct store_host *out)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT id FROM host h WHERE serial = ? AND admitted AND uuid IS NULL"
		" AND NOT EXISTS (SELECT 1 FROM host_mac WHERE host = h.id)"
		" AND NOT EXISTS (SELECT 1 FROM boot WHERE host = h.id) ORDER BY id LIMIT 1",
		"t", serial);
	int64_t id = 0;
	int rc = sql_one(r);

	if (!rc)
		id = sql_int(r, 0);
	sql_end(r);
	return rc ? rc : store_host_by_id(s, id, out);
}
