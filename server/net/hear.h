/*
 * hear.h: read what comes in on a listening socket of an endpoint, a bounded number at a time.
 */
#ifndef MUSTER_SERVER_NET_HEAR_H
#define MUSTER_SERVER_NET_HEAR_H

#include <stddef.h>
#include <stdint.h>

#include "server/loop.h"

/* Called for each frame or packet; endpoint is as it was given. */
typedef void heard_fn(void *arg, uint8_t endpoint, const uint8_t *bytes, size_t len);

/* The caller's storage; it lives as long as the loop. */
struct hearing {
	int fd;
	uint8_t endpoint;
	heard_fn *fn;
	void *arg;
};

/* Begin. A descriptor of -1 is one that is not open: nothing happens. Returns 0 or -errno. */
int hear(struct loop *loop, struct hearing *h);

#endif
