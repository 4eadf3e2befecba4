#include "agent/hear.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/pace.h"

#define ETHERTYPE_LLDP 0x88cc
#define FRAME_MAX      1600

/* Cards drop what is for groups that nobody has asked for. */
static void join(int fd)
{
	static const uint8_t group[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e };
	struct if_nameindex *all = if_nameindex();

	for (size_t i = 0; all && all[i].if_index; i++) {
		struct packet_mreq m = { .mr_ifindex = (int)all[i].if_index,
			.mr_type = PACKET_MR_MULTICAST,
			.mr_alen = sizeof group };

		memcpy(m.mr_address, group, sizeof group);
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m);
	}
	if_freenameindex(all);
}

void hear_open(struct hear *h)
{
	*h = (struct hear){ .fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				    htons(ETHERTYPE_LLDP)) };
	if (h->fd >= 0)
		join(h->fd);
}

void hear_close(struct hear *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

static void take(struct hear *h, const char *nic, const struct lldp *l)
{
	size_t i = 0;

	while (i < h->n && strcmp(h->of[i].nic, nic))
		i++;
	if (i == HEAR_MAX || (i < h->n && !memcmp(&h->of[i].l, l, sizeof *l)))
		return;
	memcpy(h->of[i].nic, nic, sizeof h->of[i].nic);
	h->of[i].l = *l;
	h->n += i == h->n;
	h->news = true;
}

static void receive(struct hear *h)
{
	uint8_t frame[FRAME_MAX];
	struct sockaddr_ll from = { 0 };
	socklen_t from_len = sizeof from;
	char nic[IF_NAMESIZE] = "";
	ssize_t n;
	struct lldp l;

	while ((n = recvfrom(h->fd, frame, sizeof frame, 0, (struct sockaddr *)&from, &from_len)) >=
		0) {
		memset(&l, 0, sizeof l); /* compared whole */
		if (from.sll_pkttype != PACKET_OUTGOING && lldp_read(frame, (size_t)n, &l) == 0 &&
			if_indextoname((unsigned)from.sll_ifindex, nic))
			take(h, nic, &l);
		from_len = sizeof from;
	}
}

void hear_for(struct hear *h, int64_t ms)
{
	const int64_t end = pace_now_ms() + ms;
	struct pollfd p = { .fd = h->fd, .events = POLLIN };

	if (h->fd < 0) {
		if (ms > 0)
			pace_sleep_ms(ms);
		return;
	}
	do {
		const int64_t left = end - pace_now_ms();

		if (poll(&p, 1, left > 0 ? (int)left : 0) > 0) {
			if (p.revents & ~POLLIN) /* its interface is gone */
				pace_sleep_ms(left > 100 ? 100 : left > 0 ? left : 0);
			receive(h);
		}
	} while (pace_now_ms() < end);
}

void hear_json(const struct hear *h, struct jw *w)
{
	jw_obj(w, NULL);
	jw_arr(w, "neighbours");
	for (size_t i = 0; i < h->n; i++) {
		const struct lldp *l = &h->of[i].l;

		jw_obj(w, NULL);
		jw_str(w, "nic", h->of[i].nic);
		jw_str(w, "chassis", l->chassis);
		jw_str(w, "port", l->port);
		jw_str(w, "port_description", l->port_description);
		jw_str(w, "system", l->system);
		jw_int(w, "vlan", l->vlan);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_end_obj(w);
}
