/* Reservations of other DHCP servers: what is read, what is named as left out, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/import.h"
#include "tests/support/dhcp_packet.h"

#define MAC "52:54:00:00:00:01"

struct sample {
	const char *name;
	enum import_format format;
	const char *text;
	const char *rows;  /* one line for each: "LINE MAC[+MAC] IP NAME ..." */
	const char *notes; /* "LINE:" and a piece of each note, separated by '|' */
	unsigned err_line; /* not 0: refused there */
};

static void put(char **at, const char *end, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void put(char **at, const char *end, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(*at, (size_t)(end - *at), fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && n < end - *at);
	*at += n;
}

static void print_rows(const struct import *im, char *out, size_t size)
{
	const char *end = out + size;
	char mac[HOST_MAC_TEXT], uuid[HOST_UUID_TEXT];

	*out = 0;
	for (size_t i = 0; i < im->n_rows; i++) {
		const struct import_row *r = &im->rows[i];

		put(&out, end, "%s%u", i ? "\n" : "", r->line);
		for (size_t k = 0; k < r->n_macs; k++) {
			host_mac_print(r->macs[k], mac);
			put(&out, end, "%c%s", k ? '+' : ' ', mac);
		}
		if (r->ip)
			put(&out, end, " %u.%u.%u.%u", r->ip >> 24, r->ip >> 16 & 255,
				r->ip >> 8 & 255, r->ip & 255);
		if (*r->name)
			put(&out, end, " %s", r->name);
		if (r->has_uuid) {
			host_uuid_print(r->uuid, uuid);
			put(&out, end, " uuid=%s", uuid);
		}
		if (*r->serial)
			put(&out, end, " serial=%s", r->serial);
		if (r->client_id)
			put(&out, end, " id=%s", r->client_id);
		if (r->circuit)
			put(&out, end, " circuit=%s", r->circuit);
	}
}

/* Each note, in order, is on that line and holds that text. */
static void check_notes(const struct import *im, const char *want)
{
	char copy[1024], *rest = copy, *s;
	size_t i = 0;

	snprintf(copy, sizeof copy, "%s", want);
	while (*copy && (s = strsep(&rest, "|"))) {
		char *piece = strchr(s, ':') + 1;
		char line[16];

		assert_true(i < im->n_notes);
		snprintf(line, sizeof line, "%u:", im->notes[i].line);
		print_message("  note %s %s\n", line, im->notes[i].text);
		assert_int_equal(strncmp(s, line, strlen(line)), 0);
		assert_non_null(strstr(im->notes[i].text, piece));
		i++;
	}
	if (i < im->n_notes)
		print_message("  too many: %s\n", im->notes[i].text);
	assert_int_equal(i, im->n_notes);
}

static const struct sample samples[] = {
	/* ---- dnsmasq ---- */
	{ "a dnsmasq host", IMPORT_DNSMASQ, "dhcp-host=" MAC ",n1,10.0.0.5\n",
		"1 " MAC " 10.0.0.5 n1", "", 0 },
	{ "no line end", IMPORT_DNSMASQ, "dhcp-host=" MAC ",10.0.0.5", "1 " MAC " 10.0.0.5", "",
		0 },
	{ "hostsfile", IMPORT_DNSMASQ, "# mine\n\n" MAC ",10.0.0.5,n1\r\n", "3 " MAC " 10.0.0.5 n1",
		"", 0 },
	{ "several cards", IMPORT_DNSMASQ, MAC ",52:54:0:0:0:2,10.0.0.5\n",
		"1 " MAC "+52:54:00:00:00:02 10.0.0.5", "", 0 },
	{ "with type", IMPORT_DNSMASQ, "01-" MAC ",n1\n", "1 " MAC " n1", "", 0 },
	{ "another type", IMPORT_DNSMASQ, "06-" MAC ",n1\n", "", "1:not one Ethernet card", 0 },
	{ "wildcard", IMPORT_DNSMASQ, "52:54:00:*:*:*,n1\n", "", "1:not one Ethernet card", 0 },
	{ "id in hex", IMPORT_DNSMASQ, "id:01:02:ff,10.0.0.5\n", "1 10.0.0.5 id=0102ff", "", 0 },
	{ "id as text", IMPORT_DNSMASQ, "id:host,10.0.0.5\n", "1 10.0.0.5 id=686f7374", "", 0 },
	{ "any id", IMPORT_DNSMASQ, MAC ",id:*\n", "1 " MAC, "", 0 },
	{ "tags and time", IMPORT_DNSMASQ, "dhcp-host=" MAC ", set:a, tag:b, n1, 12h # x\n",
		"1 " MAC " n1", "1:set:a|1:tag:b|1:12h", 0 },
	{ "infinite", IMPORT_DNSMASQ, MAC ",infinite\n", "1 " MAC, "1:infinite", 0 },
	{ "ignored", IMPORT_DNSMASQ, "dhcp-host=" MAC ",ignore\n" MAC ",n1\n", "2 " MAC " n1",
		"1:ignored", 0 },
	{ "IPv6", IMPORT_DNSMASQ, MAC ",[fd00::1],n1\n", "1 " MAC " n1", "1:[fd00::1]", 0 },
	{ "a name alone", IMPORT_DNSMASQ, "dhcp-host=n1,10.0.0.5\n", "",
		"1:nothing that muster knows", 0 },
	{ "an odd name", IMPORT_DNSMASQ, MAC ",my_host\n", "1 " MAC " my-host",
		"1:becomes 'my-host'", 0 },
	{ "other directives", IMPORT_DNSMASQ,
		"domain-needed\nconf-file=/x\ndhcp-host = \"" MAC ",n1\"\n", "3 " MAC " n1",
		"1:no reservation|2:import /x", 0 },
	{ "bad MAC", IMPORT_DNSMASQ, MAC ",n1\n52:54:00:00:00,n2\n", "", "", 2 },
	{ "bad address", IMPORT_DNSMASQ, MAC ",10.0.0.256\n", "", "", 1 },
	{ "empty element", IMPORT_DNSMASQ, MAC ",,n1\n", "", "", 1 },
	{ "two names", IMPORT_DNSMASQ, MAC ",a,b\n", "", "", 1 },
	/* ---- ISC ---- */
	{ "an ISC host", IMPORT_ISC,
		"host n1 { hardware ethernet " MAC "; fixed-address 10.0.0.5; }\n",
		"1 " MAC " 10.0.0.5 n1", "", 0 },
	{ "all of a host", IMPORT_ISC,
		"host x {\n option host-name \"n1\"; # c\n hardware ethernet " MAC
		";\n option dhcp-client-identifier 01:02;\n}\n",
		"1 " MAC " n1 id=0102", "", 0 },
	{ "identifier as text", IMPORT_ISC, "host n1 { option dhcp-client-identifier \"\\000a\"; }",
		"1 n1 id=0061", "", 0 },
	{ "relay's circuit", IMPORT_ISC,
		"host n1 { host-identifier option agent.circuit-id \"p1\"; fixed-address 10.0.0.5; }",
		"1 10.0.0.5 n1 circuit=7031", "", 0 },
	{ "nested", IMPORT_ISC,
		"shared-network s {\nsubnet 10.0.0.0 netmask 255.255.255.0 {\nrange 10.0.0.9 10.0.0.10;\ngroup { host n1 { hardware ethernet " MAC
		"; } }\n}}\n",
		"4 " MAC " n1", "1:shared-network|2:subnet|3:range|4:group", 0 },
	{ "not followed", IMPORT_ISC, "include \"more.conf\";\nauthoritative;\n", "",
		"1:import more.conf|2:authoritative", 0 },
	{ "two addresses", IMPORT_ISC,
		"host n1 { hardware ethernet " MAC "; fixed-address 10.0.0.5, 10.0.0.6; }",
		"1 " MAC " 10.0.0.5 n1", "1:10.0.0.6", 0 },
	{ "a name as address", IMPORT_ISC,
		"host n1 { hardware ethernet " MAC "; fixed-address n1.example; }", "1 " MAC " n1",
		"1:'n1.example' is a name", 0 },
	{ "no ethernet", IMPORT_ISC, "host n1 { hardware token-ring " MAC "; }", "", "1:token-ring",
		0 },
	{ "more of a host", IMPORT_ISC, "host n1 { hardware ethernet " MAC "; filename \"x\"; }",
		"1 " MAC " n1", "1:filename", 0 },
	{ "no end", IMPORT_ISC, "\nhost n1 { hardware ethernet " MAC ";", "", "", 2 },
	{ "no semicolon", IMPORT_ISC, "host n1 {\n hardware ethernet " MAC "\n}", "", "", 2 },
	{ "too many ends", IMPORT_ISC, "host n1 { hardware ethernet " MAC "; }\n}", "", "", 2 },
	{ "bad ISC MAC", IMPORT_ISC, "host n1 {\nhardware ethernet 52:54;\n}", "", "", 2 },
	{ "open quote", IMPORT_ISC, "option x \"\n\n", "", "", 1 },
	/* ---- Kea ---- */
	{ "global", IMPORT_KEA,
		"{\"Dhcp4\":{\"reservations\":[\n{\"hw-address\":\"" MAC
		"\",\"ip-address\":\"10.0.0.5\",\"hostname\":\"n1\"}]}}",
		"2 " MAC " 10.0.0.5 n1", "", 0 },
	{ "of a subnet", IMPORT_KEA,
		"{ # c\n\"Dhcp4\": { // d\n/* e\n */ \"subnet4\": [ { \"reservations\": [\n { \"client-id\": \"01:02\", \"ip-address\": \"10.0.0.5\", }, ] } ] } }",
		"5 10.0.0.5 id=0102", "", 0 },
	{ "of a shared network", IMPORT_KEA,
		"{\"Dhcp4\":{\"shared-networks\":[{\"subnet4\":[{\"reservations\":[{\"circuit-id\":\"'p1'\",\"ip-address\":\"10.0.0.5\"}]}]}]}}",
		"1 10.0.0.5 circuit=7031", "", 0 },
	{ "duid", IMPORT_KEA, "{\"Dhcp4\":{\"reservations\":[{\"duid\":\"01:02\"}]}}", "", "1:duid",
		0 },
	{ "flex-id", IMPORT_KEA, "{\"Dhcp4\":{\"reservations\":[{\"flex-id\":\"'a'\"}]}}", "",
		"1:flex-id", 0 },
	{ "more members", IMPORT_KEA,
		"{\"Dhcp4\":{\"valid-lifetime\":1,\"reservations\":[{\"hw-address\":\"" MAC
		"\",\"option-data\":[{\"a\":1}],\"boot-file-name\":\"\"}]}}",
		"1 " MAC, "1:'option-data'|1:'valid-lifetime'", 0 },
	{ "include", IMPORT_KEA, "{\"Dhcp4\":{\"reservations\": <?include \"r.json\"?> }}", "",
		"1:import \"r.json\"", 0 },
	{ "no Dhcp4", IMPORT_KEA, "{\"Dhcp6\":{}}", "", "", 1 },
	{ "cut JSON", IMPORT_KEA, "{\"Dhcp4\":\n{\"reservations\":[", "", "", 2 },
	{ "bad Kea MAC", IMPORT_KEA, "{\"Dhcp4\":{\"reservations\":[\n{\"hw-address\":\"zz\"}]}}",
		"", "", 2 },
	{ "no list", IMPORT_KEA, "{\"Dhcp4\":{\"reservations\":\"x\"}}", "", "", 1 },
	{ "open comment", IMPORT_KEA, "{\n/* x", "", "", 2 },
	/* ---- CSV ---- */
	{ "plain", IMPORT_CSV, MAC ",10.0.0.5,n1\r\n5254.0000.0002\n",
		"1 " MAC " 10.0.0.5 n1\n2 52:54:00:00:00:02", "", 0 },
	{ "header", IMPORT_CSV,
		"\xef\xbb\xbfName,IP,MAC,UUID,Serial,client_id,circuit\r\n"
		"n1,10.0.0.5,52-54-00-00-00-01,00112233-4455-6677-8899-aabbccddeeff,S-77,0x0102,7031\r\n",
		"2 " MAC
		" 10.0.0.5 n1 uuid=00112233-4455-6677-8899-aabbccddeeff serial=S-77 id=0102 circuit=7031",
		"", 0 },
	{ "quotes", IMPORT_CSV,
		"name,mac,rack\n\"n1\",\"525400000001 52:54:00:00:00:02\",\"a \"\"b\"\", c\nd\"\nn3,525400000003,\n",
		"2 " MAC "+52:54:00:00:00:02 n1\n4 52:54:00:00:00:03 n3", "1:'rack'", 0 },
	{ "empty", IMPORT_CSV, "", "", "", 0 },
	{ "a field too few", IMPORT_CSV, "mac,ip\n" MAC "\n", "", "", 2 },
	{ "a field too many", IMPORT_CSV, MAC ",10.0.0.5,n1,x\n", "", "", 1 },
	{ "open CSV quote", IMPORT_CSV, "mac,ip\n\"52", "", "", 2 },
	{ "text after a quote", IMPORT_CSV, "\"a\"b\n", "", "", 1 },
	{ "column twice", IMPORT_CSV, "mac,mac\n", "", "", 1 },
	{ "multicast MAC", IMPORT_CSV, "01:00:5e:00:00:01,10.0.0.5\n", "", "", 1 },
	{ "multicast address", IMPORT_CSV, MAC ",224.0.0.1\n", "", "", 1 },
};

static int parse(struct import *im, enum import_format format, const char *text, size_t len)
{
	char *b = (char *)exact_copy(text, len);
	int rc;

	*im = (struct import){ 0 };
	import_guess(b, len); /* whatever it says, it stays within the bytes */
	rc = import_parse(im, format, b, len);
	free(b);
	return rc;
}

static void test_samples(void **state)
{
	static char rows[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		const struct sample *s = &samples[i];
		struct import im;
		int rc = parse(&im, s->format, s->text, strlen(s->text));

		print_message("row: %s: %u %s\n", s->name, im.err_line, im.err);
		assert_int_equal(rc, s->err_line ? -EBADMSG : 0);
		if (s->err_line) {
			assert_int_equal(im.err_line, s->err_line);
			assert_true(*im.err);
		} else {
			print_rows(&im, rows, sizeof rows);
			assert_string_equal(rows, s->rows);
			check_notes(&im, s->notes);
		}
		import_fini(&im);
	}
}

/* Every prefix, read as every format, ends in rows or in an error with a line. */
static void test_prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		const size_t len = strlen(samples[i].text);

		for (size_t n = 0; n <= len; n++) {
			for (int f = 0; f < IMPORT_FORMATS; f++) {
				struct import im;
				int rc = parse(&im, (enum import_format)f, samples[i].text, n);

				assert_true(rc == 0 || (rc == -EBADMSG && im.err_line && *im.err));
				assert_true(rc < 0 || import_check(&im) >= 0);
				import_fini(&im);
			}
		}
	}
}

