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
#include "server/core/quirk.h"
#include "server/core/script.h"
#include "server/tftp/tftp.h"

/* Everything that is in the folder, unless a row says which are. */
static bool is_there(void *arg, const char *loader, bool http)
{
	const char *files = arg;
	const char *at = strstr(files, loader);

	(void)http;
	return at && (at == files || at[-1] == ' ') && strchr(" ", at[strlen(loader)]);
}

#define ALL "undionly.kpxe ipxe.pxe undionly.kkpxe snponly.efi ipxe.efi agent.efi"

enum { OTHER = DHCP_CLIENT_OTHER, PXE, HTTP, IPXE, AGENT };

/* Rules as a site might have them; the first that fits is the one. */
static const struct config rules = {
	.tftp = true,
	.n_quirks = 8,
	.quirks = {
		{ .name = "rom", .mac = { 0xaa }, .mac_len = 1, .n_archs = 1, .archs = { 0 },
			.loader = "ipxe.pxe" },
		{ .name = "quiet", .mac = { 0xab }, .mac_len = 1, .no_boot = true },
		{ .name = "by-http", .vendor = "HPE*", .firmware = 1 << FIRMWARE_IPXE |
			1 << FIRMWARE_UEFI_HTTP, .loader = "ipxe.efi", .transport = TRANSPORT_HTTP },
		{ .name = "hp", .vendor = "HPE*", .product = "*Gen9", .form = { .option_43 = CHOICE_NO } },
		{ .name = "lost", .user_class = "lost*", .loader = "lost.efi" },
		{ .name = "web", .class = "PXEClient:Arch:00009", .transport = TRANSPORT_HTTP },
		{ .name = "old", .uuid = "4c4c4544", .transport = TRANSPORT_TFTP },
		{ .name = "tables", .user_class = "*lab*", .form = { .boot_file = DHCP_FILE_HEADER } },
	},
};

