/*
 * dhcp_client.h: DHCP as firmware, iPXE and the agent speak it: what they ask, and what they read
 * of an answer (RFC 2131, RFC 4578). Pure, no allocation; all fields in host order.
 */
#ifndef MUSTER_SERVER_SIMULATE_DHCP_CLIENT_H
#define MUSTER_SERVER_SIMULATE_DHCP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "server/net/dhcp.h"

#define DHCP_CLIENT_PACKET_MAX 548 /* bytes, as a client may send without option 57 */

struct dhcp_client_ask {
	uint8_t type;	/* DHCP_DISCOVER or DHCP_REQUEST */
	uint8_t client; /* DHCP_CLIENT_PXE (UEFI), DHCP_CLIENT_IPXE or DHCP_CLIENT_AGENT */
	uint8_t mac[6];
	uint8_t uuid[16]; /* in SMBIOS order */
	uint32_t xid;
	uint32_t giaddr;	       /* the relay; 0: a broadcast answer is asked for */
	uint32_t requested, server_id; /* of the offer, with DHCP_REQUEST */
};

struct dhcp_client_told {
	uint8_t type; /* DHCP_OFFER, DHCP_ACK or DHCP_NAK */
	uint8_t mac[6];
	uint32_t xid, yiaddr, siaddr, server_id, lease_s;
	char file[DHCP_FILE_MAX + 1]; /* option 67, else the header's field; printable, or "" */
};

/* Returns the packet's length in bytes. */
size_t dhcp_client_build(const struct dhcp_client_ask *a, uint8_t buf[DHCP_CLIENT_PACKET_MAX]);

/* Returns 0, or -EBADMSG for what is no server's answer to an Ethernet client. */
int dhcp_client_read(const uint8_t *buf, size_t len, struct dhcp_client_told *out);

#endif
