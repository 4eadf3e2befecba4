/*
 * dhcp_host: the DHCP side of a host's firmware, step by step.
 *
 *   dhcp_host -i IFNAME -m MAC [-k KIND] [-a ARCH] [-u UUID] [-c USER_CLASS] STEP...
 *
 * KIND: pxe, http, ipxe, ipxe-old (which cannot do HTTP). UUID: 32 hex digits in SMBIOS order.
 * STEP: discover; request (what was offered); again (the same REQUEST); was=ADDR (an
 * address of an earlier life); other=SERVER,ADDR (take ADDR from another server); 4011=SERVER (ask
 * its boot server port; the interface has its address then). Each step prints a line: what came, or
 * "silence" after a second. Exit status 2 when it could not be tried.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/bytes.h"
#include "tests/support/dhcp_packet.h"

#define SILENCE_MS 1000
#define BROADCAST  0x80

struct host {
	int fd, fd4011;
	uint8_t taken[4]; /* the address from another server, zeros: none */
	uint8_t mac[6], xid[4], uuid[16];
	bool has_uuid;
	const char *kind, *user_class;
	unsigned arch;
	uint8_t offered[4], server[4]; /* of the last offer */
};

static void die(const char *what)
{
	fprintf(stderr, "dhcp_host: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int open_port(const char *ifname, uint16_t port)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname, (socklen_t)strlen(ifname) + 1) <
			0 ||
		bind(fd, (const struct sockaddr *)&any, sizeof any) < 0)
		die(ifname);
	return fd;
}

/* ---- packets ---- */

static void put(struct wr *w, uint8_t tag, const void *value, size_t len)
{
	wr_u8(w, tag);
	wr_u8(w, (uint8_t)len);
	wr_put(w, value, len);
}

/* What says who asks: options 60, 77, 93, 97, 175. */
static void put_kind(struct wr *w, const struct host *h)
{
	static const uint8_t can_http[] = { 0x13, 1, 1 }, can_tftp[] = { 0x15, 1, 1 };
	const bool http = !strcmp(h->kind, "http"), ipxe = !strncmp(h->kind, "ipxe", 4);
	const uint8_t arch[] = { (uint8_t)(h->arch >> 8), (uint8_t)h->arch };
	uint8_t uuid[17] = { 0 };
	char class[64];

	snprintf(class, sizeof class, "%s:Arch:%05u:UNDI:003000", http ? "HTTPClient" : "PXEClient",
		h->arch);
	put(w, 60, class, strlen(class));
	put(w, 93, arch, sizeof arch);
	memcpy(uuid + 1, h->uuid, sizeof h->uuid);
	if (h->has_uuid)
		put(w, 97, uuid, sizeof uuid);
	if (h->user_class)
		put(w, 77, h->user_class, strlen(h->user_class));
	else if (ipxe)
		put(w, 77, "iPXE", 4);
	if (ipxe)
		put(w, 175, strcmp(h->kind, "ipxe") ? can_tftp : can_http, 3);
}

static void ask(const struct host *h, uint8_t type, const uint8_t *server, const uint8_t *requested,
	struct packet *p)
{
	uint8_t options[512];
	struct wr w = { options, options + sizeof options, false };

	put(&w, 53, &type, 1);
	if (server)
		put(&w, 54, server, 4);
	if (requested)
		put(&w, 50, requested, 4);
	put_kind(&w, h);
	wr_u8(&w, 255);
	packet_make(p, (const char *)options, (size_t)(w.p - options));
	memcpy(p->b + 4, h->xid, 4);
	p->b[10] = BROADCAST;
	memcpy(p->b + 28, h->mac, 6);
}

static void send_to(int fd, const struct packet *p, uint32_t addr, uint16_t port)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = addr
	};

	if (sendto(fd, p->b, p->len, 0, (const struct sockaddr *)&to, sizeof to) < 0)
		die("send");
}

/* The next answer to us, or 0 after SILENCE_MS. Returns its length. */
static size_t receive(const struct host *h, int fd, uint8_t *b, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, SILENCE_MS) > 0) {
		ssize_t n = recv(fd, b, size, 0);

		if (n >= 240 && !memcmp(b + 4, h->xid, 4) && !memcmp(b + 28, h->mac, 6))
			return (size_t)n;
	}
	return 0;
}

/* ---- what came, as a line ---- */

static void print_text(const char *name, const uint8_t *b, size_t len, uint8_t tag)
{
	const uint8_t *val = NULL;
	int n = reply_option(b, len, tag, &val);

	printf(" %s=%.*s", name, n < 0 ? 1 : n, n < 0 ? "-" : (const char *)val);
}

