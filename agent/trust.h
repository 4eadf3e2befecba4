/*
 * trust.h: what came with the agent's ramdisk to believe in.
 */
#ifndef MUSTER_AGENT_TRUST_H
#define MUSTER_AGENT_TRUST_H

#include "agent/verify.h"

#define TRUST_DIR "/etc/muster/trust"

/*
 * Read dir/root.json with its signature files root.json.minisig.*, or where there is none bare
 * keys, dir/release-*.pub, as root 0; dir/site-*.pub; dir/epoch; dir/rtc-trusted. Returns 0, or
 * -ENOKEY with the fault when something is missing, malformed, or more than TRUST_KEYS_MAX.
 */
int trust_load(const char *dir, struct trust *out, struct fault *fault);
/* Bare keys from other places: the files that the two glob patterns fit. */
int trust_load_from(const char *release, const char *site, struct trust *out, struct fault *fault);

#endif
