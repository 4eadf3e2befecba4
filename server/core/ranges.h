/*
 * ranges.h: which addresses may be given, in which network: the configured ranges without their
 * exclusions, found by address. Each address has a number, its slot; the slots of a network follow
 * one another. A network is the subnets of one name, or one subnet without a name.
 *
 * The cost to build and the memory go with the number of ranges, not of addresses. Pure but for
 * the memory that ranges_init takes.
 */
#ifndef MUSTER_SERVER_CORE_RANGES_H
#define MUSTER_SERVER_CORE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config.h"

#define RANGES_ADDRESSES_MAX (1u << 20) /* over all subnets */

struct range {
	uint32_t first, last; /* addresses */
	uint32_t slot;	      /* of the first */
	uint32_t subnet;      /* index in cfg->subnets */
};

struct ranges_network {
	uint32_t n_ranges, n_slots;
	uint32_t n_given; /* slots without those of addresses that are never given */
	uint32_t first_slot;
	const struct range *ranges; /* ascending */
};

struct ranges {
	size_t n;
	struct range *by_slot, *by_addr; /* the same, in two orders */
	uint32_t n_slots;
	size_t n_networks;
	struct ranges_network *networks;
	uint32_t *network_of; /* of each subnet */
	size_t n_taboo;
	uint32_t *taboo; /* ascending: never to be given */
};

/*
 * Build from cfg. Router, DNS and relay addresses and the n_own addresses of the server itself are
 * never given; those of a network and its broadcast are in no range.
 * Returns 0, -ENOMEM, or -E2BIG above RANGES_ADDRESSES_MAX; ranges_fini is due in any case.
 */
int ranges_init(struct ranges *r, const struct config *cfg, const uint32_t *own, size_t n_own);
void ranges_fini(struct ranges *r);

/* The range that holds the address or the slot, or NULL. */
const struct range *ranges_of_addr(const struct ranges *r, uint32_t addr);
const struct range *ranges_of_slot(const struct ranges *r, uint32_t slot);
/* True for an address that no host may have. */
bool ranges_taboo(const struct ranges *r, uint32_t addr);

#endif