#define F DHCP_IPXE_HTTP
static const struct {
	const char *name;
	uint8_t client;
	uint16_t arch;
	uint8_t features, mac0;
	const char *vendor, *files;
	const char *works, *dead; /* at boots 3 and 12 */
	bool works_http, loader_runs;
	const char *file, *why;
} plans[] = {
	{ "BIOS", PXE, 0, 0, 0, "", ALL, "", "", 0, 0, "undionly.kpxe",
		"undionly.kpxe by TFTP: architecture 0" },
	{ "UEFI", PXE, 7, 0, 0, "", ALL, "", "", 0, 0, "snponly.efi",
		"snponly.efi by TFTP: architecture 7" },
	{ "UEFI that says EBC", PXE, 9, 0, 0, "", ALL, "", "", 0, 0, "snponly.efi",
		"snponly.efi by TFTP: architecture 9" },
	{ "ARM64", PXE, 11, 0, 0, "", ALL, "", "", 0, 0, "",
		"address only: unknown architecture 11" },
	{ "HTTP boot", HTTP, 16, 0, 0, "", ALL, "", "", 0, 0, "http://s/efi/agent.efi",
		"agent.efi by HTTP: architecture 16" },
	{ "HTTP boot on ARM64", HTTP, 19, 0, 0, "", ALL, "", "", 0, 0, "",
		"address only: unknown architecture 19" },
	{ "HTTP boot that names a PXE architecture", HTTP, 7, 0, 0, "", ALL, "", "", 0, 0, "",
		"address only: unknown architecture 7" },
	{ "iPXE", IPXE, 0, F, 0, "", ALL, "", "", 0, 0, "http://s/boot.ipxe", "boot.ipxe by HTTP" },
	{ "iPXE without HTTP", IPXE, 0, 0, 0, "", ALL, "", "", 0, 0, "undionly.kpxe",
		"undionly.kpxe by TFTP: architecture 0" },
	{ "iPXE that names no architecture", IPXE, 0xffff, 0, 0, "", ALL, "", "", 0, 0, "",
		"address only: it names no architecture" },
	{ "Raspberry Pi", PXE, 0, 0, 0xdc, "", ALL, "", "", 0, 0, "",
		"address only: a Raspberry Pi, which is no x86" },
	{ "an operating system", OTHER, 0, 0, 0, "", ALL, "", "", 0, 0, "", "" },
	{ "an agent", AGENT, 0, 0, 0, "", ALL, "", "", 0, 0, "", "" },

	{ "the first is not there", PXE, 7, 0, 0, "", "ipxe.efi", "", "", 0, 0, "ipxe.efi",
		"ipxe.efi by TFTP: architecture 7" },
	{ "none is there", PXE, 7, 0, 0, "", "ipxe.pxe", "", "", 0, 0, "",
		"address only: there is no loader for architecture 7" },
	{ "no agent image", HTTP, 16, 0, 0, "", "ipxe.efi", "", "", 0, 0,
		"http://s/loader/ipxe.efi", "ipxe.efi by HTTP: architecture 16" },

	{ "worked", PXE, 7, 0, 0, "", ALL, "ipxe.efi", "", 0, 0, "ipxe.efi",
		"ipxe.efi by TFTP: it worked at boot 3" },
	{ "worked, of no list", PXE, 7, 0, 0, "", ALL " other.efi", "other.efi", "", 0, 0,
		"other.efi", "other.efi by TFTP: it worked at boot 3" },
	{ "worked, and is gone", PXE, 7, 0, 0, "", ALL, "other.efi", "", 0, 0, "snponly.efi",
		"snponly.efi by TFTP: architecture 7" },
	{ "worked over HTTP, which PXE cannot", PXE, 7, 0, 0, "", ALL, "ipxe.efi", "", 1, 0,
		"snponly.efi", "snponly.efi by TFTP: architecture 7" },
	{ "HTTP boot: worked", HTTP, 16, 0, 0, "", ALL, "snponly.efi", "", 1, 0,
		"http://s/loader/snponly.efi", "snponly.efi by HTTP: it worked at boot 3" },
	{ "the first failed", PXE, 7, 0, 0, "", ALL, "", "snponly.efi", 0, 0, "ipxe.efi",
		"ipxe.efi by TFTP: snponly.efi did not reach its script at boot 12" },
	{ "the last failed: round", PXE, 7, 0, 0, "", ALL, "", "ipxe.efi", 0, 0, "snponly.efi",
		"snponly.efi by TFTP: ipxe.efi did not reach its script at boot 12" },
	{ "the one in the middle failed", PXE, 0, 0, 0, "", ALL, "", "ipxe.pxe", 0, 0,
		"undionly.kkpxe",
		"undionly.kkpxe by TFTP: ipxe.pxe did not reach its script at boot 12" },
	{ "what worked failed now", PXE, 0, 0, 0, "", ALL, "undionly.kpxe", "undionly.kpxe", 0, 0,
		"ipxe.pxe", "ipxe.pxe by TFTP: undionly.kpxe did not reach its script at boot 12" },
	{ "a rule's former loader failed", PXE, 7, 0, 0, "", ALL, "", "lost.efi", 0, 0,
		"snponly.efi",
		"snponly.efi by TFTP: lost.efi did not reach its script at boot 12" },
	{ "it failed, and there is no other", PXE, 7, 0, 0, "", "snponly.efi", "", "snponly.efi", 0,
		0, "snponly.efi",
		"snponly.efi by TFTP: there is no other, though boot 12 failed with it" },
	{ "the agent failed", HTTP, 16, 0, 0, "", ALL, "", "agent.efi", 0, 0,
		"http://s/loader/ipxe.efi",
		"ipxe.efi by HTTP: agent.efi did not reach the agent at boot 12" },

	{ "rule: a ROM", IPXE, 0, F, 0xaa, "", ALL, "", "", 0, 0, "ipxe.pxe",
		"ipxe.pxe by TFTP: rule rom" },
	{ "rule: its loader runs", IPXE, 0, F, 0xaa, "", ALL, "", "", 0, 1, "http://s/boot.ipxe",
		"boot.ipxe by HTTP" },
	{ "rule: other architecture", PXE, 7, 0, 0xaa, "", ALL, "", "", 0, 0, "snponly.efi",
		"snponly.efi by TFTP: architecture 7" },
	{ "rule before memory and failure", PXE, 0, 0, 0xaa, "", ALL, "undionly.kpxe", "ipxe.pxe",
		0, 0, "ipxe.pxe", "ipxe.pxe by TFTP: rule rom" },
	{ "rule: no boot", PXE, 7, 0, 0xab, "", ALL, "", "", 0, 0, "", "address only: rule quiet" },
	{ "rule: no boot for iPXE", IPXE, 7, F, 0xab, "", ALL, "", "", 0, 0, "",
		"address only: rule quiet" },
	{ "rule: iPXE by HTTP", IPXE, 7, F, 0, "HPE", ALL, "", "", 0, 0, "http://s/loader/ipxe.efi",
		"ipxe.efi by HTTP: rule by-http" },
	{ "rule: iPXE that cannot", IPXE, 7, 0, 0, "HPE", ALL, "", "", 0, 0, "",
		"address only: rule by-http wants HTTP, which this firmware cannot do" },
	{ "rule: HTTP boot", HTTP, 16, 0, 0, "hpe", ALL, "", "", 0, 0, "http://s/loader/ipxe.efi",
		"ipxe.efi by HTTP: rule by-http" },
	{ "rule: its file is not there", PXE, 7, 0, 0, "lost", ALL, "", "", 0, 0, "",
		"address only: rule lost names lost.efi, which is not there" },
	{ "rule of another class", PXE, 9, 0, 0, "", ALL, "ipxe.efi", "", 0, 0, "ipxe.efi",
		"ipxe.efi by TFTP: it worked at boot 3" },
	{ "rule: PXE cannot do HTTP", PXE, 9, 0, 0, "class", ALL, "", "", 0, 0, "",
		"address only: rule web wants HTTP, which this firmware cannot do" },
	{ "rule: TFTP for HTTP boot", HTTP, 16, 0, 0, "uuid", ALL, "", "", 0, 0, "",
		"address only: rule old wants TFTP, which this firmware cannot do" },
	{ "rule: TFTP for iPXE, whose script comes by HTTP", IPXE, 7, F, 0, "uuid", ALL, "", "", 0,
		0, "http://s/boot.ipxe", "boot.ipxe by HTTP, rule old" },
	{ "rule: how, not what", PXE, 7, 0, 0, "lab", ALL, "ipxe.efi", "", 0, 0, "ipxe.efi",
		"ipxe.efi by TFTP: it worked at boot 3, rule tables" },
};

