/*
 * dhcp_msg.h: packet <-> struct dhcp_query and struct dhcp_reply (RFC 2131). Byte order ends here.
 *
 * Pure, no allocation.
 */
#ifndef MUSTER_SERVER_NET_DHCP_MSG_H
#define MUSTER_SERVER_NET_DHCP_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "server/net/dhcp.h"

#define DHCP_PACKET_MIN 300  /* some relays and old ROMs drop shorter replies (RFC 951) */
#define DHCP_PACKET_MAX 1472 /* what fits one Ethernet frame */

/*
 * Decode what a client or relay sent. The fields of *out that say where it came from (endpoint,
 * port4011, src_*) are zero; the caller knows them. Returns 0, or
 *   -EBADMSG        malformed: too short, no cookie, an option past the end, no END, ...
 *   -EPROTO         not from a client: another server's reply
 *   -EAFNOSUPPORT   not Ethernet with an address of 6 bytes
 *   -EADDRNOTAVAIL  the hardware address is zero or a group's
 *   -ELOOP          came through more than 16 relays
 *   -EOPNOTSUPP     BOOTP, or a message type that clients do not send
 * *out is untouched on failure.
 */
int dhcp_msg_decode(const uint8_t *buf, size_t len, struct dhcp_query *out);

/* Options that a packet had no room for. */
struct dhcp_left_out {
	unsigned n;
	uint8_t tags[256];
};

/*
 * Encode a reply to q into buf (DHCP_PACKET_MAX bytes), *len bytes long, within the client's limit
 * (option 57). Address, mask, router and boot data always go. Then, as long as there is room: what
 * is echoed (61, 97, 82), further options that the client asks for, in its own order (RFC 2132
 * section 9.8), or all when it does not say, and the times T1 and T2. What the options field has no
 * room for goes into `file` and `sname` (option 52), but never for network boot: ROMs, iPXE and
 * shim read the boot file there first. *left_out is what found no room at all. Returns 0, or
 * -ENOSPC when not even what is needed fits; *len and *left_out are then untouched.
 */
int dhcp_msg_encode(const struct dhcp_query *q, const struct dhcp_reply *r,
	uint8_t buf[DHCP_PACKET_MAX], size_t *len, struct dhcp_left_out *left_out);

#endif
