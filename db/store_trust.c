/* Roots, channels and their signatures. */
#include <errno.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

static int put_sigs(
	struct store *s, const struct digest *of, const struct store_sig *sigs, size_t n_sigs)
{
	int rc = 0;

	for (size_t i = 0; i < n_sigs && !rc; i++)
		rc = sql_run(s->q,
			"INSERT OR REPLACE INTO trust_signature (signed, signer, digest)"
			" VALUES (?, ?, ?)",
			"bbb", of->b, sizeof of->b, sigs[i].signer, sizeof sigs[i].signer,
			sigs[i].digest.b, sizeof sigs[i].digest.b);
	return rc;
}

int store_trust_sigs(struct store *s, const struct digest *of, struct digest *out, int max)
{
	struct sql_row *r = sql_start(s->q, "SELECT digest FROM trust_signature WHERE signed = ?",
		"b", of->b, sizeof of->b);
	int n = 0, rc = 0;

	while (n < max && (rc = sql_next(r)) > 0)
		n += sql_blob(r, 0, out[n].b, sizeof out[n].b);
	sql_end(r);
	return rc < 0 ? rc : n;
}

/* ---- roots ---- */

int store_root_put(struct store *s, const struct store_root *r, const struct store_sig *sigs,
	size_t n_sigs, int64_t now_ms)
{
	int rc = sql_run(s->q,
		"INSERT INTO root (version, digest, expires_s, imported_ms) VALUES (?, ?, ?, ?)"
		" ON CONFLICT DO NOTHING",
		"ibii", (int64_t)r->version, r->digest.b, sizeof r->digest.b, (int64_t)r->expires_s,
		now_ms);

	return rc ? rc : put_sigs(s, &r->digest, sigs, n_sigs);
}

static void read_root(struct sql_row *r, struct store_root *out)
{
	*out = (struct store_root){ .version = (uint64_t)sql_int(r, 0),
		.expires_s = (uint64_t)sql_int(r, 2) };
	sql_blob(r, 1, out->digest.b, sizeof out->digest.b);
}

int store_root_last(struct store *s, struct store_root *out)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT version, digest, expires_s FROM root ORDER BY version DESC LIMIT 1", "");
	int rc = sql_next(r);

	if (rc > 0)
		read_root(r, out);
	sql_end(r);
	return rc > 0 ? 0 : rc == 0 ? -ENOENT : rc;
}

int store_roots_after(struct store *s, uint64_t version, struct store_root *out, int max)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT version, digest, expires_s FROM root WHERE version > ? ORDER BY version",
		"i", (int64_t)version);
	int n = 0, rc = 0;

	while (n < max && (rc = sql_next(r)) > 0)
		read_root(r, &out[n++]);
	sql_end(r);
	return rc < 0 ? rc : n;
}

/* ---- channels ---- */

int store_channel_put(struct store *s, const struct store_channel *c, const struct store_sig *sigs,
	size_t n_sigs, int64_t now_ms)
{
	const struct channel *ch = &c->ch;
	int rc = sql_run(s->q,
		"INSERT INTO channel (image, name, digest, manifest, release, floor, issued_s,"
		" expires_s, imported_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (image, name) DO UPDATE SET digest = excluded.digest,"
		" manifest = excluded.manifest, release = excluded.release,"
		" floor = excluded.floor, issued_s = excluded.issued_s,"
		" expires_s = excluded.expires_s, imported_ms = excluded.imported_ms"
		" WHERE digest <> excluded.digest",
		"ttbbiiiii", ch->image, ch->name, c->digest.b, sizeof c->digest.b, ch->manifest.b,
		sizeof ch->manifest.b, (int64_t)ch->release, (int64_t)ch->floor,
		(int64_t)ch->issued_s, (int64_t)ch->expires_s, now_ms);

	if (!rc)
		rc = put_sigs(s, &c->digest, sigs, n_sigs);
	return rc ? rc
		  : sql_run(s->q,
			    "DELETE FROM trust_signature WHERE signed NOT IN"
			    " (SELECT digest FROM channel UNION SELECT digest FROM root)",
			    "");
}

