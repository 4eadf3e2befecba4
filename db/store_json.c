/*
 * Answers for people. SQLite makes the JSON itself: three times faster than a tree of nodes for a
 * list of ten thousand hosts, and nothing here has to copy a row.
 */
#include <errno.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

/* SQL reads better as its author breaks it. */
/* clang-format off */

/* Pieces of SQL that turn what is stored into what is shown. */
#define HEX(x) "lower(hex(" x "))"
#define HEX_OR_NULL(x) "nullif(" HEX(x) ", '')"
#define HEX_AT(x, at, n) "substr(" HEX(x) ", " #at ", " #n ")"
#define MAC(x)                                                                                     \
	"(" HEX_AT(x, 1, 2) " || ':' || " HEX_AT(x, 3, 2) " || ':' || " HEX_AT(x, 5, 2) " || ':' || " \
	HEX_AT(x, 7, 2) " || ':' || " HEX_AT(x, 9, 2) " || ':' || " HEX_AT(x, 11, 2) ")"
#define UUID(x)                                                                                    \
	"CASE WHEN " x " IS NULL THEN NULL ELSE " HEX_AT(x, 1, 8) " || '-' || " HEX_AT(x, 9, 4)       \
	" || '-' || " HEX_AT(x, 13, 4) " || '-' || " HEX_AT(x, 17, 4) " || '-' || " HEX_AT(x, 21, 12) " END"
#define ADDR(x)                                                                                    \
	"CASE WHEN " x " = 0 THEN NULL ELSE (" x " >> 24) || '.' || ((" x " >> 16) & 255) || '.' ||"  \
	" ((" x " >> 8) & 255) || '.' || (" x " & 255) END"
/* Names by number: CASE, as json_extract() of an array looks its path up for each row. */
#define STAGE(x)                                                                                   \
	"CASE " x " WHEN 0 THEN 'discover' WHEN 1 THEN 'offer' WHEN 2 THEN 'lease' WHEN 3 THEN 'loader'"  \
	" WHEN 4 THEN 'script' WHEN 5 THEN 'agent' WHEN 6 THEN 'image' WHEN 7 THEN 'verify'"           \
	" WHEN 8 THEN 'handoff' WHEN 9 THEN 'up' WHEN 10 THEN 'failed' END"
#define STATE(x)                                                                                   \
	"CASE " x " WHEN 0 THEN 'open' WHEN 1 THEN 'up' WHEN 2 THEN 'failed' WHEN 3 THEN 'over' END"
#define BOOL(x)	 "json(CASE WHEN " x " THEN 'true' ELSE 'false' END)"
#define TRANSPORT(x) "CASE " x " WHEN 0 THEN 'tftp' WHEN 1 THEN 'http' END"
#define CHOICE(x)    "CASE " x " WHEN 0 THEN 'auto' WHEN 1 THEN 'yes' WHEN 2 THEN 'no' END"
#define KIND(x)                                                                                    \
	"CASE " x " WHEN 0 THEN 'linux' WHEN 1 THEN 'xen' WHEN 2 THEN 'esxi' WHEN 3 THEN 'efi'"        \
	" WHEN 4 THEN 'iso' WHEN 5 THEN 'san' END"
#define ROLE(x)                                                                                    \
	"CASE " x " WHEN 0 THEN 'kernel' WHEN 1 THEN 'initrd' WHEN 2 THEN 'xen' WHEN 3 THEN 'uki'"     \
	" WHEN 4 THEN 'efi' WHEN 5 THEN 'bootcfg' WHEN 6 THEN 'module' WHEN 7 THEN 'iso' END"

/* Columns of the place p. */
#define PLACE_FIELDS                                                                               \
	"'relay', " ADDR("p.relay") ", 'circuit', " HEX_OR_NULL("p.circuit") ","                       \
	" 'remote', " HEX_OR_NULL("p.remote")

