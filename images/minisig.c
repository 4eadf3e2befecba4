/*
 * minisig.c: minisign's files, line by line. Every file is strict: LF ends each line, the base64 is
 * canonical, nothing follows the last line. A comment is printable ASCII and tabs, because people
 * print comments on terminals.
 *
 * Secret key, 158 bytes before base64:
 *
 *   "Ed" | kdf 2 | "B2" | salt 32 | opslimit 8 | memlimit 8 | key id 8 | key 64 | checksum 32
 *
 * Not encrypted means kdf, salt and both limits are zero. minisign 0.11 leaves the checksum zero
 * in that case and does not look at it; we write the one that its manual describes (BLAKE2b-256
 * over "Ed", key id and key) and accept both.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "images/minisig.h"

#define UNTRUSTED   "untrusted comment: "
#define TRUSTED	    "trusted comment: "
#define TRUSTED_MAX 200 /* bytes of a trusted comment that we write */
#define BLOB_MAX    158 /* the longest base64 line: a secret key */
#define HASH_LEN    64

struct signature_line {
	uint8_t alg[2], id[8], sig[64];
};

struct public_line {
	uint8_t alg[2], id[8], key[32];
};

struct secret_line {
	uint8_t alg[2], kdf[2], chk_alg[2], salt[32], opslimit[8], memlimit[8];
	uint8_t id[8], key[64], chk[32];
};

_Static_assert(sizeof(struct signature_line) == 74, "no padding");
_Static_assert(sizeof(struct public_line) == 42, "no padding");
_Static_assert(sizeof(struct secret_line) == BLOB_MAX, "no padding");
_Static_assert(sizeof((struct minisig_secret){ 0 }.key) == crypto_sign_SECRETKEYBYTES, "libsodium");

struct span {
	const char *p;
	size_t len;
};

int minisig_init(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

void minisig_public_of(const struct minisig_secret *sec, struct minisig_public *pub)
{
	memcpy(pub->id, sec->id, sizeof pub->id);
	crypto_sign_ed25519_sk_to_pk(pub->key, sec->key);
}

void minisig_generate(struct minisig_secret *sec, struct minisig_public *pub)
{
	randombytes_buf(sec->id, sizeof sec->id);
	crypto_sign_keypair(pub->key, sec->key);
	memcpy(pub->id, sec->id, sizeof pub->id);
}

void minisig_wipe(struct minisig_secret *sec)
{
	sodium_memzero(sec, sizeof *sec);
}

/* minisign shows the id as one little-endian number. */
void minisig_id_hex(const uint8_t id[8], char out[17])
{
	for (size_t i = 0; i < 8; i++)
		snprintf(out + 2 * i, 3, "%02X", id[7 - i]);
}

/* The comment and one base64 line. All of it fits: 158 bytes are 212 characters. */
static void print_key(const char *what, const uint8_t id[8], const void *p, size_t len, char *out)
{
	char hex[17], b64[sodium_base64_ENCODED_LEN(BLOB_MAX, sodium_base64_VARIANT_ORIGINAL)];

	minisig_id_hex(id, hex);
	sodium_bin2base64(b64, sizeof b64, p, len, sodium_base64_VARIANT_ORIGINAL);
	snprintf(out, MINISIG_TEXT_MAX, UNTRUSTED "%s %s\n%s\n", what, hex, b64);
	sodium_memzero(b64, sizeof b64);
}

static void public_line(const struct minisig_public *pub, struct public_line *out)
{
	memcpy(out->alg, "Ed", sizeof out->alg);
	memcpy(out->id, pub->id, sizeof out->id);
	memcpy(out->key, pub->key, sizeof out->key);
}

void minisig_public_print(const struct minisig_public *pub, char *out)
{
	struct public_line l;

	public_line(pub, &l);
	print_key("minisign public key", pub->id, &l, sizeof l, out);
}

static void secret_checksum(const struct secret_line *l, uint8_t out[32])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, sizeof l->chk);
	crypto_generichash_update(&st, l->alg, sizeof l->alg);
	crypto_generichash_update(&st, l->id, sizeof l->id);
	crypto_generichash_update(&st, l->key, sizeof l->key);
	crypto_generichash_final(&st, out, sizeof l->chk);
	sodium_memzero(&st, sizeof st);
}

