/*
 * test_signed_json.c: root, channel, ticket and order files as text. Each row is the good text with
 * one piece replaced, and a part of the sentence that must come back (NULL: accepted).
 */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/channel.h"
#include "images/order.h"
#include "images/root.h"
#include "images/ticket.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define SHA	     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
/* Lines as minisign writes them: id 0x11 22 33 ..., key 0 1 2 ..., and near relatives. */
#define ADA	"RWQRIjNEVWZ3iAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define BOB	"RWQSIjNEVWZ3iAEBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define ADA_TOO "RWQTIjNEVWZ3iAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define ADAS_ID "RWQRIjNEVWZ3iAIBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define LEGACY	"RUQRIjNEVWZ3iAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

static const char good_root[] = "{\n"
				"  \"type\": \"root\",\n"
				"  \"version\": 2,\n"
				"  \"expires\": 1827014400,\n"
				"  \"threshold\": 2,\n"
				"  \"keys\": [\n"
				"    { \"name\": \"ada\", \"role\": \"release\",\n"
				"      \"key\": \"" ADA "\" },\n"
				"    { \"name\": \"bob\", \"role\": \"release\",\n"
				"      \"key\": \"" BOB "\" }\n"
				"  ]\n"
				"}\n";

static const char good_channel[] = "{\n"
				   "  \"type\": \"channel\",\n"
				   "  \"name\": \"stable\",\n"
				   "  \"image\": \"kvm\",\n"
				   "  \"manifest\": \"" SHA "\",\n"
				   "  \"release\": 7,\n"
				   "  \"floor\": 5,\n"
				   "  \"issued\": 1763942400,\n"
				   "  \"expires\": 1766534400\n"
				   "}\n";

struct row {
	const char *name, *old, *new, *says;
};

static const struct row root_rows[] = {
	{ "as it is", "", "", NULL },
	{ "spaces do not matter", "\"version\": 2", "\"version\":   2", NULL },
	{ "a threshold of 1", "\"threshold\": 2", "\"threshold\": 1", NULL },
	{ "another type", "\"root\"", "\"manifest\"", "type" },
	{ "a doubled key", "\"version\": 2,", "\"version\": 2, \"version\": 2,", "duplicate" },
	{ "an unknown key", "\"version\": 2,", "\"versions\": 2,", "version is expected" },
	{ "an unknown key at the end", "  ]\n}", "  ], \"more\": 1\n}", "after keys" },
	{ "a missing key", "  \"threshold\": 2,\n", "", "threshold is expected" },
	{ "keys in another order", "\"version\": 2,\n  \"expires\": 1827014400",
		"\"expires\": 1827014400,\n  \"version\": 2", "version is expected" },
	{ "an array", good_root, "[]\n", "not an object" },
	{ "CR", "{\n  \"type\"", "{\r\n  \"type\"", "LF" },
	{ "no LF at the end", "  ]\n}\n", "  ]\n}", "LF" },
	{ "version 0", "\"version\": 2", "\"version\": 0", "version" },
	{ "version is text", "\"version\": 2", "\"version\": \"2\"", "version" },
	{ "version 2^63", "\"version\": 2", "\"version\": 9223372036854775808", "big" },
	{ "version too high", "\"version\": 2", "\"version\": 1000001", "version" },
	{ "expires in the year 9999", "1827014400", "253402300799", "expires" },
	{ "expires never", "1827014400", "0", "expires" },
	{ "threshold 0", "\"threshold\": 2", "\"threshold\": 0", "threshold" },
	{ "threshold above the keys", "\"threshold\": 2", "\"threshold\": 3", "3 of 2 keys" },
	{ "no keys", "\"keys\": [", "\"keys\": [], \"x\": [", "after keys" },
	{ "keys is no list", "\"keys\": [", "\"keys\": 1, \"x\": [", "after keys" },
	{ "key: not an object",
		"{ \"name\": \"bob\", \"role\": \"release\",\n      \"key\": \"" BOB "\" }", "1",
		"keys[1]: not an object" },
	{ "key: an unknown key", "\"name\": \"bob\",", "\"name\": \"bob\", \"url\": 1,",
		"keys[1]: an unknown key where role" },
	{ "key: another role", "\"role\": \"release\"", "\"role\": \"site\"", "role" },
	{ "key: no name", "\"bob\"", "\"\"", "name" },
	{ "key: a name that climbs", "\"bob\"", "\"../bob\"", "name" },
	{ "key: cut short", BOB, "RWQSIjNE", "keys[1]: key" },
	{ "key: one letter more", BOB, BOB "A", "keys[1]: key" },
	{ "key: another algorithm", ADA, LEGACY, "keys[0]: key" },
	{ "key: not base64", BOB, "RWQSIjNEVWZ3iAEBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhsc*R4f",
		"keys[1]: key" },
	{ "two of one name", "\"bob\"", "\"ada\"", "two named ada" },
	{ "one key twice", BOB, ADA, "ada and bob are the same key" },
	{ "one key under two ids", BOB, ADA_TOO, "ada and bob are the same key" },
	{ "two keys under one id", BOB, ADAS_ID, "ada and bob have the same id" },
};

