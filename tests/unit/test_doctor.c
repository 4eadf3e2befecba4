/* test_doctor.c: what `muster doctor` makes of what a server says about itself. */
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
#include "server/ctl/doctor.h"

#define NOW 1000000000000LL

static struct json *read_json(const char *text)
{
	char err[200];
	struct json *doc = json_read(text, strlen(text), err, sizeof err);

	if (!doc)
		print_message("%s: %s\n", err, text);
	assert_non_null(doc);
	return doc;
}

/* The finding of that check with that text in it, or NULL. */
static const struct doctor_finding *find(
	const struct doctor_findings *f, const char *check, const char *text)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!strcmp(f->of[i].check, check) && strstr(f->of[i].text, text))
			return &f->of[i];
	}
	return NULL;
}

static size_t count(const struct doctor_findings *f, const char *check)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += !strcmp(f->of[i].check, check);
	return n;
}

#define FULL(rest)  "{\"dhcp\":{\"mode\":\"full\"," rest "}}"
#define PROXY(rest) "{\"dhcp\":{\"mode\":\"proxy\"," rest "}}"
#define BOOT(rest)  "{\"boot\":{" rest "}}"
#define KEYS(rest)  "{\"keys\":{\"dir\":\"/var/lib/muster/keys\"," rest "}}"