/* Columns of host h and its newest boot b; b's are NULL for a host that never booted. */
#define HOST_FIELDS                                                                                \
	"'name', h.name, 'uuid', " UUID("h.uuid") ", 'serial', h.serial, 'vendor', h.vendor,"        \
	" 'product', h.product, 'macs', (SELECT json_group_array(" MAC("mac") ") FROM host_mac"        \
	"  WHERE host = h.id), 'ip', " ADDR("r.addr") ", 'client_id', " HEX_OR_NULL("k.client_id") ","     \
	" 'circuit', " HEX_OR_NULL("r.circuit") ", 'options', json(h.options), 'place', json(CASE WHEN p.host IS NULL THEN 'null' ELSE" \
	"  json_object(" PLACE_FIELDS ") END), 'admitted', " BOOL("h.admitted") ", 'image', nullif(h.image, ''),"      \
	" 'channel', nullif(h.channel, ''), 'profile', nullif(h.profile, ''), 'pins', (SELECT json_group_array(json(o)) FROM"             \
	"  (SELECT json_object('image', i.name, 'version', i.version, 'release', i.release,"           \
	"   'channel', i.channel, 'manifest', " HEX("i.manifest") ") AS o FROM host_pin p"              \
	"   JOIN image i USING (manifest) WHERE p.host = h.id ORDER BY i.name)),"                       \
	" 'rollout', json(coalesce((SELECT json_object('id', q.id, 'image', q.name, 'version', q.to_version, 'state', "    \
	"  CASE x.state WHEN 0 THEN 'picked' WHEN 1 THEN 'waiting' WHEN 2 THEN 'baking' WHEN 3 THEN 'good'" \
	"  WHEN 4 THEN 'failed' WHEN 5 THEN 'skipped' END) FROM rollout_host x JOIN rollout q ON q.id = x.rollout WHERE x.host = h.id"      \
	"  AND q.state < 3 ORDER BY q.id DESC LIMIT 1), 'null')),"                                       \
	" 'values', (SELECT json_group_object(name, iif(name LIKE '%secret', NULL, value)) FROM host_value"     \
	"  WHERE host = h.id), 'labels', (SELECT json_group_object(name, value) FROM"                      \
	"  (SELECT name, value FROM host_label WHERE host = h.id ORDER BY name)), 'neighbours', (SELECT json_group_array(json(o)) FROM (SELECT json_object('nic', nic, 'chassis',"     \
	"  chassis, 'port', port, 'port_description', nullif(port_description, ''), 'system',"           \
	"  nullif(system, ''), 'vlan', nullif(vlan, 0)) AS o FROM host_neighbour WHERE host = h.id"      \
	"  ORDER BY nic)), 'rejected', nullif(h.rejected_ms, 0), 'code', nullif(h.code, ''), 'stage', " STAGE("iif(b.state = 2, 10, b.stage)") ", 'state', " STATE("b.state") ","   \
	" 'boot', b.id, 'addr', " ADDR("b.addr") ", 'seen', h.seen_ms, 'created', h.created_ms,"       \
	" 'booted_image', nullif(b.image, ''), 'version', nullif(b.version, ''),"                      \
	" 'reason', nullif(b.reason, ''), 'sentence', nullif(b.sentence, ''),"                         \
	" 'started', b.started_ms, 'reboot', json((SELECT " REBOOT " FROM host_reboot w WHERE w.host = h.id))"
/* Of w, where b is the newest boot of its host. A subquery's text is no JSON yet: json(). */
#define REBOOT                                                                                     \
	"json_object('boot', w.boot, 'state', CASE WHEN b.id != w.boot THEN 'over' WHEN w.refused != ''"  \
	" THEN 'refused' WHEN w.taken_ms THEN 'taken' ELSE 'asked' END, 'asked', w.asked_ms, 'by', w.who," \
	" 'reason', nullif(w.why, ''), 'taken', nullif(w.taken_ms, 0), 'refused', nullif(w.refused, ''))"
