/*
 * fetch.h: HTTP/1.1 to one server: POST of JSON, and GET of bytes whose number is known before.
 * Plain http only: no redirects, no proxy, no compression, no cookies. The only module that
 * includes curl.h. One call is one try; whoever calls decides about patience.
 */
#ifndef MUSTER_AGENT_FETCH_H
#define MUSTER_AGENT_FETCH_H

#include <stddef.h>
#include <stdint.h>

#define FETCH_ANSWER_MAX (128 * 1024) /* bytes of an answer to a POST */

struct fetch; /* one connection, kept alive between calls; one user at a time */

struct fetch_answer {
	long status;
	unsigned retry_after_s; /* of the header, 0 = none */
	size_t len;
	char *body; /* NUL-terminated; fetch_answer_fini frees it */
};

/* url: "http://HOST[:PORT]", copied. Returns 0, -ENOMEM or -EIO (libcurl does not start). */
int fetch_open(const char *url, struct fetch **out);
/*
 * From now on: give up connecting after that long, and a download that brings less than so many
 * bytes a second for half a minute.
 */
void fetch_expect(struct fetch *f, unsigned connect_s, unsigned bytes_s);
void fetch_close(struct fetch *f); /* accepts NULL */

/*
 * POST a JSON body with the bearer token (NULL: none). Returns 0 with *out filled, whatever the
 * status; -EIO when no whole answer came (fetch_why says more); -EMSGSIZE for a longer one.
 */
int fetch_post(struct fetch *f, const char *path, const char *bearer, const char *body,
	int timeout_s, struct fetch_answer *out);
void fetch_answer_fini(struct fetch_answer *a);

/* GET of at most `max` bytes; otherwise like fetch_post. */
int fetch_get_small(struct fetch *f, const char *path, size_t max, struct fetch_answer *out);

/* Takes the next bytes of a GET. A negative return ends the transfer and is given on. */
typedef int fetch_sink(void *arg, const void *p, size_t len);

/*
 * GET the bytes of path from `offset` up to `length`, its exact length. Whatever was received goes
 * to the sink in order, also when the transfer breaks later. Returns 0 when all bytes came;
 * -EAGAIN: broken connection, silence or 5xx, try again from where the sink is now; -EMSGSIZE:
 * the server has another length, stored in *found when that is known; -ENOENT: 404; -EPROTO:
 * another answer (a redirect, say); or what the sink returned.
 */
int fetch_get(struct fetch *f, const char *path, uint64_t offset, uint64_t length, fetch_sink *sink,
	void *arg, uint64_t *found);

/* The last call's trouble in words. Borrowed until the next call. */
const char *fetch_why(const struct fetch *f);

#endif
