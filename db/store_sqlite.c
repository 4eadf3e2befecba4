#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"
#include "embed/db/schema.sql.h"

#define SCHEMA_VERSION 1

/* ---- opening ---- */

static int schema_version(struct sql *q, int64_t *out)
{
	struct sql_row *r = sql_start(q, "PRAGMA user_version", "");
	int rc = sql_next(r);

	if (rc > 0)
		*out = sql_int(r, 0);
	sql_end(r);
	return rc > 0 ? 0 : -EIO;
}

static int migrate(struct sql *q, char *err, size_t err_size)
{
	int64_t version;

	if (schema_version(q, &version) < 0)
		return -EIO;
	if (version > SCHEMA_VERSION) {
		snprintf(err, err_size,
			"the database has schema %lld, this program knows %d: a newer muster wrote it",
			(long long)version, SCHEMA_VERSION);
		return -EPROTO;
	}
	if (version == SCHEMA_VERSION)
		return 0;
	if (sql_exec(q, "BEGIN IMMEDIATE") < 0 || sql_exec(q, embed_schema_sql) < 0 ||
		sql_exec(q, "PRAGMA user_version = 1; COMMIT") < 0)
		return -EIO;
	return 0;
}

int store_open(const char *file, struct store **out, char *err, size_t err_size)
{
	struct store *s = calloc(1, sizeof *s);
	int rc;

	if (!s)
		return -ENOMEM;
	rc = sql_open(file, &s->q, err, err_size);
	if (!rc) {
		rc = migrate(s->q, err, err_size);
		if (rc == -EIO)
			snprintf(err, err_size, "%s: %s", file, sql_error(s->q));
	}
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

int store_open_reader(const char *file, struct store **out, char *err, size_t err_size)
{
	struct store *s = calloc(1, sizeof *s);
	int64_t version = 0;
	int rc;

	if (!s)
		return -ENOMEM;
	rc = sql_open_reader(file, &s->q, err, err_size);
	if (!rc && (schema_version(s->q, &version) < 0 || version != SCHEMA_VERSION)) {
		snprintf(err, err_size, "%s: not of schema %d", file, SCHEMA_VERSION);
		rc = -ENOENT;
	}
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sql_close(s->q);
	free(s);
}

const char *store_error(struct store *s)
{
	return sql_error(s->q);
}

int store_begin(struct store *s)
{
	return sql_run(s->q, "BEGIN IMMEDIATE", "");
}

int store_commit(struct store *s)
{
	return sql_run(s->q, "COMMIT", "");
}

int store_try(struct store *s)
{
	return sql_exec(s->q, "SAVEPOINT try");
}

int store_untry(struct store *s)
{
	return sql_exec(s->q, "ROLLBACK TO try; RELEASE try");
}

int store_keep(struct store *s)
{
	return sql_exec(s->q, "RELEASE try");
}

/* ---- hosts ---- */

#define HOST_COLUMNS                                                                               \
	"id, name, serial, vendor, product, image, code, uuid, admitted, created_ms, seen_ms,"     \
	" options IS NOT NULL, channel, profile, rejected_ms"

static void read_host(struct sql_row *r, struct store_host *h)
{
	*h = (struct store_host){ .id = sql_int(r, 0) };
	sql_text(r, 1, h->name, sizeof h->name);
	sql_text(r, 2, h->serial, sizeof h->serial);
	sql_text(r, 3, h->vendor, sizeof h->vendor);
	sql_text(r, 4, h->product, sizeof h->product);
	sql_text(r, 5, h->image, sizeof h->image);
	sql_text(r, 6, h->code, sizeof h->code);
	h->has_uuid = sql_blob(r, 7, h->uuid, sizeof h->uuid);
	h->admitted = sql_int(r, 8) != 0;
	h->created_ms = sql_int(r, 9);
	h->seen_ms = sql_int(r, 10);
	h->has_options = sql_int(r, 11) != 0;
	sql_text(r, 12, h->channel, sizeof h->channel);
	sql_text(r, 13, h->profile, sizeof h->profile);
	h->rejected_ms = sql_int(r, 14);
}

static int host_of(struct sql_row *r, struct store_host *out)
{
	int rc = sql_one(r);

	if (!rc)
		read_host(r, out);
	sql_end(r);
	return rc;
}

int store_host_by_name(struct store *s, const char *name, struct store_host *out)
{
	return host_of(
		sql_start(s->q, "SELECT " HOST_COLUMNS " FROM host WHERE name = ?", "t", name),
		out);
}

int store_host_by_id(struct store *s, int64_t id, struct store_host *out)
{
	return host_of(
		sql_start(s->q, "SELECT " HOST_COLUMNS " FROM host WHERE id = ?", "i", id), out);
}

int store_host_by_code(struct store *s, const char *code, struct store_host *out)
{
	return host_of(
		sql_start(s->q,
			"SELECT " HOST_COLUMNS
			" FROM host WHERE code = ? AND NOT admitted ORDER BY seen_ms DESC LIMIT 1",
			"t", code),
		out);
}

int store_hosts_page(struct store *s, int64_t after, struct store_host *out, int max)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT " HOST_COLUMNS " FROM host WHERE id > ? ORDER BY id LIMIT ?", "ii", after,
		(int64_t)max);
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0)
		read_host(r, &out[n++]);
	sql_end(r);
	return rc < 0 ? rc : n;
}

