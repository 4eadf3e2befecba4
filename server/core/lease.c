/*
 * Every address of every range is a slot, all zeros until it is first used. Each network has a heap
 * of its used slots ordered by the end of their hold: its top is the least recently used address,
 * and when that one is held, all are. Those never used are handed out by a cursor that moves on
 * over the ranges. More heaps of the same order hold the slots that count against a limit: unknown
 * hosts' and resting ones (per network), and the offers (over all). A hash finds the slot of a MAC
 * address in a network.
 *
 *   slots    [ network 0: range, range | network 1: range | ... ]   index by address arithmetic
 *   by_mac   hash of network and MAC -> slot -> slot ...            one that is owned, and those
 *                                                                   that the host declined
 *
 * A reserved address has its lease in its reservation and is in none of them; in a range its slot
 * is all zeros as long.
 */
#include "server/core/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/ranges.h"
#include "server/core/reserve.h"

#define NONE	    UINT32_MAX
#define CHAIN_END   UINT32_MAX
#define GUEST_SHARE 4  /* unknown hosts get one address out of so many */
#define REST_SHARE  10 /* one out of so many may rest */
#define NEXT_LOOKS  4  /* for each address that pool_next shall find */

/* A slot is in the first of these when it was ever used, in others by its state. */
enum heap_kind { HEAP_USED, HEAP_LIMITED, HEAP_OFFERS, HEAPS };

struct slot {
	struct lease lease;  /* addr 0: never used */
	uint32_t next;	     /* in its hash chain: slot + 1 or CHAIN_END; 0: in none */
	uint32_t pos[HEAPS]; /* index in the heap + 1, 0 when not in it */
};

struct heap {
	enum heap_kind kind;
	uint32_t n;
	uint32_t *items; /* slot numbers */
};

struct pool_network {
	uint32_t n_given; /* addresses of the ranges that are for anybody */
	struct heap used, guests, resting;
	uint32_t range,
		offset; /* the cursor: below it every address was used or is not to be given */
};

struct pool {
	const struct config *cfg;
	uint32_t *own;
	size_t n_own;
	struct ranges ranges;
	struct slot *slots;
	uint32_t *by_mac; /* mask + 1 chains: slot + 1; 0 or CHAIN_END: empty */
	uint32_t mask;
	uint32_t *heap_items;  /* all heaps' memory */
	struct heap offers[2]; /* to unknown hosts, to known ones */
	struct pool_network *networks;
	struct reserve reserve;
};

/* ---- heaps ---- */

/* Earlier end of hold first; among equals the lower address. */
static bool before(const struct pool *p, uint32_t a, uint32_t b)
{
	const uint64_t ea = p->slots[a].lease.expires_ms, eb = p->slots[b].lease.expires_ms;

	return ea != eb ? ea < eb : a < b;
}

static void heap_set(struct pool *p, struct heap *h, uint32_t i, uint32_t slot)
{
	h->items[i] = slot;
	p->slots[slot].pos[h->kind] = i + 1;
}

