/*
 * http_load: keep-alive connections that ask for one path again and again.
 *
 *   http_load -s ADDR:PORT [-c CONNECTIONS] [-t SECONDS] [-f FILE] PATH
 *
 * New requests are made for SECONDS, then the ones under way are let finish. Each answer must be
 * 200 with a Content-Length and as many bytes; with -f every byte is compared with FILE, without
 * the kernel throws bodies away, so that the client's share of a small machine stays small.
 *
 * Prints one line of key=value. Exit status: 0 when nothing failed, 1 when something did, 2 when
 * it could not be tried.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define SAMPLES_MAX	(1u << 22)
#define HEAD_MAX	4096
#define PIECE_MAX	(1 << 20)
#define GRACE_S		20 /* for what is under way when the time is over */

struct conn {
	int fd;		 /* -1: ended */
	size_t head_len; /* bytes in head */
	bool in_body;
	bool closes;	   /* after this answer */
	uint64_t got, len; /* of the body */
	uint64_t began_ns;
	char head[HEAD_MAX];
};

struct load {
	struct sockaddr_in server;
	unsigned n_conns;
	uint64_t asking_ns;
	const uint8_t *wanted; /* -f, or NULL */
	uint64_t wanted_len;
	char request[512];
	size_t request_len;

	int epoll;
	unsigned n_open;
	uint64_t began_ns;
	struct conn *conns;

	float *latency_ms;
	uint64_t n_done, n_failed, bytes;
	const char *first_failure;
};

static void die(const char *what)
{
	fprintf(stderr, "http_load: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- one connection ---- */

static void end(struct load *l, struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	l->n_open--;
}

static void fail(struct load *l, struct conn *c, const char *why)
{
	if (!l->n_failed++)
		l->first_failure = why;
	end(l, c);
}

static void open_conn(struct load *l, struct conn *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	const int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(c->fd, (const struct sockaddr *)&l->server, sizeof l->server) < 0)
		die("connect");
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
		die("epoll_ctl");
	l->n_open++;
}

/* A request is far smaller than a socket's buffer: it goes at once or the connection is broken. */
static void ask(struct load *l, struct conn *c)
{
	c->head_len = 0;
	c->in_body = false;
	c->began_ns = now_ns();
	if (send(c->fd, l->request, l->request_len, MSG_NOSIGNAL) != (ssize_t)l->request_len)
		fail(l, c, "the request could not be sent");
}

static void on_done(struct load *l, struct conn *c)
{
	const uint64_t now = now_ns();

	l->latency_ms[l->n_done++ % SAMPLES_MAX] = (float)(now - c->began_ns) / 1e6f;
	if (now - l->began_ns >= l->asking_ns) {
		end(l, c);
		return;
	}
	if (c->closes) {
		end(l, c);
		open_conn(l, c);
	}
	ask(l, c);
}

/* Bytes of the body, where there are bytes to look at. */
static bool as_wanted(const struct load *l, const struct conn *c, const void *piece, size_t n)
{
	return !l->wanted || (n <= l->wanted_len - c->got && !memcmp(l->wanted + c->got, piece, n));
}

static void add_body(struct load *l, struct conn *c, const void *piece, size_t n)
{
	if (piece && !as_wanted(l, c, piece, n)) {
		fail(l, c, "the body differs from the file");
		return;
	}
	c->got += n;
	l->bytes += n;
	if (c->got == c->len)
		on_done(l, c);
}

/* The head is complete and ends at `body`; what was read beyond it belongs to the body. */
static void on_head(struct load *l, struct conn *c, const char *body)
{
	const size_t extra = c->head_len - (size_t)(body - c->head);
	const char *length = strcasestr(c->head, "\r\nContent-Length:");

	if (strncmp(c->head, "HTTP/1.1 200 ", 13)) {
		fail(l, c, "the status is not 200");
		return;
	}
	if (!length || length > body) {
		fail(l, c, "no Content-Length");
		return;
	}
	c->len = strtoull(strchr(length, ':') + 1, NULL, 10);
	if (extra > c->len || (l->wanted && c->len != l->wanted_len)) {
		fail(l, c, "wrong length");
		return;
	}
	c->closes = strcasestr(c->head, "\r\nConnection: close") != NULL;
	c->in_body = true;
	c->got = 0;
	add_body(l, c, body, extra);
}

static void read_head(struct load *l, struct conn *c)
{
	ssize_t n = recv(c->fd, c->head + c->head_len, HEAD_MAX - 1 - c->head_len, MSG_DONTWAIT);
	const char *last;

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			fail(l, c, "closed before the answer");
		return;
	}
	c->head_len += (size_t)n;
	c->head[c->head_len] = '\0';
	last = strstr(c->head, "\r\n\r\n");
	if (last)
		on_head(l, c, last + 4);
	else if (c->head_len == HEAD_MAX - 1)
		fail(l, c, "the head is too long");
}

