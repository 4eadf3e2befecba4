/*
 * test_routes.c: request targets, the table of routes, refusals, and range headers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/json.h"
#include "server/bytes.h"
#include "server/etag.h"
#include "server/http/problem.h"
#include "server/http/range.h"
#include "server/http/routes.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_target(void **state)
{
	static const struct {
		const char *name, *target;
		int want;
		const char *path, *query;
	} rows[] = {
		{ "plain", "/healthz", 0, "/healthz", "" },
		{ "root", "/", 0, "/", "" },
		{ "query stays encoded", "/boot.ipxe?mac=52%3A54", 0, "/boot.ipxe", "mac=52%3A54" },
		{ "second question mark", "/a?b?c", 0, "/a", "b?c" },
		{ "encoded letter", "/%68ealthz", 0, "/healthz", "" },
		{ "encoded question mark is path", "/a%3fb", 0, "/a?b", "" },
		{ "upper and lower hex", "/%5A%5a", 0, "/ZZ", "" },
		{ "trailing slash", "/api/v1/hosts/", 0, "/api/v1/hosts/", "" },
		{ "absolute form", "http://10.0.0.1:80/a?b", 0, "/a", "b" },
		{ "absolute form, upper case", "HTTP://h/a", 0, "/a", "" },
		{ "absolute form without path", "http://h", -EBADMSG, "", "" },
		{ "absolute form, query only", "http://h?x", -EBADMSG, "", "" },
		{ "empty", "", -EBADMSG, "", "" },
		{ "asterisk", "*", -EBADMSG, "", "" },
		{ "authority", "host:443", -EBADMSG, "", "" },
		{ "cut percent", "/a%4", -EBADMSG, "", "" },
		{ "lone percent", "/a%", -EBADMSG, "", "" },
		{ "percent cut by the query", "/a%4?1", -EBADMSG, "", "" },
		{ "no hex", "/%zz", -EBADMSG, "", "" },
		{ "dot dot", "/../etc/passwd", -ENOENT, "", "" },
		{ "dot dot, slash encoded", "/..%2fetc", -ENOENT, "", "" },
		{ "dots encoded", "/%2e%2e/etc", -ENOENT, "", "" },
		{ "NUL", "/a%00b", -ENOENT, "", "" },
		{ "overlong UTF-8", "/%c0%ae/", -ENOENT, "", "" },
		{ "raw byte above ASCII", "/\xc3\xa4", -ENOENT, "", "" },
		{ "backslash", "/a\\b", -ENOENT, "", "" },
		{ "backslash encoded", "/a%5cb", -ENOENT, "", "" },
		{ "double encoding", "/%252e%252e", -ENOENT, "", "" },
		{ "double slash", "//healthz", -ENOENT, "", "" },
		{ "double slash inside", "/api//v1", -ENOENT, "", "" },
		{ "encoded slash", "/api%2fv1", -ENOENT, "", "" },
		{ "space", "/a%20b", -ENOENT, "", "" },
		{ "line feed", "/a%0ab", -ENOENT, "", "" },
		{ "DEL", "/a%7f", -ENOENT, "", "" },
		{ "control byte in query", "/a?b\x01", -EBADMSG, "", "" },
		{ "non-ASCII in query", "/a?b\xc3", -EBADMSG, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *exact = strdup(rows[i].target);
		struct http_request r = { 0 };

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(routes_target(exact, &r), rows[i].want);
		if (rows[i].want == 0) {
			assert_string_equal(r.path, rows[i].path);
			assert_string_equal(r.query, rows[i].query);
		}
		free(exact);
	}
}

/* A target of '/', n - 1 letters, and, when q > 0, a query of q - 1 letters. */
static int target_of(size_t n, size_t q)
{
	struct http_request r = { 0 };
	char *t = malloc(n + q + 1);
	int rc;

	memset(t, 'a', n + q);
	t[0] = '/';
	if (q > 0)
		t[n] = '?';
	t[n + q] = '\0';
	rc = routes_target(t, &r);
	free(t);
	return rc;
}

static void test_target_lengths(void **state)
{
	(void)state;
	assert_int_equal(target_of(255, 0), 0);
	assert_int_equal(target_of(256, 0), -ENAMETOOLONG);
	assert_int_equal(target_of(2, 2048), 0);
	assert_int_equal(target_of(2, 2049), -ENAMETOOLONG);
	assert_int_equal(target_of(8192, 0), -ENAMETOOLONG);
}

