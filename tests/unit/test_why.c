/* Why a host is not up: each rule as a row, and that table and document name the same codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/judge.h"
#include "server/bytes.h"
#include "server/core/dhcp_policy.h"
#include "server/core/why.h"

#define NOW	 1000000000LL
#define PATIENCE 900000
#define DOC	 "docs/why.md"

#define HOST	 .now_ms = NOW, .name = "n12", .known = true, .admitted = true, .mode = DHCP_FULL
#define STRANGER .now_ms = NOW, .name = "52:54:00:00:00:01", .is_mac = true, .mode = DHCP_FULL
/* A boot that is open, seen so many seconds ago. */
#define OPEN(at, ago)                                                                              \
	.has_boot = true, .deadline_ms = PATIENCE, .agent_there = true, .boot.stage = (at),        \
	.boot.nonce = "aa", .boot.seen_ms = NOW - (ago)*1000LL, .boot.firmware = "bios",           \
	.boot.offered.loader = "undionly.kpxe", .boot.image = "kvm"
#define ASKED(result) OPEN(STAGE_AGENT, 9), .boot.has_session = true, .choice = (result)
#define ORDER(ago)                                                                                 \
	.has_reboot = true, .reboot.who = "ada", .reboot.why = "new kernel",                       \
	.reboot.asked_ms = NOW - (ago)*1000LL
#define HUNG(at) OPEN(at, 1000)
#define FAILED(at, why)                                                                            \
	OPEN(at, 1), .boot.state = BOOT_FAILED, .boot.ended_ms = NOW - 1000, .boot.reason = why
#define ASKS(ago)                                                                                  \
	.heard = true, .heard_ms = NOW - (ago)*1000LL, .waiting.begins = true,                     \
	.waiting.discovers = 4, .waiting.discover_ms = NOW - (ago)*1000LL - 9000,                  \
	.waiting.arch = 7, .waiting.offered.loader = "snponly.efi"
#define OFFERED	   .waiting.offer_ms = NOW - 20000
#define REFUSED(r) .waiting.refused = (r), .waiting.refused_ms = NOW - 1000
#define EVENT(s, w, ago, d)                                                                        \
	{                                                                                          \
		.stage = (s), .what = w, .source = "http", .at_ms = NOW - (ago)*1000LL,            \
		.detail = d                                                                        \
	}
#define EVENTS(...)                                                                                \
	.events = { __VA_ARGS__ },                                                                 \
	.n_events = sizeof((struct why_event[]){ __VA_ARGS__ }) / sizeof(struct why_event)
#define AGAIN(id, ago)                                                                             \
	{                                                                                          \
		.boot = (id), .state = BOOT_FAILED, .stage = STAGE_HANDOFF,                        \
		.started_ms = NOW - (ago)*1000LL, .reason = "hypervisor-silent"                    \
	}

/* A row says what it has in common with others first, and then what is different. */
#pragma GCC diagnostic ignored "-Woverride-init"