/* tcp(7): MSG_TRUNC lets the kernel drop the bytes instead of copying them. */
static void read_body(struct load *l, struct conn *c)
{
	static uint8_t piece[PIECE_MAX];
	const uint64_t left = c->len - c->got;
	const size_t most = left < PIECE_MAX ? (size_t)left : PIECE_MAX;
	ssize_t n = l->wanted ? recv(c->fd, piece, most, MSG_DONTWAIT)
			      : recv(c->fd, NULL, most, MSG_DONTWAIT | MSG_TRUNC);

	if (n > 0)
		add_body(l, c, l->wanted ? piece : NULL, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		fail(l, c, "closed within the body");
}

/* ---- the run ---- */

static void on_event(struct load *l, struct conn *c)
{
	if (c->in_body)
		read_body(l, c);
	else
		read_head(l, c);
}

static void fail_rest(struct load *l)
{
	for (unsigned i = 0; i < l->n_conns; i++) {
		if (l->conns[i].fd >= 0)
			fail(l, &l->conns[i], "not finished in time");
	}
}

/* Returns how long it took, in seconds, from the first request on. */
static double run(struct load *l)
{
	struct epoll_event events[256];

	for (unsigned i = 0; i < l->n_conns; i++)
		open_conn(l, &l->conns[i]);
	l->began_ns = now_ns();
	for (unsigned i = 0; i < l->n_conns; i++)
		ask(l, &l->conns[i]);
	while (l->n_open && now_ns() - l->began_ns < l->asking_ns + GRACE_S * 1000000000ull) {
		int n = epoll_wait(l->epoll, events, sizeof events / sizeof events[0], 200);

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++)
			on_event(l, events[i].data.ptr);
	}
	fail_rest(l);
	return (double)(now_ns() - l->began_ns) / 1e9;
}

static int by_value(const void *a, const void *b)
{
	const float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static int report(const struct load *l, double seconds)
{
	const size_t n = l->n_done < SAMPLES_MAX ? l->n_done : SAMPLES_MAX;
	const double gib = (double)l->bytes / (1 << 30);

	qsort(l->latency_ms, n, sizeof *l->latency_ms, by_value);
	printf("done=%llu per_s=%.1f gib=%.4f gib_s=%.4f p50_ms=%.3f p99_ms=%.3f seconds=%.3f"
	       " failed=%llu\n",
		(unsigned long long)l->n_done, (double)l->n_done / seconds, gib, gib / seconds,
		n ? (double)l->latency_ms[(n - 1) / 2] : 0,
		n ? (double)l->latency_ms[(n - 1) * 99 / 100] : 0, seconds,
		(unsigned long long)l->n_failed);
	if (l->n_failed)
		fprintf(stderr, "http_load: %llu failed, the first: %s\n",
			(unsigned long long)l->n_failed, l->first_failure);
	return l->n_failed || !l->n_done;
}

static void usage(void)
{
	fprintf(stderr,
		"usage: http_load -s ADDR:PORT [-c CONNECTIONS] [-t SECONDS] [-f FILE] PATH\n");
	exit(2);
}

static void parse_server(struct load *l, char *text)
{
	char *colon = strchr(text, ':');

	if (!colon)
		usage();
	*colon = '\0';
	l->server.sin_family = AF_INET;
	l->server.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, text, &l->server.sin_addr) != 1)
		usage();
}

static void map_file(struct load *l, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(file);
	l->wanted_len = (uint64_t)st.st_size;
	l->wanted = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (l->wanted == MAP_FAILED)
		die(file);
	close(fd);
}

static void parse(struct load *l, int argc, char **argv)
{
	int option, n;

	while ((option = getopt(argc, argv, "s:c:t:f:")) != -1) {
		switch (option) {
		case 's':
			parse_server(l, optarg);
			break;
		case 'c':
			l->n_conns = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			l->asking_ns = strtoul(optarg, NULL, 10) * 1000000000ull;
			break;
		case 'f':
			map_file(l, optarg);
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || !l->server.sin_port || !l->n_conns ||
		l->n_conns > CONNECTIONS_MAX)
		usage();
	n = snprintf(l->request, sizeof l->request, "GET %s HTTP/1.1\r\nHost: muster\r\n\r\n",
		argv[optind]);
	if (n < 0 || (size_t)n >= sizeof l->request)
		usage();
	l->request_len = (size_t)n;
}

int main(int argc, char **argv)
{
	static struct load l = { .n_conns = 1, .asking_ns = 1000000000 };

	parse(&l, argc, argv);
	l.conns = calloc(l.n_conns, sizeof *l.conns);
	l.latency_ms = calloc(SAMPLES_MAX, sizeof *l.latency_ms);
	if (!l.conns || !l.latency_ms)
		die("memory");
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l.epoll < 0)
		die("epoll_create1");
	return report(&l, run(&l));
}