/* The vendor column also stands for other things that a rule looks at. */
static struct dhcp_query query_of(size_t i)
{
	static const struct {
		const char *as, *user_class, *class;
		uint8_t uuid[4];
	} kinds[] = {
		{ "lost", "lost in space", "", { 0 } },
		{ "lab", "a lab", "", { 0 } },
		{ "class", "", "PXEClient:Arch:00009:UNDI:003000", { 0 } },
		{ "uuid", "", "", { 0x44, 0x45, 0x4c, 0x4c } },
	};
	struct dhcp_query q = {
		.client = plans[i].client,
		.arch = plans[i].arch,
		.ipxe_features = plans[i].features,
		.mac = { plans[i].mac0, 0xa6, 0x32 },
	};

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		if (strcmp(kinds[k].as, plans[i].vendor))
			continue;
		strcpy(q.user_class, kinds[k].user_class);
		strcpy(q.vendor_class, kinds[k].class);
		memcpy(q.uuid, kinds[k].uuid, sizeof kinds[k].uuid);
		q.echo_uuid = true;
	}
	return q;
}

static void plans_what_to_load(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		const struct dhcp_query q = query_of(i);
		struct boot_ask a = { .cfg = &rules,
			.url = "http://s",
			.q = &q,
			.vendor = plans[i].vendor,
			.product = "",
			.loader_runs = plans[i].loader_runs,
			.exists = is_there,
			.own = "",
			.arg = (void *)(uintptr_t)plans[i].files };
		struct boot_plan p;

		print_message("row: %s\n", plans[i].name);
		strcpy(a.memory.works.loader, plans[i].works);
		a.memory.works.http = plans[i].works_http;
		a.memory.works_boot = 3;
		strcpy(a.memory.dead.loader, plans[i].dead);
		a.memory.dead_read = true;
		a.memory.dead_boot = 12;
		boot_plan(&a, &p);
		assert_string_equal(p.boot.file, plans[i].file);
		assert_string_equal(p.why, plans[i].why);
		assert_int_equal(p.boot.http_url, !strncmp(plans[i].file, "http", 4));
		assert_int_equal(p.unknown_arch, strstr(p.why, "unknown architecture") != NULL);
		if (p.chosen.loader[0])
			assert_non_null(strstr(p.boot.file, p.chosen.loader));
	}
}