/* Put slot at index i or where it belongs above or below it. */
static void heap_place(struct pool *p, struct heap *h, uint32_t i, uint32_t slot)
{
	while (i && before(p, slot, h->items[(i - 1) / 2])) {
		heap_set(p, h, i, h->items[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < h->n && before(p, h->items[child + 1], h->items[child]))
			child++;
		if (child >= h->n || !before(p, h->items[child], slot))
			break;
		heap_set(p, h, i, h->items[child]);
		i = child;
	}
	heap_set(p, h, i, slot);
}

static void heap_remove(struct pool *p, struct heap *h, uint32_t slot)
{
	const uint32_t pos = p->slots[slot].pos[h->kind];

	if (!pos)
		return;
	p->slots[slot].pos[h->kind] = 0;
	h->n--;
	if (pos - 1 < h->n)
		heap_place(p, h, pos - 1, h->items[h->n]);
}

/* Bring the slot's place in line with its expires_ms. */
static void heap_put(struct pool *p, struct heap *h, uint32_t slot)
{
	const uint32_t pos = p->slots[slot].pos[h->kind];

	heap_place(p, h, pos ? pos - 1 : h->n++, slot);
}

/* Drop what has ended, so that h->n counts what is held. */
static void heap_expire(struct pool *p, struct heap *h, uint64_t now_ms)
{
	while (h->n && p->slots[h->items[0]].lease.expires_ms <= now_ms)
		heap_remove(p, h, h->items[0]);
}

/* ---- slots by MAC and by address ---- */

static uint32_t network_of(const struct pool *p, unsigned subnet)
{
	return p->ranges.network_of[subnet];
}

static struct pool_network *network_of_slot(struct pool *p, uint32_t slot)
{
	return &p->networks[network_of(p, p->slots[slot].lease.subnet)];
}

static uint32_t *chain_of(const struct pool *p, uint32_t network, const uint8_t mac[6])
{
	uint64_t h = network;

	for (int i = 0; i < 6; i++)
		h = (h << 8 | h >> 56) ^ mac[i];
	h *= 0x9e3779b97f4a7c15u; /* Knuth's multiplicative hash: the high bits are the mixed ones
				   */
	return &p->by_mac[h >> 32 & p->mask];
}

static bool hashed(const struct pool *p, uint32_t slot)
{
	return p->slots[slot].next != 0;
}

static void unhash(struct pool *p, uint32_t slot)
{
	struct slot *s = &p->slots[slot];
	uint32_t *link;

	if (!hashed(p, slot))
		return;
	link = chain_of(p, network_of(p, s->lease.subnet), s->lease.mac);
	while (*link != slot + 1)
		link = &p->slots[*link - 1].next;
	*link = s->next;
	s->next = 0;
}

static void hash(struct pool *p, uint32_t slot, const uint8_t mac[6])
{
	struct slot *s = &p->slots[slot];
	uint32_t *link = chain_of(p, network_of(p, s->lease.subnet), mac);

	memcpy(s->lease.mac, mac, sizeof s->lease.mac);
	s->next = *link ? *link : CHAIN_END;
	*link = slot + 1;
}

/* The next slot of this host in the chain that begins with `link`, or NONE. */
static uint32_t of_mac(const struct pool *p, uint32_t link, uint32_t network, const uint8_t mac[6])
{
	while (link && link != CHAIN_END) {
		const struct slot *s = &p->slots[link - 1];

		if (network_of(p, s->lease.subnet) == network && !memcmp(s->lease.mac, mac, 6))
			return link - 1;
		link = s->next;
	}
	return NONE;
}

/* The slot that the host owns. It does not come back to those that it declined. */
static uint32_t slot_of_mac(const struct pool *p, uint32_t network, const uint8_t mac[6])
{
	uint32_t slot = of_mac(p, *chain_of(p, network, mac), network, mac);

	while (slot != NONE && p->slots[slot].lease.state == LEASE_DECLINED)
		slot = of_mac(p, p->slots[slot].next, network, mac);
	return slot;
}

/* The slot of an address in a range, unless it is never given to anybody. */
static uint32_t slot_of_addr(const struct pool *p, uint32_t addr)
{
	const struct range *r = ranges_of_addr(&p->ranges, addr);

	return r && !ranges_taboo(&p->ranges, addr) ? r->slot + (addr - r->first) : NONE;
}

/* The same for an address that this network may give to anybody. */
static uint32_t slot_in_network(const struct pool *p, uint32_t network, uint32_t addr)
{
	const struct range *r = ranges_of_addr(&p->ranges, addr);

	if (!r || network_of(p, r->subnet) != network || reserve_by_addr(&p->reserve, addr))
		return NONE;
	return slot_of_addr(p, addr);
}

/* One that nobody ever had and anybody may have. */
static bool is_fresh(const struct pool *p, const struct range *r, uint32_t offset)
{
	const uint32_t addr = r->first + offset;

	return !p->slots[r->slot + offset].lease.addr && !reserve_by_addr(&p->reserve, addr) &&
	       !ranges_taboo(&p->ranges, addr);
}

/* Move the cursor to the next address that was never used. Returns its slot, or NONE. */
static uint32_t fresh_slot(struct pool *p, uint32_t network)
{
	const struct ranges_network *ranges = &p->ranges.networks[network];
	struct pool_network *n = &p->networks[network];

	for (; n->range < ranges->n_ranges; n->range++, n->offset = 0) {
		const struct range *r = &ranges->ranges[n->range];

		for (; n->offset <= r->last - r->first; n->offset++)
			if (is_fresh(p, r, n->offset))
				return r->slot + n->offset;
	}
	return NONE;
}

/* ---- what a slot becomes ---- */

/* From now on it has a history. */
static void touch(struct pool *p, uint32_t slot)
{
	const struct range *r = ranges_of_slot(&p->ranges, slot);

	p->slots[slot].lease.addr = r->first + (slot - r->slot);
	p->slots[slot].lease.subnet = r->subnet;
}

/* The heap of its network in which it counts against a limit, if it does. */
static struct heap *limit_of(struct pool *p, uint32_t slot)
{
	struct pool_network *n = network_of_slot(p, slot);

	return p->slots[slot].lease.state == LEASE_DECLINED ? &n->resting : &n->guests;
}

static void leave_limits(struct pool *p, uint32_t slot)
{
	heap_remove(p, limit_of(p, slot), slot);
	heap_remove(p, &p->offers[p->slots[slot].lease.known], slot);
}

/* Give a slot a state; the heaps follow. The owner is set by own(). */
static void set_state(
	struct pool *p, uint32_t slot, enum lease_state state, bool known, uint64_t expires_ms)
{
	struct lease *l = &p->slots[slot].lease;

	leave_limits(p, slot);
	l->state = (uint8_t)state;
	l->known = known;
	l->expires_ms = expires_ms;
	heap_put(p, &network_of_slot(p, slot)->used, slot);
	if (state == LEASE_DECLINED || (state != LEASE_FREE && !known))
		heap_put(p, limit_of(p, slot), slot);
	if (state == LEASE_OFFERED)
		heap_put(p, &p->offers[known], slot);
}

/* When a hold ends now. An address whose hold has ended already keeps its place in the queue. */
static uint64_t end_now(const struct lease *l, uint64_t now_ms)
{
	return l->expires_ms < now_ms ? l->expires_ms : now_ms;
}

static void set_free(struct pool *p, uint32_t slot, uint64_t now_ms)
{
	set_state(p, slot, LEASE_FREE, false, end_now(&p->slots[slot].lease, now_ms));
}

/* Make mac the owner. Returns the address of this network that it owned before, or 0. */
static uint32_t own(struct pool *p, uint32_t slot, const uint8_t mac[6], uint64_t now_ms)
{
	uint32_t old;

	touch(p, slot);
	old = slot_of_mac(p, network_of(p, p->slots[slot].lease.subnet), mac);
	if (old == slot)
		return 0;
	if (old != NONE) {
		unhash(p, old);
		set_free(p, old, now_ms);
	}
	unhash(p, slot);
	hash(p, slot, mac);
	return old == NONE ? 0 : p->slots[old].lease.addr;
}

bool lease_held(const struct lease *l, uint64_t now_ms)
{
	return l->state != LEASE_FREE && l->expires_ms > now_ms;
}

static bool held_by(const struct lease *l, const uint8_t mac[6], uint64_t now_ms)
{
	return lease_held(l, now_ms) && l->state != LEASE_DECLINED && !memcmp(l->mac, mac, 6);
}

/* May this host have this slot? 0, -EBUSY, -EDQUOT. */
static int may_take(struct pool *p, const struct pool_ask *ask, uint32_t slot, uint64_t now_ms)
{
	const struct slot *s = &p->slots[slot];
	struct pool_network *n = &p->networks[network_of(p, ask->subnet)];
	uint32_t share = n->n_given / GUEST_SHARE;

	if (lease_held(&s->lease, now_ms) &&
		!(hashed(p, slot) && held_by(&s->lease, ask->mac, now_ms)))
		return -EBUSY;
	if (ask->known)
		return 0;
	heap_expire(p, &n->guests, now_ms);
	if (s->pos[HEAP_LIMITED] && s->lease.state != LEASE_DECLINED)
		return 0;
	if (!share && n->n_given > 1)
		share = 1;
	return n->guests.n < share ? 0 : -EDQUOT;
}

/* ---- reservations ---- */

static bool at_circuit(const struct reservation *r, const struct pool_ask *ask)
{
	return !r->circuit || (r->circuit[0] == ask->circuit_len &&
				      !memcmp(r->circuit + 1, ask->circuit, ask->circuit_len));
}

/* The reservation that is for whoever asks, or NULL. */
static struct reservation *claim(const struct pool *p, const struct pool_ask *ask)
{
	struct reservation *r = ask->host ? reserve_by_host(&p->reserve, ask->host) : NULL;

	return r && r->network == network_of(p, ask->subnet) && at_circuit(r, ask) ? r : NULL;
}

static bool same_machine(const struct reservation *r, const struct pool_ask *ask)
{
	return !memcmp(r->lease.mac, ask->mac, 6) &&
	       (!r->machine || !ask->machine || r->machine == ask->machine);
}

/* Nobody else holds it, and it does not rest. */
static bool is_free_for(const struct reservation *r, const struct pool_ask *ask, uint64_t now_ms)
{
	return !lease_held(&r->lease, now_ms) ||
	       (r->lease.state != LEASE_DECLINED && same_machine(r, ask));
}

/*
 * May they have it who ask? They claim it; or they hold it by its circuit and renew past the relay,
 * which then cannot name the circuit.
 */
static bool is_for(const struct pool *p, const struct reservation *r, const struct pool_ask *ask,
	uint64_t now_ms)
{
	return claim(p, ask) == r ||
	       (r->circuit && !ask->circuit_len && r->lease.state == LEASE_LEASED &&
		       held_by(&r->lease, ask->mac, now_ms));
}

static void hold_reserved(struct pool *p, struct reservation *r, const struct pool_ask *ask,
	enum lease_state state, uint64_t expires_ms)
{
	if (ask->machine || memcmp(r->lease.mac, ask->mac, 6))
		r->machine = ask->machine;
	reserve_hold(&p->reserve, r, ask->mac);
	r->lease.state = (uint8_t)state;
	r->lease.known = ask->known;
	r->lease.expires_ms = expires_ms;
}

static void free_reserved(struct reservation *r, uint64_t now_ms)
{
	r->lease.state = LEASE_FREE;
	r->lease.expires_ms = end_now(&r->lease, now_ms);
}

/* Holds of a reservation's lease outlive the reservation, but are not renewed. */
static void let_end(struct reservation *r)
{
	if (r->lease.state == LEASE_LEASED)
		r->lease.state = LEASE_ENDING;
}

/* Take the address out of the ranges, its lease with it. */
static void slot_to_reservation(struct pool *p, uint32_t slot, struct reservation *r)
{
	struct slot *s = &p->slots[slot];

	p->networks[r->network].n_given--;
	if (!s->lease.addr)
		return;
	r->lease = s->lease;
	memset(r->lease.mac, 0, sizeof r->lease.mac);
	reserve_hold(&p->reserve, r, s->lease.mac);
	leave_limits(p, slot);
	heap_remove(p, &p->networks[r->network].used, slot);
	unhash(p, slot);
	*s = (struct slot){ 0 };
	let_end(r);
}

/* And back. Its holder owns it, unless that host owns another address by now; an offer is off. */
static void reservation_to_slot(struct pool *p, const struct reservation *r, uint32_t slot)
{
	static const uint8_t states[] = {
		[LEASE_LEASED] = LEASE_LEASED,
		[LEASE_DECLINED] = LEASE_DECLINED,
		[LEASE_ENDING] = LEASE_LEASED,
	};
	const struct lease *l = &r->lease;

	p->networks[r->network].n_given++;
	touch(p, slot);
	if (l->expires_ms && slot_of_mac(p, r->network, l->mac) == NONE)
		hash(p, slot, l->mac);
	else
		memcpy(p->slots[slot].lease.mac, l->mac, sizeof l->mac);
	set_state(p, slot, (enum lease_state)states[l->state], l->known, l->expires_ms);
}

/* A new one for an address of a configured subnet. */
static int add_reservation(struct pool *p, uint32_t addr, uint64_t now_ms, struct reservation **out)
{
	const uint32_t subnet = (uint32_t)(config_subnet_of(p->cfg, addr) - p->cfg->subnets);
	int rc = reserve_add(&p->reserve, addr, network_of(p, subnet), now_ms, out);

	if (!rc)
		(*out)->lease.subnet = subnet;
	return rc;
}

/* The subnet of an address that a host may have at all; NULL: *error says why not. */
static const struct config_subnet *usable_subnet(const struct pool *p, uint32_t addr, int *error)
{
	const struct config_subnet *s = config_subnet_of(p->cfg, addr);

	*error = -ENOENT;
	if (s &&
		(addr == s->net || addr == (s->net | ~s->mask) || ranges_taboo(&p->ranges, addr))) {
		*error = -EADDRNOTAVAIL;
		s = NULL;
	}
	return s;
}

/* A reservation for addr that has no host yet: what is left of one, or a new one. */
static int vacant(struct pool *p, uint32_t addr, uint64_t now_ms, struct reservation **out)
{
	const uint32_t slot = slot_of_addr(p, addr);
	int rc;

	*out = reserve_by_addr(&p->reserve, addr);
	if (*out)
		return 0;
	rc = add_reservation(p, addr, now_ms, out);
	if (!rc && slot != NONE)
		slot_to_reservation(p, slot, *out);
	return rc;
}

/* Nobody's any more: back to the ranges, or gone, or kept until the lease has ended. */
static void vacate(struct pool *p, struct reservation *r, uint64_t now_ms)
{
	const uint32_t slot = slot_of_addr(p, r->lease.addr);

	if (slot == NONE && lease_held(&r->lease, now_ms)) {
		reserve_give(&p->reserve, r, 0, NULL, 0);
		let_end(r);
		return;
	}
	if (slot != NONE)
		reservation_to_slot(p, r, slot);
	reserve_rm(&p->reserve, r);
}

int pool_may_reserve(const struct pool *p, int64_t host, uint32_t addr, const uint8_t *circuit,
	uint8_t circuit_len, int64_t *by)
{
	int rc;
	const struct config_subnet *s = usable_subnet(p, addr, &rc);
	const struct reservation *r = reserve_by_addr(&p->reserve, addr);
	int64_t there = 0;

	if (!s)
		return rc;
	if (r && r->host && r->host != host)
		return -EADDRINUSE;
	if (circuit_len)
		there = pool_host_at(p, (unsigned)(s - p->cfg->subnets), circuit, circuit_len);
	if (!there || there == host)
		return 0;
	*by = there;
	return -EEXIST;
}

int pool_reserve(struct pool *p, int64_t host, uint32_t addr, const uint8_t *circuit,
	uint8_t circuit_len, uint64_t now_ms)
{
	struct reservation *r, *old;
	int64_t by;
	int rc = pool_may_reserve(p, host, addr, circuit, circuit_len, &by);

	if (!rc)
		rc = vacant(p, addr, now_ms, &r);
	if (rc)
		return rc;
	old = reserve_by_host(&p->reserve, host);
	rc = reserve_give(&p->reserve, r, host, circuit, circuit_len);
	if (rc) {
		if (r != old)
			vacate(p, r, now_ms);
		return rc;
	}
	if (old && old != r)
		vacate(p, old, now_ms);
	if (old == r)
		let_end(r); /* by the old terms: whoever holds it asks anew */
	return 0;
}

void pool_unreserve(struct pool *p, int64_t host, uint64_t now_ms)
{
	struct reservation *r = host ? reserve_by_host(&p->reserve, host) : NULL;

	if (r)
		vacate(p, r, now_ms);
}

int64_t pool_reserved_for(const struct pool *p, uint32_t addr)
{
	const struct reservation *r = reserve_by_addr(&p->reserve, addr);

	return r ? r->host : 0;
}

int64_t pool_host_at(
	const struct pool *p, unsigned subnet, const uint8_t *circuit, uint8_t circuit_len)
{
	const struct reservation *r =
		reserve_by_circuit(&p->reserve, network_of(p, subnet), circuit, circuit_len);

	return r ? r->host : 0;
}

/* ---- looking up ---- */

const struct lease *pool_by_mac(const struct pool *p, unsigned subnet, const uint8_t mac[6])
{
	const uint32_t slot = slot_of_mac(p, network_of(p, subnet), mac);

	return slot == NONE ? NULL : &p->slots[slot].lease;
}

const struct lease *pool_by_addr(const struct pool *p, uint32_t addr)
{
	const struct reservation *r = reserve_by_addr(&p->reserve, addr);
	const uint32_t slot = slot_of_addr(p, addr);

	if (r)
		return &r->lease;
	return slot == NONE || !p->slots[slot].lease.addr ? NULL : &p->slots[slot].lease;
}

const struct lease *pool_mine(const struct pool *p, const struct pool_ask *ask, uint64_t now_ms)
{
	const struct reservation *r = claim(p, ask);

	if (r && is_free_for(r, ask, now_ms))
		return &r->lease;
	return pool_by_mac(p, ask->subnet, ask->mac);
}

const struct lease *pool_held(
	const struct pool *p, unsigned subnet, const uint8_t mac[6], uint64_t now_ms)
{
	const struct reservation *r = reserve_by_holder(&p->reserve, network_of(p, subnet), mac);
	const struct lease *l = pool_by_mac(p, subnet, mac);

	if (r && r->lease.state != LEASE_OFFERED && held_by(&r->lease, mac, now_ms))
		return &r->lease;
	return l && lease_held(l, now_ms) ? l : NULL;
}

bool pool_is_own(const struct pool *p, uint32_t addr)
{
	for (size_t i = 0; i < p->n_own; i++)
		if (p->own[i] == addr)
			return true;
	return false;
}

/* ---- offers ---- */

/* Use the slot if the host may have it; *rc says why not. */
static bool suits(
	struct pool *p, const struct pool_ask *ask, uint32_t slot, uint64_t now_ms, int *rc)
{
	int why;

	if (slot == NONE)
		return false;
	why = may_take(p, ask, slot, now_ms);
	if (why == -EDQUOT || !why)
		*rc = why;
	return !why;
}

/* The order of RFC 2131 section 4.3.1. Returns 0, -ENOSPC, -EDQUOT. */
static int choose(struct pool *p, const struct pool_ask *ask, uint64_t now_ms, uint32_t *slot)
{
	const uint32_t network = network_of(p, ask->subnet);
	const struct heap *used = &p->networks[network].used;
	int rc = -ENOSPC;

	*slot = slot_of_mac(p, network, ask->mac);
	if (suits(p, ask, *slot, now_ms, &rc))
		return 0;
	for (size_t i = 0; i < ask->n_others; i++) {
		*slot = slot_of_mac(p, network, ask->others[i]);
		if (suits(p, ask, *slot, now_ms, &rc))
			return 0;
	}
	*slot = slot_in_network(p, network, ask->requested);
	if (suits(p, ask, *slot, now_ms, &rc))
		return 0;
	*slot = fresh_slot(p, network);
	if (suits(p, ask, *slot, now_ms, &rc))
		return 0;
	*slot = used->n ? used->items[0] : NONE;
	suits(p, ask, *slot, now_ms, &rc);
	return rc;
}

/* Room for one more offer. 0, or -ENOSPC when known hosts have it all and an unknown one asks. */
static int room_for_offer(struct pool *p, bool known, uint64_t now_ms)
{
	for (int i = 0; i < 2; i++)
		heap_expire(p, &p->offers[i], now_ms);
	if (p->offers[0].n + p->offers[1].n < POOL_OFFERS_MAX)
		return 0;
	if (!p->offers[0].n && !known)
		return -ENOSPC;
	set_free(p, p->offers[p->offers[0].n ? 0 : 1].items[0], now_ms);
	return 0;
}

static int offer_slot(struct pool *p, const struct pool_ask *ask, uint64_t now_ms, uint32_t *addr)
{
	const struct lease *l;
	uint32_t slot;
	int rc = choose(p, ask, now_ms, &slot);

	if (rc)
		return rc;
	l = &p->slots[slot].lease;
	/* what runs is its own, as may_take found */
	if (l->state != LEASE_LEASED || !lease_held(l, now_ms)) {
		rc = p->slots[slot].pos[HEAP_OFFERS] ? 0 : room_for_offer(p, ask->known, now_ms);
		if (rc)
			return rc;
		own(p, slot, ask->mac, now_ms);
		set_state(p, slot, LEASE_OFFERED, ask->known, now_ms + POOL_OFFER_MS);
	}
	*addr = l->addr;
	return 0;
}

int pool_offer(struct pool *p, const struct pool_ask *ask, uint64_t now_ms, uint32_t *addr)
{
	struct reservation *r = claim(p, ask);
	int rc;

	if (r && is_free_for(r, ask, now_ms)) {
		if (!lease_held(&r->lease, now_ms) || r->lease.state == LEASE_OFFERED)
			hold_reserved(p, r, ask, LEASE_OFFERED, now_ms + POOL_OFFER_MS);
		*addr = r->lease.addr;
		return 0;
	}
	rc = offer_slot(p, ask, now_ms, addr);
	return rc ? rc : r != NULL;
}

size_t pool_next(const struct pool *p, unsigned subnet, uint32_t *addrs, size_t max)
{
	const uint32_t network = network_of(p, subnet);
	const struct ranges_network *ranges = &p->ranges.networks[network];
	uint32_t range = p->networks[network].range, offset = p->networks[network].offset;
	size_t found = 0;

	for (size_t looked = 0; found < max && looked < NEXT_LOOKS * max; looked++, offset++) {
		while (range < ranges->n_ranges &&
			offset > ranges->ranges[range].last - ranges->ranges[range].first) {
			range++;
			offset = 0;
		}
		if (range == ranges->n_ranges)
			break;
		if (is_fresh(p, &ranges->ranges[range], offset))
			addrs[found++] = ranges->ranges[range].first + offset;
	}
	return found;
}

void pool_withdraw(struct pool *p, unsigned subnet, const uint8_t mac[6], uint64_t now_ms)
{
	const uint32_t network = network_of(p, subnet), slot = slot_of_mac(p, network, mac);
	struct reservation *r = reserve_by_holder(&p->reserve, network, mac);

	if (slot != NONE && p->slots[slot].lease.state == LEASE_OFFERED)
		set_free(p, slot, now_ms);
	if (r && r->lease.state == LEASE_OFFERED)
		free_reserved(r, now_ms);
}

/* ---- leases ---- */

static int commit_reserved(struct pool *p, struct reservation *r, const struct pool_ask *ask,
	uint64_t expires_ms, uint64_t now_ms)
{
	if (r->network != network_of(p, ask->subnet) || !r->host)
		return -ENOENT;
	if (!is_for(p, r, ask, now_ms))
		return -EACCES;
	if (!is_free_for(r, ask, now_ms))
		return -EBUSY;
	hold_reserved(p, r, ask, LEASE_LEASED, expires_ms);
	return 0;
}

/*
 * A host that was plugged in elsewhere gives up the address of its old circuit, and makes it free
 * for whoever is there now. Returns it, or 0.
 */
static uint32_t leave_circuit(struct pool *p, const struct pool_ask *ask, uint64_t now_ms)
{
	struct reservation *r =
		reserve_by_holder(&p->reserve, network_of(p, ask->subnet), ask->mac);

	if (!r || !r->circuit || !ask->circuit_len || at_circuit(r, ask) || !same_machine(r, ask) ||
		!held_by(&r->lease, ask->mac, now_ms))
		return 0;
	free_reserved(r, now_ms);
	return r->lease.addr;
}

int pool_commit(struct pool *p, const struct pool_ask *ask, uint64_t expires_ms, uint64_t now_ms,
	uint32_t left[POOL_LEFT_MAX])
{
	struct reservation *r = reserve_by_addr(&p->reserve, ask->requested);
	uint32_t slot;
	int rc;

	if (r) {
		rc = commit_reserved(p, r, ask, expires_ms, now_ms);
		if (!rc)
			left[0] = left[1] = 0;
		return rc;
	}
	slot = slot_in_network(p, network_of(p, ask->subnet), ask->requested);
	rc = slot == NONE ? -ENOENT : may_take(p, ask, slot, now_ms);
	if (rc)
		return rc;
	left[0] = own(p, slot, ask->mac, now_ms);
	left[1] = leave_circuit(p, ask, now_ms);
	set_state(p, slot, LEASE_LEASED, ask->known, expires_ms);
	return 0;
}

int pool_release(struct pool *p, uint32_t addr, const uint8_t mac[6], uint64_t now_ms)
{
	struct reservation *r = reserve_by_addr(&p->reserve, addr);
	const uint32_t slot = r ? NONE : slot_of_addr(p, addr);

	if (r && held_by(&r->lease, mac, now_ms))
		free_reserved(r, now_ms);
	else if (slot != NONE && hashed(p, slot) && held_by(&p->slots[slot].lease, mac, now_ms))
		set_free(p, slot, now_ms);
	else
		return -ENOENT;
	return 0;
}

/* How many addresses of the network rest because of this host. */
static unsigned n_declined(
	const struct pool *p, uint32_t network, const uint8_t mac[6], uint64_t now_ms)
{
	const struct reservation *r = reserve_by_holder(&p->reserve, network, mac);
	unsigned n = r && r->lease.state == LEASE_DECLINED && lease_held(&r->lease, now_ms);

	for (uint32_t slot = of_mac(p, *chain_of(p, network, mac), network, mac); slot != NONE;
		slot = of_mac(p, p->slots[slot].next, network, mac))
		n += p->slots[slot].lease.state == LEASE_DECLINED &&
		     lease_held(&p->slots[slot].lease, now_ms);
	return n;
}

int pool_rest(struct pool *p, uint32_t addr, uint64_t now_ms)
{
	struct reservation *r = reserve_by_addr(&p->reserve, addr);
	const uint32_t slot = r ? NONE : slot_of_addr(p, addr);
	const struct lease *l = r ? &r->lease : slot == NONE ? NULL : &p->slots[slot].lease;

	if (!l)
		return -ENOENT;
	if (lease_held(l, now_ms) && (l->state == LEASE_LEASED || l->state == LEASE_ENDING))
		return -EBUSY;
	if (r) {
		r->lease.state = LEASE_DECLINED;
		r->lease.expires_ms = now_ms + POOL_DECLINE_MS;
		return 0;
	}
	touch(p, slot);
	unhash(p, slot);
	set_state(p, slot, LEASE_DECLINED, false, now_ms + POOL_DECLINE_MS);
	return 0;
}

int pool_decline(struct pool *p, uint32_t addr, const uint8_t mac[6], uint64_t now_ms)
{
	struct reservation *r = reserve_by_addr(&p->reserve, addr);
	const uint32_t slot = r ? NONE : slot_of_addr(p, addr);
	struct pool_network *n;
	uint32_t share;

	if (slot != NONE ? !hashed(p, slot) || !held_by(&p->slots[slot].lease, mac, now_ms)
			 : !r || !held_by(&r->lease, mac, now_ms))
		return -ENOENT;
	n = r ? &p->networks[r->network] : network_of_slot(p, slot);
	if (n_declined(p, (uint32_t)(n - p->networks), mac, now_ms) >= POOL_DECLINES_MAX)
		return -EDQUOT;
	if (r) {
		r->lease.state = LEASE_DECLINED;
		r->lease.expires_ms = now_ms + POOL_DECLINE_MS;
		return 0;
	}
	heap_expire(p, &n->resting, now_ms);
	share = n->n_given / REST_SHARE;
	if (n->resting.n >= (share ? share : 1))
		return -EDQUOT;
	set_state(p, slot, LEASE_DECLINED, false, now_ms + POOL_DECLINE_MS);
	return 0;
}

int pool_end(struct pool *p, uint32_t addr, bool forget, uint64_t now_ms)
{
	static const uint8_t nobody[6];
	struct reservation *r = reserve_by_addr(&p->reserve, addr);
	const uint32_t slot = r ? NONE : slot_of_addr(p, addr);
	struct lease *l = r ? &r->lease : slot == NONE ? NULL : &p->slots[slot].lease;

	if (!l || (!lease_held(l, now_ms) && !(forget && memcmp(l->mac, nobody, 6))))
		return -ENOENT;
	forget |= l->state == LEASE_DECLINED;
	if (r) {
		free_reserved(r, now_ms);
		if (forget)
			reserve_hold(&p->reserve, r, nobody);
		return 0;
	}
	set_free(p, slot, now_ms);
	if (forget) {
		unhash(p, slot);
		memset(l->mac, 0, sizeof l->mac);
	}
	return 0;
}

/* ---- showing ---- */

static int compare_addr(const void *a, const void *b)
{
	const struct lease *const *x = a, *const *y = b;

	return (*x)->addr < (*y)->addr ? -1 : (*x)->addr > (*y)->addr;
}

/* The reservations above that address, ascending, NULL behind them; NULL without memory. */
static const struct lease **reserved_above(const struct pool *p, uint32_t after)
{
	const struct lease **list = calloc(p->reserve.n + 1u, sizeof *list);
	uint32_t n = 0;

	if (!list)
		return NULL;
	for (uint32_t i = 0; i < p->reserve.n; i++) {
		if (p->reserve.items[i].lease.addr > after)
			list[n++] = &p->reserve.items[i].lease;
	}
	qsort(list, n, sizeof *list, compare_addr);
	return list;
}

/* All below `end`, from *at on, which moves. false: fn has seen enough. */
static bool show_reserved(const struct lease ***at, uint64_t end, pool_show *fn, void *arg)
{
	for (; **at && (**at)->addr < end; ++*at) {
		if (!fn(arg, **at))
			return false;
	}
	return true;
}

static bool show_range(const struct pool *p, const struct range *r, uint32_t after, uint64_t now_ms,
	const struct lease ***reserved, pool_show *fn, void *arg)
{
	for (uint64_t a = after < r->first ? r->first : (uint64_t)after + 1; a <= r->last; a++) {
		const uint32_t slot = r->slot + (uint32_t)(a - r->first);
		const struct lease *l = &p->slots[slot].lease;

		if (!hashed(p, slot) && !lease_held(l, now_ms))
			continue;
		if (!show_reserved(reserved, a, fn, arg) || !fn(arg, l))
			return false;
	}
	return true;
}

int pool_each(const struct pool *p, uint32_t after, uint64_t now_ms, pool_show *fn, void *arg)
{
	const struct lease **list = reserved_above(p, after), **at = list;
	bool more = true;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < p->ranges.n && more; i++)
		more = show_range(p, &p->ranges.by_addr[i], after, now_ms, &at, fn, arg);
	if (more)
		show_reserved(&at, UINT64_MAX, fn, arg);
	free(list);
	return 0;
}

