#include "server/simulate/web.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#define CONNECT_S 10L
#define IPXE	  "iPXE (muster-simulate/" MUSTER_VERSION ")"
#define BUFFER	  (64L * 1024)
/*
 * Bytes that a connection may have waiting here; iPXE's window. Machines have each a kernel of
 * their own; the one kernel below a thousand simulated hosts would grow a thousand windows until
 * its memory for TCP (tcp_mem) is used up, and then drop what came, so that hosts starve which no
 * server starved.
 */
#define WINDOW (256 * 1024)

/*
 * libcurl reads on as long as bytes come, from one socket and, by its timers, from any other; with
 * a server that is as fast as we are it would not return. So a transfer that has had its share of a
 * round pauses, and waits in line for the next one.
 */
#define SHARE	    (512 * 1024) /* bytes */
#define ROUND_CALLS 16		 /* transfers that have a share in one round */

TAILQ_HEAD(web_calls, web_call);

struct web {
	CURLM *multi;
	struct loop *loop;
	int timer, epoll, wake; /* wake is readable while somebody is in line */
	uint64_t round;
	struct web_calls line;
};

struct web_call {
	struct web *web;
	CURL *easy;
	struct curl_slist *headers;
	char from[32]; /* "host!ADDR": the address to speak from */
	web_data_fn *on_data;
	web_done_fn *on_done;
	void *arg;
	bool busy, stream, refused, paused;
	uint64_t round, share; /* bytes that it had in this round */
	TAILQ_ENTRY(web_call) in_line;
	char *text;
	size_t len;
};

/* ---- libcurl in our loop ---- */

static void collect(struct web *w)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(w->multi, &left))) {
		struct web_call *c = NULL;
		struct web_answer a = { 0 };
		CURLcode code = m->data.result;
		curl_off_t retry = 0;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &a.status);
		curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &retry);
		curl_multi_remove_handle(w->multi, c->easy);
		c->busy = false;
		a.whole = code == CURLE_OK;
		a.refused = c->refused || code == CURLE_RANGE_ERROR;
		a.retry_after_s = retry > 0 && retry < 3600 ? (unsigned)retry : 0;
		a.text = c->text ? c->text : "";
		a.len = c->len;
		a.why = curl_easy_strerror(code);
		c->on_done(c->arg, &a); /* may free c */
	}
}

static void on_sockets(void *arg, uint32_t events)
{
	struct web *w = arg;
	struct epoll_event e[ROUND_CALLS];
	const int n = epoll_wait(w->epoll, e, ROUND_CALLS, 0);

	(void)events;
	w->round++;
	for (int i = 0; i < n; i++) {
		int mask = 0, running;

		if (e[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			mask |= CURL_CSELECT_IN;
		if (e[i].events & EPOLLOUT)
			mask |= CURL_CSELECT_OUT;
		if (e[i].events & EPOLLERR)
			mask |= CURL_CSELECT_ERR;
		curl_multi_socket_action(w->multi, e[i].data.fd, mask, &running);
	}
	collect(w);
}

static void on_timer(void *arg, uint32_t events)
{
	struct web *w = arg;
	int running;

	(void)events;
	w->round++;
	curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(w);
}

static void leave_line(struct web_call *c)
{
	uint64_t n;

	if (!c->paused)
		return;
	c->paused = false;
	TAILQ_REMOVE(&c->web->line, c, in_line);
	if (TAILQ_EMPTY(&c->web->line) && read(c->web->wake, &n, sizeof n) < 0)
		abort(); /* it was written when the line began */
}

/* In on_body: stop after this piece, and stand in line. */
static void enter_line(struct web_call *c)
{
	const uint64_t one = 1;

	if (c->paused || curl_easy_pause(c->easy, CURLPAUSE_RECV) != CURLE_OK)
		return;
	if (TAILQ_EMPTY(&c->web->line) && write(c->web->wake, &one, sizeof one) < 0)
		abort(); /* a counter at 0 takes a 1 */
	c->paused = true;
	TAILQ_INSERT_TAIL(&c->web->line, c, in_line);
}

/* The next ones in line have their share. */
static void on_wake(void *arg, uint32_t events)
{
	struct web *w = arg;
	struct web_call *c;
	int running;

	(void)events;
	w->round++;
	for (int i = 0; i < ROUND_CALLS && (c = TAILQ_FIRST(&w->line)); i++) {
		leave_line(c);
		curl_easy_pause(c->easy, CURLPAUSE_CONT);
	}
	curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(w);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct web *w = arg;
	struct epoll_event e = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
		curl_multi_assign(w->multi, fd, NULL);
		return 0;
	}
	if (what != CURL_POLL_OUT)
		e.events |= EPOLLIN;
	if (what != CURL_POLL_IN)
		e.events |= EPOLLOUT;
	curl_multi_assign(w->multi, fd, w); /* any mark that it is in the set */
	return epoll_ctl(w->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) < 0 ? -1 : 0;
}

static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct web *w = arg;

	(void)multi;
	loop_timer_set(w->timer, timeout_ms < 0 ? 0 : timeout_ms ? (unsigned)timeout_ms : 1, 0);
	return 0;
}

struct web *web_new(struct loop *loop, size_t n)
{
	struct web *w = calloc(1, sizeof *w);

