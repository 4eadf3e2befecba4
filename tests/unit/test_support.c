/* test_support.c: what is blanked out of a file for support, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/support.h"

static void test_clean(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: nothing is left */
	} rows[] = {
		{ "chap-secret = hunter2", "chap-secret = *******" },
		{ "chap-secret=hunter2 next", "chap-secret=******* next" },
		{ "{\"chap-secret\":\"hunter2\",\"a\":1}",
			"{\"chap-secret\":\"*******\",\"a\":1}" },
		{ "{\"Password\": \"x y\"}", "{\"Password\": \"***\"}" },
		{ "{\"chap-secret\":\"a,b}\\\"c\",\"a\":1}",
			"{\"chap-secret\":\"*******\",\"a\":1}" },
		{ "{\"secret\":\"\",\"a\":\"b\"}", "{\"secret\":\"\",\"a\":\"b\"}" },
		{ "{\"secret\":null,\"a\":\"b\"}", "{\"secret\":****,\"a\":\"b\"}" },
		{ "chap-secret = two words\n", "chap-secret = *********\n" },
		{ "password='it is quoted' next", "password='************' next" },
		{ "proxy=http://joe:hunter2@10.0.0.1:3128/x",
			"proxy=http://joe:*******@10.0.0.1:3128/x" },
		{ "url=http://10.0.0.1:8080/a@b", "url=http://10.0.0.1:8080/a@b" },
		{ "token: abc", "token: ***" },
		{ "Authorization: Bearer abc.def-g", "Authorization: Bearer *********" },
		{ "wpa-psk = hunter2 too", "wpa-psk = ***********" },
		{ "{\"PSK\":\"hunter2\",\"a\":1}", "{\"PSK\":\"*******\",\"a\":1}" },
		{ "pwd=hunter2 next", "pwd=******* next" },
		{ "db_pwd: hunter2", "db_pwd: *******" },
		{ "api_key: 'k1'", "api_key: '**'" },
		{ "X-API-Key: abc", "X-API-Key: ***" },
		{ "apikey=abc&x=1", "apikey=***&x=1" },
		{ "Authorization: Basic am9lOmh1bnRlcg==",
			"Authorization: Basic ****************" },
		{ "proxy-authorization: basic am9lOmh1bnRlcg==\r\nHost: a",
			"proxy-authorization: basic ****************\r\nHost: a" },
		{ "{\"Authorization\":\"Basic am9l\",\"a\":1}",
			"{\"Authorization\":\"Basic ****\",\"a\":1}" },
		{ "basic checks: good", "basic checks: good" },
		{ "a\n-----BEGIN PRIVATE KEY-----\nMIIB\nQUJD\n-----END PRIVATE KEY-----\nb",
			"a\n-----BEGIN PRIVATE KEY-----\n****\n****\n-----END PRIVATE KEY-----\nb" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----",
			"-----BEGIN OPENSSH PRIVATE KEY-----\n****\n-----END OPENSSH PRIVATE KEY-----" },
		{ "{\"key\":\"-----BEGIN EC PRIVATE KEY-----\\nMHcC\\n-----END EC PRIVATE KEY-----\"}",
			"{\"key\":\"-----BEGIN EC PRIVATE KEY-----********-----END EC PRIVATE KEY-----\"}" },
		{ "-----BEGIN PRIVATE KEY-----\nMIIB\nQUJD",
			"-----BEGIN PRIVATE KEY-----\n****\n****" },
		{ "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
			"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----" },
		{ "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
		  "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----",
			"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
			"-----BEGIN PRIVATE KEY-----\n****\n-----END PRIVATE KEY-----" },
		{ "-----BEGIN ", "-----BEGIN " },
		{ "the token of n07 is good", "the token of n07 is good" },
		{ "secrets are none", "secrets are none" },
		{ "tokens-in-clear = yes", "tokens-in-clear = yes" },
		{ "muster_12_abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwxyz2", NULL },
		{ "muster_hosts{stage=\"up\"} 5", "muster_hosts{stage=\"up\"} 5" },
		{ "muster_transfer_bytes_total{to=\"agent\"} 10",
			"muster_transfer_bytes_total{to=\"agent\"} 10" },
		{ "RWRTY0IyEQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", NULL },
		{ "RW short", "RW short" },
		{ "name = n07", "name = n07" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = strdup(rows[i].in);

		print_message("row: %s\n", rows[i].in);
		support_clean(text);
		if (rows[i].out)
			assert_string_equal(text, rows[i].out);
		else
			assert_int_equal(strspn(text, "*"), strlen(rows[i].in));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_clean) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