static void test_setup(void **state)
{
	static const struct {
		const char *check, *setup;
		enum doctor_result result;
		const char *text;
	} rows[] = {
		{ "dhcp", "{\"dhcp\":{\"mode\":\"full\"}}", DOCTOR_OK, "full" },
		{ "dhcp", "{\"dhcp\":{\"mode\":\"proxy\"}}", DOCTOR_OK, "proxy" },
		{ "dhcp", "{\"dhcp\":{\"mode\":\"off\"}}", DOCTOR_WARN, "off" },

		{ "subnets",
			FULL("\"interfaces\":[{\"name\":\"eth1\",\"addr\":\"10.77.0.1\","
			     "\"subnet\":\"10.77.0.0/24\"}]"),
			DOCTOR_OK, "eth1 (10.77.0.1): 10.77.0.0/24" },
		{ "subnets",
			FULL("\"interfaces\":[{\"name\":\"eth1\",\"addr\":\"10.78.0.1\","
			     "\"subnet\":null}]"),
			DOCTOR_FAIL, "hosts on eth1 get no address" },

		{ "ranges",
			FULL("\"networks\":[{\"subnets\":[\"10.77.0.0/24\"],\"addresses\":100,"
			     "\"held\":89}]"),
			DOCTOR_OK, "10.77.0.0/24: 89 of 100" },
		{ "ranges",
			FULL("\"networks\":[{\"subnets\":[\"10.77.0.0/24\",\"10.78.0.0/24\"],"
			     "\"addresses\":100,\"held\":90}]"),
			DOCTOR_WARN, "10.77.0.0/24, 10.78.0.0/24: 90 of 100" },
		{ "ranges",
			FULL("\"networks\":[{\"subnets\":[\"10.77.0.0/24\"],\"addresses\":100,"
			     "\"held\":100}]"),
			DOCTOR_FAIL, "all 100 addresses" },
		{ "ranges",
			FULL("\"networks\":[{\"subnets\":[\"10.77.0.0/24\"],\"addresses\":0,"
			     "\"held\":0}]"),
			DOCTOR_OK, "reserved addresses only" },

		{ "reservations", FULL("\"reservations\":{\"outside\":[],\"total\":7}"), DOCTOR_OK,
			"7, each in a subnet" },
		{ "reservations",
			FULL("\"reservations\":{\"outside\":[\"n01\",\"n02\"],\"outside_total\":2,"
			     "\"total\":7}"),
			DOCTOR_WARN,
			"2 of hosts whose address is in no subnet, and is not given: "
			"n01, n02" },
		{ "reservations",
			FULL("\"reservations\":{\"outside\":[\"n01\"],\"outside_total\":20,"
			     "\"total\":20}"),
			DOCTOR_WARN, "n01, ..." },

		{ "relays",
			FULL("\"relays\":[{\"addr\":\"10.9.0.1\",\"subnet\":\"10.9.0.0/24\","
			     "\"hosts\":1}]"),
			DOCTOR_OK, "10.9.0.1: 1 host" },
		{ "relays",
			FULL("\"relays\":[{\"addr\":\"10.9.0.1\",\"subnet\":\"10.9.0.0/24\","
			     "\"hosts\":0}]"),
			DOCTOR_WARN, "no host on record was ever seen through 10.9.0.1" },
		{ "relays",
			FULL("\"relays\":[{\"addr\":\"10.9.0.1\",\"subnet\":null,\"hosts\":3}]"),
			DOCTOR_FAIL, "no [subnet] holds it" },
		{ "relays",
			PROXY("\"relays\":[{\"addr\":\"10.9.0.1\",\"subnet\":null,\"hosts\":3}]"),
			DOCTOR_OK, "10.9.0.1: 3 hosts" },

		{ "loaders",
			BOOT("\"tftp\":true,\"loader_dir\":\"/l\",\"loaders\":[{\"file\":"
			     "\"undionly.kpxe\",\"there\":true}]"),
			DOCTOR_OK, "undionly.kpxe" },
		{ "loaders",
			BOOT("\"tftp\":true,\"loader_dir\":\"/l\",\"loaders\":[{\"file\":"
			     "\"snponly.efi\",\"there\":false}]"),
			DOCTOR_FAIL, "snponly.efi is not in /l" },
		{ "loaders", BOOT("\"tftp\":false"), DOCTOR_WARN, "TFTP is off" },

		{ "agent", BOOT("\"agent\":true"), DOCTOR_OK, "is there" },
		{ "agent", BOOT("\"agent\":false"), DOCTOR_FAIL, "there is no image 'agent'" },
		{ "image", BOOT("\"image\":null"), DOCTOR_WARN, "there is no default" },
		{ "image", BOOT("\"image\":\"kvm\",\"image_there\":true"), DOCTOR_OK, "'kvm'" },
		{ "image", BOOT("\"image\":\"kvm\",\"image_there\":false"), DOCTOR_FAIL,
			"'kvm', was never imported" },

		{ "site-key", KEYS("\"site\":true"), DOCTOR_OK, "it is there" },
		{ "site-key", KEYS("\"site\":false"), DOCTOR_FAIL, "no boot ticket" },
		{ "release-keys", KEYS("\"trusted\":[\"a.pub\",\"b.pub\"]"), DOCTOR_OK,
			"signed by a.pub, b.pub" },
		{ "release-keys", KEYS("\"trusted\":[]"), DOCTOR_FAIL, "none is trusted" },
		{ "release-keys", KEYS("\"trusted\":[\"a.pub\"],\"secret\":[\"a.key\"]"),
			DOCTOR_WARN, "secret a.key in /var/lib/muster/keys: whoever steals" },

		{ "admission", "{\"admission\":\"open\"}", DOCTOR_WARN, "whoever is plugged in" },
		{ "admission", "{\"admission\":\"approve\"}", DOCTOR_OK, "approve" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *doc = read_json(rows[i].setup);
		const struct doctor_input in = { .setup = doc, .now_ms = NOW, .secret_here = "" };
		static struct doctor_findings f;
		const struct doctor_finding *found;

		print_message("row: %s %s\n", rows[i].check, rows[i].text);
		doctor_examine(&in, &f);
		found = find(&f, rows[i].check, rows[i].text);
		assert_non_null(found);
		assert_int_equal(found->result, rows[i].result);
		assert_int_equal(*found->fix != 0, rows[i].result != DOCTOR_OK);
		assert_true(f.worst >= rows[i].result);
		json_free(doc);
	}
}

#define SERVER(rest)                                                                               \
	"{\"servers\":[{\"server\":\"10.77.0.9\",\"mac\":\"52:54:00:00:00:09\",\"interface\":"     \
	"\"eth1\"," rest "}]}"

static void test_other_servers(void **state)
{
	static const struct {
		const char *mode, *servers;
		enum doctor_result result;
		const char *text; /* NULL: nothing is said */
	} rows[] = {
		{ "full", NULL, DOCTOR_OK, NULL }, { "off", "{\"servers\":[]}", DOCTOR_OK, NULL },
		{ "full", "{\"servers\":[]}", DOCTOR_OK, "none was heard" },
		{ "proxy", "{\"servers\":[]}", DOCTOR_WARN, "one has to give the addresses" },
		{ "full", SERVER("\"addresses\":true,\"last\":999999999999"), DOCTOR_FAIL,
			"10.77.0.9 on eth1 (52:54:00:00:00:09) gives addresses, too" },
		{ "full", SERVER("\"addresses\":true,\"boot_file\":\"x\",\"last\":999999999999"),
			DOCTOR_FAIL, "gives addresses, too" },
		{ "full", SERVER("\"addresses\":false,\"last\":999999999999"), DOCTOR_WARN,
			"without addresses" },
		{ "proxy", SERVER("\"addresses\":true,\"last\":999999999999"), DOCTOR_OK,
			"gives the addresses" },
		{ "proxy", SERVER("\"addresses\":true,\"boot_file\":\"x.0\",\"last\":999999999999"),
			DOCTOR_WARN, "tells hosts to boot 'x.0'" },
		{ "full", SERVER("\"addresses\":true,\"last\":900000000000"), DOCTOR_OK,
			"none was heard" }, /* long gone */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[80];
		struct json *setup, *servers = rows[i].servers ? read_json(rows[i].servers) : NULL;
		static struct doctor_findings f;
		const struct doctor_finding *found;

		print_message("row: %s %s\n", rows[i].mode, rows[i].servers);
		snprintf(text, sizeof text, "{\"dhcp\":{\"mode\":\"%s\"}}", rows[i].mode);
		setup = read_json(text);
		doctor_examine(&(struct doctor_input){ .setup = setup,
				       .servers = servers,
				       .now_ms = NOW,
				       .secret_here = "" },
			&f);
		assert_int_equal(count(&f, "other-servers"), rows[i].text != NULL);
		if (rows[i].text) {
			found = find(&f, "other-servers", rows[i].text);
			assert_non_null(found);
			assert_int_equal(found->result, rows[i].result);
		}
		json_free(setup);
		json_free(servers);
	}
}

/* NOW is 1000000000 s. */
static void test_roots_and_channels(void **state)
{
#define ROOT(expires) "{\"roots\":[{\"version\":1},{\"version\":2,\"expires\":" expires "}]}"
#define CHANNEL(members)                                                                           \
	"{\"channels\":[{\"image\":\"kvm\",\"name\":\"stable\",\"release\":7," members "}]}"
	static const struct {
		const char *check, *roots, *channels;
		enum doctor_result result;
		const char *text;
	} rows[] = {
		{ "release-keys", "{\"roots\":[]}", NULL, DOCTOR_FAIL, "none is trusted" },
		{ "release-keys", ROOT("1000000000"), NULL, DOCTOR_FAIL, "root 2 has expired" },
		{ "release-keys", ROOT("1000864000"), NULL, DOCTOR_WARN, "expires in 10 days" },
		{ "release-keys", ROOT("2000000000"), NULL, DOCTOR_OK, "root 2 says who" },
		{ "channels", NULL, "{\"channels\":[]}", DOCTOR_FAIL, "of the default, 'kvm'" },
		{ "channels", NULL, CHANNEL("\"version\":null,\"expires\":2000000000"), DOCTOR_FAIL,
			"release 7, which it makes current, is not here" },
		{ "channels", NULL, CHANNEL("\"version\":\"1\",\"expires\":1000000000"),
			DOCTOR_FAIL, "stable of kvm has expired" },
		{ "channels", NULL, CHANNEL("\"version\":\"1\",\"expires\":1000007200"),
			DOCTOR_WARN, "stable of kvm expires in 2 hours" },
		{ "channels", NULL, CHANNEL("\"version\":\"1\",\"expires\":2000000000"), DOCTOR_OK,
			"release 7 is current" },
		{ "channels", NULL,
			CHANNEL("\"version\":\"1\",\"expires\":2000000000,\"current\":{\"release\":5}"),
			DOCTOR_OK, "release 5 is current, not 7" },
		{ "channels", NULL,
			CHANNEL("\"version\":\"1\",\"expires\":2000000000,\"pins_refused\":[\"n1\","
				"\"n2\"]"),
			DOCTOR_FAIL, "do not boot: n1, n2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *setup = read_json("{\"boot\":{\"image\":\"kvm\"}}");
		struct json *roots = rows[i].roots ? read_json(rows[i].roots) : NULL;
		struct json *channels = rows[i].channels ? read_json(rows[i].channels) : NULL;
		static struct doctor_findings f;
		const struct doctor_finding *found;

		print_message("row: %s\n", rows[i].text);
		doctor_examine(&(struct doctor_input){ .setup = setup,
				       .roots = roots,
				       .channels = channels,
				       .now_ms = NOW,
				       .secret_here = "" },
			&f);
		found = find(&f, rows[i].check, rows[i].text);
		assert_non_null(found);
		assert_int_equal(found->result, rows[i].result);
		json_free(setup);
		json_free(roots);
		json_free(channels);
	}
}

/* Firmware loads the agent: how long its channel lasts is nobody's concern, but what it names is.
 */
static void test_the_agents_channel(void **state)
{
	static struct doctor_findings f;
	struct json *setup = read_json("{}");
	struct json *channels = read_json(
		"{\"channels\":[{\"image\":\"agent\",\"name\":\"stable\",\"version\":\"1\"},"
		"{\"image\":\"agent\",\"name\":\"canary\",\"release\":7}]}");

	(void)state;
	doctor_examine(
		&(struct doctor_input){
			.setup = setup, .channels = channels, .now_ms = NOW, .secret_here = "" },
		&f);
	assert_int_equal(count(&f, "channels"), 1);
	assert_non_null(find(&f, "channels", "canary of agent: release 7, which it makes current"));
	json_free(setup);
	json_free(channels);
}

static void test_secret_key_beside_the_server(void **state)
{
	static struct doctor_findings f;
	struct json *setup = read_json("{}");
	const struct doctor_input in = {
		.setup = setup, .keys_here = "/keys", .secret_here = "release.key"
	};

	(void)state;
	doctor_examine(&in, &f);
	assert_int_equal(find(&f, "release-keys", "release.key in /keys")->result, DOCTOR_WARN);
	json_free(setup);
}

/* What is no setup at all is judged without a crash; so is one with more than can be shown. */
static void test_odd_setups(void **state)
{
	static const char *const rows[] = { "{}", "[]", "{\"dhcp\":[]}", "{\"dhcp\":{\"mode\":7}}",
		"{\"dhcp\":{\"mode\":\"full\",\"interfaces\":{},\"networks\":[1,null,\"x\"]}}",
		"{\"boot\":{\"tftp\":true,\"loaders\":[[],{}]}}", "{\"keys\":{\"trusted\":[7]}}" };
	static struct doctor_findings f;
	char *many = malloc(64 * 1024);
	size_t len;
	struct json *doc;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		doc = read_json(rows[i]);
		doctor_examine(&(struct doctor_input){ .setup = doc, .secret_here = "" }, &f);
		assert_true(f.n > 0);
		json_free(doc);
	}
	assert_non_null(many);
	len = (size_t)sprintf(many, "{\"dhcp\":{\"mode\":\"full\",\"relays\":[");
	for (int i = 0; i < 1000; i++)
		len += (size_t)sprintf(
			many + len, "%s{\"addr\":\"10.9.0.%d\",\"hosts\":0}", i ? "," : "", i);
	sprintf(many + len, "]}}");
	doc = read_json(many);
	doctor_examine(&(struct doctor_input){ .setup = doc, .secret_here = "" }, &f);
	assert_int_equal(f.n, DOCTOR_FINDINGS_MAX);
	assert_string_equal(f.of[DOCTOR_FINDINGS_MAX - 1].check, "more");
	assert_int_equal(f.worst, DOCTOR_FAIL);
	json_free(doc);
	free(many);
}

static void test_token_ends(void **state)
{
	static const struct {
		const char *tokens; /* of the list, or NULL: this user may not see them */
		size_t n;
		enum doctor_result result;
		const char *text, *fix;
	} rows[] = {
		{ NULL, 0, DOCTOR_OK, NULL, NULL },
		{ "", 0, DOCTOR_OK, NULL, NULL },
		{ "{\"id\":1,\"name\":\"ci\",\"role\":\"viewer\",\"state\":\"good\",\"expires\":null}",
			1, DOCTOR_OK, "none of 1", "" },
		{ "{\"id\":7,\"name\":\"ci\",\"role\":\"viewer\",\"state\":\"good\",\"expires\":1000864000000}",
			1, DOCTOR_WARN, "token 7 (ci) expires in 10 days",
			"muster token create NAME --role viewer, give it to whoever uses this one, "
			"then muster token revoke 7" },
		{ "{\"id\":7,\"name\":\"ci\",\"role\":\"viewer\",\"state\":\"good\",\"expires\":1001209599999}",
			1, DOCTOR_WARN, "in 13 days", "revoke 7" },
		{ "{\"id\":7,\"name\":\"ci\",\"role\":\"viewer\",\"state\":\"good\",\"expires\":1001209600000}",
			1, DOCTOR_OK, "none of 1 expires within 14 days", "" },
		{ "{\"id\":7,\"name\":\"ci\",\"role\":\"admin\",\"state\":\"revoked\",\"expires\":1000864000000}",
			0, DOCTOR_OK, NULL, NULL },
		{ "{\"id\":7,\"name\":\"ci\",\"role\":\"admin\",\"state\":\"expired\",\"expires\":999999000000}",
			0, DOCTOR_OK, NULL, NULL },
		{ "{\"id\":7,\"name\":\"ci\",\"role\":\"admin\",\"state\":\"good\",\"expires\":1000864000000},"
		  "{\"id\":8,\"name\":\"cj\",\"role\":\"viewer\",\"state\":\"good\",\"expires\":1000000001000}",
			2, DOCTOR_WARN, "token 8 (cj) expires in 0 days", "revoke 8" },
	};
	static struct doctor_findings f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *setup = read_json("{}"), *tokens = NULL;
		const struct doctor_finding *found;
		char text[1024];

		print_message("row: %s\n", rows[i].tokens ? rows[i].tokens : "-");
		if (rows[i].tokens) {
			snprintf(text, sizeof text, "{\"tokens\":[%s]}", rows[i].tokens);
			tokens = read_json(text);
		}
		doctor_examine(&(struct doctor_input){ .setup = setup,
				       .tokens = tokens,
				       .now_ms = NOW,
				       .secret_here = "" },
			&f);
		assert_int_equal(count(&f, "token-ends"), rows[i].n);
		if (rows[i].text) {
			found = find(&f, "token-ends", rows[i].text);
			assert_non_null(found);
			assert_int_equal(found->result, rows[i].result);
			assert_non_null(strstr(found->fix, rows[i].fix));
		}
		json_free(tokens);
		json_free(setup);
	}
}

