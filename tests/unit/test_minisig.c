/*
 * test_minisig.c: files that minisign 0.11 wrote are read, what we write is read back, and anything
 * else is refused: every prefix, every flipped bit that means something, every other algorithm.
 */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/minisig.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* `minisign -G -W`, and `minisign -S` over "hi\n"; PUB2 is another pair's. */
#define UC    "untrusted comment: "
#define PUB64 "RWRjx9UcZbHqV007lJyBsUncKVoNeDqWAZv9tcr0lG3m7HsC+anp3Ope"
#define PUB   UC "minisign public key 57EAB1651CD5C763\n" PUB64 "\n"
#define PUB2                                                                                       \
	UC "minisign public key 6A298902C62BBA9F\n"                                                \
	   "RWSfuivGAokpaqItRkh4M/iG+2yGdfW1VJYaeFhMyzc9tdHBsP4CgJOm\n"
#define SEC64                                                                                      \
	"RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAY8fVHGWx"         \
	"6lcvQ6DeQqA8TEpgfMivn6GOS6fQubJNVVyNzh3jxo9kCU07lJyBsUncKVoNeDqWAZv9tcr0lG3m7HsC"         \
	"+anp3OpeAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SEC UC "minisign encrypted secret key\n" SEC64 "\n"
#define SIG64                                                                                      \
	"RURjx9UcZbHqV1/CYpeScDg3PFwWTRVC20veLjiZmKykJ14lR5JXYMUGIpGLV8AVtdBoycwY6aDzHjh0"         \
	"WE36QiGONxPA329Fugg="
#define TC "trusted comment: timestamp:1795493335\tfile:f\thashed\n"
#define GLO64                                                                                      \
	"KJTl5LRq548pkgJEsmK3lqUqAMVbzOjr1iqrFQnMMA/Z"                                             \
	"8a9jhCHo7QzsRMGk4SjOTZGh613E9RS/VkoaIgvDDQ=="
#define SIG UC "signature from minisign secret key\n" SIG64 "\n" TC GLO64 "\n"
/* `minisign -S -l`: the legacy algorithm, over the file itself. */
#define OLD64                                                                                      \
	"RWRjx9UcZbHqVw9Vvj7BGgoYUstetxuhrBzjAbl+Yv1Rka2PsqZ2r0+np+z96L9uQwjDgFnDdXETVLk5"         \
	"kN6sRzx+oaJp98HkjwE="
#define OLDTC "trusted comment: timestamp:1795493335\tfile:f\n"
#define OLDGLO                                                                                     \
	"bF5eo2IsN0xVOBWVxrqOt4iBveyvmNzyETspcktuxbIy"                                             \
	"2jvYRhynRqBpJs9RCjkEmhDCy3rC34f99z3cJ0BKBg=="
/* `minisign -G` with the pass phrase x. */
#define ENC64                                                                                      \
	"RWRTY0IyGn30S2LyBxHs0IXa8ViocreQUrsZxrx8XVB/KYUiEsQAAAACAAAAAAAAAEAAAAAACKdSU5xh"         \
	"oE71u9ZVYh84DijcHl8sbBKvmDY7JdZWAAuYFRwGLYD9JCSyhwpWzvVB6nESCoPE6WfnDb9L3dYZBWwu"         \
	"LyLlxtFLFawICjvEdJVicQHEx68f0VNW6NVWxziEvwtuzYSz/v8="

static const char message[] = "hi\n";

static char *exact(const char *s, size_t len)
{
	char *p = malloc(len ? len : 1);

	assert_non_null(p);
	memcpy(p, s, len);
	return p;
}

static int parse_public(const char *s, size_t len, struct minisig_public *out)
{
	char *p = exact(s, len);
	int rc = minisig_public_parse(p, len, out);

	free(p);
	return rc;
}

static int parse_secret(const char *s, size_t len, struct minisig_secret *out)
{
	char *p = exact(s, len);
	int rc = minisig_secret_parse(p, len, out);

	free(p);
	return rc;
}

static int verify(const struct minisig_public *keys, size_t n, const char *sig, size_t len)
{
	char *p = exact(sig, len);
	int rc = minisig_verify(keys, n, message, strlen(message), p, len);

	free(p);
	return rc;
}

