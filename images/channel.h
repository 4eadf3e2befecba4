/*
 * channel.h: which manifest of an image is the current one, signed by the release keys, so that who
 * holds the server cannot roll hosts back.
 *
 *   { "type": "channel", "name": "stable", "image": "kvm", "manifest": "64 hex digits",
 *     "release": 7, "floor": 5, "issued": 1763942400, "expires": 1766534400 }
 *
 * `manifest` is the SHA-256 of the manifest's bytes and `release` its release. The server may pin a
 * host to an older one, but to none below `floor`: whatever else is signed, that does not run.
 * Times are seconds since 1970. Strict like the manifest, see strict.h. Verify the signatures of
 * the bytes before parsing them.
 */
#ifndef MUSTER_IMAGES_CHANNEL_H
#define MUSTER_IMAGES_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/strict.h"

struct channel {
	char name[STRICT_NAME_MAX], image[STRICT_NAME_MAX];
	struct digest manifest;
	uint64_t release, floor, issued_s, expires_s;
};

/* Returns 0, or -EBADMSG with one sentence in err that names the key or the place. */
int channel_parse(const char *text, size_t len, struct channel *out, char *err, size_t err_size);

/* The canonical text: keys in the order above, LF at the end. Returns its length or -ENOSPC. */
int channel_print(const struct channel *ch, char *out, size_t size);

/*
 * May a host run this release with this manifest? 0: yes; -1: it is below the floor; 1: it is above
 * the channel's release, or another one of that number. Pure.
 */
int channel_compare(const struct channel *ch, const struct digest *manifest, uint64_t release);

/* Was it made before `other`? Of one second, the one with the lower release was. Pure. */
bool channel_is_older(const struct channel *ch, const struct channel *other);

#endif
