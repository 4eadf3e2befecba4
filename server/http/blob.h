/*
 * blob.h: blobs by digest, each mapped once and shared by all who read it.
 *
 * A bounded cache of read-only mappings. A blob is borrowed from blob_get to blob_put; while anyone
 * borrows it, it stays mapped. The one who serves it may attach a response of its own to it, which
 * is shared in the same way and dropped before the mapping goes. All functions may be called from
 * any thread.
 *
 * A file that was replaced or removed is noticed within a second; who borrows the old one keeps it.
 * One that becomes shorter while it is mapped reads as zeros behind its end, and whoever fetches it
 * sees from the digest that it is not whole.
 */
#ifndef MUSTER_SERVER_HTTP_BLOB_H
#define MUSTER_SERVER_HTTP_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"

#define BLOB_ETAG_MAX 76 /* "sha256-HEX" with its quotes and NUL */

struct blob_cache;

struct blob {
	struct digest digest;
	const uint8_t *data;
	size_t size;
	int fd; /* of the file, or -1: the bytes are in memory only */
	char etag[BLOB_ETAG_MAX];
};

/*
 * dir is the folder that holds the files, borrowed. At most `max` are mapped at a time. `drop`
 * frees what was attached. Returns NULL without memory.
 */
struct blob_cache *blob_cache_new(int dir, size_t max, void (*drop)(void *response));
/* Mappings of which a part was lost since this was asked last. Of all caches. */
unsigned blob_holes(void);
void blob_cache_free(struct blob_cache *c); /* accepts NULL; all blobs must have been put */

/*
 * Returns 0; -ENOENT: there is no such blob; -EBUSY: `max` other blobs are being read; or the
 * -errno of opening or mapping it.
 */
int blob_get(struct blob_cache *c, const struct digest *d, const struct blob **out);
/*
 * The file `name` of another folder as a blob: its bytes as they are now, so that whoever reads it
 * is not disturbed when it is replaced. A plain name; links are not followed. Returns as blob_get;
 * -ENOENT also when it is longer than `size_max`.
 */
int blob_get_file(
	struct blob_cache *c, int dir, const char *name, size_t size_max, const struct blob **out);
void blob_put(struct blob_cache *c, const struct blob *b); /* accepts NULL */

/* What is attached, or NULL. It stays at least until the caller's blob_put. */
void *blob_response(struct blob_cache *c, const struct blob *b);
/* Attach; when somebody was faster, drops `response` and returns theirs. */
void *blob_attach(struct blob_cache *c, const struct blob *b, void *response);

#endif