/* Of a loader that was not read every form is tried, then the next loader; round. */
static void tries_other_forms(void **state)
{
	static const struct {
		const char *why;
		uint8_t option_43, boot_file;
		bool read; /* then, but no script */
	} rows[] = {
		{ "snponly.efi by TFTP: architecture 7", CHOICE_AUTO, DHCP_FILE_BOTH, false },
		{ "snponly.efi by TFTP with option 43: it was not read at boot 1", CHOICE_YES,
			DHCP_FILE_BOTH, false },
		{ "snponly.efi by TFTP named in the header alone: it was not read at boot 2",
			CHOICE_AUTO, DHCP_FILE_HEADER, false },
		{ "ipxe.efi by TFTP: snponly.efi did not reach its script at boot 3", CHOICE_AUTO,
			DHCP_FILE_BOTH, false },
		{ "ipxe.efi by TFTP with option 43: it was not read at boot 4", CHOICE_YES,
			DHCP_FILE_BOTH, true },
		{ "snponly.efi by TFTP: ipxe.efi did not reach its script at boot 5", CHOICE_YES,
			DHCP_FILE_BOTH, false },
		{ "snponly.efi by TFTP named in the header alone: it was not read at boot 6",
			CHOICE_AUTO, DHCP_FILE_HEADER, false },
	};
	static const struct config none = { .tftp = true };
	const struct dhcp_query q = { .client = PXE, .arch = 7 };
	struct boot_ask a = { .cfg = &none,
		.url = "http://s",
		.q = &q,
		.vendor = "",
		.product = "",
		.exists = is_there,
		.arg = (void *)(uintptr_t)ALL };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct boot_plan p;

		boot_plan(&a, &p);
		assert_string_equal(p.why, rows[i].why);
		assert_int_equal(p.boot.form.option_43, rows[i].option_43);
		assert_int_equal(p.boot.form.boot_file, rows[i].boot_file);
		a.memory.dead = p.chosen;
		a.memory.dead_read = rows[i].read;
		a.memory.dead_boot = (int64_t)i + 1;
	}
}

/* What is remembered of an offer gives the same offer again, with no rule left. */
static void remembers_the_form(void **state)
{
	static const struct config none = { .tftp = true };
	const struct dhcp_query q = { .client = PXE, .arch = 7 };
	struct boot_ask a = { .cfg = &rules,
		.url = "http://s",
		.q = &q,
		.vendor = "HPE",
		.product = "ProLiant DL380 Gen9",
		.exists = is_there,
		.own = "",
		.arg = (void *)(uintptr_t)ALL };
	struct boot_plan with_rule, later;

	(void)state;
	boot_plan(&a, &with_rule);
	assert_string_equal(with_rule.why, "snponly.efi by TFTP: architecture 7, rule hp");
	assert_int_equal(with_rule.boot.form.option_43, CHOICE_NO);
	assert_string_equal(with_rule.chosen.firmware, "uefi");
	a.cfg = &none;
	a.memory.works = with_rule.chosen;
	boot_plan(&a, &later);
	assert_memory_equal(&later.boot, &with_rule.boot, sizeof later.boot);
	assert_memory_equal(&later.chosen, &with_rule.chosen, sizeof later.chosen);
}

