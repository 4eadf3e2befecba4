/*
 * client.h: requests to the server, over muster.sock or MUSTER_URL. client.c is the only file of
 * the command that includes curl.h.
 */
#ifndef MUSTER_SERVER_CTL_CLIENT_H
#define MUSTER_SERVER_CTL_CLIENT_H

#include <stddef.h>

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
 * The same, but any HTTP status is an answer: CTL_OK, or CTL_UNREACHABLE having said so.
 * client_problem then tells people what the answer's problem is and returns its exit code.
 */
int client_ask(
	struct ctl *c, const char *method, const char *path, const char *body, struct answer *out);
int client_problem(const struct answer *a);

void answer_fini(struct answer *a);
void client_free(struct client *k); /* accepts NULL */

#endif
