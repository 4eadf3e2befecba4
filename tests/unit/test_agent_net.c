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

#include "agent/cmdline.h"
#include "agent/lease.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static void test_url(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} rows[] = {
		{ "address", "http://10.77.0.1", "http://10.77.0.1" },
		{ "address and port", "http://10.77.0.1:8080", "http://10.77.0.1:8080" },
		{ "path is cut off", "http://10.77.0.1/boot.ipxe?x=1", "http://10.77.0.1" },
		{ "host name", "http://muster.branch-042.example/",
			"http://muster.branch-042.example" },
		{ "another scheme", "https://10.77.0.1", NULL },
		{ "a file", "file:///etc/passwd", NULL },
		{ "no host", "http://", NULL },
		{ "no host but a port", "http://:80", NULL },
		{ "a user", "http://root@10.77.0.1", NULL },
		{ "port 0", "http://10.77.0.1:0", NULL },
		{ "port too large", "http://10.77.0.1:65536", NULL },
		{ "port without digits", "http://10.77.0.1:/", NULL },
		{ "port too long", "http://10.77.0.1:000080", NULL },
		{ "shell text", "http://10.77.0.1;reboot", NULL },
		{ "shell text in the host", "http://$(reboot)", NULL },
		{ "a host that is an option", "http://-o", NULL },
		{ "line break", "http://10.77.0.1\nip=1.2.3.4", NULL },
		{ "empty", "", NULL },
	};
	char out[URL_MAX];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("row: %s\n", rows[i].name);
		strcpy(out, "untouched");
		assert_int_equal(cmdline_url(rows[i].text, out), rows[i].want ? 0 : -EBADMSG);
		assert_string_equal(out, rows[i].want ? rows[i].want : "untouched");
	}
}

static void test_url_too_long(void **state)
{
	char text[400] = "http://", out[URL_MAX] = "untouched";

	(void)state;
	memset(text + 7, 'a', 300);
	assert_int_equal(cmdline_url(text, out), -EBADMSG);
	assert_string_equal(out, "untouched");
}

static void test_cmdline(void **state)
{
	static const struct {
		const char *name, *text, *url, *mac;
		bool debug;
	} rows[] = {
		{ "all of it",
			"quiet muster.url=http://10.0.0.1 BOOTIF=01-52-54-00-AB-cd-01 muster.debug\n",
			"http://10.0.0.1", "52:54:00:ab:cd:01", true },
		{ "nothing", "console=ttyS0", "", "", false },
		{ "empty", "", "", "", false },
		{ "a wrong one after a good one", "muster.url=http://10.0.0.1 muster.url=ftp://x",
			"http://10.0.0.1", "", false },
		{ "not a word of its own", "xmuster.url=http://10.0.0.1 muster.debugger", "", "",
			false },
		{ "hardware type is not Ethernet", "BOOTIF=20-52-54-00-ab-cd-01", "", "", false },
		{ "address cut short", "BOOTIF=01-52-54-00-ab-cd", "", "", false },
		{ "address is no hex", "BOOTIF=01-52-54-00-ab-cd-0g", "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct cmdline c;

		print_message("row: %s\n", rows[i].name);
		cmdline_parse(rows[i].text, &c);
		assert_string_equal(c.url, rows[i].url);
		assert_string_equal(c.boot_mac, rows[i].mac);
		assert_int_equal(c.debug, rows[i].debug);
	}
}

/* What udhcpc would have put into the environment. */
struct env {
	const char *ip, *subnet, *router, *dns, *boot_file;
};

static const char *lookup(void *arg, const char *name)
{
	const struct env *e = arg;

	return strcmp(name, "ip") == 0	     ? e->ip
	       : strcmp(name, "subnet") == 0 ? e->subnet
	       : strcmp(name, "router") == 0 ? e->router
	       : strcmp(name, "dns") == 0    ? e->dns
					     : e->boot_file;
}

static void test_lease(void **state)
{
	static const struct {
		const char *name;
		struct env env;
		int want;
		uint32_t router, dns;
		const char *url;
	} rows[] = {
		{ "usual",
			{ "10.77.0.100", "255.255.255.0", "10.77.0.1", "10.77.0.1",
				"http://10.77.0.1/" },
			0, 0x0a4d0001, 0x0a4d0001, "http://10.77.0.1" },
		{ "several routers",
			{ "10.77.0.100", "255.255.255.0", "10.77.0.1 10.77.0.2", NULL, NULL }, 0,
			0x0a4d0001, 0, "" },
		{ "router elsewhere", { "10.77.0.100", "255.255.255.0", "10.78.0.1", NULL, NULL },
			0, 0, 0, "" },
		{ "router is this host", { "10.77.0.1", "255.255.255.0", "10.77.0.1", NULL, NULL },
			0, 0, 0, "" },
		{ "boot file is shell text",
			{ "10.77.0.1", "255.255.255.0", NULL, NULL, "`reboot`" }, 0, 0, 0, "" },
		{ "name server is shell text",
			{ "10.77.0.1", "255.255.255.0", NULL, "$(reboot)", NULL }, 0, 0, 0, "" },
		{ "name server is loopback",
			{ "10.77.0.1", "255.255.255.0", NULL, "127.0.0.1", NULL }, 0, 0, 0, "" },
		{ "no mask", { "10.77.0.1", NULL, NULL, NULL, NULL }, -EBADMSG, 0, 0, "" },
		{ "mask with a hole", { "10.77.0.1", "255.0.255.0", NULL, NULL, NULL }, -EBADMSG, 0,
			0, "" },
		{ "mask of zero", { "10.77.0.1", "0.0.0.0", NULL, NULL, NULL }, -EBADMSG, 0, 0,
			"" },
		{ "no address", { NULL, "255.255.255.0", NULL, NULL, NULL }, -EBADMSG, 0, 0, "" },
		{ "loopback", { "127.0.0.1", "255.0.0.0", NULL, NULL, NULL }, -EBADMSG, 0, 0, "" },
		{ "multicast", { "224.0.0.1", "255.0.0.0", NULL, NULL, NULL }, -EBADMSG, 0, 0, "" },
		{ "address is shell text", { "1.2.3.4;sh", "255.0.0.0", NULL, NULL, NULL },
			-EBADMSG, 0, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct env env = rows[i].env;
		struct lease l = { 0 }, back = { 0 };
		char text[LEASE_TEXT_MAX];

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(lease_from_env(lookup, &env, &l), rows[i].want);
		assert_int_equal(l.router, rows[i].router);
		assert_int_equal(l.dns, rows[i].dns);
		assert_string_equal(l.url, rows[i].url);
		if (rows[i].want < 0)
			continue;
		assert_true(lease_print(&l, text, sizeof text) > 0);
		assert_int_equal(lease_parse(text, &back), 0);
		assert_memory_equal(&back, &l, sizeof l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_url_too_long),
		cmocka_unit_test(test_cmdline),
		cmocka_unit_test(test_lease),
	};

	return cmocka_run_group_tests_name("agent network values", tests, NULL, NULL);
}