	if (!w || curl_global_init(CURL_GLOBAL_DEFAULT) || !(w->multi = curl_multi_init())) {
		free(w);
		return NULL;
	}
	w->loop = loop;
	TAILQ_INIT(&w->line);
	w->timer = loop_timer(loop, 0, on_timer, w);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->timer < 0 || w->epoll < 0 || w->wake < 0 ||
		loop_watch(loop, w->epoll, EPOLLIN, on_sockets, w) < 0 ||
		loop_watch(loop, w->wake, EPOLLIN, on_wake, w) < 0) {
		web_free(w);
		return NULL;
	}
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
	curl_multi_setopt(w->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	curl_multi_setopt(w->multi, CURLMOPT_MAXCONNECTS, (long)n);
	return w;
}

void web_free(struct web *w)
{
	if (!w)
		return;
	curl_multi_cleanup(w->multi);
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->wake >= 0)
		close(w->wake);
	free(w);
}

/* ---- one call ---- */

static size_t on_body(char *p, size_t one, size_t len, void *arg)
{
	struct web_call *c = arg;
	long status = 0;
	char *text;

	(void)one;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (c->stream && (status == 200 || status == 206)) {
		c->refused = !c->on_data(c->arg, p, len);
		if (c->round != c->web->round)
			c->share = 0;
		c->round = c->web->round;
		c->share += len;
		if (c->share >= SHARE && !c->refused)
			enter_line(c);
		return c->refused ? 0 : len;
	}
	if (len > WEB_TEXT_MAX - c->len || !(text = realloc(c->text, c->len + len + 1))) {
		c->refused = true;
		return 0;
	}
	memcpy(text + c->len, p, len);
	c->text = text;
	c->len += len;
	c->text[c->len] = '\0';
	return len;
}

struct web_call *web_call_new(
	struct web *w, uint32_t from, web_data_fn *on_data, web_done_fn *on_done, void *arg)
{
	struct web_call *c = calloc(1, sizeof *c);
	const struct in_addr a = { htonl(from) };

	if (!c || !(c->easy = curl_easy_init())) {
		free(c);
		return NULL;
	}
	c->web = w;
	c->on_data = on_data;
	c->on_done = on_done;
	c->arg = arg;
	snprintf(c->from, sizeof c->from, "host!%s", inet_ntoa(a));
	return c;
}

static void forget(struct web_call *c)
{
	curl_slist_free_all(c->headers);
	free(c->text);
	c->headers = NULL;
	c->text = NULL;
	c->len = 0;
}

void web_call_free(struct web_call *c)
{
	if (!c)
		return;
	web_call_stop(c);
	curl_easy_cleanup(c->easy);
	forget(c);
	free(c);
}

static bool add_header(struct web_call *c, const char *line)
{
	struct curl_slist *longer = curl_slist_append(c->headers, line);

	if (longer)
		c->headers = longer;
	return longer;
}

static bool set_headers(struct web_call *c, const struct web_ask *ask)
{
	char line[160];

	if (ask->body &&
		(!add_header(c, "Content-Type: application/json") || !add_header(c, "Expect:")))
		return false;
	snprintf(line, sizeof line, "Authorization: Bearer %s", ask->bearer ? ask->bearer : "");
	return !ask->bearer || add_header(c, line);
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	const int window = WINDOW;

	(void)arg;
	(void)purpose;
	return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window) < 0
		       ? CURL_SOCKOPT_ERROR
		       : CURL_SOCKOPT_OK;
}

static void set_options(struct web_call *c, const struct web_ask *ask)
{
	CURL *h = c->easy;

	curl_easy_reset(h); /* keeps its connection */
	curl_easy_setopt(h, CURLOPT_PRIVATE, c);
	curl_easy_setopt(h, CURLOPT_URL, ask->url);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(h, CURLOPT_INTERFACE, c->from);
	curl_easy_setopt(h, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(
		h, CURLOPT_USERAGENT, ask->as_ipxe ? IPXE : "muster-simulate/" MUSTER_VERSION);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(h, CURLOPT_BUFFERSIZE, BUFFER);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->headers);
	if (ask->body)
		curl_easy_setopt(h, CURLOPT_COPYPOSTFIELDS, ask->body);
	if (ask->offset)
		curl_easy_setopt(h, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)ask->offset);
	/*
	 * Not CURLOPT_LOW_SPEED_TIME: its timer looks at each transfer once a second and reads on
	 * meanwhile, so that with a thousand of them libcurl does not return to the loop at all.
	 */
	if (ask->timeout_s)
		curl_easy_setopt(h, CURLOPT_TIMEOUT, (long)ask->timeout_s);
}

int web_call_start(struct web_call *c, const struct web_ask *ask)
{
	if (c->busy)
		return -EBUSY;
	forget(c);
	c->refused = false;
	c->stream = ask->stream;
	if (!set_headers(c, ask))
		return -ENOMEM;
	set_options(c, ask);
	if (curl_multi_add_handle(c->web->multi, c->easy) != CURLM_OK)
		return -ENOMEM;
	c->busy = true;
	return 0;
}

void web_call_stop(struct web_call *c)
{
	leave_line(c);
	if (c->busy)
		curl_multi_remove_handle(c->web->multi, c->easy);
	c->busy = false;
}

bool web_call_busy(const struct web_call *c)
{
	return c->busy;
}
