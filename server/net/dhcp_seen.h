/*
 * dhcp_seen.h: other DHCP servers on our link: read what one said to a client, and make the packet
 * that they answer. Pure.
 */
#ifndef MUSTER_SERVER_NET_DHCP_SEEN_H
#define MUSTER_SERVER_NET_DHCP_SEEN_H

#include <stddef.h>
#include <stdint.h>

#include "server/msg.h"

/*
 * Read an Ethernet frame with a server's OFFER, ACK or NAK to port 68. out->endpoint is zero; the
 * caller knows it. UDP's checksum is not looked at: the sender's network card fills it in after
 * a frame was seen on the machine it comes from. Returns 0, or -EBADMSG for anything else; *out is
 * then untouched.
 */
int dhcp_seen_decode(const uint8_t *frame, size_t len, struct dhcp_seen *out);

#define DHCP_SEEK_LEN 300 /* bytes; see DHCP_PACKET_MIN */

/*
 * A DISCOVER as any operating system sends it, without option 60: every server that gives addresses
 * answers, by broadcast. None has to keep an address for it longer than an offer is held.
 */
void dhcp_seek_build(const uint8_t mac[6], uint32_t xid, uint8_t packet[DHCP_SEEK_LEN]);

#endif
