#include "server/http/conns.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* glibc's struct tcp_info ends before tcpi_bytes_acked */
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "server/loop.h"

#define PLACE_BITS 20
#define PLACE_MASK ((1u << PLACE_BITS) - 1)
#define NO_PLACE   UINT32_MAX

struct conns {
	pthread_mutex_t lock; /* of all below and of the last part of each connection */
	const struct http_limits *limits;
	int links[CONN_LINKS];
	void (*suspend)(struct MHD_Connection *);
	void (*resume)(struct MHD_Connection *);
	bool stopping;
	uint64_t counter;
	uint32_t free; /* first place of a chain, or NO_PLACE */
	size_t used;   /* places that were ever used are below */
	size_t max;
	struct conn *places;
};

int conns_new(const struct http_limits *limits, size_t max, const int links[CONN_LINKS],
	void (*suspend)(struct MHD_Connection *), void (*resume)(struct MHD_Connection *),
	struct conns **out)
{
	struct conns *t = calloc(1, sizeof *t);
	int rc = -ENOMEM;

	if (!t)
		return rc;
	t->places = calloc(max, sizeof *t->places); /* the kernel gives pages as they are used */
	if (!t->places)
		goto err_free;
	if (getrandom(&t->counter, sizeof t->counter, 0) != sizeof t->counter) {
		rc = -errno;
		goto err_places;
	}
	pthread_mutex_init(&t->lock, NULL);
	t->limits = limits;
	memcpy(t->links, links, sizeof t->links);
	t->suspend = suspend;
	t->resume = resume;
	t->free = NO_PLACE;
	t->max = max;
	*out = t;
	return 0;
err_places:
	free(t->places);
err_free:
	free(t);
	return rc;
}

void conns_free(struct conns *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t->places);
	free(t);
}

uint64_t conns_acked(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0;
	return info.tcpi_bytes_acked;
}

uint64_t conns_in_flight(int fd)
{
	int n = 0;

	return ioctl(fd, SIOCOUTQ, &n) < 0 || n < 0 ? 0 : (uint64_t)n;
}

static uint64_t next_id(struct conns *t, const struct conn *c)
{
	return ++t->counter << PLACE_BITS | (uint64_t)(c - t->places);
}

uint64_t conns_unique(struct conns *t)
{
	uint64_t n;

	pthread_mutex_lock(&t->lock);
	n = ++t->counter;
	pthread_mutex_unlock(&t->lock);
	return n ? n : 1;
}

/* ---- the life of a connection ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Those that read through what is large, before they answer. */
static bool asks_a_worker(const struct conn *c)
{
	return c->link == CONN_TO_IMPORT || c->link == CONN_TO_BACKUP;
}

static void start_phase(const struct conns *t, struct conn *c, enum conn_phase phase)
{
	const struct http_limits *l = t->limits;
	uint64_t now = now_mono_ms();

	c->phase = phase;
	switch (phase) {
	case CONN_IDLE:
		c->deadline_ms = now + l->idle_ms;
		break;
	case CONN_HEAD: /* a first request keeps the deadline of its connection */
		if (now + l->head_ms < c->deadline_ms)
			c->deadline_ms = now + l->head_ms;
		break;
	case CONN_BODY:
		c->deadline_ms = now + l->body_ms;
		break;
	case CONN_PARKED:
		c->deadline_ms = now + (asks_a_worker(c) ? l->import_ms : l->ask_ms);
		break;
	case CONN_WRITE:
		/*
		 * c->acked may be old, for which a peer has one period more: cheaper than to ask
		 * the kernel for each small answer.
		 */
		c->deadline_ms = least(now + l->stall_ms, c->end_ms);
		break;
	case CONN_FREE:
	case CONN_ANSWERED: /* the worker is on its way */
		c->deadline_ms = UINT64_MAX;
		break;
	}
}

void conns_phase(struct conns *t, struct conn *c, enum conn_phase phase)
{
	pthread_mutex_lock(&t->lock);
	start_phase(t, c, phase);
	pthread_mutex_unlock(&t->lock);
}

void conns_write(struct conns *t, struct conn *c, uint64_t bytes)
{
	const struct http_limits *l = t->limits;
	const uint64_t rate = l->least_bytes_s;

	pthread_mutex_lock(&t->lock);
	c->end_ms = rate ? now_mono_ms() + l->stall_ms + bytes * 1000 / rate : UINT64_MAX;
	start_phase(t, c, CONN_WRITE);
	pthread_mutex_unlock(&t->lock);
}

