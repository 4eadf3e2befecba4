/*
 * POST /api/v1/hosts/import: many hosts and their reserved addresses in one transaction, or none of
 * them. Every row is judged against the inventory and against the rows before it, and only then is
 * anything written: what was judged good cannot fail any more.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"
#include "server/core/api.h"
#include "server/log.h"

#define ROWS_MAX 256 /* of one request */

enum verdict { ROW_SAME, ROW_ADD, ROW_CHANGE, ROW_CONFLICT, ROW_BAD };

static const char *const verdicts[] = {
	[ROW_SAME] = "same",
	[ROW_ADD] = "add",
	[ROW_CHANGE] = "change",
	[ROW_CONFLICT] = "conflict",
	[ROW_BAD] = "bad",
};

struct row {
	enum verdict verdict;
	char why[256];		  /* of a conflict or a bad one */
	struct host_identity id;  /* as the row says */
	struct store_host had, h; /* before and after; id 0: a new host */
	struct reserve_wish wish;
	bool new_client_id, new_circuit;
	uint8_t new_macs[HOST_MACS_MAX][6];
	size_t n_new_macs;
	bool applied;
};

static bool refuse(struct row *r, enum verdict v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static bool refuse(struct row *r, enum verdict v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof r->why, fmt, ap);
	va_end(ap);
	r->verdict = v;
	return false;
}

/* The problem that another part of the API has answered with. */
static bool refuse_answered(struct row *r, struct answer *a)
{
	char err[80];
	struct json *doc = a->body ? json_read(a->body, a->len, err, sizeof err) : NULL;

	refuse(r, a->status == 409 ? ROW_CONFLICT : ROW_BAD, "%s",
		json_get_str(doc, "detail", "refused"));
	json_free(doc);
	free(a->body);
	*a = (struct answer){ 0 };
	return false;
}

/* ---- what a row says ---- */

static bool read_macs(struct row *r, const struct json *macs)
{
	uint8_t mac[6];

	if (json_len(macs) > HOST_MACS_MAX || (macs && !json_is_array(macs)))
		return refuse(r, ROW_BAD, "macs is a list of up to %d", HOST_MACS_MAX);
	for (size_t i = 0; i < json_len(macs); i++) {
		const char *text = json_str(json_at(macs, i), "");

		if (host_mac_parse(text, mac) < 0)
			return refuse(r, ROW_BAD, "'%s' is no MAC address of a host", text);
		host_mac_add(&r->id, mac);
	}
	return true;
}

static bool read_identity(struct row *r, const struct json *body)
{
	const char *uuid = json_get_str(body, "uuid", NULL);
	const char *serial = json_get_str(body, "serial", "");
	const char *client_id = json_get_str(body, "client_id", "");
	const char *name = json_get_str(body, "name", "");
	int n = *client_id ? host_bytes_parse(client_id, r->id.client_id) : 0;

	if (uuid && host_uuid_parse(uuid, r->id.uuid) < 0)
		return refuse(r, ROW_BAD, "'%s' is no UUID of a host", uuid);
	r->id.has_uuid = uuid != NULL;
	if (*serial && (!host_serial_ok(serial) || !host_serial_fits(serial)))
		return refuse(r, ROW_BAD, "'%s' is no serial number", serial);
	snprintf(r->id.serial, sizeof r->id.serial, "%s", serial);
	if (*name && !host_name_ok(name))
		return refuse(r, ROW_BAD, "'%s' is no host's name", name);
	if (host_name_is_word(name))
		return refuse(r, ROW_BAD, HOST_NAME_IS_WORD, name);
	snprintf(r->h.name, sizeof r->h.name, "%s", name);
	r->id.client_id_len = (uint8_t)(n > 0 ? n : 0); /* a wrong one is refused later */
	return read_macs(r, json_get(body, "macs"));
}

/* ---- which host it is ---- */

/* 0 with *out filled, or -ENOENT. */
static int find(struct core *c, const struct host_identity *id, struct store_host *out)
{
	int rc = store_host_find(c->store, id, out);

	if (rc != -ENOENT)
		core_must(c, rc, "host find");
	return rc;
}

