/*
 * Feed each role's link with garbage, as a peer that was taken over might: random bytes, messages
 * of every type with random bodies, valid bodies with flipped bits, wrong lengths. The role must
 * live on and answer the next good question. Prints "ok ..." lines; its argument is a scratch
 * folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/blobs.h"
#include "images/minisig.h"
#include "server/bytes.h"
#include "server/log.h"
#include "server/msg.h"
#include "server/net/arp.h"
#include "server/server.h"
#include "server/sign/sign.h"

#define MESSAGES 20000

static struct server server;
static int failed;

static void result(const char *name, int ok)
{
	printf("%sok garbage: %s\n", ok ? "" : "not ", name);
	failed |= !ok;
}

static void random_bytes(void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)random();
}

static void make_import_link(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		exit(2);
	server.http_side[HTTP_IMPORT] = pair[0];
	server.asked_side[HTTP_IMPORT] = pair[1];
}

static void make_links(void)
{
	for (int i = 0; i < LINKS; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
			exit(2);
		server.core_side[i] = pair[0];
		server.role_side[i] = pair[1];
	}
	make_import_link();
}

static pid_t start(int (*role)(const struct server *))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(role(&server));
	return pid;
}

/* Take and forget what the role says, so that it never has to wait for us. */
static void drain(int fd)
{
	static uint8_t buf[MSG_MAX];

	while (recv(fd, buf, sizeof buf, MSG_DONTWAIT) > 0)
		;
}

/* The next message of this type within 5 s, or NULL. */
static const void *await(int fd, uint32_t type, uint64_t id)
{
	static _Alignas(8) uint8_t buf[MSG_MAX];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct msg_head head;
		const void *body;

		if (poll(&p, 1, 5000) != 1)
			return NULL;
		if (msg_recv(fd, buf, &head, &body) == 1 && head.type == type && head.id == id)
			return body;
	}
}

static size_t body_size(uint32_t type)
{
	static const size_t sizes[MSG_TYPES] = {
		[MSG_DHCP_QUERY] = sizeof(struct dhcp_query),
		[MSG_DHCP_ANSWER] = sizeof(struct dhcp_answer),
		[MSG_PROBE] = sizeof(struct probe),
		[MSG_PROBE_ANSWER] = sizeof(struct probe_answer),
		[MSG_DHCP_SEEN] = sizeof(struct dhcp_seen),
		[MSG_HTTP_REQUEST] = sizeof(struct http_request),
		[MSG_HTTP_ANSWER] = sizeof(struct http_answer),
		[MSG_BLOB_EVENT] = sizeof(struct blob_event),
		[MSG_IMPORT_REQUEST] = sizeof(struct import_request),
		[MSG_TFTP_READ] = sizeof(struct tftp_read),
		[MSG_SIGN_REQUEST] = sizeof(struct sign_request),
		[MSG_SIGN_ANSWER] = sizeof(struct sign_answer),
	};

	return sizes[type];
}

/* One message that nobody should send. */
static void send_garbage(int fd)
{
	static _Alignas(8) uint8_t buf[8192];
	struct msg_head *head = (struct msg_head *)(void *)buf;
	uint32_t type = 1 + (uint32_t)random() % (MSG_TYPES - 1);
	size_t len = body_size(type);

	memset(buf, 0, sizeof buf);
	switch (random() % 4) {
	case 0: /* noise */
		random_bytes(buf, sizeof buf);
		send(fd, buf, 1 + (size_t)random() % sizeof buf, MSG_DONTWAIT);
		return;
	case 1: /* the right length, random fields */
		random_bytes(buf + sizeof *head, len);
		break;
	case 2: /* the wrong length */
		len = (size_t)random() % (sizeof buf - sizeof *head);
		random_bytes(buf + sizeof *head, len);
		break;
	default: /* zeros with a few random bytes */
		for (int i = 0; i < 8 && len; i++)
			buf[sizeof *head + (size_t)random() % len] = (uint8_t)random();
	}
	*head = (struct msg_head){ type, (uint32_t)len, (uint64_t)random() };
	send(fd, buf, sizeof *head + len, MSG_DONTWAIT);
}