static void test_find(void **state)
{
	static const struct {
		const char *path;
		const char *allow; /* NULL: no such path */
		enum route_to to;
	} rows[] = {
		{ "/healthz", "GET, HEAD", ROUTE_HEALTH },
		{ "/healthz/", NULL, 0 },
		{ "/blobs/sha256/" HEX64, "GET, HEAD", ROUTE_BLOB },
		{ "/blobs/sha256/", NULL, 0 },
		{ "/blobs/sha256", NULL, 0 },
		{ "/blobs/sha256/" HEX64 "/s.v00", "GET, HEAD", ROUTE_BLOB },
		{ "/blobs/md5/a", NULL, 0 },
		{ "/loader/ipxe.efi", "GET, HEAD", ROUTE_LOADER },
		{ "/loader/", NULL, 0 },
		{ "/loader/a/b", NULL, 0 },
		{ "/efi/agent.efi", "GET, HEAD", ROUTE_CORE },
		{ "/efi/image.iso", "GET, HEAD", ROUTE_CORE },
		{ "/v1/boot/here/up", "GET, HEAD", ROUTE_CORE },
		{ "/boot.ipxe", "GET, HEAD", ROUTE_CORE },
		{ "/v1/agent/facts", "POST", ROUTE_CORE },
		{ "/v1/agent/heartbeat", "POST", ROUTE_CORE },
		{ "/v1/agent/order", "POST", ROUTE_CORE },
		{ "/v1/agent/other", NULL, 0 },
		{ "/api/v1/hosts", "GET, HEAD, POST, PUT, PATCH, DELETE", ROUTE_CORE },
		{ "/api/v1/hosts/n01/boots", "GET, HEAD, POST, PUT, PATCH, DELETE", ROUTE_CORE },
		{ "/api/v1/", NULL, 0 },
		{ "/api/v1", NULL, 0 },
		{ "/api/v2/hosts", NULL, 0 },
		{ "/", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct route *r = routes_find(rows[i].path, HTTP_PEER_TCP);
		char allow[ROUTES_ALLOW_MAX];

		print_message("row: %s\n", rows[i].path);
		assert_ptr_equal(r, routes_find(rows[i].path, HTTP_PEER_UNIX));
		if (!rows[i].allow) {
			assert_null(r);
			continue;
		}
		assert_non_null(r);
		routes_allow(r->methods, allow);
		assert_string_equal(allow, rows[i].allow);
		assert_int_equal(r->to, rows[i].to);
	}
}

static void test_method(void **state)
{
	(void)state;
	assert_int_equal(routes_method("GET"), HTTP_GET);
	assert_int_equal(routes_method("DELETE"), HTTP_DELETE);
	assert_int_equal(routes_method("get"), -EOPNOTSUPP);
	assert_int_equal(routes_method("TRACE"), -EOPNOTSUPP);
	assert_int_equal(routes_method(""), -EOPNOTSUPP);
}

static void test_problem(void **state)
{
	(void)state;
	for (int k = PROBLEM_NONE + 1; k < PROBLEM_KINDS; k++) {
		const struct problem *p = problem_of((enum problem_kind)k);
		char text[PROBLEM_TEXT_MAX], err[128];
		size_t n = problem_text(p, text);
		struct json *j;

		assert_true(n < PROBLEM_TEXT_MAX);
		j = json_read(text, n, err, sizeof err);
		assert_non_null(j);
		assert_int_equal(json_get_int(j, "status", 0), p->status);
		assert_string_equal(json_get_str(j, "type", ""), "about:blank");
		assert_string_equal(json_get_str(j, "title", ""), p->title);
		assert_string_equal(json_get_str(j, "code", ""), p->code);
		assert_string_equal(json_get_str(j, "detail", ""), p->detail);
		assert_true(!p->hint || strcmp(json_get_str(j, "hint", ""), p->hint) == 0);
		json_free(j);
	}
}

static void test_range(void **state)
{
	static const struct {
		const char *value;
		uint64_t size;
		enum range_kind want;
		uint64_t first, len;
	} rows[] = {
		{ NULL, 100, RANGE_WHOLE, 0, 0 },
		{ "", 100, RANGE_WHOLE, 0, 0 },
		{ "bytes=0-99", 100, RANGE_PART, 0, 100 },
		{ "bytes=0-0", 100, RANGE_PART, 0, 1 },
		{ "Bytes=10-19", 100, RANGE_PART, 10, 10 },
		{ "bytes= 10-19 ", 100, RANGE_PART, 10, 10 },
		{ "bytes=10-", 100, RANGE_PART, 10, 90 },
		{ "bytes=10- ", 100, RANGE_PART, 10, 90 },
		{ "bytes=99-500", 100, RANGE_PART, 99, 1 },
		{ "bytes=-1", 100, RANGE_PART, 99, 1 },
		{ "bytes=-100", 100, RANGE_PART, 0, 100 },
		{ "bytes=-500", 100, RANGE_PART, 0, 100 },
		{ "bytes=5-18446744073709551615", 100, RANGE_PART, 5, 95 },
		{ "bytes=5-99999999999999999999999", 100, RANGE_PART, 5, 95 },
		{ "bytes=-99999999999999999999999", 100, RANGE_PART, 0, 100 },
		{ "bytes=100-", 100, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=9223372036854775808-", 100, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=99999999999999999999999-", 100, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=-0", 100, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=-5", 0, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=20-10", 100, RANGE_WHOLE, 0, 0 },
		{ "bytes=0-1,5-6", 100, RANGE_WHOLE, 0, 0 },
		{ "bytes=-1,0-1", 100, RANGE_WHOLE, 0, 0 },
		{ "bytes=", 100, RANGE_WHOLE, 0, 0 },
		{ "bytes=-", 100, RANGE_WHOLE, 0, 0 },
		{ "bytes=a-b", 100, RANGE_WHOLE, 0, 0 },
		{ "bytes=1", 100, RANGE_WHOLE, 0, 0 },
		{ "bytes=1-2x", 100, RANGE_WHOLE, 0, 0 },
		{ "bytes=--1", 100, RANGE_WHOLE, 0, 0 },
		{ "bytes=+1-2", 100, RANGE_WHOLE, 0, 0 },
		{ "chunks=0-1", 100, RANGE_WHOLE, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t first = 0, len = 0;

		print_message("row: %s\n", rows[i].value ? rows[i].value : "(none)");
		assert_int_equal(
			range_parse(rows[i].value, rows[i].size, &first, &len), rows[i].want);
		assert_int_equal(first, rows[i].first);
		assert_int_equal(len, rows[i].len);
	}
}

static void test_content_range(void **state)
{
	static const struct {
		const char *value;
		uint64_t body;
		bool good;
		uint64_t first, total;
	} rows[] = {
		{ NULL, 7, true, 0, 7 },
		{ NULL, 0, true, 0, 0 },
		{ "bytes 0-6/7", 7, true, 0, 7 },
		{ "bytes 3-4/7", 2, true, 3, 7 },
		{ "BYTES  3-4/7 ", 2, true, 3, 7 },
		{ "bytes 3-4/7", 3, false, 0, 0 },
		{ "bytes 3-4/7", 1, false, 0, 0 },
		{ "bytes 3-7/7", 5, false, 0, 0 },
		{ "bytes 4-3/7", 0, false, 0, 0 },
		{ "bytes 3-4/*", 2, false, 0, 0 },
		{ "bytes */7", 0, false, 0, 0 },
		{ "bytes 3-4", 2, false, 0, 0 },
		{ "bytes=3-4/7", 2, false, 0, 0 },
		{ "3-4/7", 2, false, 0, 0 },
		{ "bytes -4/7", 2, false, 0, 0 },
		{ "bytes 3-4/7x", 2, false, 0, 0 },
		{ "bytes 0-1/9223372036854775807", 2, true, 0, INT64_MAX },
		{ "bytes 0-1/9223372036854775808", 2, false, 0, 0 },
		{ "bytes 0-18446744073709551615/18446744073709551615", 0, false, 0, 0 },
		{ "", 7, false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t first = 0, total = 0;

		print_message("row: %s\n", rows[i].value ? rows[i].value : "(none)");
		assert_int_equal(range_parse_content(rows[i].value, rows[i].body, &first, &total),
			rows[i].good);
		assert_int_equal(first, rows[i].first);
		assert_int_equal(total, rows[i].total);
	}
}

static void test_etag(void **state)
{
	static const struct {
		const char *list;
		bool strong, weak;
	} rows[] = {
		{ "\"a\"", true, true },
		{ " \"a\" ", true, true },
		{ "*", true, true },
		{ "\"b\", \"a\"", true, true },
		{ "\"b\",\"a\",\"c\"", true, true },
		{ "W/\"a\"", false, true },
		{ "\"b\", W/\"a\"", false, true },
		{ "\"b\"", false, false },
		{ "a", false, false },
		{ "\"a\"x", false, false },
		{ "\"a", false, false },
		{ "", false, false },
		{ ",,,", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("row: %s\n", rows[i].list);
		assert_int_equal(etag_listed(rows[i].list, "\"a\"", false), rows[i].strong);
		assert_int_equal(etag_listed(rows[i].list, "\"a\"", true), rows[i].weak);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_target),
		cmocka_unit_test(test_target_lengths),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_method),
		cmocka_unit_test(test_problem),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_content_range),
		cmocka_unit_test(test_etag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
