/*
 * seek.h: other DHCP servers on our links. What they say to clients is told to core; on demand a
 * DISCOVER of our own makes those speak that nobody has asked lately.
 */
#ifndef MUSTER_SERVER_NET_SEEK_H
#define MUSTER_SERVER_NET_SEEK_H

#include "server/loop.h"
#include "server/net/hear.h"
#include "server/recent.h"
#include "server/server.h"

#define SEEK_TOLD_MAX 100 /* messages to core per second: a stranger may send any number */

struct seek {
	const struct server *server;
	int core;
	uint64_t second; /* monotonic, and how many messages went to core in it */
	unsigned told;
	struct hearing hearing[CONFIG_INTERFACES_MAX];
};

/* s is the caller's, zeroed. Returns 0 or -errno. */
int seek_open(struct seek *s, const struct server *server, struct loop *loop);

/* Send a DISCOVER from the server's own MAC on each interface; who answers is heard as usual. */
void seek_ask(const struct seek *s);

#endif
