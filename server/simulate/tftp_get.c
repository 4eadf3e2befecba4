/*
 *   RRQ    | 0 1 | file NUL | "octet" NUL | name NUL value NUL ... |
 *   DATA   | 0 3 | block | bytes, the last block shorter |
 *   ACK    | 0 4 | block |
 *   ERROR  | 0 5 | code | text NUL |
 *   OACK   | 0 6 | name NUL value NUL ... |
 */
#include "server/simulate/tftp_get.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/bytes.h"

enum { RRQ = 1, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 };

#define PORT	     69
#define BLOCK_SIZE   1468 /* what fits one Ethernet frame; EDK2 asks for it */
#define BLOCK_PLAIN  512  /* of a server that knows no options */
#define TRIES_MAX    6
#define FIRST_MS     4000 /* EDK2's timeout */
#define PACKETS_ONCE 64

static int give_up(struct tftp_get *t, int err, const char *why)
{
	snprintf(t->why, sizeof t->why, "%s", why);
	return err;
}

static void say(struct tftp_get *t, uint64_t now_ms)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(t->peer ? t->peer : PORT),
		.sin_addr.s_addr = htonl(t->server) };

	/* a datagram that cannot be sent is lost like any other */
	sendto(t->fd, t->sent, t->sent_len, MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof to);
	t->due_ms = now_ms + FIRST_MS;
}

static void put_text(struct wr *w, const char *s)
{
	wr_put(w, s, strlen(s) + 1);
}

int tftp_get_open(
	struct tftp_get *t, uint32_t from, uint32_t server, const char *file, uint64_t now_ms)
{
	const struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(from) };
	struct wr w = { t->sent, t->sent + sizeof t->sent, false };

	*t = (struct tftp_get){ .fd = -1, .server = server, .block_size = BLOCK_PLAIN };
	wr_u16(&w, RRQ);
	put_text(&w, file);
	put_text(&w, "octet");
	put_text(&w, "tsize");
	put_text(&w, "0");
	put_text(&w, "blksize");
	put_text(&w, "1468");
	if (w.bad)
		return -ENAMETOOLONG;
	t->sent_len = (size_t)(w.p - t->sent);
	t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0 || bind(t->fd, (const struct sockaddr *)&here, sizeof here) < 0) {
		int rc = -errno;

		tftp_get_close(t);
		return rc;
	}
	say(t, now_ms);
	return 0;
}

void tftp_get_close(struct tftp_get *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static void acknowledge(struct tftp_get *t, uint64_t now_ms)
{
	struct wr w = { t->sent, t->sent + sizeof t->sent, false };

	wr_u16(&w, ACK);
	wr_u16(&w, t->block);
	t->sent_len = (size_t)(w.p - t->sent);
	t->tries = 0;
	say(t, now_ms);
}

/* The next text of an OACK, or NULL at its end. */
static const char *next_text(struct rd *r)
{
	const char *s = (const char *)r->p;
	size_t n = strnlen(s, rd_left(r));

	return n < rd_left(r) && rd_take(r, n + 1) ? s : NULL;
}

static int on_oack(struct tftp_get *t, struct rd *r, uint64_t now_ms)
{
	const char *name, *value;

	if (t->block || t->bytes)
		return 0; /* an old one */
	while ((name = next_text(r)) && (value = next_text(r))) {
		const unsigned long long n = strtoull(value, NULL, 10);

		if (!strcasecmp(name, "tsize"))
			t->total = n;
		else if (!strcasecmp(name, "blksize"))
			t->block_size = (size_t)n;
	}
	if (t->block_size < 8 || t->block_size > BLOCK_SIZE)
		return give_up(t, -EPROTO, "the server wants another block size than asked for");
	acknowledge(t, now_ms);
	return 0;
}

static int on_data(struct tftp_get *t, struct rd *r, uint64_t now_ms)
{
	const uint16_t block = rd_u16(r);
	const size_t len = rd_left(r);

	if (r->bad || len > t->block_size)
		return give_up(t, -EPROTO, "a block is longer than agreed");
	if (block != (uint16_t)(t->block + 1))
		return 0; /* one that was acknowledged already: the answer is due when it is due */
	t->block = block;
	t->bytes += len;
	acknowledge(t, now_ms);
	if (len == t->block_size)
		return 0;
	if (t->total && t->bytes != t->total)
		return give_up(t, -EPROTO, "the file has another length than the server said");
	return 1;
}

static int on_error(struct tftp_get *t, struct rd *r)
{
	const unsigned code = rd_u16(r);
	const char *text = r->bad ? NULL : next_text(r);

	snprintf(t->why, sizeof t->why, "the server refused: %.60s (%u)", text ? text : "", code);
	return -ECONNRESET;
}

static int on_packet(struct tftp_get *t, const uint8_t *p, size_t len, uint64_t now_ms)
{
	struct rd r = { p, p + len, false };

	switch (rd_u16(&r)) {
	case OACK:
		return on_oack(t, &r, now_ms);
	case DATA:
		return on_data(t, &r, now_ms);
	case ERROR:
		return on_error(t, &r);
	default:
		return give_up(t, -EPROTO, "a packet that is no answer to a read");
	}
}

int tftp_get_on_input(struct tftp_get *t, uint64_t now_ms)
{
	uint8_t b[BLOCK_SIZE + 64];
	int rc = 0;

	for (int i = 0; i < PACKETS_ONCE && rc == 0; i++) {
		struct sockaddr_in from = { 0 };
		socklen_t from_len = sizeof from;
		ssize_t n = recvfrom(t->fd, b, sizeof b, 0, (struct sockaddr *)&from, &from_len);

		if (n < 0)
			return 0; /* nothing more, or the port was closed: due_ms decides */
		if (ntohl(from.sin_addr.s_addr) != t->server ||
			(t->peer && ntohs(from.sin_port) != t->peer))
			continue;
		t->peer = ntohs(from.sin_port);
		rc = on_packet(t, b, (size_t)n, now_ms);
	}
	return rc;
}

int tftp_get_on_due(struct tftp_get *t, uint64_t now_ms)
{
	if (++t->tries == TRIES_MAX)
		return give_up(t, -ETIMEDOUT, "the server stopped answering");
	say(t, now_ms);
	return 0;
}
