/*
 * lease.h: the addresses of the configured networks, in memory; core.c makes it last.
 *
 * An address is held while its expires_ms lies ahead; nothing needs to be swept. The least recently
 * used address is the one whose hold ended first; those that were never used come before, lowest
 * first. A host is its MAC address: ROM, loader and operating system send different client
 * identifiers and get one address. A host owns at most one address of a network's ranges, and it
 * is remembered after the lease has ended. Where a network has several subnets, all of them count
 * as one.
 *
 * Reservations. An address that is reserved is given to its host alone, in a range or outside of
 * all ranges (but inside of a configured subnet). Who the host is, the caller knows (host, a number
 * of the inventory); a reservation at a relay circuit is for whoever is plugged in there, and for
 * nobody elsewhere. A circuit decides before the host's other marks.
 *  - The host is offered it at its next DISCOVER, whatever else it holds. A lease that it has on
 *    another address it may renew until then: nobody else can get that address meanwhile, so this
 *    is safe. Its INIT-REBOOT for the other address is refused.
 *  - The other address is not freed by the move, its lease runs out: a forged DISCOVER with a
 *    host's MAC address must not take away what that host uses.
 *  - Whoever holds an address when it becomes reserved for another keeps it until its lease ends
 *    and cannot renew it (LEASE_ENDING).
 *  - Two machines never hold one address. While one holds it, another that claims it (a second MAC
 *    address at the circuit, or a cloned MAC address with another SMBIOS UUID) gets an address of
 *    the ranges. Without UUIDs machines with the same MAC address are one machine to us, as they
 *    are to their switch.
 *
 * Limits: unknown hosts hold at most a quarter of what a network's ranges have to give, at least
 * one address where there are two. Offers are POOL_OFFERS_MAX; the oldest gives way, a known host's
 * never to an unknown one's. Addresses that rest after a DECLINE are at most a tenth of a network's
 * and POOL_DECLINES_MAX of one host's there.
 *
 * No cost of a packet grows with the number of addresses, leases or reservations, only with the
 * logarithm of the number of ranges. An address that was never used costs no resident memory.
 *
 * Times are wall clock in milliseconds, because they are stored. Pure except for memory: pool_new,
 * pool_load and pool_reserve allocate, pool_each does for its time, nothing else. Not for several
 * threads.
 */
#ifndef MUSTER_SERVER_CORE_LEASE_H
#define MUSTER_SERVER_CORE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config.h"

#define POOL_OFFERS_MAX	  4096	  /* held at once; then the oldest is given up */
#define POOL_OFFER_MS	  60000u  /* how long an offered address is held */
#define POOL_DECLINE_MS	  600000u /* how long a declined address rests */
#define POOL_DECLINES_MAX 3	  /* resting at once because of one host */
#define POOL_LEFT_MAX	  2	  /* given up with one commit: in the ranges, at a circuit */

enum lease_state {
	LEASE_FREE,
	LEASE_OFFERED,
	LEASE_LEASED,
	LEASE_DECLINED,
	LEASE_ENDING, /* leased, not to be renewed: the address became another host's */
};

struct lease {
	uint32_t addr;	     /* host order */
	uint8_t mac[6];	     /* whose it is, or was last */
	uint8_t state;	     /* enum lease_state; all but free: only until expires_ms */
	bool known;	     /* the host was admitted: not counted against the guests' quarter */
	uint32_t subnet;     /* index in cfg->subnets */
	uint64_t expires_ms; /* held until then; 0: never used */
};

/* Who asks for an address. */
struct pool_ask {
	uint8_t mac[6];
	bool known; /* admitted hosts; the others share at most a quarter of a network's ranges */
	unsigned subnet;	/* index in cfg->subnets: any of the client's network */
	uint32_t requested;	/* 0: none */
	int64_t host;		/* number in the inventory, 0: not in it */
	uint32_t machine;	/* a hash of the SMBIOS UUID, 0: not known */
	const uint8_t *circuit; /* of the relay, circuit_len bytes; length 0: it named none */
	uint8_t circuit_len;
	const uint8_t (*others)[6]; /* the host's other MAC addresses */
	size_t n_others;
};

struct pool;

/*
 * Build the pool of cfg's subnets (ranges.h says which addresses are never given; the n_own
 * addresses of the server itself are among them). cfg is borrowed until pool_free.
 * Returns 0, -ENOMEM, or -E2BIG above RANGES_ADDRESSES_MAX.
 */
int pool_new(const struct config *cfg, const uint32_t *own, size_t n_own, struct pool **out);
void pool_free(struct pool *p); /* accepts NULL */

/*
 * Put back a stored lease (leased, ending or declined; free is taken as a remembered owner), at
 * start, after the reservations. One that still runs outside of ranges and reservations is kept to
 * its end, so that a reservation cannot give the address to a second host. machine as in pool_ask.
 * Returns 0; -ENOENT for another address outside the ranges or one never to be given; -EEXIST when
 * the host already has an address of that network that ends later; -EINVAL for another state;
 * -ENOMEM.
 */
int pool_load(struct pool *p, const struct lease *l, uint32_t machine, uint64_t now_ms);

/*
 * Reserve addr for the host, and nothing else any more: one address each; with circuit_len for
 * whoever is at that relay circuit.
 * Returns 0; -ENOENT when no configured subnet holds it: there is no effect; -EADDRNOTAVAIL for an
 * address that no host may have; -EADDRINUSE, -EEXIST when the address, or the circuit in that
 * network, is another host's; -ENOMEM. Nothing is changed on failure.
 */