/* ---- public keys ---- */

static const struct {
	const char *name, *text;
	int want;
} publics[] = {
	{ "minisign's", PUB, 0 },
	{ "any comment", UC "\n" PUB64 "\n", 0 },
	{ "empty", "", -EBADMSG },
	{ "no comment", PUB64 "\n", -EBADMSG },
	{ "no LF at the end", UC "\n" PUB64, -EBADMSG },
	{ "CRLF", UC "\r\n" PUB64 "\r\n", -EBADMSG },
	{ "text after the key", PUB "x", -EBADMSG },
	{ "an empty line after the key", PUB "\n", -EBADMSG },
	{ "control character in the comment", UC "\x1b[2J\n" PUB64 "\n", -EBADMSG },
	{ "another algorithm", UC "\nRX" PUB64 "\n", -EBADMSG },
	{ "a space in the base64", UC "\n " PUB64 "\n", -EBADMSG },
	{ "a secret key", SEC, -EBADMSG },
};

static void test_public_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(publics); i++) {
		struct minisig_public k = { { 0 }, { 0 } };
		char hex[17];

		print_message("row: %s\n", publics[i].name);
		assert_int_equal(parse_public(publics[i].text, strlen(publics[i].text), &k),
			publics[i].want);
		minisig_id_hex(k.id, hex);
		assert_string_equal(hex, publics[i].want ? "0000000000000000" : "57EAB1651CD5C763");
	}
}

/* ---- secret keys ---- */

static const struct {
	const char *name, *text;
	int want;
} secrets[] = {
	{ "minisign -W", SEC, 0 },
	{ "encrypted", UC "minisign encrypted secret key\n" ENC64 "\n", -ENOTSUP },
	{ "empty", "", -EBADMSG },
	{ "a public key", PUB, -EBADMSG },
	{ "text after the key", SEC "\n", -EBADMSG },
};

static void test_secret_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		struct minisig_secret k = { { 0 }, { 0 } };
		struct minisig_public mine, theirs;

		print_message("row: %s\n", secrets[i].name);
		assert_int_equal(parse_secret(secrets[i].text, strlen(secrets[i].text), &k),
			secrets[i].want);
		if (secrets[i].want)
			continue;
		minisig_public_of(&k, &mine);
		assert_int_equal(parse_public(PUB, strlen(PUB), &theirs), 0);
		assert_memory_equal(&mine, &theirs, sizeof mine);
	}
}

