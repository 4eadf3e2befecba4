/*
 * listen.h: the sockets through which net hears what is not said to it: packet sockets with a
 * filter in the kernel that nobody can take off again, so that net never sees a frame that it has
 * no use for. Opened by the parent, while it is root.
 */
#ifndef MUSTER_SERVER_LISTEN_H
#define MUSTER_SERVER_LISTEN_H

#include "server/server.h"

/*
 * Attach the filter of one kind to a socket and lock it:
 *   LISTEN_DHCP   what DHCP servers other than ours say to clients: UDP to port 68, not from
 * ep->addr LISTEN_ARP    answers to our ARP probes LISTEN_IPV6   router solicitations and
 * advertisements Returns 0 or -errno.
 */
int listen_filter(int fd, enum listen kind, const struct endpoint *ep);

/* A packet socket on the endpoint's interface with that filter. Returns it or -errno. */
int listen_open(enum listen kind, const struct endpoint *ep);

/* A socket that keeps the interface in the group of all IPv6 routers. Returns it or -errno. */
int listen_as_ipv6_router(const struct endpoint *ep);

/* A raw socket that sends ICMP and hears echo replies alone. Returns it or -errno. */
int listen_icmp(void);

#endif
