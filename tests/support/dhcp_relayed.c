/*
 * dhcp_relayed SERVER GIADDR MAC TYPE [-w MS] [-t MS] [NAME=VALUE]...: send one DHCP message as the
 * relay GIADDR (an address of this machine) and print what comes back: "offer 10.9.0.100 id
 * 10.77.0.1 router 10.9.0.1", or "silence" after MS (default 1000). -w repeats it for so long until
 * an answer comes, and prints how many milliseconds that took. Options that were asked for (55)
 * follow as "6=0a4d0035".
 *
 * TYPE is discover, request, decline or release. NAME is requested, server or ciaddr with an
 * address, or the number of an option with its value in hex.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "db/host.h"
#include "server/bytes.h"
#include "server/loop.h"
#include "tests/support/dhcp_packet.h"

struct ask {
	struct packet packet;
	struct sockaddr_in server, relay;
	const uint8_t *wants; /* the value of option 55, n_wants bytes of the packet */
	size_t n_wants;
	int wait_ms, repeat_ms;
};

static void die(const char *what)
{
	fprintf(stderr, "dhcp_relayed: %s\n", what);
	exit(2);
}

static uint32_t addr_of(const char *text)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		die(text);
	return a.s_addr;
}

static void put_option(struct packet *p, unsigned tag, const void *value, size_t len)
{
	p->b[p->len++] = (uint8_t)tag;
	p->b[p->len++] = (uint8_t)len;
	memcpy(p->b + p->len, value, len);
	p->len += len;
}

static void put_named(struct ask *a, char *word)
{
	struct packet *p = &a->packet;
	char *value = strchr(word, '=');
	uint8_t bytes[HOST_BYTES_MAX];
	uint32_t addr;
	int n;

	if (!value)
		die(word);
	*value++ = 0;
	if (word[0] >= '0' && word[0] <= '9') {
		n = host_bytes_parse(value, bytes);
		if (n < 0)
			die(value);
		put_option(p, (unsigned)atoi(word), bytes, (size_t)n);
		if (atoi(word) == 55) {
			a->wants = p->b + p->len - n;
			a->n_wants = (size_t)n;
		}
		return;
	}
	addr = addr_of(value);
	if (!strcmp(word, "ciaddr"))
		memcpy(p->b + 12, &addr, sizeof addr);
	else if (!strcmp(word, "requested"))
		put_option(p, 50, &addr, sizeof addr);
	else if (!strcmp(word, "server"))
		put_option(p, 54, &addr, sizeof addr);
	else
		die(word);
}

static uint8_t type_of(const char *word)
{
	static const char *const types[] = { "", "discover", "", "request", "decline", "", "",
		"release" };

	for (uint8_t i = 1; i < ARRAY_LEN(types); i++) {
		if (!strcmp(types[i], word))
			return i;
	}
	die(word);
	return 0;
}

static void read_words(struct ask *a, int argc, char **argv)
{
	uint8_t mac[6], type;
	int opt;

	while ((opt = getopt(argc, argv, "w:t:")) != -1) {
		if (opt == 'w')
			a->repeat_ms = atoi(optarg);
		else if (opt == 't')
			a->wait_ms = atoi(optarg);
		else
			exit(2);
	}
	argv += optind;
	if (argc - optind < 4 || host_mac_parse(argv[2], mac) < 0)
		die("SERVER GIADDR MAC TYPE [NAME=VALUE]...");
	packet_make(&a->packet, "", 0);
	a->server.sin_addr.s_addr = addr_of(argv[0]);
	a->relay.sin_addr.s_addr = addr_of(argv[1]);
	memcpy(a->packet.b + 24, &a->relay.sin_addr, 4);
	memcpy(a->packet.b + 28, mac, sizeof mac);
	type = type_of(argv[3]);
	put_option(&a->packet, 53, &type, 1);
	for (argv += 4; *argv; argv++)
		put_named(a, *argv);
	a->packet.b[a->packet.len++] = 255;
}

static void print_addr(const char *what, const void *addr)
{
	char text[INET_ADDRSTRLEN];

	printf("%s %s", what, inet_ntop(AF_INET, addr, text, sizeof text));
}

/* Each option of the reply that the question asked for. */
static void print_wanted(const struct ask *a, const uint8_t *b, size_t len)
{
	const uint8_t *val;

	for (size_t i = 0; i < a->n_wants; i++) {
		int size = reply_option(b, len, a->wants[i], &val);

		if (size >= 0)
			printf(" %u=", a->wants[i]);
		for (int j = 0; j < size; j++)
			printf("%02x", val[j]);
	}
}

static void print_reply(const struct ask *a, const uint8_t *b, size_t len)
{
	static const char *const types[] = { "?", "?", "offer", "?", "?", "ack", "nak" };
	const uint8_t *val;

	if (reply_option(b, len, 53, &val) != 1 || val[0] >= ARRAY_LEN(types))
		die("a reply without a type");
	print_addr(types[val[0]], b + 16);
	if (reply_option(b, len, 54, &val) == 4)
		print_addr(" id", val);
	if (reply_option(b, len, 3, &val) == 4)
		print_addr(" router", val);
	print_wanted(a, b, len);
}

/* Length of the answer, or 0 after ms. */
static size_t exchange(int fd, const struct ask *a, int ms, uint8_t *reply, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (sendto(fd, a->packet.b, a->packet.len, 0, (const struct sockaddr *)&a->server,
		    sizeof a->server) < 0)
		die(strerror(errno));
	if (poll(&p, 1, ms) <= 0)
		return 0;
	n = recv(fd, reply, size, 0);
	return n > 0 ? (size_t)n : 0;
}

int main(int argc, char **argv)
{
	struct ask a = { .server = { .sin_family = AF_INET, .sin_port = htons(67) },
		.relay = { .sin_family = AF_INET, .sin_port = htons(67) },
		.wait_ms = 1000 };
	const uint64_t start = now_mono_ms();
	uint8_t reply[2048];
	size_t len;
	int fd;

	read_words(&a, argc, argv);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a.relay, sizeof a.relay) < 0)
		die(strerror(errno));
	len = exchange(fd, &a, a.repeat_ms ? 5 : a.wait_ms, reply, sizeof reply);
	while (!len && now_mono_ms() - start < (uint64_t)a.repeat_ms)
		len = exchange(fd, &a, 5, reply, sizeof reply);
	close(fd);
	if (len)
		print_reply(&a, reply, len);
	else
		printf("silence");
	if (a.repeat_ms)
		printf(" after %llu ms", (unsigned long long)(now_mono_ms() - start));
	putchar('\n');
	return 0;
}
