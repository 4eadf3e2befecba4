/* config.h: text to struct config, and errors that name file, line and the nearest word. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/config.h"
#include "server/net/dhcp.h"

static const char good[] = "; a comment\n"
			   "[server]\n"
			   "name = branch-042   ; trailing comment\n"
			   "state-dir = /var/lib/muster\n"
			   "interface = eth1\n"
			   "interface = eth2\n"
			   "admission = open\n"
			   "\n"
			   "[dhcp]\n"
			   "mode = full\n"
			   "lease-time = 2h\n"
			   "relays = 10.9.1.1, 10.9.0.1, 10.9.1.1\n"
			   "rapid-commit = yes\n"
			   "rate-mac = 0\n"
			   "rate-circuit = 1000000\n"
			   "probe = no\n"
			   "router-advertisement = yes\n"
			   "dns = 10.77.0.9\n"
			   "option = 150 addresses 10.77.0.5\n"
			   "option = 252 text http://wpad/wpad.dat\n"
			   "[subnet 10.78.0.0/16]\n"
			   "network = lab\n"
			   "lease-time = 10m\n"
			   "rebind-time = 9m\n"
			   "range = 10.78.1.0-10.78.1.255\n"
			   "exclude = 10.78.1.7\n"
			   "exclude = 10.78.1.20-10.78.1.29, 10.78.1.40\n"
			   "[subnet 10.77.0.0/24]\n"
			   "network = lab\n"
			   "range = 10.77.0.100-10.77.0.120\n"
			   "range = 10.77.0.130-10.77.0.140\n"
			   "router = 10.77.0.1\n"
			   "dns = 10.77.0.1 10.77.0.2\n"
			   "domain = lab.example\n"
			   "mtu = 1400\n"
			   "ntp = 10.77.0.3\n"
			   "search = lab.example, example\n"
			   "route = 10.9.0.0/16 via 10.77.0.254\n"
			   "route = 10.8.0.0/16 via 10.77.0.254\n"
			   "[subnet 10.79.0.0/24]\n"
			   "[quirk old-rom]\n"
			   "match-mac = 52:54:00:aa\n"
			   "match-arch = 0\n"
			   "loader = undionly.kpxe\n"
			   "[quirk all]\n"
			   "match-arch = 7, 9\n"
			   "match-arch = 6\n"
			   "match-class = PXEClient:Arch:00007*\n"
			   "match-uuid = 4C4C4544-0042\n"
			   "match-user-class = *lab*\n"
			   "match-vendor = Dell Inc.\n"
			   "match-product = PowerEdge R6?0\n"
			   "match-firmware = uefi, uefi-http\n"
			   "loader = ipxe.efi\n"
			   "transport = http\n"
			   "pxe-option-43 = yes\n"
			   "pxe-option-60 = auto\n"
			   "boot-file = header\n"
			   "[quirk quiet]\n"
			   "no-boot = yes\n"
			   "[http]\n"
			   "listen = 0.0.0.0:8080\n"
			   "url = http://10.77.0.1:8080/\n"
			   "[log]\n"
			   "level = debug\n";

static void assert_reads_a_quirk(const struct config_quirk *q)
{
	static const uint16_t archs[] = { 7, 9, 6 };

	assert_string_equal(q->name, "all");
	assert_int_equal(q->mac_len, 0);
	assert_int_equal(q->n_archs, 3);
	assert_memory_equal(q->archs, archs, sizeof archs);
	assert_string_equal(q->class, "PXEClient:Arch:00007*");
	assert_string_equal(q->uuid, "4c4c45440042");
	assert_string_equal(q->user_class, "*lab*");
	assert_string_equal(q->vendor, "Dell Inc.");
	assert_string_equal(q->product, "PowerEdge R6?0");
	assert_int_equal(q->firmware, 1 << FIRMWARE_UEFI | 1 << FIRMWARE_UEFI_HTTP);
	assert_string_equal(q->loader, "ipxe.efi");
	assert_int_equal(q->transport, TRANSPORT_HTTP);
	assert_int_equal(q->form.option_43, CHOICE_YES);
	assert_int_equal(q->form.option_60, CHOICE_AUTO);
	assert_int_equal(q->form.boot_file, DHCP_FILE_HEADER);
	assert_false(q->no_boot);
}

static void reads_all_keys(void **state)
{
	static struct config c;
	char err[300] = "";

	(void)state;
	config_defaults(&c);
	assert_false(c.rapid_commit);
	assert_int_equal(config_parse(good, strlen(good), "x.conf", &c, err, sizeof err), 0);
	assert_string_equal(c.name, "branch-042");
	assert_int_equal(c.n_interfaces, 2);
	assert_string_equal(c.interfaces[1], "eth2");
	assert_int_equal(c.admission, ADMISSION_OPEN);
	assert_int_equal(c.told.lease_s, 7200);
	assert_int_equal(c.n_relays, 2);
	assert_int_equal(c.relays[1], 0x0a090101);
	assert_true(config_has_relay(&c, 0x0a090001));
	assert_false(config_has_relay(&c, 0x0a090002));
	assert_int_equal(c.n_subnets, 3);
	assert_int_equal(c.rate_mac, 0);
	assert_int_equal(c.rate_circuit, 1000000);
	assert_false(c.probe);
	assert_int_equal(c.router_advertisement, ROUTER_YES);
	assert_int_equal(c.subnets[0].n_ranges, 2);
	assert_int_equal(c.subnets[0].ranges[1].last, 0x0a4d008c);
	assert_true(c.rapid_commit);
	assert_true(dhcp_options_has_addr(&c.told.options, DHCP_OPT_DNS, 0x0a4d0009));
	assert_true(dhcp_options_has_addr(&c.told.options, 150, 0x0a4d0005));
	assert_true(dhcp_options_has_addr(&c.subnets[0].told.options, DHCP_OPT_DNS, 0x0a4d0002));
	assert_int_equal(c.subnets[0].told.options.len, 11 + 14 + 5 + 7 + 25 + 17);
	assert_int_equal(c.subnets[1].told.options.len, 0);
	assert_int_equal(c.subnets[1].mask, 0xffff0000);
	assert_int_equal(c.subnets[1].n_excludes, 3);
	assert_int_equal(c.subnets[1].excludes[0].last, 0x0a4e0107);
	assert_int_equal(c.subnets[1].excludes[1].last, 0x0a4e011d);
	assert_true(config_same_network(&c.subnets[0], &c.subnets[1]));
	assert_false(config_same_network(&c.subnets[0], &c.subnets[2]));
	assert_true(config_same_network(&c.subnets[2], &c.subnets[2]));
	assert_int_equal(c.quirks[0].mac_len, 4);
	assert_int_equal(c.quirks[0].mac[3], 0xaa);
	assert_int_equal(c.n_quirks, 3);
	assert_int_equal(c.quirks[0].n_archs, 1);
	assert_string_equal(c.quirks[0].loader, "undionly.kpxe");
	assert_reads_a_quirk(&c.quirks[1]);
	assert_true(c.quirks[2].no_boot);
	assert_int_equal(c.listen[0].port, 8080);
	assert_string_equal(c.url, "http://10.77.0.1:8080");
	assert_int_equal(config_times_of(&c, &c.subnets[0], NULL).lease_s, 7200);
	assert_int_equal(config_times_of(&c, &c.subnets[0], NULL).renew_s, 3600);
	assert_int_equal(config_times_of(&c, &c.subnets[0], NULL).rebind_s, 6300);
	assert_int_equal(config_times_of(&c, &c.subnets[1], NULL).lease_s, 600);
	assert_int_equal(config_times_of(&c, &c.subnets[1], NULL).renew_s, 300);
	assert_int_equal(config_times_of(&c, &c.subnets[1], NULL).rebind_s, 540);
	assert_int_equal(config_check(&c, "x.conf", err, sizeof err), 0);
	assert_ptr_equal(config_subnet_of(&c, 0x0a4e0101), &c.subnets[1]);
	assert_null(config_subnet_of(&c, 0x0a4f0101));
	assert_null(config_subnet_of(&c, 0x01010101));
	config_fini(&c);
	config_fini(&c);
}

/* Branch offices behind relays: each address finds its own subnet, whatever the file's order. */
static void finds_one_of_many(void **state)
{
	enum { SUBNETS = 1500 };
	static char text[SUBNETS * 80];
	static struct config c;
	char err[300] = "";
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < SUBNETS; i++) {
		const unsigned net = i * 7 % SUBNETS; /* all of them, not ascending */

		n += (size_t)snprintf(text + n, sizeof text - n,
			"[dhcp]\nrelays=10.%u.%u.1\n[subnet 10.%u.%u.0/24]\nrange=10.%u.%u.9-10.%u.%u.99\n",
			net / 256, net % 256, net / 256, net % 256, net / 256, net % 256, net / 256,
			net % 256);
	}
	config_defaults(&c);
	assert_int_equal(config_parse(text, n, "x.conf", &c, err, sizeof err), 0);
	assert_int_equal(c.n_subnets, SUBNETS);
	for (uint32_t i = 0; i < SUBNETS; i++) {
		const uint32_t net = 0x0a000000 + (i << 8);

		assert_int_equal(config_subnet_of(&c, net + 255)->net, net);
		assert_int_equal(config_subnet_of(&c, net)->ranges[0].first, net + 9);
		assert_true(config_has_relay(&c, net + 1));
		assert_false(config_has_relay(&c, net + 2));
	}
	assert_null(config_subnet_of(&c, 0x0a000000 + (SUBNETS << 8)));
	config_fini(&c);
}