/* The host whose reservation is the same: the only mark of one that is known by its circuit. */
static int find_by_circuit(struct core *c, const struct json *body, struct store_host *out)
{
	uint8_t circuit[HOST_BYTES_MAX];
	const int n = host_bytes_parse(json_get_str(body, "circuit", ""), circuit);
	struct store_reservation res;
	struct in_addr a;
	int rc;

	if (n < 1 || inet_pton(AF_INET, json_get_str(body, "ip", ""), &a) != 1)
		return -ENOENT;
	rc = store_reservation_at(c->store, ntohl(a.s_addr), &res);
	if (rc != -ENOENT)
		core_must(c, rc, "reservation at");
	if (rc || res.circuit_len != n || memcmp(res.circuit, circuit, (size_t)n))
		return -ENOENT;
	rc = store_host_by_id(c->store, res.host, out);
	if (rc != -ENOENT)
		core_must(c, rc, "host by id");
	return rc;
}

/* Each mark of the row must lead to the same host, or to none. */
static bool find_host(struct core *c, struct row *r, const struct json *body)
{
	struct store_host other;

	if (find(c, &r->id, &r->had) < 0 && find_by_circuit(c, body, &r->had) < 0)
		r->had = (struct store_host){ 0 };
	for (size_t i = 0; i < r->id.n_macs; i++) {
		struct host_identity one = { .n_macs = 1 };
		char mac[HOST_MAC_TEXT];
		int rc;

		memcpy(one.macs[0], r->id.macs[i], 6);
		rc = find(c, &one, &other);
		if (rc == 0 && other.id != r->had.id) {
			host_mac_print(one.macs[0], mac);
			return refuse(r, ROW_CONFLICT, "%s is a card of %s", mac, other.name);
		}
		if (rc < 0)
			memcpy(r->new_macs[r->n_new_macs++], one.macs[0], 6);
	}
	return true;
}

/* What the host shall be, out of what it was and what the row says. */
static bool merge(struct core *c, struct row *r)
{
	struct store_host after = r->had, other;
	int rc = -ENOENT;

	if (!after.id) {
		after.admitted = true;
		after.created_ms = c->wall_ms; /* and never seen yet */
	}
	if (*r->h.name) {
		snprintf(after.name, sizeof after.name, "%s", r->h.name);
		rc = store_host_by_name(c->store, after.name, &other);
	}
	if (rc != -ENOENT)
		core_must(c, rc, "host by name");
	if (rc == 0 && other.id != after.id)
		return refuse(r, ROW_CONFLICT, "another host has the name '%s'", after.name);
	if (r->id.has_uuid && after.has_uuid && memcmp(r->id.uuid, after.uuid, sizeof after.uuid))
		return refuse(r, ROW_CONFLICT, "%s has another UUID", r->had.name);
	if (*r->id.serial && *after.serial && strcmp(r->id.serial, after.serial))
		return refuse(r, ROW_CONFLICT, "%s has the serial number '%s'", r->had.name,
			after.serial);
	if (r->id.has_uuid) {
		after.has_uuid = true;
		memcpy(after.uuid, r->id.uuid, sizeof after.uuid);
	}
	if (*r->id.serial)
		snprintf(after.serial, sizeof after.serial, "%s", r->id.serial);
	r->h = after;
	return true;
}

static bool has_new_client_id(struct core *c, const struct row *r)
{
	struct host_identity id = { .client_id_len = r->wish.client_id_len };
	struct store_host host;

	if (!id.client_id_len)
		return false;
	memcpy(id.client_id, r->wish.client_id, id.client_id_len);
	return find(c, &id, &host) < 0;
}

static bool has_new_circuit(struct core *c, const struct row *r)
{
	const struct store_reservation *now = &r->wish.r;
	struct store_reservation had;
	int rc = r->had.id ? store_reservation_of(c->store, r->had.id, &had) : -ENOENT;

	if (rc != -ENOENT)
		core_must(c, rc, "reservation of");
	return now->circuit_len && (rc || had.circuit_len != now->circuit_len ||
					   memcmp(had.circuit, now->circuit, now->circuit_len));
}

static enum verdict compare(const struct row *r)
{
	if (!r->had.id)
		return ROW_ADD;
	return strcmp(r->had.name, r->h.name) || strcmp(r->had.serial, r->h.serial) ||
			       r->had.has_uuid != r->h.has_uuid || r->n_new_macs ||
			       r->wish.changed || r->new_client_id
		       ? ROW_CHANGE
		       : ROW_SAME;
}

