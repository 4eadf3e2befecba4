/* What has changed between two reports of an agent, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/facts_diff.h"

static struct json *read(const char *text)
{
	char err[120] = "";
	struct json *doc = json_read(text, strlen(text), err, sizeof err);

	if (!doc)
		print_message("%s: %s\n", text, err);
	assert_non_null(doc);
	return doc;
}

#define DIMM(slot, mb, serial)                                                                     \
	"{\"slot\":\"" slot "\",\"size_mb\":" mb ",\"part\":\"M393\",\"serial\":\"" serial "\"}"
#define NIC(mac, place) "{\"mac\":\"" mac "\",\"driver\":\"igb\",\"place\":\"" place "\"}"
#define DISK(model, size, serial, fw)                                                              \
	"{\"name\":\"sda\",\"model\":\"" model "\",\"size\":" size ",\"serial\":\"" serial         \
	"\",\"firmware\":\"" fw "\"}"

static void changes(void **state)
{
	static const struct {
		const char *old, *new, *line;
	} rows[] = {
		{ "{}", "{}", "" },
		{ "{\"bios_version\":\"U46 2.62\"}", "{\"bios_version\":\"U46 2.72\"}",
			"firmware changed: U46 2.62 -> U46 2.72" },
		{ "{}", "{\"bios_version\":\"U46 2.72\"}", "" }, /* an older agent */
		{ "{\"serial\":\"A1\"}", "{\"serial\":\"B2\"}", "serial number changed: A1 -> B2" },
		{ "{\"board_serial\":\"\"}", "{\"board_serial\":\"B2\"}",
			"mainboard changed: none -> B2" },
		{ "{\"firmware\":\"bios\",\"secure_boot\":false}",
			"{\"firmware\":\"uefi\",\"secure_boot\":true}",
			"boot mode changed: bios -> uefi; Secure Boot is on now" },
		{ "{\"uuid\":\"AB-1\"}", "{\"uuid\":\"ab-1\"}", "" },
		{ "{\"cpu\":{\"model\":\"Xeon\",\"count\":8}}",
			"{\"cpu\":{\"model\":\"Xeon\",\"count\":4}}", "processors: 8 -> 4" },
		{ "{\"memory_mb\":65536}", "{\"memory_mb\":64000}", "" }, /* another kernel */
		{ "{\"memory_mb\":65536}", "{\"memory_mb\":32768}", "memory: 64 GiB -> 32 GiB" },
		{ "{\"memory_mb\":65536,\"dimms\":[" DIMM("A1", "32768", "x") "," DIMM(
			  "A2", "32768", "y") "]}",
			"{\"memory_mb\":32768,\"dimms\":[" DIMM("A1", "32768", "x") "]}",
			"DIMM gone: A2, 32 GiB, M393" },
		{ "{\"dimms\":[" DIMM("A1", "32768", "x") "]}",
			"{\"dimms\":[" DIMM("A2", "16384", "z") "," DIMM("A1", "32768", "x") "]}",
			"DIMM added: A2, 16 GiB, M393" },
		{ "{\"dimms\":[" DIMM("A1", "32768", "x") "]}",
			"{\"dimms\":[" DIMM("A1", "16384", "z") "]}",
			"DIMM replaced: A1, 32 GiB -> 16 GiB" },
		{ "{\"dimms\":[" DIMM("A1", "32768", "x") "]}",
			"{\"dimms\":[" DIMM("A1", "32768", "") "]}",
			"DIMM replaced: A1, 32 GiB, serial number x -> none" },
		/* slots that all have one name: what counts is how many */
		{ "{\"dimms\":[" DIMM("", "1024", "") "," DIMM("", "1024", "") "]}",
			"{\"dimms\":[" DIMM("", "1024", "") "]}", "DIMM gone: none, 1 GiB, M393" },
		{ "{\"nics\":[" NIC("aa:00:00:00:00:01", "0000:03:00.0") "]}",
			"{\"nics\":[" NIC("AA:00:00:00:00:01", "0000:04:00.0") "]}",
			"NIC moved: AA:00:00:00:00:01 from 0000:03:00.0 to 0000:04:00.0" },
		{ "{\"nics\":[" NIC("aa:00:00:00:00:01", "0000:03:00.0") "]}",
			"{\"nics\":[" NIC("aa:00:00:00:00:02", "0000:03:00.0") "]}",
			"NIC gone: aa:00:00:00:00:01, igb at 0000:03:00.0; "
			"NIC added: aa:00:00:00:00:02, igb at 0000:03:00.0" },
		{ "{\"nics\":[{\"mac\":\"aa:00:00:00:00:01\",\"name\":\"eth0\",\"link\":true}]}",
			"{\"nics\":[" NIC("aa:00:00:00:00:01", "0000:04:00.0") "]}", "" },
		{ "{\"disks\":[" DISK("ST500", "500107862016", "Z1", "SN03") "]}", "{\"disks\":[]}",
			"disk gone: ST500, 500 GB, Z1" },
		{ "{\"disks\":[" DISK("ST500", "500107862016", "Z1", "SN03") "]}",
			"{\"disks\":[" DISK("ST500", "500107862016", "Z1", "SN04") "]}",
			"disk firmware changed: ST500, 500 GB, Z1: SN03 -> SN04" },
		{ "{\"disks\":[" DISK("QEMU", "1000000000", "", "") "," DISK(
			  "QEMU", "1000000000", "", "") "]}",
			"{\"disks\":[" DISK("QEMU", "1000000000", "", "") "]}",
			"disk gone: QEMU, 1 GB" },
		{ "{\"vendor\":\"a\\u001b[2J\"}", "{\"vendor\":7}",
			"vendor changed: a?[2J -> none" },
		{ "{\"dimms\":7,\"nics\":[1,2],\"cpu\":[]}",
			"{\"dimms\":[null],\"nics\":{},\"cpu\":3}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *old = read(rows[i].old), *new = read(rows[i].new);
		static struct facts_diff d;
		char line[1000];

		print_message("%s\n", rows[i].new);
		facts_diff(old, new, &d);
		if (rows[i].line)
			assert_string_equal(facts_diff_line(&d, line, sizeof line), rows[i].line);
		facts_diff(new, new, &d);
		assert_int_equal(d.n, 0);
		json_free(old);
		json_free(new);
	}
}

static void more_than_are_told(void **state)
{
	static char text[16384];
	static struct facts_diff d;
	struct json *old, *new;
	size_t n = (size_t)sprintf(text, "{\"disks\":[");
	char line[1000];

	(void)state;
	for (int i = 0; i < 40; i++)
		n += (size_t)sprintf(text + n, "%s{\"serial\":\"s%d\"}", i ? "," : "", i);
	sprintf(text + n, "]}");
	old = read(text);
	new = read("{\"disks\":[]}");
	facts_diff(old, new, &d);
	assert_int_equal(d.n, FACTS_DIFF_MAX);
	assert_int_equal(d.left_out, 40 - FACTS_DIFF_MAX);
	facts_diff_line(&d, line, sizeof line);
	assert_non_null(strstr(line, "; and "));
	assert_true(strlen(line) < sizeof line);
	json_free(old);
	json_free(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes),
		cmocka_unit_test(more_than_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
