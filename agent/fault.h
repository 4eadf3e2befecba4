/*
 * fault.h: why a step did not succeed: a code for machines, a sentence for people, and for digests
 * what was expected and what was found. The codes are listed in docs/agent-protocol.md.
 */
#ifndef MUSTER_AGENT_FAULT_H
#define MUSTER_AGENT_FAULT_H

#include "images/digest.h"

struct fault {
	const char *stage; /* a literal: "agent", "image", "verify", "handoff", "up" */
	const char *code;  /* a literal */
	char message[240]; /* one sentence */
	char file[64];	   /* of the image, or "" */
	char expected[DIGEST_HEX];
	char found[DIGEST_HEX];
};

/* Fill f anew and return err, so that a step can say `return fault_set(f, -EBADMSG, ...)`. */
__attribute__((format(printf, 5, 6))) int fault_set(
	struct fault *f, int err, const char *stage, const char *code, const char *fmt, ...);

/* Add the file's name (may be NULL) and the two digests to a fault that is set already. */
void fault_digests(struct fault *f, const char *file, const struct digest *expected,
	const struct digest *found);

#endif
