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

static void make_links(void)
{
	for (int i = 0; i < LINKS; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
			exit(2);
		server.core_side[i] = pair[0];
		server.role_side[i] = pair[1];
	}
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
		[MSG_HTTP_REQUEST] = sizeof(struct http_request),
		[MSG_HTTP_ANSWER] = sizeof(struct http_answer),
		[MSG_BLOB_EVENT] = sizeof(struct blob_event),
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
	result("sign survives and signs", is_alive(pid) && a && a->error == 0 && a->ticket_len > 0);
	strcpy(q.host, "a\",\"x\":\"");
	msg_send(server.core_side[LINK_SIGN], MSG_SIGN_REQUEST, 79, &q, sizeof q, NULL, 0);
	a = await(server.core_side[LINK_SIGN], MSG_SIGN_ANSWER, 79);
	result("sign refuses a host's name that would change the ticket", a && a->error != 0);
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
	unsigned seed = (unsigned)getpid();

	if (argc != 2)
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
		.packet = -1 };
	strcpy(server.url, "http://10.77.0.1");
	snprintf(path, sizeof path, "%s/blobs", argv[1]);
	blobs_init(path);
	server.site_key = sign_key_open(argv[1]);
	make_links();
	signal(SIGPIPE, SIG_IGN);
	test_core();
	make_links();
	test_sign();
	return failed;
}
