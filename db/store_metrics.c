/* What is counted, and what the tables say beside it, for monitoring. */
#include <errno.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

int store_metric_put(struct store *s, const char *name, int64_t value)
{
	return sql_run(s->q, "INSERT OR REPLACE INTO metric (name, value) VALUES (?, ?)", "ti",
		name, value);
}

int store_metric_rm(struct store *s, const char *start)
{
	return sql_run(
		s->q, "DELETE FROM metric WHERE substr(name, 1, length(?1)) = ?1", "t", start);
}

static int each(struct sql_row *r, int (*fn)(void *, const char *, int64_t), void *arg)
{
	char name[256];
	int rc;

	while ((rc = sql_next(r)) > 0) {
		sql_text(r, 0, name, sizeof name);
		rc = fn(arg, name, sql_int(r, 1));
		if (rc)
			break;
	}
	sql_end(r);
	return rc;
}

int store_metric_each(
	struct store *s, int (*fn)(void *arg, const char *name, int64_t value), void *arg)
{
	return each(sql_start(s->q, "SELECT name, value FROM metric ORDER BY name", ""), fn, arg);
}

/*
 * A family's values must follow each other, and a histogram's buckets go up: so the order is the
 * family, its labels but `le`, and `le` as the number that it is.
 */
int store_metrics(struct store *s, bool open, int (*fn)(void *arg, const char *name, int64_t value),
	void *arg)
{
	return each(
		sql_start(s->q,
			"WITH newest AS (SELECT h.id AS host, (SELECT max(id) FROM boot WHERE host = h.id)"
			" AS boot FROM host h), every (name, value) AS (SELECT name, value FROM metric"
			" UNION ALL SELECT 'muster_hosts{stage=\"' || coalesce(json_extract("
			"  '[\"discover\",\"offer\",\"lease\",\"loader\",\"script\",\"agent\",\"image\","
			"  \"verify\",\"handoff\",\"up\",\"failed\"]', '$[' || iif(b.state = 2, 10,"
			"  b.stage) || ']'), 'none') || '\",image=\"' || coalesce(b.image, '') || '\"}',"
			"  count(*) FROM newest n LEFT JOIN boot b ON b.id = n.boot"
			"  GROUP BY iif(b.state = 2, 10, b.stage), b.image"
			" UNION ALL SELECT 'muster_hosts_waiting', count(*) FROM host"
			"  WHERE NOT admitted AND rejected_ms = 0 AND NOT ?"
			" UNION ALL SELECT 'muster_rollouts{state=\"' || s.name || '\"}',"
			"  (SELECT count(*) FROM rollout WHERE state = s.id) FROM (SELECT 1 AS id,"
			"  'running' AS name UNION ALL SELECT 2, 'paused') s"
			" UNION ALL SELECT 'muster_image_expires_seconds{image=\"' || name ||"
			"  '\",version=\"' || version || '\",channel=\"' || channel || '\",release=\"' ||"
			"  release || '\"}', max(expires_s) FROM image GROUP BY name, version, channel,"
			"  release" /* signed anew: two of one name would be no metric */
			" UNION ALL SELECT 'muster_channel_expires_seconds{image=\"' || image ||"
			"  '\",channel=\"' || name || '\"}', expires_s FROM channel"
			" UNION ALL SELECT * FROM (SELECT 'muster_root_expires_seconds', expires_s FROM root"
			"  ORDER BY version DESC LIMIT 1)"
			" UNION ALL SELECT 'muster_database_bytes', page_count * page_size"
			"  FROM pragma_page_count(), pragma_page_size())"
			" SELECT name, value FROM every ORDER BY"
			" substr(name, 1, instr(name || '{', '{') - 1),"
			" substr(name, 1, instr(name || ',le=', ',le=') - 1),"
			" iif(name LIKE '%le=\"+Inf\"%', 1e9,"
			"  CAST(substr(name, instr(name, 'le=\"') + 4) AS REAL))",
			"i", (int64_t)open),
		fn, arg);
}

int store_event_first(struct store *s, int64_t boot, enum boot_stage stage, int64_t *at_ms)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT min(at_ms) FROM boot_event WHERE boot = ? AND stage = ? HAVING count(*)",
		"ii", boot, (int64_t)stage);
	int rc = sql_next(r);

	if (rc > 0)
		*at_ms = sql_int(r, 0);
	sql_end(r);
	return rc > 0 ? 0 : rc == 0 ? -ENOENT : rc;
}
