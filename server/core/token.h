/*
 * token.h: the text of an API token, and what its holder may do. Pure.
 *
 *   muster_12_<52 characters: 256 random bits><7 characters: checksum>
 *
 * The number says which row of the store it is; letters are those of base 32 (RFC 4648, in lower
 * case, without padding), so a double click takes the whole. The checksum, which is the beginning
 * of the SHA-256 of all before it, lets programs that look for leaked secrets tell a token from
 * what only looks like one: muster_[0-9]+_[a-z2-7]{59}.
 */
#ifndef MUSTER_SERVER_CORE_TOKEN_H
#define MUSTER_SERVER_CORE_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#define TOKEN_SECRET_LEN 32 /* random bytes */
#define TOKEN_MAX	 80 /* bytes of the text with NUL; as struct http_request has them */

/* Each may do what the one before it may. The numbers are in the store. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN, ROLES };

const char *role_name(enum role r);
/* ROLE_NONE: no role is called so. */
enum role role_parse(const char *name);

/* Returns 0, or -EIO when libcrypto fails. */
int token_print(int64_t id, const uint8_t secret[TOKEN_SECRET_LEN], char out[TOKEN_MAX]);

/* The row that the token names. -EBADMSG: this was never a token of ours. */
int token_parse(const char *text, int64_t *id);

#endif
