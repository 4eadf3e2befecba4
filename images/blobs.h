/*
 * blobs.h: the folder of blobs by digest. DIR/sha256/HEX are the finished files, mode 0444, never
 * changed. DIR/tmp/HEX is the part of one that has come so far, DIR/tmp/HEX.N all of one while it
 * is checked. A blob appears by rename after fsync, so a reader never sees half of one, and a full
 * disk or a crash leaves at most a file in tmp, which is gone on with or swept.
 *
 * `dir` is a descriptor of DIR; O_PATH will do.
 */
#ifndef MUSTER_IMAGES_BLOBS_H
#define MUSTER_IMAGES_BLOBS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "images/digest.h"

/*
 * Create PATH, PATH/sha256 and PATH/tmp where missing; they belong to this user (-1: to whoever
 * made them). Returns 0 or -errno.
 */
int blobs_init(const char *path, uid_t uid, gid_t gid);

/* A read-only descriptor of the blob with *len its size, or -ENOENT, -errno. */
int blobs_open(int dir, const struct digest *d, uint64_t *len);

/*
 * The whole of a small blob, which must have its digest. Returns its length; -EFBIG when it has
 * more than size bytes, -EBADMSG when it was changed, -ENOENT, -errno.
 */
ssize_t blobs_read(int dir, const struct digest *d, void *p, size_t size);

/* ---- a blob comes, in parts that several may send ---- */

/* A descriptor to write at, with *len what is there; created when `create`, else -ENOENT. */
int blobs_part(int dir, const struct digest *d, bool create, uint64_t *len);
/* 0 also when there is none. */
int blobs_part_remove(int dir, const struct digest *d);

/* A disk keeps this much for the database, whatever is imported. */
#define BLOBS_SPARE (16 * 1024 * 1024)

/* Bytes that blobs may still take. 0 or -errno. */
int blobs_room(int dir, uint64_t *bytes);

/* What has all its bytes, out of reach for whoever goes on writing under the digest's name. */
struct blob_claim {
	int fd; /* to be read */
	uint64_t len;
	char name[96]; /* within tmp */
};

/* `n` is a number that no other claim of this digest has. 0, -ENOENT: no part, or -errno. */
int blobs_claim(int dir, const struct digest *d, unsigned n, struct blob_claim *out);
/*
 * The bytes were checked: durable, then under its name; in the place of an older file of that name,
 * which a failing disk may have damaged. Ends the claim. 0 or -errno, nothing is left then.
 */
int blobs_publish(int dir, struct blob_claim *c, const struct digest *d);
void blobs_drop(int dir, struct blob_claim *c);
/* Claims of a process that is gone become parts again. 0 or -errno. */
int blobs_unclaim(int dir);

/* ---- what nobody needs ---- */

/*
 * Keep others out who hold it, waiting for them when `wait`, else -EWOULDBLOCK. Returns a
 * descriptor, whose close lets them in again, or -errno. Who finds that a blob is old and removes
 * it holds this meanwhile, and so do blobs_touch and blobs_publish.
 */
int blobs_lock(int dir, bool wait);
/* The blob is needed: it counts as new. 0, -ENOENT, -errno. */
int blobs_touch(int dir, const struct digest *d);
int blobs_remove(int dir, const struct digest *d);

/* Call fn for each finished blob; it returns 0 to go on. Returns 0, what fn returned, -errno. */
int blobs_each(int dir,
	int (*fn)(void *arg, const struct digest *d, uint64_t len, int64_t touched_s), void *arg);
/* Remove what lies in tmp and was not written to since then, unless `dry`. Returns how many. */
int blobs_sweep(int dir, int64_t before_s, bool dry, uint64_t *bytes);

#endif
