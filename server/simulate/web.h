/*
 * web.h: HTTP/1.1 for many hosts in one loop (libcurl's multi interface); the only module of the
 * simulator that includes curl.h. Plain http; no redirects, proxy, compression or cookies.
 *
 * A call is one request at a time of one host, from that host's own address, over a connection
 * that is kept for its next one.
 */
#ifndef MUSTER_SERVER_SIMULATE_WEB_H
#define MUSTER_SERVER_SIMULATE_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/loop.h"

#define WEB_TEXT_MAX (128 * 1024) /* bytes of an answer that is kept */

struct web;
struct web_call;

struct web_ask {
	const char *url;
	const char *bearer; /* or NULL */
	const char *body;   /* JSON to POST; NULL: a GET */
	uint64_t offset;    /* of a GET: bytes from there on */
	unsigned timeout_s; /* 0: for ever */
	bool as_ipxe;	    /* is what it says it is */
	bool stream;	    /* bytes of 200 and 206 go to on_data, everything else is kept */
};

struct web_answer {
	bool whole;   /* false: it broke, and `why` says how; status is what was known */
	bool refused; /* ended by on_data, or the server cannot send a part */
	long status;
	unsigned retry_after_s;
	const char *text; /* NUL-terminated */
	size_t len;
	const char *why;
};

/* Return false to end the transfer. No request can be started or freed from here. */
typedef bool web_data_fn(void *arg, const void *p, size_t len);
/*
 * Here the next request may be started, or the call freed: then what *a borrows is gone.
 */
typedef void web_done_fn(void *arg, const struct web_answer *a);

/* Room for the connections of n calls. NULL without memory. */
struct web *web_new(struct loop *loop, size_t n);
void web_free(struct web *w); /* after its calls; accepts NULL */

/* `from` in host order. NULL without memory. */
struct web_call *web_call_new(
	struct web *w, uint32_t from, web_data_fn *on_data, web_done_fn *on_done, void *arg);
void web_call_free(struct web_call *c); /* also while a request is under way; accepts NULL */

/* Start a request; all of *ask is copied. Returns 0, -EBUSY while one is under way, or -ENOMEM. */
int web_call_start(struct web_call *c, const struct web_ask *ask);
/* End what is under way; nothing is called for it. The connection ends, too. */
void web_call_stop(struct web_call *c);
bool web_call_busy(const struct web_call *c);

#endif
