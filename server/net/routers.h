/*
 * routers.h: tell hosts that boot that there is no IPv6 router, when there is none; why, ra.h says.
 *
 * [dhcp] router-advertisement = auto: only hosts that are booting from the network are told, and
 * nobody while a real router is heard on that link. yes: everybody who solicits. Never where the
 * kernel forwards IPv6: this machine is a router then, and speaks for itself.
 */
#ifndef MUSTER_SERVER_NET_ROUTERS_H
#define MUSTER_SERVER_NET_ROUTERS_H

#include "server/loop.h"
#include "server/net/dhcp.h"
#include "server/net/hear.h"
#include "server/recent.h"
#include "server/server.h"

#define ROUTERS_HOSTS	   4096	  /* that boot; the oldest gives way */
#define ROUTERS_BOOTING_MS 300000 /* how long after its last firmware or loader DHCP packet */

struct routers {
	const struct server *server;
	struct recent booting; /* by MAC */
	struct recent_slot slots[ROUTERS_HOSTS];
	uint64_t real_until_ms[CONFIG_INTERFACES_MAX]; /* a real router was heard: monotonic */
	struct hearing hearing[CONFIG_INTERFACES_MAX];
};

/* r is the caller's, zeroed. Returns 0 or -errno. */
int routers_open(struct routers *r, const struct server *s, struct loop *loop);

/* A DHCP packet came: remember who is booting. */
void routers_dhcp(struct routers *r, const struct dhcp_query *q);

#endif