int store_channel_each(
	struct store *s, const char *image, int (*fn)(void *arg, const struct digest *d), void *arg)
{
	struct sql_row *r =
		sql_start(s->q, "SELECT digest FROM channel WHERE image = ?", "t", image);
	struct digest d;
	int rc;

	while ((rc = sql_next(r)) > 0) {
		if (sql_blob(r, 0, d.b, sizeof d.b))
			rc = fn(arg, &d);
		if (rc < 0)
			break;
	}
	sql_end(r);
	return rc;
}

#define CHANNEL_COLUMNS "image, name, digest, manifest, release, floor, issued_s, expires_s"

static int one_channel(struct sql_row *r, struct store_channel *out)
{
	int rc = sql_next(r);

	if (rc > 0) {
		*out = (struct store_channel){ .ch = { .release = (uint64_t)sql_int(r, 4),
						       .floor = (uint64_t)sql_int(r, 5),
						       .issued_s = (uint64_t)sql_int(r, 6),
						       .expires_s = (uint64_t)sql_int(r, 7) } };
		sql_text(r, 0, out->ch.image, sizeof out->ch.image);
		sql_text(r, 1, out->ch.name, sizeof out->ch.name);
		sql_blob(r, 2, out->digest.b, sizeof out->digest.b);
		sql_blob(r, 3, out->ch.manifest.b, sizeof out->ch.manifest.b);
	}
	sql_end(r);
	return rc > 0 ? 0 : rc == 0 ? -ENOENT : rc;
}

int store_channel_get(
	struct store *s, const char *image, const char *name, struct store_channel *out)
{
	return one_channel(
		sql_start(s->q,
			"SELECT " CHANNEL_COLUMNS " FROM channel WHERE image = ? AND name = ?",
			"tt", image, name),
		out);
}

int store_channel_of(struct store *s, const char *image, struct store_channel *out)
{
	return one_channel(sql_start(s->q,
				   "SELECT " CHANNEL_COLUMNS " FROM channel WHERE image = ?"
				   " ORDER BY name = 'stable' DESC, release DESC, name LIMIT 1",
				   "t", image),
		out);
}

/* ---- for people ---- */

#define HEX(x) "lower(hex(" x "))"
#define SIGS(x)                                                                                    \
	"(SELECT json_group_array(" HEX("g.digest") ") FROM trust_signature g WHERE g.signed = " x \
						    ")"

/* clang-format off */
int store_json_roots(struct store *s, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('roots', json_group_array(json(o))) FROM (SELECT json_object("
		"'version', version, 'digest', " HEX("r.digest") ", 'expires', expires_s,"
		" 'signatures', " SIGS("r.digest") ") AS o FROM root r ORDER BY version)",
		"");
}

int store_json_channels(struct store *s, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('channels', json_group_array(json(o))) FROM (SELECT json_object("
		"'image', c.image, 'name', c.name, 'digest', " HEX("c.digest") ","
		" 'manifest', " HEX("c.manifest") ", 'version', i.version, 'release', c.release,"
		" 'floor', c.floor, 'issued', issued_s, 'expires', c.expires_s,"
		" 'current', json(iif(u.manifest IS NULL, 'null', json_object('version', v.version,"
		"  'release', v.release, 'manifest', " HEX("u.manifest") "))),"
		" 'pins_refused', (SELECT json_group_array(name) FROM (SELECT h.name FROM host_pin p"
		"  JOIN image i USING (manifest) JOIN host h ON h.id = p.host WHERE i.name = c.image"
		"  AND i.channel = c.name AND (i.release < c.floor OR i.release > c.release"
		"  OR (i.release = c.release AND i.manifest <> c.manifest)) ORDER BY h.name)),"
		" 'hosts', (SELECT count(*) FROM host h WHERE h.image = c.image AND h.channel = c.name),"
		" 'signatures', " SIGS("c.digest") ") AS o FROM channel c"
		" LEFT JOIN image i USING (manifest)"
		" LEFT JOIN image_current u ON u.name = c.image AND u.channel = c.name"
		" LEFT JOIN image v ON v.manifest = u.manifest"
		" ORDER BY c.image, c.name)",
		"");
}
