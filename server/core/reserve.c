#include "server/core/reserve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MIN 16u

static const uint8_t nobody[6];

/* ---- hashes ---- */

/* Knuth's multiplicative hash: the high bits are the mixed ones. */
static uint32_t mixed(uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32);
}

/* FNV-1a over what tells keys of a network apart. */
static uint32_t hash_bytes(uint32_t network, const uint8_t *bytes, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u ^ network;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 0x100000001b3u;
	return mixed(h);
}

static uint32_t hash_of(const struct reservation *r, enum reserve_key key)
{
	switch (key) {
	case RESERVE_ADDR:
		return mixed(r->lease.addr);
	case RESERVE_HOST:
		return mixed((uint64_t)r->host);
	case RESERVE_CIRCUIT:
		return hash_bytes(r->network, r->circuit + 1, r->circuit[0]);
	default:
		return hash_bytes(r->network, r->lease.mac, sizeof r->lease.mac);
	}
}

/* Has it such a key at all? */
static bool has_key(const struct reservation *r, enum reserve_key key)
{
	switch (key) {
	case RESERVE_ADDR:
		return r->lease.addr != 0;
	case RESERVE_HOST:
		return r->host != 0;
	case RESERVE_CIRCUIT:
		return r->circuit != NULL;
	default:
		return memcmp(r->lease.mac, nobody, sizeof nobody) != 0;
	}
}

/* ---- chains ---- */

static void chain(struct reserve *t, struct reservation *r, enum reserve_key key)
{
	uint32_t *head;

	if (!has_key(r, key))
		return;
	head = &t->heads[key][hash_of(r, key) & (t->size - 1)];
	r->next[key] = *head;
	*head = (uint32_t)(r - t->items) + 1;
}

static void unchain(struct reserve *t, struct reservation *r, enum reserve_key key)
{
	const uint32_t me = (uint32_t)(r - t->items) + 1;
	uint32_t *link;

	if (!has_key(r, key))
		return;
	link = &t->heads[key][hash_of(r, key) & (t->size - 1)];
	while (*link != me)
		link = &t->items[*link - 1].next[key];
	*link = r->next[key];
}

static struct reservation *first(const struct reserve *t, enum reserve_key key, uint32_t hash)
{
	const uint32_t i = t->size ? t->heads[key][hash & (t->size - 1)] : 0;

	return i ? &t->items[i - 1] : NULL;
}

static struct reservation *next(
	const struct reserve *t, enum reserve_key key, const struct reservation *r)
{
	return r->next[key] ? &t->items[r->next[key] - 1] : NULL;
}

/* ---- memory ---- */

static void drop_ended(struct reserve *t, uint64_t now_ms)
{
	for (uint32_t i = 0; i < t->n; i++) {
		struct reservation *r = &t->items[i];

		if (r->lease.addr && !r->host && !lease_held(&r->lease, now_ms))
			reserve_rm(t, r);
	}
}

/* Twice the room; all chains are made anew. */
static int grow(struct reserve *t)
{
	const uint32_t size = t->size ? 2 * t->size : SIZE_MIN;
	struct reservation *items = realloc(t->items, size * sizeof *items);

	if (!items)
		return -ENOMEM;
	t->items = items;
	for (unsigned key = 0; key < RESERVE_KEYS; key++) {
		uint32_t *heads = realloc(t->heads[key], size * sizeof *heads);

		if (!heads)
			return -ENOMEM; /* the chains that are there use the first half */
		t->heads[key] = heads;
	}
	t->size = size;
	for (unsigned key = 0; key < RESERVE_KEYS; key++) {
		memset(t->heads[key], 0, size * sizeof *t->heads[key]);
		for (uint32_t i = 0; i < t->n; i++)
			chain(t, &items[i], (enum reserve_key)key);
	}
	return 0;
}