static void tftp_may_be_off(void **state)
{
	static struct config c = { .n_quirks = 1,
		.quirks = { { .name = "q", .n_archs = 1, .archs = { 7 }, .loader = "ipxe.efi" } } };
	struct dhcp_query q = { .client = PXE };
	struct boot_ask a = { .cfg = &c,
		.url = "http://s",
		.q = &q,
		.vendor = "",
		.product = "",
		.exists = is_there,
		.own = "",
		.arg = (void *)(uintptr_t)ALL };
	struct boot_plan p;

	(void)state;
	boot_plan(&a, &p);
	assert_string_equal(p.why, "address only: TFTP is off");
	q.arch = 7;
	boot_plan(&a, &p);
	assert_string_equal(p.why, "address only: rule q wants TFTP, which is off");
	q.client = IPXE; /* the same loader by the way that is there */
	q.ipxe_features = DHCP_IPXE_HTTP;
	boot_plan(&a, &p);
	assert_string_equal(p.boot.file, "http://s/loader/ipxe.efi");
}

/* Firmware that boots by HTTP gets the image itself where it can start it, else a loader of ours.
 */
static void direct_images(void **state)
{
	static const struct config none = { .tftp = true };
	static const struct {
		bool direct;
		const char *own, *works, *dead, *file;
	} rows[] = {
		{ false, "", "", "", "http://s/efi/agent.efi" },
		{ true, "image.efi", "", "", "http://s/efi/image.efi" },
		{ true, "image.iso", "", "", "http://s/efi/image.iso" },
		{ true, "", "", "", "http://s/loader/ipxe.efi" },
		{ true, "image.efi", "", "image.efi", "http://s/loader/ipxe.efi" },
		{ true, "image.efi", "image.efi", "", "http://s/efi/image.efi" },
		{ true, "image.efi", "ipxe.efi", "", "http://s/loader/ipxe.efi" },
		/* what worked with another image */
		{ true, "image.efi", "agent.efi", "", "http://s/efi/image.efi" },
		{ true, "image.iso", "image.efi", "", "http://s/efi/image.iso" },
		{ true, "", "agent.efi", "", "http://s/loader/ipxe.efi" },
		{ false, "", "image.efi", "", "http://s/efi/agent.efi" },
	};
	const struct dhcp_query q = { .client = HTTP, .arch = 16 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct boot_ask a = { .cfg = &none,
			.url = "http://s",
			.q = &q,
			.vendor = "",
			.product = "",
			.exists = is_there,
			.direct = rows[i].direct,
			.own = rows[i].own,
			.arg = (void *)(uintptr_t)ALL };
		struct boot_plan p;

		strcpy(a.memory.works.loader, rows[i].works);
		a.memory.works.http = true;
		strcpy(a.memory.dead.loader, rows[i].dead);
		a.memory.dead.http = true;
		boot_plan(&a, &p);
		print_message("row %zu: %s\n", i, p.why);
		assert_string_equal(p.boot.file, rows[i].file);
		assert_true(p.boot.http_url);
	}
}

static void knows_the_goal(void **state)
{
	struct store_loader l = { .loader = BOOT_UKI, .http = true };

	(void)state;
	assert_int_equal(boot_goal(&l), STAGE_AGENT);
	l.http = false;
	assert_int_equal(boot_goal(&l), STAGE_SCRIPT);
	strcpy(l.loader, "ipxe.efi");
	assert_int_equal(boot_goal(&l), STAGE_SCRIPT);
}

/* ---- rules: each match alone, rows {name, rule, query or inventory, does it fit} ---- */

