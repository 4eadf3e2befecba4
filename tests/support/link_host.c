/*
 * link_host: a host on a link, in raw frames, for flow tests; or a relay, in UDP.
 *
 *   link_host IF discover MAC pxe|os [SERVER]   a DISCOVER: "OFFER ADDR SERVER MS"
 *   link_host IF burst MAC COUNT                DISCOVERs of COUNT hosts at once: "N ADDR MS" each
 *   link_host IF flood MAC COUNT                COUNT DISCOVERs of one host: how many offers came
 *   link_host IF spoilt MAC HOW SERVER          the same, spoilt below DHCP: see spoil()
 *   link_host IF request MAC pxe|os ADDR SERVER "ACK ADDR" or "NAK"
 *   link_host IF solicit MAC                    an IPv6 router solicitation: "RA LIFETIME MS"
 *   link_host GIADDR relay MAC SERVER [CIRCUIT] as discover, through a relay at GIADDR
 *
 * MAC is the first host's; further ones count up. What does not come within WAIT_MS is "none".
 * Exit status 0 unless it could not be tried.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/bytes.h"
#include "server/loop.h"
#include "server/net/checksum.h"
#include "server/net/frame.h"
#include "tests/support/dhcp_packet.h"

#define WAIT_MS	   1500
#define ETH_P_IP   0x0800
#define ETH_P_IPV6 0x86dd
#define DHCP_AT	   FRAME_HEAD

static void die(const char *what)
{
	fprintf(stderr, "link_host: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int open_link(const char *ifname, uint16_t protocol)
{
	struct sockaddr_ll here = { .sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex(ifname) };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(protocol));

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0)
		die(ifname);
	return fd;
}

static void parse_mac(const char *text, uint8_t mac[6])
{
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		    &mac[4], &mac[5]) != 6) {
		errno = EINVAL;
		die(text);
	}
}

static uint32_t addr_of(const char *text)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1) {
		errno = EINVAL;
		die(text);
	}
	return ntohl(a.s_addr);
}

static const char *text_of(const uint8_t addr[4])
{
	static char text[2][INET_ADDRSTRLEN];
	static unsigned turn;

	turn ^= 1;
	inet_ntop(AF_INET, addr, text[turn], sizeof text[turn]);
	return text[turn];
}

/* The next frame or packet before `until_ms`, or 0. */
static size_t next(int fd, uint64_t until_ms, uint8_t *buf, size_t size)
{
	const uint64_t now = now_mono_ms();
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (now >= until_ms || poll(&p, 1, (int)(until_ms - now)) != 1)
		return 0;
	n = recv(fd, buf, size, 0);
	return n > 0 ? (size_t)n : 0;
}

/* ---- DHCP ---- */

static void put_mac(struct packet *p, const uint8_t mac[6], unsigned host)
{
	memcpy(p->b + 28, mac, 6);
	p->b[33] = (uint8_t)(p->b[33] + host);
	p->b[7] = (uint8_t)host; /* the transaction's number names it too */
	p->b[10] = 0x80;	 /* broadcast, so that everybody hears the answer */
}

static void send_dhcp(int fd, const struct packet *p)
{
	struct frame_path path = { .dst_mac = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		.dst = 0xffffffff,
		.src_port = 68,
		.dst_port = 67 };
	uint8_t frame[FRAME_MAX];

	memcpy(path.src_mac, p->b + 28, 6);
	if (send(fd, frame, frame_build(&path, p->b, p->len, frame), 0) < 0)
		die("send");
}

/* A server's reply to one of our hosts in buf: its message type, *host and *server filled; or 0. */
static int reply_type(
	const uint8_t *b, size_t len, const uint8_t mac[6], unsigned *host, const uint8_t **server)
{
	const uint8_t *type = NULL;

	if (len < 300 || memcmp(b + 28, mac, 5) || reply_option(b, len, 53, &type) != 1 ||
		reply_option(b, len, 54, server) != 4)
		return 0;
	*host = b[33] - (unsigned)mac[5];
	return *type;
}