static const struct {
	const char *name, *text, *want;
} wrong[] = {
	{ "unknown section", "[sever]\n",
		"x.conf:1: unknown section [sever]; did you mean [server]?" },
	{ "unknown key", "[dhcp]\n\nlease-tme = 1h\n",
		"x.conf:3: unknown key 'lease-tme' in [dhcp]; did you mean 'lease-time'?" },
	{ "no section", "mode = full\n", "x.conf:1: 'mode' stands before the first [section]" },
	{ "no value", "[dhcp]\nmode\n", "x.conf:2: 'mode' is neither [section] nor key = value" },
	{ "wrong word", "[dhcp]\nmode = half\n", "x.conf:2: 'half' is none of: full, proxy, off" },
	{ "twice", "[dhcp]\nmode = full\nmode = off\n", "x.conf:3: 'mode' is given twice" },
	{ "range outside", "[subnet 10.0.0.0/24]\nrange = 10.0.0.1-10.0.1.1\n",
		"x.conf:2: the range leaves its subnet" },
	{ "range backwards", "[subnet 10.0.0.0/24]\nrange = 10.0.0.9-10.0.0.1\n",
		"x.conf:2: the range ends before it begins" },
	{ "ranges overlap", "[subnet 10.0.0.0/24]\nrange = 10.0.0.1-10.0.0.9, 10.0.0.9-10.0.0.20\n",
		"x.conf:2: the range overlaps another one" },
	{ "exclusion outside", "[subnet 10.0.0.0/24]\nexclude = 10.0.1.1\n",
		"x.conf:2: the exclusion leaves its subnet" },
	{ "exclusion backwards", "[subnet 10.0.0.0/24]\n\nexclude = 10.0.0.9-10.0.0.1\n",
		"x.conf:3: the exclusion ends before it begins" },
	{ "no exclusion", "[subnet 10.0.0.0/24]\nexclude = all\n",
		"x.conf:2: an exclusion is FIRST-LAST, such as 10.77.0.100-10.77.0.200, or one address" },
	{ "one address is no range", "[subnet 10.0.0.0/24]\nrange = 10.0.0.1\n",
		"x.conf:2: a range is FIRST-LAST, such as 10.77.0.100-10.77.0.200" },
	{ "17 ranges",
		"[subnet 10.0.0.0/24]\nrange = 10.0.0.1-10.0.0.1 10.0.0.2-10.0.0.2 10.0.0.3-10.0.0.3"
		" 10.0.0.4-10.0.0.4 10.0.0.5-10.0.0.5 10.0.0.6-10.0.0.6 10.0.0.7-10.0.0.7"
		" 10.0.0.8-10.0.0.8 10.0.0.9-10.0.0.9 10.0.0.10-10.0.0.10 10.0.0.11-10.0.0.11"
		" 10.0.0.12-10.0.0.12 10.0.0.13-10.0.0.13 10.0.0.14-10.0.0.14 10.0.0.15-10.0.0.15"
		" 10.0.0.16-10.0.0.16\nrange = 10.0.0.17-10.0.0.17\n",
		"x.conf:3: more than 16 ranges" },
	{ "network twice", "[subnet 10.0.0.0/24]\nnetwork = a\nnetwork = b\n",
		"x.conf:3: 'network' is given twice" },
	{ "host bits", "[subnet 10.0.0.1/24]\n", "x.conf:1: 10.0.0.1 has bits set beyond /24" },
	{ "subnets overlap", "[subnet 10.0.0.0/8]\n[subnet 10.1.0.0/16]\n",
		"x.conf:2: the subnet overlaps another one" },
	{ "a subnet inside of a later one", "[subnet 10.1.0.0/16]\n[subnet 10.0.0.0/8]\n",
		"x.conf:2: the subnet overlaps another one" },
	{ "the same subnet", "[subnet 10.1.0.0/16]\n[subnet 10.1.0.0/16]\n",
		"x.conf:2: the subnet overlaps another one" },
	{ "relative path", "[server]\nstate-dir = var\n", "x.conf:2: 'var' is no absolute path" },
	{ "short lease", "[dhcp]\nlease-time = 5s\n", "x.conf:2: a lease is at least 60s" },
	{ "short lease of a subnet", "[subnet 10.0.0.0/24]\nlease-time = 5s\n",
		"x.conf:2: a lease is at least 60s" },
	{ "renewal at once", "[dhcp]\nrenew-time = 0\n", "x.conf:2: a time of 0s is none" },
	{ "no time", "[dhcp]\nlease-time = soon\n",
		"x.conf:2: 'soon' is no time span such as 90s, 10m, 1h, 2d" },
	{ "rate too high", "[dhcp]\nrate-mac = 1000001\n",
		"x.conf:2: '1000001' is no number of packets per second up to 1000000 (0: no limit)" },
	{ "no rate", "[dhcp]\nrate-circuit = -1\n",
		"x.conf:2: '-1' is no number of packets per second up to 1000000 (0: no limit)" },
	{ "neither", "[dhcp]\nrouter-advertisement = maybe\n",
		"x.conf:2: 'maybe' is none of: auto, yes, no" },
	{ "no port", "[http]\nlisten = 0.0.0.0\n",
		"x.conf:2: '0.0.0.0' is no ADDRESS:PORT such as 0.0.0.0:80" },
	{ "port 0", "[http]\nlisten = 0.0.0.0:0\n",
		"x.conf:2: '0.0.0.0:0' is no ADDRESS:PORT such as 0.0.0.0:80" },
	{ "no connections", "[http]\nconnections = 15\n",
		"x.conf:2: '15' is no number of connections from 16 to 32768" },
	{ "too many connections", "[http]\nconnections-per-address = 32769\n",
		"x.conf:2: '32769' is no number of connections from 16 to 32768" },
	{ "slowest reader above all sense", "[http]\nslowest = 100001\n",
		"x.conf:2: '100001' is no number of KiB a second from 0 to 100000" },
	{ "no patience", "[boot]\nsilence-min = 1s\n", "x.conf:2: a silence is from 5s to 1d" },
	{ "too much of it", "[boot]\nsilence-max = 2d\n", "x.conf:2: a silence is from 5s to 1d" },
	{ "no times", "[boot]\nsilence-factor = 0\n",
		"x.conf:2: '0' is no number of times from 1 to 100" },
	{ "no boot kept", "[boot]\nkeep-boots = 0\n",
		"x.conf:2: '0' is no number of boots from 1 to 100000" },
	{ "no number of transfers", "[http]\ntransfers-max = many\n",
		"x.conf:2: 'many' is no number of transfers from 0 to 1000000" },
	{ "a mirror with a path", "[subnet 10.0.0.0/24]\nmirror = http://10.0.0.2/cache\n",
		"x.conf:2: a mirror is http://HOST:PORT, without a path" },
	{ "five mirrors",
		"[subnet 10.0.0.0/24]\nmirror = http://a/\nmirror = http://b\n"
		"mirror = http://c:3128\nmirror = http://d\nmirror = http://e\n",
		"x.conf:6: more than 4 mirrors" },
	{ "a mirror by TLS", "[subnet 10.0.0.0/24]\nmirror = https://a\n",
		"x.conf:2: 'https://a' does not begin with http://" },
	{ "url with a quote", "[http]\nurl = http://a\"b\n",
		"x.conf:2: the URL holds a character that is not allowed there" },
	{ "loader with a path", "[quirk a]\nloader = ../x\n",
		"x.conf:2: '../x' is no plain file name" },
	{ "no DNS server", "[subnet 10.0.0.0/24]\ndns = ns1\n",
		"x.conf:2: 'ns1' is no IPv4 address" },
	{ "domain twice", "[dhcp]\ndomain = a\ndomain = b\n", "x.conf:3: 'domain' is given twice" },
	{ "the server's option", "[dhcp]\n\noption = 54 address 10.0.0.1\n",
		"x.conf:3: option 54 (server identifier) is the server's to decide" },
	{ "an option with a key", "[subnet 10.0.0.0/24]\noption = 42 addresses 10.0.0.1\n",
		"x.conf:2: option 42 (NTP servers) has a key of its own: ntp" },
	{ "an option twice", "[dhcp]\noption = 19 bool no\noption = 19 bool yes\n",
		"x.conf:3: option 19 is given twice" },
	{ "nearest option key", "[subnet 10.0.0.0/24]\nserach = x\n",
		"x.conf:2: unknown key 'serach' in [subnet]; did you mean 'search'?" },
	{ "key of a rule", "[quirk a]\nmatch-vender = x\n",
		"x.conf:2: unknown key 'match-vender' in [quirk]; did you mean 'match-vendor'?" },
	{ "architecture", "[quirk a]\nmatch-arch = 7, x64\n",
		"x.conf:2: 'x64' is no number of an architecture (option 93)" },
	{ "too many architectures",
		"[quirk a]\nmatch-arch = 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
		"x.conf:2: more than 16 architectures" },
	{ "no UUID", "[quirk a]\nmatch-uuid = 4c4c4544-dell\n",
		"x.conf:2: '4c4c4544-dell' is no UUID or the first digits of one, such as 4c4c4544" },
	{ "long UUID", "[quirk a]\nmatch-uuid = 00112233-4455-6677-8899-aabbccddeeff0\n",
		"x.conf:2: '00112233-4455-6677-8899-aabbccddeeff0' is no UUID or the first digits of"
		" one, such as 4c4c4544" },
	{ "UUID of dashes", "[quirk a]\nmatch-uuid = --\n", "x.conf:2: the value is empty" },
	{ "firmware", "[quirk a]\nmatch-firmware = efi\n",
		"x.conf:2: 'efi' is none of: bios, uefi, uefi-http, ipxe" },
	{ "transport", "[quirk a]\ntransport = nfs\n",
		"x.conf:2: 'nfs' is none of: auto, tftp, http" },
	{ "option 43", "[quirk a]\npxe-option-43 = 6\n",
		"x.conf:2: '6' is none of: auto, yes, no" },
	{ "boot file", "[quirk a]\nboot-file = sname\n",
		"x.conf:2: 'sname' is none of: both, option, header" },
	{ "a rule that picks nothing", "[log]\n[quirk a]\nmatch-arch = 0\n\n[log]\n",
		"x.conf:2: [quirk a] picks nothing: give it a loader, a transport, ..." },
	{ "the last rule too", "[quirk a]\ntransport = auto\n",
		"x.conf:1: [quirk a] picks nothing: give it a loader, a transport, ..." },
	{ "no boot, but a loader", "[quirk a]\nno-boot = yes\nloader = a\n",
		"x.conf:1: [quirk a] has no-boot, so it can pick nothing else" },
	{ "option 43 alone", "[quirk a]\npxe-option-43 = yes\npxe-option-60 = no\n",
		"x.conf:1: [quirk a]: pxe-option-43 means nothing without pxe-option-60" },
	{ "section open", "[server\n", "x.conf:1: a section is written [name]" },
	{ "empty value", "[server]\nname =\n", "x.conf:2: the value is empty" },
};

