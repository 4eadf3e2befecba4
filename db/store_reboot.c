/* Hosts that were asked to start anew. */
#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

int store_reboot_put(struct store *s, const struct store_reboot *r)
{
	return sql_run(s->q,
		"INSERT OR REPLACE INTO host_reboot (host, boot, asked_ms, who, why, taken_ms,"
		" refused) VALUES (?, ?, ?, ?, ?, ?, ?)",
		"iiittit", r->host, r->boot, r->asked_ms, r->who, r->why, r->taken_ms, r->refused);
}

int store_reboot_rm(struct store *s, int64_t host)
{
	return sql_run(s->q, "DELETE FROM host_reboot WHERE host = ?", "i", host);
}

int store_reboot_get(struct store *s, int64_t host, struct store_reboot *out)
{
	struct sql_row *row = sql_start(s->q,
		"SELECT boot, asked_ms, who, why, taken_ms, refused FROM host_reboot WHERE host = ?",
		"i", host);
	int rc = sql_one(row);

	if (!rc) {
		*out = (struct store_reboot){ .host = host,
			.boot = sql_int(row, 0),
			.asked_ms = sql_int(row, 1),
			.taken_ms = sql_int(row, 4) };
		sql_text(row, 2, out->who, sizeof out->who);
		sql_text(row, 3, out->why, sizeof out->why);
		sql_text(row, 5, out->refused, sizeof out->refused);
	}
	sql_end(row);
	return rc;
}
