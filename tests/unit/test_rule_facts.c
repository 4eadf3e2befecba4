/* test_rule_facts.c: a host that is described in a file, as the server takes it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/rule_facts.h"

static const struct {
	const char *name, *doc;
	int rc;
	const char *want; /* the facts, or what is wrong */
} rows[] = {
	{ "nothing", "{}", 0, "{}" },
	{ "a list", "[]", -EINVAL, "it is no JSON object" },
	{ "by the names of rules",
		"{\"name\":\"n1\",\"vendor\":\"HPE\",\"model\":\"DL360\",\"memory\":\"64G\",\"subnet\":\"10.77.0.9\"}",
		0,
		"{\"name\":\"n1\",\"vendor\":\"HPE\",\"product\":\"DL360\",\"memory_mb\":65536,\"addr\":\"10.77.0.9\"}" },
	{ "sizes", "{\"memory\":\"65536MiB\"}", 0, "{\"memory_mb\":65536}" },
	{ "a size without a unit", "{\"memory\":\"64\"}", -EINVAL,
		"memory is a text such as \"64G\" or \"65536M\"" },
	{ "a size that is a number", "{\"memory\":65536}", -EINVAL,
		"memory is a text such as \"64G\" or \"65536M\"" },
	{ "a size below 0", "{\"memory\":\"-64G\"}", -EINVAL,
		"memory is a text such as \"64G\" or \"65536M\"" },
	{ "one or several", "{\"mac\":\"52:54:00:00:00:01\",\"switch\":[\"a\",\"b\"]}", 0,
		"{\"macs\":[\"52:54:00:00:00:01\"],\"switch\":[\"a\",\"b\"]}" },
	{ "parts", "{\"driver\":\"ixgbe\",\"disk\":[\"A\",\"B\"],\"dimm\":\"P1\"}", 0,
		"{\"nics\":[{\"driver\":\"ixgbe\"}],\"disks\":[{\"model\":\"A\"},{\"model\":\"B\"}],"
		"\"dimms\":[{\"slot\":\"P1\"}]}" },
	{ "processors", "{\"cpus\":8,\"cpu\":\"EPYC\"}", 0,
		"{\"cpu\":{\"model\":\"EPYC\",\"count\":8}}" },
	{ "processors below 0", "{\"cpus\":-8}", -EINVAL, "cpus is a number, and none below 0" },
	{ "an agent's below 0", "{\"cpu\":{\"count\":-1}}", -EINVAL,
		"cpu.count is a number, and none below 0" },
	{ "mode and version", "{\"mode\":\"uefi\",\"firmware\":\"U46 2.6\"}", 0,
		"{\"firmware\":\"uefi\",\"bios_version\":\"U46 2.6\"}" },
	{ "an agent's mode", "{\"firmware\":\"uefi\",\"bios_version\":\"U46 2.6\"}", 0,
		"{\"firmware\":\"uefi\",\"bios_version\":\"U46 2.6\"}" },
	{ "an agent's", "{\"memory_mb\":60000,\"dimms\":[{\"size_mb\":32768}],\"tpm\":\"2\"}", 0,
		"{\"memory_mb\":60000,\"dimms\":[{\"size_mb\":32768}]}" },
	{ "memory below 0", "{\"memory_mb\":-1}", -EINVAL,
		"memory_mb is a number, and none below 0" },
	{ "a module below 0", "{\"dimms\":[{\"size_mb\":1},{\"size_mb\":-1}]}", -EINVAL,
		"dimms[1].size_mb is none below 0" },
	{ "twice", "{\"memory\":\"64G\",\"memory_mb\":5}", -EINVAL,
		"memory and memory_mb say the same thing" },
	{ "a name that is none", "{\"memry\":\"64G\"}", -EINVAL,
		"there is no fact memry; is it memory" },
	{ "two of them", "{\"memry\":\"64G\",\"name\":\"x\",\"colour\":\"red\"}", -EINVAL,
		"there is no fact memry, colour; docs/rules.md lists them" },
	{ "labels", "{\"labels\":{\"rack\":\"r3\",\"gpu\":\"\"}}", 0,
		"{\"labels\":{\"rack\":\"r3\",\"gpu\":\"\"}}" },
	{ "no labels", "{\"labels\":[\"gpu\"]}", -EINVAL,
		"labels is an object of names and texts" },
	{ "a label that is no text", "{\"labels\":{\"rack\":3}}", -EINVAL,
		"labels.rack is a text" },
	{ "a network for an address", "{\"subnet\":\"10.77.0.0/24\"}", -EINVAL,
		"subnet is the host's address here, such as \"10.77.0.9\"" },
	{ "what host show prints",
		"{\"name\":\"n1\",\"stage\":\"up\",\"macs\":[\"52:54:00:00:00:01\"],\"addr\":null,"
		"\"serial\":\"S\",\"labels\":{\"gpu\":\"\"},\"place\":{\"relay\":\"10.9.0.1\"},"
		"\"neighbours\":[{\"system\":\"sw\",\"port\":\"1\"}],"
		"\"facts\":{\"serial\":\"S\",\"memory_mb\":1024},\"boots\":[]}",
		0,
		"{\"name\":\"n1\",\"labels\":{\"gpu\":\"\"},\"macs\":[\"52:54:00:00:00:01\"],"
		"\"relay\":\"10.9.0.1\",\"switch\":[\"sw\"],\"port\":[\"1\"],\"serial\":\"S\","
		"\"memory_mb\":1024}" },
	{ "of a host that has run no agent", "{\"name\":\"n1\",\"serial\":\"S\",\"facts\":null}", 0,
		"{\"name\":\"n1\",\"switch\":[],\"port\":[],\"serial\":\"S\"}" },
};

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char err[200] = "";
		struct json *doc = json_read(rows[i].doc, strlen(rows[i].doc), err, sizeof err);
		struct jw out = { 0 };

		print_message("row: %s\n", rows[i].name);
		assert_non_null(doc);
		assert_int_equal(rule_facts_read(doc, &out, err, sizeof err), rows[i].rc);
		assert_string_equal(rows[i].rc ? err : out.buf, rows[i].want);
		jw_fini(&out);
		json_free(doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
