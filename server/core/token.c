#include "server/core/token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/digest.h"

#define PREFIX	     "muster_"
#define SECRET_CHARS 52 /* (8 * TOKEN_SECRET_LEN + 4) / 5 */
#define CHECK_CHARS  7
#define CHECK_BYTES  4 /* 32 bits, the rest of the last character is zero */
#define ID_DIGITS    10

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

static const char *const role_names[ROLES] = { "none", "viewer", "operator", "admin" };

const char *role_name(enum role r)
{
	return role_names[r];
}

enum role role_parse(const char *name)
{
	for (enum role r = ROLE_VIEWER; r < ROLES; r++) {
		if (!strcmp(role_names[r], name))
			return r;
	}
	return ROLE_NONE;
}

/* Five bits a letter, the highest first. Writes no NUL. */
static void base32(const uint8_t *p, size_t len, char *out)
{
	unsigned bits = 0, n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | p[i];
		for (n += 8; n >= 5; n -= 5)
			*out++ = letters[bits >> (n - 5) & 31];
	}
	if (n > 0)
		*out = letters[bits << (5 - n) & 31];
}

static int checksum(const char *text, size_t len, char out[CHECK_CHARS])
{
	struct digest d;
	int rc = digest_bytes(text, len, &d);

	if (!rc)
		base32(d.b, CHECK_BYTES, out);
	return rc;
}

int token_print(int64_t id, const uint8_t secret[TOKEN_SECRET_LEN], char out[TOKEN_MAX])
{
	char text[TOKEN_MAX];
	size_t n = (size_t)snprintf(text, sizeof text, PREFIX "%lld_", (long long)id);

	if (id < 1 || n > sizeof PREFIX + ID_DIGITS)
		return -EIO;
	base32(secret, TOKEN_SECRET_LEN, text + n);
	n += SECRET_CHARS;
	if (checksum(text, n, text + n) < 0)
		return -EIO;
	text[n + CHECK_CHARS] = 0;
	memcpy(out, text, sizeof text);
	explicit_bzero(text, sizeof text);
	return 0;
}

int token_parse(const char *text, int64_t *id)
{
	const char *digits = text + strlen(PREFIX);
	char check[CHECK_CHARS];
	size_t n;

	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return -EBADMSG;
	n = strspn(digits, "0123456789");
	if (n < 1 || n > ID_DIGITS || *digits == '0' || digits[n] != '_')
		return -EBADMSG;
	n += strlen(PREFIX) + 1;
	if (strlen(text) != n + SECRET_CHARS + CHECK_CHARS ||
		strspn(text + n, letters) != SECRET_CHARS + CHECK_CHARS)
		return -EBADMSG;
	n += SECRET_CHARS;
	if (checksum(text, n, check) < 0 || memcmp(check, text + n, CHECK_CHARS) != 0)
		return -EBADMSG;
	*id = strtoll(digits, NULL, 10);
	return 0;
}
