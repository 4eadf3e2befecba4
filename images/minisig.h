/*
 * minisig.h: Ed25519 signatures and keys in minisign's file formats, so that `minisign -V` agrees
 * with everything we sign and we with what it signs. Only the prehashed algorithm `ED` (BLAKE2b-512
 * of the file) is accepted. The only module that includes sodium.h.
 *
 * Signature file, four lines: untrusted comment; base64("ED", key id 8, signature 64);
 * trusted comment; base64(signature 64 over the first signature and the trusted comment).
 * Public key file, two lines: untrusted comment; base64("Ed", key id 8, key 32).
 * Secret key file, two lines, as minisign -W writes it (not encrypted): see minisig.c.
 * The untrusted comment is never used. The key id is a hint: the key itself is what counts.
 */
#ifndef MUSTER_IMAGES_MINISIG_H
#define MUSTER_IMAGES_MINISIG_H

#include <stddef.h>
#include <stdint.h>

#define MINISIG_TEXT_MAX 1024 /* bytes of any of the three files, longest accepted */

struct minisig_public {
	uint8_t id[8];
	uint8_t key[32];
};

struct minisig_secret {
	uint8_t id[8];
	uint8_t key[64]; /* libsodium's Ed25519 secret key: seed, then public key */
};

/* Initialise libsodium; call once, before anything else here. Returns 0 or -EIO. */
int minisig_init(void);

/* A fresh key pair. Wipe the secret with minisig_wipe. */
void minisig_generate(struct minisig_secret *sec, struct minisig_public *pub);
void minisig_public_of(const struct minisig_secret *sec, struct minisig_public *pub);
void minisig_wipe(struct minisig_secret *sec);

/* Text of a file from a key or signature; NUL-terminated. `out` has MINISIG_TEXT_MAX bytes. */
void minisig_public_print(const struct minisig_public *pub, char *out);
void minisig_secret_print(const struct minisig_secret *sec, char *out);

/*
 * Parse a key file of len bytes. -EBADMSG malformed, wrong algorithm or checksum;
 * -ENOTSUP (secret only) encrypted with a pass phrase.
 */
int minisig_public_parse(const char *text, size_t len, struct minisig_public *out);
int minisig_secret_parse(const char *text, size_t len, struct minisig_secret *out);

/*
 * The key as `minisign -P` takes it: the second line of its file, MINISIG_LINE - 1 characters.
 * Reading it: 0 or -EBADMSG.
 */
#define MINISIG_LINE 57
void minisig_line_print(const struct minisig_public *pub, char out[MINISIG_LINE]);
int minisig_line_parse(const char *line, struct minisig_public *out);

/* 16 upper-case hex digits and NUL. (minisign prints the same number, but no leading zeros.) */
void minisig_id_hex(const uint8_t id[8], char out[17]);

/*
 * Sign len bytes. `trusted` is the trusted comment (one line, at most 200 bytes). Writes the
 * signature file to out (MINISIG_TEXT_MAX bytes, NUL-terminated). Returns 0 or -EINVAL.
 */
int minisig_sign(const struct minisig_secret *sec, const void *p, size_t len, const char *trusted,
	char *out);

/*
 * Does `sig` (sig_len bytes of a signature file) sign the len bytes with one of the n keys?
 * Returns the index of the key; -EBADMSG for a malformed signature file or another algorithm;
 * -ENOKEY when no given key made it; -EKEYREJECTED when its key is here but the signature is wrong.
 */
int minisig_verify(const struct minisig_public *keys, size_t n, const void *p, size_t len,
	const char *sig, size_t sig_len);

#endif
