/*
 * api_text.h: the bodies of an agent's requests and what the answers say, docs/agent-protocol.md.
 * Pure; the writers append one object to w.
 */
#ifndef MUSTER_AGENT_API_TEXT_H
#define MUSTER_AGENT_API_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/cmdline.h"
#include "agent/fault.h"
#include "images/json.h"
#include "images/judge.h"

/* The answer to facts. */
struct api_session {
	char session[65], server[64], host[64], code[16];
	int64_t boot;
	bool waiting; /* an administrator must let this host in */
};

#define API_MIRRORS_MAX 4

/* A file with its signatures, by the digests of their blobs. */
struct api_signed {
	struct digest digest, sigs[QUORUM_SIGS_MAX];
	size_t n_sigs;
};

/* One root more than is walked: the last one tells that they are too many. */
#define API_ROOTS_MAX (JUDGE_ROOT_STEPS + 1)

struct api_ticket {
	char image[64], version[64];
	char ticket[TICKET_MAX + 2], ticket_sig[MINISIG_TEXT_MAX + 2]; /* a longer one is cut */
	struct api_signed manifest, channel, roots[API_ROOTS_MAX];
	size_t n_roots;
	char mirrors[API_MIRRORS_MAX][URL_MAX]; /* caches to be asked for files first, in order */
	size_t n_mirrors;
	int64_t pause_ms;
};

struct api_progress {
	const char *stage, *what, *file;
	const char *detail; /* a sentence, or NULL */
	uint64_t bytes, total, files_bytes, files_total;
};

struct api_up {
	const char *nonce, *guest, *hypervisor, *version, *kernel, *accelerator, *detail;
	int64_t guest_ms;
	double uptime_s;
	const char *orders; /* the host's name as this hypervisor takes orders, "": it takes none */
};

struct api_beat {
	double uptime_s, load1;
	int guests;
	const char *nonce; /* that an order has to answer, or NULL */
};

/* An order, as the server sent it; text[0] is NUL when there is none. */
struct api_order {
	char text[ORDER_MAX + 2], sig[MINISIG_TEXT_MAX + 2]; /* a longer one is cut */
};

/* Each 0, or -EPROTO with the fault. What is in *out is as the server sent it. */
int api_text_session(const struct json *doc, struct api_session *out, struct fault *fault);
int api_text_ticket(const struct json *doc, struct api_ticket *out, struct fault *fault);

/* The question for a ticket; root: the version of the one that the agent carries. */
void api_text_ask(const char *nonce, uint64_t root, struct jw *w);
/* The question for the files of a ticket. */
void api_text_extra(const struct digest *extra, struct jw *w);
void api_text_progress(const struct api_progress *p, struct jw *w);
void api_text_failed(const struct fault *f, struct jw *w);
void api_text_handoff(
	const char *kind, const char *way, const struct digest *manifest, struct jw *w);
void api_text_up(const struct api_up *up, struct jw *w);
void api_text_heartbeat(const struct api_beat *b, struct jw *w);
void api_text_order(const struct json *doc, struct api_order *out);
/* What became of it; why NULL: it is obeyed. */
void api_text_order_end(const char *why, struct jw *w);

#endif