/* Hosts that fit so far, with the weight of the evidence for each. */
struct votes {
	size_t n;
	struct {
		int64_t host;
		int weight;
	} of[HOST_MACS_MAX + 8];
};

static void vote(struct votes *v, int64_t host, int weight)
{
	for (size_t i = 0; i < v->n; i++) {
		if (v->of[i].host == host) {
			v->of[i].weight += weight;
			return;
		}
	}
	if (v->n < sizeof v->of / sizeof v->of[0]) {
		v->of[v->n].host = host;
		v->of[v->n++].weight = weight;
	}
}

/* Every host that the statement names gets the weight. */
static int vote_rows(struct votes *v, struct sql_row *r, int weight)
{
	int rc;

	while ((rc = sql_next(r)) > 0)
		vote(v, sql_int(r, 0), weight);
	sql_end(r);
	return rc;
}

int store_host_find(struct store *s, const struct host_identity *id, struct store_host *out)
{
	/* A vendor may repeat a UUID or a serial; a card may move. Together they outvote either. */
	enum { CLIENT_ID = 6, UUID = 5, SERIAL = 4, MAC = 3 };
	struct votes v = { 0 };
	size_t best = 0;
	int rc = 0;

	if (id->id)
		return store_host_by_id(s, id->id, out);
	if (id->client_id_len)
		rc = vote_rows(&v,
			sql_start(s->q, "SELECT host FROM host_client WHERE client_id = ?", "b",
				id->client_id, (size_t)id->client_id_len),
			CLIENT_ID);
	if (!rc && id->has_uuid)
		rc = vote_rows(&v,
			sql_start(s->q, "SELECT id FROM host WHERE uuid = ? LIMIT 4", "b", id->uuid,
				sizeof id->uuid),
			UUID);
	if (!rc && host_serial_ok(id->serial))
		rc = vote_rows(&v,
			sql_start(s->q, "SELECT id FROM host WHERE serial = ? LIMIT 4", "t",
				id->serial),
			SERIAL);
	for (size_t i = 0; i < id->n_macs && !rc; i++)
		rc = vote_rows(&v,
			sql_start(s->q, "SELECT host FROM host_mac WHERE mac = ?", "b", id->macs[i],
				(size_t)6),
			MAC);
	if (rc < 0)
		return rc;
	if (!v.n)
		return -ENOENT;
	for (size_t i = 1; i < v.n; i++) {
		if (v.of[i].weight > v.of[best].weight)
			best = i;
	}
	return store_host_by_id(s, v.of[best].host, out);
}

static const void *uuid_of(const struct store_host *h)
{
	return h->has_uuid ? h->uuid : NULL;
}

/* The first free name of the form nNN, from the new row's own number on. */
static int name_host(struct store *s, struct store_host *h)
{
	struct store_host other;

	for (int64_t n = h->id; n < h->id + 1000; n++) {
		int rc;

		snprintf(h->name, sizeof h->name, "n%02lld", (long long)n);
		rc = store_host_by_name(s, h->name, &other);
		if (rc != 0)
			return rc == -ENOENT ? 0 : rc;
	}
	return -EEXIST;
}

int store_host_add(struct store *s, struct store_host *h)
{
	struct store_host other;
	char temporary[32];
	int rc;

	if (h->name[0]) {
		rc = store_host_by_name(s, h->name, &other);
		if (rc != -ENOENT)
			return rc == 0 ? -EEXIST : rc;
	}
	/* The row's number makes the name: begin with one that no host can have. */
	snprintf(temporary, sizeof temporary, "?%lld", (long long)h->created_ms);
	rc = sql_run(s->q,
		"INSERT INTO host (name, serial, vendor, product, image, channel, code, uuid,"
		" admitted, created_ms, seen_ms) VALUES (?, '', '', '', '', '', '', NULL, 0, ?, ?)",
		"tii", temporary, h->created_ms, h->seen_ms);
	if (rc < 0)
		return rc;
	h->id = sql_last_id(s->q);
	if (!h->name[0])
		rc = name_host(s, h);
	return rc < 0 ? rc : store_host_put(s, h);
}

