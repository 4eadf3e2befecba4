/*
 * dhcp_witness: every DHCP packet that passes an interface, one line each.
 *
 *   dhcp_witness INTERFACE
 *
 * It hears both directions, asks nobody and reads packets by itself: what it has written down was
 * on the wire, whatever server and client say later. The first line, "# listening", comes when
 * nothing can be missed any more; the last, at SIGTERM, counts the packets that were missed all the
 * same.
 *
 *   t=MS type=ack mac=... yiaddr=... lease=S src=... dst=... ciaddr=... giaddr=... server=...
 *   requested=... relay=HEX
 *
 * on one line: t is the kernel's clock at the packet, in ms since 1970; lease, server, requested
 * and relay are options 51, 54, 50 and 82, "-" when absent. Exit status 2 when it cannot listen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "server/bytes.h"

#define BATCH	      64
#define PACKET_MAX    2048
#define SOCKET_BUFFER (64 << 20) /* a second or more of full load */
#define COOKIE	      0x63825363

struct option {
	const uint8_t *val;
	uint8_t len;
};

struct packet {
	uint32_t src, dst, ciaddr, yiaddr, giaddr;
	const uint8_t *mac;
	struct option options[256];
};

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "dhcp_witness: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- the packet: IPv4, UDP, BOOTP header, options ---- */

static bool read_udp(struct rd *r, struct packet *p)
{
	const uint8_t version_len = rd_u8(r);

	rd_take(r, 8);
	if (version_len >> 4 != 4 || rd_u8(r) != IPPROTO_UDP)
		return false;
	rd_take(r, 2);
	p->src = rd_u32(r);
	p->dst = rd_u32(r);
	rd_take(r, (size_t)(version_len & 15) * 4 - 20 + 8);
	return !r->bad;
}

static bool read_options(struct rd *r, struct packet *p)
{
	for (;;) {
		const uint8_t tag = rd_u8(r);

		if (r->bad || tag == 255)
			return !r->bad;
		if (tag == 0)
			continue;
		p->options[tag].len = rd_u8(r);
		p->options[tag].val = rd_take(r, p->options[tag].len);
		if (r->bad)
			return false;
	}
}

static bool read_packet(struct rd *r, struct packet *p)
{
	memset(p, 0, sizeof *p);
	if (!read_udp(r, p))
		return false;
	rd_take(r, 12); /* op to flags */
	p->ciaddr = rd_u32(r);
	p->yiaddr = rd_u32(r);
	rd_take(r, 4);
	p->giaddr = rd_u32(r);
	p->mac = rd_take(r, 16);
	rd_take(r, 64 + 128);
	return rd_u32(r) == COOKIE && read_options(r, p) && p->options[53].len == 1;
}

/* ---- the line ---- */

static void print_addr(const char *name, uint32_t addr)
{
	printf(" %s=%u.%u.%u.%u", name, addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255);
}

/* Returns true when the option is there and has the four bytes that it should have. */
static bool number(const struct packet *p, uint8_t tag, uint32_t *out)
{
	struct rd r = { p->options[tag].val, p->options[tag].val + 4, false };

	if (!p->options[tag].val || p->options[tag].len != 4)
		return false;
	*out = rd_u32(&r);
	return true;
}

static void print_addr_option(const struct packet *p, const char *name, uint8_t tag)
{
	uint32_t addr;

	if (number(p, tag, &addr))
		print_addr(name, addr);
	else
		printf(" %s=-", name);
}

static void print_packet(const struct packet *p, uint64_t ms)
{
	static const char *const types[] = { "0", "discover", "offer", "request", "decline", "ack",
		"nak", "release", "inform" };
	const uint8_t type = p->options[53].val[0];
	const struct option *relay = &p->options[82];
	const uint8_t *m = p->mac;
	uint32_t lease_s;

	printf("t=%llu type=%s mac=%02x:%02x:%02x:%02x:%02x:%02x", (unsigned long long)ms,
		types[type < ARRAY_LEN(types) ? type : 0], m[0], m[1], m[2], m[3], m[4], m[5]);
	print_addr("yiaddr", p->yiaddr);
	if (number(p, 51, &lease_s))
		printf(" lease=%u", lease_s);
	else
		printf(" lease=-");
	print_addr("src", p->src);
	print_addr("dst", p->dst);
	print_addr("ciaddr", p->ciaddr);
	print_addr("giaddr", p->giaddr);
	print_addr_option(p, "server", 54);
	print_addr_option(p, "requested", 50);
	printf(" relay=%s", relay->val ? "" : "-");
	for (unsigned i = 0; relay->val && i < relay->len; i++)
		printf("%02x", relay->val[i]);
	putchar('\n');
}

/* ---- listening ---- */

/* UDP to port 67 or 68 and nothing else, so that other traffic cannot push DHCP out of the buffer.
 */
static void filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), /* protocol */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 5),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* length of the IP header */
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),	/* destination port */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 67, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, PACKET_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = { ARRAY_LEN(code), code };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
		die("filter");
}

static int listen_on(const char *ifname)
{
	/* all protocols: a socket of one does not hear what this machine sends */
	const struct sockaddr_ll a = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(ifname) };
	const struct timeval tick = { .tv_usec = 100000 }; /* SIGTERM is looked for */
	const int size = SOCKET_BUFFER, on = 1;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	filter(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
	if (!a.sll_ifindex || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		die(ifname);
	return fd;
}

/* When the kernel saw the packet. */
static uint64_t time_of(struct msghdr *m)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct timespec t = { 0 };

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
		memcpy(&t, CMSG_DATA(c), sizeof t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void receive(int fd)
{
	static uint8_t packets[BATCH][PACKET_MAX];
	static _Alignas(struct cmsghdr) uint8_t control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec pieces[BATCH];
	int got;

	for (int i = 0; i < BATCH; i++) {
		pieces[i] = (struct iovec){ packets[i], PACKET_MAX };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &pieces[i],
			.msg_iovlen = 1,
			.msg_control = control[i],
			.msg_controllen = sizeof control[i] };
	}
	got = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
	if (got < 0 && errno != EINTR && errno != EAGAIN && errno != ENETDOWN)
		die("receive");
	for (int i = 0; i < got; i++) {
		struct rd r = { packets[i], packets[i] + messages[i].msg_len, false };
		struct packet p;

		if (read_packet(&r, &p))
			print_packet(&p, time_of(&messages[i].msg_hdr));
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct sigaction term = { .sa_handler = on_term };
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof stats;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: dhcp_witness INTERFACE\n");
		return 2;
	}
	fd = listen_on(argv[1]);
	sigaction(SIGTERM, &term, NULL);
	puts("# listening");
	fflush(stdout);
	while (!ended)
		receive(fd);
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len);
	printf("# missed=%u\n", stats.tp_drops);
	return 0;
}
