/*
 * http_core DIR: the http role with short deadlines, and a stand-in for core that plays tricks.
 *
 * Listens on 127.0.0.1 (free ports, told on the first lines of output: "port N", and "tls N" with
 * the certificate DIR/tls.crt and its key DIR/tls.key) and on DIR/muster.sock; serves DIR/blobs.
 * Blob events are printed. Ends at SIGTERM with the role's exit status, so a leak that a sanitizer
 * finds there is seen. The paths below /api/v1 say what is done:
 *
 * - echo: the request's fields and body as text
 * - slow: an echo 300 ms later
 * - never: no answer
 * - pieces: 10 pieces of 60,000 bytes, each of one letter
 * - huge: more than HTTP_ANSWER_MAX
 * - stale: first an answer under another number, then an echo
 * - twice: two answers
 * - restart: forgotten at first; 300 ms later core says hello, and answers when it is asked again
 * - badtype: a Content-Type with a line feed, which http must not pass on
 * - full: stops reading for 3 s, so the link fills
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/digest.h"
#include "server/http/http.h"
#include "server/loop.h"
#include "server/msg.h"

static const struct http_limits limits = {
	.head_ms = 1500,
	.idle_ms = 4000,
	.body_ms = 1500,
	.ask_ms = 5000,
	.import_ms = 2000,
	.stall_ms = 2000,
	.stall_bytes = 2048,
	.least_bytes_s = 4 * 1024 * 1024,
	.sweep_ms = 50,
	.tcp_conns = 512,
	.tcp_conns_per_addr = 256,
	.unix_conns = 16,
};

struct later {
	uint64_t at_ms; /* 0: nothing */
	uint64_t id;
	struct http_request req;
};

static const char *dir;
static int fd; /* core's end */
static bool restarted;
static struct later slow, hello;
static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void answer(
	uint64_t id, unsigned status, const char *type, bool more, const void *p, size_t n)
{
	struct http_answer a = {
		.status = (uint16_t)status, .more = more, .body_len = (uint32_t)n
	};

	snprintf(a.type, sizeof a.type, "%s", type);
	while (msg_send(fd, MSG_HTTP_ANSWER, id, &a, sizeof a, p, n) == -EAGAIN)
		poll(NULL, 0, 5);
}

static void echo(uint64_t id, const struct http_request *r)
{
	static char text[HTTP_BODY_MAX + 4096];
	int n = snprintf(text, sizeof text,
		"method=%u peer=%u uid=%u host=%s bearer=%s path=%s query=%s body=", r->method,
		r->peer, r->uid, r->host, r->bearer, r->path, r->query);

	memcpy(text + n, r + 1, r->body_len);
	answer(id, 200, "text/plain", false, text, (size_t)n + r->body_len);
}

static void pieces(uint64_t id, unsigned count)
{
	static char piece[60000];

	for (unsigned i = 0; i < count; i++) {
		memset(piece, 'a' + (int)(i % 26), sizeof piece);
		answer(id, 200, "text/plain", i + 1 < count, piece, sizeof piece);
	}
}

static void agent_efi(uint64_t id)
{
	char path[256], hex[65] = "";
	FILE *f;

	snprintf(path, sizeof path, "%s/agent.hex", dir);
	f = fopen(path, "r");
	if (!f || !fgets(hex, sizeof hex, f))
		die(path);
	fclose(f);
	answer(id, 200, "application/x-muster-blob", false, hex, 64);
}

static void after(struct later *l, uint64_t id, const struct http_request *r)
{
	*l = (struct later){ .at_ms = now_mono_ms() + 300, .id = id, .req = *r };
	l->req.body_len = 0;
}

static void on_request(uint64_t id, const struct http_request *r)
{
	const char *what = strncmp(r->path, "/api/v1/", 8) == 0 ? r->path + 8 : r->path;

	if (strcmp(what, "/efi/agent.efi") == 0) {
		agent_efi(id);
	} else if (strcmp(what, "slow") == 0) {
		after(&slow, id, r);
	} else if (strcmp(what, "never") == 0) {
		return;
	} else if (strcmp(what, "pieces") == 0) {
		pieces(id, 10);
	} else if (strcmp(what, "huge") == 0) {
		pieces(id, HTTP_ANSWER_MAX / 60000 + 1);
	} else if (strcmp(what, "stale") == 0) {
		answer(id + (1u << 20), 200, "text/plain", false, "stale", 5);
		echo(id, r);
	} else if (strcmp(what, "twice") == 0) {
		echo(id, r);
		answer(id, 200, "text/plain", false, "second", 6);
	} else if (strcmp(what, "restart") == 0 && !restarted) {
		answer(id, 200, "text/plain", true, "half an answer", 14);
		after(&hello, id, r);
	} else if (strcmp(what, "badtype") == 0) {
		answer(id, 200, "text/plain\nX: y", false, "x", 1);
	} else if (strcmp(what, "full") == 0) {
		echo(id, r);
		poll(NULL, 0, 3000);
	} else {
		echo(id, r);
	}
}