int store_host_put(struct store *s, const struct store_host *h)
{
	return sql_run(s->q,
		"UPDATE host SET name = ?, serial = ?, vendor = ?, product = ?, image = ?,"
		" channel = ?, profile = ?, code = ?, uuid = ?, admitted = ?, seen_ms = ? WHERE id = ?",
		"ttttttttbiii", h->name, h->serial, h->vendor, h->product, h->image, h->channel,
		h->profile, h->code, uuid_of(h), sizeof h->uuid, (int64_t)h->admitted, h->seen_ms,
		h->id);
}

int store_host_rm(struct store *s, int64_t id)
{
	return sql_run(s->q, "DELETE FROM host WHERE id = ?", "i", id);
}

int store_host_mac_put(struct store *s, int64_t host, const uint8_t mac[6])
{
	return sql_run(s->q,
		"INSERT INTO host_mac (mac, host) VALUES (?, ?)"
		" ON CONFLICT (mac) DO UPDATE SET host = excluded.host WHERE host != excluded.host",
		"bi", mac, (size_t)6, host);
}

int store_host_macs(struct store *s, int64_t host, uint8_t (*macs)[6], int max)
{
	struct sql_row *r = sql_start(
		s->q, "SELECT mac FROM host_mac WHERE host = ? LIMIT ?", "ii", host, (int64_t)max);
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0)
		n += sql_blob(r, 0, macs[n], 6);
	sql_end(r);
	return rc < 0 ? rc : n;
}

int store_host_client_id_put(struct store *s, int64_t host, const uint8_t *client_id, size_t len)
{
	int rc;

	if (!len)
		return sql_run(s->q, "DELETE FROM host_client WHERE host = ?", "i", host);
	rc = sql_run(s->q, "UPDATE host_client SET client_id = ? WHERE host = ?", "bi", client_id,
		len, host);
	if (rc < 0 || sql_changes(s->q))
		return rc;
	return sql_run(s->q, "INSERT INTO host_client (host, client_id) VALUES (?, ?)", "ib", host,
		client_id, len);
}

int store_host_options_put(struct store *s, int64_t host, const char *json)
{
	return sql_run(s->q, "UPDATE host SET options = ? WHERE id = ?", "ti", json, host);
}

int store_host_options(struct store *s, int64_t host, char **json)
{
	return sql_value(s->q, json, "SELECT options FROM host WHERE id = ?", "i", host);
}

/* A blob's pointer for binding: nothing is NULL. */
static const void *bytes_of(const uint8_t *bytes, size_t len)
{
	return len ? bytes : NULL;
}

int store_host_place_put(struct store *s, int64_t host, const struct store_place *p)
{
	return sql_run(s->q,
		"INSERT INTO host_place (host, relay, circuit, remote) VALUES (?, ?, ?, ?)"
		" ON CONFLICT (host) DO UPDATE SET relay = excluded.relay,"
		" circuit = excluded.circuit, remote = excluded.remote"
		" WHERE relay != excluded.relay OR circuit IS NOT excluded.circuit"
		" OR remote IS NOT excluded.remote",
		"iibb", host, (int64_t)p->relay, bytes_of(p->circuit, p->circuit_len),
		(size_t)p->circuit_len, bytes_of(p->remote, p->remote_len), (size_t)p->remote_len);
}

int store_host_place(struct store *s, int64_t host, struct store_place *out)
{
	struct sql_row *r = sql_start(
		s->q, "SELECT relay, circuit, remote FROM host_place WHERE host = ?", "i", host);
	int rc = sql_one(r);

	if (!rc) {
		out->relay = (uint32_t)sql_int(r, 0);
		out->circuit_len = (uint8_t)sql_bytes(r, 1, out->circuit, sizeof out->circuit);
		out->remote_len = (uint8_t)sql_bytes(r, 2, out->remote, sizeof out->remote);
	}
	sql_end(r);
	return rc;
}

int store_relay_each(
	struct store *s, int (*fn)(void *arg, uint32_t relay, int64_t hosts), void *arg)
{
	struct sql_row *r =
		sql_start(s->q, "SELECT relay, count(*) FROM host_place GROUP BY relay", "");
	int rc;

	while ((rc = sql_next(r)) > 0) {
		rc = fn(arg, (uint32_t)sql_int(r, 0), sql_int(r, 1));
		if (rc < 0)
			break;
	}
	sql_end(r);
	return rc < 0 ? rc : 0;
}