/* The base64 line with one bit of its bytes flipped, re-encoded by hand: 6 bits a letter. */
static void flip_base64(char *b64, size_t bit)
{
	static const char abc[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *c = b64 + bit / 6;
	size_t v = (size_t)(strchr(abc, *c) - abc);

	*c = abc[v ^ (size_t)1 << (5 - bit % 6)];
}

/* Our own files carry a checksum: any flipped bit of algorithm, id, key or checksum is seen. */
static void test_secret_flips(void **state)
{
	struct minisig_secret sec, k;
	struct minisig_public pub;
	char text[MINISIG_TEXT_MAX];

	(void)state;
	minisig_generate(&sec, &pub);
	minisig_secret_print(&sec, text);
	assert_int_equal(parse_secret(text, strlen(text), &k), 0);
	assert_memory_equal(&k, &sec, sizeof k);
	for (size_t bit = 0; bit < 158 * 8; bit++) {
		char bad[MINISIG_TEXT_MAX];

		if (bit / 8 >= 6 && bit / 8 < 54)
			continue; /* salt and limits mean nothing without encryption */
		strcpy(bad, text);
		flip_base64(strchr(bad, '\n') + 1, bit);
		assert_int_not_equal(parse_secret(bad, strlen(bad), &k), 0);
	}
	minisig_wipe(&k);
	for (size_t i = 0; i < sizeof k.key; i++)
		assert_int_equal(k.key[i], 0);
}

/* minisign's zero checksum is accepted, but the halves of the key must belong together. */
static void test_secret_halves(void **state)
{
	struct minisig_secret k;

	(void)state;
	for (size_t bit = 62 * 8; bit < 126 * 8; bit++) {
		char bad[] = SEC;

		flip_base64(strchr(bad, '\n') + 1, bit);
		assert_int_equal(parse_secret(bad, strlen(bad), &k), -EBADMSG);
	}
}

/* ---- signatures ---- */

static const struct {
	const char *name, *text;
	int want;
} signatures[] = {
	{ "minisign's", SIG, 1 },
	{ "another untrusted comment", UC "\n" SIG64 "\n" TC GLO64 "\n", 1 },
	{ "empty", "", -EBADMSG },
	{ "legacy algorithm", UC "\n" OLD64 "\n" OLDTC OLDGLO "\n", -EBADMSG },
	{ "no untrusted comment", SIG64 "\n" TC GLO64 "\n", -EBADMSG },
	{ "no trusted comment", UC "\n" SIG64 "\n" GLO64 "\n", -EBADMSG },
	{ "another trusted comment", UC "\n" SIG64 "\ntrusted comment: x\n" GLO64 "\n",
		-EKEYREJECTED },
	{ "legacy signature behind ED",
		UC "\nRURjx9UcZbHqVw9Vvj7BGgoYUstetxuhrBzjAbl+Yv1Rka2PsqZ2r0+n"
		   "p+z96L9uQwjDgFnDdXETVLk5kN6sRzx+oaJp98HkjwE="
		   "\n" OLDTC OLDGLO "\n",
		-EKEYREJECTED },
	{ "signatures swapped", UC "\n" GLO64 "\n" TC SIG64 "\n", -EBADMSG },
	{ "two signatures", SIG SIG, -EBADMSG },
	{ "an empty line at the end", SIG "\n", -EBADMSG },
	{ "CRLF", UC "\r\n" SIG64 "\r\ntrusted comment: x\r\n" GLO64 "\r\n", -EBADMSG },
	{ "a public key", PUB, -EBADMSG },
	{ "control character in a comment", UC "\a\n" SIG64 "\n" TC GLO64 "\n", -EBADMSG },
};

static void test_signature_rows(void **state)
{
	struct minisig_public keys[2];

	(void)state;
	assert_int_equal(parse_public(PUB2, strlen(PUB2), &keys[0]), 0);
	assert_int_equal(parse_public(PUB, strlen(PUB), &keys[1]), 0);
	for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
		print_message("row: %s\n", signatures[i].name);
		assert_int_equal(verify(keys, 2, signatures[i].text, strlen(signatures[i].text)),
			signatures[i].want);
	}
}

/* Which key counts, not which id: a wrong key under the right id is refused, and does no harm. */
static void test_keys(void **state)
{
	struct minisig_public good, other, posing;

	(void)state;
	assert_int_equal(parse_public(PUB, strlen(PUB), &good), 0);
	assert_int_equal(parse_public(PUB2, strlen(PUB2), &other), 0);
	posing = other;
	memcpy(posing.id, good.id, sizeof posing.id);
	assert_int_equal(verify(NULL, 0, SIG, strlen(SIG)), -ENOKEY);
	assert_int_equal(verify(&other, 1, SIG, strlen(SIG)), -ENOKEY);
	assert_int_equal(verify(&posing, 1, SIG, strlen(SIG)), -EKEYREJECTED);
	assert_int_equal(verify((struct minisig_public[]){ posing, good }, 2, SIG, strlen(SIG)), 1);
	posing = good;
	memcpy(posing.id, other.id, sizeof posing.id);
	assert_int_equal(verify(&posing, 1, SIG, strlen(SIG)), -ENOKEY);
}

static void test_prefixes(void **state)
{
	struct minisig_public key, k;
	struct minisig_secret s;

	(void)state;
	assert_int_equal(parse_public(PUB, strlen(PUB), &key), 0);
	for (size_t len = 0; len < strlen(SIG); len++)
		assert_int_equal(verify(&key, 1, SIG, len), -EBADMSG);
	for (size_t len = 0; len < strlen(PUB); len++)
		assert_int_equal(parse_public(PUB, len, &k), -EBADMSG);
	for (size_t len = 0; len < strlen(SEC); len++)
		assert_int_equal(parse_secret(SEC, len, &s), -EBADMSG);
}

