/*
 * Before an address is offered to a host that never had it, net asks whether somebody uses it.
 * Nothing blocks: the DISCOVER waits in a place of its own. In a rush, and where the address was
 * asked for ahead of time without an answer, the offer leaves at once with the question under way;
 * then a late "yes" still makes the address rest, and the REQUEST for it is refused.
 */
#include <stdio.h>
#include <string.h>

#include "server/core/core.h"
#include "server/log.h"

#define NOT_PARKED 0	  /* id of a question for which nobody waits */
#define AHEAD	   16	  /* addresses that are asked for before a host wants them */
#define AHEAD_MS   600000 /* how long their silence counts */

static void arm(struct core *c)
{
	loop_timer_set(c->probe_timer, parking_next_ms(&c->parking, c->mono_ms), 0);
}

static void send_probe(struct core *c, uint64_t id, const struct dhcp_query *q, uint32_t addr)
{
	const struct probe ask = {
		.addr = addr, .endpoint = q->endpoint, .relayed = q->giaddr != 0
	};

	core_send(c, LINK_NET, MSG_PROBE, id, &ask, sizeof ask, NULL, 0);
}

/* Milliseconds since the address was asked for ahead of time; more than AHEAD_MS: never. */
static int64_t asked_for(const struct core *c, uint32_t addr)
{
	const struct recent_slot *s = recent_find(&c->asked, addr);

	return s ? c->mono_ms - (int64_t)s->used_ms : AHEAD_MS + 1;
}

/*
 * Had it answered, it would rest and not be offered. That counts for one offer: whoever gets it
 * may use it from now on, whatever becomes of the offer.
 */
static bool was_silent(struct core *c, uint32_t addr)
{
	const int64_t ms = asked_for(c, addr);

	if (ms < PARKING_WINDOW_MS || ms > AHEAD_MS)
		return false;
	recent_forget(recent_find(&c->asked, addr));
	return true;
}

/* Ask for those that the next hosts will get. */
static void ask_ahead(struct core *c, const struct dhcp_query *q, uint32_t addr)
{
	const struct lease *l = pool_by_addr(c->pool, addr);
	uint32_t next[AHEAD];
	const size_t n = l ? pool_next(c->pool, l->subnet, next, AHEAD) : 0;

	for (size_t i = 0; i < n; i++) {
		if (asked_for(c, next[i]) <= AHEAD_MS)
			continue;
		recent_use(&c->asked, next[i], (uint64_t)c->mono_ms);
		send_probe(c, NOT_PARKED, q, next[i]);
	}
}

bool probe_start(
	struct core *c, uint64_t id, const struct dhcp_query *q, uint32_t addr, unsigned tries)
{
	const bool rush = parking_rush(&c->parking, c->mono_ms);
	const bool silent = was_silent(c, addr);
	struct parked *p = NULL;

	if (!rush && !silent && tries < PARKING_TRIES_MAX)
		p = parking_take(&c->parking, c->mono_ms);
	send_probe(c, p ? p->probe : NOT_PARKED, q, addr);
	if (!rush)
		ask_ahead(c, q, addr);
	else if (parking_next_ms(&c->parking, c->mono_ms))
		arm(c);
	if (!p)
		return false;
	p->addr = addr;
	p->tries = tries + 1;
	p->id = id;
	p->query = *q;
	arm(c);
	return true;
}

bool probe_waits(struct core *c, uint64_t id, const struct dhcp_query *q)
{
	struct parked *p = parking_by_mac(&c->parking, q->mac);

	if (!p)
		return false;
	p->id = id; /* its answer shall carry the newest transaction number */
	p->query = *q;
	return true;
}

/* Nobody waits there any more: decide anew, now that more is known. */
static void go_on(struct core *c, struct parked *p)
{
	const struct parked was = *p;

	parking_leave(p);
	dhcp_go_on(c, was.id, &was.query, was.tries);
}

void probe_due(void *arg, uint32_t events)
{
	struct core *c = arg;
	struct parked *p;

	(void)events;
	core_now(c);
	while ((p = parking_due(&c->parking, c->mono_ms)))
		go_on(c, p);
	arm(c);
}

static void alarm_in_use(const struct probe_answer *a, const char *then)
{
	static struct log_limit limit;
	char mac[HOST_MAC_TEXT] = "-";
	unsigned missed;

	if (!log_allow(&limit, now_mono_ms(), &missed))
		return;
	if (a->has_mac)
		host_mac_print(a->mac, mac);
	log_warn("alarm: address in use: addr=%u.%u.%u.%u mac=%s then=%s unlogged=%u",
		a->addr >> 24, a->addr >> 16 & 255, a->addr >> 8 & 255, a->addr & 255, mac, then,
		missed);
}

/* Let it rest, on disk too: a restarted server must not offer it either. */
static void rest(struct core *c, const struct probe_answer *a)
{
	struct store_lease l = { .addr = a->addr,
		.state = LEASE_DECLINED,
		.expires_ms = (uint64_t)c->wall_ms + POOL_DECLINE_MS };

	if (pool_rest(c->pool, a->addr, (uint64_t)c->wall_ms))
		return; /* the configuration has changed, or it is leased by now */
	memcpy(l.mac, a->mac, sizeof l.mac);
	core_write(c);
	core_must(c, store_lease_put(c->store, &l), "lease rest");
	alarm_in_use(a, "rests");
}

void probe_answered(struct core *c, uint64_t id, const struct probe_answer *a)
{
	struct parked *p = parking_of(&c->parking, id, a->addr);
	const struct lease *l = pool_by_addr(c->pool, a->addr);
	const bool held = l && lease_held(l, (uint64_t)c->wall_ms);
	/* It was said by whom it is offered to: some use an address while they ask for one. */
	const bool by_itself = held && a->has_mac && !memcmp(l->mac, a->mac, sizeof l->mac);

	if (held && l->state == LEASE_LEASED) {
		/* The REQUEST was faster. The host looks for itself and declines (RFC 2131 3.1). */
		if (a->has_mac && !by_itself)
			alarm_in_use(a, "leased-already");
	} else if (!by_itself) {
		rest(c, a);
	}
	if (p)
		go_on(c, p);
}