int store_host_facts_put(struct store *s, int64_t host, const char *json, size_t len)
{
	char *copy = strndup(json, len);
	int rc = copy ? sql_run(s->q, "UPDATE host SET facts = ? WHERE id = ?", "ti", copy, host)
		      : -ENOMEM;

	free(copy);
	return rc;
}

int store_host_value_put(struct store *s, int64_t host, const char *name, const char *value)
{
	if (!value)
		return sql_run(s->q, "DELETE FROM host_value WHERE host = ? AND name = ?", "it",
			host, name);
	return sql_run(s->q,
		"INSERT INTO host_value (host, name, value) VALUES (?, ?, ?)"
		" ON CONFLICT (host, name) DO UPDATE SET value = excluded.value",
		"itt", host, name, value);
}

int store_host_values(struct store *s, int64_t host, struct store_value *out, int max)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT name, value FROM host_value WHERE host = ? ORDER BY name LIMIT ?", "ii",
		host, (int64_t)max);
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0) {
		sql_text(r, 0, out[n].name, sizeof out[n].name);
		sql_text(r, 1, out[n++].value, sizeof out[0].value);
	}
	sql_end(r);
	return rc < 0 ? rc : n;
}

/* The rows of a table that has one, or some, for a host; -1, which no host is, keeps a's apart. */
static int swap_rows(struct store *s, const char *const steps[3], int64_t a, int64_t b)
{
	int rc = sql_run(s->q, steps[0], "i", a);

	if (!rc)
		rc = sql_run(s->q, steps[1], "ii", a, b);
	return rc ? rc : sql_run(s->q, steps[2], "i", b);
}

int store_host_swap(struct store *s, int64_t a, int64_t b)
{
	static const char *const whole[] = {
		"UPDATE host SET uuid = o.uuid, serial = o.serial, vendor = o.vendor,"
		" product = o.product, facts = o.facts, seen_ms = o.seen_ms"
		" FROM (SELECT * FROM host WHERE id IN (?1, ?2)) o"
		" WHERE host.id IN (?1, ?2) AND o.id = iif(host.id = ?1, ?2, ?1)",
		"UPDATE host_mac SET host = iif(host = ?1, ?2, ?1) WHERE host IN (?1, ?2)",
		"UPDATE host_facts SET host = iif(host = ?1, ?2, ?1) WHERE host IN (?1, ?2)",
		"UPDATE boot SET host = iif(host = ?1, ?2, ?1) WHERE host IN (?1, ?2) AND state = 0",
	};
	static const char *const rows[][3] = {
		{ "UPDATE host_client SET host = -1 WHERE host = ?",
			"UPDATE host_client SET host = ? WHERE host = ?",
			"UPDATE host_client SET host = ? WHERE host = -1" },
		{ "UPDATE host_place SET host = -1 WHERE host = ?",
			"UPDATE host_place SET host = ? WHERE host = ?",
			"UPDATE host_place SET host = ? WHERE host = -1" },
		{ "UPDATE host_loader SET host = -1 WHERE host = ?",
			"UPDATE host_loader SET host = ? WHERE host = ?",
			"UPDATE host_loader SET host = ? WHERE host = -1" },
		{ "UPDATE host_neighbour SET host = -1 WHERE host = ?",
			"UPDATE host_neighbour SET host = ? WHERE host = ?",
			"UPDATE host_neighbour SET host = ? WHERE host = -1" },
	};
	int rc = sql_run(s->q, "PRAGMA defer_foreign_keys = ON", "");

	for (size_t i = 0; i < sizeof whole / sizeof whole[0] && !rc; i++)
		rc = sql_run(s->q, whole[i], "ii", a, b);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !rc; i++)
		rc = swap_rows(s, rows[i], a, b);
	return rc;
}

/* ---- reserved addresses ---- */

#define RESERVATION_COLUMNS "host, addr, circuit"

static void read_reservation(struct sql_row *r, struct store_reservation *out)
{
	out->host = sql_int(r, 0);
	out->addr = (uint32_t)sql_int(r, 1);
	out->circuit_len = (uint8_t)sql_bytes(r, 2, out->circuit, sizeof out->circuit);
}