static void test_site(void **state)
{
	/* NOW is 1000000000 s */
	static const struct {
		const char *check;
		const char *setup, *images, *rules, *hosts, *status;
		enum doctor_clock clock;
		enum doctor_result result;
		const char *text; /* NULL: nothing is found */
	} rows[] = {
		{ "link", FULL("\"interfaces\":[{\"name\":\"eth1\",\"carrier\":false}]"), NULL,
			NULL, NULL, NULL, 0, DOCTOR_FAIL, "eth1 has no link" },
		{ "link", FULL("\"interfaces\":[{\"name\":\"eth1\",\"carrier\":true}]"), NULL, NULL,
			NULL, NULL, 0, DOCTOR_OK, "eth1 is connected" },
		{ "link", FULL("\"interfaces\":[{\"name\":\"eth1\",\"carrier\":null}]"), NULL, NULL,
			NULL, NULL, 0, DOCTOR_OK, NULL },
		{ "url", BOOT("\"url\":\"http://10.77.0.1\""), NULL, NULL, NULL, NULL, 0, DOCTOR_OK,
			"10.77.0.1" },
		{ "url", BOOT("\"url\":\"http://127.0.0.1\""), NULL, NULL, NULL, NULL, 0,
			DOCTOR_FAIL, "the host itself" },
		{ "url", BOOT("\"url\":\"https://boot.example\""), NULL, NULL, NULL, NULL, 0,
			DOCTOR_FAIL, "no TLS" },
		{ "tftp", "{\"dhcp\":{\"mode\":\"full\"},\"boot\":{\"tftp\":false}}", NULL, NULL,
			NULL, NULL, 0, DOCTOR_WARN, "no loader" },
		{ "tftp", "{\"dhcp\":{\"mode\":\"off\"},\"boot\":{\"tftp\":false}}", NULL, NULL,
			NULL, NULL, 0, DOCTOR_OK, NULL },
		{ "probe", FULL("\"probe\":false"), NULL, NULL, NULL, NULL, 0, DOCTOR_WARN,
			"without asking" },
		{ "probe", FULL("\"probe\":true"), NULL, NULL, NULL, NULL, 0, DOCTOR_OK, NULL },
		{ "tls", "{\"machine\":{\"tls_expires\":999999999}}", NULL, NULL, NULL, NULL, 0,
			DOCTOR_FAIL, "has expired" },
		{ "tls", "{\"machine\":{\"tls_expires\":1000864000}}", NULL, NULL, NULL, NULL, 0,
			DOCTOR_WARN, "in 10 days" },
		{ "tls", "{\"machine\":{\"tls_expires\":1008640000}}", NULL, NULL, NULL, NULL, 0,
			DOCTOR_OK, "100 days" },
		{ "tls", "{\"machine\":{\"tls_expires\":0}}", NULL, NULL, NULL, NULL, 0, DOCTOR_OK,
			NULL },
		{ "tokens", "{\"machine\":{\"tokens_in_clear\":true}}", NULL, NULL, NULL, NULL, 0,
			DOCTOR_WARN, "plain HTTP" },
		{ "disk", "{\"machine\":{\"disk_free\":1000}}", NULL, NULL, NULL, NULL, 0,
			DOCTOR_FAIL, "1000 B are left" },
		{ "disk", "{\"machine\":{\"disk_free\":500000000}}", NULL, NULL, NULL, NULL, 0,
			DOCTOR_WARN, "are left" },
		{ "disk", "{\"machine\":{\"disk_free\":50000000000}}", NULL, NULL, NULL, NULL, 0,
			DOCTOR_OK, "46.6 GiB" },
		{ "database", "{\"machine\":{\"database_bytes\":9000000000}}", NULL, NULL, NULL,
			NULL, 0, DOCTOR_WARN, "has grown" },
		{ "database", "{\"machine\":{\"database_bytes\":9000}}", NULL, NULL, NULL, NULL, 0,
			DOCTOR_OK, "8.8 KiB" },
		{ "clock", "{}", NULL, NULL, NULL, NULL, DOCTOR_CLOCK_ALONE, DOCTOR_WARN,
			"nothing keeps" },
		{ "clock", "{}", NULL, NULL, NULL, NULL, DOCTOR_CLOCK_SYNCED, DOCTOR_OK, "NTP" },
		{ "clock", "{}", NULL, NULL, NULL, NULL, DOCTOR_CLOCK_UNKNOWN, DOCTOR_OK, NULL },
		{ "images", "{}",
			"{\"images\":[{\"name\":\"kvm\",\"version\":\"1\",\"current\":true,"
			"\"expires\":1000086400}]}",
			NULL, NULL, NULL, 0, DOCTOR_WARN,
			"kvm 1, which is current, expires in 1 days" },
		{ "images", "{}",
			"{\"images\":[{\"name\":\"kvm\",\"version\":\"1\",\"current\":false,"
			"\"expires\":1000}]}",
			NULL, NULL, NULL, 0, DOCTOR_OK, NULL },
		{ "assigned", "{}", "{\"images\":[{\"name\":\"kvm\"}]}", NULL,
			"{\"hosts\":[{\"name\":\"n01\",\"image\":\"xen\"},"
			"{\"name\":\"n02\",\"image\":\"kvm\"},{\"name\":\"n03\",\"image\":null}]}",
			NULL, 0, DOCTOR_FAIL, "of 1 hosts is not here: n01" },
		{ "assigned", "{}", NULL, NULL,
			"{\"hosts\":[{\"name\":\"n01\",\"image\":\"xen\"}]}", NULL, 0, DOCTOR_OK,
			NULL },
		{ "rules", "{}", "{\"images\":[]}",
			"{\"rules\":[{\"name\":\"r\",\"image\":\"xen\"}]}", NULL, NULL, 0,
			DOCTOR_FAIL, "not here: r" },
		{ "failed-hosts", "{}", NULL, NULL,
			"{\"hosts\":[{\"name\":\"n01\",\"stage\":\"failed\"},"
			"{\"name\":\"n02\",\"stage\":\"up\"}]}",
			NULL, 0, DOCTOR_WARN, "of 1 hosts has failed: n01" },
		{ "failed-hosts", "{}", NULL, NULL,
			"{\"hosts\":[{\"name\":\"n02\",\"stage\":\"up\"}]}", NULL, 0, DOCTOR_OK,
			"no host" },
		{ "waiting-room", "{}", NULL, NULL, NULL, "{\"hosts\":{\"waiting\":3}}", 0,
			DOCTOR_WARN, "3 hosts wait" },
		{ "architectures", "{}", NULL, NULL, NULL, "{\"unknown_archs\":2}", 0, DOCTOR_WARN,
			"2 network boots" },
		{ "architectures", "{}", NULL, NULL, NULL, "{\"unknown_archs\":0}", 0, DOCTOR_OK,
			NULL },
	};
	static struct doctor_findings f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *docs[] = { read_json(rows[i].setup),
			rows[i].images ? read_json(rows[i].images) : NULL,
			rows[i].rules ? read_json(rows[i].rules) : NULL,
			rows[i].hosts ? read_json(rows[i].hosts) : NULL,
			rows[i].status ? read_json(rows[i].status) : NULL };
		const struct json *list = json_get(docs[3], "hosts"), *nodes[4];
		const struct doctor_input in = { .setup = docs[0],
			.images = docs[1],
			.rules = docs[2],
			.hosts = nodes,
			.n_hosts = json_len(list),
			.status = docs[4],
			.clock = rows[i].clock,
			.now_ms = NOW,
			.secret_here = "" };
		const struct doctor_finding *found;

		print_message("row: %s %s\n", rows[i].check, rows[i].text ? rows[i].text : "-");
		for (size_t k = 0; k < in.n_hosts; k++)
			nodes[k] = json_at(list, k);
		doctor_examine(&in, &f);
		if (!rows[i].text) {
			assert_int_equal(count(&f, rows[i].check), 0);
		} else {
			found = find(&f, rows[i].check, rows[i].text);
			assert_non_null(found);
			assert_int_equal(found->result, rows[i].result);
			assert_int_equal(*found->fix != 0, rows[i].result != DOCTOR_OK);
		}
		for (size_t k = 0; k < ARRAY_LEN(docs); k++)
			json_free(docs[k]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setup),
		cmocka_unit_test(test_other_servers),
		cmocka_unit_test(test_roots_and_channels),
		cmocka_unit_test(test_the_agents_channel),
		cmocka_unit_test(test_secret_key_beside_the_server),
		cmocka_unit_test(test_odd_setups),
		cmocka_unit_test(test_token_ends),
		cmocka_unit_test(test_site),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
