/*
 * /api/v1/leases: the addresses that hosts have or had. The pool in memory is asked, because offers
 * and what has ended meanwhile are only there; a change is in the database before it is answered.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/api.h"
#include "server/log.h"

#define STATE_RESERVED (LEASE_ENDING + 1) /* for a host that does not hold it now */

static const char *const state_names[] = {
	[LEASE_FREE] = "free",
	[LEASE_OFFERED] = "offered",
	[LEASE_LEASED] = "leased",
	[LEASE_DECLINED] = "declined",
	[LEASE_ENDING] = "ending",
	[STATE_RESERVED] = "reserved",
};

#define LIMIT_MAX 10000 /* leases that HTTP_ANSWER_MAX holds for sure, each with its place */

/* What ?state= ?subnet= ?host= leave over. */
struct filter {
	int state;			    /* as in state_names, or -1: all */
	const struct config_subnet *subnet; /* or NULL: all */
	bool host;			    /* only with these MAC addresses and this address */
	uint8_t macs[HOST_MACS_MAX][6];
	int n_macs;
	uint32_t reserved;
};

struct listing {
	struct core *c;
	struct filter want;
	uint32_t limit, n, last; /* addresses: at most, so far, the last one */
	bool more;		 /* there is one above */
	struct jw w;
};

static int state_now(const struct core *c, const struct lease *l)
{
	if (lease_held(l, (uint64_t)c->wall_ms))
		return l->state;
	return pool_reserved_for(c->pool, l->addr) ? STATE_RESERVED : LEASE_FREE;
}

static bool has_owner(const struct lease *l)
{
	static const uint8_t nobody[6];

	return memcmp(l->mac, nobody, sizeof nobody) != 0;
}

/* The host that the address is reserved for, or the one with the lease's MAC address; its name is
 * "" when there is none. */
static void host_of(struct core *c, const struct lease *l, struct store_host *out)
{
	struct host_identity id = { .n_macs = 1 };
	int rc = -ENOENT;

	*out = (struct store_host){ 0 };
	memcpy(id.macs[0], l->mac, sizeof l->mac);
	if (state_now(c, l) == STATE_RESERVED)
		rc = store_host_by_id(c->store, pool_reserved_for(c->pool, l->addr), out);
	else if (has_owner(l))
		rc = store_host_find(c->store, &id, out);
	if (rc != -ENOENT)
		core_must(c, rc, "host of lease");
}

static void put_addr(struct jw *w, const char *key, uint32_t addr)
{
	const struct in_addr a = { htonl(addr) };
	char text[INET_ADDRSTRLEN];

	jw_str(w, key, inet_ntop(AF_INET, &a, text, sizeof text));
}

static void put_subnet(struct jw *w, const struct config_subnet *s)
{
	const struct in_addr a = { htonl(s->net) };
	char addr[INET_ADDRSTRLEN], text[INET_ADDRSTRLEN + 4];

	snprintf(text, sizeof text, "%s/%u", inet_ntop(AF_INET, &a, addr, sizeof addr), s->prefix);
	jw_str(w, "subnet", text);
}

/* Where a relay saw the host last. */
static void put_place(struct jw *w, struct core *c, int64_t host)
{
	char *place = NULL;
	int rc = store_json_place(c->store, host, &place);

	if (rc != -ENOENT)
		core_must(c, rc, "place");
	if (place)
		jw_raw(w, "place", place);
	else
		jw_null(w, "place");
	free(place);
}

