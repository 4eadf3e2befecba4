/*
 * reserve.h: addresses that are kept for one host each, in memory, with their leases: found by
 * address, by host, by relay circuit and by who holds them, each by a hash, so that nothing grows
 * with their number but the memory: 80 bytes for each, and those of its circuit.
 *
 * Pure but for the memory that reserve_add and reserve_give take. Returned pointers are borrowed
 * until the next reserve_add.
 */
#ifndef MUSTER_SERVER_CORE_RESERVE_H
#define MUSTER_SERVER_CORE_RESERVE_H

#include <stddef.h>
#include <stdint.h>

#include "server/core/lease.h"

enum reserve_key { RESERVE_ADDR, RESERVE_HOST, RESERVE_CIRCUIT, RESERVE_HOLDER, RESERVE_KEYS };

struct reservation {
	struct lease lease; /* mac: who holds it or held it last; zeros: nobody yet */
	int64_t host;	    /* 0: nobody's any more, a lease of it has yet to end */
	uint8_t *circuit;   /* its length in a byte, then its bytes; NULL: wherever the host is */
	uint32_t network;   /* circuits and holders are told apart within one */
	uint32_t machine;   /* of the holder, see struct pool_ask; 0: not known */
	uint32_t next[RESERVE_KEYS]; /* in the chain of each key: index + 1, 0 at its end */
};

/* All zeros is an empty one. */
struct reserve {
	struct reservation *items;
	uint32_t n, size;	       /* items that were used so far, and that there is room for */
	uint32_t freed;		       /* first of the chain of those to use again: index + 1 */
	uint32_t *heads[RESERVE_KEYS]; /* `size` chains each: a power of two */
};

void reserve_fini(struct reserve *t);

/*
 * Add an address that is not there, for nobody yet. Before more memory is taken, what is nobody's
 * and not held is dropped. Returns 0 or -ENOMEM.
 */
int reserve_add(struct reserve *t, uint32_t addr, uint32_t network, uint64_t now_ms,
	struct reservation **out);
/*
 * It is this host's from now on (0: nobody's), at that circuit or, with length 0, wherever it is.
 * Returns 0, or -ENOMEM with nothing changed.
 */
int reserve_give(struct reserve *t, struct reservation *r, int64_t host, const uint8_t *circuit,
	uint8_t circuit_len);
/* Who holds it from now on. */
void reserve_hold(struct reserve *t, struct reservation *r, const uint8_t mac[6]);
void reserve_rm(struct reserve *t, struct reservation *r);

/* The one that fits, or NULL. A holder may have several in one network: the newest of them. */
struct reservation *reserve_by_addr(const struct reserve *t, uint32_t addr);
struct reservation *reserve_by_host(const struct reserve *t, int64_t host);
struct reservation *reserve_by_circuit(
	const struct reserve *t, uint32_t network, const uint8_t *circuit, uint8_t circuit_len);
struct reservation *reserve_by_holder(
	const struct reserve *t, uint32_t network, const uint8_t mac[6]);

#endif
