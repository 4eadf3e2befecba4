/*
 * dhcp_seen.h: what another DHCP server said to a client on our link, read from the frame. Pure.
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

#endif
