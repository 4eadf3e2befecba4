/*
 * trust.h: whose signatures this server takes: those of the last root that was imported, or where
 * there is none of the bare keys in STATE/keys/trust, NAME.pub, which are root 0. Hosts judge for
 * themselves; this keeps what they would refuse from being imported.
 */
#ifndef MUSTER_SERVER_CORE_TRUST_H
#define MUSTER_SERVER_CORE_TRUST_H

#include "images/judge.h"
#include "server/core/api.h"

/*
 * 1 with *out filled; 0 when there is neither root nor key, and -EIO when the root's blob is not
 * what was imported: both with the answer made.
 */
int trust_root(struct call *k, struct root_walk *out);

/* The same, but where there is neither the answer is not made. */
int trust_root_if_any(struct call *k, struct root_walk *out);

/* The member `key` of the body and its "signatures". 1, or 0 with the answer made. */
int trust_read(struct call *k, const char *key, struct signed_text *out);

/*
 * The digests of the text and of those signatures that are by one of the n keys; the text and they
 * must be blobs already. Returns how many signatures, or -1 with the answer made.
 */
int trust_stored(struct call *k, const struct signed_text *t, const struct minisig_public *keys,
	size_t n, struct digest *text, struct store_sig sigs[QUORUM_SIGS_MAX]);

/* 422 with the verdict's code and sentence. */
void trust_refuse(struct call *k, enum verdict v, const char *err);

#endif
