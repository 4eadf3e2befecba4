/*
 * Every address of every range is a slot. Each subnet has a heap of its slots ordered by the end of
 * their hold: its top is the least recently used address, and when that one is held, all are. Two
 * more heaps of the same order hold the slots that count against a limit: those of unknown hosts
 * (per subnet) and the offers (over all). A hash finds the slots of a MAC address.
 *
 *   slots    [ subnet 0: range, range | subnet 1: range | ... ]   index by address arithmetic
 *   by_mac   hash -> slot -> slot ...                             one per subnet for each MAC
 */
#include "server/core/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE	    UINT32_MAX
#define GUEST_SHARE 4 /* unknown hosts get one address out of so many */
#define NEVER_GIVEN UINT64_MAX

enum heap_kind { HEAP_ALL, HEAP_GUESTS, HEAP_OFFERS, HEAPS };

struct slot {
	struct lease lease;
	uint32_t next;	     /* in its hash chain, or NONE */
	uint32_t pos[HEAPS]; /* index in the heap + 1, 0 when not in it */
	uint8_t subnet;	     /* index in cfg->subnets */
	bool hashed;
};

struct heap {
	enum heap_kind kind;
	uint32_t n;
	uint32_t *items; /* slot numbers */
};

struct pool_range {
	uint32_t first, last; /* addresses */
	uint32_t slot;	      /* of the first */
};

struct pool_subnet {
	uint32_t n_slots, n_given; /* n_given: without those never to be given */
	size_t n_ranges;
	struct pool_range ranges[CONFIG_RANGES_MAX];
	struct heap all, guests;
};

struct pool {
	const struct config *cfg;
	uint32_t *own;
	size_t n_own;
	uint32_t n_slots;
	struct slot *slots;
	uint32_t *by_mac; /* mask + 1 chains */
	uint32_t mask;
	uint32_t *heap_items; /* all heaps' memory */
	struct heap offers;
	struct pool_subnet subnets[CONFIG_SUBNETS_MAX];
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

/* Bring the slot's place in line with its expires_ms; in: whether it belongs into this heap. */
static void heap_update(struct pool *p, struct heap *h, uint32_t slot, bool in)
{
	const uint32_t pos = p->slots[slot].pos[h->kind];

	if (!in)
		heap_remove(p, h, slot);
	else
		heap_place(p, h, pos ? pos - 1 : h->n++, slot);
}

/* Drop what has ended, so that h->n counts what is held. */
static void heap_expire(struct pool *p, struct heap *h, uint64_t now_ms)
{
	while (h->n && p->slots[h->items[0]].lease.expires_ms <= now_ms)
		heap_remove(p, h, h->items[0]);
}

/* ---- slots by MAC and by address ---- */

static uint32_t *chain_of(const struct pool *p, const uint8_t mac[6])
{
	uint64_t h = 0;

	for (int i = 0; i < 6; i++)
		h = h << 8 | mac[i];
	h *= 0x9e3779b97f4a7c15u; /* Knuth's multiplicative hash: the high bits are the mixed ones
				   */
	return &p->by_mac[h >> 32 & p->mask];
}

static void unhash(struct pool *p, uint32_t slot)
{
	uint32_t *link = chain_of(p, p->slots[slot].lease.mac);

	if (!p->slots[slot].hashed)
		return;
	while (*link != slot)
		link = &p->slots[*link].next;
	*link = p->slots[slot].next;
	p->slots[slot].hashed = false;
}

static void hash(struct pool *p, uint32_t slot, const uint8_t mac[6])
{
	uint32_t *link = chain_of(p, mac);

	memcpy(p->slots[slot].lease.mac, mac, 6);
	p->slots[slot].next = *link;
	p->slots[slot].hashed = true;
	*link = slot;
}

static uint32_t slot_of_mac(const struct pool *p, unsigned subnet, const uint8_t mac[6])
{
	uint32_t i = *chain_of(p, mac);

	while (i != NONE && (p->slots[i].subnet != subnet || memcmp(p->slots[i].lease.mac, mac, 6)))
		i = p->slots[i].next;
	return i;
}

static uint32_t slot_in_subnet(const struct pool_subnet *s, uint32_t addr)
{
	for (size_t i = 0; i < s->n_ranges; i++)
		if (addr >= s->ranges[i].first && addr <= s->ranges[i].last)
			return s->ranges[i].slot + (addr - s->ranges[i].first);
	return NONE;
}

static uint32_t slot_of_addr(const struct pool *p, uint32_t addr)
{
	uint32_t slot = NONE;

	for (size_t i = 0; i < p->cfg->n_subnets && slot == NONE; i++)
		slot = slot_in_subnet(&p->subnets[i], addr);
	return slot;
}

/* ---- what a slot becomes ---- */

/* Give a slot a state; the heaps follow. The owner is set by own(). */
static void set_state(
	struct pool *p, uint32_t slot, enum lease_state state, bool known, uint64_t expires_ms)
{
	struct slot *s = &p->slots[slot];
	const bool held = state == LEASE_OFFERED || state == LEASE_LEASED;

