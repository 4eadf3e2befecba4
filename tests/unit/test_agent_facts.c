#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/facts.h"

/* A module of 16 GiB in DIMM A1, and the end of the table. */
static const char table[] = "\x11\x1c\0\x11\0\0\0\0\0\0\0\0\0\x40\0\0\x01\0\0\0\0\0\0\0\0\0\0\0"
			    "DIMM A1\0\0"
			    "\x7f\x04\xff\xfe\0\0";

static char root[] = "/tmp/muster-facts-XXXXXX";

/* Make the folders of a path below root. */
static void path_of(const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", root, name);
	for (char *p = out + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(out, 0755);
		*p = '/';
	}
}

static void put_bytes(const char *name, const char *p, size_t len)
{
	char path[256];
	FILE *f;

	path_of(name, path, sizeof path);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	fclose(f);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static void put_nic(const char *name, const char *mac, const char *carrier, const char *place)
{
	char path[128], full[256];

	snprintf(path, sizeof path, "sys/class/net/%s/address", name);
	put(path, mac);
	snprintf(path, sizeof path, "sys/class/net/%s/type", name);
	put(path, "1\n");
	snprintf(path, sizeof path, "sys/class/net/%s/carrier", name);
	put(path, carrier);
	snprintf(path, sizeof path, "sys/class/net/%s/speed", name);
	put(path, carrier[0] == '1' ? "1000\n" : "-1\n");
	path_of(path, full, sizeof full);
	snprintf(path, sizeof path, "sys/devices/pci/%s/driver", place);
	path_of(path, full, sizeof full);
	assert_int_equal(symlink("../../../bus/pci/drivers/igb", full), 0);
	snprintf(path, sizeof path, "../../../devices/pci/%s", place);
	snprintf(full, sizeof full, "%s/sys/class/net/%s/device", root, name);
	assert_int_equal(symlink(path, full), 0);
}

static int make_tree(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	put("sys/class/dmi/id/product_uuid", "4C4C4544-0042-3510-8052-B4C04F4A4E31\n");
	put("sys/class/dmi/id/product_serial", "To Be Filled By O.E.M.  \n");
	put("sys/class/dmi/id/sys_vendor", "Dell Inc.\n");
	put("sys/class/dmi/id/product_name", "PowerEdge \x1b[2J R640\n");
	put("sys/class/dmi/id/bios_vendor", "Dell Inc.\n");
	put("sys/class/dmi/id/bios_version", "2.10.2\n");
	put("sys/class/dmi/id/board_serial", "CN7016\n");
	put_bytes("sys/firmware/dmi/tables/DMI", table, sizeof table - 1);
	put("sys/firmware/efi/fw_platform_size", "64\n");
	put_bytes("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
		"\x06\0\0\0\x01", 5);
	put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	put("sys/class/tpm/tpm0/tpm_version_major", "2\n");
	put("proc/cpuinfo", "processor\t: 0\nmodel name\t: Xeon(R)\nflags\t\t: fpu vmx sse\n\n"
			    "processor\t: 1\nmodel name\t: Xeon(R)\nflags\t\t: fpu vmx sse\n");
	put("proc/meminfo",
		"MemTotal:       16384000 kB\nMemFree: 1 kB\nMemAvailable:    1024 kB\n");
	put_nic("eth10", "aa:00:00:00:00:10\n", "0\n", "0000:04:00.1");
	put_nic("eth2", "aa:00:00:00:00:02\n", "1\n", "0000:03:00.0");
	put("sys/class/net/lo/type", "772\n");
	put("sys/block/sda/size", "1000215216\n");
	put("sys/block/sda/queue/rotational", "1\n");
	put("sys/block/sda/device/model", "ST500 \n");
	put_bytes("sys/block/sda/device/vpd_pg80", "\0\x80\0\x08    Z1234", 13);
	put("sys/block/nvme0n1/size", "1000\n");
	put("sys/block/nvme0n1/device/serial", "S4EV\n");
	put("sys/block/nvme0n1/device/firmware_rev", "EDB5\n");
	put("sys/block/loop0/size", "1000\n");
	put("sys/block/sdb/size", "0\n");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int remove_tree(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void test_tree(void **state)
{
	struct facts f;

	(void)state;
	facts_read(root, "aa:00:00:00:00:02", &f);
	assert_string_equal(f.uuid, "4c4c4544-0042-3510-8052-b4c04f4a4e31");
	assert_string_equal(f.serial, "");
	assert_string_equal(f.vendor, "Dell Inc.");
	assert_string_equal(f.product, "PowerEdge ?[2J R640");
	assert_string_equal(f.bios, "Dell Inc. 2.10.2");
	assert_string_equal(f.bios_version, "2.10.2");
	assert_string_equal(f.board_serial, "CN7016");
	assert_int_equal(f.n_dimms, 1);
	assert_string_equal(f.dimms[0].slot, "DIMM A1");
	assert_int_equal(f.dimms[0].size_mb, 16384);
	assert_string_equal(f.nics[0].place, "0000:03:00.0");
	assert_true(f.uefi);
	assert_true(f.secure_boot);
	assert_string_equal(f.lockdown, "integrity");
	assert_int_equal(f.tpm, 2);
	assert_int_equal(f.cpu_count, 2);
	assert_string_equal(f.cpu_model, "Xeon(R)");
	assert_string_equal(f.cpu_virt, "vmx");
	assert_false(f.is_virtual);
	assert_int_equal(f.memory_mb, 16000);
	assert_int_equal(f.memory_free, 1024 * 1024);
	assert_int_equal(f.n_nics, 2);
	assert_string_equal(f.nics[0].name, "eth2");
	assert_string_equal(f.nics[0].driver, "igb");
	assert_true(f.nics[0].boot);
	assert_true(f.nics[0].link);
	assert_int_equal(f.nics[0].speed, 1000);
	assert_false(f.nics[1].boot);
	assert_int_equal(f.nics[1].speed, 0);
	assert_int_equal(f.n_disks, 2);
	assert_string_equal(f.disks[0].serial, "S4EV");
	assert_string_equal(f.disks[0].firmware, "EDB5");
	assert_string_equal(f.disks[1].serial, "Z1234");
	assert_string_equal(f.disks[1].model, "ST500");
	assert_true(f.disks[1].size == 512110190592);
	assert_true(f.disks[1].rotational);
}

static void test_nothing_there(void **state)
{
	struct facts f;

	(void)state;
	facts_read("/nonexistent", "", &f);
	assert_string_equal(f.uuid, "");
	assert_false(f.uefi);
	assert_int_equal(f.n_nics, 0);
	assert_int_equal(f.n_disks, 0);
}

static void test_json(void **state)
{
	struct facts f;
	struct jw w = { 0 };
	struct json *doc;
	char err[80];

	(void)state;
	facts_read(root, "", &f);
	facts_json(&f, &w);
	assert_false(w.bad);
	doc = json_read(w.buf, w.len, err, sizeof err);
	assert_non_null(doc);
	assert_string_equal(json_get_str(doc, "firmware", ""), "uefi");
	assert_string_equal(json_get_str(doc, "tpm", ""), "2");
	assert_string_equal(json_get_str(json_get(doc, "cpu"), "virt", ""), "vmx");
	assert_int_equal(json_len(json_get(doc, "nics")), 2);
	assert_int_equal(json_len(json_get(doc, "dimms")), 1);
	json_free(doc);
	jw_fini(&w);
}

static void test_junk(void **state)
{
	static const char *const junk[] = { "", "Default string", "none", "00000000", "0123456789",
		"00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
		"To be filled by O.E.M.", "...." };
	static const char *const good[] = { "CZ1234", "0", "f00d", "Dell Inc." };

	(void)state;
	for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++)
		assert_true(facts_is_junk(junk[i]));
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(facts_is_junk(good[i]), i == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_junk),
	};

	return cmocka_run_group_tests_name("agent facts", tests, make_tree, remove_tree);
}
