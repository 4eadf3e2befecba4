/*
 * The room that reads strangers' packets: ports 67 and 4011 of each interface. A packet is decoded
 * and asked about; the answer carries the query back, so nothing is kept in between.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "server/bytes.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/msg.h"
#include "server/net/dhcp_msg.h"
#include "server/net/dhcp_path.h"
#include "server/net/frame.h"
#include "server/server.h"

#define BATCH	    32	 /* packets or messages taken at once before others get their turn */
#define PACKET_ROOM 2048 /* more than any DHCP packet; longer ones are cut and refused */

enum drop {
	DROP_MALFORMED,
	DROP_SERVER,
	DROP_HARDWARE,
	DROP_MAC,
	DROP_HOPS,
	DROP_TYPE,
	DROP_RELAY,
	DROP_CORE_BUSY,
	DROP_ANSWER,
	DROP_TOO_LONG,
	DROP_SEND,
	DROPS
};

/* In words for the log, and the decoder's errno that means it. */
static const struct {
	int error;
	const char *why;
} drops[DROPS] = {
	[DROP_MALFORMED] = { -EBADMSG, "malformed" },
	[DROP_SERVER] = { -EPROTO, "reply-of-another-server" },
	[DROP_HARDWARE] = { -EAFNOSUPPORT, "not-ethernet" },
	[DROP_MAC] = { -EADDRNOTAVAIL, "impossible-mac" },
	[DROP_HOPS] = { -ELOOP, "too-many-relays" },
	[DROP_TYPE] = { -EOPNOTSUPP, "message-type" },
	[DROP_RELAY] = { 0, "unlisted-relay" },
	[DROP_CORE_BUSY] = { 0, "core-busy" },
	[DROP_ANSWER] = { 0, "bad-answer-from-core" },
	[DROP_TOO_LONG] = { 0, "answer-too-long" },
	[DROP_SEND] = { 0, "send-failed" },
};

struct port {
	struct net *net;
	uint8_t endpoint; /* index in server->endpoints */
	bool port4011;
	int fd;
};

