#include "server/net/dhcp_path.h"

#define FLAG_BROADCAST 0x8000

struct dhcp_path dhcp_path_of(const struct dhcp_answer *a, uint32_t addr, uint32_t mask)
{
	const struct dhcp_query *q = &a->query;
	const struct dhcp_path everybody = { false, DHCP_PORT_CLIENT, DHCP_BROADCAST };
	const bool far = q->ciaddr && (q->ciaddr ^ addr) & mask;

	if (q->port4011)
		return (struct dhcp_path){ false, q->src_port, q->src_addr };
	if (q->giaddr)
		return (struct dhcp_path){ false, q->relay_port ? q->src_port : DHCP_PORT_SERVER,
			q->giaddr };
	/* a broadcast NAK does not reach a host that renews from behind a router */
	if (a->reply.type == DHCP_NAK && !far)
		return everybody;
	if (q->ciaddr)
		return (struct dhcp_path){ false, DHCP_PORT_CLIENT, q->ciaddr };
	if (q->type == DHCP_INFORM && q->src_addr)
		return (struct dhcp_path){ false, DHCP_PORT_CLIENT, q->src_addr };
	if (q->flags & FLAG_BROADCAST || !a->reply.yiaddr)
		return everybody; /* a proxy's offer has no address to go to */
	return (struct dhcp_path){ true, DHCP_PORT_CLIENT, a->reply.yiaddr };
}