static const struct row {
	const char *name, *code;
	enum why_state state;
	const char *sentence; /* what it says, or a part of it */
	struct why_facts f;
} rows[] = {
	{ "a name that is none", "unknown-name", WHY_UNKNOWN, "no host named n99",
		{ .now_ms = NOW, .name = "n99" } },
	{ "a machine that was never heard", "never-heard", WHY_UNKNOWN, "listened for 60 s",
		{ STRANGER, .up_since_ms = NOW - 60000 } },
	{ "a system of its own has an address", "boots-elsewhere", WHY_FAILED, "10.0.0.9",
		{ STRANGER, .lease = 0x0a000009 } },
	{ "a host that was added only", "never-heard", WHY_UNKNOWN, "added 5 min ago",
		{ HOST, .added_ms = NOW - 300000 } },

	{ "no address left", "pool-full", WHY_FAILED, "none left in 10.0.0.0/24: 9 of 9",
		{ STRANGER, ASKS(2), REFUSED(DHCP_REASON_POOL_FULL), .has_subnet = true,
			.subnet = "10.0.0.0/24", .has_pool = true, .pool = { 9, 9 } } },
	{ "the guests' quarter", "guests-full", WHY_FAILED, "a quarter",
		{ STRANGER, ASKS(2), REFUSED(DHCP_REASON_GUESTS_FULL) } },
	{ "behind an unknown relay", "wrong-subnet", WHY_FAILED, "from relay 10.9.0.1",
		{ STRANGER, ASKS(2), REFUSED(DHCP_REASON_NO_SUBNET), .relay = 0x0a090001 } },
	{ "an address of another network", "wrong-subnet", WHY_FAILED, "without a [subnet]",
		{ HOST, ASKS(2), REFUSED(DHCP_REASON_WRONG_NETWORK) } },
	{ "declined too often", "address-taken", WHY_FAILED, "in use by another machine",
		{ HOST, ASKS(2), REFUSED(DHCP_REASON_DECLINED_TOO_OFTEN) } },
	{ "nothing for it", "no-boot-file", WHY_FAILED, "architecture 7",
		{ HOST, ASKS(2), REFUSED(DHCP_REASON_NO_BOOT_FILE) } },
	{ "DHCP is off", "dhcp-off", WHY_UNKNOWN, "mode = off", { HOST, .mode = DHCP_OFF } },
	{ "it asked another server", "other-dhcp", WHY_FAILED, "took 10.0.0.9 from 10.0.0.2",
		{ HOST, ASKS(2), OFFERED, .waiting.server = 0x0a000002,
			.waiting.addr = 0x0a000009 } },
	{ "another server was heard to give", "other-dhcp", WHY_FAILED, "from 10.0.0.2",
		{ HOST, ASKS(2), OFFERED,
			.waiting.other = { DHCP_ACK, 0x0a000002, 0x0a000009, NOW, 0 } } },
	{ "another silence", "not-answered", WHY_FAILED, "asked 4 times and was not answered",
		{ HOST, ASKS(2), REFUSED(DHCP_REASON_NO_RECORD) } },
	{ "an address and no loader", "no-loader", WHY_FAILED, "no loader: TFTP is off",
		{ HOST, ASKS(12), OFFERED, .waiting.offered.loader = "",
			.waiting.why = "TFTP is off" } },
	{ "offers that nobody takes", "offer-ignored", WHY_FAILED, "never took it",
		{ HOST, ASKS(12), OFFERED } },
	{ "the first question", "asking", WHY_BOOTING, "right now",
		{ HOST, ASKS(1), .waiting.discovers = 1, OFFERED } },
	{ "asks after a boot that failed", "asking", WHY_BOOTING, "right now",
		{ HOST, FAILED(STAGE_IMAGE, "file-digest"), ASKS(0), .waiting.discovers = 1 } },
	{ "asked before its boot", "file-digest", WHY_FAILED, "other bytes",
		{ HOST, FAILED(STAGE_IMAGE, "file-digest"), ASKS(50) } },

	{ "up", "up", WHY_UP, "n12 is up: kvm, since 10 min",
		{ HOST, OPEN(STAGE_UP, 20), .boot.state = BOOT_UP,
			.boot.ended_ms = NOW - 600000 } },
	{ "up, without heartbeats", "up", WHY_UP, "is up",
		{ HOST, OPEN(STAGE_UP, 5000), .boot.nonce = "", .boot.state = BOOT_UP } },
	{ "asked to start anew", "reboot-asked", WHY_UP, "asked 12 s ago by ada (new kernel)",
		{ HOST, OPEN(STAGE_UP, 20), .boot.state = BOOT_UP, ORDER(12) } },
	{ "asked, and lost", "lost", WHY_FAILED, "silent for 5 min",
		{ HOST, OPEN(STAGE_UP, 300), .boot.state = BOOT_UP, ORDER(400) } },
	{ "it obeys", "rebooting", WHY_BOOTING,
		"because ada (new kernel) asked it to; it went down 3 min",
		{ HOST, OPEN(STAGE_UP, 200), .boot.state = BOOT_UP, ORDER(220),
			.reboot.taken_ms = NOW - 200000 } },
	{ "it obeys, and does not come back", "reboot-lost", WHY_FAILED, "went down 20 min ago",
		{ HOST, OPEN(STAGE_UP, 1200), .boot.state = BOOT_UP, ORDER(1220),
			.reboot.taken_ms = NOW - 1200000 } },
	{ "it said so, and beats all the same", "up", WHY_UP, "is up",
		{ HOST, OPEN(STAGE_UP, 20), .boot.state = BOOT_UP, ORDER(220),
			.reboot.taken_ms = NOW - 200000 } },
	{ "it obeys, and its firmware asks", "asking", WHY_BOOTING, "right now",
		{ HOST, OPEN(STAGE_UP, 200), .boot.state = BOOT_UP, ORDER(220),
			.reboot.taken_ms = NOW - 200000, ASKS(1), .waiting.discovers = 1,
			OFFERED } },
	{ "it does not obey", "reboot-refused", WHY_UP, "ada (new kernel) asked it to: order-host",
		{ HOST, OPEN(STAGE_UP, 20), .boot.state = BOOT_UP, ORDER(220),
			.reboot.refused = "order-host: for another" } },
	{ "was up", "lost", WHY_FAILED, "silent for 5 min",
		{ HOST, OPEN(STAGE_UP, 300), .boot.state = BOOT_UP } },
	{ "over", "over", WHY_UNKNOWN, "started over later",
		{ HOST, OPEN(STAGE_HANDOFF, 9), .boot.state = BOOT_OVER } },
	{ "handed over to what is silent", "handed-over", WHY_UP, "nobody",
		{ HOST, OPEN(STAGE_HANDOFF, 9000), .boot.nonce = "", .deadline_ms = 0 } },

	{ "waits for admission", "admission", WHY_WAITING, "code 123456",
		{ HOST, OPEN(STAGE_AGENT, 9), .admitted = false, .code = "123456",
			.boot.has_session = true } },
	{ "rejected while it waits", "rejected", WHY_WAITING, "was rejected 5 min ago",
		{ HOST, OPEN(STAGE_AGENT, 9), .admitted = false, .code = "123456",
			.rejected_ms = NOW - 300000 } },
	{ "rejected, and silent", "rejected", WHY_WAITING, "nothing is given",
		{ HOST, HUNG(STAGE_SCRIPT), .admitted = false, .rejected_ms = NOW - 300000 } },
	{ "rejected once, and let in", "no-agent", WHY_FAILED, "no agent image",
		{ HOST, OPEN(STAGE_SCRIPT, 9), .agent_there = false,
			.rejected_ms = NOW - 300000 } },
	{ "no agent image", "no-agent", WHY_FAILED, "no agent image",
		{ HOST, OPEN(STAGE_SCRIPT, 9), .agent_there = false } },
	{ "no image assigned", "no-image", WHY_WAITING, "names none",
		{ HOST, ASKED(CHOICE_UNASSIGNED), .boot.has_session = true, .boot.image = "" } },
	{ "no rule fits", "no-rule", WHY_WAITING, "no rule fits it",
		{ HOST, ASKED(CHOICE_UNASSIGNED), .boot.image = "",
			.trace = "web: vendor=HPE: it has QEMU; lab: label rack=7" } },
	{ "no such image", "image-missing", WHY_WAITING, "shall boot xen",
		{ HOST, ASKED(CHOICE_NO_IMAGE), .image = "xen", .boot.image = "" } },
	{ "no channel", "no-channel", WHY_WAITING, "no channel",
		{ HOST, ASKED(CHOICE_NO_CHANNEL) } },
	{ "the current release is not here", "release-missing", WHY_WAITING, "not on this server",
		{ HOST, ASKED(CHOICE_NOT_HERE) } },
	{ "pinned below the floor", "pin-below", WHY_WAITING, "below the floor",
		{ HOST, ASKED(CHOICE_PIN_BELOW) } },
	{ "pinned above", "pin-above", WHY_WAITING, "not allow yet",
		{ HOST, ASKED(CHOICE_PIN_ABOVE) } },
	{ "a value that its profile wants", "profile-value", WHY_WAITING, "wants the value x",
		{ HOST, ASKED(CHOICE_GOOD), .profile_why = "it wants the value x" } },
	{ "not its turn", "turn", WHY_BOOTING, "position 7",
		{ HOST, OPEN(STAGE_IMAGE, 2), .queued = true, .position = 7,
			.boot.has_manifest = true } },
	{ "a slow line", "slow-line", WHY_BOOTING, "at 10.0 KiB/s; usual is 100.0 KiB/s",
		{ HOST, OPEN(STAGE_IMAGE, 0), .usual_image_ms = 10240, .boot.has_manifest = true,
			EVENTS(EVENT(STAGE_IMAGE, "started", 20, "f"),
				{ .stage = STAGE_IMAGE,
					.what = "progress",
					.at_ms = NOW,
					.bytes = 204800,
					.total = 1048576 }) } },
	{ "not slower than usual", "booting", WHY_BOOTING, "stage image",
		{ HOST, OPEN(STAGE_IMAGE, 0), .usual_image_ms = 50000, .boot.has_manifest = true,
			EVENTS(EVENT(STAGE_IMAGE, "started", 20, "f"),
				{ .stage = STAGE_IMAGE,
					.what = "progress",
					.at_ms = NOW,
					.bytes = 204800,
					.total = 1048576 }) } },
	{ "boots over and over", "boot-loop", WHY_FAILED, "4 boots in 5 min",
		{ HOST, FAILED(STAGE_HANDOFF, "restarted"), .n_past = 3,
			.past = { AGAIN(3, 100), AGAIN(2, 200), AGAIN(1, 300) } } },
	{ "two restarts are no loop", "hypervisor-silent", WHY_FAILED, "never reported",
		{ HOST, FAILED(STAGE_HANDOFF, "restarted"), .n_past = 2,
			.past = { AGAIN(2, 200), AGAIN(1, 300) } } },
	{ "on its way", "booting", WHY_BOOTING, "stage loader", { HOST, OPEN(STAGE_LOADER, 9) } },

	{ "kexec in lockdown", "kexec-locked", WHY_FAILED, "locked down",
		{ HOST, FAILED(STAGE_HANDOFF, "kexec"), .lockdown = "integrity" } },
	{ "kexec for another reason", "kexec", WHY_FAILED, "no bzImage",
		{ HOST, FAILED(STAGE_HANDOFF, "kexec"), .lockdown = "none",
			.boot.sentence = "it is no bzImage." } },

	{ "iPXE has an address, and that is all", "script-not-asked", WHY_FAILED, "iPXE runs",
		{ HOST, HUNG(STAGE_LOADER), .boot.loader_sent = true,
			EVENTS(EVENT(STAGE_LOADER, "finished", 999, "undionly.kpxe"),
				EVENT(STAGE_LEASE, "done", 998, "iPXE, the script")) } },
	{ "no such loader", "loader-missing", WHY_FAILED, "loader other.efi",
		{ HOST, HUNG(STAGE_LOADER),
			EVENTS(EVENT(STAGE_LOADER, "requested", 999, "other.efi")) } },
	{ "loader broken off", "loader-aborted", WHY_FAILED, "broke off",
		{ HOST, HUNG(STAGE_LOADER), .boot.loader_sent = true,
			EVENTS(EVENT(STAGE_LOADER, "started", 999, "undionly.kpxe"),
				EVENT(STAGE_LOADER, "aborted", 998, "undionly.kpxe")) } },
	{ "TFTP's data do not arrive", "tftp-blocked", WHY_FAILED, "again and again",
		{ HOST, HUNG(STAGE_LOADER), .boot.loader_sent = true,
			EVENTS(EVENT(STAGE_LOADER, "requested", 999, "undionly.kpxe"),
				EVENT(STAGE_LOADER, "requested", 997, "undionly.kpxe"),
				EVENT(STAGE_LOADER, "requested", 990, "undionly.kpxe")) } },
	{ "UEFI comes back at once", "secure-boot", WHY_FAILED, "it started over: as Secure Boot",
		{ HOST, FAILED(STAGE_LOADER, "restarted"), .boot.loader_sent = true,
			.boot.firmware = "uefi",
			EVENTS(EVENT(STAGE_LOADER, "requested", 9, "snponly.efi")) } },
	{ "UEFI comes back much later", "loader-dead", WHY_FAILED, "never spoke",
		{ HOST, FAILED(STAGE_LOADER, "restarted"), .boot.loader_sent = true,
			.boot.firmware = "uefi",
			EVENTS(EVENT(STAGE_LOADER, "requested", 300, "snponly.efi")) } },
	{ "UEFI goes on to its next entry, late", "secure-boot", WHY_FAILED, "as Secure Boot",
		{ HOST, FAILED(STAGE_LOADER, "restarted"), .boot.loader_sent = true,
			.boot.firmware = "uefi", .other_entry = true,
			EVENTS(EVENT(STAGE_LOADER, "requested", 300, "snponly.efi")) } },
	{ "and has read that, too", "secure-boot", WHY_FAILED, "as Secure Boot",
		{ HOST, HUNG(STAGE_LOADER), .boot.firmware = "uefi-http", .boot.started_ms = NOW,
			.n_past = 1,
			.past = { { .state = BOOT_FAILED,
				.stage = STAGE_LOADER,
				.started_ms = NOW - 60000,
				.reason = "loader-dead",
				.firmware = "uefi" } },
			EVENTS(EVENT(STAGE_LOADER, "finished", 900, "agent.efi")) } },
	{ "an EFI file that was read and is silent", "agent-efi-silent", WHY_FAILED, "never spoke",
		{ HOST, HUNG(STAGE_LOADER), .boot.firmware = "uefi-http",
			EVENTS(EVENT(STAGE_LOADER, "finished", 900, "agent.efi")) } },
	{ "the card's own iPXE reads a loader that hangs", "loader-dead", WHY_FAILED, "never spoke",
		{ HOST, HUNG(STAGE_LOADER), .boot.loader_sent = true,
			EVENTS(EVENT(STAGE_LEASE, "done", 999, "iPXE, undionly.kpxe"),
				EVENT(STAGE_LOADER, "requested", 998, "undionly.kpxe")) } },
	{ "the card's own iPXE, and no script", "script-not-asked", WHY_FAILED, "iPXE runs",
		{ HOST, HUNG(STAGE_LEASE), .boot.offered.loader = "",
			EVENTS(EVENT(STAGE_LEASE, "done", 999, "iPXE, the script")) } },
	{ "the card's own iPXE does not ask for its loader", "loader-not-asked", WHY_FAILED,
		"never asked for its loader",
		{ HOST, HUNG(STAGE_LEASE),
			EVENTS(EVENT(STAGE_LEASE, "done", 999, "iPXE, undionly.kpxe")) } },
	{ "Secure Boot is on, as was reported", "secure-boot", WHY_FAILED, "Secure Boot",
		{ HOST, HUNG(STAGE_LOADER), .boot.loader_sent = true, .secure_boot = true,
			.boot.firmware = "uefi-http" } },
	{ "a loader that hangs", "loader-dead", WHY_FAILED, "never spoke",
		{ HOST, HUNG(STAGE_LOADER), .boot.loader_sent = true } },
	{ "no TFTP request", "loader-not-asked", WHY_FAILED, "10.0.0.9 and never asked",
		{ HOST, HUNG(STAGE_LEASE), .boot.addr = 0x0a000009 } },
	{ "a script, and no kernel", "agent-not-asked", WHY_FAILED, "given its script",
		{ HOST, HUNG(STAGE_SCRIPT) } },
	{ "a ramdisk that was cut short", "agent-cut-short", WHY_FAILED, "(agent.cpio)",
		{ HOST, HUNG(STAGE_AGENT),
			EVENTS(EVENT(STAGE_AGENT, "finished", 990, "vmlinuz"),
				EVENT(STAGE_AGENT, "aborted", 985, "agent.cpio")) } },
	{ "an agent that never speaks", "agent-silent", WHY_FAILED, "the agent never spoke",
		{ HOST, HUNG(STAGE_AGENT),
			EVENTS(EVENT(STAGE_AGENT, "finished", 990, "vmlinuz"),
				EVENT(STAGE_AGENT, "finished", 985, "agent.cpio")) } },
	{ "an agent that stops", "agent-died", WHY_FAILED, "then stopped",
		{ HOST, HUNG(STAGE_AGENT), .boot.has_session = true } },
	{ "an admission that nobody waits for", "agent-died", WHY_FAILED, "then stopped",
		{ HOST, HUNG(STAGE_AGENT), .admitted = false, .boot.has_session = true } },
	{ "an image that stops half way", "image-stalled", WHY_FAILED, "at 25 %",
		{ HOST, HUNG(STAGE_IMAGE),
			EVENTS({ .stage = STAGE_IMAGE,
				.what = "progress",
				.at_ms = NOW - 1000000,
				.bytes = 25,
				.total = 100 }) } },
	{ "verified, and silent", "verified-silent", WHY_FAILED, "did not hand over",
		{ HOST, HUNG(STAGE_VERIFY) } },
	{ "a hypervisor that never reports", "hypervisor-silent", WHY_FAILED, "never reported",
		{ HOST, HUNG(STAGE_HANDOFF) } },
	{ "a code of somebody newer", "failed", WHY_FAILED, "did not boot: it said so",
		{ HOST, FAILED(STAGE_IMAGE, "flux"), .boot.sentence = "it said so." } },
	{ "closed by us: the sentence of then", "hypervisor-silent", WHY_FAILED, "as it was",
		{ HOST, FAILED(STAGE_HANDOFF, "hypervisor-silent"),
			.boot.sentence = "as it was" } },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct why w;

		print_message("row: %s\n", rows[i].name);
		why_judge(&rows[i].f, &w);
		assert_string_equal(w.code, rows[i].code);
		assert_int_equal(w.state, rows[i].state);
		if (!strstr(w.sentence, rows[i].sentence))
			fail_msg("'%s' does not say '%s'", w.sentence, rows[i].sentence);
		assert_true(w.n > 0 || rows[i].f.n_events == 0);
		assert_true(strlen(w.next) > 10);
	}
}

