/*
 * dhcp_load: many DHCP clients behind one relay, and a strict judge of what they are told.
 *
 *   dhcp_load -s SERVER -g RELAY -p FIRST-LAST [-n CLIENTS] [-w WINDOW] [-b FIRST_CLIENT]
 *             [-r RESEND_MS] [-t SECONDS] [-l PER_SECOND] [-x]
 *
 * Each client takes one address: DISCOVER, OFFER, REQUEST, ACK (RFC 2131 section 3.1). At most
 * WINDOW of them are under way; the next starts when one ends. A client repeats what is not
 * answered within RESEND_MS, four times at most; a NAK sends it back to its DISCOVER, three times
 * at most. With -l no more than PER_SECOND of them begin in a second. With -x the clients say what
 * UEFI firmware says (options 60, 93, 97), else nothing special. RELAY is an address of this
 * machine: every answer goes there, so that one socket does for all.
 *
 * SIGTERM ends it as the limit of SECONDS does.
 *
 * Packets are built and read here, not by the server's codec, whose mistakes would else look right.
 * Prints one line of key=value. Exit status: 0 when each client got an address of its own and no
 * answer was wrong, 1 when not, 2 when it could not be tried.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "server/bytes.h"

#define BATCH	      64
#define PACKET_MAX    576
#define RECEIVE_MAX   1500
#define HEADER_LEN    240 /* to the end of the cookie */
#define COOKIE	      0x63825363
#define SENDS_MAX     4
#define ROUNDS_MAX    4
#define CLIENTS_MAX   (1u << 24) /* the transaction id's high byte holds the round */
#define SOCKET_BUFFER (4 << 20)
#define TICK_US	      20000 /* how often resends are looked for when nothing arrives */

enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, NAK = 6 };
enum state { IDLE, SELECTING, REQUESTING, ENDED };

struct client {
	uint8_t state;
	uint8_t round; /* DISCOVERs after a NAK */
	uint8_t sends; /* of the message that waits for its answer */
	uint32_t offered, server_id;
	uint32_t place; /* in load.active */
	uint64_t began_ns, sent_ns;
};

/* What was read from one packet, in host order. */
struct answer {
	uint32_t xid, yiaddr, giaddr, server_id, lease_s;
	uint8_t type;
	uint8_t mac[6];
};

struct outbox {
	unsigned n;
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	uint8_t packets[BATCH][PACKET_MAX];
};

struct load {
	uint32_t server, relay, first, last;
	uint32_t n_clients, window, first_client;
	uint32_t per_s; /* 0: as many as can be */
	uint64_t resend_ns, limit_ns, began_ns;
	bool firmware;

	int fd;
	struct client *clients;
	uint32_t *active; /* clients under way */
	uint32_t n_active, n_started;
	uint32_t *owner; /* of the address first + index: client + 1, 0: nobody */
	struct outbox out;

	float *latency_ms; /* of each client that was served */
	uint32_t n_served, n_failed, n_resent, n_naks, n_wrong, n_late;
	const char *first_wrong;
};

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "dhcp_load: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- what a client says ---- */

/* Unlike neighbours, as in a mixed room: an odd factor makes it one-to-one on 40 bits. */
static void mac_of(const struct load *l, uint32_t index, uint8_t mac[6])
{
	const uint64_t mixed = (uint64_t)(l->first_client + index) * 0x9e3779b97f4a7c15u;

	mac[0] = 0x02; /* locally administered, one host */
	for (int i = 0; i < 5; i++)
		mac[1 + i] = (uint8_t)(mixed >> (32 - 8 * i));
}

static uint32_t xid_of(const struct load *l, uint32_t index)
{
	return (uint32_t)l->clients[index].round << 24 | index;
}

static void put_option(struct wr *w, uint8_t tag, const void *value, uint8_t len)
{
	wr_u8(w, tag);
	wr_u8(w, len);
	wr_put(w, value, len);
}