/* Every bit of the file but those of the untrusted comment's own text. */
static void test_signature_flips(void **state)
{
	size_t free_from = strlen(UC), free_to = strlen(UC "signature from minisign secret key");
	struct minisig_public key;
	unsigned refused = 0;

	(void)state;
	assert_int_equal(parse_public(PUB, strlen(PUB), &key), 0);
	for (size_t bit = 0; bit < strlen(SIG) * 8; bit++) {
		char bad[] = SIG;

		if (bit / 8 >= free_from && bit / 8 < free_to)
			continue;
		bad[bit / 8] = (char)(bad[bit / 8] ^ 1 << bit % 8);
		if (verify(&key, 1, bad, strlen(SIG)) >= 0)
			fail_msg("bit %zu of byte %zu was not seen", bit % 8, bit / 8);
		refused++;
	}
	print_message("%u flips refused\n", refused);
}

/* Every bit of what was signed, and one byte less or more. */
static void test_message_flips(void **state)
{
	struct minisig_public key;
	char sig[MINISIG_TEXT_MAX], text[64] = "0123456789abcdef0123456789abcdef0123456789abcdef";
	struct minisig_secret sec;
	size_t n = strlen(text);

	(void)state;
	minisig_generate(&sec, &key);
	assert_int_equal(minisig_sign(&sec, text, n, "manifest", sig), 0);
	assert_int_equal(minisig_verify(&key, 1, text, n, sig, strlen(sig)), 0);
	for (size_t bit = 0; bit < n * 8; bit++) {
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(minisig_verify(&key, 1, text, n, sig, strlen(sig)), -EKEYREJECTED);
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
	}
	for (size_t len = 0; len <= sizeof text; len++)
		assert_int_equal(minisig_verify(&key, 1, text, len, sig, strlen(sig)),
			len == n ? 0 : -EKEYREJECTED);
}

/* What we sign, and that a signature of nothing at all works too. */
static void test_sign(void **state)
{
	struct minisig_secret sec;
	struct minisig_public pub, back;
	char sig[MINISIG_TEXT_MAX], text[MINISIG_TEXT_MAX], comment[202];

	(void)state;
	minisig_generate(&sec, &pub);
	minisig_public_print(&pub, text);
	assert_int_equal(parse_public(text, strlen(text), &back), 0);
	assert_memory_equal(&pub, &back, sizeof pub);
	memset(comment, 'x', sizeof comment);
	comment[201] = '\0';
	assert_int_equal(minisig_sign(&sec, "", 0, comment, sig), -EINVAL);
	comment[200] = '\0';
	assert_int_equal(minisig_sign(&sec, "", 0, comment, sig), 0);
	assert_int_equal(minisig_verify(&pub, 1, "", 0, sig, strlen(sig)), 0);
	assert_int_equal(minisig_sign(&sec, "", 0, "a\nb", sig), -EINVAL);
	assert_int_equal(minisig_sign(&sec, "", 0, "", sig), 0);
	assert_int_equal(minisig_verify(&pub, 1, "", 0, sig, strlen(sig)), 0);
}

/* A comment that fills the file to its limit, and one byte more. */
static void test_longest(void **state)
{
	struct minisig_public key;
	char big[MINISIG_TEXT_MAX + 2];
	size_t rest = strlen(SIG) - strlen(UC "signature from minisign secret key");

	(void)state;
	assert_int_equal(parse_public(PUB, strlen(PUB), &key), 0);
	for (size_t over = 0; over < 2; over++) {
		size_t fill = MINISIG_TEXT_MAX - rest - strlen(UC) + over;

		memset(big, 'x', sizeof big);
		memcpy(big, UC, strlen(UC));
		memcpy(big + strlen(UC) + fill, "\n" SIG64 "\n" TC GLO64 "\n", rest + 1);
		assert_int_equal(strlen(big), MINISIG_TEXT_MAX + over);
		assert_int_equal(verify(&key, 1, big, strlen(big)), over ? -EBADMSG : 0);
	}
}

static int init(void **state)
{
	(void)state;
	return minisig_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public_rows),
		cmocka_unit_test(test_secret_rows),
		cmocka_unit_test(test_secret_flips),
		cmocka_unit_test(test_secret_halves),
		cmocka_unit_test(test_signature_rows),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_signature_flips),
		cmocka_unit_test(test_message_flips),
		cmocka_unit_test(test_sign),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, init, NULL);
}