static void discover_packet(struct packet *p, const uint8_t mac[6], unsigned host, int pxe)
{
	if (pxe)
		packet_make(p, BYTES(T_DISCOVER CLASS_BIOS ARCH_BIOS END));
	else
		packet_make(p, BYTES(T_DISCOVER END));
	put_mac(p, mac, host);
}

/* Wait for an offer, of that server or (NULL) of any, and print it. */
static void print_offer(
	int fd, size_t at, const uint8_t mac[6], const char *want, uint64_t began_ms)
{
	uint8_t buf[2048];
	const uint8_t *server;
	unsigned host;
	size_t n;

	while ((n = next(fd, began_ms + WAIT_MS, buf, sizeof buf))) {
		if (n <= at || reply_type(buf + at, n - at, mac, &host, &server) != 2 ||
			(want && strcmp(text_of(server), want)))
			continue;
		printf("OFFER %s %s %llu\n", text_of(buf + at + 16), text_of(server),
			(unsigned long long)(now_mono_ms() - began_ms));
		return;
	}
	puts("none");
}

static void discover(const char *ifname, const uint8_t mac[6], int pxe, const char *want)
{
	int fd = open_link(ifname, ETH_P_IP);
	const uint64_t began_ms = now_mono_ms();
	struct packet p;

	discover_packet(&p, mac, 0, pxe);
	send_dhcp(fd, &p);
	print_offer(fd, DHCP_AT, mac, want, began_ms);
}

static void burst(const char *ifname, const uint8_t mac[6], unsigned hosts)
{
	int fd = open_link(ifname, ETH_P_IP);
	const uint64_t began_ms = now_mono_ms();
	const uint8_t *server;
	uint8_t buf[2048];
	struct packet p;
	unsigned host;
	size_t n;

	for (host = 0; host < hosts; host++) {
		discover_packet(&p, mac, host, 0);
		send_dhcp(fd, &p);
	}
	while (hosts && (n = next(fd, began_ms + WAIT_MS, buf, sizeof buf))) {
		if (n <= DHCP_AT ||
			reply_type(buf + DHCP_AT, n - DHCP_AT, mac, &host, &server) != 2)
			continue;
		printf("%u %s %llu\n", host, text_of(buf + DHCP_AT + 16),
			(unsigned long long)(now_mono_ms() - began_ms));
		hosts--;
	}
}

static void flood(const char *ifname, const uint8_t mac[6], unsigned packets)
{
	int fd = open_link(ifname, ETH_P_IP);
	const uint64_t began_ms = now_mono_ms();
	const uint8_t *server;
	unsigned host, offers = 0;
	uint8_t buf[2048];
	struct packet p;
	size_t n;

	discover_packet(&p, mac, 0, 0);
	for (unsigned i = 0; i < packets; i++)
		send_dhcp(fd, &p);
	while ((n = next(fd, began_ms + WAIT_MS, buf, sizeof buf)))
		offers += n > DHCP_AT &&
			  reply_type(buf + DHCP_AT, n - DHCP_AT, mac, &host, &server) == 2;
	printf("%u\n", offers);
}