int store_reservation_put(struct store *s, const struct store_reservation *r)
{
	const void *circuit = bytes_of(r->circuit, r->circuit_len);
	int rc = sql_run(s->q, "UPDATE reservation SET addr = ?, circuit = ? WHERE host = ?", "ibi",
		(int64_t)r->addr, circuit, (size_t)r->circuit_len, r->host);

	if (rc < 0 || sql_changes(s->q))
		return rc;
	return sql_run(s->q, "INSERT INTO reservation (" RESERVATION_COLUMNS ") VALUES (?, ?, ?)",
		"iib", r->host, (int64_t)r->addr, circuit, (size_t)r->circuit_len);
}

int store_reservation_rm(struct store *s, int64_t host)
{
	return sql_run(s->q, "DELETE FROM reservation WHERE host = ?", "i", host);
}

static int reservation_of(struct sql_row *r, struct store_reservation *out)
{
	int rc = sql_one(r);

	if (!rc)
		read_reservation(r, out);
	sql_end(r);
	return rc;
}

int store_reservation_of(struct store *s, int64_t host, struct store_reservation *out)
{
	return reservation_of(
		sql_start(s->q, "SELECT " RESERVATION_COLUMNS " FROM reservation WHERE host = ?",
			"i", host),
		out);
}

int store_reservation_at(struct store *s, uint32_t addr, struct store_reservation *out)
{
	return reservation_of(
		sql_start(s->q, "SELECT " RESERVATION_COLUMNS " FROM reservation WHERE addr = ?",
			"i", (int64_t)addr),
		out);
}

int store_reservation_each(
	struct store *s, int (*fn)(void *arg, const struct store_reservation *r), void *arg)
{
	struct sql_row *r = sql_start(s->q, "SELECT " RESERVATION_COLUMNS " FROM reservation", "");
	struct store_reservation found;
	int rc;

	while ((rc = sql_next(r)) > 0) {
		read_reservation(r, &found);
		rc = fn(arg, &found);
		if (rc < 0)
			break;
	}
	sql_end(r);
	return rc < 0 ? rc : 0;
}

/* ---- leases ---- */

int store_lease_put(struct store *s, const struct store_lease *l)
{
	return sql_run(s->q,
		"INSERT INTO lease (addr, mac, state, known, machine, expires_ms)"
		" VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (addr) DO UPDATE SET mac = excluded.mac,"
		" state = excluded.state, known = excluded.known, expires_ms = excluded.expires_ms,"
		" machine = iif(excluded.machine = 0 AND excluded.mac = mac, machine,"
		" excluded.machine)",
		"ibiiii", (int64_t)l->addr, l->mac, sizeof l->mac, (int64_t)l->state,
		(int64_t)l->known, (int64_t)l->machine, (int64_t)l->expires_ms);
}

int store_lease_rm(struct store *s, uint32_t addr)
{
	return sql_run(s->q, "DELETE FROM lease WHERE addr = ?", "i", (int64_t)addr);
}

int store_lease_each(struct store *s, int (*fn)(void *arg, const struct store_lease *l), void *arg)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT addr, mac, state, known, expires_ms, machine FROM lease"
		" ORDER BY expires_ms DESC",
		"");
	int rc;

	while ((rc = sql_next(r)) > 0) {
		struct store_lease l = {
			.addr = (uint32_t)sql_int(r, 0),
			.state = (uint8_t)sql_int(r, 2),
			.known = sql_int(r, 3) != 0,
			.expires_ms = (uint64_t)sql_int(r, 4),
			.machine = (uint32_t)sql_int(r, 5),
		};

		if (sql_blob(r, 1, l.mac, sizeof l.mac))
			rc = fn(arg, &l);
		if (rc < 0)
			break;
	}
	sql_end(r);
	return rc < 0 ? rc : 0;
}

/* ---- loaders ---- */

int store_loaders_get(
	struct store *s, int64_t host, const char *firmware, struct store_loaders *out)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT firmware, loader, http, form, boot, dead, dead_form, dead_read, dead_boot"
		" FROM host_loader"
		" WHERE host = ? AND firmware = ?",
		"it", host, firmware);
	int rc = sql_one(r);

	if (rc == -ENOENT || !rc)
		*out = (struct store_loaders){ 0 };
	if (!rc) {
		sql_text(r, 0, out->works.firmware, sizeof out->works.firmware);
		sql_text(r, 1, out->works.loader, sizeof out->works.loader);
		out->works.http = sql_int(r, 2) != 0;
		out->works.form = (uint8_t)sql_int(r, 3);
		out->works_boot = sql_int(r, 4);
		sql_text(r, 5, out->dead.loader, sizeof out->dead.loader);
		out->dead.form = (uint8_t)sql_int(r, 6);
		out->dead_read = sql_int(r, 7) != 0;
		out->dead_boot = sql_int(r, 8);
	}
	sql_end(r);
	return rc == -ENOENT ? 0 : rc;
}