struct net {
	const struct server *server;
	struct loop *loop;
	int core;
	bool core_lost;
	uint64_t next_id;
	struct port ports[2 * CONFIG_INTERFACES_MAX];
	unsigned long long dropped[DROPS];
	struct log_limit drop_log[DROPS];
	struct mmsghdr batch[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in from[BATCH];
	uint8_t packets[BATCH][PACKET_ROOM];
	alignas(16) uint8_t message[MSG_MAX];
};

static void drop(struct net *n, enum drop why, const char *ifname, uint32_t addr)
{
	unsigned missed;

	n->dropped[why]++;
	if (log_allow(&n->drop_log[why], now_mono_ms(), &missed))
		log_warn("dhcp drop reason=%s if=%s from=%u.%u.%u.%u count=%llu unlogged=%u",
			drops[why].why, ifname, addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
			addr & 255, n->dropped[why], missed);
}

static enum drop drop_of(int error)
{
	for (unsigned i = 0; i < DROPS; i++)
		if (drops[i].error == error)
			return (enum drop)i;
	return DROP_MALFORMED;
}

/* ---- from the network to core ---- */

static void on_packet(struct port *p, const struct mmsghdr *m, const struct sockaddr_in *from)
{
	struct net *n = p->net;
	const struct endpoint *ep = &n->server->endpoints[p->endpoint];
	const uint32_t src = ntohl(from->sin_addr.s_addr);
	struct dhcp_query q;
	int rc = m->msg_hdr.msg_flags & MSG_TRUNC
			 ? -EBADMSG
			 : dhcp_msg_decode(m->msg_hdr.msg_iov->iov_base, m->msg_len, &q);

	if (!rc && !memcmp(q.mac, ep->mac, sizeof q.mac))
		rc = -EADDRNOTAVAIL;
	if (rc) {
		drop(n, drop_of(rc), ep->ifname, src);
		return;
	}
	if (q.giaddr && !config_has_relay(&n->server->cfg, q.giaddr)) {
		drop(n, DROP_RELAY, ep->ifname, q.giaddr);
		return;
	}
	q.endpoint = p->endpoint;
	q.port4011 = p->port4011;
	q.src_addr = src;
	q.src_port = ntohs(from->sin_port);
	if (msg_send(n->core, MSG_DHCP_QUERY, n->next_id++, &q, sizeof q, NULL, 0))
		drop(n, DROP_CORE_BUSY, ep->ifname, src);
}

static void on_port(void *arg, uint32_t events)
{
	struct port *p = arg;
	struct net *n = p->net;
	int got;

	(void)events;
	for (unsigned i = 0; i < BATCH; i++) {
		n->iov[i] = (struct iovec){ n->packets[i], PACKET_ROOM };
		n->batch[i].msg_hdr = (struct msghdr){ .msg_name = &n->from[i],
			.msg_namelen = sizeof n->from[i],
			.msg_iov = &n->iov[i],
			.msg_iovlen = 1 };
	}
	got = recvmmsg(p->fd, n->batch, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++)
		on_packet(p, &n->batch[i], &n->from[i]);
}

/* ---- from core to the network ---- */

/* By UDP, from this interface and its own address whatever the routes say. */
static int send_udp(int fd, const struct endpoint *ep, const struct dhcp_path *to,
	const uint8_t *packet, size_t len)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(to->port),
		.sin_addr.s_addr = htonl(to->addr) };
	const struct in_pktinfo info = { .ipi_ifindex = ep->ifindex,
		.ipi_spec_dst.s_addr = htonl(ep->addr) };
	alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof info)] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)packet, len }; /* sendmsg only reads */
	struct msghdr mh = { .msg_name = &sin,
		.msg_namelen = sizeof sin,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof info);
	memcpy(CMSG_DATA(c), &info, sizeof info);
	return sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int send_frame(const struct endpoint *ep, const struct dhcp_path *to, const uint8_t mac[6],
	const uint8_t *packet, size_t len)
{
	struct frame_path path = {
		.src = ep->addr, .dst = to->addr, .src_port = DHCP_PORT_SERVER, .dst_port = to->port
	};
	uint8_t frame[FRAME_MAX];
	size_t frame_len;

	memcpy(path.src_mac, ep->mac, sizeof path.src_mac);
	memcpy(path.dst_mac, mac, sizeof path.dst_mac);
	frame_len = frame_build(&path, packet, len, frame);
	return send(ep->packet, frame, frame_len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void send_reply(
	struct net *n, const struct dhcp_answer *a, const uint8_t *packet, size_t len)
{
	const struct endpoint *ep = &n->server->endpoints[a->query.endpoint];
	const struct dhcp_path to = dhcp_path_of(a, ep->addr, ep->mask);
	int rc = to.frame ? send_frame(ep, &to, a->query.mac, packet, len)
			  : send_udp(a->query.port4011 ? ep->udp4011 : ep->udp67, ep, &to, packet,
				    len);

	if (rc)
		drop(n, DROP_SEND, ep->ifname, to.addr);
}

/* What net itself put into the query is checked again: it decides where the answer goes. */
static bool answer_ok(const struct net *n, const struct dhcp_answer *a)
{
	const struct dhcp_query *q = &a->query;

	return dhcp_answer_ok(a) && q->endpoint < n->server->n_endpoints &&
	       (!q->giaddr || config_has_relay(&n->server->cfg, q->giaddr)) &&
	       (!q->port4011 || (q->src_addr && q->src_port));
}

static void on_answer(struct net *n, const struct dhcp_answer *a)
{
	uint8_t packet[DHCP_PACKET_MAX];
	size_t len;
	int rc;

	if (!a || !answer_ok(n, a)) {
		drop(n, DROP_ANSWER, "-", 0);
		return;
	}
	rc = dhcp_msg_encode(&a->query, &a->reply, packet, &len);
	if (rc) /* 1: only the relay's option was left out */
		drop(n, DROP_TOO_LONG, n->server->endpoints[a->query.endpoint].ifname,
			a->query.giaddr);
	if (rc >= 0)
		send_reply(n, a, packet, len);
}

static void on_core(void *arg, uint32_t events)
{
	struct net *n = arg;
	struct msg_head head;
	const void *body;
	int rc = 1;

	(void)events;
	for (int i = 0; i < BATCH && rc > 0; i++) {
		rc = msg_recv(n->core, n->message, &head, &body);
		if (rc > 0 && head.type == MSG_DHCP_ANSWER)
			on_answer(n, msg_fixed(&head, body, sizeof(struct dhcp_answer), 1));
		else if (rc == -EBADMSG || (rc > 0 && head.type != MSG_HELLO))
			drop(n, DROP_ANSWER, "-", 0);
	}
	if (rc < 0 && rc != -EBADMSG) {
		log_error("link to core lost: %s", strerror(-rc));
		n->core_lost = true;
		loop_stop(n->loop);
	}
}

/* ---- start ---- */

static int watch_port(struct net *n, struct port *p, size_t endpoint, bool port4011)
{
	const struct endpoint *ep = &n->server->endpoints[endpoint];

	*p = (struct port){ n, (uint8_t)endpoint, port4011, port4011 ? ep->udp4011 : ep->udp67 };
	return p->fd < 0 ? 0 : loop_watch(n->loop, p->fd, EPOLLIN, on_port, p);
}

static int watch_all(struct net *n)
{
	int rc = loop_watch(n->loop, n->core, EPOLLIN, on_core, n);

	for (size_t i = 0; i < n->server->n_endpoints && !rc; i++) {
		rc = watch_port(n, &n->ports[2 * i], i, false);
		if (!rc)
			rc = watch_port(n, &n->ports[2 * i + 1], i, true);
	}
	return rc;
}

int net_main(const struct server *s)
{
	static struct net n; /* too large for a stack */
	int rc;

	n.server = s;
	n.core = s->role_side[LINK_NET];
	rc = loop_new(&n.loop);
	if (!rc)
		rc = watch_all(&n);
	if (!rc)
		rc = msg_send(n.core, MSG_HELLO, 0, NULL, 0, NULL, 0);
	if (!rc)
		rc = loop_run(n.loop);
	if (rc)
		log_error("net role ends: %s", strerror(-rc));
	loop_free(n.loop);
	return rc || n.core_lost;
}