static const struct row channel_rows[] = {
	{ "as it is", "", "", NULL },
	{ "no floor", "\"floor\": 5", "\"floor\": 0", NULL },
	{ "a floor that is the release", "\"floor\": 5", "\"floor\": 7", NULL },
	{ "release 2^63 - 1", "\"release\": 7", "\"release\": 9223372036854775807", NULL },
	{ "another type", "\"channel\"", "\"ticket\"", "type" },
	{ "a doubled key", "\"floor\": 5,", "\"floor\": 5, \"floor\": 5,", "duplicate" },
	{ "an unknown key", "\"floor\": 5,", "\"flor\": 5,", "floor is expected" },
	{ "an unknown key at the end", "1766534400\n", "1766534400, \"x\": 1\n", "after expires" },
	{ "a missing key", "  \"floor\": 5,\n", "", "floor is expected" },
	{ "CR", "{\n  \"type\"", "{\r\n  \"type\"", "LF" },
	{ "no LF at the end", "\n}\n", "\n}", "LF" },
	{ "name that climbs", "\"stable\"", "\"../stable\"", "name" },
	{ "image empty", "\"kvm\"", "\"\"", "image" },
	{ "manifest cut short", SHA, "abc", "manifest" },
	{ "manifest in capitals", "\"ba78", "\"BA78", "manifest" },
	{ "release 0", "\"release\": 7", "\"release\": 0", "release" },
	{ "release 2^63", "\"release\": 7", "\"release\": 9223372036854775808", "big" },
	{ "floor above the release", "\"floor\": 5", "\"floor\": 8", "floor" },
	{ "floor below zero", "\"floor\": 5", "\"floor\": -1", "floor" },
	{ "issued in the year 9999", "1763942400", "253402300799", "issued" },
	{ "expires when issued", "1766534400", "1763942400", "expires" },
};

typedef int parse_fn(const char *text, size_t len, char *err, size_t err_size);

static int parse_root(const char *text, size_t len, char *err, size_t err_size)
{
	struct root r = { .version = 77 };
	int rc = root_parse(text, len, &r, err, err_size);

	assert_true(rc == 0 || r.version == 77);
	return rc;
}

static int parse_channel(const char *text, size_t len, char *err, size_t err_size)
{
	struct channel ch = { .release = 77 };
	int rc = channel_parse(text, len, &ch, err, err_size);

	assert_true(rc == 0 || ch.release == 77);
	return rc;
}

/* The good text with the first `old` replaced; an exact heap block. */
static char *replaced(const char *good, const char *old, const char *new, size_t *len)
{
	const char *at = strstr(good, old);
	size_t head, tail;
	char *p;

	assert_non_null(at);
	head = (size_t)(at - good);
	tail = strlen(at + strlen(old));
	*len = head + strlen(new) + tail;
	p = malloc(*len);
	assert_non_null(p);
	memcpy(p, good, head);
	memcpy(p + head, new, strlen(new));
	memcpy(p + head + strlen(new), at + strlen(old), tail);
	return p;
}

static void check_rows(const char *good, const struct row *rows, size_t n, parse_fn *parse)
{
	for (size_t i = 0; i < n; i++) {
		char err[160] = "";
		size_t len;
		char *text = replaced(good, rows[i].old, rows[i].new, &len);

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(parse(text, len, err, sizeof err), rows[i].says ? -EBADMSG : 0);
		if (rows[i].says) {
			print_message("     %s\n", err);
			assert_non_null(strstr(err, rows[i].says));
		}
		free(text);
	}
}

/* No prefix is one; spaces fill a good one up to the limit, and one past it. */
static void check_sizes(const char *good, size_t max, parse_fn *parse)
{
	char err[160], *text = malloc(max + 1);

	assert_non_null(text);
	for (size_t len = 0; len < strlen(good); len++) {
		char *cut = malloc(len ? len : 1);

		memcpy(cut, good, len);
		*err = '\0';
		assert_int_equal(parse(cut, len, err, sizeof err), -EBADMSG);
		assert_string_not_equal(err, "");
		free(cut);
	}
	memset(text, ' ', max + 1);
	memcpy(text, good, strlen(good));
	text[max - 1] = text[max] = '\n';
	assert_int_equal(parse(text, max, err, sizeof err), 0);
	assert_int_equal(parse(text, max + 1, err, sizeof err), -EBADMSG);
	free(text);
}