int store_loader_works(struct store *s, int64_t host, int64_t boot, const struct store_loader *l)
{
	/* Nothing is written while all stays as it is: a host that works costs no disk. */
	return sql_run(s->q,
		"INSERT INTO host_loader (host, firmware, loader, http, form, boot, dead, dead_form,"
		" dead_read, dead_boot) VALUES (?, ?, ?, ?, ?, ?, '', 0, 0, 0)"
		" ON CONFLICT (host, firmware) DO UPDATE SET boot = CASE WHEN loader = excluded.loader"
		" AND http = excluded.http AND form = excluded.form THEN boot ELSE excluded.boot END,"
		" loader = excluded.loader, http = excluded.http, form = excluded.form, dead = '',"
		" dead_boot = 0 WHERE loader != excluded.loader OR http != excluded.http"
		" OR form != excluded.form OR dead_boot != 0",
		"ittiii", host, l->firmware, l->loader, (int64_t)l->http, (int64_t)l->form, boot);
}

int store_loader_died(
	struct store *s, int64_t host, int64_t boot, const struct store_loader *l, bool read)
{
	return sql_run(s->q,
		"INSERT INTO host_loader (host, firmware, loader, http, form, boot, dead, dead_form,"
		" dead_read, dead_boot) VALUES (?, ?, '', 0, 0, 0, ?, ?, ?, ?)"
		" ON CONFLICT (host, firmware) DO UPDATE SET dead = excluded.dead,"
		" dead_form = excluded.dead_form, dead_read = excluded.dead_read,"
		" dead_boot = excluded.dead_boot",
		"ittiii", host, l->firmware, l->loader, (int64_t)l->form, (int64_t)read, boot);
}

/* ---- boots ---- */

#define BOOT_COLUMNS                                                                                 \
	"id, host, started_ms, mono_ms, seen_ms, ended_ms, stage, state, addr, arch, loader_sent,"   \
	" firmware, image, version, manifest, session, nonce, reason, sentence, loader, loader_for," \
	" http, form, secret_sent, agent, due_ms, silence, rule,"                                    \
	" wait, wait_since_ms, waited_approval_ms, waited_image_ms, waited_turn_ms, obeys"

static void write_silences(const uint32_t ms[STAGE_FAILED], uint8_t out[STORE_SILENCES_LEN])
{
	for (size_t i = 0; i < STAGE_FAILED; i++) {
		out[4 * i] = (uint8_t)(ms[i] >> 24);
		out[4 * i + 1] = (uint8_t)(ms[i] >> 16);
		out[4 * i + 2] = (uint8_t)(ms[i] >> 8);
		out[4 * i + 3] = (uint8_t)ms[i];
	}
}

void store_read_silences(struct sql_row *r, int col, uint32_t ms[STAGE_FAILED])
{
	uint8_t b[STORE_SILENCES_LEN] = { 0 };

	sql_blob(r, col, b, sizeof b);
	for (size_t i = 0; i < STAGE_FAILED; i++)
		ms[i] = (uint32_t)b[4 * i] << 24 | (uint32_t)b[4 * i + 1] << 16 |
			(uint32_t)b[4 * i + 2] << 8 | b[4 * i + 3];
}

static void read_boot(struct sql_row *r, struct store_boot *b)
{
	*b = (struct store_boot){
		.id = sql_int(r, 0),
		.host = sql_int(r, 1),
		.started_ms = sql_int(r, 2),
		.mono_ms = sql_int(r, 3),
		.seen_ms = sql_int(r, 4),
		.ended_ms = sql_int(r, 5),
		.stage = (enum boot_stage)sql_int(r, 6),
		.state = (enum boot_state)sql_int(r, 7),
		.addr = (uint32_t)sql_int(r, 8),
		.arch = (uint16_t)sql_int(r, 9),
		.loader_sent = sql_int(r, 10) != 0,
	};
	sql_text(r, 11, b->firmware, sizeof b->firmware);
	sql_text(r, 12, b->image, sizeof b->image);
	sql_text(r, 13, b->version, sizeof b->version);
	b->has_manifest = sql_blob(r, 14, b->manifest.b, sizeof b->manifest.b);
	b->has_session = sql_blob(r, 15, b->session.b, sizeof b->session.b);
	sql_text(r, 16, b->nonce, sizeof b->nonce);
	sql_text(r, 17, b->reason, sizeof b->reason);
	sql_text(r, 18, b->sentence, sizeof b->sentence);
	sql_text(r, 19, b->offered.loader, sizeof b->offered.loader);
	sql_text(r, 20, b->offered.firmware, sizeof b->offered.firmware);
	b->offered.http = sql_int(r, 21) != 0;
	b->offered.form = (uint8_t)sql_int(r, 22);
	b->secret_sent = sql_int(r, 23) != 0;
	b->has_agent = sql_blob(r, 24, b->agent.b, sizeof b->agent.b);
	b->due_ms = sql_int(r, 25);
	store_read_silences(r, 26, b->silence_ms);
	sql_text(r, 27, b->rule, sizeof b->rule);
	b->wait = (enum boot_wait)sql_int(r, 28);
	b->wait_since_ms = sql_int(r, 29);
	for (int i = BOOT_WAITS_APPROVAL; i < BOOT_WAITS; i++)
		b->waited_ms[i] = sql_int(r, 29 + i);
	sql_text(r, 33, b->obeys, sizeof b->obeys);
}

