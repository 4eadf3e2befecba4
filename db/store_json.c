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
#define STAGE(x)                                                                                   \
	"json_extract('[\"discover\",\"offer\",\"lease\",\"loader\",\"script\",\"agent\",\"image\","    \
	"\"verify\",\"handoff\",\"up\",\"failed\"]', '$[' || " x " || ']')"
#define STATE(x) "json_extract('[\"open\",\"up\",\"failed\",\"over\"]', '$[' || " x " || ']')"
#define BOOL(x)	 "json(CASE WHEN " x " THEN 'true' ELSE 'false' END)"
#define TRANSPORT(x) "json_extract('[\"tftp\",\"http\"]', '$[' || " x " || ']')"
#define CHOICE(x)    "json_extract('[\"auto\",\"yes\",\"no\"]', '$[' || (" x ") || ']')"
#define KIND(x)                                                                                    \
	"json_extract('[\"linux\",\"xen\",\"esxi\",\"efi\",\"iso\",\"san\"]', '$[' || " x " || ']')"
#define ROLE(x)                                                                                    \
	"json_extract('[\"kernel\",\"initrd\",\"xen\",\"uki\",\"efi\",\"bootcfg\",\"module\",\"iso\"]',"     \
	" '$[' || " x " || ']')"

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
	" 'values', (SELECT json_group_object(name, iif(name LIKE '%secret', NULL, value)) FROM host_value"     \
	"  WHERE host = h.id), 'code', nullif(h.code, ''), 'stage', " STAGE("iif(b.state = 2, 10, b.stage)") ", 'state', " STATE("b.state") ","   \
	" 'boot', b.id, 'addr', " ADDR("b.addr") ", 'seen', h.seen_ms, 'created', h.created_ms,"       \
	" 'booted_image', nullif(b.image, ''), 'version', nullif(b.version, ''),"                      \
	" 'reason', nullif(b.reason, ''), 'sentence', nullif(b.sentence, ''),"                         \
	" 'started', b.started_ms"
#define HOST_FROM                                                                                  \
	" FROM host h LEFT JOIN boot b ON b.id = (SELECT max(id) FROM boot WHERE host = h.id)"         \
	" LEFT JOIN reservation r ON r.host = h.id LEFT JOIN host_client k ON k.host = h.id"           \
	" LEFT JOIN host_place p ON p.host = h.id"

#define BOOT_FIELDS                                                                                \
	"'id', b.id, 'host', h.name, 'started', b.started_ms, 'ended', nullif(b.ended_ms, 0),"        \
	" 'stage', " STAGE("b.stage") ", 'state', " STATE("b.state") ", 'image', nullif(b.image, ''),"  \
	" 'version', nullif(b.version, ''), 'manifest', " HEX("b.manifest") ","                        \
	" 'arch', nullif(b.arch, 65535), 'firmware', nullif(b.firmware, ''), 'addr', " ADDR("b.addr")  \
	", 'loader', nullif(b.loader, ''), 'transport', iif(b.loader = '', NULL, " TRANSPORT("b.http") ")" \
	", 'nonce', nullif(b.nonce, ''), 'reason', nullif(b.reason, ''),"                              \
	" 'sentence', nullif(b.sentence, ''), 'bytes', (SELECT coalesce(sum(bytes), 0) FROM boot_event" \
	"  WHERE boot = b.id AND what = 'finished' AND source IN ('http', 'tftp'))"

/* What is remembered of firmware and loaders of host h. */
#define LOADERS                                                                                    \
	"(SELECT json_group_array(json(o)) FROM (SELECT json_object('firmware', firmware, 'loader',"    \
	"  nullif(loader, ''), 'transport', " TRANSPORT("http") ", 'boot', nullif(boot, 0),"            \
	"  'option_43', " CHOICE("form & 3") ", 'option_60', " CHOICE("form >> 2 & 3") ", 'boot_file'," \
	"  json_extract('[\"both\",\"option\",\"header\"]', '$[' || (form >> 4) || ']'),"               \
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
	" 'created', i.created_s, 'expires', i.expires_s, 'imported', i.imported_ms"