#define HOST_NEWEST                                                                                \
	" FROM host h LEFT JOIN boot b ON b.id = (SELECT max(id) FROM boot WHERE host = h.id)"
#define HOST_FROM                                                                                  \
	HOST_NEWEST                                                                                    \
	" LEFT JOIN reservation r ON r.host = h.id LEFT JOIN host_client k ON k.host = h.id"           \
	" LEFT JOIN host_place p ON p.host = h.id"

#define BOOT_FIELDS                                                                                \
	"'id', b.id, 'host', h.name, 'started', b.started_ms, 'ended', nullif(b.ended_ms, 0),"        \
	" 'stage', " STAGE("b.stage") ", 'state', " STATE("b.state") ", 'image', nullif(b.image, ''),"  \
	" 'version', nullif(b.version, ''), 'rule', nullif(b.rule, ''), 'manifest', " HEX("b.manifest") ","                        \
	" 'agent', " HEX_OR_NULL("b.agent") ","                                                        \
	" 'arch', nullif(b.arch, 65535), 'firmware', nullif(b.firmware, ''), 'addr', " ADDR("b.addr")  \
	", 'loader', nullif(b.loader, ''), 'transport', iif(b.loader = '', NULL, " TRANSPORT("b.http") ")" \
	", 'nonce', nullif(b.nonce, ''), 'reason', nullif(b.reason, ''),"                              \
	" 'sentence', nullif(b.sentence, ''), 'bytes', (SELECT coalesce(sum(bytes), 0) FROM boot_event" \
	"  WHERE boot = b.id AND what = 'finished' AND source IN ('http', 'tftp')),"                   \
	" 'waited', json_object('approval', b.waited_approval_ms, 'image', b.waited_image_ms,"         \
	"  'turn', b.waited_turn_ms), 'waits_for',"                                                    \
	" CASE b.wait WHEN 1 THEN 'approval' WHEN 2 THEN 'image' WHEN 3 THEN 'turn' END,"              \
	" 'waits_since', iif(b.wait, b.wait_since_ms, NULL)"

/* What is remembered of firmware and loaders of host h. */
#define LOADERS                                                                                    \
	"(SELECT json_group_array(json(o)) FROM (SELECT json_object('firmware', firmware, 'loader',"    \
	"  nullif(loader, ''), 'transport', " TRANSPORT("http") ", 'boot', nullif(boot, 0),"            \
	"  'option_43', " CHOICE("form & 3") ", 'option_60', " CHOICE("form >> 2 & 3") ", 'boot_file'," \
	"  CASE form >> 4 WHEN 0 THEN 'both' WHEN 1 THEN 'option' WHEN 2 THEN 'header' END,"               \
	"  'failed', nullif(dead, ''), 'failed_boot', nullif(dead_boot, 0)) AS o FROM host_loader"      \
	"  WHERE host = h.id ORDER BY firmware))"

#define EVENT_FIELDS                                                                               \
	"'id', e.id, 'boot', e.boot, 'host', h.name, 'stage', " STAGE("e.stage") ", 'what', e.what,"   \
	" 'source', e.source,"                                                                         \
	" 'at', e.at_ms, 'since_ms', e.since_ms, 'bytes', nullif(e.bytes, 0),"                         \
	" 'total', nullif(e.total, 0), 'detail', nullif(e.detail, '')"

#define IMAGE_FIELDS                                                                               \
	"'name', i.name, 'version', i.version, 'kind', " KIND("i.kind") ", 'channel', i.channel,"      \
	" 'release', i.release, 'manifest', " HEX("i.manifest") ", 'bytes',"                           \
	" (SELECT coalesce(sum(length), 0) FROM image_file WHERE manifest = i.manifest),"                           \
	" 'created', i.created_s, 'expires', i.expires_s, 'imported', i.imported_ms,"                 \
	" 'current', " BOOL("EXISTS (SELECT 1 FROM image_current WHERE manifest = i.manifest)") ","    \
	" 'named', " BOOL("EXISTS (SELECT 1 FROM channel WHERE manifest = i.manifest)") ","            \
	" 'pinned', (SELECT count(*) FROM host_pin WHERE manifest = i.manifest)"

