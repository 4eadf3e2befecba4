/*
 * quorum.h: bytes with their signature files, one for each signer (X.minisig.KEYID beside X), and
 * how many of a set of keys have signed them. Pure.
 */
#ifndef MUSTER_IMAGES_QUORUM_H
#define MUSTER_IMAGES_QUORUM_H

#include <stddef.h>

#include "images/minisig.h"

#define QUORUM_KEYS_MAX 16
#define QUORUM_SIGS_MAX 16 /* signature files that are looked at */

struct quorum_sig {
	const char *text; /* borrowed, unchecked */
	size_t len;
};

struct signed_text {
	const char *text; /* borrowed, unchecked */
	size_t len;
	struct quorum_sig sigs[QUORUM_SIGS_MAX];
	size_t n_sigs;
};

/*
 * How many different public keys, of the n given ones (at most QUORUM_KEYS_MAX), have signed the
 * bytes. The same key under two ids, or twice in the set, counts once; a bad signature counts for
 * nothing and harms no other.
 */
size_t quorum_count(const struct minisig_public *keys, size_t n, const struct signed_text *t);

#endif