static bool judge(struct call *k, struct json *body, struct row *r)
{
	static const struct api_member known[] = { { "name", API_TEXT }, { "macs", API_TEXTS },
		{ "ip", API_TEXT }, { "uuid", API_TEXT }, { "serial", API_TEXT },
		{ "client_id", API_TEXT }, { "circuit", API_TEXT }, { NULL, 0 } };
	struct answer a = { 0 };
	struct call one = { .c = k->c, .q = k->q, .a = &a, .body = body };

	if (!json_is_object(body))
		return refuse(r, ROW_BAD, "a row is an object");
	if (!api_check_body(&one, known))
		return refuse_answered(r, &a);
	if (!read_identity(r, body) || !find_host(k->c, r, body) || !merge(k->c, r))
		return false;
	if (!api_read_reservation(&one, r->had.id, &r->wish))
		return refuse_answered(r, &a);
	if (!r->id.n_macs && !r->id.has_uuid && !*r->id.serial && !r->wish.client_id_len &&
		!r->wish.r.circuit_len)
		return refuse(r, ROW_BAD, "nothing says who the host is");
	r->new_client_id = has_new_client_id(k->c, r);
	r->new_circuit = has_new_circuit(k->c, r);
	r->verdict = compare(r);
	return true;
}

/* ---- rows of one request ---- */

static bool share_mac(const struct row *a, const struct row *b)
{
	for (size_t i = 0; i < a->id.n_macs; i++) {
		for (size_t j = 0; j < b->id.n_macs; j++) {
			if (!memcmp(a->id.macs[i], b->id.macs[j], 6))
				return true;
		}
	}
	return false;
}

static bool share_circuit(const struct config *cfg, const struct row *a, const struct row *b)
{
	const struct store_reservation *x = &a->wish.r, *y = &b->wish.r;
	const struct config_subnet *s, *t;

	if (!x->circuit_len || x->circuit_len != y->circuit_len ||
		memcmp(x->circuit, y->circuit, x->circuit_len))
		return false;
	s = config_subnet_of(cfg, x->addr);
	t = config_subnet_of(cfg, y->addr);
	return s && t && config_same_network(s, t);
}

/* What two rows have in common that only one host can have, or NULL. */
static const char *shared(const struct config *cfg, const struct row *a, const struct row *b)
{
	if (a->had.id && a->had.id == b->had.id)
		return "host";
	if (*a->h.name && !strcasecmp(a->h.name, b->h.name))
		return "name";
	if (a->wish.r.addr && a->wish.r.addr == b->wish.r.addr)
		return "address";
	if (a->wish.client_id_len && a->wish.client_id_len == b->wish.client_id_len &&
		!memcmp(a->wish.client_id, b->wish.client_id, a->wish.client_id_len))
		return "client identifier";
	if (a->id.has_uuid && b->id.has_uuid && !memcmp(a->id.uuid, b->id.uuid, sizeof a->id.uuid))
		return "UUID";
	if (*a->id.serial && !strcmp(a->id.serial, b->id.serial))
		return "serial number";
	return share_mac(a, b) ? "MAC address" : share_circuit(cfg, a, b) ? "circuit" : NULL;
}

static bool is_alone(const struct config *cfg, struct row *rows, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		const char *what =
			rows[j].verdict < ROW_CONFLICT ? shared(cfg, &rows[j], &rows[i]) : NULL;

		if (what)
			return refuse(&rows[i], ROW_CONFLICT,
				"it has the %s of an earlier row of this request", what);
	}
	return true;
}

/* How many rows are not good. */
static size_t judge_all(struct call *k, const struct json *list, struct row *rows)
{
	size_t wrong = 0;

	for (size_t i = 0; i < json_len(list); i++)
		wrong += !judge(k, json_at(list, i), &rows[i]) || !is_alone(k->c->cfg, rows, i);
	return wrong;
}

static void apply(struct call *k, struct row *r)
{
	struct core *c = k->c;

	if (r->verdict == ROW_ADD)
		core_must(c, store_host_add(c->store, &r->h), "host add");
	else
		core_must(c, store_host_put(c->store, &r->h), "host put");
	for (size_t i = 0; i < r->n_new_macs; i++)
		core_must(c, store_host_mac_put(c->store, r->h.id, r->new_macs[i]), "host mac");
	api_apply_reservation(k, r->h.id, &r->wish);
	r->applied = true;
}

