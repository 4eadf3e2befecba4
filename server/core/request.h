/*
 * request.h: one HTTP request as core sees it, and the answer being made.
 */
#ifndef MUSTER_SERVER_CORE_REQUEST_H
#define MUSTER_SERVER_CORE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/msg.h"

struct request {
	uint64_t id; /* http's name for it */
	const struct http_request *h;
	const char *body; /* h->body_len bytes, not NUL-terminated */
};

struct answer {
	unsigned status;
	unsigned retry_after_s; /* 0: no header */
	enum http_challenge challenge;
	uint8_t allow; /* as in struct http_answer */
	bool later;    /* sent when the sign role has answered */
	uint64_t feed; /* as in struct http_answer */
	char type[48];
	char etag[24]; /* with its quotes, or "" */
	char *body;    /* allocated; whoever sends it frees it */
	size_t len;
};

/* The body is taken over; NULL becomes 503 (out of memory). */
void answer_take(struct answer *a, unsigned status, const char *type, char *body);
/* A copy of bytes that are no text. */
void answer_bytes(struct answer *a, unsigned status, const char *type, const void *p, size_t len);
void answer_json(struct answer *a, unsigned status, char *json);
struct jw;
void answer_jw(struct answer *a, unsigned status, struct jw *w); /* what it wrote is taken over */
void answer_text(struct answer *a, unsigned status, const char *type, const char *text);
void answer_empty(struct answer *a); /* 204 */

/* application/problem+json (RFC 9457): code is stable, hint says what to do next (or NULL). */
void answer_problem(struct answer *a, unsigned status, const char *code, const char *hint,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/*
 * One value of a query string, percent-decoded. 1: found and printable ASCII that fits (cut to
 * size); 0: absent, empty or not printable, out is "". Pure.
 */
int query_get(const char *query, const char *key, char *out, size_t size);

/*
 * The next parameter of a query, which is moved behind it: its key as it stands there, its value
 * decoded, "" where it has none or a bad one; each cut to size. 1; 0 at the end; -EBADMSG when the
 * value is not printable ASCII, with the key all the same. Pure.
 */
int query_next(const char **query, char *key, size_t key_size, char *value, size_t value_size);

#endif