/* The IPv4 header was changed: sum it anew, so that it is not dropped for that. */
static void sum_ip(uint8_t *ip)
{
	uint16_t sum;

	ip[10] = ip[11] = 0;
	sum = checksum_of(checksum_add(0, ip, 20));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* Put tags behind the addresses of the frame. Returns its new length. */
static size_t tag(uint8_t *frame, size_t len, const char *tags, size_t n)
{
	memmove(frame + 12 + n, frame + 12, len - 12);
	memcpy(frame + 12, tags, n);
	return len + n;
}

static size_t spoil(uint8_t *frame, size_t len, const char *how)
{
	uint8_t *ip = frame + 14, *udp = ip + 20;

	if (!strcmp(how, "udp-checksum")) {
		udp[6] ^= 0x55;
	} else if (!strcmp(how, "udp-longer-than-ip")) {
		udp[5] = (uint8_t)(udp[5] + 8);
	} else if (!strcmp(how, "ip-longer-than-frame")) {
		ip[2]++;
		sum_ip(ip);
	} else if (!strcmp(how, "first-fragment")) {
		ip[6] |= 0x20;
		sum_ip(ip);
	} else if (!strcmp(how, "last-fragment")) {
		ip[7] = 8;
		sum_ip(ip);
	} else if (!strcmp(how, "vlan")) {
		return tag(frame, len, BYTES("\x81\x00\x00\x05"));
	} else if (!strcmp(how, "qinq")) {
		return tag(frame, len, BYTES("\x88\xa8\x00\x05\x81\x00\x00\x06"));
	} else if (!strcmp(how, "cut")) {
		return 14;
	} else if (strcmp(how, "whole") != 0) {
		errno = EINVAL;
		die(how);
	}
	return len;
}

static void spoilt(const char *ifname, const uint8_t mac[6], const char *how, const char *want)
{
	int fd = open_link(ifname, ETH_P_IP);
	const uint64_t began_ms = now_mono_ms();
	struct frame_path path = { .dst_mac = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		.dst = 0xffffffff,
		.src_port = 68,
		.dst_port = 67 };
	uint8_t frame[FRAME_MAX + 8];
	struct packet p;
	size_t len;

	discover_packet(&p, mac, 0, 0);
	memcpy(path.src_mac, mac, 6);
	len = spoil(frame, frame_build(&path, p.b, p.len, frame), how);
	if (send(fd, frame, len, 0) < 0)
		die("send");
	print_offer(fd, DHCP_AT, mac, want, began_ms);
}

static void request(
	const char *ifname, const uint8_t mac[6], const char *addr, const char *server, int pxe)
{
	int fd = open_link(ifname, ETH_P_IP);
	const uint64_t until_ms = now_mono_ms() + WAIT_MS;
	uint8_t options[64], buf[2048];
	struct wr w = { options, options + sizeof options, false };
	const uint8_t *id;
	struct packet p;
	unsigned host;
	size_t n;

	wr_put(&w, BYTES(T_REQUEST));
	wr_put(&w, "\x32\x04", 2);
	wr_u32(&w, addr_of(addr));
	wr_put(&w, "\x36\x04", 2);
	wr_u32(&w, addr_of(server));
	if (pxe)
		wr_put(&w, BYTES(CLASS_BIOS ARCH_BIOS));
	wr_u8(&w, 255);
	packet_make(&p, (const char *)options, (size_t)(w.p - options));
	put_mac(&p, mac, 0);
	send_dhcp(fd, &p);
	while ((n = next(fd, until_ms, buf, sizeof buf))) {
		const int type =
			n > DHCP_AT ? reply_type(buf + DHCP_AT, n - DHCP_AT, mac, &host, &id) : 0;

		if (type != 5 && type != 6)
			continue;
		printf(type == 5 ? "ACK %s\n" : "NAK\n", text_of(buf + DHCP_AT + 16));
		return;
	}
	puts("none");
}

static void relay(const char *giaddr, const uint8_t mac[6], const char *server, const char *circuit)
{
	const uint32_t from = addr_of(giaddr);
	const struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_port = htons(67), .sin_addr.s_addr = htonl(from)
	};
	const struct sockaddr_in there = { .sin_family = AF_INET,
		.sin_port = htons(67),
		.sin_addr.s_addr = htonl(addr_of(server)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	const uint64_t began_ms = now_mono_ms();
	uint8_t options[64];
	struct wr w = { options, options + sizeof options, false };
	struct packet p;

	wr_put(&w, BYTES(T_DISCOVER));
	if (circuit) {
		wr_u8(&w, 82);
		wr_u8(&w, (uint8_t)(strlen(circuit) + 2));
		wr_u8(&w, 1);
		wr_u8(&w, (uint8_t)strlen(circuit));
		wr_put(&w, circuit, strlen(circuit));
	}
	wr_u8(&w, 255);
	packet_make(&p, (const char *)options, (size_t)(w.p - options));
	put_mac(&p, mac, 0);
	p.b[3] = 1;
	memcpy(p.b + 24, &here.sin_addr.s_addr, 4);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&here, sizeof here) < 0 ||
		sendto(fd, p.b, p.len, 0, (const struct sockaddr *)&there, sizeof there) < 0)
		die(giaddr);
	print_offer(fd, 0, mac, NULL, began_ms);
}