static void test_guess(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{ "# c\ndhcp-host=" MAC ",n1\n", IMPORT_DNSMASQ },
		{ "domain-needed\n", IMPORT_DNSMASQ },
		{ MAC ",set:a,10.0.0.5\n", IMPORT_DNSMASQ },
		{ MAC ",10.0.0.5,n1\n", IMPORT_CSV },
		{ "name,mac\n", IMPORT_CSV },
		{ "\xef\xbb\xbf\"mac\",\"ip\"\r\n", IMPORT_CSV },
		{ "# c\nhost n1 {\n hardware ethernet " MAC ";\n}\n", IMPORT_ISC },
		{ "authoritative;\n", IMPORT_ISC },
		{ "// c\n{ \"Dhcp4\": {} }\n", IMPORT_KEA },
		{ "  {", IMPORT_KEA },
		{ "", -ENOENT },
		{ "# c\n", -ENOENT },
		{ "Hello there\n", -ENOENT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const size_t len = strlen(rows[i].text);
		char *b = (char *)exact_copy(rows[i].text, len);

		print_message("row: %s\n", rows[i].text);
		assert_int_equal(import_guess(b, len), rows[i].want);
		free(b);
	}
	assert_int_equal(import_format_of("kea"), IMPORT_KEA);
	assert_int_equal(import_format_of("windows"), -ENOENT);
}

