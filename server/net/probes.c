#include "server/net/probes.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "server/net/arp.h"
#include "server/net/icmp.h"

/* mac is NULL when the answer came from behind a router. */
static void answered(struct probes *p, uint32_t addr, const uint8_t *mac)
{
	struct recent_slot *s = recent_find(&p->asked, addr);
	struct probe_answer a = { .addr = addr, .has_mac = mac != NULL };

	if (!s)
		return; /* nobody asked, or it was told already */
	if (mac)
		memcpy(a.mac, mac, sizeof a.mac);
	if (now_mono_ms() - s->used_ms <= PROBES_OPEN_MS)
		msg_send(p->core, MSG_PROBE_ANSWER, s->value, &a, sizeof a, NULL, 0);
	recent_forget(s);
}

static void on_arp(void *arg, uint8_t endpoint, const uint8_t *frame, size_t len)
{
	struct probes *p = arg;
	struct arp_answer a;

	if (!arp_decode(frame, len, p->server->endpoints[endpoint].mac, &a))
		answered(p, a.addr, a.mac);
}

static void on_icmp(void *arg, uint8_t endpoint, const uint8_t *packet, size_t len)
{
	struct probes *p = arg;
	uint32_t addr;

	(void)endpoint;
	if (!icmp_decode(packet, len, p->id, &addr))
		answered(p, addr, NULL);
}

static void ask_arp(const struct endpoint *ep, uint32_t addr)
{
	uint8_t frame[ARP_FRAME];

	arp_probe(ep->mac, addr, frame);
	send(ep->packet, frame, sizeof frame, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void ask_icmp(struct probes *p, uint32_t addr)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(addr) };
	uint8_t packet[ICMP_ECHO];

	icmp_echo(p->id, p->seq++, packet);
	sendto(p->server->icmp, packet, sizeof packet, MSG_DONTWAIT | MSG_NOSIGNAL,
		(const struct sockaddr *)&to, sizeof to);
}

void probes_ask(struct probes *p, uint64_t id, const struct probe *ask)
{
	const struct endpoint *ep = &p->server->endpoints[ask->endpoint];
	const bool on_link = ((ask->addr ^ ep->addr) & ep->mask) == 0;

	recent_use(&p->asked, ask->addr, now_mono_ms())->value = id;
	/* A relay may stand on our own link: then ARP finds what is there, and costs the kernel
	 * nothing for what is not. */
	if (on_link || !ask->relayed)
		ask_arp(ep, ask->addr);
	else
		ask_icmp(p, ask->addr);
}

int probes_open(struct probes *p, const struct server *s, struct loop *loop)
{
	int rc;

	p->server = s;
	p->core = s->role_side[LINK_NET];
	p->asked = (struct recent){ p->slots, PROBES_MAX };
	/* Not to take another program's pings on this machine for ours. */
	if (getrandom(&p->id, sizeof p->id, 0) != sizeof p->id)
		return -errno;
	p->icmp = (struct hearing){ s->icmp, 0, on_icmp, p };
	rc = hear(loop, &p->icmp);
	for (size_t i = 0; i < s->n_endpoints && !rc; i++) {
		p->arp[i] = (struct hearing){ s->endpoints[i].listen[LISTEN_ARP], (uint8_t)i,
			on_arp, p };
		rc = hear(loop, &p->arp[i]);
	}
	return rc;
}
