/*
 * trust.h: what came with the agent's ramdisk to believe in: the root to start from, the site's
 * keys, and when this was put together.
 */
#ifndef MUSTER_AGENT_TRUST_H
#define MUSTER_AGENT_TRUST_H

#include <stdbool.h>

#include "agent/fault.h"
#include "images/judge.h"

#define TRUST_DIR      "/etc/muster/trust"
#define TRUST_KEYS_MAX ROOT_KEYS_MAX

struct trust {
	struct root_walk walk; /* at its start */
	struct minisig_public site[TRUST_KEYS_MAX];
	size_t n_site;
	uint64_t epoch_s; /* seconds since 1970, 0: not said */
	bool rtc_trusted; /* this host's own clock is right, its owner says */
};

/*
 * Read dir/root.json with its signature files root.json.minisig.*, or where there is none bare
 * keys, dir/release-*.pub, as root 0; dir/site-*.pub; dir/epoch; dir/rtc-trusted. Returns 0, or
 * -ENOKEY with the fault when something is missing, malformed, or more than TRUST_KEYS_MAX.
 */
int trust_load(const char *dir, struct trust *out, struct fault *fault);
/* The site's keys alone, dir/site-*.pub: their number in *n. The same errors. */
int trust_site(const char *dir, struct minisig_public keys[TRUST_KEYS_MAX], size_t *n,
	struct fault *fault);
/* The same from other places: the files that the two glob patterns fit. */
int trust_load_from(const char *release, const char *site, struct trust *out, struct fault *fault);

#endif