static void put_lease(struct jw *w, struct core *c, const struct lease *l)
{
	const struct config_subnet *subnet = config_subnet_of(c->cfg, l->addr);
	struct store_host h;
	char mac[HOST_MAC_TEXT];

	host_of(c, l, &h);
	host_mac_print(l->mac, mac);
	jw_obj(w, NULL);
	put_addr(w, "addr", l->addr);
	jw_str(w, "mac", has_owner(l) ? mac : NULL);
	jw_str(w, "host", *h.name ? h.name : NULL);
	jw_str(w, "state", state_names[state_now(c, l)]);
	jw_bool(w, "known", l->known);
	if (l->expires_ms)
		jw_int(w, "expires", (int64_t)l->expires_ms);
	else
		jw_null(w, "expires"); /* nobody had it yet */
	if (subnet)
		put_subnet(w, subnet);
	put_place(w, c, h.id);
	jw_end_obj(w);
}

/* ---- GET ---- */

static bool of_host(const struct core *c, const struct filter *f, const struct lease *l)
{
	if (state_now(c, l) == STATE_RESERVED)
		return l->addr == f->reserved;
	for (int i = 0; i < f->n_macs; i++) {
		if (!memcmp(f->macs[i], l->mac, sizeof l->mac))
			return true;
	}
	return false;
}

static bool is_wanted(const struct listing *li, const struct lease *l)
{
	const struct filter *f = &li->want;

	return (f->state < 0 || state_now(li->c, l) == f->state) &&
	       (!f->subnet || config_subnet_of(li->c->cfg, l->addr) == f->subnet) &&
	       (!f->host || of_host(li->c, f, l));
}

static bool list_lease(void *arg, const struct lease *l)
{
	struct listing *li = arg;

	if (!is_wanted(li, l))
		return true;
	if (li->n == li->limit) {
		li->more = true;
		return false;
	}
	put_lease(&li->w, li->c, l);
	li->last = l->addr;
	li->n++;
	return true;
}

/* 1, or 0 with the answer made. */
static int read_state(struct call *k, int *out)
{
	char word[16];

	*out = -1;
	if (!query_get(k->q->h->query, "state", word, sizeof word))
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(state_names); i++) {
		if (!strcmp(state_names[i], word))
			*out = (int)i;
	}
	if (*out < 0)
		answer_problem(k->a, 422, "state",
			"state is free, offered, leased, declined, ending or reserved",
			"no lease has the state '%s'", word);
	return *out >= 0;
}

static int read_subnet(struct call *k, const struct config_subnet **out)
{
	char text[32], addr[32];
	struct in_addr a;
	size_t n;

	*out = NULL;
	if (!query_get(k->q->h->query, "subnet", text, sizeof text))
		return 1;
	n = strcspn(text, "/");
	snprintf(addr, sizeof addr, "%.*s", (int)n, text);
	if (inet_pton(AF_INET, addr, &a) == 1)
		*out = config_subnet_of(k->c->cfg, ntohl(a.s_addr));
	if (!*out)
		answer_problem(k->a, 422, "subnet",
			"name it by an address in it, such as 10.77.0.0/24",
			"no subnet is configured that holds '%s'", text);
	return *out != NULL;
}

static int read_host(struct call *k, struct filter *f)
{
	char name[HOST_TEXT_MAX];
	struct store_reservation r = { 0 };
	struct store_host h;
	int rc;

	if (!query_get(k->q->h->query, "host", name, sizeof name))
		return 1;
	rc = store_host_by_name(k->c->store, name, &h);
	if (rc == -ENOENT) {
		answer_problem(
			k->a, 404, "not-found", "muster host list", "there is no host '%s'", name);
		return 0;
	}
	core_must(k->c, rc, "host by name");
	rc = store_reservation_of(k->c->store, h.id, &r);
	if (rc != -ENOENT)
		core_must(k->c, rc, "reservation of");
	f->host = true;
	f->reserved = r.addr;
	f->n_macs = core_must(
		k->c, store_host_macs(k->c->store, h.id, f->macs, ARRAY_LEN(f->macs)), "macs");
	return 1;
}

