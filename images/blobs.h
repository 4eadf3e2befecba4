/*
 * blobs.h: the folder of blobs by digest. DIR/sha256/HEX are the finished files, mode 0444, never
 * changed; DIR/tmp holds what is being written. A blob appears by rename after fsync, so a reader
 * never sees half of one, and a full disk or a crash leaves at most a file in tmp.
 */
#ifndef MUSTER_IMAGES_BLOBS_H
#define MUSTER_IMAGES_BLOBS_H

#include <stdint.h>
#include <sys/types.h>

#include "images/digest.h"

/* Create DIR, DIR/sha256 and DIR/tmp where missing. Returns 0 or -errno. */
int blobs_init(const char *dir);

/*
 * Copy the descriptor (from its offset to its end) in. Returns 0 with *out and *len filled;
 * -EBADMSG when `want` is given and the bytes have another digest (*out then says which); or
 * -errno (-ENOSPC: disk full). On failure nothing is left behind. Present already: success.
 */
int blobs_add_fd(
	const char *dir, int fd, const struct digest *want, struct digest *out, uint64_t *len);
int blobs_add_bytes(const char *dir, const void *p, size_t n, struct digest *out);

/*
 * Keep other importers out, waiting for one that is at work. Returns a descriptor, whose close lets
 * them in again, or -errno. Who removes blobs, or registers what he added, holds it meanwhile.
 */
int blobs_lock(const char *dir);

/* Take a blob away again. Returns 0 or -errno. */
int blobs_remove(const char *dir, const struct digest *d);

/* A read-only descriptor of the blob with *len its size, or -ENOENT, -errno. */
int blobs_open(const char *dir, const struct digest *d, uint64_t *len);

/*
 * The whole of a small blob, which must have its digest. Returns its length; -EFBIG when it has
 * more than size bytes, -EBADMSG when it was changed, -ENOENT, -errno.
 */
ssize_t blobs_read(const char *dir, const struct digest *d, void *p, size_t size);

#endif