void minisig_secret_print(const struct minisig_secret *sec, char *out)
{
	struct secret_line l = { .alg = { 'E', 'd' }, .chk_alg = { 'B', '2' } };

	memcpy(l.id, sec->id, sizeof l.id);
	memcpy(l.key, sec->key, sizeof l.key);
	secret_checksum(&l, l.chk);
	print_key("minisign secret key (not encrypted)", sec->id, &l, sizeof l, out);
	sodium_memzero(&l, sizeof l);
}

/* Take one line, without its LF, off the front. Returns false when no LF follows. */
static bool take_line(struct span *rest, struct span *line)
{
	const char *lf = rest->len ? memchr(rest->p, '\n', rest->len) : NULL;

	if (!lf)
		return false;
	line->p = rest->p;
	line->len = (size_t)(lf - rest->p);
	rest->len -= line->len + 1;
	rest->p = lf + 1;
	return true;
}

/* ASCII that a terminal shows as it is, and tabs. */
static bool printable(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != '\t' && (s.p[i] < ' ' || s.p[i] > '~'))
			return false;
	return true;
}

/* Take a line that is the prefix and printable ASCII or tabs; the comment is what follows. */
static bool take_comment(struct span *rest, const char *prefix, struct span *comment)
{
	size_t n = strlen(prefix);
	struct span line;

	if (!take_line(rest, &line) || line.len < n || memcmp(line.p, prefix, n) != 0)
		return false;
	comment->p = line.p + n;
	comment->len = line.len - n;
	return printable(*comment);
}

/*
 * Take a line that is the base64 of exactly len bytes, canonically padded. It must be ASCII first,
 * because libsodium 1.0.18 reads the bytes 0xab and 0xaf as '+' and '/'.
 */
static bool take_base64(struct span *rest, void *out, size_t len)
{
	struct span line;
	const char *end;
	size_t n;

	return take_line(rest, &line) && printable(line) &&
	       line.len == sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL) - 1 &&
	       sodium_base642bin(out, len, line.p, line.len, NULL, &n, &end,
		       sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       n == len && end == line.p + line.len;
}

/* A key file: a comment, a base64 line, nothing more. */
static bool parse_key_file(const char *text, size_t text_len, void *out, size_t len)
{
	struct span rest = { text, text_len }, comment;

	return text_len <= MINISIG_TEXT_MAX && take_comment(&rest, UNTRUSTED, &comment) &&
	       take_base64(&rest, out, len) && rest.len == 0;
}

static int public_from(const struct public_line *l, struct minisig_public *out)
{
	if (memcmp(l->alg, "Ed", sizeof l->alg) != 0)
		return -EBADMSG;
	memcpy(out->id, l->id, sizeof out->id);
	memcpy(out->key, l->key, sizeof out->key);
	return 0;
}

int minisig_public_parse(const char *text, size_t len, struct minisig_public *out)
{
	struct public_line l;

	return parse_key_file(text, len, &l, sizeof l) ? public_from(&l, out) : -EBADMSG;
}

void minisig_line_print(const struct minisig_public *pub, char out[MINISIG_LINE])
{
	struct public_line l;

	public_line(pub, &l);
	sodium_bin2base64(
		out, MINISIG_LINE, (const uint8_t *)&l, sizeof l, sodium_base64_VARIANT_ORIGINAL);
}

int minisig_line_parse(const char *line, struct minisig_public *out)
{
	char text[MINISIG_LINE + 1];
	struct span rest = { text, MINISIG_LINE };
	struct public_line l;

	if (strnlen(line, MINISIG_LINE) != MINISIG_LINE - 1)
		return -EBADMSG;
	snprintf(text, sizeof text, "%s\n", line);
	return take_base64(&rest, &l, sizeof l) ? public_from(&l, out) : -EBADMSG;
}

static int check_secret(const struct secret_line *l)
{
	uint8_t chk[32], pk[32], sk[64];
	int rc = 0;

	if (memcmp(l->alg, "Ed", 2) != 0 || memcmp(l->chk_alg, "B2", 2) != 0)
		return -EBADMSG;
	if (!sodium_is_zero(l->kdf, sizeof l->kdf))
		return memcmp(l->kdf, "Sc", 2) == 0 ? -ENOTSUP : -EBADMSG;
	secret_checksum(l, chk);
	if (sodium_memcmp(chk, l->chk, sizeof chk) != 0 && !sodium_is_zero(l->chk, sizeof l->chk))
		rc = -EBADMSG;
	/* A public half that does not belong to the seed would make signing leak the key. */
	crypto_sign_seed_keypair(pk, sk, l->key);
	if (sodium_memcmp(sk, l->key, sizeof sk) != 0)
		rc = -EBADMSG;
	sodium_memzero(sk, sizeof sk);
	return rc;
}