int store_json_hosts(struct store *s, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('hosts', json_group_array(json(o))) FROM"
		" (SELECT json_object(" HOST_FIELDS ") AS o" HOST_FROM " ORDER BY h.id)",
		"");
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

int store_json_place(struct store *s, int64_t host, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object(" PLACE_FIELDS ") FROM host_place p WHERE p.host = ?", "i", host);
}

int store_json_boots(struct store *s, const char *host, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('boots', json_group_array(json(o))) FROM"
		" (SELECT json_object(" BOOT_FIELDS ") AS o FROM boot b JOIN host h ON h.id = b.host"
		"  WHERE h.name = ? ORDER BY b.id DESC LIMIT 200)",
		"t", host);
}

int store_json_boot(struct store *s, int64_t id, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object(" BOOT_FIELDS ", 'events', (SELECT json_group_array(json(o)) FROM"
		" (SELECT json_object(" EVENT_FIELDS ") AS o FROM boot_event e WHERE e.boot = b.id"
		"  ORDER BY e.since_ms, e.id))) FROM boot b JOIN host h ON h.id = b.host WHERE b.id = ?",
		"i", id);
}

int store_json_events(struct store *s, int64_t after, int limit, char **out)
{
	/* Without `after`: the newest, still in their order. */
	if (after < 0)
		return sql_value(s->q, out,
			"SELECT json_object('events', json_group_array(json(o)), 'last', coalesce(max(id),"
			" (SELECT coalesce(max(id), 0) FROM boot_event))) FROM (SELECT e.id AS id,"
			" json_object(" EVENT_FIELDS ") AS o FROM (SELECT * FROM boot_event"
			" ORDER BY id DESC LIMIT ?) e JOIN boot b ON b.id = e.boot"
			" JOIN host h ON h.id = b.host ORDER BY e.id)",
			"i", (int64_t)limit);
	return sql_value(s->q, out,
		"SELECT json_object('events', json_group_array(json(o)), 'last', coalesce(max(id), ?1))"
		" FROM (SELECT e.id AS id, json_object(" EVENT_FIELDS ") AS o FROM boot_event e"
		" JOIN boot b ON b.id = e.boot JOIN host h ON h.id = b.host WHERE e.id > ?1"
		" ORDER BY e.id LIMIT ?2)",
		"ii", after, (int64_t)limit);
}

int store_json_images(struct store *s, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('images', json_group_array(json(o))) FROM (SELECT json_object("
		IMAGE_FIELDS ") AS o FROM image i ORDER BY i.name, i.release DESC)",
		"");
}

int store_json_image(struct store *s, const char *name, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object(" IMAGE_FIELDS ", 'args', i.args, 'xen_args', i.xen_args, 'files',"
		" (SELECT json_group_array(json(o)) FROM (SELECT json_object('role', " ROLE("f.role") ","
		"  'name', f.name, 'length', f.length, 'sha256', " HEX("f.digest") ") AS o"
		"  FROM image_file f WHERE f.manifest = i.manifest ORDER BY position)), 'signatures',"
		" (SELECT json_group_array(" HEX("digest") ") FROM image_signature g"
		"  WHERE g.manifest = i.manifest)) FROM image i WHERE i.name = ?"
		" ORDER BY i.release DESC, i.imported_ms DESC LIMIT 1",
		"t", name);
}

int store_json_counts(struct store *s, int64_t now_ms, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('hosts', json_object('total', (SELECT count(*) FROM host),"
		" 'up', coalesce(sum(state = 1), 0), 'failed', coalesce(sum(state = 2), 0),"
		" 'booting', coalesce(sum(state = 0), 0),"
		" 'waiting', (SELECT count(*) FROM host WHERE code != '' AND NOT admitted)),"
		" 'images', (SELECT count(*) FROM image),"
		" 'leases', (SELECT count(*) FROM lease WHERE expires_ms > ?))"
		" FROM boot WHERE id IN (SELECT max(id) FROM boot GROUP BY host)",
		"i", now_ms);
}
