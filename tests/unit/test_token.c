/* test_token.c: the text of API tokens, and scopes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/access.h"
#include "server/core/token.h"

static void make(int64_t id, char out[TOKEN_MAX])
{
	uint8_t secret[TOKEN_SECRET_LEN];

	for (size_t i = 0; i < sizeof secret; i++)
		secret[i] = (uint8_t)(i * 37 + 11);
	assert_int_equal(token_print(id, secret, out), 0);
}

static void test_round_trip(void **state)
{
	static const int64_t ids[] = { 1, 9, 10, 4711, 9999999999 };
	char text[TOKEN_MAX];
	int64_t id;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		make(ids[i], text);
		id = 0;
		assert_int_equal(token_parse(text, &id), 0);
		assert_int_equal(id, ids[i]);
	}
	assert_int_equal(token_print(0, (const uint8_t[TOKEN_SECRET_LEN]){ 0 }, text), -EIO);
}

/* By the letters of RFC 4648: `base32 | tr A-Z a-z` says the same. */
static void test_known(void **state)
{
	char text[TOKEN_MAX];

	(void)state;
	make(12, text);
	assert_string_equal(
		text, "muster_12_bmyfk6u7ytuq4m2ypwrmp3argznybjok54kdsxudvdg7efz4mgda4e2x6ha");
}

/* No prefix of a token, and no token with another letter anywhere, is a token. */
static void test_damaged(void **state)
{
	char text[TOKEN_MAX], cut[TOKEN_MAX];
	int64_t id;
	size_t n;

	(void)state;
	make(12, text);
	n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		char *exact = strndup(text, i);

		assert_int_equal(token_parse(exact, &id), -EBADMSG);
		free(exact);
		memcpy(cut, text, sizeof cut);
		cut[i] = cut[i] == 'a' ? 'b' : 'a';
		assert_int_equal(token_parse(cut, &id), -EBADMSG);
	}
	memcpy(cut, text, sizeof cut);
	cut[n] = 'a';
	cut[n + 1] = 0;
	assert_int_equal(token_parse(cut, &id), -EBADMSG);
	assert_int_equal(token_parse("muster_012_", &id), -EBADMSG);
	assert_int_equal(token_parse("muster_-1_", &id), -EBADMSG);
}

static void test_scope(void **state)
{
	static const struct {
		const char *scope, *family;
		bool want;
	} rows[] = {
		{ "hosts", "hosts", true },
		{ "hosts,leases", "leases", true },
		{ "hosts,leases", "hosts", true },
		{ "hosts,leases", "host", false },
		{ "hosts", "hosts,leases", false },
		{ "ahosts", "hosts", false },
		{ "hostsa", "hosts", false },
		{ "", "hosts", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(access_in_scope(rows[i].scope, rows[i].family), rows[i].want);
}

static void test_roles(void **state)
{
	(void)state;
	assert_int_equal(role_parse("viewer"), ROLE_VIEWER);
	assert_int_equal(role_parse("operator"), ROLE_OPERATOR);
	assert_int_equal(role_parse("admin"), ROLE_ADMIN);
	assert_int_equal(role_parse("none"), ROLE_NONE);
	assert_int_equal(role_parse("Admin"), ROLE_NONE);
	assert_int_equal(role_parse(""), ROLE_NONE);
	assert_string_equal(role_name(ROLE_OPERATOR), "operator");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