static void put_option_u32(struct wr *w, uint8_t tag, uint32_t value)
{
	wr_u8(w, tag);
	wr_u8(w, sizeof value);
	wr_u32(w, value);
}

/* As EDK2 asks on x86-64. */
static void put_firmware(struct wr *w, const uint8_t mac[6])
{
	static const char class[] = "PXEClient:Arch:00007:UNDI:003016";
	uint8_t uuid[17] = { 0, 0x6d, 0x75, 0x73, 0x74 };

	memcpy(uuid + 11, mac, 6);
	put_option(w, 97, uuid, sizeof uuid);
	put_option(w, 93, "\0\7", 2);
	put_option(w, 94, "\1\3\x10", 3);
	put_option(w, 60, class, sizeof class - 1);
}

static size_t build(const struct load *l, uint32_t index, uint8_t type, uint8_t packet[PACKET_MAX])
{
	static const uint8_t request[] = { 1, 1, 6, 1 }; /* from a client, Ethernet, one relay */
	static const uint8_t wanted[] = { 1, 3, 6, 15, 28, 51, 54, 58, 59, 66, 67 };
	const struct client *c = &l->clients[index];
	struct wr w = { packet, packet + PACKET_MAX, false };
	uint8_t mac[6];

	mac_of(l, index, mac);
	wr_put(&w, request, sizeof request);
	wr_u32(&w, xid_of(l, index));
	wr_put(&w, NULL, 16); /* secs, flags, ciaddr, yiaddr, siaddr */
	wr_u32(&w, l->relay);
	wr_put(&w, mac, sizeof mac);
	wr_put(&w, NULL, 10 + 64 + 128); /* rest of chaddr, sname, file */
	wr_u32(&w, COOKIE);
	put_option(&w, 53, &type, 1);
	if (type == REQUEST) {
		put_option_u32(&w, 50, c->offered);
		put_option_u32(&w, 54, c->server_id);
	}
	put_option(&w, 57, "\x05\xc0", 2); /* 1472 bytes are welcome */
	put_option(&w, 55, wanted, sizeof wanted);
	if (l->firmware)
		put_firmware(&w, mac);
	wr_u8(&w, 255);
	if (w.p - packet < 300)
		wr_put(&w, NULL, (size_t)(300 - (w.p - packet))); /* RFC 1542 section 2.1 */
	return (size_t)(w.p - packet);
}

static void flush(struct load *l)
{
	unsigned sent = 0;

	while (sent < l->out.n) {
		int n = sendmmsg(l->fd, l->out.messages + sent, l->out.n - sent, 0);

		if (n > 0)
			sent += (unsigned)n;
		else if (errno == ECONNREFUSED) /* of an earlier packet: nobody listens yet */
			continue;
		else if (errno != EINTR)
			die("send");
	}
	l->out.n = 0;
}

static void say(struct load *l, uint32_t index, uint64_t now)
{
	struct client *c = &l->clients[index];
	const unsigned i = l->out.n++;

	l->out.pieces[i].iov_base = l->out.packets[i];
	l->out.pieces[i].iov_len =
		build(l, index, c->state == SELECTING ? DISCOVER : REQUEST, l->out.packets[i]);
	l->out.messages[i] =
		(struct mmsghdr){ .msg_hdr = { .msg_iov = &l->out.pieces[i], .msg_iovlen = 1 } };
	c->sends++;
	c->sent_ns = now;
	if (l->out.n == BATCH)
		flush(l);
}

static void enter(struct load *l, uint32_t index, enum state state, uint64_t now)
{
	l->clients[index].state = (uint8_t)state;
	l->clients[index].sends = 0;
	say(l, index, now);
}

static void end(struct load *l, uint32_t index)
{
	const uint32_t place = l->clients[index].place, moved = l->active[--l->n_active];

	l->active[place] = moved;
	l->clients[moved].place = place;
	l->clients[index].state = ENDED;
}