	s->lease.state = (uint8_t)state;
	s->lease.known = known;
	s->lease.expires_ms = expires_ms;
	heap_update(p, &p->subnets[s->subnet].all, slot, true);
	heap_update(p, &p->subnets[s->subnet].guests, slot, held && !known);
	heap_update(p, &p->offers, slot, state == LEASE_OFFERED);
}

/* End a hold now. An address whose hold has ended already keeps its place in the queue. */
static void set_free(struct pool *p, uint32_t slot, uint64_t now_ms)
{
	const struct lease *l = &p->slots[slot].lease;

	set_state(p, slot, LEASE_FREE, false, l->expires_ms < now_ms ? l->expires_ms : now_ms);
}

/* Make mac the owner. Returns the address of this subnet that it owned before, or 0. */
static uint32_t own(struct pool *p, uint32_t slot, const uint8_t mac[6], uint64_t now_ms)
{
	const uint32_t old = slot_of_mac(p, p->slots[slot].subnet, mac);

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

/* May this host have this slot? 0, -EBUSY, -EDQUOT. */
static int may_take(struct pool *p, const struct pool_ask *ask, uint32_t slot, uint64_t now_ms)
{
	const struct slot *s = &p->slots[slot];
	struct pool_subnet *sub = &p->subnets[s->subnet];
	const bool mine = s->hashed && !memcmp(s->lease.mac, ask->mac, 6);
	uint32_t share = sub->n_given / GUEST_SHARE;

	if (lease_held(&s->lease, now_ms) && !mine)
		return -EBUSY;
	if (ask->known)
		return 0;
	heap_expire(p, &sub->guests, now_ms);
	if (s->pos[HEAP_GUESTS])
		return 0;
	return sub->guests.n < (share ? share : 1) ? 0 : -EDQUOT;
}

bool lease_held(const struct lease *l, uint64_t now_ms)
{
	return l->state != LEASE_FREE && l->expires_ms > now_ms;
}

const struct lease *pool_by_mac(const struct pool *p, unsigned subnet, const uint8_t mac[6])
{
	const uint32_t slot = slot_of_mac(p, subnet, mac);

	return slot == NONE ? NULL : &p->slots[slot].lease;
}

const struct lease *pool_by_addr(const struct pool *p, uint32_t addr)
{
	const uint32_t slot = slot_of_addr(p, addr);

	return slot == NONE ? NULL : &p->slots[slot].lease;
}

bool pool_is_own(const struct pool *p, uint32_t addr)
{
	for (size_t i = 0; i < p->n_own; i++)
		if (p->own[i] == addr)
			return true;
	return false;
}

/* The order of RFC 2131 section 4.3.1. */
static int choose(struct pool *p, const struct pool_ask *ask, uint64_t now_ms, uint32_t *slot)
{
	const struct pool_subnet *sub = &p->subnets[ask->subnet];
	const uint32_t wishes[] = {
		slot_of_mac(p, ask->subnet, ask->mac),
		slot_in_subnet(sub, ask->requested),
		sub->all.n ? sub->all.items[0] : NONE,
	};
	int rc = -EBUSY;

	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
		if (wishes[i] == NONE)
			continue;
		rc = may_take(p, ask, wishes[i], now_ms);
		if (!rc) {
			*slot = wishes[i];
			return 0;
		}
	}
	return rc == -EBUSY ? -ENOSPC : rc;
}

int pool_offer(struct pool *p, const struct pool_ask *ask, uint64_t now_ms, uint32_t *addr)
{
	uint32_t slot;
	const struct lease *l;
	int rc = choose(p, ask, now_ms, &slot);

	if (rc)
		return rc;
	l = &p->slots[slot].lease;
	*addr = l->addr;
	if (l->state == LEASE_LEASED && lease_held(l, now_ms))
		return 0; /* its own, as may_take found */
	heap_expire(p, &p->offers, now_ms);
	if (p->offers.n >= POOL_OFFERS_MAX && !p->slots[slot].pos[HEAP_OFFERS])
		set_free(p, p->offers.items[0], now_ms);
	own(p, slot, ask->mac, now_ms);
	set_state(p, slot, LEASE_OFFERED, ask->known, now_ms + POOL_OFFER_MS);
	return 0;
}

void pool_withdraw(struct pool *p, unsigned subnet, const uint8_t mac[6], uint64_t now_ms)
{
	const uint32_t slot = slot_of_mac(p, subnet, mac);

	if (slot != NONE && p->slots[slot].lease.state == LEASE_OFFERED)
		set_free(p, slot, now_ms);
}

int pool_commit(struct pool *p, const struct pool_ask *ask, uint64_t expires_ms, uint64_t now_ms,
	uint32_t *left)
{
	const uint32_t slot = slot_in_subnet(&p->subnets[ask->subnet], ask->requested);
	int rc;

	if (slot == NONE || p->slots[slot].lease.state == LEASE_RESERVED)
		return -ENOENT;
	rc = may_take(p, ask, slot, now_ms);
	if (rc)
		return rc;
	*left = own(p, slot, ask->mac, now_ms);
	set_state(p, slot, LEASE_LEASED, ask->known, expires_ms);
	return 0;
}

/* The slot of an address that this host holds, or NONE. */
static uint32_t held_by(const struct pool *p, uint32_t addr, const uint8_t mac[6], uint64_t now_ms)
{
	const uint32_t slot = slot_of_addr(p, addr);

	if (slot == NONE || !p->slots[slot].hashed || memcmp(p->slots[slot].lease.mac, mac, 6) ||
		!lease_held(&p->slots[slot].lease, now_ms))
		return NONE;
	return slot;
}

int pool_release(struct pool *p, uint32_t addr, const uint8_t mac[6], uint64_t now_ms)
{
	const uint32_t slot = held_by(p, addr, mac, now_ms);

	if (slot == NONE)
		return -ENOENT;
	set_free(p, slot, now_ms);
	return 0;
}

int pool_decline(struct pool *p, uint32_t addr, const uint8_t mac[6], uint64_t now_ms)
{
	const uint32_t slot = held_by(p, addr, mac, now_ms);

	if (slot == NONE)
		return -ENOENT;
	unhash(p, slot); /* the host shall not come back to it */
	set_state(p, slot, LEASE_DECLINED, false, now_ms + POOL_DECLINE_MS);
	return 0;
}

int pool_end(struct pool *p, uint32_t addr, bool forget, uint64_t now_ms)
{
	const uint32_t slot = slot_of_addr(p, addr);
	struct slot *s = slot == NONE ? NULL : &p->slots[slot];

	if (!s || s->lease.state == LEASE_RESERVED)
		return -ENOENT;
	if (!lease_held(&s->lease, now_ms) && !(forget && s->hashed))
		return -ENOENT;
	set_free(p, slot, now_ms);
	if (forget)
		unhash(p, slot);
	if (!s->hashed)
		memset(s->lease.mac, 0, sizeof s->lease.mac);
	return 0;
}

void pool_each(const struct pool *p, uint64_t now_ms, void (*fn)(void *arg, const struct lease *l),
	void *arg)
{
	for (uint32_t i = 0; i < p->n_slots; i++) {
		const struct slot *s = &p->slots[i];

		/* an address of two ranges is shown once */
		if (s->hashed ||
			(lease_held(&s->lease, now_ms) && slot_of_addr(p, s->lease.addr) == i))
			fn(arg, &s->lease);
	}
}

int pool_load(struct pool *p, const struct lease *l)
{
	const uint32_t slot = slot_of_addr(p, l->addr);
	uint32_t other;

	if (l->state != LEASE_FREE && l->state != LEASE_LEASED && l->state != LEASE_DECLINED)
		return -EINVAL;
	if (slot == NONE || p->slots[slot].lease.state == LEASE_RESERVED)
		return -ENOENT;
	if (l->state == LEASE_DECLINED) {
		unhash(p, slot);
		set_state(p, slot, LEASE_DECLINED, false, l->expires_ms);
		return 0;
	}
	other = slot_of_mac(p, p->slots[slot].subnet, l->mac);
	if (other != NONE && p->slots[other].lease.expires_ms > l->expires_ms)
		return -EEXIST;
	own(p, slot, l->mac, 0);
	set_state(p, slot, l->state, l->known, l->expires_ms);
	return 0;
}

/* ---- building ---- */

static void add_range(struct pool *p, unsigned subnet, struct config_range r)
{
	struct pool_subnet *s = &p->subnets[subnet];
	const uint32_t n = r.last - r.first + 1;

	s->ranges[s->n_ranges++] = (struct pool_range){ r.first, r.last, p->n_slots };
	s->n_slots += n;
	p->n_slots += n;
}

static bool never_given(const struct pool *p, unsigned subnet, uint32_t addr)
{
	const struct config_subnet *s = &p->cfg->subnets[subnet];

	if ((addr & s->mask) != s->net || addr == s->net || addr == (s->net | ~s->mask) ||
		addr == s->router || pool_is_own(p, addr))
		return true;
	for (size_t i = 0; i < s->n_dns; i++)
		if (addr == s->dns[i])
			return true;
	for (size_t i = 0; i < p->cfg->n_relays; i++)
		if (addr == p->cfg->relays[i])
			return true;
	return false;
}

static void init_slot(struct pool *p, unsigned subnet, uint32_t slot, uint32_t addr)
{
	struct slot *s = &p->slots[slot];

	s->lease.addr = addr;
	s->subnet = (uint8_t)subnet;
	/* an address of two ranges belongs to the first */
	if (slot_of_addr(p, addr) != slot || never_given(p, subnet, addr)) {
		s->lease.state = LEASE_RESERVED;
		s->lease.expires_ms = NEVER_GIVEN;
	} else {
		p->subnets[subnet].n_given++;
		heap_update(p, &p->subnets[subnet].all, slot, true);
	}
}

static void init_subnet(struct pool *p, unsigned subnet, uint32_t first_slot)
{
	struct pool_subnet *s = &p->subnets[subnet];

	s->all = (struct heap){ HEAP_ALL, 0, p->heap_items + first_slot };
	s->guests = (struct heap){ HEAP_GUESTS, 0, p->heap_items + p->n_slots + first_slot };
	for (size_t i = 0; i < s->n_ranges; i++)
		for (uint32_t k = 0; k <= s->ranges[i].last - s->ranges[i].first; k++)
			init_slot(p, subnet, s->ranges[i].slot + k, s->ranges[i].first + k);
}

static int take_memory(struct pool *p, const uint32_t *own_addrs, size_t n_own)
{
	size_t chains = 1;

	while (chains < p->n_slots)
		chains *= 2;
	p->mask = (uint32_t)(chains - 1);
	p->slots = calloc(p->n_slots + 1u, sizeof *p->slots);
	p->by_mac = malloc(chains * sizeof *p->by_mac);
	p->heap_items = calloc(3u * p->n_slots + 1u, sizeof *p->heap_items);
	p->own = calloc(n_own + 1, sizeof *p->own);
	if (!p->slots || !p->by_mac || !p->heap_items || !p->own)
		return -ENOMEM;
	memset(p->by_mac, 0xff, chains * sizeof *p->by_mac); /* NONE */
	if (n_own)
		memcpy(p->own, own_addrs, n_own * sizeof *p->own);
	p->n_own = n_own;
	return 0;
}

int pool_new(const struct config *cfg, const uint32_t *own_addrs, size_t n_own, struct pool **out)
{
	struct pool *p = calloc(1, sizeof *p);
	uint64_t total = 0;
	uint32_t slot = 0;
	int rc = -ENOMEM;

	if (!p)
		return rc;
	p->cfg = cfg;
	for (unsigned i = 0; i < cfg->n_subnets; i++) {
		for (size_t k = 0; k < cfg->subnets[i].n_ranges; k++) {
			const struct config_range r = cfg->subnets[i].ranges[k];

			if (r.first > r.last)
				continue;
			total += (uint64_t)r.last - r.first + 1;
			rc = -E2BIG;
			if (total > POOL_ADDRESSES_MAX)
				goto err_pool;
			add_range(p, i, r);
		}
	}
	rc = take_memory(p, own_addrs, n_own);
	if (rc)
		goto err_pool;
	p->offers = (struct heap){ HEAP_OFFERS, 0, p->heap_items + 2 * (size_t)p->n_slots };
	for (unsigned i = 0; i < cfg->n_subnets; i++) {
		init_subnet(p, i, slot);
		slot += p->subnets[i].n_slots;
	}
	*out = p;
	return 0;
err_pool:
	pool_free(p);
	return rc;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	free(p->slots);
	free(p->by_mac);
	free(p->heap_items);
	free(p->own);
	free(p);
}
