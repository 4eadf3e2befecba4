/* The site as a document: what is to be done, and what is wrong with it. */
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
#include "server/ctl/site.h"

static struct json *read(const char *text)
{
	char err[120] = "";
	struct json *doc = json_read(text, strlen(text), err, sizeof err);

	if (!doc)
		print_message("%s: %s\n", text, err);
	assert_non_null(doc);
	return doc;
}

static const char hosts_text[] =
	"[{\"name\":\"n02\",\"admitted\":true,\"image\":\"kvm\",\"labels\":{\"rack\":\"r1\"},"
	"\"values\":{\"disk\":\"d\",\"chap-secret\":null},\"pins\":[{\"image\":\"kvm\",\"version\":\"1\","
	"\"release\":7}],\"options\":null,\"facts\":{}},"
	"{\"name\":\"n01\",\"admitted\":false},{\"name\":\"N03\",\"admitted\":true,\"ip\":\"10.0.0.3\"}]";
static const char rules_text[] =
	"[{\"position\":1,\"name\":\"a\",\"match\":\"x\",\"image\":\"kvm\",\"channel\":null},"
	"{\"position\":2,\"name\":\"b\",\"match\":\"\",\"image\":null,\"channel\":\"c\"}]";

static size_t nodes(const struct json *list, const struct json *out[8])
{
	for (size_t i = 0; i < json_len(list); i++)
		out[i] = json_at(list, i);
	return json_len(list);
}

/* "change host n02 image kvm>xen; " */
static void print_plan(const struct site_plan *p, char *out, size_t size)
{
	static const char *const words[] = { "add", "change", "remove" };
	size_t n = 0;

	*out = 0;
	for (size_t i = 0; i < p->n; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s %s %s %s>%s", i ? "; " : "",
			words[p->rows[i].what], p->rows[i].object, p->rows[i].key,
			p->rows[i].old ? p->rows[i].old : "-",
			p->rows[i].new ? p->rows[i].new : "-");
}

static void plans(void **state)
{
	static const struct {
		const char *doc;
		bool prune;
		size_t calls;
		const char *plan;
	} rows[] = {
		{ "{\"muster\":1}", true, 0, "" },
		{ "{\"muster\":1,\"hosts\":{\"n02\":{}}}", false, 0, "" },
		{ "{\"muster\":1,\"hosts\":{\"n02\":{\"image\":\"xen\",\"admitted\":true}}}", false,
			1, "change host n02 image kvm>xen" },
		{ "{\"muster\":1,\"hosts\":{\"N02\":{\"image\":null}}}", false, 1,
			"change host n02 image kvm>-" },
		{ "{\"muster\":1,\"hosts\":{\"n02\":{\"image\":\"kvm\",\"options\":[],\"channel\":\"\"}}}",
			false, 0, "" },
		{ "{\"muster\":1,\"hosts\":{\"n02\":{\"labels\":{\"gpu\":\"\"}}}}", false, 1,
			"change host n02 labels.gpu ->-; change host n02 labels.rack r1>-" },
		{ "{\"muster\":1,\"hosts\":{\"n02\":{\"values\":{}}}}", false, 1,
			"change host n02 values.disk d>-" }, /* the secret stays */
		{ "{\"muster\":1,\"hosts\":{\"n02\":{\"pins\":{\"kvm\":{\"version\":\"1\",\"release\":7}}}}}",
			false, 0, "" },
		{ "{\"muster\":1,\"hosts\":{\"n02\":{\"pins\":{\"kvm\":{\"version\":\"2\",\"release\":8}}}}}",
			false, 1, "change host n02 pins.kvm 1>2" },
		{ "{\"muster\":1,\"hosts\":{\"n02\":{\"pins\":{}}}}", false, 1,
			"change host n02 pins.kvm 1>-" },
		{ "{\"muster\":1,\"hosts\":{\"n04\":{\"macs\":[\"52:54:00:00:00:04\"],\"image\":\"kvm\"}}}",
			false, 1, "add host n04  ->kvm" },
		{ "{\"muster\":1,\"hosts\":{\"n02\":{}}}", true, 1, "remove host N03  ->-" },
		{ "{\"muster\":1,\"hosts\":{\"N02\":{}}}", true, 1, "remove host N03  ->-" },
		{ "{\"muster\":1,\"hosts\":{\"n01\":{\"ip\":\"10.0.0.3\"},\"n03\":{\"ip\":null}}}",
			false, 2, "change host n01 ip ->10.0.0.3; change host N03 ip 10.0.0.3>-" },
		{ "{\"muster\":1,\"hosts\":{\"n01\":{\"ip\":\"10.0.0.3\"},\"n03\":{\"ip\":\"10.0.0.4\"}}}",
			false, 3,
			"change host n01 ip ->10.0.0.3; change host N03 ip 10.0.0.3>10.0.0.4" },
		{ "{\"muster\":1,\"hosts\":{\"n03\":{\"ip\":\"10.0.0.4\"}}}", false, 1,
			"change host N03 ip 10.0.0.3>10.0.0.4" },
		{ "{\"muster\":1,\"hosts\":{}}", true, 2,
			"remove host n02  kvm>-; remove host N03  ->-" },
		{ "{\"muster\":1,\"rules\":[{\"name\":\"a\",\"match\":\"x\",\"image\":\"kvm\"},{\"name\":\"b\","
		  "\"match\":\"\",\"channel\":\"c\"}]}",
			false, 0, "" },
		{ "{\"muster\":1,\"rules\":[]}", false, 2,
			"remove rule a  x>-; remove rule b  ->-" },
		{ "{\"muster\":1,\"rules\":[{\"name\":\"b\",\"match\":\"\",\"channel\":\"c\"},{\"name\":\"a\","
		  "\"match\":\"x\",\"image\":\"kvm\"}]}",
			false, 1, "change rule b place 2>1" },
		{ "{\"muster\":1,\"rules\":[{\"name\":\"n\",\"match\":\"y\",\"image\":\"xen\"},{\"name\":\"b\","
		  "\"match\":\"z\",\"channel\":\"c\"}]}",
			false, 3, "remove rule a  x>-; add rule n  ->y; change rule b match ->z" },
	};
	struct json *hosts = read(hosts_text), *rules = read(rules_text);
	const struct json *list[8];
	const size_t n = nodes(hosts, list);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *doc = read(rows[i].doc);
		struct site_plan p;
		char err[200] = "", text[1000];

		print_message("%s\n", rows[i].doc);
		assert_int_equal(site_compare(doc, &(struct site_is){ list, n, rules, NULL },
					 rows[i].prune, &p, err, sizeof err),
			0);
		print_plan(&p, text, sizeof text);
		assert_string_equal(text, rows[i].plan);
		assert_int_equal(p.n_calls, rows[i].calls);
		site_fini(&p);
		json_free(doc);
	}
	json_free(hosts);
	json_free(rules);
}

