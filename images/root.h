/*
 * root.h: who may sign. A root names the release keys and how many of them must sign whatever the
 * hosts believe: manifests, channels, and the next root.
 *
 *   { "type": "root", "version": 2, "expires": 1827014400, "threshold": 2,
 *     "keys": [ { "name": "ada", "role": "release", "key": "RWQ..." } ] }
 *
 * `key` is the key's line as `minisign -P` takes it. Root N + 1 replaces root N when it is signed
 * by N's threshold of N's keys and by its own threshold of its own (judge.h). Times are seconds
 * since 1970. No two keys share name, id or public key, so that each counts for one person. Strict
 * like the manifest, see strict.h. Verify the signatures of the bytes before parsing them.
 */
#ifndef MUSTER_IMAGES_ROOT_H
#define MUSTER_IMAGES_ROOT_H

#include <stddef.h>
#include <stdint.h>

#include "images/minisig.h"
#include "images/strict.h"

#define ROOT_KEYS_MAX	 8
#define ROOT_VERSION_MAX 1000000

struct root {
	uint64_t version, expires_s;
	size_t threshold, n_keys;
	char names[ROOT_KEYS_MAX][STRICT_NAME_MAX];
	struct minisig_public keys[ROOT_KEYS_MAX]; /* of role release, the only one so far */
};

/* Returns 0, or -EBADMSG with one sentence in err that names the key or the place. */
int root_parse(const char *text, size_t len, struct root *out, char *err, size_t err_size);

/* The canonical text: keys in the order above, LF at the end. Returns its length or -ENOSPC. */
int root_print(const struct root *r, char *out, size_t size);

#endif