static struct conn *take_place(struct conns *t)
{
	struct conn *c;

	if (t->free != NO_PLACE) {
		c = &t->places[t->free];
		t->free = c->next_free;
		return c;
	}
	return t->used < t->max ? &t->places[t->used++] : NULL;
}

struct conn *conns_open(struct conns *t, struct MHD_Connection *mhd, int fd)
{
	struct conn *c;

	pthread_mutex_lock(&t->lock);
	c = take_place(t);
	if (c) {
		memset(c, 0, sizeof *c);
		c->mhd = mhd;
		c->fd = fd;
		c->home = t;
		c->phase = CONN_IDLE;
		c->deadline_ms = now_mono_ms() + t->limits->head_ms;
	}
	pthread_mutex_unlock(&t->lock);
	return c;
}

/* What was written of an array of zeros that holds a text: most of it never is. */
static void wipe(char *text)
{
	memset(text, 0, strlen(text));
}

void conns_clear(struct conn *c)
{
	struct http_request *r = &c->req;

	free(c->body);
	free(c->answer);
	c->body = c->answer = NULL;
	c->body_size = c->answer_room = 0;
	c->body_left = 0;
	memset(&c->head, 0, sizeof c->head);
	c->step = STEP_HEAD;
	c->refusal = PROBLEM_NONE;
	c->route = NULL;
	c->blob = NULL;
	c->transfer = (struct transfer){ 0 };
	c->streamed = c->feed_asked = false;
	c->fed = 0;
	r->method = 0;
	r->body_len = 0;
	wipe(r->host);
	wipe(r->request_id);
	wipe(r->if_match);
	r->is_new = 0;
	wipe(r->bearer);
	wipe(r->path);
	wipe(r->query);
}

void conns_close(struct conns *t, struct conn *c)
{
	conns_clear(c);
	pthread_mutex_lock(&t->lock);
	start_phase(t, c, CONN_FREE);
	c->next_free = t->free;
	t->free = (uint32_t)(c - t->places);
	pthread_mutex_unlock(&t->lock);
}

/* ---- asking core ---- */

static int send_request(struct conns *t, struct conn *c)
{
	if (c->link != CONN_TO_IMPORT)
		return msg_send(t->links[c->link], MSG_HTTP_REQUEST, c->id, &c->req, sizeof c->req,
			c->body, c->req.body_len);
	c->import.body_len = c->req.body_len;
	return msg_send(t->links[CONN_TO_IMPORT], MSG_IMPORT_REQUEST, c->id, &c->import,
		sizeof c->import, c->body, c->req.body_len);
}

int conns_ask(struct conns *t, struct conn *c)
{
	int rc = -ESHUTDOWN;

	pthread_mutex_lock(&t->lock);
	if (!t->stopping) {
		c->id = next_id(t, c);
		c->unsent = 0;
		rc = send_request(t, c);
	}
	/* Its bytes were taken and cannot be asked for again: they wait for room, for the sweep. */
	if (rc == -EAGAIN && c->link == CONN_TO_IMPORT) {
		c->unsent = 1;
		rc = 0;
	}
	/* Suspended before the lock is given back: the answer cannot resume it too early. */
	if (rc == 0) {
		start_phase(t, c, CONN_PARKED);
		t->suspend(c->mhd);
	}
	pthread_mutex_unlock(&t->lock);
	return rc;
}

void conns_take(struct conns *t, struct conn *c)
{
	conns_phase(t, c, CONN_BODY);
}

static void finish(struct conns *t, struct conn *c, enum problem_kind refusal)
{
	c->refusal = refusal;
	start_phase(t, c, CONN_ANSWERED);
	t->resume(c->mhd);
}

static struct conn *parked(struct conns *t, enum conn_link from, uint64_t id)
{
	size_t place = id & PLACE_MASK;

	struct conn *c = &t->places[place];

	if (place >= t->used || c->phase != CONN_PARKED || c->id != id || c->link != from)
		return NULL;
	return c;
}

/* Returns PROBLEM_NONE, or what to tell the client instead of the answer. */
static enum problem_kind append(struct conn *c, const void *piece, size_t n)
{
	size_t have = c->head.body_len, room = c->answer_room;