struct pool_fill pool_fill_of(const struct pool *p, unsigned subnet, uint64_t now_ms)
{
	const struct pool_network *n = &p->networks[network_of(p, subnet)];
	struct pool_fill f = { .given = n->n_given };

	for (uint32_t i = 0; i < n->used.n; i++)
		f.held += lease_held(&p->slots[n->used.items[i]].lease, now_ms);
	return f;
}

uint32_t pool_network_of(const struct pool *p, unsigned subnet)
{
	return network_of(p, subnet);
}

/* ---- at start ---- */

static void load_reserved(
	struct pool *p, struct reservation *r, const struct lease *l, uint32_t machine)
{
	reserve_hold(&p->reserve, r, l->mac);
	r->machine = machine;
	r->lease.state = l->state;
	r->lease.known = l->known;
	r->lease.expires_ms = l->expires_ms;
	if (!r->host)
		let_end(r);
}

static int load_slot(struct pool *p, uint32_t slot, const struct lease *l)
{
	const struct range *range = ranges_of_slot(&p->ranges, slot);
	const uint32_t other = slot_of_mac(p, network_of(p, range->subnet), l->mac);

	if (l->state == LEASE_DECLINED) {
		touch(p, slot);
		unhash(p, slot);
		hash(p, slot, l->mac);
	} else {
		if (other != NONE && p->slots[other].lease.expires_ms > l->expires_ms)
			return -EEXIST;
		own(p, slot, l->mac, 0);
	}
	set_state(p, slot, l->state == LEASE_ENDING ? LEASE_LEASED : (enum lease_state)l->state,
		l->known, l->expires_ms);
	return 0;
}