static int take_item(struct reserve *t, uint64_t now_ms, struct reservation **out)
{
	if (!t->freed && t->n == t->size) {
		drop_ended(t, now_ms);
		if (!t->freed && grow(t) < 0)
			return -ENOMEM;
	}
	if (t->freed) {
		*out = &t->items[t->freed - 1];
		t->freed = (*out)->next[RESERVE_ADDR];
	} else {
		*out = &t->items[t->n++];
	}
	return 0;
}

void reserve_fini(struct reserve *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		free(t->items[i].circuit);
	for (unsigned key = 0; key < RESERVE_KEYS; key++)
		free(t->heads[key]);
	free(t->items);
	*t = (struct reserve){ 0 };
}

/* ---- changes ---- */

int reserve_add(struct reserve *t, uint32_t addr, uint32_t network, uint64_t now_ms,
	struct reservation **out)
{
	struct reservation *r;

	if (take_item(t, now_ms, &r) < 0)
		return -ENOMEM;
	*r = (struct reservation){ .lease = { .addr = addr }, .network = network };
	chain(t, r, RESERVE_ADDR);
	*out = r;
	return 0;
}

int reserve_give(struct reserve *t, struct reservation *r, int64_t host, const uint8_t *circuit,
	uint8_t circuit_len)
{
	uint8_t *copy = circuit_len ? malloc(1u + circuit_len) : NULL;

	if (circuit_len && !copy)
		return -ENOMEM;
	if (copy) {
		copy[0] = circuit_len;
		memcpy(copy + 1, circuit, circuit_len);
	}
	unchain(t, r, RESERVE_HOST);
	unchain(t, r, RESERVE_CIRCUIT);
	free(r->circuit);
	r->host = host;
	r->circuit = copy;
	chain(t, r, RESERVE_HOST);
	chain(t, r, RESERVE_CIRCUIT);
	return 0;
}

void reserve_hold(struct reserve *t, struct reservation *r, const uint8_t mac[6])
{
	unchain(t, r, RESERVE_HOLDER);
	memcpy(r->lease.mac, mac, sizeof r->lease.mac);
	chain(t, r, RESERVE_HOLDER);
}

void reserve_rm(struct reserve *t, struct reservation *r)
{
	for (unsigned key = 0; key < RESERVE_KEYS; key++)
		unchain(t, r, (enum reserve_key)key);
	free(r->circuit);
	*r = (struct reservation){ .next = { [RESERVE_ADDR] = t->freed } };
	t->freed = (uint32_t)(r - t->items) + 1;
}

/* ---- looking up ---- */

struct reservation *reserve_by_addr(const struct reserve *t, uint32_t addr)
{
	struct reservation *r = first(t, RESERVE_ADDR, mixed(addr));

	while (r && r->lease.addr != addr)
		r = next(t, RESERVE_ADDR, r);
	return r;
}

struct reservation *reserve_by_host(const struct reserve *t, int64_t host)
{
	struct reservation *r = first(t, RESERVE_HOST, mixed((uint64_t)host));

	while (r && r->host != host)
		r = next(t, RESERVE_HOST, r);
	return r;
}

struct reservation *reserve_by_circuit(
	const struct reserve *t, uint32_t network, const uint8_t *circuit, uint8_t circuit_len)
{
	struct reservation *r =
		first(t, RESERVE_CIRCUIT, hash_bytes(network, circuit, circuit_len));

	while (r && (r->network != network || r->circuit[0] != circuit_len ||
			    memcmp(r->circuit + 1, circuit, circuit_len)))
		r = next(t, RESERVE_CIRCUIT, r);
	return r;
}

struct reservation *reserve_by_holder(
	const struct reserve *t, uint32_t network, const uint8_t mac[6])
{
	struct reservation *r = first(t, RESERVE_HOLDER, hash_bytes(network, mac, 6));

	while (r && (r->network != network || memcmp(r->lease.mac, mac, 6)))
		r = next(t, RESERVE_HOLDER, r);
	return r;
}