static int boot_of(struct sql_row *r, struct store_boot *out)
{
	int rc = sql_one(r);

	if (!rc)
		read_boot(r, out);
	sql_end(r);
	return rc;
}

int store_boot_add(struct store *s, struct store_boot *b)
{
	int rc = sql_run(s->q,
		"INSERT INTO boot (host, started_ms, mono_ms, seen_ms, ended_ms, stage, state, addr,"
		" arch, loader_sent, loader, loader_for, http, form, firmware, image, version, nonce,"
		" reason, sentence, due_ms, silence, rule)"
		" VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0, 0, '', '', 0, 0, '', '', '', '', '', '', 0,"
		" x'', '')",
		"iii", b->host, b->started_ms, b->mono_ms);

	if (rc < 0)
		return rc;
	b->id = sql_last_id(s->q);
	return store_boot_put(s, b);
}

int store_boot_put(struct store *s, const struct store_boot *b)
{
	uint8_t silence[STORE_SILENCES_LEN];

	write_silences(b->silence_ms, silence);
	return sql_run(s->q,
		"UPDATE boot SET seen_ms = ?, ended_ms = ?, stage = ?, state = ?, addr = ?, arch = ?,"
		" loader_sent = ?, loader = ?, loader_for = ?, http = ?, form = ?, firmware = ?,"
		" image = ?, version = ?, manifest = ?, session = ?, nonce = ?, reason = ?,"
		" sentence = ?, secret_sent = ?, agent = ?, due_ms = ?, silence = ?,"
		" rule = ?, wait = ?, wait_since_ms = ?, waited_approval_ms = ?, waited_image_ms = ?,"
		" waited_turn_ms = ?, obeys = ? WHERE id = ?",
		"iiiiiiittiitttbbtttibibtiiiiiti", b->seen_ms, b->ended_ms, (int64_t)b->stage,
		(int64_t)b->state, (int64_t)b->addr, (int64_t)b->arch, (int64_t)b->loader_sent,
		b->offered.loader, b->offered.firmware, (int64_t)b->offered.http,
		(int64_t)b->offered.form, b->firmware, b->image, b->version,
		b->has_manifest ? b->manifest.b : NULL, sizeof b->manifest.b,
		b->has_session ? b->session.b : NULL, sizeof b->session.b, b->nonce, b->reason,
		b->sentence, (int64_t)b->secret_sent, b->has_agent ? b->agent.b : NULL,
		sizeof b->agent.b, b->due_ms, silence, sizeof silence, b->rule, (int64_t)b->wait,
		b->wait_since_ms, b->waited_ms[BOOT_WAITS_APPROVAL], b->waited_ms[BOOT_WAITS_IMAGE],
		b->waited_ms[BOOT_WAITS_TURN], b->obeys, b->id);
}

int store_boot_by_id(struct store *s, int64_t id, struct store_boot *out)
{
	return boot_of(
		sql_start(s->q, "SELECT " BOOT_COLUMNS " FROM boot WHERE id = ?", "i", id), out);
}

int store_boot_newest(struct store *s, int64_t host, struct store_boot *out)
{
	return boot_of(
		sql_start(s->q,
			"SELECT " BOOT_COLUMNS " FROM boot WHERE host = ? ORDER BY id DESC LIMIT 1",
			"i", host),
		out);
}

int store_boot_by_session(struct store *s, const struct digest *d, struct store_boot *out)
{
	return boot_of(sql_start(s->q, "SELECT " BOOT_COLUMNS " FROM boot WHERE session = ?", "b",
			       d->b, sizeof d->b),
		out);
}

int store_boot_by_addr(struct store *s, uint32_t addr, struct store_boot *out)
{
	return boot_of(sql_start(s->q,
			       "SELECT " BOOT_COLUMNS
			       " FROM boot WHERE state = 0 AND addr = ? ORDER BY id DESC LIMIT 1",
			       "i", (int64_t)addr),
		out);
}