int pool_load(struct pool *p, const struct lease *l, uint32_t machine, uint64_t now_ms)
{
	struct reservation *r = reserve_by_addr(&p->reserve, l->addr);
	const uint32_t slot = slot_of_addr(p, l->addr);
	int rc;

	if (l->state == LEASE_OFFERED || l->state > LEASE_ENDING)
		return -EINVAL;
	if (!r && slot != NONE)
		return load_slot(p, slot, l);
	if (!r) {
		if (!usable_subnet(p, l->addr, &rc) || l->state == LEASE_DECLINED ||
			!lease_held(l, now_ms))
			return -ENOENT;
		rc = add_reservation(p, l->addr, now_ms, &r);
		if (rc)
			return rc;
	}
	load_reserved(p, r, l, machine);
	return 0;
}

/* ---- building ---- */

static int take_memory(struct pool *p, const uint32_t *own_addrs, size_t n_own)
{
	const size_t n = p->ranges.n_slots;
	size_t chains = 1;

	while (2 * chains <= n)
		chains *= 2;
	p->mask = (uint32_t)(chains - 1);
	/* all zeros, and untouched until an address is used: the kernel gives no memory before */
	p->slots = calloc(n + 1, sizeof *p->slots);
	p->by_mac = calloc(chains, sizeof *p->by_mac);
	p->heap_items = calloc(3 * n + 2 * POOL_OFFERS_MAX, sizeof *p->heap_items);
	p->networks = calloc(p->ranges.n_networks + 1, sizeof *p->networks);
	p->own = calloc(n_own + 1, sizeof *p->own);
	if (!p->slots || !p->by_mac || !p->heap_items || !p->networks || !p->own)
		return -ENOMEM;
	if (n_own)
		memcpy(p->own, own_addrs, n_own * sizeof *p->own);
	p->n_own = n_own;
	return 0;
}

