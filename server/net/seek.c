#include "server/net/seek.h"

#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "server/bytes.h"
#include "server/net/dhcp_path.h"
#include "server/net/dhcp_seen.h"
#include "server/net/frame.h"

static bool may_tell(struct seek *s)
{
	const uint64_t second = now_mono_ms() / 1000;

	if (s->second != second) {
		s->second = second;
		s->told = 0;
	}
	return s->told++ < SEEK_TOLD_MAX;
}

static void on_dhcp(void *arg, uint8_t endpoint, const uint8_t *frame, size_t len)
{
	struct seek *s = arg;
	const struct endpoint *ep = &s->server->endpoints[endpoint];
	struct dhcp_seen seen;

	if (dhcp_seen_decode(frame, len, &seen) ||
		!memcmp(seen.src_mac, ep->mac, sizeof seen.src_mac) || !may_tell(s))
		return;
	seen.endpoint = endpoint;
	msg_send(s->core, MSG_DHCP_SEEN, 0, &seen, sizeof seen, NULL, 0);
}

void seek_ask(const struct seek *s)
{
	for (size_t i = 0; i < s->server->n_endpoints; i++) {
		const struct endpoint *ep = &s->server->endpoints[i];
		struct frame_path path = { .dst_mac = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
			.dst = DHCP_BROADCAST,
			.src_port = DHCP_PORT_CLIENT,
			.dst_port = DHCP_PORT_SERVER };
		uint8_t packet[DHCP_SEEK_LEN], frame[FRAME_MAX];
		uint32_t xid = 0;

		if (getrandom(&xid, sizeof xid, 0) != sizeof xid)
			return;
		memcpy(path.src_mac, ep->mac, sizeof path.src_mac);
		dhcp_seek_build(ep->mac, xid, packet);
		send(ep->packet, frame, frame_build(&path, packet, sizeof packet, frame),
			MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

int seek_open(struct seek *s, const struct server *server, struct loop *loop)
{
	int rc = 0;

	s->server = server;
	s->core = server->role_side[LINK_NET];
	for (size_t i = 0; i < server->n_endpoints && !rc; i++) {
		s->hearing[i] = (struct hearing){ server->endpoints[i].listen[LISTEN_DHCP],
			(uint8_t)i, on_dhcp, s };
		rc = hear(loop, &s->hearing[i]);
	}
	return rc;
}