int minisig_secret_parse(const char *text, size_t len, struct minisig_secret *out)
{
	struct secret_line l;
	int rc = -EBADMSG;

	if (parse_key_file(text, len, &l, sizeof l))
		rc = check_secret(&l);
	if (!rc) {
		memcpy(out->id, l.id, sizeof out->id);
		memcpy(out->key, l.key, sizeof out->key);
	}
	sodium_memzero(&l, sizeof l);
	return rc;
}

static void hash_bytes(const void *p, size_t len, uint8_t hash[HASH_LEN])
{
	crypto_generichash(hash, HASH_LEN, p, len, NULL, 0);
}

/* What the second signature covers: the first one, then the trusted comment. */
static size_t join_global(const uint8_t sig[64], struct span comment, uint8_t out[MINISIG_TEXT_MAX])
{
	memcpy(out, sig, 64);
	memcpy(out + 64, comment.p, comment.len);
	return 64 + comment.len;
}

int minisig_sign(
	const struct minisig_secret *sec, const void *p, size_t len, const char *trusted, char *out)
{
	struct span comment = { trusted, strlen(trusted) };
	struct signature_line l = { .alg = { 'E', 'D' } };
	uint8_t hash[HASH_LEN], joined[MINISIG_TEXT_MAX], global[64];
	char l64[sodium_base64_ENCODED_LEN(sizeof l, sodium_base64_VARIANT_ORIGINAL)];
	char g64[sodium_base64_ENCODED_LEN(sizeof global, sodium_base64_VARIANT_ORIGINAL)];
	char hex[17];

	if (comment.len > TRUSTED_MAX || !printable(comment))
		return -EINVAL;
	hash_bytes(p, len, hash);
	memcpy(l.id, sec->id, sizeof l.id);
	crypto_sign_detached(l.sig, NULL, hash, sizeof hash, sec->key);
	crypto_sign_detached(global, NULL, joined, join_global(l.sig, comment, joined), sec->key);
	sodium_bin2base64(
		l64, sizeof l64, (const uint8_t *)&l, sizeof l, sodium_base64_VARIANT_ORIGINAL);
	sodium_bin2base64(g64, sizeof g64, global, sizeof global, sodium_base64_VARIANT_ORIGINAL);
	minisig_id_hex(sec->id, hex);
	snprintf(out, MINISIG_TEXT_MAX, UNTRUSTED "signature by key %s\n%s\n" TRUSTED "%s\n%s\n",
		hex, l64, trusted, g64);
	return 0;
}

struct parsed {
	struct signature_line line;
	struct span trusted; /* borrows the text */
	uint8_t global[64];
};

static int parse_signature(const char *sig, size_t sig_len, struct parsed *out)
{
	struct span rest = { sig, sig_len }, untrusted;

	if (sig_len > MINISIG_TEXT_MAX || !take_comment(&rest, UNTRUSTED, &untrusted) ||
		!take_base64(&rest, &out->line, sizeof out->line) ||
		!take_comment(&rest, TRUSTED, &out->trusted) ||
		!take_base64(&rest, out->global, sizeof out->global) || rest.len != 0)
		return -EBADMSG;
	return memcmp(out->line.alg, "ED", 2) == 0 ? 0 : -EBADMSG;
}

int minisig_verify(const struct minisig_public *keys, size_t n, const void *p, size_t len,
	const char *sig, size_t sig_len)
{
	uint8_t hash[HASH_LEN], joined[MINISIG_TEXT_MAX];
	struct parsed s;
	size_t joined_len;
	int rc = parse_signature(sig, sig_len, &s);

	if (rc)
		return rc;
	hash_bytes(p, len, hash);
	joined_len = join_global(s.line.sig, s.trusted, joined);
	rc = -ENOKEY;
	for (size_t i = 0; i < n; i++) {
		if (memcmp(keys[i].id, s.line.id, sizeof s.line.id) != 0)
			continue;
		if (crypto_sign_verify_detached(s.line.sig, hash, sizeof hash, keys[i].key) == 0 &&
			crypto_sign_verify_detached(s.global, joined, joined_len, keys[i].key) == 0)
			return (int)i;
		rc = -EKEYREJECTED; /* but another key may have the same id */
	}
	return rc;
}
