/*
 * api.h: the conversation with the server, docs/agent-protocol.md. Requests are repeated with
 * growing pauses while the server is away. What the server says is believed only as far as a
 * sentence on the screen; what runs is decided by chain.h.
 *
 * Errors of every call, each with the fault filled: -EACCES the session is unknown, begin again at
 * facts; -ESTALE this boot is over; -ETIMEDOUT the server was away for PACE_PATIENCE_S; -EPROTO it
 * refused or answered what nobody understands.
 */
#ifndef MUSTER_AGENT_API_H
#define MUSTER_AGENT_API_H

#include <stdint.h>

#include "agent/api_text.h"
#include "agent/cmdline.h"
#include "agent/facts.h"
#include "agent/fault.h"
#include "agent/fetch.h"
#include "agent/hear.h"

struct api {
	struct fetch *fetch;
	char url[URL_MAX];
	struct api_session who; /* since api_facts */
	int64_t quiet_ms;	/* progress is not worth waiting for before this time */
};

int api_open(const char *url, struct api *out, struct fault *fault);
void api_close(struct api *a);

int api_facts(struct api *a, const struct facts *f, struct fault *fault);

/*
 * root: the version of the one that the agent carries. Also -EAGAIN: not now; *retry_s says when to
 * ask again, and the fault's message why not. The texts and digests in *out are as the server sent
 * them.
 */
int api_ticket(struct api *a, const char *nonce, uint64_t root, struct api_ticket *out,
	unsigned *retry_s, struct fault *fault);

/* The files of a ticket, unverified. *out: fetch_answer_fini. -EACCES: it is of an old one. */
int api_extra(
	struct api *a, const struct digest *extra, struct fetch_answer *out, struct fault *fault);

/* One quick try; a server that is away is left alone for a while. */
void api_progress(struct api *a, const struct api_progress *p);
/* One quick try to tell the server which switches were heard: h->news says whether it knows. */
void api_neighbours(struct api *a, struct hear *h);
/* As api_progress, until the server has it. */
int api_verified(struct api *a, const struct api_progress *p, struct fault *fault);

/* A few tries. *reboot_s changes only when the server names a pause. */
void api_failed(struct api *a, const struct fault *f, unsigned *reboot_s);

/* way: "kexec" or "switch". *boot_json: free() it. */
int api_handoff(struct api *a, const char *kind, const char *way, const struct digest *manifest,
	char **boot_json, struct fault *fault);

int api_up(struct api *a, const struct api_up *up, struct fault *fault);
/* With what the server wants to be done. */
int api_heartbeat(
	struct api *a, const struct api_beat *b, struct api_order *order, struct fault *fault);
/* A few tries to tell what became of an order; why NULL: it is obeyed. */
void api_order_end(struct api *a, const char *why);

#endif
