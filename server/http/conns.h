/*
 * conns.h: the table of connections: their deadlines, and the requests that wait for core.
 *
 * It is all that the threads of the http role share, under one mutex. A connection belongs to the
 * worker that serves it; while its request is parked (between conns_ask and the call of `resume`)
 * the request and the answer belong to the table. In messages a connection is a number made of its
 * place and of a counter that starts at random, so an answer that comes late, twice, or from before
 * a restart finds nobody.
 */
#ifndef MUSTER_SERVER_HTTP_CONNS_H
#define MUSTER_SERVER_HTTP_CONNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/http/blob.h"
#include "server/http/http.h"
#include "server/http/problem.h"
#include "server/http/routes.h"
#include "server/http/stream.h"
#include "server/msg.h"

struct MHD_Connection;
struct conns;

enum conn_phase {
	CONN_FREE,
	CONN_IDLE,     /* no request yet, or the next one not begun */
	CONN_HEAD,     /* the request line was read */
	CONN_BODY,     /* the head was read */
	CONN_PARKED,   /* core was asked */
	CONN_ANSWERED, /* core's answer waits for the worker */
	CONN_WRITE,    /* an answer is being sent */
};

/* Where the worker is within a request. */
enum conn_step { STEP_HEAD, STEP_BODY, STEP_ANSWER };

/* A blob on its way to a client of the TCP port. id 0: none. */
struct transfer {
	uint64_t id;
	uint64_t total; /* body bytes asked for */
	uint64_t base;	/* what the socket had been given before */
	uint8_t loader;
};

struct conn {
	struct MHD_Connection *mhd;
	int fd;
	bool tls;
	/* The request. */
	enum conn_step step;
	enum problem_kind refusal;
	const struct route *route;
	struct http_request req; /* addr, port, uid, gid and peer are the connection's */
	uint8_t *body;		 /* req.body_len bytes so far */
	size_t body_size;	 /* as its Content-Length says */
	/* The answer. */
	struct http_answer head; /* body_len counts all pieces */
	uint8_t *answer;
	size_t answer_room;
	const struct blob *blob;
	struct transfer transfer;
	struct stream stream; /* its body, where that goes past libmicrohttpd */
	bool streamed;	      /* all of it was sent */
	/* The table's, under its mutex. */
	enum conn_phase phase;
	uint64_t deadline_ms;
	uint64_t end_ms; /* of the last answer, however much of it is read */
	uint64_t acked;	 /* bytes the peer had acknowledged at the end of the last such period */
	uint64_t id;	 /* of the parked request */
	int unsent;	 /* core could not be told again yet */
	uint32_t next_free;
};

/*
 * Room for `max` connections (below 2^20); `link` leads to core. suspend and resume are called
 * with the table locked. Returns 0, -ENOMEM, or the -errno of getrandom.
 */
int conns_new(const struct http_limits *limits, size_t max, int link,
	void (*suspend)(struct MHD_Connection *), void (*resume)(struct MHD_Connection *),
	struct conns **out);
void conns_free(struct conns *t); /* accepts NULL; all must have been closed */

/* A new connection, zeroed but for mhd and fd; NULL when the table is full. */
struct conn *conns_open(struct conns *t, struct MHD_Connection *mhd, int fd);
void conns_close(struct conns *t, struct conn *c);

/* The connection comes to IDLE, HEAD or BODY: start that phase's deadline. */
void conns_phase(struct conns *t, struct conn *c, enum conn_phase phase);
/* It comes to WRITE, an answer of `bytes`: the peer must go on reading, and end in its time. */
void conns_write(struct conns *t, struct conn *c, uint64_t bytes);

/* Forget request and answer, but not who the peer is. */
void conns_clear(struct conn *c);

/*
 * Send c->req and c->body to core and park the connection. Returns 0; or -EAGAIN when core does not
 * keep up, -ESHUTDOWN when we are ending, or the -errno of the link; it is not parked then.
 */
int conns_ask(struct conns *t, struct conn *c);

/* In the worker, after `resume`: the answer is now c->head and c->answer, or c->refusal says no. */
void conns_take(struct conns *t, struct conn *c);

/*
 * A piece of an answer. Returns 1 when it was for nobody (any more), else 0. An answer that
 * grows beyond HTTP_ANSWER_MAX becomes PROBLEM_INTERNAL.
 */
int conns_answer(struct conns *t, uint64_t id, const struct http_answer *head, const void *piece);

/* Core is a new process: whatever is parked is asked again. Returns how many. */
size_t conns_ask_again(struct conns *t);

/* Enforce the deadlines. Returns how many parked requests got no answer in time. */
size_t conns_sweep(struct conns *t, uint64_t now_ms);

/* Answer all that is parked with PROBLEM_BUSY and park nothing any more. */
void conns_stop(struct conns *t);

/* A number never given before by this process, and hardly by another. Thread-safe. */
uint64_t conns_unique(struct conns *t);

/* Bytes that the peer of a TCP socket acknowledged since it was opened; 0 for other sockets. */
uint64_t conns_acked(int fd);
/* Bytes handed to the socket that the peer did not take yet. */
uint64_t conns_in_flight(int fd);

#endif