/* What two rows of one file share is found, whatever their order. */
static void test_check(void **state)
{
	static const char text[] = "mac,ip,name,client_id\n"
				   "52:54:00:00:00:01,10.0.0.1,a,01\n"
				   "52:54:00:00:00:02,10.0.0.1,b,02\n"
				   "52:54:00:00:00:01 52:54:00:00:00:01,10.0.0.3,c,03\n"
				   "52:54:00:00:00:04,10.0.0.4,A,04\n"
				   "52:54:00:00:00:05,10.0.0.5,e,02\n"
				   "52:54:00:00:00:06 52:54:00:00:00:06,10.0.0.6,f,06\n";
	static const char *const want[] = { NULL, "address", "MAC address", "name",
		"client identifier", NULL };
	static const unsigned lines[] = { 0, 2, 2, 2, 3, 0 };
	struct import im;

	(void)state;
	assert_int_equal(parse(&im, IMPORT_CSV, text, strlen(text)), 0);
	assert_int_equal(im.n_rows, ARRAY_LEN(want));
	assert_int_equal(import_check(&im), 4);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(im.rows[i].clash_line, lines[i]);
		if (want[i])
			assert_string_equal(im.rows[i].clash_what, want[i]);
		else
			assert_null(im.rows[i].clash_what);
	}
	import_fini(&im);
	assert_int_equal(parse(&im, IMPORT_CSV, "mac\n\0\n", 6), -EBADMSG);
	assert_int_equal(im.err_line, 2);
	import_fini(&im);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_guess),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