/* ?after=ADDRESS and ?limit=N. */
static int read_page(struct call *k, uint32_t *after, uint32_t *limit)
{
	char text[32];
	struct in_addr a = { 0 };
	unsigned long n = LIMIT_MAX;
	char *end = text;

	if (query_get(k->q->h->query, "after", text, sizeof text) &&
		inet_pton(AF_INET, text, &a) != 1) {
		answer_problem(k->a, 422, "after", "such as 10.77.0.100",
			"after is an IPv4 address, not '%s'", text);
		return 0;
	}
	if (query_get(k->q->h->query, "limit", text, sizeof text))
		n = strtoul(text, &end, 10);
	else
		*end = 0;
	if (*end || n < 1 || n > LIMIT_MAX) {
		answer_problem(
			k->a, 422, "limit", NULL, "limit is 1 to %d, not '%s'", LIMIT_MAX, text);
		return 0;
	}
	*after = ntohl(a.s_addr);
	*limit = (uint32_t)n;
	return 1;
}

void api_get_leases(struct call *k)
{
	struct listing li = { .c = k->c };
	uint32_t after;

	if (!read_state(k, &li.want.state) || !read_subnet(k, &li.want.subnet) ||
		!read_host(k, &li.want) || !read_page(k, &after, &li.limit))
		return;
	jw_obj(&li.w, NULL);
	jw_arr(&li.w, "leases");
	li.w.bad |= pool_each(k->c->pool, after, (uint64_t)k->c->wall_ms, list_lease, &li) < 0;
	jw_end_arr(&li.w);
	if (li.more)
		put_addr(&li.w, "next", li.last);
	else
		jw_null(&li.w, "next");
	jw_end_obj(&li.w);
	answer_jw(k->a, 200, &li.w);
}

/* The record that the path names. NULL with the answer made. */
static const struct lease *lease_of_path(struct call *k)
{
	const struct lease *l = NULL;
	struct in_addr a;

	if (inet_pton(AF_INET, k->arg, &a) != 1) {
		answer_problem(k->a, 422, "address", "such as 10.77.0.100",
			"'%s' is no IPv4 address", k->arg);
		return NULL;
	}
	l = pool_by_addr(k->c->pool, ntohl(a.s_addr));
	if (!l)
		answer_problem(k->a, 404, "not-found", "muster lease list",
			"nobody ever had %s from this server", k->arg);
	return l;
}

void api_get_lease(struct call *k)
{
	const struct lease *l = lease_of_path(k);
	struct jw w = { 0 };

	if (!l)
		return;
	put_lease(&w, k->c, l);
	answer_jw(k->a, 200, &w);
}

/* ---- DELETE ---- */

/* What the pool says now becomes the database's row, or none where nobody is remembered. */
static void store_end(struct core *c, uint32_t addr)
{
	const struct lease *l = pool_by_addr(c->pool, addr);
	struct store_lease row = {
		.addr = l->addr, .state = l->state, .known = l->known, .expires_ms = l->expires_ms
	};

	memcpy(row.mac, l->mac, sizeof row.mac);
	core_write(c);
	if (has_owner(l))
		core_must(c, store_lease_put(c->store, &row), "lease end");
	else
		core_must(c, store_lease_rm(c->store, l->addr), "lease rm");
}

void api_delete_lease(struct call *k)
{
	const struct lease *l = lease_of_path(k);
	char mac[HOST_MAC_TEXT];
	uint32_t addr;
	bool forget;

	if (!l)
		return;
	addr = l->addr;
	host_mac_print(l->mac, mac);
	forget = api_query_flag(k, "forget");
	if (!lease_held(l, (uint64_t)k->c->wall_ms) && !(forget && has_owner(l))) {
		answer_problem(
			k->a, 404, "not-held", "muster lease list", "nobody holds %s", k->arg);
		return;
	}
	answer_empty(k->a);
	if (api_is_dry_run(k))
		return;
	pool_end(k->c->pool, addr, forget, (uint64_t)k->c->wall_ms);
	store_end(k->c, addr);
	log_info("lease ended by hand: addr=%s mac=%s", k->arg, mac);
}
