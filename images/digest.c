/* digest.c: SHA-256 by libcrypto. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "images/digest.h"

#define READ_SIZE (64 * 1024)

struct digest_ctx {
	EVP_MD_CTX *evp;
	bool bad; /* libcrypto failed on the way */
};

struct digest_ctx *digest_new(void)
{
	struct digest_ctx *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->evp = EVP_MD_CTX_new();
	if (!c->evp || EVP_DigestInit_ex(c->evp, EVP_sha256(), NULL) != 1) {
		digest_free(c);
		return NULL;
	}
	return c;
}

void digest_update(struct digest_ctx *c, const void *p, size_t len)
{
	if (EVP_DigestUpdate(c->evp, p, len) != 1)
		c->bad = true;
}

int digest_final(struct digest_ctx *c, struct digest *out)
{
	unsigned len = 0;

	if (c->bad || EVP_DigestFinal_ex(c->evp, out->b, &len) != 1 || len != DIGEST_LEN) {
		memset(out, 0, sizeof *out);
		return -EIO;
	}
	return 0;
}

void digest_free(struct digest_ctx *c)
{
	if (!c)
		return;
	EVP_MD_CTX_free(c->evp);
	free(c);
}

int digest_bytes(const void *p, size_t len, struct digest *out)
{
	struct digest d;
	unsigned n = 0;

	if (EVP_Digest(p, len, d.b, &n, EVP_sha256(), NULL) != 1 || n != DIGEST_LEN)
		return -EIO;
	*out = d;
	return 0;
}

/* Feed everything from the descriptor's offset on. Returns 0 or -errno. */
static int update_from_fd(struct digest_ctx *c, int fd, uint64_t *total)
{
	uint8_t buf[READ_SIZE];
	ssize_t n;

	while ((n = read(fd, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		digest_update(c, buf, (size_t)n);
		*total += (uint64_t)n;
	}
	return 0;
}

int digest_fd(int fd, struct digest *out, uint64_t *len)
{
	struct digest_ctx *c = digest_new();
	struct digest d;
	uint64_t total = 0;
	int rc;

	if (!c)
		return -ENOMEM;
	rc = update_from_fd(c, fd, &total);
	if (!rc)
		rc = digest_final(c, &d);
	digest_free(c);
	if (rc)
		return rc;
	*out = d;
	if (len)
		*len = total;
	return 0;
}

int digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, DIGEST_LEN) == 0;
}

int digest_equal_secret(const struct digest *a, const struct digest *b)
{
	return CRYPTO_memcmp(a->b, b->b, DIGEST_LEN) == 0;
}

void digest_hex(const struct digest *d, char out[DIGEST_HEX])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_LEN; i++) {
		out[2 * i] = hex[d->b[i] >> 4];
		out[2 * i + 1] = hex[d->b[i] & 15];
	}
	out[DIGEST_HEX - 1] = '\0';
}

/* 0 to 15, or -1. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int digest_parse(const char *hex, struct digest *out)
{
	struct digest d;

	if (strnlen(hex, DIGEST_HEX) != DIGEST_HEX - 1)
		return -EBADMSG;
	for (size_t i = 0; i < DIGEST_LEN; i++) {
		int hi = hex_value(hex[2 * i]), lo = hex_value(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EBADMSG;
		d.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*out = d;
	return 0;
}