static const struct match {
	const char *name;
	struct config_quirk rule;
	struct dhcp_query q;
	const char *vendor, *product;
	bool fits;
} matches[] = {
	{ "nothing is asked", { .mac_len = 0 }, { .client = PXE }, "", "", true },
	{ "MAC prefix", { .mac = { 1, 2 }, .mac_len = 2 }, { .mac = { 1, 2, 3 } }, "", "", true },
	{ "another MAC", { .mac = { 1, 2 }, .mac_len = 2 }, { .mac = { 1, 3, 3 } }, "", "", false },
	{ "one of the architectures", { .n_archs = 2, .archs = { 6, 7 } }, { .arch = 7 }, "", "",
		true },
	{ "none of them", { .n_archs = 2, .archs = { 6, 7 } }, { .arch = 9 }, "", "", false },
	{ "BIOS", { .firmware = 1 << FIRMWARE_BIOS }, { .client = PXE, .arch = 0 }, "", "", true },
	{ "UEFI", { .firmware = 1 << FIRMWARE_UEFI }, { .client = PXE, .arch = 11 }, "", "", true },
	{ "UEFI is no BIOS", { .firmware = 1 << FIRMWARE_BIOS }, { .client = PXE, .arch = 7 }, "",
		"", false },
	{ "HTTP boot", { .firmware = 1 << FIRMWARE_UEFI_HTTP | 1 << FIRMWARE_IPXE },
		{ .client = HTTP, .arch = 16 }, "", "", true },
	{ "iPXE", { .firmware = 1 << FIRMWARE_IPXE }, { .client = IPXE, .arch = 7 }, "", "", true },
	{ "class begins so", { .class = "pxeclient:arch:00007" },
		{ .vendor_class = "PXEClient:Arch:00007:UNDI:003000" }, "", "", true },
	{ "class does not", { .class = "Arch:00007" },
		{ .vendor_class = "PXEClient:Arch:00007:UNDI:003000" }, "", "", false },
	{ "class by glob", { .class = "*:UNDI:00201?" },
		{ .vendor_class = "PXEClient:Arch:00000:UNDI:002016" }, "", "", true },
	{ "class by glob is whole", { .class = "PXE?lient" },
		{ .vendor_class = "PXEClient:Arch:00000:UNDI:002016" }, "", "", false },
	{ "user class", { .user_class = "lab-*" }, { .user_class = "lab-7" }, "", "", true },
	{ "user class is whole", { .user_class = "lab" }, { .user_class = "lab-7" }, "", "",
		false },
	{ "user class is missing", { .user_class = "*lab*" }, { .client = OTHER }, "", "", false },
	{ "UUID in SMBIOS order", { .uuid = "0011223344" },
		{ .echo_uuid = true, .uuid = { 0x33, 0x22, 0x11, 0x00, 0x55, 0x44 } }, "", "",
		true },
	{ "UUID as printed", { .uuid = "001122334455" },
		{ .echo_uuid = true, .uuid = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55 } }, "", "",
		true },
	{ "half a byte of it", { .uuid = "001" }, { .echo_uuid = true, .uuid = { 0x00, 0x1f } }, "",
		"", true },
	{ "another UUID", { .uuid = "01" }, { .echo_uuid = true }, "", "", false },
	{ "no UUID", { .uuid = "00" }, { .client = OTHER }, "", "", false },
	{ "vendor", { .vendor = "dell*" }, { .client = OTHER }, "Dell Inc.", "", true },
	{ "vendor not known yet", { .vendor = "dell*" }, { .client = OTHER }, "", "", false },
	{ "vendor and product", { .vendor = "HP*", .product = "*Gen9*" }, { .client = OTHER }, "HP",
		"ProLiant DL380 Gen9", true },
	{ "one of two does not hold", { .vendor = "HP*", .product = "*Gen9*" }, { .client = OTHER },
		"HP", "ProLiant DL380 Gen10", false },
};

static void matches_rules(void **state)
{
	static struct config c = { .n_quirks = 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
		const struct match *m = &matches[i];

		print_message("row: %s\n", m->name);
		c.quirks[0] = m->rule;
		assert_int_equal(quirk_find(&c, &m->q, m->vendor, m->product) != NULL, m->fits);
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
		cmocka_unit_test(plans_what_to_load),
		cmocka_unit_test(tries_other_forms),
		cmocka_unit_test(remembers_the_form),
		cmocka_unit_test(tftp_may_be_off),
		cmocka_unit_test(direct_images),
		cmocka_unit_test(knows_the_goal),
		cmocka_unit_test(matches_rules),
		cmocka_unit_test(fills_templates),
		cmocka_unit_test(reads_tftpd_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