static void share_heaps(struct pool *p)
{
	uint32_t *items = p->heap_items;

	for (int i = 0; i < 2; i++, items += POOL_OFFERS_MAX)
		p->offers[i] = (struct heap){ HEAP_OFFERS, 0, items };
	for (size_t i = 0; i < p->ranges.n_networks; i++) {
		const struct ranges_network *r = &p->ranges.networks[i];
		struct pool_network *n = &p->networks[i];

		n->n_given = r->n_given;
		n->used = (struct heap){ HEAP_USED, 0, items };
		n->guests = (struct heap){ HEAP_LIMITED, 0, items + r->n_slots };
		n->resting = (struct heap){ HEAP_LIMITED, 0, items + 2 * (size_t)r->n_slots };
		items += 3 * (size_t)r->n_slots;
	}
}

int pool_new(const struct config *cfg, const uint32_t *own_addrs, size_t n_own, struct pool **out)
{
	struct pool *p = calloc(1, sizeof *p);
	int rc = -ENOMEM;

	if (!p)
		return rc;
	p->cfg = cfg;
	rc = ranges_init(&p->ranges, cfg, own_addrs, n_own);
	if (!rc)
		rc = take_memory(p, own_addrs, n_own);
	if (rc) {
		pool_free(p);
		return rc;
	}
	share_heaps(p);
	*out = p;
	return 0;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	ranges_fini(&p->ranges);
	reserve_fini(&p->reserve);
	free(p->slots);
	free(p->by_mac);
	free(p->heap_items);
	free(p->networks);
	free(p->own);
	free(p);
}
