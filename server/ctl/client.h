/*
 * client.h: requests to the server, over muster.sock or MUSTER_URL. client.c is the only file of
 * the command that includes curl.h.
 */
#ifndef MUSTER_SERVER_CTL_CLIENT_H
#define MUSTER_SERVER_CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/json.h"
#include "server/ctl/ctl.h"

struct answer {
	long status;	  /* HTTP */
	char *text;	  /* the body, NUL-terminated, never NULL after a successful call */
	size_t len;	  /* bytes of text */
	struct json *doc; /* the body when it is JSON, else NULL */
};

/*
 * Ask and accept only 2xx. `body` is JSON text, or NULL for none. Returns CTL_OK with *out filled
 * (end it with answer_fini), or the exit code for what went wrong, having said so.
 */
int client_call(
	struct ctl *c, const char *method, const char *path, const char *body, struct answer *out);
int client_get(struct ctl *c, const char *path, struct answer *out);

/*
 * The same, but any HTTP status is an answer: CTL_OK, or CTL_UNREACHABLE having said so. Where
 * c->patient is set, status 503 is no answer, and neither it nor a server that is away is said.
 * client_problem then tells people what the answer's problem is and returns its exit code.
 */
int client_ask(
	struct ctl *c, const char *method, const char *path, const char *body, struct answer *out);
int client_problem(const struct answer *a);
int client_exit(const struct answer *a); /* the code alone */

/* Bytes of a file, which are `total` bytes of which these begin at `offset` of both. */
struct client_body {
	int fd;
	uint64_t offset, len, total;
	void (*sent)(void *arg, uint64_t bytes); /* told as they leave */
	void *arg;
};

/*
 * GET what may be long: fn is given its bytes as they come, and returns false to end it. CTL_OK
 * when all of them came; the exit code for what went wrong, having said so; CTL_FAILED, without a
 * word, when fn ended it.
 */
typedef bool client_bytes_fn(void *arg, const void *bytes, size_t len);
int client_download(struct ctl *c, const char *path, client_bytes_fn *fn, void *arg);

/* As client_ask, by PUT with a Content-Range. */
int client_put(struct ctl *c, const char *path, const struct client_body *body, struct answer *out);

/*
 * Follow the events after number *after, which moves on. fn is called with each event, and with
 * NULL when a moment has passed (a second at most) and all that came was told: it may ask the
 * server then, as it may not with an event. It returns 0 to go on; anything else ends it, and is
 * returned (CTL_OK: CLIENT_STOP). A server that goes away is waited for; CTL_UNREACHABLE, having
 * said so, when it stays away.
 */
#define CLIENT_STOP (-1)
typedef int client_event_fn(void *arg, const struct json *event);
int client_follow(struct ctl *c, int64_t *after, client_event_fn *fn, void *arg);

void answer_fini(struct answer *a);
void client_free(struct client *k); /* accepts NULL */

#endif