/* What is let go of comes first; a circuit goes with its address, and comes back with the next. */
static void swaps(void **state)
{
	static const struct {
		const char *doc, *calls;
	} rows[] = {
		{ "{\"n1\":{\"ip\":\"10.0.0.2\"},\"n2\":{\"ip\":\"10.0.0.1\"}}",
			"n1{\"ip\":null} n2{\"ip\":null} "
			"n1{\"ip\":\"10.0.0.2\",\"circuit\":\"aa01\"} n2{\"ip\":\"10.0.0.1\"} " },
		{ "{\"n1\":{\"ip\":null,\"image\":\"kvm\"},\"n2\":{\"ip\":\"10.0.0.1\"}}",
			"n1{\"ip\":null} n1{\"image\":\"kvm\"} n2{\"ip\":\"10.0.0.1\"} " },
		{ "{\"n1\":{\"circuit\":null},\"n2\":{\"circuit\":\"aa01\"}}",
			"n1{\"circuit\":null} n2{\"circuit\":\"aa01\"} " },
		{ "{\"n1\":{\"ip\":\"10.0.0.3\"}}", "n1{\"ip\":\"10.0.0.3\"} " },
		{ "{\"n1\":{\"ip\":\"10.0.0.2\",\"circuit\":\"aa02\"},"
		  "\"n2\":{\"ip\":\"10.0.0.1\",\"circuit\":\"aa01\"}}",
			"n1{\"ip\":null,\"circuit\":null} n2{\"ip\":null} "
			"n1{\"ip\":\"10.0.0.2\",\"circuit\":\"aa02\"} "
			"n2{\"ip\":\"10.0.0.1\",\"circuit\":\"aa01\"} " },
	};
	struct json *hosts = read("[{\"name\":\"n1\",\"ip\":\"10.0.0.1\",\"circuit\":\"aa01\"},"
				  "{\"name\":\"n2\",\"ip\":\"10.0.0.2\",\"circuit\":null}]");
	const struct json *list[8];
	const size_t n = nodes(hosts, list);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[400], err[200], calls[600] = "";
		struct site_plan p;
		struct json *doc;
		size_t len = 0;

		snprintf(text, sizeof text, "{\"muster\":1,\"hosts\":%s}", rows[i].doc);
		doc = read(text);
		assert_int_equal(site_compare(doc, &(struct site_is){ list, n, NULL, NULL }, false,
					 &p, err, sizeof err),
			0);
		for (size_t k = 0; k < p.n_calls; k++) {
			struct json *call = read(p.calls[k]);
			char *body = json_text(json_get(call, "body"));

			len += (size_t)snprintf(calls + len, sizeof calls - len, "%s%s ",
				json_get_str(call, "path", "") + strlen("/api/v1/hosts/"), body);
			free(body);
			json_free(call);
		}
		assert_string_equal(calls, rows[i].calls);
		site_fini(&p);
		json_free(doc);
	}
	json_free(hosts);
}

