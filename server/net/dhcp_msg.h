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

/*
 * Encode a reply to q into buf (DHCP_PACKET_MAX bytes), *len bytes long. Options that a client can
 * do without are left out when the client's limit is reached. Returns 0; 1 when the relay's option
 * 82 had to be left out; -ENOSPC when not even the boot data fit, *len is then untouched.
 */
int dhcp_msg_encode(const struct dhcp_query *q, const struct dhcp_reply *r,
	uint8_t buf[DHCP_PACKET_MAX], size_t *len);

#endif
