/*
 * verify.h: what images/judge.h leaves to the host: can it run this image, and how a verdict
 * becomes a fault. Pure (apart from the fault's text).
 */
#ifndef MUSTER_AGENT_VERIFY_H
#define MUSTER_AGENT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/fault.h"
#include "images/judge.h"

#define TRUST_KEYS_MAX ROOT_KEYS_MAX

/* What an agent starts from: a root, the site's keys, and when this was put together. */
struct trust {
	struct root_walk walk; /* at its start */
	struct minisig_public site[TRUST_KEYS_MAX];
	size_t n_site;
	uint64_t epoch_s; /* seconds since 1970, 0: not said */
	bool rtc_trusted; /* this host's own clock is right, its owner says */
};

/* What this host can do with an image. */
struct verify_host {
	bool kind_ok[IMAGE_KINDS];
	uint64_t memory_free; /* bytes */
};

/* 0 for VERDICT_GOOD, else -EBADMSG with the fault: its code and the sentence err. */
int verify_verdict(enum verdict v, const char *err, struct fault *fault);

/* Kind and memory, after judge_manifest. 0, or -EBADMSG with the fault. */
int verify_host_can(const struct manifest *m, const struct verify_host *host, struct fault *fault);

#endif
