/* test_digest.c: SHA-256 against known answers, and the only spelling that a digest has. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "images/digest.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define ABC	     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY	     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define LONGER	     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"

/* FIPS 180-2 appendix B, and the empty message. */
static const struct {
	const char *name, *bytes, *hex;
} known[] = {
	{ "empty", "", EMPTY },
	{ "one block", "abc", ABC },
	{ "two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", LONGER },
};

static void test_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct digest d;
		char hex[DIGEST_HEX];

		print_message("row: %s\n", known[i].name);
		assert_int_equal(digest_bytes(known[i].bytes, strlen(known[i].bytes), &d), 0);
		digest_hex(&d, hex);
		assert_string_equal(hex, known[i].hex);
	}
}

/* However the bytes are cut, the digest is the same. */
static void test_pieces(void **state)
{
	const char *text = known[2].bytes;
	struct digest whole, pieces;

	(void)state;
	assert_int_equal(digest_bytes(text, strlen(text), &whole), 0);
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		struct digest_ctx *c = digest_new();

		assert_non_null(c);
		digest_update(c, text, cut);
		digest_update(c, text + cut, strlen(text) - cut);
		assert_int_equal(digest_final(c, &pieces), 0);
		digest_free(c);
		assert_true(digest_equal(&whole, &pieces));
	}
}

static void test_fd(void **state)
{
	FILE *f = tmpfile();
	struct digest d, want;
	uint64_t len = 0;

	(void)state;
	assert_non_null(f);
	assert_int_equal(fwrite("..abc", 1, 5, f), 5);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(lseek(fileno(f), 2, SEEK_SET), 2);
	assert_int_equal(digest_fd(fileno(f), &d, &len), 0);
	assert_int_equal(len, 3);
	assert_int_equal(digest_parse(ABC, &want), 0);
	assert_true(digest_equal(&d, &want));
	assert_int_equal(digest_fd(-1, &d, NULL), -EBADF);
	assert_true(digest_equal(&d, &want));
	fclose(f);
}

static const struct {
	const char *name, *hex;
	int want;
} spellings[] = {
	{ "lower case", ABC, 0 },
	{ "empty", "", -EBADMSG },
	{ "one digit short", "a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		-EBADMSG },
	{ "one digit more", ABC "0", -EBADMSG },
	{ "upper case", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
		-EBADMSG },
	{ "a letter past f", "ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
		-EBADMSG },
	{ "a folder", "../7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		-EBADMSG },
	{ "a space in front", " a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		-EBADMSG },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		char *exact = strdup(spellings[i].hex), hex[DIGEST_HEX];
		struct digest d = { { 1 } };

		print_message("row: %s\n", spellings[i].name);
		assert_int_equal(digest_parse(exact, &d), spellings[i].want);
		digest_hex(&d, hex);
		if (spellings[i].want == 0)
			assert_string_equal(hex, exact);
		else
			assert_int_equal(d.b[0], 1);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_fd),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