static void refuses_wrong_text(void **state)
{
	static struct config c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char err[300] = "";

		print_message("row: %s\n", wrong[i].name);
		config_defaults(&c);
		assert_int_equal(config_parse(wrong[i].text, strlen(wrong[i].text), "x.conf", &c,
					 err, sizeof err),
			-EINVAL);
		assert_string_equal(err, wrong[i].want);
		config_fini(&c);
	}
}

static void refuses_nul(void **state)
{
	static struct config c;
	char err[300];

	(void)state;
	config_defaults(&c);
	assert_int_equal(config_parse("[dhcp]\0\n", 8, "x.conf", &c, err, sizeof err), -EINVAL);
}

/* No prefix of a good file may crash, or hang, or be taken for the whole of it by accident. */
static void survives_every_prefix(void **state)
{
	static struct config c;
	char err[300];

	(void)state;
	for (size_t n = 0; n < sizeof good; n++) {
		config_defaults(&c);
		config_parse(good, n, "x.conf", &c, err, sizeof err);
		config_fini(&c);
	}
}

static void checks_over_keys(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "[dhcp]\nmode = proxy\n",
			"x.conf: [server] interface is missing: where shall DHCP be answered?" },
		{ "[server]\ninterface = eth0\n",
			"x.conf: [dhcp] mode = full needs a [subnet A.B.C.D/N] with a range" },
		{ "[dhcp]\nmode = off\n[http]\ntls-listen = 0.0.0.0:443\n",
			"x.conf: [http] tls-listen needs tls-cert and tls-key" },
		{ "[dhcp]\nmode = off\n[http]\npace = 4\n",
			"x.conf: [http] pace = 4 is not above slowest = 4: large answers would be "
			"cut" },
		{ "[dhcp]\nmode = off\n[boot]\nsilence-min = 20m\n",
			"x.conf: [boot] silence-min = 1200s is above silence-max = 900s" },
		{ "[dhcp]\nmode = off\n[subnet 10.0.0.0/24]\nrouter = 10.0.1.1\n",
			"x.conf: [subnet 10.0.0.0/24] has a router outside of it" },
		{ "[dhcp]\nmode = off\nrenew-time = 50m\n[subnet 10.0.0.0/24]\n"
		  "rebind-time = 50m\n",
			"x.conf: [subnet 10.0.0.0/24] renew-time, rebind-time and lease-time are "
			"3000s, 3000s and 3600s: each must be longer than the one before" },
		{ "[dhcp]\nmode = off\nrebind-time = 1h\n[subnet 10.0.0.0/24]\n",
			"x.conf: [subnet 10.0.0.0/24] renew-time, rebind-time and lease-time are "
			"1800s, 3600s and 3600s: each must be longer than the one before" },
		{ "[dhcp]\nmode = proxy\n[server]\ninterface = a\n[quirk a]\npxe-option-60 = no\n",
			"x.conf: a [quirk] has pxe-option-60 = no, without which a proxy's offer is"
			" none" },
	};
	static struct config c;
	char err[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		config_defaults(&c);
		assert_int_equal(config_parse(rows[i].text, strlen(rows[i].text), "x.conf", &c, err,
					 sizeof err),
			0);
		assert_int_equal(config_check(&c, "x.conf", err, sizeof err), -EINVAL);
		assert_string_equal(err, rows[i].want);
		config_fini(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_keys),
		cmocka_unit_test(finds_one_of_many),
		cmocka_unit_test(refuses_wrong_text),
		cmocka_unit_test(refuses_nul),
		cmocka_unit_test(survives_every_prefix),
		cmocka_unit_test(checks_over_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