static void test_root(void **state)
{
	char err[160], text[1024];
	struct root r;
	int len;

	(void)state;
	check_rows(good_root, root_rows, ARRAY_LEN(root_rows), parse_root);
	check_sizes(good_root, STRICT_MAX, parse_root);
	assert_int_equal(root_parse(good_root, strlen(good_root), &r, err, sizeof err), 0);
	assert_int_equal(r.version, 2);
	assert_int_equal(r.expires_s, 1827014400);
	assert_int_equal(r.threshold, 2);
	assert_int_equal(r.n_keys, 2);
	assert_string_equal(r.names[1], "bob");
	assert_int_equal(r.keys[1].key[0], 1);
	len = root_print(&r, text, sizeof text);
	assert_int_equal(len, strlen(good_root));
	assert_string_equal(text, good_root);
	for (size_t room = 0; room <= (size_t)len; room++) {
		char *out = malloc(room ? room : 1);

		assert_int_equal(root_print(&r, out, room), -ENOSPC);
		free(out);
	}
}

/* As many keys as there may be, and one more. */
static void test_root_keys(void **state)
{
	char err[160], text[4096];
	struct root r = { .version = 1, .expires_s = 1, .threshold = ROOT_KEYS_MAX }, back;
	size_t len;
	char *more;
	int n;

	(void)state;
	r.n_keys = ROOT_KEYS_MAX;
	for (size_t i = 0; i < r.n_keys; i++) {
		snprintf(r.names[i], sizeof r.names[i], "k%zu", i);
		r.keys[i].id[0] = r.keys[i].key[0] = (uint8_t)i;
	}
	n = root_print(&r, text, sizeof text);
	assert_true(n > 0);
	assert_int_equal(root_parse(text, (size_t)n, &back, err, sizeof err), 0);
	assert_memory_equal(&r, &back, sizeof r);
	more = replaced(text, "  \"keys\": [\n",
		"  \"keys\": [\n    { \"name\": \"ada\", \"role\": \"release\", \"key\": \"" ADA
		"\" },\n",
		&len);
	assert_int_equal(root_parse(more, len, &back, err, sizeof err), -EBADMSG);
	assert_non_null(strstr(err, "1 to 8"));
	free(more);
}

static void test_channel(void **state)
{
	char err[160], text[1024];
	struct channel ch;
	int len;

	(void)state;
	check_rows(good_channel, channel_rows, ARRAY_LEN(channel_rows), parse_channel);
	check_sizes(good_channel, STRICT_MAX, parse_channel);
	assert_int_equal(
		channel_parse(good_channel, strlen(good_channel), &ch, err, sizeof err), 0);
	assert_string_equal(ch.name, "stable");
	assert_string_equal(ch.image, "kvm");
	assert_int_equal(ch.manifest.b[0], 0xba);
	assert_int_equal(ch.release, 7);
	assert_int_equal(ch.floor, 5);
	assert_int_equal(ch.issued_s, 1763942400);
	assert_int_equal(ch.expires_s, 1766534400);
	len = channel_print(&ch, text, sizeof text);
	assert_int_equal(len, strlen(good_channel));
	assert_string_equal(text, good_channel);
	for (size_t room = 0; room <= (size_t)len; room++) {
		char *out = malloc(room ? room : 1);

		assert_int_equal(channel_print(&ch, out, room), -ENOSPC);
		free(out);
	}
}

#define NONCE "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const char good_ticket[] =
	"{\"type\":\"ticket\",\"nonce\":\"" NONCE "\",\"host\":\"n01\",\"boot\":17,"
	"\"manifest\":\"" SHA "\",\"issued\":1763942400,\"ttl\":120}\n";

