/* boot_plan.h and script.h: who loads what, and what may stand in a script. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/boot_plan.h"
#include "server/core/script.h"
#include "server/tftp/tftp.h"

static const struct {
	const char *name;
	uint8_t client;
	uint16_t arch;
	uint8_t features;
	uint8_t mac0;
	bool loader_sent, tftp;
	const char *file;
	bool http_url;
} plans[] = {
	{ "BIOS", DHCP_CLIENT_PXE, 0, 0, 0, false, true, "undionly.kpxe", false },
	{ "UEFI", DHCP_CLIENT_PXE, 7, 0, 0, false, true, "snponly.efi", false },
	{ "UEFI that says EBC", DHCP_CLIENT_PXE, 9, 0, 0, false, true, "snponly.efi", false },
	{ "ARM64 is unknown", DHCP_CLIENT_PXE, 11, 0, 0, false, true, "", false },
	{ "no TFTP, no loader", DHCP_CLIENT_PXE, 0, 0, 0, false, false, "", false },
	{ "HTTP boot", DHCP_CLIENT_HTTP, 16, 0, 0, false, true, "http://s/efi/agent.efi", true },
	{ "HTTP boot on ARM64", DHCP_CLIENT_HTTP, 19, 0, 0, false, true, "", false },
	{ "iPXE", DHCP_CLIENT_IPXE, 0, DHCP_IPXE_HTTP, 0, false, true, "http://s/boot.ipxe", true },
	{ "iPXE without HTTP", DHCP_CLIENT_IPXE, 0, 0, 0, false, true, "undionly.kpxe", false },
	{ "quirk: ROM", DHCP_CLIENT_IPXE, 0, DHCP_IPXE_HTTP, 0xaa, false, true, "ipxe.pxe", false },
	{ "quirk: its loader", DHCP_CLIENT_IPXE, 0, DHCP_IPXE_HTTP, 0xaa, true, true,
		"http://s/boot.ipxe", true },
	{ "quirk: other arch", DHCP_CLIENT_PXE, 7, 0, 0xaa, false, true, "snponly.efi", false },
	{ "an operating system", DHCP_CLIENT_OTHER, 0, 0, 0, false, true, "", false },
	{ "an agent", DHCP_CLIENT_AGENT, 0, 0, 0, false, true, "", false },
};

static void plans_by_architecture(void **state)
{
	static struct config cfg = {
		.n_quirks = 1,
		.quirks = { { .name = "q",
			.mac = { 0xaa },
			.mac_len = 1,
			.arch = 0,
			.loader = "ipxe.pxe" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		struct dhcp_query q = {
			.client = plans[i].client,
			.arch = plans[i].arch,
			.ipxe_features = plans[i].features,
			.mac = { plans[i].mac0 },
		};
		struct dhcp_boot boot;

		print_message("row: %s\n", plans[i].name);
		cfg.tftp = plans[i].tftp;
		boot_plan(&cfg, "http://s", &q, plans[i].loader_sent, &boot);
		assert_string_equal(boot.file, plans[i].file);
		assert_int_equal(boot.http_url, plans[i].http_url);
	}
}

static const struct {
	const char *name, *template, *value;
	int rc;
	const char *want;
} fills[] = {
	{ "plain", "a @{v} b\n", "x", 6, "a x b\n" },
	{ "twice", "@{v}@{v}\n", "xy", 5, "xyxy\n" },
	{ "notes are left out", "## @{nobody}\na\n", "x", 2, "a\n" },
	{ "iPXE's own settings stay", "${uuid} @{v}\n", "x", 10, "${uuid} x\n" },
	{ "unknown name", "@{w}\n", "x", -EBADMSG, NULL },
	{ "unfinished", "a @{v\n}", "x", -EBADMSG, NULL },
	{ "value with a setting", "@{v}\n", "${net0/mac}", -EINVAL, NULL },
	{ "value with a new line", "@{v}\n", "a\nshell", -EINVAL, NULL },
	{ "value with a command", "@{v}\n", "a || shell", -EINVAL, NULL },
	{ "value with a quote", "@{v}\n", "a\"", -EINVAL, NULL },
	{ "too long", "@{v}\n", "0123456789012345678901234567890123456789", -ENOSPC, NULL },
	{ "empty value", "a@{v}b", "", 3, "ab\n" },
};

static void fills_templates(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fills); i++) {
		const struct script_value v = { "v", fills[i].value, false };
		char out[32];

		print_message("row: %s\n", fills[i].name);
		assert_int_equal(
			script_fill(fills[i].template, &v, 1, out, sizeof out), fills[i].rc);
		if (fills[i].want)
			assert_string_equal(out, fills[i].want);
	}
}

static const struct {
	const char *name, *line;
	int rc;
	uint32_t addr;
	const char *file;
} lines[] = {
	{ "a read", "<29>Nov 24 04:00:00 in.tftpd[7]: RRQ from 10.77.0.100 filename undionly.kpxe",
		0, 0x0a4d0064, "undionly.kpxe" },
	{ "with LF", "in.tftpd[7]: RRQ from 10.77.0.1 filename a b\n", 0, 0x0a4d0001, "a b" },
	{ "something else", "in.tftpd[7]: tftp: client does not accept options", -ENOENT, 0, "" },
	{ "no address", "RRQ from nobody filename x", -EBADMSG, 0, "" },
	{ "IPv6", "RRQ from fe80::1 filename x", -EBADMSG, 0, "" },
	{ "no file", "RRQ from 10.0.0.1 filename ", -EBADMSG, 0, "" },
	{ "no more", "RRQ from 10.0.0.1", -EBADMSG, 0, "" },
};

static void reads_tftpd_log(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct tftp_read r = { 0 };

		print_message("row: %s\n", lines[i].name);
		assert_int_equal(tftp_log_parse(lines[i].line, &r), lines[i].rc);
		assert_int_equal(r.addr, lines[i].addr);
		assert_string_equal(r.file, lines[i].file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_by_architecture),
		cmocka_unit_test(fills_templates),
		cmocka_unit_test(reads_tftpd_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
