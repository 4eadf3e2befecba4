/*
 * conns.h: the table of connections: their deadlines, and the requests that wait for core or
 * import.
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
	CONN_PARKED,   /* another role was asked */
	CONN_ANSWERED, /* core's answer waits for the worker */
	CONN_WRITE,    /* an answer is being sent */
};

/* Where the worker is within a request. */
enum conn_step {
	STEP_HEAD,
	STEP_LEAVE, /* core was asked whether import may have the body */
	STEP_BODY,
	STEP_PART, /* import was given a part of the body */
	STEP_REST, /* and wants no more of it */
	STEP_ANSWER
};

/* A blob on its way to a client of the TCP port. id 0: none. */
struct transfer {
	uint64_t id;
	uint64_t total; /* body bytes asked for */
	uint64_t base;	/* what the socket had been given before */
	uint8_t loader;
};

/* Who is asked: the places of an array of links. What view has no answer to is core's. */
enum conn_link { CONN_TO_CORE, CONN_TO_IMPORT, CONN_TO_VIEW, CONN_TO_BACKUP, CONN_LINKS };

struct conn {
	struct MHD_Connection *mhd;
	int fd;
	/* The request. */
	enum conn_step step;
	enum problem_kind refusal;
	const struct route *route;
	enum conn_link link;
	struct http_request req; /* addr, port, tls, uid, in_group and peer are the connection's */
	uint8_t *body;		 /* req.body_len bytes so far */
	size_t body_size;	 /* room for them */
	uint64_t body_left;	 /* of its Content-Length, not yet come */
	struct import_request import; /* of ROUTE_IMPORT */
	/* The answer. */
	struct conns *home;	 /* of a feed: where more of it is asked for */
	size_t fed;		 /* bytes of c->answer that were sent */
	bool feed_asked;	 /* more was asked for */
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
 * Room for `max` connections (below 2^20); the links lead to core, import, view and backup. suspend
 * and resume are called with the table locked. Returns 0, -ENOMEM, or the -errno of getrandom.
 */
int conns_new(const struct http_limits *limits, size_t max, const int links[CONN_LINKS],
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
 * Send c->req, or c->import, and c->body, and park the connection. Returns 0; or -EAGAIN when core
 * or view does not keep up (what is for import waits until it does), -ESHUTDOWN when we are ending,
 * or the -errno of the link; it is not parked then.
 */
int conns_ask(struct conns *t, struct conn *c);

/* In the worker, after `resume`: the answer is now c->head and c->answer, or c->refusal says no. */
void conns_take(struct conns *t, struct conn *c);

/*
 * A piece of an answer, from who was asked. Returns 1 when it was for nobody (any more), else 0. An
 * answer that grows beyond HTTP_ANSWER_MAX becomes PROBLEM_INTERNAL.
 */
int conns_answer(struct conns *t, enum conn_link from, uint64_t id, const struct http_answer *head,
	const void *piece);

/* Who was asked is a new process: whatever is parked is asked again. Returns how many. */
size_t conns_ask_again(struct conns *t, enum conn_link link);

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