static const struct row ticket_rows[] = {
	{ "as it is", "", "", NULL },
	{ "a shorter time", "\"ttl\":120", "\"ttl\":1", NULL },
	{ "no time", "\"ttl\":120", "\"ttl\":0", "ttl: a whole number from 1 to 120" },
	{ "a longer time", "\"ttl\":120", "\"ttl\":121", "ttl: a whole number" },
	{ "never issued", "1763942400", "0", "issued: a whole number" },
	{ "another type", "\"ticket\"", "\"channel\"", "type: \"ticket\"" },
	{ "a short nonce", NONCE, "00", "nonce: 64 lower-case hex digits" },
	{ "capitals", "aabb", "AABB", "nonce: 64 lower-case hex digits" },
	{ "a host that is none", "\"n01\"", "\"n 01\"", "host: " },
	{ "no boot", "\"boot\":17", "\"boot\":0", "boot: a whole number" },
	{ "a boot in words", "\"boot\":17", "\"boot\":\"17\"", "boot: a whole number" },
	{ "no digest", "\"" SHA "\"", "\"\"", "manifest: 64 lower-case hex digits" },
	{ "one key less", ",\"ttl\":120", "", "ttl is missing" },
	{ "one key more", "120}", "120,\"x\":1}", "an unknown key where extra is expected" },
	{ "another order", "\"host\":\"n01\",\"boot\":17", "\"boot\":17,\"host\":\"n01\"",
		"boot where host is expected" },
};

/* With what is told beside the image. */
static const char good_extra[] =
	"{\"type\":\"ticket\",\"nonce\":\"" NONCE "\",\"host\":\"n01\",\"boot\":17,"
	"\"manifest\":\"" SHA "\",\"issued\":1763942400,\"ttl\":120,"
	"\"extra\":\"" NONCE "\",\"extra_length\":1536,\"extra_args\":\"quiet a=b,c\"}\n";

static const struct row extra_rows[] = {
	{ "as it is", "", "", NULL },
	{ "no arguments", "quiet a=b,c", "", NULL },
	{ "a blank before", "\"quiet", "\" quiet", "extra_args: no words" },
	{ "a blank behind", "b,c\"", "b,c \"", "extra_args: no words" },
	{ "two blanks", "quiet a", "quiet  a", "extra_args: no words" },
	{ "a quote", "quiet", "qu\\\"iet", "extra_args: no words" },
	{ "a dollar", "quiet", "$(id)", "extra_args: no words" },
	{ "a line feed", "quiet", "qu\\niet", "extra_args: no words" },
	{ "arguments that are a number", "\"quiet a=b,c\"", "7", "extra_args: no words" },
	{ "no archive", "1536", "0", "extra_length: a whole number from 1 to 49152" },
	{ "too large an archive", "1536", "49153", "extra_length: a whole number" },
	{ "no digest", "\"extra\":\"" NONCE "\"", "\"extra\":\"\"", "extra: 64 lower-case hex" },
	{ "one of them less", ",\"extra_args\":\"quiet a=b,c\"", "", "extra_args is missing" },
	{ "one key more", "c\"}", "c\",\"x\":1}", "an unknown key after extra_args" },
	{ "before ttl", "\"ttl\":120,\"extra\":\"" NONCE "\"",
		"\"extra\":\"" NONCE "\",\"ttl\":120", "extra where ttl is expected" },
};

static int parse_ticket(const char *text, size_t len, char *err, size_t err_size)
{
	struct ticket t = { .boot = 77 };
	int rc = ticket_parse(text, len, &t, err, err_size);

	assert_true(rc == 0 || t.boot == 77);
	return rc;
}

static void test_ticket(void **state)
{
	char err[160], text[TICKET_MAX];
	struct ticket t;
	int len;

	(void)state;
	check_rows(good_ticket, ticket_rows, ARRAY_LEN(ticket_rows), parse_ticket);
	check_sizes(good_ticket, TICKET_MAX, parse_ticket);
	assert_int_equal(ticket_parse(good_ticket, strlen(good_ticket), &t, err, sizeof err), 0);
	assert_string_equal(t.nonce, NONCE);
	assert_string_equal(t.host, "n01");
	assert_int_equal(t.boot, 17);
	assert_int_equal(t.manifest.b[0], 0xba);
	assert_int_equal(t.issued_s, 1763942400);
	assert_int_equal(t.ttl_s, 120);
	len = ticket_print(&t, text, sizeof text);
	assert_string_equal(text, good_ticket);
	for (size_t room = 0; room <= (size_t)len; room++) {
		char *out = malloc(room ? room : 1);

		assert_int_equal(ticket_print(&t, out, room), -ENOSPC);
		free(out);
	}
}

static const char good_order[] =
	"{\"type\":\"order\",\"order\":\"reboot\",\"nonce\":\"" NONCE "\",\"host\":\"n01\","
	"\"boot\":17,\"issued\":1763942400,\"ttl\":120}\n";

