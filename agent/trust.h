/*
 * trust.h: the public keys that came with the agent's ramdisk.
 */
#ifndef MUSTER_AGENT_TRUST_H
#define MUSTER_AGENT_TRUST_H

#include "agent/verify.h"

#define TRUST_DIR "/etc/muster/trust"

/*
 * Read dir/release-*.pub and dir/site-*.pub; the same key twice counts once, more than
 * TRUST_KEYS_MAX of a kind are not read. Returns 0, or -ENOKEY with the fault when either kind is
 * missing or a file is no key.
 */
int trust_load(const char *dir, struct trust *out, struct fault *fault);
/* The same from other places: the files that the two glob patterns fit. */
int trust_load_from(const char *release, const char *site, struct trust *out, struct fault *fault);

#endif