/* Names that are given come first: a host without one is then given another. */
static void apply_all(struct call *k, struct row *rows, size_t n)
{
	core_write(k->c);
	for (int named = 1; named >= 0; named--) {
		for (size_t i = 0; i < n; i++) {
			const bool change =
				rows[i].verdict == ROW_ADD || rows[i].verdict == ROW_CHANGE;

			if (change && !rows[i].applied && (!named || *rows[i].h.name))
				apply(k, &rows[i]);
		}
	}
}

/* ---- the answer ---- */

static void put_change(struct jw *w, const char *key, const char *old, const char *new)
{
	if (!strcmp(old, new))
		return;
	jw_obj(w, NULL);
	jw_str(w, "key", key);
	jw_str(w, "old", *old ? old : NULL);
	jw_str(w, "new", *new ? new : NULL);
	jw_end_obj(w);
}

static const char *addr_text(uint32_t addr, char text[INET_ADDRSTRLEN])
{
	const struct in_addr a = { htonl(addr) };

	*text = 0;
	return addr ? inet_ntop(AF_INET, &a, text, INET_ADDRSTRLEN) : text;
}

static void put_changes(struct jw *w, const struct row *r, const struct json *body)
{
	char old[INET_ADDRSTRLEN], new[INET_ADDRSTRLEN], mac[HOST_MAC_TEXT];

	put_change(w, "name", r->had.name, r->h.name);
	for (size_t i = 0; i < r->n_new_macs; i++) {
		host_mac_print(r->new_macs[i], mac);
		put_change(w, "mac", "", mac);
	}
	put_change(w, "ip", addr_text(r->wish.left, old), addr_text(r->wish.r.addr, new));
	if (!r->had.has_uuid)
		put_change(w, "uuid", "", json_get_str(body, "uuid", ""));
	put_change(w, "serial", r->had.serial, r->h.serial);
	if (r->new_client_id)
		put_change(w, "client_id", "", json_get_str(body, "client_id", ""));
	if (r->new_circuit)
		put_change(w, "circuit", "", json_get_str(body, "circuit", ""));
}

static void put_row(struct jw *w, const struct row *r, const struct json *body)
{
	const bool wrong = r->verdict >= ROW_CONFLICT;
	const char *name = *r->had.name ? r->had.name : r->h.name;

	jw_obj(w, NULL);
	jw_str(w, "what", verdicts[r->verdict]);
	jw_str(w, "host", *name ? name : NULL);
	jw_str(w, "why", wrong ? r->why : NULL);
	jw_arr(w, "changes");
	if (!wrong && r->verdict != ROW_SAME)
		put_changes(w, r, body);
	jw_end_arr(w);
	jw_end_obj(w);
}

static void answer_rows(
	struct call *k, const struct json *list, const struct row *rows, bool done, unsigned status)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_bool(&w, "applied", done);
	jw_arr(&w, "rows");
	for (size_t i = 0; i < json_len(list); i++)
		put_row(&w, &rows[i], json_at(list, i));
	jw_end_arr(&w);
	jw_end_obj(&w);
	answer_jw(k->a, status, &w);
}

void api_post_import(struct call *k)
{
	static const struct api_member known[] = { { "rows", API_LIST }, { NULL, 0 } };
	const struct json *list = json_get(k->body, "rows");
	const size_t n = json_len(list);
	struct row *rows;
	const bool dry = api_is_dry_run(k);
	size_t wrong;

	if (!api_check_body(k, known))
		return;
	if (!json_is_array(list) || !n || n > ROWS_MAX) {
		answer_problem(
			k->a, 422, "rows", NULL, "rows is a list of 1 to %d hosts", ROWS_MAX);
		return;
	}
	rows = calloc(n, sizeof *rows);
	if (!rows) {
		answer_take(k->a, 200, "", NULL); /* 503 */
		return;
	}
	wrong = judge_all(k, list, rows);
	if (!dry && !wrong) {
		apply_all(k, rows, n);
		if (!k->c->trying)
			log_info("hosts imported: rows=%zu", n);
	}
	answer_rows(k, list, rows, !dry && !wrong, dry || !wrong ? 200 : 409);
	free(rows);
}