/* What a page of p is: columns are ?3 and up, so that none is NULL by chance. */
#define HAS(n, x) " AND (?" #n " IS NULL OR " x " = ?" #n ")"
#define HOST_STAGE STAGE("iif(b.state = 2, 10, b.stage)")

/*
 * The objects are put together as text: a list that goes through json_group_array is read and
 * written once more, which for ten thousand hosts takes as long as all the rest.
 */
#define HOSTS_PAGE(host, from)                                                                     \
	"SELECT '{\"hosts\":[' || coalesce(group_concat(o), '') || '],\"next\":' ||"                   \
	" coalesce(iif(count(*) = ?2, max(id), NULL), 'null') || '}'"                                  \
	" FROM (SELECT h.id AS id, " host " AS o" from " WHERE h.id > ?1"                               \
	HAS(3, HOST_STAGE) HAS(4, STATE("b.state"))                                                    \
	" AND (?5 IS NULL OR h.image = ?5 OR b.image = ?5) AND (?6 IS NULL OR"                         \
	"  instr(lower(h.name || ' ' || h.serial || ' ' || h.vendor || ' ' || h.product), lower(?6)) OR" \
	"  EXISTS (SELECT 1 FROM host_mac WHERE host = h.id AND instr(" MAC("mac") ", lower(?6))))"    \
	HAS(7, "h.name") " ORDER BY h.id LIMIT ?2)"

/* What a list on a terminal shows: without names, which cost as much as all the rest. */
#define HOST_BRIEF                                                                                 \
	"json_array(h.name, " HOST_STAGE ", " BOOL("h.admitted") ", nullif(h.image, ''),"             \
	" nullif(b.image, ''), b.id, " ADDR("b.addr") ", h.seen_ms)"

static const char hosts_page[] = HOSTS_PAGE("json_object(" HOST_FIELDS ")", HOST_FROM);
static const char hosts_brief[] = HOSTS_PAGE(HOST_BRIEF, HOST_NEWEST);

int store_json_hosts(struct store *s, const struct store_page *p, char **out)
{
	return sql_value(s->q, out, p->brief ? hosts_brief : hosts_page, "iittttt", p->after,
		(int64_t)p->limit, p->stage, p->state, p->image, p->q, p->host);
}

int store_json_host(struct store *s, const char *name, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object(" HOST_FIELDS ", 'facts', json(h.facts), 'loaders', " LOADERS ", 'boots',"
		" (SELECT json_group_array(json(o)) FROM (SELECT json_object(" BOOT_FIELDS ") AS o"
		"  FROM boot b WHERE b.host = h.id ORDER BY b.id DESC LIMIT 10)))" HOST_FROM
		" WHERE h.name = ?",
		"t", name);
}

int store_json_host_row(struct store *s, int64_t host, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object(" HOST_FIELDS ")" HOST_FROM " WHERE h.id = ?", "i", host);
}

int store_json_place(struct store *s, int64_t host, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object(" PLACE_FIELDS ") FROM host_place p WHERE p.host = ?", "i", host);
}

int store_json_reboot(struct store *s, int64_t host, char **out)
{
	return sql_value(s->q, out,
		"SELECT " REBOOT " FROM host_reboot w JOIN boot b ON b.id = (SELECT max(id) FROM boot"
		" WHERE host = w.host) WHERE w.host = ?",
		"i", host);
}