static void on_blob(const struct blob_event *e)
{
	static const char *const phases[BLOB_PHASES] = { "started", "finished", "aborted" };
	struct digest d;
	char hex[DIGEST_HEX];

	memcpy(d.b, e->digest, sizeof d.b);
	digest_hex(&d, hex);
	printf("blob %s transfer=%llx bytes=%llu total=%llu loader=%u addr=%08x digest=%s name=%s\n",
		phases[e->phase], (unsigned long long)e->transfer, (unsigned long long)e->bytes,
		(unsigned long long)e->total, e->loader, e->addr, hex, e->name);
	fflush(stdout);
}

static void on_message(void)
{
	static _Alignas(8) uint8_t buf[MSG_MAX];
	struct msg_head m;
	const void *body;

	while (msg_recv(fd, buf, &m, &body) == 1) {
		if (m.type == MSG_HTTP_REQUEST &&
			msg_fixed(&m, body, sizeof(struct http_request), 0))
			on_request(m.id, body);
		else if (m.type == MSG_BLOB_EVENT &&
			 msg_fixed(&m, body, sizeof(struct blob_event), 1))
			on_blob(body);
	}
}

static void on_time(void)
{
	uint64_t now = now_mono_ms();

	if (slow.at_ms && now >= slow.at_ms) {
		slow.at_ms = 0;
		echo(slow.id, &slow.req);
	}
	if (hello.at_ms && now >= hello.at_ms) {
		hello.at_ms = 0;
		restarted = true;
		msg_send(fd, MSG_HELLO, 0, NULL, 0, NULL, 0);
	}
}

static int listen_tcp(const char *what)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&a, len) < 0 || listen(s, 512) < 0 ||
		getsockname(s, (struct sockaddr *)&a, &len) < 0)
		die("listen");
	printf("%s %u\n", what, ntohs(a.sin_port));
	fflush(stdout);
	return s;
}

static int listen_unix(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s/muster.sock", dir);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 64) < 0)
		die(a.sun_path);
	return s;
}

static int open_in_dir(const char *name, int flags)
{
	char path[256];
	int f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = open(path, flags | O_CLOEXEC);
	if (f < 0)
		die(path);
	return f;
}

static pid_t start_role(int link)
{
	static struct server s = { .http_unix = -1, .n_http = 1, .n_https = 1 };
	int to_import[2];
	pid_t pid;

	s.blobs = open_in_dir("blobs", O_PATH | O_DIRECTORY);
	s.loaders = open_in_dir("loaders", O_PATH | O_DIRECTORY);
	s.tls_cert = open_in_dir("tls.crt", O_RDONLY);
	s.tls_key = open_in_dir("tls.key", O_RDONLY);
	s.http[0] = listen_tcp("port");
	s.https[0] = listen_tcp("tls");
	s.http_unix = listen_unix();
	s.role_side[LINK_HTTP] = link;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, to_import) < 0)
		die("socketpair");
	s.http_side[HTTP_IMPORT] = to_import[0]; /* nobody answers there */
	s.http_side[HTTP_VIEW] = s.http_side[HTTP_BACKUP] = -1;
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		close(fd);
		exit(http_run(&s, &limits));
	}
	close(s.http[0]);
	close(s.https[0]);
	close(s.tls_cert);
	close(s.tls_key);
	close(s.http_unix);
	return pid;
}

int main(int argc, char **argv)
{
	struct pollfd p = { .events = POLLIN };
	int pair[2], status;
	pid_t role;

	if (argc != 2) {
		fprintf(stderr, "usage: http_core DIR\n");
		return 2;
	}
	dir = argv[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	fd = p.fd = pair[0];
	role = start_role(pair[1]);
	printf("role %d\n", (int)role);
	fflush(stdout);
	close(pair[1]);
	signal(SIGTERM, on_term);
	while (!ended && !(p.revents & (POLLHUP | POLLERR))) {
		if (poll(&p, 1, 50) > 0)
			on_message();
		on_time();
	}
	kill(role, SIGTERM);
	if (waitpid(role, &status, 0) < 0)
		die("waitpid");
	on_message();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
