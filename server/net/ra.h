/*
 * ra.h: IPv6 router solicitations and advertisements as Ethernet frames (RFC 4861 section 4).
 *
 * iPXE configures IPv4 and IPv6 at once and goes on when both are done. Where there is no IPv6
 * router it waits for one, 12 s and more, at each of its starts; an advertisement that says "no
 * router here, and no prefix" ends that. Pure.
 */
#ifndef MUSTER_SERVER_NET_RA_H
#define MUSTER_SERVER_NET_RA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RA_FRAME 70 /* bytes of the advertisement */

/* A host's solicitation, or a router's advertisement. */
struct ra_heard {
	bool solicits;
	uint16_t lifetime_s; /* of a router: how long it may be used; 0: not as a default router */
	uint8_t mac[6];	     /* the frame's source */
	uint8_t addr[16];    /* the packet's source; all zero: a host without an address yet */
};

/*
 * Returns 0, or -EBADMSG when the frame is neither, or fails one of the checks of sections 6.1.1
 * and 6.1.2. *out is untouched on failure.
 */
int ra_decode(const uint8_t *frame, size_t len, struct ra_heard *out);

/*
 * The answer to a solicitation: router lifetime 0, no prefix, no address by DHCPv6. It goes to the
 * host alone, or to all nodes when the host has no address yet. mac and addr (link-local) are ours.
 */
void ra_build(const struct ra_heard *to, const uint8_t mac[6], const uint8_t addr[16],
	uint8_t frame[RA_FRAME]);

/* True for an address in fe80::/10. */
bool ra_is_link_local(const uint8_t addr[16]);

/*
 * The interface's link-local address, from lines of /proc/net/if_inet6: one that may be used, so
 * not while the kernel still asks whether it is anybody else's. True with addr filled, or false.
 */
bool ra_own_address(const char *lines, int ifindex, uint8_t addr[16]);

#endif