static const struct why_rule *rule_of(const char *code)
{
	for (size_t i = 0; i < n_why_rules; i++)
		if (!strcmp(why_rules[i].code, code))
			return &why_rules[i];
	return NULL;
}

/* A boot that failed with any code of the table is explained by it. */
static void test_every_code_is_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_why_rules; i++) {
		struct why_facts f = { HOST, FAILED(STAGE_IMAGE, ""),
			.boot.sentence = "so it was." };
		struct why w;

		print_message("code: %s\n", why_rules[i].code);
		assert_ptr_equal(rule_of(why_rules[i].code), &why_rules[i]); /* none twice */
		snprintf(f.boot.reason, sizeof f.boot.reason, "%s", why_rules[i].code);
		assert_string_equal(f.boot.reason, why_rules[i].code); /* it fits into a record */
		why_judge(&f, &w);
		if (strcmp(why_rules[i].code, "unclear")) /* of hosts without a boot */
			assert_string_equal(w.code, why_rules[i].code);
	}
}

/* Names that mean nothing would stay in what people read. */
static void test_every_text_is_filled(void **state)
{
	const struct why_facts f = { HOST };
	char out[WHY_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < n_why_rules; i++) {
		const struct why_rule *r = &why_rules[i];

		print_message("code: %s\n", r->code);
		assert_int_equal(why_fill(&f, r->sentence, out, sizeof out), 0);
		assert_true(strlen(out) < sizeof out - 1);
		assert_int_equal(out[strlen(out) - 1], '.');
		assert_int_equal(why_fill(&f, r->next, out, sizeof out), 0);
		assert_true(strlen(out) < sizeof out - 1);
		assert_true(r->state < WHY_STATES);
	}
	assert_true(why_fill(&f, "a @{nobody} b", out, sizeof out) < 0);
	assert_true(why_fill(&f, "a @{host", out, sizeof out) < 0);
	assert_true(why_fill(&f, "a @ b", out, sizeof out) < 0);
}

