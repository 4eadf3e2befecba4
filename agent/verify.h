/*
 * verify.h: what images/judge.h leaves to the host: what it holds against each other, can it run
 * this image, and how a verdict becomes a fault. Pure (apart from the fault's text).
 */
#ifndef MUSTER_AGENT_VERIFY_H
#define MUSTER_AGENT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/api_text.h"
#include "agent/fault.h"
#include "agent/trust.h"
#include "images/judge.h"

/* What this host can do with an image. */
struct verify_host {
	bool kind_ok[IMAGE_KINDS];
	uint64_t memory_free; /* bytes */
};

/* 0 for VERDICT_GOOD, else -EBADMSG with the fault: its code and the sentence err. */
int verify_verdict(enum verdict v, const char *err, struct fault *fault);

/*
 * Bytes that came for a digest that the server named. That it named it makes nobody believe them,
 * but it tells a bad disk from a bad key. `what` as in "a root". 0, or -EBADMSG with the fault.
 */
int verify_named(const struct digest *want, const void *p, size_t len, const char *what,
	struct fault *fault);

/* The ticket of the server's answer. 0 with *out filled, or -EBADMSG with the fault. */
int verify_ticket(const struct trust *trust, const struct api_ticket *offer,
	const struct ticket_want *want, struct ticket *out, struct fault *fault);

/* What came of the ticket's archive of files. 0, or -EBADMSG with the fault. */
int verify_extra(const struct ticket *t, const void *p, size_t len, struct fault *fault);

/* Is all that still valid, by this host's clock and all other times at hand? See judge_fresh. */
int verify_fresh(const struct trust *trust, uint64_t rtc_s, const struct root *root,
	const struct channel *ch, const struct ticket *ticket, uint64_t *now_s, bool *site_fresh,
	struct fault *fault);

/* Kind and memory, after judge_manifest. 0, or -EBADMSG with the fault. */
int verify_host_can(const struct manifest *m, const struct verify_host *host, struct fault *fault);

#endif