	if (n > HTTP_ANSWER_MAX - have)
		return PROBLEM_INTERNAL;
	if (n > room - have) {
		uint8_t *p;

		room = have + n > 2 * room ? have + n : 2 * room;
		p = realloc(c->answer, room);
		if (!p)
			return PROBLEM_INTERNAL;
		c->answer = p;
		c->answer_room = room;
	}
	if (n > 0)
		memcpy(c->answer + have, piece, n);
	c->head.body_len = (uint32_t)(have + n);
	return PROBLEM_NONE;
}

static void take_piece(
	struct conns *t, struct conn *c, const struct http_answer *head, const void *piece)
{
	size_t have = c->head.body_len;
	enum problem_kind refusal;

	c->head = *head;
	c->head.body_len = (uint32_t)have;
	refusal = append(c, piece, head->body_len);
	if (refusal != PROBLEM_NONE || !head->more)
		finish(t, c, refusal);
}

/* Under a new number, so that the answer to an earlier asking is not taken for part of this one. */
static void ask_again(struct conns *t, struct conn *c)
{
	c->id = next_id(t, c);
	c->head.body_len = 0;
	c->unsent = send_request(t, c) != 0;
}

int conns_answer(struct conns *t, enum conn_link from, uint64_t id, const struct http_answer *head,
	const void *piece)
{
	struct conn *c;

	pthread_mutex_lock(&t->lock);
	c = parked(t, from, id);
	if (c && from == CONN_TO_VIEW && head->status == HTTP_ASK_CORE) {
		c->link = CONN_TO_CORE;
		ask_again(t, c);
	} else if (c) {
		take_piece(t, c, head, piece);
	}
	pthread_mutex_unlock(&t->lock);
	return c ? 0 : 1;
}

size_t conns_ask_again(struct conns *t, enum conn_link link)
{
	size_t n = 0;

	pthread_mutex_lock(&t->lock);
	for (struct conn *c = t->places; c < t->places + t->used; c++) {
		if (c->phase != CONN_PARKED || c->link != link)
			continue;
		ask_again(t, c);
		n++;
	}
	pthread_mutex_unlock(&t->lock);
	return n;
}

void conns_stop(struct conns *t)
{
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	for (struct conn *c = t->places; c < t->places + t->used; c++) {
		if (c->phase == CONN_PARKED)
			finish(t, c, PROBLEM_BUSY);
	}
	pthread_mutex_unlock(&t->lock);
}

/* ---- deadlines ---- */

/*
 * Its worker sees the end of the connection and closes it: only the worker may close, and it does
 * so after it has called conns_close, so the descriptor is the connection's as long as we hold the
 * lock. Without lingering, what a stalled peer does not read is thrown away.
 */
static void cut(struct conn *c)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (conns_in_flight(c->fd) > 0)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	shutdown(c->fd, SHUT_RDWR);
	c->deadline_ms = UINT64_MAX;
}

/* Did the peer read enough in the period that just ended? Then a new one begins, up to the end. */
static bool still_reading(const struct conns *t, struct conn *c, uint64_t now_ms)
{
	uint64_t acked = conns_acked(c->fd);

	if (acked - c->acked < t->limits->stall_bytes || now_ms >= c->end_ms)
		return false;
	c->acked = acked;
	c->deadline_ms = least(now_ms + t->limits->stall_ms, c->end_ms);
	return true;
}

static void expire(struct conns *t, struct conn *c, uint64_t now_ms)
{
	bool draining = c->phase == CONN_IDLE && conns_in_flight(c->fd) > 0;

	if (c->phase == CONN_PARKED)
		finish(t, c, PROBLEM_NO_ANSWER);
	else if ((c->phase != CONN_WRITE && !draining) || !still_reading(t, c, now_ms))
		cut(c);
}

size_t conns_sweep(struct conns *t, uint64_t now_ms)
{
	size_t unanswered = 0;

	pthread_mutex_lock(&t->lock);
	for (struct conn *c = t->places; c < t->places + t->used; c++) {
		if (c->phase == CONN_FREE)
			continue;
		if (now_ms >= c->deadline_ms) {
			unanswered += c->phase == CONN_PARKED;
			expire(t, c, now_ms);
		} else if (c->phase == CONN_PARKED && c->unsent) {
			c->unsent = send_request(t, c) != 0;
		}
	}
	pthread_mutex_unlock(&t->lock);
	return unanswered;
}
