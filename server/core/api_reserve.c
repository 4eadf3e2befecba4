/*
 * What /api/v1/hosts says about addresses: ip, circuit and client_id. A change is checked against
 * the pool and the store before anything is written, and then made in both.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "server/core/api.h"
#include "server/log.h"

/* 1 when read, 0 when the key is absent, -1 with the answer made. */
static int read_ip(struct call *k, uint32_t *out)
{
	const char *text = json_get_str(k->body, "ip", ""); /* null takes it away, as "" does */
	struct in_addr a = { 0 };

	if (!json_get(k->body, "ip"))
		return 0;
	if (*text && (inet_pton(AF_INET, text, &a) != 1 || !a.s_addr)) {
		answer_problem(k->a, 422, "ip", NULL, "'%s' is no IPv4 address of a host", text);
		return -1;
	}
	*out = ntohl(a.s_addr);
	return 1;
}

/* The same for hex text. */
static int read_bytes(
	struct call *k, const char *key, uint8_t out[HOST_BYTES_MAX], uint8_t *out_len)
{
	const char *text = json_get_str(k->body, key, "");
	int n = 0;

	if (!json_get(k->body, key))
		return 0;
	if (*text)
		n = host_bytes_parse(text, out);
	if (n < 0) {
		answer_problem(k->a, 422, key, NULL,
			"%s is 1 to %d bytes as pairs of hex digits, not '%s'", key, HOST_BYTES_MAX,
			text);
		return -1;
	}
	*out_len = (uint8_t)n;
	return 1;
}

static bool same(const struct store_reservation *a, const struct store_reservation *b)
{
	return a->addr == b->addr && a->circuit_len == b->circuit_len &&
	       !memcmp(a->circuit, b->circuit, a->circuit_len);
}

static void answer_taken(struct call *k, const char *code, const char *what, int64_t by)
{
	struct store_host h = { 0 };
	int rc = store_host_by_id(k->c->store, by, &h);

	if (rc != -ENOENT)
		core_must(k->c, rc, "host by id");
	answer_problem(k->a, 409, code, "muster host show", "%s is reserved for %s", what, h.name);
}

/* Is the client identifier free for this host? */
static bool client_id_is_free(struct call *k, int64_t host, const struct reserve_wish *w)
{
	struct host_identity id = { .client_id_len = w->client_id_len };
	struct store_host other;
	int rc;

	if (!w->client_id_len)
		return true;
	memcpy(id.client_id, w->client_id, w->client_id_len);
	rc = store_host_find(k->c->store, &id, &other);
	if (rc != -ENOENT)
		core_must(k->c, rc, "host by client id");
	if (rc == -ENOENT || other.id == host)
		return true;
	answer_taken(k, "client-id-taken", "the client identifier", other.id);
	return false;
}

static bool address_is_free(struct call *k, int64_t host, const struct store_reservation *r)
{
	const char *text = json_get_str(k->body, "ip", "the address");
	struct store_reservation other;
	int rc = store_reservation_at(k->c->store, r->addr, &other);
	int64_t by;

	if (rc != -ENOENT)
		core_must(k->c, rc, "reservation at");
	if (rc == 0 && other.host != host) {
		answer_taken(k, "address-taken", text, other.host);
		return false;
	}
	switch (pool_may_reserve(k->c->pool, host, r->addr, r->circuit, r->circuit_len, &by)) {
	case -EADDRNOTAVAIL:
		answer_problem(k->a, 422, "address-unusable", NULL,
			"%s is a network's, a router's, a name server's or this server's own",
			text);
		return false;
	case -EEXIST:
		answer_taken(k, "circuit-taken", "the circuit", by);
		return false;
	default:
		return true; /* -ENOENT: stored, and given once a subnet is configured for it */
	}
}

bool api_read_reservation(struct call *k, int64_t host, struct reserve_wish *w)
{
	struct store_reservation had = { 0 };
	int ip, circuit, client,
		rc = host ? store_reservation_of(k->c->store, host, &had) : -ENOENT;

	if (rc != -ENOENT)
		core_must(k->c, rc, "reservation of");
	*w = (struct reserve_wish){ .r = had };
	ip = read_ip(k, &w->r.addr);
	circuit = ip < 0 ? -1 : read_bytes(k, "circuit", w->r.circuit, &w->r.circuit_len);
	client = circuit < 0 ? -1 : read_bytes(k, "client_id", w->client_id, &w->client_id_len);
	if (client < 0)
		return false;
	w->client_given = client > 0;
	if (!w->r.addr && circuit > 0 && w->r.circuit_len) {
		answer_problem(k->a, 422, "circuit", "give ip, too",
			"a circuit is where an address is reserved, and there is none");
		return false;
	}
	if (!w->r.addr)
		w->r.circuit_len = 0;
	w->changed = !same(&w->r, &had);
	w->left = had.addr;
	return client_id_is_free(k, host, w) &&
	       (!w->changed || !w->r.addr || address_is_free(k, host, &w->r));
}

/* What the pool has made of a lease on that address must outlive a restart, too. */
static void store_lease_of(struct core *c, uint32_t addr)
{
	const struct lease *l = pool_by_addr(c->pool, addr);
	struct store_lease row = { .addr = addr };

	if (!l || !lease_held(l, (uint64_t)c->wall_ms) || l->state == LEASE_OFFERED)
		return;
	row.state = l->state;
	row.known = l->known;
	row.expires_ms = l->expires_ms;
	memcpy(row.mac, l->mac, sizeof row.mac);
	core_must(c, store_lease_put(c->store, &row), "lease");
}

void api_end_reservation(struct call *k, int64_t host)
{
	struct store_reservation had;
	int rc = store_reservation_of(k->c->store, host, &had);

	if (rc == -ENOENT)
		return;
	core_must(k->c, rc, "reservation of");
	core_must(k->c, store_reservation_rm(k->c->store, host), "reservation rm");
	if (api_is_dry_run(k))
		return;
	pool_unreserve(k->c->pool, host, (uint64_t)k->c->wall_ms);
	store_lease_of(k->c, had.addr);
}

/* In the pool, and what that makes of leases in the store. */
static void reserve_in_pool(struct core *c, const struct store_reservation *r, uint32_t left)
{
	const uint64_t now = (uint64_t)c->wall_ms;
	int rc = pool_reserve(c->pool, r->host, r->addr, r->circuit, r->circuit_len, now);

	if (rc == -ENOENT) {
		pool_unreserve(c->pool, r->host, now);
		if (!c->trying)
			log_warn(
				"address reserved that is in no configured subnet: addr=%u.%u.%u.%u",
				r->addr >> 24, r->addr >> 16 & 255, r->addr >> 8 & 255,
				r->addr & 255);
	} else {
		core_must(c, rc, "reserve");
	}
	store_lease_of(c, r->addr);
	if (left)
		store_lease_of(c, left);
}

static void reserve(struct call *k, int64_t host, const struct reserve_wish *w)
{
	struct store_reservation r = w->r;

	r.host = host;
	core_must(k->c, store_reservation_put(k->c->store, &r), "reservation put");
	if (!api_is_dry_run(k))
		reserve_in_pool(k->c, &r, w->left);
}

void api_apply_reservation(struct call *k, int64_t host, const struct reserve_wish *w)
{
	if (w->client_given)
		core_must(k->c,
			store_host_client_id_put(k->c->store, host, w->client_id, w->client_id_len),
			"client id");
	if (w->changed && w->r.addr)
		reserve(k, host, w);
	else if (w->changed)
		api_end_reservation(k, host);
}
