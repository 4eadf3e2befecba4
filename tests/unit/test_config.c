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
			   "[subnet 10.78.0.0/16]\n"
			   "network = lab\n"
			   "range = 10.78.1.0-10.78.1.255\n"
			   "exclude = 10.78.1.7\n"
			   "exclude = 10.78.1.20-10.78.1.29, 10.78.1.40\n"
			   "[subnet 10.77.0.0/24]\n"
			   "network = lab\n"
			   "range = 10.77.0.100-10.77.0.120\n"
			   "range = 10.77.0.130-10.77.0.140\n"
			   "router = 10.77.0.1\n"
			   "dns = 10.77.0.1 10.77.0.2\n"
			   "[subnet 10.79.0.0/24]\n"
			   "[quirk old-rom]\n"
			   "match-mac = 52:54:00:aa\n"
			   "match-arch = 0\n"
			   "loader = undionly.kpxe\n"
			   "[http]\n"
			   "listen = 0.0.0.0:8080\n"
			   "url = http://10.77.0.1:8080/\n"
			   "[log]\n"
			   "level = debug\n";

static void reads_all_keys(void **state)
{
	static struct config c;
	char err[300] = "";

	(void)state;
	config_defaults(&c);
	assert_int_equal(config_parse(good, strlen(good), "x.conf", &c, err, sizeof err), 0);
	assert_string_equal(c.name, "branch-042");
	assert_int_equal(c.n_interfaces, 2);
	assert_string_equal(c.interfaces[1], "eth2");
	assert_int_equal(c.admission, ADMISSION_OPEN);
	assert_int_equal(c.lease_s, 7200);
	assert_int_equal(c.n_relays, 2);
	assert_int_equal(c.relays[1], 0x0a090101);
	assert_true(config_has_relay(&c, 0x0a090001));
	assert_false(config_has_relay(&c, 0x0a090002));
	assert_int_equal(c.n_subnets, 3);
	assert_int_equal(c.subnets[0].n_ranges, 2);
	assert_int_equal(c.subnets[0].ranges[1].last, 0x0a4d008c);
	assert_int_equal(c.subnets[0].n_dns, 2);
	assert_int_equal(c.subnets[1].mask, 0xffff0000);
	assert_int_equal(c.subnets[1].n_excludes, 3);
	assert_int_equal(c.subnets[1].excludes[0].last, 0x0a4e0107);
	assert_int_equal(c.subnets[1].excludes[1].last, 0x0a4e011d);
	assert_true(config_same_network(&c.subnets[0], &c.subnets[1]));
	assert_false(config_same_network(&c.subnets[0], &c.subnets[2]));
	assert_true(config_same_network(&c.subnets[2], &c.subnets[2]));
	assert_int_equal(c.quirks[0].mac_len, 4);
	assert_int_equal(c.quirks[0].mac[3], 0xaa);
	assert_string_equal(c.quirks[0].loader, "undionly.kpxe");
	assert_int_equal(c.listen[0].port, 8080);
	assert_string_equal(c.url, "http://10.77.0.1:8080");
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
	{ "no time", "[dhcp]\nlease-time = soon\n",
		"x.conf:2: 'soon' is no time span such as 90s, 10m, 1h, 2d" },
	{ "no port", "[http]\nlisten = 0.0.0.0\n",
		"x.conf:2: '0.0.0.0' is no ADDRESS:PORT such as 0.0.0.0:80" },
	{ "port 0", "[http]\nlisten = 0.0.0.0:0\n",
		"x.conf:2: '0.0.0.0:0' is no ADDRESS:PORT such as 0.0.0.0:80" },
	{ "url with a quote", "[http]\nurl = http://a\"b\n",
		"x.conf:2: the URL holds a character that is not allowed there" },
	{ "loader with a path", "[quirk a]\nloader = ../x\n",
		"x.conf:2: '../x' is no plain file name" },
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
		{ "[dhcp]\nmode = off\n[quirk a]\nmatch-arch = 0\n",
			"x.conf: a [quirk] has no loader" },
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
