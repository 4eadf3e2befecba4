/*
 * dhcp_path.h: where a reply goes (RFC 2131 section 4.1; RFC 8357 for a relay's port). Pure.
 */
#ifndef MUSTER_SERVER_NET_DHCP_PATH_H
#define MUSTER_SERVER_NET_DHCP_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "server/net/dhcp.h"

#define DHCP_PORT_SERVER 67
#define DHCP_PORT_CLIENT 68
#define DHCP_PORT_PXE	 4011
#define DHCP_BROADCAST	 0xffffffffu

struct dhcp_path {
	bool frame;    /* the host has no address yet: an Ethernet frame to chaddr */
	uint16_t port; /* of the receiver */
	uint32_t addr; /* host order */
};

/* addr and mask are the server's own on the interface that heard the query. */
struct dhcp_path dhcp_path_of(const struct dhcp_answer *a, uint32_t addr, uint32_t mask);

#endif