static void give_up(struct load *l, uint32_t index)
{
	l->n_failed++;
	end(l, index);
}

/* How many may have begun by now. */
static uint64_t due(const struct load *l, uint64_t now)
{
	const uint64_t n = l->per_s ? (now - l->began_ns) * l->per_s / 1000000000 + 1 : UINT64_MAX;

	return n < l->n_clients ? n : l->n_clients;
}

static void fill_window(struct load *l)
{
	const uint64_t now = now_ns(), n_due = due(l, now);

	while (l->n_active < l->window && l->n_started < n_due) {
		const uint32_t index = l->n_started++;

		l->clients[index].began_ns = now;
		l->clients[index].place = l->n_active;
		l->active[l->n_active++] = index;
		enter(l, index, SELECTING, now);
	}
}

static void resend(struct load *l)
{
	const uint64_t now = now_ns();

	for (uint32_t i = l->n_active; i-- > 0;) {
		const struct client *c = &l->clients[l->active[i]];

		if (now - c->sent_ns < l->resend_ns)
			continue;
		if (c->sends == SENDS_MAX) {
			give_up(l, l->active[i]);
			continue;
		}
		l->n_resent++;
		say(l, l->active[i], now);
	}
}

/* ---- what a client is told ---- */

/* Returns NULL, or what is wrong with an option. */
static const char *read_option(uint8_t tag, uint8_t len, struct rd *value, struct answer *a)
{
	if ((tag == 51 || tag == 54) && len != 4)
		return "an option that should have 4 bytes";
	if (tag == 53 && len != 1)
		return "option 53 does not have 1 byte";
	if (tag == 51)
		a->lease_s = rd_u32(value);
	else if (tag == 53)
		a->type = rd_u8(value);
	else if (tag == 54)
		a->server_id = rd_u32(value);
	return NULL;
}

static const char *read_options(struct rd *r, struct answer *a)
{
	const char *why = NULL;

	while (!why) {
		const uint8_t tag = rd_u8(r);
		uint8_t len;
		struct rd value;

		if (r->bad)
			return "no END option";
		if (tag == 0)
			continue;
		if (tag == 255)
			return NULL;
		len = rd_u8(r);
		value.p = rd_take(r, len);
		if (!value.p)
			return "an option runs past the end";
		value.end = value.p + len;
		value.bad = false;
		why = read_option(tag, len, &value, a);
	}
	return why;
}

/* Returns NULL with *a filled, or what is wrong with the packet whoever it is for. */
static const char *read_answer(const uint8_t *packet, size_t len, struct answer *a)
{
	static const uint8_t reply[] = { 2, 1, 6 };
	struct rd r = { packet, packet + len, false };
	const char *why;

	if (len < HEADER_LEN)
		return "shorter than a header";
	*a = (struct answer){ 0 };
	if (memcmp(rd_take(&r, 4), reply, sizeof reply))
		return "not an answer to an Ethernet client";
	a->xid = rd_u32(&r);
	rd_take(&r, 8); /* secs, flags, ciaddr */
	a->yiaddr = rd_u32(&r);
	rd_take(&r, 4); /* siaddr */
	a->giaddr = rd_u32(&r);
	memcpy(a->mac, rd_take(&r, 6), 6);
	rd_take(&r, 10 + 64 + 128);
	if (rd_u32(&r) != COOKIE)
		return "wrong cookie";
	why = read_options(&r, a);
	return why ? why : a->server_id ? NULL : "no server identifier";
}

/* Returns NULL, or why no client may take this address for a time. */
static const char *judge_lease(const struct load *l, const struct answer *a)
{
	if (a->yiaddr < l->first || a->yiaddr > l->last)
		return "an address outside the range";
	return a->lease_s ? NULL : "no lease time";
}