static void what_is_wrong(void **state)
{
	static const struct {
		const char *doc, *err;
	} rows[] = {
		{ "{}", "muster: this program knows documents with \"muster\": 1" },
		{ "{\"muster\":2}", "muster: this program knows documents with \"muster\": 1" },
		{ "{\"muster\":1,\"host\":{}}",
			"host: nobody knows that: a site has profiles, hosts and rules" },
		{ "{\"muster\":1,\"hosts\":[]}",
			"hosts: that is an object of hosts by their names" },
		{ "{\"muster\":1,\"hosts\":{\"n1\":7}}", "hosts.n1: a host is an object" },
		{ "{\"muster\":1,\"hosts\":{\"a b\":{}}}", "hosts.a b: that is no host's name" },
		{ "{\"muster\":1,\"hosts\":{\"n1\":{\"imge\":\"x\"}}}",
			"hosts.n1.imge: nobody knows that; is it image" },
		{ "{\"muster\":1,\"hosts\":{\"n1\":{\"labels\":[]}}}",
			"hosts.n1.labels: that is an object of names and values" },
		{ "{\"muster\":1,\"hosts\":{\"n1\":{\"labels\":{\"a\":1}}}}",
			"hosts.n1.labels.a: a value is text" },
		{ "{\"muster\":1,\"hosts\":{\"n1\":{\"values\":{\"chap-secret\":\"x\"}}}}",
			"hosts.n1.values.chap-secret: a secret does not belong in a file" },
		{ "{\"muster\":1,\"hosts\":{\"n1\":{},\"n2\":{},\"N1\":{}}}",
			"hosts.n1 and hosts.N1: a host is there twice" },
		{ "{\"muster\":1,\"rules\":{}}", "rules: that is a list" },
		{ "{\"muster\":1,\"rules\":[7]}", "rules[0]: a rule has a name" },
		{ "{\"muster\":1,\"rules\":[{\"name\":\"a\"},{\"name\":\"A\"}]}",
			"rules[1]: A is there twice" },
		{ "{\"muster\":1,\"rules\":[{\"name\":\"a\",\"at\":1}]}",
			"rules[0].at: nobody knows that" },
	};
	struct json *hosts = read(hosts_text), *rules = read(rules_text);
	const struct json *list[8];
	const size_t n = nodes(hosts, list);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *doc = read(rows[i].doc);
		struct site_plan p;
		char err[200] = "";

		print_message("%s\n", rows[i].doc);
		assert_int_equal(site_compare(doc, &(struct site_is){ list, n, rules, NULL }, true,
					 &p, err, sizeof err),
			-EINVAL);
		assert_string_equal(err, rows[i].err);
		json_free(doc);
	}
	json_free(hosts);
	json_free(rules);
}

static void out_and_in(void **state)
{
	struct json *hosts = read(hosts_text), *rules = read(rules_text), *doc;
	struct jw w = { 0 }, pretty = { 0 };
	struct site_plan p;
	const struct json *list[8];
	const size_t n = nodes(hosts, list);
	char err[200];

	(void)state;
	site_export(&(struct site_is){ list, n, rules, NULL }, false, &w);
	assert_false(w.bad);
	doc = read(w.buf);
	assert_int_equal(json_len(json_get(doc, "hosts")), 2); /* not the stranger */
	assert_null(strstr(w.buf, "secret"));
	assert_true(strstr(w.buf, "\"n02\"") < strstr(w.buf, "\"N03\""));
	assert_int_equal(site_compare(doc, &(struct site_is){ list, n, rules, NULL }, true, &p, err,
				 sizeof err),
		0);
	assert_int_equal(p.n, 0);
	site_fini(&p);
	site_print(doc, &pretty);
	json_free(doc);
	doc = read(pretty.buf); /* readable, and the same */
	assert_int_equal(site_compare(doc, &(struct site_is){ list, n, rules, NULL }, true, &p, err,
				 sizeof err),
		0);
	assert_int_equal(p.n, 0);
	assert_non_null(strstr(pretty.buf, "\n      \"image\": \"kvm\",\n"));
	site_fini(&p);
	json_free(doc);
	json_free(hosts);
	json_free(rules);
	jw_fini(&w);
	jw_fini(&pretty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans),
		cmocka_unit_test(swaps),
		cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(out_and_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