static const struct row order_rows[] = {
	{ "as it is", "", "", NULL },
	{ "a shorter time", "\"ttl\":120", "\"ttl\":1", NULL },
	{ "no time", "\"ttl\":120", "\"ttl\":0", "ttl: a whole number from 1 to 120" },
	{ "a longer time", "\"ttl\":120", "\"ttl\":121", "ttl: a whole number" },
	{ "never issued", "1763942400", "0", "issued: a whole number" },
	{ "another type", "\"type\":\"order\"", "\"type\":\"ticket\"", "type: \"order\"" },
	{ "another order", "\"reboot\"", "\"halt\"", "order: \"reboot\"" },
	{ "no order", "\"reboot\"", "\"\"", "order: \"reboot\"" },
	{ "a short nonce", NONCE, "00", "nonce: 64 lower-case hex digits" },
	{ "capitals", "aabb", "AABB", "nonce: 64 lower-case hex digits" },
	{ "a host that is none", "\"n01\"", "\"n 01\"", "host: " },
	{ "no boot", "\"boot\":17", "\"boot\":0", "boot: a whole number" },
	{ "a boot in words", "\"boot\":17", "\"boot\":\"17\"", "boot: a whole number" },
	{ "one key less", ",\"ttl\":120", "", "ttl is missing" },
	{ "one key more", "120}", "120,\"x\":1}", "an unknown key after ttl" },
	{ "one key twice", "120}", "120,\"ttl\":1}", "duplicate" },
	{ "keys in another order", "\"host\":\"n01\",\"boot\":17", "\"boot\":17,\"host\":\"n01\"",
		"boot where host is expected" },
	{ "CR", "120}\n", "120}\r\n", "LF" },
};

static int parse_order(const char *text, size_t len, char *err, size_t err_size)
{
	struct order o = { .boot = 77 };
	int rc = order_parse(text, len, &o, err, err_size);

	assert_true(rc == 0 || o.boot == 77);
	return rc;
}

static void test_order(void **state)
{
	char err[160], text[ORDER_MAX];
	struct order o;
	struct ticket t;
	int len;

	(void)state;
	check_rows(good_order, order_rows, ARRAY_LEN(order_rows), parse_order);
	check_sizes(good_order, ORDER_MAX, parse_order);
	assert_int_equal(order_parse(good_order, strlen(good_order), &o, err, sizeof err), 0);
	assert_string_equal(o.nonce, NONCE);
	assert_string_equal(o.host, "n01");
	assert_int_equal(o.boot, 17);
	assert_int_equal(o.issued_s, 1763942400);
	assert_int_equal(o.ttl_s, 120);
	len = order_print(&o, text, sizeof text);
	assert_string_equal(text, good_order);
	for (size_t room = 0; room <= (size_t)len; room++) {
		char *out = malloc(room ? room : 1);

		assert_int_equal(order_print(&o, out, room), -ENOSPC);
		free(out);
	}
	/* the same key signs both: neither is ever the other */
	assert_int_equal(
		ticket_parse(good_order, strlen(good_order), &t, err, sizeof err), -EBADMSG);
	assert_int_equal(
		order_parse(good_ticket, strlen(good_ticket), &o, err, sizeof err), -EBADMSG);
}

static void test_ticket_extra(void **state)
{
	char err[160], text[TICKET_MAX];
	struct ticket t;
	int len;

	(void)state;
	check_rows(good_extra, extra_rows, ARRAY_LEN(extra_rows), parse_ticket);
	check_sizes(good_extra, TICKET_MAX, parse_ticket);
	assert_int_equal(ticket_parse(good_extra, strlen(good_extra), &t, err, sizeof err), 0);
	assert_int_equal(t.extra_len, 1536);
	assert_int_equal(t.extra.b[1], 0x11);
	assert_string_equal(t.args, "quiet a=b,c");
	len = ticket_print(&t, text, sizeof text);
	assert_string_equal(text, good_extra);
	for (size_t room = 0; room <= (size_t)len; room++) {
		char *out = malloc(room ? room : 1);

		assert_int_equal(ticket_print(&t, out, room), -ENOSPC);
		free(out);
	}
	/* the longest of everything fits, and not one letter more */
	memset(t.host, 'h', sizeof t.host - 1);
	memset(t.args, 'a', sizeof t.args - 1);
	t.boot = INT64_MAX;
	t.extra_len = EXTRA_MAX;
	len = ticket_print(&t, text, sizeof text);
	assert_true(len > 0);
	assert_int_equal(ticket_parse(text, (size_t)len, &t, err, sizeof err), 0);
	assert_int_equal(strlen(t.args), EXTRA_ARGS_MAX - 1);
	assert_true(extra_args_ok(t.args));
	memset(text, 'a', EXTRA_ARGS_MAX);
	text[EXTRA_ARGS_MAX] = 0;
	assert_false(extra_args_ok(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_root_keys),
		cmocka_unit_test(test_channel),
		cmocka_unit_test(test_ticket),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_ticket_extra),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
