/*
 * lease.h: what a DHCP server gave one interface. The values come from strangers; each is checked
 * for what it is used as, and everything that is not named here (host name, domain, static
 * routes, ...) is ignored. Addresses are in host order. Pure.
 */
#ifndef MUSTER_AGENT_LEASE_H
#define MUSTER_AGENT_LEASE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/cmdline.h"

#define LEASE_TEXT_MAX 320

struct lease {
	uint32_t ip, mask;
	uint32_t router;   /* 0: none, or not within the network */
	uint32_t dns;	   /* 0: none */
	char url[URL_MAX]; /* of option 67, or "" */
};

/*
 * Looks up one variable that udhcpc has set for its script; NULL when it is not set.
 * The text needs to live only until the next look-up.
 */
typedef const char *lease_lookup(void *arg, const char *name);

/* Returns 0, or -EBADMSG when there is no usable address and mask. */
int lease_from_env(lease_lookup *lookup, void *arg, struct lease *out);

/* The lease as the lines of a file, and back. print: length or -ENOSPC; parse: 0 or -EBADMSG. */
int lease_print(const struct lease *l, char *out, size_t size);
int lease_parse(const char *text, struct lease *out);

#endif
