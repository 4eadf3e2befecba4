/* test_snippet.c: what other DHCP servers are told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/snippet.h"

#define URL "http://10.77.0.1:8080"

/* Each names the loaders by architecture, the agent's URL, the script's, and this server. */
static void test_each_is_filled(void **state)
{
	static const char *const needed[] = { "undionly.kpxe", "snponly.efi", URL "/efi/agent.efi",
		URL "/boot.ipxe", "10.77.0.1", "again and again" };
	char names[sizeof "dnsmasq kea isc windows mikrotik pfsense openwrt" + 64], *rest = names;
	const char *name;
	int n = 0;

	(void)state;
	snprintf(names, sizeof names, "%s", snippet_names);
	while ((name = strsep(&rest, " "))) {
		char text[SNIPPET_MAX];

		print_message("snippet: %s\n", name);
		assert_int_equal(snippet_render(name, URL, text, sizeof text), 0);
		for (size_t i = 0; i < ARRAY_LEN(needed); i++)
			assert_non_null(strstr(text, needed[i]));
		assert_null(strstr(text, "@{addr}"));
		assert_null(strstr(text, "@{url}"));
		assert_null(strstr(text, "@{dnsmasq}"));
		assert_int_equal(text[strlen(text) - 1], '\n');
		n++;
	}
	assert_int_equal(n, 7);
}

/* iPXE carries its firmware's architecture, too: its own rule must win over the loaders'. */
static void test_ipxe_never_gets_a_loader(void **state)
{
	static const struct {
		const char *name, *guard;
	} rows[] = {
		{ "dnsmasq", "dhcp-boot=tag:!ipxe,tag:bios,undionly.kpxe,,10.77.0.1\n" },
		{ "dnsmasq", "dhcp-boot=tag:!ipxe,tag:uefi,snponly.efi,,10.77.0.1\n" },
		{ "openwrt", "dhcp-boot=tag:!ipxe,tag:bios,undionly.kpxe,,10.77.0.1\n" },
		{ "kea", "\"not member('muster-ipxe') and option[93].hex == 0x0000\"" },
		{ "isc",
			"if exists user-class and option user-class = \"iPXE\" {\n\tfilename \"" URL
			"/boot.ipxe\";\n} elsif" },
		{ "windows",
			"$muster = @(\n\t@{ Name = 'muster iPXE'; Type = 'User'; Data = 'iPXE'" },
		{ "mikrotik", "add name=muster-1-ipxe server=dhcp1 code=77 " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[SNIPPET_MAX];

		print_message("row: %s\n", rows[i].guard);
		assert_int_equal(snippet_render(rows[i].name, URL, text, sizeof text), 0);
		assert_non_null(strstr(text, rows[i].guard));
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *name, *url;
		int want;
	} rows[] = {
		{ "dnsmasq", "http://boot.example", 0 },
		{ "dnsmasq", "http://boot.example:80", 0 },
		{ "dnsmask", URL, -ENOENT },
		{ "", URL, -ENOENT },
		{ "dnsmasq", "https://10.77.0.1", -EINVAL }, /* firmware speaks http to us */
		{ "dnsmasq", "http://", -EINVAL },
		{ "dnsmasq", "http://:80", -EINVAL },
		{ "dnsmasq", "http://10.77.0.1/x", -EINVAL },
		{ "dnsmasq", "http://10.77.0.1:80x", -EINVAL },
		{ "windows", "http://10.77.0.1'; Remove-Item", -EINVAL },
		{ "dnsmasq", "http://10.77.0.1\ndhcp-script=/x", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[SNIPPET_MAX];

		print_message("row: %s %s\n", rows[i].name, rows[i].url);
		assert_int_equal(
			snippet_render(rows[i].name, rows[i].url, text, sizeof text), rows[i].want);
	}
}

/* Every size that is too small is refused, and nothing is written behind it. */
static void test_room(void **state)
{
	char text[SNIPPET_MAX];
	size_t len;

	(void)state;
	assert_int_equal(snippet_render("windows", URL, text, sizeof text), 0);
	len = strlen(text);
	for (size_t size = 1; size <= len + 1; size += len / 40) {
		char *b = malloc(size);

		assert_non_null(b);
		assert_int_equal(snippet_render("windows", URL, b, size), size > len ? 0 : -ENOSPC);
		free(b);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_filled),
		cmocka_unit_test(test_ipxe_never_gets_a_loader),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