/* Every check of signatures, and every word that agent and core may end a boot with. */
static void test_codes_of_the_tree(void **state)
{
	static const char *const codes[] = { "server", "trust", "agent", "file-missing", "kexec",
		"unpack", "hypervisor", "guest", "nonce", "memory", "agent-load", "loader-start",
		"proxy-ignored" };

	(void)state;
	/* an order that is refused ends no boot */
	for (enum verdict v = VERDICT_GOOD + 1; v < VERDICT_ORDER_SIGNATURE; v++) {
		print_message("code: %s\n", verdict_code(v));
		assert_non_null(rule_of(verdict_code(v)));
	}
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		print_message("code: %s\n", codes[i]);
		assert_non_null(rule_of(codes[i]));
	}
}

/* Rows of the document: "| `code` | state | ..." in the order of the table. */
static void test_document(void **state)
{
	char line[2000], want[80];
	FILE *doc = fopen(DOC, "r");
	size_t n = 0;

	(void)state;
	if (!doc)
		skip(); /* not started from the source tree */
	while (fgets(line, sizeof line, doc)) {
		if (strncmp(line, "| `", 3))
			continue;
		assert_true(n < n_why_rules);
		snprintf(want, sizeof want, "| `%s` | %s |", why_rules[n].code,
			why_state_name(why_rules[n].state));
		print_message("row: %s\n", want);
		assert_memory_equal(line, want, strlen(want));
		n++;
	}
	fclose(doc);
	assert_int_equal(n, n_why_rules);
}

/* The evidence is bounded, whatever there is. */
static void test_evidence_is_bounded(void **state)
{
	struct why_facts f = { HOST, ASKS(20), OFFERED, REFUSED(DHCP_REASON_NO_SUBNET),
		.n_links = WHY_LINKS_MAX, .n_servers = WHY_SERVERS_MAX, .n_past = WHY_PAST_MAX,
		.has_facts = true };
	struct why w;

	(void)state;
	f.n_events = WHY_EVENTS_MAX;
	for (size_t i = 0; i < f.n_events; i++) {
		f.events[i].stage = STAGE_IMAGE;
		memset(f.events[i].detail, 'x', sizeof f.events[i].detail - 1);
	}
	why_judge(&f, &w);
	assert_true(w.n <= WHY_EVIDENCE_MAX);
	f = (struct why_facts){ HOST, HUNG(STAGE_HANDOFF) };
	f.n_events = WHY_EVENTS_MAX;
	why_judge(&f, &w);
	assert_true(w.n > 0 && w.n <= WHY_EVIDENCE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_code_is_kept),
		cmocka_unit_test(test_every_text_is_filled),
		cmocka_unit_test(test_codes_of_the_tree),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_evidence_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