/* ---- IPv6 ---- */

/* RFC 4861 section 4.1, from fe80::2 with the MAC's last bytes. */
static size_t solicitation(const uint8_t mac[6], uint8_t frame[70])
{
	struct wr w = { frame, frame + 70, false };
	uint32_t sum = 58 + 16;

	wr_put(&w, "\x33\x33\0\0\0\2", 6);
	wr_put(&w, mac, 6);
	wr_u16(&w, ETH_P_IPV6);
	wr_u32(&w, 0x60000000);
	wr_u16(&w, 16);
	wr_u16(&w, 0x3aff);
	wr_put(&w, "\xfe\x80\0\0\0\0\0\0\0\0", 10);
	wr_put(&w, mac, 6);
	wr_put(&w, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	wr_put(&w, "\x85\0\0\0\0\0\0\0\1\1", 10);
	wr_put(&w, mac, 6);
	sum = checksum_of(checksum_add(sum, frame + 22, 48));
	frame[56] = (uint8_t)(sum >> 8);
	frame[57] = (uint8_t)sum;
	return (size_t)(w.p - frame);
}

static void solicit(const char *ifname, const uint8_t mac[6])
{
	int fd = open_link(ifname, ETH_P_IPV6);
	const uint64_t began_ms = now_mono_ms();
	uint8_t frame[70], buf[2048];
	size_t n;

	if (send(fd, frame, solicitation(mac, frame), 0) < 0)
		die("send");
	while ((n = next(fd, began_ms + WAIT_MS, buf, sizeof buf))) {
		if (n < 70 || buf[20] != 58 || buf[54] != 134 || memcmp(buf, mac, 6))
			continue;
		printf("RA %u %llu\n", (unsigned)(buf[60] << 8 | buf[61]),
			(unsigned long long)(now_mono_ms() - began_ms));
		return;
	}
	puts("none");
}

int main(int argc, char **argv)
{
	const char *verb = argc > 3 ? argv[2] : "";
	const char *last = argv[argc - 1];
	const int pxe = argc > 4 && !strcmp(argv[4], "pxe");
	uint8_t mac[6];

	if (argc > 3)
		parse_mac(argv[3], mac);
	if (!strcmp(verb, "discover") && argc >= 5)
		discover(argv[1], mac, pxe, argv[5]);
	else if (!strcmp(verb, "burst") && argc == 5)
		burst(argv[1], mac, (unsigned)atoi(last));
	else if (!strcmp(verb, "flood") && argc == 5)
		flood(argv[1], mac, (unsigned)atoi(last));
	else if (!strcmp(verb, "spoilt") && argc == 6)
		spoilt(argv[1], mac, argv[4], last);
	else if (!strcmp(verb, "request") && argc == 7)
		request(argv[1], mac, argv[5], argv[6], pxe);
	else if (!strcmp(verb, "solicit"))
		solicit(argv[1], mac);
	else if (!strcmp(verb, "relay") && argc >= 5)
		relay(argv[1], mac, argv[4], argv[5]);
	else
		return 2;
	return 0;
}