int store_boot_failures(struct store *s, int64_t host, int *out)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT state FROM boot WHERE host = ? AND state != 0 ORDER BY id DESC LIMIT 20",
		"i", host);
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0 && sql_int(r, 0) == BOOT_FAILED)
		n++;
	sql_end(r);
	if (rc < 0)
		return rc;
	*out = n;
	return 0;
}

int store_boot_due(struct store *s, int64_t now_ms,
	int (*fn)(void *arg, const struct store_boot *b), void *arg)
{
	/* fn writes to the table that is being read: take what there is first, in bounded steps. */
	struct store_boot due[STORE_DUE_MAX];
	size_t n = 0;
	struct sql_row *r = sql_start(s->q,
		"SELECT " BOOT_COLUMNS " FROM boot WHERE state = 0 AND due_ms < ?"
		" ORDER BY due_ms LIMIT ?",
		"ii", now_ms, (int64_t)STORE_DUE_MAX);
	int rc;

	while ((rc = sql_next(r)) > 0)
		read_boot(r, &due[n++]);
	sql_end(r);
	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = fn(arg, &due[i]);
	return rc < 0 ? rc : 0;
}

int store_event_add(struct store *s, const struct store_event *e)
{
	return sql_run(s->q,
		"INSERT INTO boot_event (boot, stage, what, source, at_ms, since_ms, bytes, total, detail)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"iittiiiit", e->boot, (int64_t)e->stage, e->what, e->source, e->at_ms, e->since_ms,
		(int64_t)e->bytes, (int64_t)e->total, e->detail ? e->detail : "");
}

int store_event_progress(struct store *s, const struct store_event *e)
{
	/* A new row with a new number, so that whoever follows by number sees it. */
	int rc = sql_run(s->q,
		"DELETE FROM boot_event WHERE boot = ? AND stage = ? AND what = ? AND detail = ?",
		"iitt", e->boot, (int64_t)e->stage, e->what, e->detail ? e->detail : "");

	return rc < 0 ? rc : store_event_add(s, e);
}

int store_event_seen(struct store *s, const struct store_event *e)
{
	return sql_run(s->q,
		"INSERT INTO boot_event (boot, stage, what, source, at_ms, since_ms, bytes, total, detail)"
		" SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7 WHERE NOT EXISTS (SELECT 1 FROM boot_event"
		"  WHERE boot = ?1 AND what = ?3 AND detail = ?7)"
		" AND (SELECT count(*) FROM boot_event WHERE boot = ?1 AND what = ?3) < ?8",
		"iittiiti", e->boot, (int64_t)e->stage, e->what, e->source, e->at_ms, e->since_ms,
		e->detail, (int64_t)STORE_SEEN_MAX);
}

/* ---- other DHCP servers ---- */

int store_dhcp_server_put(struct store *s, const struct store_dhcp_server *d)
{
	return sql_run(s->q,
		"INSERT OR REPLACE INTO dhcp_server (place, server, source, mac, interface, addresses,"
		" next_server, file, first_ms, last_ms, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"iiibtiitiii", (int64_t)d->place, (int64_t)d->server, (int64_t)d->source, d->mac,
		sizeof d->mac, d->ifname, (int64_t)d->addresses, (int64_t)d->next_server, d->file,
		d->first_ms, d->last_ms, d->count);
}

int store_dhcp_server_each(
	struct store *s, int (*fn)(void *arg, const struct store_dhcp_server *d), void *arg)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT place, server, source, mac, interface, addresses, next_server, file, first_ms,"
		" last_ms, count FROM dhcp_server",
		"");
	int rc;

	while ((rc = sql_next(r)) > 0) {
		struct store_dhcp_server d = {
			.place = (unsigned)sql_int(r, 0),
			.server = (uint32_t)sql_int(r, 1),
			.source = (uint32_t)sql_int(r, 2),
			.addresses = sql_int(r, 5) != 0,
			.next_server = (uint32_t)sql_int(r, 6),
			.first_ms = sql_int(r, 8),
			.last_ms = sql_int(r, 9),
			.count = sql_int(r, 10),
		};

		sql_blob(r, 3, d.mac, sizeof d.mac);
		sql_text(r, 4, d.ifname, sizeof d.ifname);
		sql_text(r, 7, d.file, sizeof d.file);
		rc = fn(arg, &d);
		if (rc < 0)
			break;
	}
	sql_end(r);
	return rc < 0 ? rc : 0;
}
