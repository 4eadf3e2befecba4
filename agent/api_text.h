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
#include "agent/verify.h"
#include "images/json.h"

/* The answer to facts. */
struct api_session {
	char session[65], server[64], host[64], code[16];
	int64_t boot;
	bool waiting; /* an administrator must let this host in */
};

#define API_MIRRORS_MAX 4

struct api_ticket {
	char image[64], version[64];
	char ticket[VERIFY_TICKET_MAX + 1], ticket_sig[MINISIG_TEXT_MAX + 1];
	struct digest manifest, sigs[VERIFY_SIGS_MAX];
	size_t n_sigs;
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
};

/* Each 0, or -EPROTO with the fault. What is in *out is as the server sent it. */
int api_text_session(const struct json *doc, struct api_session *out, struct fault *fault);
int api_text_ticket(const struct json *doc, struct api_ticket *out, struct fault *fault);

void api_text_nonce(const char *nonce, struct jw *w);
void api_text_progress(const struct api_progress *p, struct jw *w);
void api_text_failed(const struct fault *f, struct jw *w);
void api_text_handoff(
	const char *kind, const char *way, const struct digest *manifest, struct jw *w);
void api_text_up(const struct api_up *up, struct jw *w);
void api_text_heartbeat(double uptime_s, double load1, int guests, struct jw *w);

#endif