static void print_reply(const uint8_t *b, size_t len)
{
	static const char *const types[] = { "?", "?", "offer", "?", "?", "ack", "nak", "?" };
	const uint8_t *val = NULL;
	int n = reply_option(b, len, 53, &val);

	printf("%s addr=%u.%u.%u.%u siaddr=%u.%u.%u.%u", n == 1 ? types[*val & 7] : "malformed",
		b[16], b[17], b[18], b[19], b[20], b[21], b[22], b[23]);
	print_text("file", b, len, 67);
	printf(" header=%.128s", b[108] ? (const char *)b + 108 : "-");
	print_text("class", b, len, 60);
	n = reply_option(b, len, 43, &val);
	printf(" vendor=%s", n < 0 ? "-" : "");
	for (int i = 0; i < n; i++)
		printf("%02x", val[i]);
	putchar('\n');
}

static void answer(struct host *h, int fd)
{
	uint8_t b[2048];
	const uint8_t *val = NULL;
	size_t len = receive(h, fd, b, sizeof b);

	if (!len) {
		puts("silence");
		return;
	}
	print_reply(b, len);
	memcpy(h->offered, b + 16, 4);
	if (reply_option(b, len, 54, &val) == 4)
		memcpy(h->server, val, 4);
}

/* ---- steps ---- */

static uint32_t addr_of(const char *text)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1) {
		errno = EINVAL;
		die(text);
	}
	return a.s_addr;
}

static void take_from_other(struct host *h, char *servers)
{
	char *comma = strchr(servers, ',');
	uint32_t server, addr;
	struct packet p;

	if (!comma) {
		errno = EINVAL;
		die(servers);
	}
	*comma = 0;
	server = addr_of(servers);
	addr = addr_of(comma + 1);
	memcpy(h->taken, &addr, sizeof h->taken);
	ask(h, 3, (const uint8_t *)&server, (const uint8_t *)&addr, &p);
	send_to(h->fd, &p, INADDR_BROADCAST, 67);
}

static void step(struct host *h, char *what)
{
	struct packet p;
	uint32_t addr;

	if (!strcmp(what, "discover")) {
		if (getrandom(h->xid, sizeof h->xid, 0) != sizeof h->xid)
			die("random");
		ask(h, 1, NULL, NULL, &p);
		send_to(h->fd, &p, INADDR_BROADCAST, 67);
		answer(h, h->fd);
	} else if (!strcmp(what, "request") || !strcmp(what, "again")) {
		ask(h, 3, h->server, h->offered, &p);
		send_to(h->fd, &p, INADDR_BROADCAST, 67);
		answer(h, h->fd);
	} else if (!strncmp(what, "was=", 4)) {
		addr = addr_of(what + 4);
		ask(h, 3, NULL, (const uint8_t *)&addr, &p);
		send_to(h->fd, &p, INADDR_BROADCAST, 67);
		answer(h, h->fd);
	} else if (!strncmp(what, "other=", 6)) {
		take_from_other(h, what + 6);
		answer(h, h->fd);
	} else if (!strncmp(what, "4011=", 5)) {
		ask(h, 3, NULL, NULL, &p);
		memcpy(p.b + 12, h->taken, sizeof h->taken); /* ciaddr */
		send_to(h->fd4011, &p, addr_of(what + 5), 4011);
		answer(h, h->fd4011);
	} else {
		errno = EINVAL;
		die(what);
	}
	fflush(stdout);
}

static void read_hex(const char *text, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++, text += 2 + (text[2] == ':')) {
		if (sscanf(text, "%2hhx", &out[i]) != 1) {
			errno = EINVAL;
			die(text);
		}
	}
}

int main(int argc, char **argv)
{
	struct host h = { .kind = "pxe" };
	const char *ifname = NULL;
	int o;

	while ((o = getopt(argc, argv, "i:m:k:a:u:c:")) != -1) {
		switch (o) {
		case 'i':
			ifname = optarg;
			break;
		case 'm':
			read_hex(optarg, h.mac, sizeof h.mac);
			break;
		case 'k':
			h.kind = optarg;
			break;
		case 'a':
			h.arch = (unsigned)atoi(optarg);
			break;
		case 'u':
			h.has_uuid = true;
			read_hex(optarg, h.uuid, sizeof h.uuid);
			break;
		case 'c':
			h.user_class = optarg;
			break;
		default:
			return 2;
		}
	}
	if (!ifname || optind == argc)
		return 2;
	h.fd = open_port(ifname, 68);
	h.fd4011 = open_port(ifname, 4011);
	while (optind < argc)
		step(&h, argv[optind++]);
	return 0;
}
