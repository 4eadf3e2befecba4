/*
 * digest.h: SHA-256, the name of every blob. The only module that includes OpenSSL's headers
 * (libcrypto uses the processor's SHA instructions).
 */
#ifndef MUSTER_IMAGES_DIGEST_H
#define MUSTER_IMAGES_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_LEN 32
#define DIGEST_HEX 65 /* 64 lower-case digits and NUL */

struct digest {
	uint8_t b[DIGEST_LEN];
};

/*
 * Hash while the bytes pass by: new, then update any number of times, then final once, then free.
 * A failure of libcrypto is kept until final, which returns 0, or -EIO with *out all zeros, so that
 * it equals no file's digest.
 */
struct digest_ctx;
struct digest_ctx *digest_new(void); /* NULL when memory or libcrypto fail */
void digest_update(struct digest_ctx *c, const void *p, size_t len);
int digest_final(struct digest_ctx *c, struct digest *out);
void digest_free(struct digest_ctx *c); /* accepts NULL */

/* Returns 0, or -EIO when libcrypto fails. */
int digest_bytes(const void *p, size_t len, struct digest *out);
/* From the descriptor's offset to its end. Returns 0 or -errno; *len (if not NULL) = bytes. */
int digest_fd(int fd, struct digest *out, uint64_t *len);

int digest_equal(const struct digest *a, const struct digest *b); /* 1 or 0 */
/* The same in a time that does not tell how much of them is equal: for digests of secrets. */
int digest_equal_secret(const struct digest *a, const struct digest *b);

/* Lower-case hex. digest_parse takes exactly 64 lower-case digits and a NUL: 0 or -EBADMSG. */
void digest_hex(const struct digest *d, char out[DIGEST_HEX]);
int digest_parse(const char *hex, struct digest *out);

#endif
