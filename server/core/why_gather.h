/*
 * why_gather.h: what core and the store know of a host, as why.h wants it.
 */
#ifndef MUSTER_SERVER_CORE_WHY_GATHER_H
#define MUSTER_SERVER_CORE_WHY_GATHER_H

#include "server/core/core.h"
#include "server/core/why.h"

/*
 * h is the host, or NULL for none in the inventory. `asked` is what people called it: a name or a
 * MAC address. `boot` is the one in question; NULL: its newest.
 */
void why_gather(struct core *c, const struct store_host *h, const char *asked,
	const struct store_boot *boot, struct why_facts *out);

#endif