static const char *on_offer(struct load *l, uint32_t index, const struct answer *a, uint64_t now)
{
	struct client *c = &l->clients[index];
	const char *why = judge_lease(l, a);

	if (why)
		return why;
	c->offered = a->yiaddr;
	c->server_id = a->server_id;
	enter(l, index, REQUESTING, now);
	return NULL;
}

static const char *on_ack(struct load *l, uint32_t index, const struct answer *a, uint64_t now)
{
	const struct client *c = &l->clients[index];
	const char *why = judge_lease(l, a);

	if (why)
		return why;
	if (a->yiaddr != c->offered)
		return "another address than offered";
	if (a->server_id != c->server_id)
		return "another server identifier than in the offer";
	if (l->owner[a->yiaddr - l->first])
		return "an address that another client has";
	l->owner[a->yiaddr - l->first] = index + 1;
	l->latency_ms[l->n_served++] = (float)(now - c->began_ns) / 1e6f;
	end(l, index);
	return NULL;
}

static const char *on_nak(struct load *l, uint32_t index, uint64_t now)
{
	l->n_naks++;
	if (++l->clients[index].round == ROUNDS_MAX)
		give_up(l, index);
	else
		enter(l, index, SELECTING, now);
	return NULL;
}

/* Returns NULL, or what is wrong. An answer to what was said twice may come twice. */
static const char *on_answer(struct load *l, const struct answer *a, uint64_t now)
{
	const uint32_t index = a->xid & (CLIENTS_MAX - 1);
	const struct client *c;
	uint8_t mac[6];

	if (index >= l->n_started || a->xid >> 24 > l->clients[index].round)
		return "a transaction id that nobody used";
	c = &l->clients[index];
	mac_of(l, index, mac);
	if (memcmp(mac, a->mac, sizeof mac))
		return "the hardware address of another client";
	if (a->giaddr != l->relay)
		return "giaddr is not the relay's";
	if (a->xid == xid_of(l, index)) {
		if (c->state == SELECTING && a->type == OFFER)
			return on_offer(l, index, a, now);
		if (c->state == REQUESTING && a->type == ACK)
			return on_ack(l, index, a, now);
		if (c->state == REQUESTING && a->type == NAK)
			return on_nak(l, index, now);
		if (c->state == SELECTING)
			return "an answer to what was not asked";
	}
	l->n_late++;
	return NULL;
}

