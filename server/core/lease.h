/*
 * lease.h: the address pool of the configured subnets, in memory; core.c makes it last.
 *
 * An address is held while its expires_ms lies ahead; nothing needs to be swept. The least recently
 * used address is the one whose hold ended first (never used: 0). A host is its MAC address: ROM,
 * loader and operating system send different client identifiers and get one address. A host owns at
 * most one address of a subnet, and it is remembered after the lease has ended.
 *
 * Times are wall clock in milliseconds, because they are stored. Pure except for the memory that
 * pool_new takes; no call after it allocates. Not for several threads.
 */
#ifndef MUSTER_SERVER_CORE_LEASE_H
#define MUSTER_SERVER_CORE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config.h"

#define POOL_ADDRESSES_MAX (1u << 20) /* over all subnets */
#define POOL_OFFERS_MAX	   4096	      /* held at once; then the oldest is given up */
#define POOL_OFFER_MS	   60000u     /* how long an offered address is held */
#define POOL_DECLINE_MS	   600000u    /* how long a declined address rests */

enum lease_state { LEASE_FREE, LEASE_OFFERED, LEASE_LEASED, LEASE_DECLINED, LEASE_RESERVED };

struct lease {
	uint32_t addr;	/* host order */
	uint8_t mac[6]; /* whose it is, or was last */
	uint8_t state;	/* enum lease_state; offered, leased, declined: only until expires_ms */
	bool known;	/* the host was admitted: not counted against the guests' quarter */
	uint64_t expires_ms; /* held until then; 0: never used */
};

/* Who asks for an address. */
struct pool_ask {
	uint8_t mac[6];
	bool known; /* admitted hosts; the others share at most a quarter of a subnet's ranges */
	unsigned subnet;    /* index in cfg->subnets */
	uint32_t requested; /* 0: none */
};

struct pool;

/*
 * Build the pool of cfg's subnets. Network, broadcast, router, DNS and relay addresses and the
 * n_own addresses of the server itself are never given. cfg is borrowed until pool_free.
 * Returns 0, -ENOMEM, or -E2BIG above POOL_ADDRESSES_MAX.
 */
int pool_new(const struct config *cfg, const uint32_t *own, size_t n_own, struct pool **out);
void pool_free(struct pool *p); /* accepts NULL */

/*
 * Put back a stored lease (leased or declined; free is taken as a remembered owner), at start.
 * Returns 0; -ENOENT for an address outside the ranges or never to be given; -EEXIST when the host
 * already has an address of that subnet that ends later; -EINVAL for another state.
 */
int pool_load(struct pool *p, const struct lease *l);

/* The host's address in that subnet, held or remembered, or NULL. Borrowed until the next change.
 */
const struct lease *pool_by_mac(const struct pool *p, unsigned subnet, const uint8_t mac[6]);
/* The record of an address in a range, or NULL outside. Borrowed until the next change. */
const struct lease *pool_by_addr(const struct pool *p, uint32_t addr);
/* True when the lease holds its address now. */
bool lease_held(const struct lease *l, uint64_t now_ms);
/* True for one of the server's own addresses. */
bool pool_is_own(const struct pool *p, uint32_t addr);

/*
 * Choose: own lease, else own ended lease, else the requested address when free, else the least
 * recently used free one; and hold it for POOL_OFFER_MS (a lease that still runs stays as it is).
 * Returns 0; -ENOSPC when nothing is free; -EDQUOT when unknown hosts have used up their quarter.
 */
int pool_offer(struct pool *p, const struct pool_ask *ask, uint64_t now_ms, uint32_t *addr);
/* Give up the address held for an offer to this host, if any: it chose another server. */
void pool_withdraw(struct pool *p, unsigned subnet, const uint8_t mac[6], uint64_t now_ms);

/*
 * Lease ask->requested until expires_ms, new or renewed. *left is the address of the same subnet
 * that the host gives up by this, or 0.
 * Returns 0; -ENOENT when the address is in no range of the subnet or never to be given; -EBUSY
 * when somebody else holds it or it rests; -EDQUOT as above. Nothing is changed on failure.
 */
int pool_commit(struct pool *p, const struct pool_ask *ask, uint64_t expires_ms, uint64_t now_ms,
	uint32_t *left);

/* End a lease; its owner is remembered. Returns 0, or -ENOENT when this host does not hold it. */
int pool_release(struct pool *p, uint32_t addr, const uint8_t mac[6], uint64_t now_ms);
/* The host found the address in use: let it rest. Returns 0, or -ENOENT as above. */
int pool_decline(struct pool *p, uint32_t addr, const uint8_t mac[6], uint64_t now_ms);

/*
 * An administrator ends what holds an address: a lease, an offer, or the rest after a DECLINE. The
 * owner is remembered unless `forget`; then, and after a rest, the record's mac is zero.
 * Returns 0; -ENOENT outside the ranges, for an address never to be given, and when nobody holds it
 * (with `forget`: nor is remembered).
 */
int pool_end(struct pool *p, uint32_t addr, bool forget, uint64_t now_ms);

/*
 * Call fn for each address that is held, remembered or never to be given, subnet by subnet in the
 * order of their ranges. fn must not change the pool.
 */
void pool_each(const struct pool *p, uint64_t now_ms, void (*fn)(void *arg, const struct lease *l),
	void *arg);

#endif
