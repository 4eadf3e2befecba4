#include "server/net/routers.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/log.h"
#include "server/net/ra.h"

static bool forwards(const struct endpoint *ep)
{
	char on;

	return pread(ep->ipv6_forwarding, &on, 1, 0) != 1 || on != '0'; /* in doubt: yes */
}

/* Our link-local address there, now: the link may have come up long after us. */
static bool own_address(const struct routers *r, const struct endpoint *ep, uint8_t addr[16])
{
	char lines[4096];
	off_t at = 0;
	ssize_t n;

	/* the kernel gives whole lines */
	while ((n = pread(r->server->ipv6_addrs, lines, sizeof lines - 1, at)) > 0) {
		lines[n] = '\0';
		if (ra_own_address(lines, ep->ifindex, addr))
			return true;
		at += n;
	}
	return false;
}

static bool is_booting(const struct routers *r, const uint8_t mac[6], uint64_t now_ms)
{
	const struct recent_slot *s = recent_find(&r->booting, recent_mac(mac));

	return s && now_ms - s->used_ms <= ROUTERS_BOOTING_MS;
}

static bool shall_answer(
	const struct routers *r, uint8_t endpoint, const uint8_t mac[6], uint64_t now_ms)
{
	const enum router_advertisement mode = r->server->cfg.router_advertisement;

	if (mode == ROUTER_NO || forwards(&r->server->endpoints[endpoint]))
		return false;
	return mode == ROUTER_YES ||
	       (r->real_until_ms[endpoint] <= now_ms && is_booting(r, mac, now_ms));
}

static void heard_router(struct routers *r, uint8_t endpoint, uint16_t lifetime_s, uint64_t now_ms)
{
	const struct endpoint *ep = &r->server->endpoints[endpoint];

	if (r->real_until_ms[endpoint] <= now_ms)
		log_info("ipv6 router heard: if=%s lifetime_s=%u", ep->ifname, lifetime_s);
	r->real_until_ms[endpoint] = now_ms + lifetime_s * 1000u;
}

static void on_ipv6(void *arg, uint8_t endpoint, const uint8_t *frame, size_t len)
{
	struct routers *r = arg;
	const struct endpoint *ep = &r->server->endpoints[endpoint];
	const uint64_t now_ms = now_mono_ms();
	uint8_t answer[RA_FRAME], addr[16];
	struct ra_heard h;

	if (ra_decode(frame, len, &h) || !memcmp(h.mac, ep->mac, sizeof h.mac))
		return;
	if (!h.solicits) {
		if (h.lifetime_s)
			heard_router(r, endpoint, h.lifetime_s, now_ms);
		return;
	}
	if (!shall_answer(r, endpoint, h.mac, now_ms) || !own_address(r, ep, addr))
		return;
	ra_build(&h, ep->mac, addr, answer);
	/* When it cannot be sent the host waits, as it would without us. */
	send(ep->packet, answer, sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void routers_dhcp(struct routers *r, const struct dhcp_query *q)
{
	if (q->client == DHCP_CLIENT_PXE || q->client == DHCP_CLIENT_HTTP ||
		q->client == DHCP_CLIENT_IPXE)
		recent_use(&r->booting, recent_mac(q->mac), now_mono_ms());
}

int routers_open(struct routers *r, const struct server *s, struct loop *loop)
{
	int rc = 0;

	r->server = s;
	r->booting = (struct recent){ r->slots, ROUTERS_HOSTS };
	for (size_t i = 0; i < s->n_endpoints && !rc; i++) {
		r->hearing[i] = (struct hearing){ s->endpoints[i].listen[LISTEN_IPV6], (uint8_t)i,
			on_ipv6, r };
		rc = hear(loop, &r->hearing[i]);
	}
	return rc;
}