#define BOOTS_PAGE                                                                                 \
	"SELECT json_object('boots', json_group_array(json(o)), 'next', iif(count(*) = ?2, min(id), NULL))"   \
	" FROM (SELECT b.id AS id, json_object(" BOOT_FIELDS ") AS o FROM boot b JOIN host h ON h.id = b.host" \
	" WHERE (?1 < 0 OR b.id < ?1) AND b.started_ms >= ?3"                                          \
	HAS(4, STAGE("b.stage")) HAS(5, STATE("b.state")) HAS(6, "b.image")
#define BOOTS_ORDER " ORDER BY b.id DESC LIMIT ?2)"

int store_json_boots(struct store *s, const struct store_page *p, char **out)
{
	/* Apart, so that the index of a host's boots is used. */
	if (!p->host)
		return sql_value(s->q, out, BOOTS_PAGE BOOTS_ORDER, "iiittt", p->after,
			(int64_t)p->limit, p->since_ms, p->stage, p->state, p->image);
	return sql_value(s->q, out,
		BOOTS_PAGE " AND b.host = (SELECT id FROM host WHERE name = ?7)" BOOTS_ORDER, "iiitttt",
		p->after, (int64_t)p->limit, p->since_ms, p->stage, p->state, p->image, p->host);
}

int store_json_boot(struct store *s, int64_t id, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object(" BOOT_FIELDS ", 'events', (SELECT json_group_array(json(o)) FROM"
		" (SELECT json_object(" EVENT_FIELDS ") AS o FROM boot_event e WHERE e.boot = b.id"
		"  ORDER BY e.since_ms, e.id))) FROM boot b JOIN host h ON h.id = b.host WHERE b.id = ?",
		"i", id);
}

#define EVENTS_FROM                                                                                \
	" FROM boot_event e JOIN boot b ON b.id = e.boot JOIN host h ON h.id = b.host WHERE e.at_ms >= ?2" \
	HAS(3, STAGE("e.stage"))                                                                       \
	" AND (?4 IS NULL OR e.boot IN (SELECT id FROM boot WHERE host = (SELECT id FROM host WHERE name = ?4)))"

int store_json_events(struct store *s, const struct store_page *p, char **out)
{
	/* Without `after`: the newest, still in their order. */
	if (p->after < 0)
		return sql_value(s->q, out,
			"SELECT json_object('events', json_group_array(json(o)), 'last', coalesce(max(id),"
			" (SELECT coalesce(max(id), 0) FROM boot_event))) FROM (SELECT id, o FROM (SELECT e.id AS id,"
			" json_object(" EVENT_FIELDS ") AS o" EVENTS_FROM " ORDER BY e.id DESC LIMIT ?1) ORDER BY id)",
			"iitt", (int64_t)p->limit, p->since_ms, p->stage, p->host);
	return sql_value(s->q, out,
		"SELECT json_object('events', json_group_array(json(o)), 'last', coalesce(max(id), ?5))"
		" FROM (SELECT e.id AS id, json_object(" EVENT_FIELDS ") AS o" EVENTS_FROM " AND e.id > ?5"
		" ORDER BY e.id LIMIT ?1)",
		"iitti", (int64_t)p->limit, p->since_ms, p->stage, p->host, p->after);
}

int store_event_newest(struct store *s, int64_t *out)
{
	struct sql_row *r = sql_start(s->q, "SELECT coalesce(max(id), 0) FROM boot_event", "");
	int rc = sql_one(r);

	if (!rc)
		*out = sql_int(r, 0);
	sql_end(r);
	return rc;
}

int store_feed(struct store *s, int64_t after, const char *host, int limit, char **out,
	int64_t *last)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT coalesce(max(id), ?1) FROM (SELECT id FROM boot_event WHERE id > ?1"
		" ORDER BY id LIMIT ?2)",
		"ii", after, (int64_t)limit);
	int rc = sql_one(r);

	if (!rc)
		*last = sql_int(r, 0);
	sql_end(r);
	return rc ? rc : sql_value(s->q, out,
		"SELECT coalesce(group_concat('id: ' || id || char(10) || 'data: ' || o || char(10, 10), ''), '')"
		" FROM (SELECT e.id AS id, json_object(" EVENT_FIELDS ") AS o FROM boot_event e"
		" JOIN boot b ON b.id = e.boot JOIN host h ON h.id = b.host"
		" WHERE e.id > ?1 AND e.id <= ?2 AND (?3 = '' OR h.name = ?3) ORDER BY e.id)",
		"iit", after, *last, host);
}