static void feed(int fd)
{
	for (int i = 0; i < MESSAGES; i++) {
		send_garbage(fd);
		drain(fd);
		if (i % 64 == 0)
			usleep(500); /* let it catch up: full queues would hide the messages */
	}
}

static int is_alive(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

/* What is there of a blob that nobody has sent? */
static int import_answers(void)
{
	const struct import_request q = { .op = IMPORT_CHECK, .digest = { 1 } };
	const struct http_answer *a;

	/* its queue may be full of what it has yet to refuse */
	for (int i = 0; i < 50; i++) {
		drain(server.http_side[HTTP_IMPORT]);
		if (msg_send(server.http_side[HTTP_IMPORT], MSG_IMPORT_REQUEST, 79, &q, sizeof q,
			    NULL, 0) == 0)
			break;
		usleep(100000);
	}
	a = await(server.http_side[HTTP_IMPORT], MSG_HTTP_ANSWER, 79);
	return a && a->status == 200 && strstr((const char *)(a + 1), "missing");
}

static void test_import(void)
{
	pid_t pid = start(import_main);

	result("import answers at first", import_answers());
	feed(server.http_side[HTTP_IMPORT]);
	result("import survives and answers", is_alive(pid) && import_answers());
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

static int core_answers(void)
{
	struct http_request q = {
		.method = HTTP_GET, .peer = HTTP_PEER_UNIX, .path = "/api/v1/status"
	};
	const struct http_answer *a;

	for (int i = 0; i < 50; i++) {
		drain(server.role_side[LINK_HTTP]);
		if (msg_send(server.role_side[LINK_HTTP], MSG_HTTP_REQUEST, 77, &q, sizeof q, NULL,
			    0) == 0)
			break;
		usleep(100000);
	}
	a = await(server.role_side[LINK_HTTP], MSG_HTTP_ANSWER, 77);
	return a && a->status == 200;
}

static void test_core(void)
{
	static const char *const names[LINKS] = { "net", "http", "sign", "tftp" };
	pid_t pid = start(core_main);

	result("core answers at first", core_answers());
	for (int i = 0; i < LINKS; i++) {
		char name[80];

		feed(server.role_side[i]);
		snprintf(
			name, sizeof name, "core survives %d messages from %s", MESSAGES, names[i]);
		result(name, is_alive(pid) && core_answers());
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

static void test_sign(void)
{
	struct sign_request q = { .host = "n01", .boot = 1 };
	const struct sign_answer *a;
	pid_t pid = start(sign_main);

	feed(server.core_side[LINK_SIGN]);
	drain(server.core_side[LINK_SIGN]);
	msg_send(server.core_side[LINK_SIGN], MSG_SIGN_REQUEST, 78, &q, sizeof q, NULL, 0);
	a = await(server.core_side[LINK_SIGN], MSG_SIGN_ANSWER, 78);
	result("sign survives and signs", is_alive(pid) && a && a->error == 0 && a->text_len > 0);
	strcpy(q.host, "a\",\"x\":\"");
	msg_send(server.core_side[LINK_SIGN], MSG_SIGN_REQUEST, 79, &q, sizeof q, NULL, 0);
	a = await(server.core_side[LINK_SIGN], MSG_SIGN_ANSWER, 79);
	result("sign refuses a host's name that would change the ticket", a && a->error != 0);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

/* ---- net: it also hears frames, here from the other ends of pairs ---- */

static int frames, heard[LISTENS]; /* what it sends, and where it listens */

static int frame_pair(int *theirs)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) < 0)
		exit(2);
	*theirs = pair[1];
	return pair[0];
}

static void feed_frames(void)
{
	uint8_t frame[1514];

	for (int i = 0; i < MESSAGES; i++) {
		const size_t len = (size_t)random() % sizeof frame;

		random_bytes(frame, len);
		send(heard[i % LISTENS], frame, len, MSG_DONTWAIT);
		if (i % 64 == 0)
			usleep(500);
	}
}

/* Ask for an address, answer the ARP probe that comes of it, and be told. */
static int net_asks(void)
{
	const struct probe ask = { .addr = 0x0a4d0064 };
	struct pollfd p = { .fd = frames, .events = POLLIN };
	const struct probe_answer *a;
	uint8_t frame[1514], answer[ARP_FRAME];

	drain(frames);
	drain(server.core_side[LINK_NET]);
	msg_send(server.core_side[LINK_NET], MSG_PROBE, 80, &ask, sizeof ask, NULL, 0);
	do {
		if (poll(&p, 1, 5000) != 1)
			return 0;
	} while (recv(frames, frame, sizeof frame, 0) != ARP_FRAME ||
		 memcmp(frame + 38, "\x0a\x4d\x00\x64", 4));
	arp_probe((const uint8_t[6]){ 0x52, 0x54, 0, 0, 0, 9 }, 0, answer);
	answer[21] = 2;					 /* "here" ... */
	memcpy(answer + 28, frame + 38, 4);		 /* ... is that address ... */
	memcpy(answer + 32, server.endpoints[0].mac, 6); /* ... for us */
	send(heard[LISTEN_ARP], answer, sizeof answer, 0);
	a = await(server.core_side[LINK_NET], MSG_PROBE_ANSWER, 80);
	return a && a->addr == ask.addr && a->has_mac && a->mac[5] == 9;
}

static void test_net(void)
{
	struct endpoint *ep = &server.endpoints[0];
	pid_t pid;

	frames = frame_pair(&ep->packet);
	for (int i = 0; i < LISTENS; i++)
		heard[i] = frame_pair(&ep->listen[i]);
	pid = start(net_main);
	result("net asks at first", net_asks());
	feed(server.core_side[LINK_NET]);
	result("net survives messages and asks", is_alive(pid) && net_asks());
	feed_frames();
	result("net survives frames and asks", is_alive(pid) && net_asks());
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	static struct config_subnet subnet = { .net = 0x0a4d0000,
		.mask = 0xffffff00,
		.prefix = 24,
		.n_ranges = 1,
		.ranges = { { 0x0a4d0064, 0x0a4d00c8 } } };
	char path[600];
	unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : (unsigned)getpid();

	if (argc < 2)
		return 2;
	printf("# seed %u\n", seed);
	srandom(seed);
	log_level(LOG_LEVEL_ERROR);
	config_defaults(&server.cfg);
	snprintf(server.cfg.state_dir, sizeof server.cfg.state_dir, "%s", argv[1]);
	server.cfg.admission = ADMISSION_OPEN;
	server.cfg.n_subnets = 1;
	server.cfg.subnets = &subnet;
	server.n_endpoints = 1;
	server.endpoints[0] = (struct endpoint){ .ifname = "lo",
		.addr = 0x0a4d0001,
		.mask = 0xffffff00,
		.udp67 = -1,
		.udp4011 = -1,
		.packet = -1,
		.mac = { 0x52, 0x54, 0, 0, 0, 0xfe },
		.listen = { -1, -1, -1 },
		.ipv6_forwarding = -1 };
	server.icmp = server.ipv6_addrs = -1;
	strcpy(server.url, "http://10.77.0.1");
	snprintf(path, sizeof path, "%s/blobs", argv[1]);
	blobs_init(path, (uid_t)-1, (gid_t)-1);
	server.blob_dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	server.site_key = sign_key_open(argv[1]);
	make_links();
	signal(SIGPIPE, SIG_IGN);
	test_core();
	make_links();
	test_sign();
	make_links();
	test_import();
	make_links();
	test_net();
	return failed;
}
