/*
 * probes.h: ask on core's behalf whether an address is in use: by ARP on the link, by ICMP echo
 * where it lies behind a router. An answer is told to core once, and silence is not told at all.
 */
#ifndef MUSTER_SERVER_NET_PROBES_H
#define MUSTER_SERVER_NET_PROBES_H

#include "server/loop.h"
#include "server/msg.h"
#include "server/net/hear.h"
#include "server/recent.h"
#include "server/server.h"

#define PROBES_MAX     4096 /* that are remembered; the oldest gives way */
#define PROBES_OPEN_MS 1000 /* how long an answer is waited for */

struct probes {
	const struct server *server;
	int core;
	uint16_t id, seq;    /* of echo requests */
	struct recent asked; /* address -> id of core's message */
	struct recent_slot slots[PROBES_MAX];
	struct hearing arp[CONFIG_INTERFACES_MAX], icmp;
};

/* p is the caller's, zeroed. Returns 0 or -errno. */
int probes_open(struct probes *p, const struct server *s, struct loop *loop);

/* Ask. The caller has checked the message. What cannot be sent is like what nobody answers. */
void probes_ask(struct probes *p, uint64_t id, const struct probe *ask);

#endif