int store_json_images(struct store *s, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('images', json_group_array(json(o))) FROM (SELECT json_object("
		IMAGE_FIELDS ") AS o FROM image i ORDER BY i.name, i.release DESC)",
		"");
}

int store_json_image(struct store *s, const struct digest *manifest, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object(" IMAGE_FIELDS ", 'args', i.args, 'xen_args', i.xen_args,"
		" 'pins', (SELECT json_group_array(name) FROM (SELECT h.name FROM host_pin p"
		"  JOIN host h ON h.id = p.host WHERE p.manifest = i.manifest ORDER BY h.name)), 'files',"
		" (SELECT json_group_array(json(o)) FROM (SELECT json_object('role', " ROLE("f.role") ","
		"  'name', f.name, 'length', f.length, 'sha256', " HEX("f.digest") ") AS o"
		"  FROM image_file f WHERE f.manifest = i.manifest ORDER BY position)), 'signatures',"
		" (SELECT json_group_array(" HEX("digest") ") FROM image_signature g"
		"  WHERE g.manifest = i.manifest)) FROM image i WHERE i.manifest = ?",
		"b", manifest->b, sizeof manifest->b);
}

#define LOG_SIDE(x)                                                                                \
	"json(iif(" x "_release IS NULL, 'null', json_object('version', " x "_version, 'release', " x  \
	"_release)))"

int store_json_image_log(struct store *s, const char *name, int limit, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('log', json_group_array(json(o))) FROM (SELECT json_object('id', id,"
		" 'at', at_ms, 'what', what, 'image', name, 'channel', nullif(channel, ''), 'host', host,"
		" 'from', " LOG_SIDE("from") ", 'to', " LOG_SIDE("to") ", 'manifest',"
		" " HEX_OR_NULL("manifest") ", 'floor', floor, 'uid', uid, 'user', user, 'why', why) AS o"
		" FROM image_log WHERE name = coalesce(?1, name) ORDER BY id DESC LIMIT ?2)",
		"ti", name, (int64_t)limit);
}

int store_json_targets(struct store *s, int port, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_group_array(json(o)) FROM (SELECT json_object('targets',"
		" json_array(" ADDR("b.addr") " || ':' || ?1), 'labels', json_object('instance', h.name,"
		" 'muster_image', b.image, 'muster_version', b.version, 'muster_vendor', h.vendor,"
		" 'muster_product', h.product, 'muster_serial', h.serial)) AS o FROM host h JOIN boot b"
		" ON b.id = (SELECT max(id) FROM boot WHERE host = h.id)"
		" WHERE b.state = 1 AND b.addr != 0 ORDER BY h.name)",
		"i", (int64_t)port);
}

int store_json_counts(struct store *s, int64_t now_ms, bool open, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('hosts', json_object('total', (SELECT count(*) FROM host),"
		" 'up', coalesce(sum(state = 1), 0), 'failed', coalesce(sum(state = 2), 0),"
		" 'booting', coalesce(sum(state = 0), 0),"
		" 'waiting', (SELECT count(*) FROM host WHERE NOT admitted AND rejected_ms = 0"
		"  AND NOT ?2)),"
		" 'images', (SELECT count(*) FROM image),"
		" 'leases', (SELECT count(*) FROM lease WHERE expires_ms > ?1))"
		" FROM boot WHERE id IN (SELECT max(id) FROM boot GROUP BY host)",
		"ii", now_ms, (int64_t)open);
}