int pool_reserve(struct pool *p, int64_t host, uint32_t addr, const uint8_t *circuit,
	uint8_t circuit_len, uint64_t now_ms);
/* What pool_reserve would return; with -EEXIST *by is the other host of the circuit. */
int pool_may_reserve(const struct pool *p, int64_t host, uint32_t addr, const uint8_t *circuit,
	uint8_t circuit_len, int64_t *by);
/* End the host's reservation, if it has one. */
void pool_unreserve(struct pool *p, int64_t host, uint64_t now_ms);
/* The host that the address is reserved for, or 0. */
int64_t pool_reserved_for(const struct pool *p, uint32_t addr);
/* The host whose reservation is at that circuit of the subnet's network, or 0. */
int64_t pool_host_at(
	const struct pool *p, unsigned subnet, const uint8_t *circuit, uint8_t circuit_len);

/* The host's address in the ranges of that subnet's network, held or remembered, or NULL. */
const struct lease *pool_by_mac(const struct pool *p, unsigned subnet, const uint8_t mac[6]);
/* The record of an address, or NULL: it was never used, or is not ours to give. */
const struct lease *pool_by_addr(const struct pool *p, uint32_t addr);
/*
 * The address that the host shall have: the one reserved for it when it may have it now, else as
 * pool_by_mac. NULL: none yet. These pointers are borrowed until the next change.
 */
const struct lease *pool_mine(const struct pool *p, const struct pool_ask *ask, uint64_t now_ms);
/* An address that the host holds now, or NULL. */
const struct lease *pool_held(
	const struct pool *p, unsigned subnet, const uint8_t mac[6], uint64_t now_ms);
/* True when the lease holds its address now. */
bool lease_held(const struct lease *l, uint64_t now_ms);
/* True for one of the server's own addresses. */
bool pool_is_own(const struct pool *p, uint32_t addr);

/*
 * Choose: the reserved address, else own lease, else own ended lease, else an ended lease of the
 * host's other MAC addresses (a swapped card), else the requested address when free, else one that
 * was never used, else the least recently used; and hold it for POOL_OFFER_MS (a lease that still
 * runs stays as it is).
 * Returns 0; 1 when the reserved address is in use and this is another one; -ENOSPC when nothing is
 * free; -EDQUOT when unknown hosts have used up their quarter.
 */
int pool_offer(struct pool *p, const struct pool_ask *ask, uint64_t now_ms, uint32_t *addr);
/*
 * The next addresses that nobody ever had, in the order in which pool_offer chooses them. Returns
 * how many of at most max; it looks at no more than a few times max.
 */
size_t pool_next(const struct pool *p, unsigned subnet, uint32_t *addrs, size_t max);
/* Give up the addresses held for an offer to this host, if any: it chose another server. */
void pool_withdraw(struct pool *p, unsigned subnet, const uint8_t mac[6], uint64_t now_ms);

/*
 * Lease ask->requested until expires_ms, new or renewed. left[] are the addresses of the same
 * network that the host gives up by this, or 0.
 * Returns 0; -ENOENT when the address is in no range of the network or never to be given; -EACCES
 * when it is reserved for another host; -EBUSY when somebody else holds it or it rests; -EDQUOT as
 * above. Nothing is changed on failure.
 */
int pool_commit(struct pool *p, const struct pool_ask *ask, uint64_t expires_ms, uint64_t now_ms,
	uint32_t left[POOL_LEFT_MAX]);

/* End a lease; its owner is remembered. Returns 0, or -ENOENT when this host does not hold it. */
int pool_release(struct pool *p, uint32_t addr, const uint8_t mac[6], uint64_t now_ms);
/*
 * The host found the address in use: let it rest. Returns 0, -ENOENT as above, or -EDQUOT when too
 * many rest already: nothing is changed.
 */
int pool_decline(struct pool *p, uint32_t addr, const uint8_t mac[6], uint64_t now_ms);
/*
 * An address that is offered, or free, was found in use: let it rest, whoever it is offered to.
 * Returns 0; -ENOENT when it is in no range or never to be given; -EBUSY when it is leased.
 */
int pool_rest(struct pool *p, uint32_t addr, uint64_t now_ms);

/*
 * An administrator ends what holds an address: a lease, an offer, or the rest after a DECLINE. The
 * owner is remembered unless `forget`; then, and after a rest, the record's mac is zero.
 * Returns 0; -ENOENT for an address that is not ours to give, and when nobody holds it (with
 * `forget`: nor is remembered).
 */
int pool_end(struct pool *p, uint32_t addr, bool forget, uint64_t now_ms);

/* Returns false to see no more; must not change the pool. */
typedef bool pool_show(void *arg, const struct lease *l);
/*
 * Call fn for each address above `after` that is held, remembered or reserved (mac is zero when
 * nobody ever held it), ascending. Returns 0 or -ENOMEM.
 */
int pool_each(const struct pool *p, uint32_t after, uint64_t now_ms, pool_show *fn, void *arg);

/* How full a network is: the addresses of its ranges that are for anybody, and those in use. */
struct pool_fill {
	uint32_t given, held;
};
/* The fill of the network that the subnet belongs to. Its cost goes with the addresses ever used.
 */
struct pool_fill pool_fill_of(const struct pool *p, unsigned subnet, uint64_t now_ms);
/* The number of the subnet's network: the same for subnets that share one. */
uint32_t pool_network_of(const struct pool *p, unsigned subnet);

#endif
