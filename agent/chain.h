/*
 * chain.h: from the root that the agent carries to the manifest that this host shall run, over the
 * files that the server names. The order of checks is images/judge.h's.
 */
#ifndef MUSTER_AGENT_CHAIN_H
#define MUSTER_AGENT_CHAIN_H

#include "agent/api.h"
#include "agent/fetch.h"
#include "agent/trust.h"
#include "agent/verify.h"

/* What the checks take for granted. */
struct chain_given {
	const struct trust *trust;
	const struct verify_host *host;
	const struct api_ticket *offer; /* as the server sent it */
	struct ticket_want want;
	uint64_t rtc_s; /* this host's own clock, seconds since 1970 */
};

struct chain {
	struct root root; /* the last one */
	struct channel channel;
	struct ticket ticket;
	struct manifest manifest;
	bool site_fresh; /* that nothing is newer rests on the server's word: the clock is wrong */
};

/*
 * Returns 0 with *out filled, or -EBADMSG with the fault: a code of images/judge.h's table, or that
 * of download_small.
 */
int chain_follow(
	struct fetch *f, const struct chain_given *given, struct chain *out, struct fault *fault);

#endif