static void receive(struct load *l)
{
	static uint8_t packets[BATCH][RECEIVE_MAX];
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec pieces[BATCH];
	uint64_t now;
	int got;

	for (int i = 0; i < BATCH; i++) {
		pieces[i] = (struct iovec){ packets[i], RECEIVE_MAX };
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	got = recvmmsg(l->fd, messages, BATCH, MSG_WAITFORONE, NULL);
	if (got < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
		die("receive");
	now = now_ns();
	for (int i = 0; i < got; i++) {
		struct answer a;
		const char *why = read_answer(packets[i], messages[i].msg_len, &a);

		if (!why)
			why = on_answer(l, &a, now);
		if (why && !l->n_wrong++)
			l->first_wrong = why;
	}
}

/* ---- the run ---- */

/* Connected: the kernel passes on nothing but what comes from the server's port 67. */
static int open_socket(const struct load *l)
{
	const struct timeval tick = { .tv_usec = TICK_US };
	const int size = SOCKET_BUFFER;
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(67), .sin_addr.s_addr = htonl(l->relay)
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
	if (bind(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		die("bind to the relay's port 67");
	a.sin_addr.s_addr = htonl(l->server);
	if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		die("connect");
	return fd;
}

static void *room(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		die("memory");
	return p;
}

static void prepare(struct load *l)
{
	l->clients = room(l->n_clients, sizeof *l->clients);
	l->active = room(l->window, sizeof *l->active);
	l->owner = room((size_t)(l->last - l->first) + 1, sizeof *l->owner);
	l->latency_ms = room(l->n_clients, sizeof *l->latency_ms);
	l->fd = open_socket(l);
}

/* Returns how long it took, in seconds. */
static double run(struct load *l)
{
	const uint64_t began = now_ns();
	uint64_t now = began, looked = began;

	l->began_ns = began;
	while (now - began < l->limit_ns && !ended) {
		fill_window(l);
		flush(l);
		if (!l->n_active && l->n_started == l->n_clients)
			break;
		receive(l);
		now = now_ns();
		if (now - looked >= TICK_US * 1000) {
			looked = now;
			resend(l);
		}
	}
	return (double)(now_ns() - began) / 1e9;
}

static int by_value(const void *a, const void *b)
{
	const float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double percentile(const struct load *l, uint32_t percent)
{
	return l->n_served ? (double)l->latency_ms[(uint64_t)(l->n_served - 1) * percent / 100] : 0;
}

static int report(const struct load *l, double seconds)
{
	qsort(l->latency_ms, l->n_served, sizeof *l->latency_ms, by_value);
	printf("served=%u per_s=%.1f p50_ms=%.3f p99_ms=%.3f max_ms=%.3f seconds=%.3f failed=%u"
	       " unfinished=%u wrong=%u naks=%u resent=%u late=%u\n",
		l->n_served, l->n_served / seconds, percentile(l, 50), percentile(l, 99),
		percentile(l, 100), seconds, l->n_failed, l->n_clients - l->n_served - l->n_failed,
		l->n_wrong, l->n_naks, l->n_resent, l->n_late);
	if (l->n_wrong)
		fprintf(stderr, "dhcp_load: %u wrong answers, the first: %s\n", l->n_wrong,
			l->first_wrong);
	return l->n_served < l->n_clients || l->n_wrong;
}

static void usage(void)
{
	fprintf(stderr, "usage: dhcp_load -s SERVER -g RELAY -p FIRST-LAST [-n CLIENTS] [-w WINDOW]"
			" [-b FIRST_CLIENT] [-r RESEND_MS] [-t SECONDS] [-l PER_SECOND] [-x]\n");
	exit(2);
}

static uint32_t parse_addr(const char *text)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		usage();
	return ntohl(a.s_addr);
}

static void parse_range(struct load *l, char *text)
{
	char *dash = strchr(text, '-');

	if (!dash)
		usage();
	*dash = '\0';
	l->first = parse_addr(text);
	l->last = parse_addr(dash + 1);
	if (l->last < l->first)
		usage();
}

static uint32_t parse_count(const char *text, uint32_t max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!n || *end || n > max)
		usage();
	return (uint32_t)n;
}

static void parse(struct load *l, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "s:g:p:n:w:b:r:t:l:x")) != -1) {
		switch (option) {
		case 's':
			l->server = parse_addr(optarg);
			break;
		case 'g':
			l->relay = parse_addr(optarg);
			break;
		case 'p':
			parse_range(l, optarg);
			break;
		case 'n':
			l->n_clients = parse_count(optarg, CLIENTS_MAX);
			break;
		case 'w':
			l->window = parse_count(optarg, CLIENTS_MAX);
			break;
		case 'b':
			l->first_client = parse_count(optarg, UINT32_MAX);
			break;
		case 'r':
			l->resend_ns = parse_count(optarg, 60000) * 1000000ull;
			break;
		case 't':
			l->limit_ns = parse_count(optarg, 3600) * 1000000000ull;
			break;
		case 'l':
			l->per_s = parse_count(optarg, 1000000);
			break;
		case 'x':
			l->firmware = true;
			break;
		default:
			usage();
		}
	}
	if (optind != argc || !l->server || !l->relay || !l->last)
		usage();
}

int main(int argc, char **argv)
{
	static struct load l = {
		.n_clients = 1000, .window = 64, .resend_ns = 1000000000, .limit_ns = 60000000000
	};

	parse(&l, argc, argv);
	signal(SIGTERM, on_term);
	prepare(&l);
	return report(&l, run(&l));
}
