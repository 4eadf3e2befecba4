/* store.h on a real database in a temporary folder. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/store.h"
#include "images/json.h"
#include "server/bytes.h"
#include "tests/support/store_room.h"

static const uint8_t mac_a[6] = { 0x52, 0x54, 0, 0, 0, 1 }, mac_b[6] = { 0x52, 0x54, 0, 0, 0, 2 };

static void hosts_get_names_and_keep_them(void **state)
{
	struct store_room *f = *state;
	struct store_host a = { .created_ms = 5 }, b = { .created_ms = 5 }, c = { 0 };

	assert_int_equal(store_host_add(f->s, &a), 0);
	assert_string_equal(a.name, "n01");
	assert_int_equal(store_host_add(f->s, &b), 0);
	assert_string_equal(b.name, "n02");
	strcpy(c.name, "N01"); /* names differ by more than case */
	assert_int_equal(store_host_add(f->s, &c), -EEXIST);
	strcpy(b.name, "n01");
	assert_int_equal(store_host_put(f->s, &b), -EEXIST);
	assert_int_equal(store_host_by_name(f->s, "n02", &c), 0);
	assert_int_equal(c.id, b.id);
	assert_int_equal(store_host_rm(f->s, b.id), 0);
	assert_int_equal(store_host_by_name(f->s, "n02", &c), -ENOENT);
}

/* A swapped card or board keeps its host; two hosts with one UUID are told apart by the rest. */
static void identity_is_weighed(void **state)
{
	struct store_room *f = *state;
	struct store_host a = { .has_uuid = true, .uuid = { 1 }, .serial = "SN-A" };
	struct store_host b = { .has_uuid = true, .uuid = { 1 }, .serial = "SN-B" }, found;
	struct host_identity id = { .has_uuid = true, .uuid = { 1 }, .serial = "SN-B" };

	assert_int_equal(store_host_add(f->s, &a), 0);
	assert_int_equal(store_host_add(f->s, &b), 0);
	assert_int_equal(store_host_mac_put(f->s, a.id, mac_a), 0);
	assert_int_equal(store_host_mac_put(f->s, b.id, mac_b), 0);

	assert_int_equal(store_host_find(f->s, &id, &found), 0);
	assert_int_equal(found.id, b.id); /* the serial decides between equal UUIDs */

	id = (struct host_identity){ .n_macs = 1 };
	memcpy(id.macs[0], mac_a, 6);
	assert_int_equal(store_host_find(f->s, &id, &found), 0);
	assert_int_equal(found.id, a.id); /* the MAC address alone suffices */

	id.has_uuid = true;
	id.uuid[0] = 9;
	assert_int_equal(store_host_find(f->s, &id, &found), 0);
	assert_int_equal(found.id, a.id); /* a new board */

	id = (struct host_identity){ .serial = "None" };
	assert_int_equal(store_host_find(f->s, &id, &found), -ENOENT);
}

static void a_mac_moves_to_its_new_host(void **state)
{
	struct store_room *f = *state;
	struct store_host a = { 0 }, b = { 0 }, found;
	struct host_identity id = { .n_macs = 1 };

	assert_int_equal(store_host_add(f->s, &a), 0);
	assert_int_equal(store_host_add(f->s, &b), 0);
	assert_int_equal(store_host_mac_put(f->s, a.id, mac_a), 0);
	assert_int_equal(store_host_mac_put(f->s, b.id, mac_a), 0);
	memcpy(id.macs[0], mac_a, 6);
	assert_int_equal(store_host_find(f->s, &id, &found), 0);
	assert_int_equal(found.id, b.id);
}

static void a_host_has_values(void **state)
{
	struct store_room *f = *state;
	struct store_host a = { 0 }, b = { 0 };
	struct store_value v[4];
	char *json = NULL;

	assert_int_equal(store_host_add(f->s, &a), 0);
	assert_int_equal(store_host_add(f->s, &b), 0);
	assert_int_equal(store_host_values(f->s, a.id, v, 4), 0);
	assert_int_equal(store_host_value_put(f->s, a.id, "san-lun", "3"), 0);
	assert_int_equal(store_host_value_put(f->s, a.id, "chap-secret", "s3cret"), 0);
	assert_int_equal(store_host_value_put(f->s, a.id, "san-lun", "4"), 0);
	assert_int_equal(store_host_value_put(f->s, b.id, "san-lun", "5"), 0);
	assert_int_equal(store_host_values(f->s, a.id, v, 4), 2);
	assert_string_equal(v[0].name, "chap-secret");
	assert_string_equal(v[0].value, "s3cret");
	assert_string_equal(v[1].value, "4");
	assert_int_equal(store_host_values(f->s, a.id, v, 1), 1);
	assert_int_equal(store_json_host(f->s, a.name, &json), 0);
	assert_non_null(strstr(json, "\"san-lun\":\"4\""));
	assert_non_null(strstr(json, "\"chap-secret\":null"));
	assert_null(strstr(json, "s3cret"));
	free(json);
	assert_int_equal(store_host_value_put(f->s, a.id, "san-lun", NULL), 0);
	assert_int_equal(store_host_value_put(f->s, a.id, "never", NULL), 0);
	assert_int_equal(store_host_values(f->s, a.id, v, 4), 1);
	assert_int_equal(store_host_rm(f->s, a.id), 0);
	assert_int_equal(store_host_values(f->s, a.id, v, 4), 0);
	assert_int_equal(store_host_values(f->s, b.id, v, 4), 1);
}

static void boxes_change_places(void **state)
{
	struct store_room *f = *state;
	struct store_host a = { .name = "role",
		.has_uuid = true,
		.uuid = { 1 },
		.serial = "SN-A",
		.vendor = "A",
		.image = "disk",
		.admitted = true };
	struct store_host b = {
		.name = "spare", .serial = "SN-B", .vendor = "B", .code = "123456"
	};
	struct store_reservation r = { .addr = 0x0a4d0007 };
	struct store_loader l = { .firmware = "uefi", .loader = "ipxe.efi" };
	struct store_loaders loaders;
	struct store_boot old = { .state = BOOT_OPEN }, now = { .state = BOOT_OPEN }, past = { 0 };
	struct store_place place = { .relay = 7 };
	struct host_identity id = { .n_macs = 1 };
	struct store_value v[2];
	char *json = NULL;

	assert_int_equal(store_begin(f->s), 0);
	assert_int_equal(store_host_add(f->s, &a), 0);
	assert_int_equal(store_host_add(f->s, &b), 0);
	assert_int_equal(store_host_mac_put(f->s, a.id, mac_a), 0);
	assert_int_equal(store_host_mac_put(f->s, b.id, mac_b), 0);
	assert_int_equal(store_host_client_id_put(f->s, a.id, mac_a, 6), 0);
	assert_int_equal(store_host_client_id_put(f->s, b.id, mac_b, 6), 0);
	assert_int_equal(store_host_value_put(f->s, a.id, "san-lun", "3"), 0);
	assert_int_equal(store_host_facts_put(f->s, b.id, "{\"cpu\":2}", 9), 0);
	assert_int_equal(store_host_place_put(f->s, b.id, &place), 0);
	r.host = a.id;
	assert_int_equal(store_reservation_put(f->s, &r), 0);
	assert_int_equal(store_loader_works(f->s, b.id, 1, &l), 0);
	past.host = old.host = a.id;
	now.host = b.id;
	assert_int_equal(store_boot_add(f->s, &past), 0);
	past.state = BOOT_UP;
	assert_int_equal(store_boot_put(f->s, &past), 0);
	assert_int_equal(store_boot_add(f->s, &old), 0);
	assert_int_equal(store_boot_add(f->s, &now), 0);
	assert_int_equal(store_host_by_code(f->s, "123456", &b), 0);
	assert_int_equal(store_host_by_code(f->s, "654321", &b), -ENOENT);

	assert_int_equal(store_host_swap(f->s, a.id, b.id), 0);
	assert_int_equal(store_commit(f->s), 0);

	memcpy(id.macs[0], mac_b, 6);
	assert_int_equal(store_host_find(f->s, &id, &a), 0);
	assert_string_equal(a.name, "role");
	assert_string_equal(a.serial, "SN-B");
	assert_string_equal(a.vendor, "B");
	assert_string_equal(a.image, "disk");
	assert_true(a.admitted && !a.has_uuid);
	memcpy(id.macs[0], mac_a, 6);
	assert_int_equal(store_host_find(f->s, &id, &b), 0);
	assert_string_equal(b.name, "spare");
	assert_string_equal(b.serial, "SN-A");
	assert_true(b.has_uuid && b.uuid[0] == 1 && !b.admitted);
	id = (struct host_identity){ .client_id_len = 6 };
	memcpy(id.client_id, mac_b, 6);
	assert_int_equal(store_host_find(f->s, &id, &b), 0);
	assert_int_equal(b.id, a.id);
	assert_int_equal(store_host_values(f->s, a.id, v, 2), 1);
	assert_int_equal(store_reservation_of(f->s, a.id, &r), 0);
	assert_int_equal(store_loaders_get(f->s, a.id, "uefi", &loaders), 0);
	assert_string_equal(loaders.works.loader, "ipxe.efi");
	assert_int_equal(store_json_place(f->s, a.id, &json), 0);
	free(json);
	assert_int_equal(store_boot_by_id(f->s, now.id, &now), 0);
	assert_int_equal(now.host, a.id); /* the open boot goes with its box */
	assert_int_equal(store_boot_by_id(f->s, old.id, &old), 0);
	assert_int_not_equal(old.host, a.id);
	assert_int_equal(store_boot_by_id(f->s, past.id, &past), 0);
	assert_int_equal(past.host, a.id); /* history is the role's */
	assert_int_equal(store_json_host(f->s, "role", &json), 0);
	assert_non_null(strstr(json, "\"cpu\":2"));
	free(json);
}

static int count_due(void *arg, const struct store_boot *b)
{
	(void)b;
	++*(int *)arg;
	return 0;
}

/* What is due comes in order, and a boot that is over never. */
static void open_boots_are_due(void **state)
{
	struct store_room *f = *state;
	struct store_host h = { 0 };
	struct store_boot b = { .stage = STAGE_HANDOFF, .due_ms = 1000 };
	int64_t silence[4];
	int n = 0;

	assert_int_equal(store_host_add(f->s, &h), 0);
	b.host = h.id;
	assert_int_equal(store_boot_add(f->s, &b), 0);
	assert_int_equal(store_boot_due(f->s, 1000, count_due, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(store_boot_due(f->s, 1001, count_due, &n), 0);
	assert_int_equal(n, 1);
	b.secret_sent = true;
	b.silence_ms[STAGE_LOADER] = 70000;
	b.silence_ms[STAGE_UP] = UINT32_MAX;
	assert_int_equal(store_boot_put(f->s, &b), 0);
	assert_int_equal(store_host_silences(f->s, h.id, STAGE_LOADER, silence, 4), 0);
	strcpy(b.image, "kvm");
	b.state = BOOT_UP;
	assert_int_equal(store_boot_put(f->s, &b), 0);
	assert_int_equal(store_boot_due(f->s, 1001, count_due, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(store_host_silences(f->s, h.id, STAGE_LOADER, silence, 4), 1);
	assert_int_equal(silence[0], 70000);
	assert_int_equal(store_image_silences(f->s, "kvm", STAGE_UP, silence, 4), 1);
	assert_int_equal(silence[0], UINT32_MAX);
	assert_int_equal(store_image_silences(f->s, "xen", STAGE_UP, silence, 4), 0);
	assert_int_equal(store_boot_by_id(f->s, b.id, &b), 0);
	assert_true(b.secret_sent);
	assert_int_equal(b.silence_ms[STAGE_LOADER], 70000);
}

/* The newest stay, and the very newest whatever its age; events go with their boot. */
static void old_boots_are_found(void **state)
{
	struct store_room *f = *state;
	struct store_host h = { 0 }, other = { 0 };
	struct store_boot b = { 0 };
	struct store_event e = { .source = "net", .what = "done" };
	int64_t old[4], hosts[4];
	char *json = NULL;

	assert_int_equal(store_host_add(f->s, &h), 0);
	assert_int_equal(store_host_add(f->s, &other), 0);
	b.host = other.id;
	assert_int_equal(store_boot_add(f->s, &b), 0);
	for (int i = 1; i <= 6; i++) {
		b = (struct store_boot){ .host = h.id, .started_ms = i * 100 };
		assert_int_equal(store_boot_add(f->s, &b), 0);
		e.boot = b.id;
		assert_int_equal(store_event_add(f->s, &e), 0);
	}
	assert_int_equal(store_boots_old(f->s, h.id, 6, INT64_MIN, old, 4), 0);
	assert_int_equal(store_boots_old(f->s, h.id, 4, INT64_MIN, old, 4), 2);
	assert_true(old[0] == b.id - 5 && old[1] == b.id - 4);
	assert_int_equal(store_boots_old(f->s, h.id, 1, INT64_MIN, old, 4), 4);
	assert_int_equal(store_boots_old(f->s, h.id, 9, 350, old, 4), 3);
	assert_int_equal(store_boots_old(f->s, h.id, 9, 10000, old, 4), 4);
	assert_int_equal(store_boot_rm(f->s, old[0]), 0);
	assert_int_equal(store_boots_old(f->s, h.id, 4, INT64_MIN, old, 4), 1);
	assert_int_equal(store_json_events(f->s, &(struct store_page){ .limit = 100 }, &json), 0);
	assert_null(strstr(json, "\"boot\":2,"));
	assert_non_null(strstr(json, "\"boot\":3,"));
	free(json);
	assert_int_equal(store_boots_old(f->s, other.id, 1, 10000, old, 4), 0);
	assert_int_equal(store_hosts_after(f->s, 0, hosts, 1), 1);
	assert_int_equal(hosts[0], h.id);
	assert_int_equal(store_hosts_after(f->s, h.id, hosts, 4), 1);
	assert_int_equal(hosts[0], other.id);
}

static void files_of_images_by_name(void **state)
{
	static const struct manifest m = { .name = "esxi",
		.version = "8",
		.channel = "stable",
		.kind = IMAGE_ESXI,
		.release = 1,
		.created_s = 5,
		.expires_s = 77,
		.n_files = 2,
		.files = { { .role = FILE_KERNEL, .name = "b.b00", .length = 1 },
			{ .role = FILE_MODULE, .name = "S.V00", .length = 2 } } };
	struct digest d = { { 1 } }, other = { { 2 } };
	struct store_room *f = *state;
	struct manifest_file file;
	struct store_image found;
	char *json = NULL;

	assert_int_equal(store_image_add(f->s, &d, &m, NULL, 0, 1), 1);
	assert_int_equal(store_image_file_named(f->s, &d, "s.v00", &file), 0);
	assert_int_equal(file.role, FILE_MODULE);
	assert_int_equal(file.length, 2);
	assert_int_equal(store_image_file_named(f->s, &d, "s.v0", &file), -ENOENT);
	assert_int_equal(store_image_file_named(f->s, &other, "s.v00", &file), -ENOENT);
	assert_int_equal(store_image_by_manifest(f->s, &d, &found), 0);
	assert_int_equal(found.expires_s, 77);
	assert_string_equal(found.channel, "stable");
	assert_int_equal(store_json_image(f->s, &other, &json), -ENOENT);
	assert_int_equal(store_json_image(f->s, &d, &json), 0);
	assert_non_null(strstr(json, "\"kind\":\"esxi\""));
	assert_non_null(strstr(json, "\"role\":\"module\""));
	free(json);
}

static void assert_loaders(struct store_room *f, int64_t host, const char *firmware,
	const char *works, int64_t works_boot, const char *dead, int64_t dead_boot)
{
	struct store_loaders l;

	memset(&l, 0xff, sizeof l);
	assert_int_equal(store_loaders_get(f->s, host, firmware, &l), 0);
	assert_string_equal(l.works.loader, works);
	assert_int_equal(l.works_boot, works_boot);
	assert_string_equal(l.dead.loader, dead);
	assert_int_equal(l.dead_boot, dead_boot);
}

static void loaders_are_remembered_for_each_firmware(void **state)
{
	struct store_room *f = *state;
	struct store_host h = { 0 }, other = { 0 };
	struct store_loader a = { "uefi", "snponly.efi", false, 0 };
	struct store_loader b = { "uefi", "ipxe.efi", true, 0x12 };
	struct store_loaders l;

	assert_int_equal(store_host_add(f->s, &h), 0);
	assert_int_equal(store_host_add(f->s, &other), 0);
	assert_loaders(f, h.id, "uefi", "", 0, "", 0);
	assert_int_equal(store_loader_died(f->s, h.id, 3, &a, false), 0);
	assert_loaders(f, h.id, "uefi", "", 0, "snponly.efi", 3);
	assert_int_equal(store_loader_works(f->s, h.id, 4, &b), 0);
	assert_loaders(f, h.id, "uefi", "ipxe.efi", 4, "", 0);
	assert_int_equal(store_loader_works(f->s, h.id, 5, &b), 0); /* as before: since boot 4 */
	assert_loaders(f, h.id, "uefi", "ipxe.efi", 4, "", 0);
	assert_int_equal(store_loader_died(f->s, h.id, 6, &b, true), 0);
	assert_loaders(f, h.id, "uefi", "ipxe.efi", 4, "ipxe.efi", 6);
	assert_int_equal(store_loaders_get(f->s, h.id, "uefi", &l), 0);
	assert_int_equal(l.dead.form, 0x12);
	assert_true(l.dead_read);
	assert_int_equal(store_loader_works(f->s, h.id, 7, &b), 0); /* again: nothing is dead */
	assert_loaders(f, h.id, "uefi", "ipxe.efi", 4, "", 0);
	assert_int_equal(room_again(f), 0);
	assert_int_equal(store_loaders_get(f->s, h.id, "uefi", &l), 0);
	assert_memory_equal(&l.works, &b, sizeof b);
	b.form = 0; /* another form is another thing that works */
	assert_int_equal(store_loader_works(f->s, h.id, 8, &b), 0);
	assert_loaders(f, h.id, "uefi", "ipxe.efi", 8, "", 0);
	assert_loaders(f, h.id, "bios", "", 0, "", 0);
	assert_loaders(f, other.id, "uefi", "", 0, "", 0);
	assert_int_equal(store_host_rm(f->s, h.id), 0);
	assert_loaders(f, h.id, "uefi", "", 0, "", 0);
}

static void loaders_are_shown_with_their_host(void **state)
{
	struct store_room *f = *state;
	struct store_host h = { 0 };
	struct store_loader a = { "bios", "undionly.kpxe", false, 0 };
	struct store_loader b = { "uefi", "ipxe.efi", true, 2 | 1 << 2 | 2 << 4 };
	char *json = NULL;

	assert_int_equal(store_host_add(f->s, &h), 0);
	assert_int_equal(store_loader_works(f->s, h.id, 4, &b), 0);
	assert_int_equal(store_loader_died(f->s, h.id, 3, &a, false), 0);
	assert_int_equal(store_json_host(f->s, "n01", &json), 0);
	assert_non_null(strstr(json,
		"\"loaders\":[{\"firmware\":\"bios\",\"loader\":null,\"transport\":\"tftp\",\"boot\":null,"
		"\"option_43\":\"auto\",\"option_60\":\"auto\",\"boot_file\":\"both\","
		"\"failed\":\"undionly.kpxe\",\"failed_boot\":3},"
		"{\"firmware\":\"uefi\",\"loader\":\"ipxe.efi\",\"transport\":\"http\",\"boot\":4,"
		"\"option_43\":\"no\",\"option_60\":\"yes\",\"boot_file\":\"header\","
		"\"failed\":null,\"failed_boot\":null}]"));
	free(json);
}

static int count_lease(void *arg, const struct store_lease *l)
{
	struct store_lease *sum = arg;

	sum->addr = l->addr;
	sum->expires_ms += 1;
	memcpy(sum->mac, l->mac, 6);
	return 0;
}

static int keep_lease(void *arg, const struct store_lease *l)
{
	*(struct store_lease *)arg = *l;
	return 0;
}

static void committed_leases_survive(void **state)
{
	struct store_room *f = *state;
	struct store_lease l = { .addr = 0x0a4d0064, .state = 2, .expires_ms = 77 }, sum = { 0 };

	memcpy(l.mac, mac_a, 6);
	assert_int_equal(store_begin(f->s), 0);
	assert_int_equal(store_lease_put(f->s, &l), 0);
	memcpy(l.mac, mac_b, 6);
	assert_int_equal(store_lease_put(f->s, &l), 0); /* the same address: replaced */
	assert_int_equal(store_commit(f->s), 0);
	assert_int_equal(room_again(f), 0);
	assert_int_equal(store_lease_each(f->s, count_lease, &sum), 0);
	assert_int_equal(sum.expires_ms, 1);
	assert_int_equal(sum.addr, 0x0a4d0064);
	assert_memory_equal(sum.mac, mac_b, 6);
	assert_int_equal(store_lease_rm(f->s, 0x0a4d0064), 0);
	assert_int_equal(store_lease_rm(f->s, 0x0a4d0064), 0);
	sum = (struct store_lease){ 0 };
	assert_int_equal(store_lease_each(f->s, count_lease, &sum), 0);
	assert_int_equal(sum.expires_ms, 0);
}

/* A renewal names no UUID: what was known of the machine stays, until another MAC address comes. */
static void lease_keeps_its_machine(void **state)
{
	struct store_room *f = *state;
	struct store_lease l = { .addr = 1, .state = 2, .machine = 77 }, found;
	const uint32_t steps[][2] = { { 77, 77 }, { 0, 77 }, { 78, 78 } };

	memcpy(l.mac, mac_a, 6);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		l.machine = steps[i][0];
		assert_int_equal(store_lease_put(f->s, &l), 0);
		assert_int_equal(store_lease_each(f->s, keep_lease, &found), 0);
		assert_int_equal(found.machine, steps[i][1]);
	}
	memcpy(l.mac, mac_b, 6);
	l.machine = 0;
	assert_int_equal(store_lease_put(f->s, &l), 0);
	assert_int_equal(store_lease_each(f->s, keep_lease, &found), 0);
	assert_int_equal(found.machine, 0);
}

static int count_reservation(void *arg, const struct store_reservation *r)
{
	*(uint64_t *)arg += r->addr;
	return 0;
}

static void an_address_is_reserved_once(void **state)
{
	struct store_room *f = *state;
	struct store_host a = { 0 }, b = { 0 };
	struct store_reservation r = { .addr = 100, .circuit_len = 3, .circuit = "sw1" }, found;
	uint64_t sum = 0;

	assert_int_equal(store_host_add(f->s, &a), 0);
	assert_int_equal(store_host_add(f->s, &b), 0);
	r.host = a.id;
	assert_int_equal(store_reservation_of(f->s, a.id, &found), -ENOENT);
	assert_int_equal(store_reservation_put(f->s, &r), 0);
	assert_int_equal(store_reservation_put(f->s, &r), 0);
	r.host = b.id;
	assert_int_equal(store_reservation_put(f->s, &r), -EEXIST);
	r.addr = 101;
	r.circuit_len = 0;
	assert_int_equal(store_reservation_put(f->s, &r), 0);
	r.addr = 100;
	assert_int_equal(store_reservation_put(f->s, &r), -EEXIST);
	assert_int_equal(room_again(f), 0);
	assert_int_equal(store_reservation_of(f->s, a.id, &found), 0);
	assert_int_equal(found.circuit_len, 3);
	assert_memory_equal(found.circuit, "sw1", 3);
	assert_int_equal(store_reservation_at(f->s, 101, &found), 0);
	assert_int_equal(found.host, b.id);
	assert_int_equal(found.circuit_len, 0);
	assert_int_equal(store_reservation_each(f->s, count_reservation, &sum), 0);
	assert_int_equal(sum, 201);
	assert_int_equal(store_host_rm(f->s, a.id), 0); /* its reservation goes with it */
	assert_int_equal(store_reservation_put(f->s, &r), 0);
	assert_int_equal(store_reservation_at(f->s, 101, &found), -ENOENT);
	assert_int_equal(store_reservation_rm(f->s, b.id), 0);
	assert_int_equal(store_reservation_of(f->s, b.id, &found), -ENOENT);
}

static int count_relay(void *arg, uint32_t relay, int64_t hosts)
{
	int64_t *sum = arg;

	*sum += relay + hosts;
	return 0;
}

static void client_ids_and_places(void **state)
{
	struct store_room *f = *state;
	struct store_host a = { 0 }, b = { 0 }, found;
	struct host_identity id = { .client_id_len = 3, .client_id = { 0xff, 1, 2 }, .n_macs = 1 };
	struct store_place place = { .relay = 0x0a090001, .circuit_len = 2, .circuit = "ab" };
	int64_t relays = 0;
	uint8_t macs[3][6];
	char *text;

	assert_int_equal(store_host_add(f->s, &a), 0);
	assert_int_equal(store_host_add(f->s, &b), 0);
	assert_int_equal(store_relay_each(f->s, count_relay, &relays), 0);
	assert_int_equal(relays, 0);
	assert_int_equal(store_host_mac_put(f->s, b.id, mac_a), 0);
	assert_int_equal(store_host_mac_put(f->s, b.id, mac_b), 0);
	assert_int_equal(store_host_macs(f->s, b.id, macs, 3), 2);
	assert_int_equal(store_host_macs(f->s, b.id, macs, 1), 1);
	assert_int_equal(store_host_macs(f->s, a.id, macs, 3), 0);
	memcpy(id.macs[0], mac_a, 6);
	assert_int_equal(store_host_client_id_put(f->s, a.id, id.client_id, 3), 0);
	assert_int_equal(store_host_client_id_put(f->s, a.id, id.client_id, 3), 0);
	assert_int_equal(store_host_client_id_put(f->s, b.id, id.client_id, 3), -EEXIST);
	assert_int_equal(store_host_find(f->s, &id, &found), 0);
	assert_int_equal(found.id, a.id); /* people have named it */
	id.id = b.id;
	assert_int_equal(store_host_find(f->s, &id, &found), 0);
	assert_int_equal(found.id, b.id);
	assert_int_equal(store_host_client_id_put(f->s, a.id, NULL, 0), 0);
	assert_int_equal(store_host_client_id_put(f->s, b.id, id.client_id, 3), 0);
	assert_int_equal(store_host_place_put(f->s, b.id, &place), 0);
	place.remote_len = 1;
	place.circuit_len = 0;
	place.remote[0] = 0xfe;
	assert_int_equal(store_host_place_put(f->s, b.id, &place), 0);
	assert_int_equal(store_host_place_put(f->s, b.id, &place), 0);
	assert_int_equal(store_host_options(f->s, b.id, &text), -ENOENT);
	assert_int_equal(store_host_options_put(f->s, b.id, "[\"dns = 10.9.0.7\"]"), 0);
	assert_int_equal(store_host_options(f->s, b.id, &text), 0);
	assert_string_equal(text, "[\"dns = 10.9.0.7\"]");
	free(text);
	assert_int_equal(store_host_by_id(f->s, b.id, &found), 0);
	assert_true(found.has_options);
	assert_int_equal(store_json_host(f->s, b.name, &text), 0);
	assert_non_null(strstr(text,
		"\"ip\":null,\"client_id\":\"ff0102\",\"circuit\":null,"
		"\"options\":[\"dns = 10.9.0.7\"],\"place\":{\"relay\":\"10.9.0.1\",\"circuit\":null,"
		"\"remote\":\"fe\"},"));
	free(text);
	assert_int_equal(store_relay_each(f->s, count_relay, &relays), 0);
	assert_int_equal(relays, 0x0a090001 + 1);
	assert_int_equal(store_json_host(f->s, a.name, &text), 0);
	assert_non_null(strstr(text, "\"place\":null,"));
	free(text);
	assert_int_equal(store_json_place(f->s, a.id, &text), -ENOENT);
	assert_int_equal(store_json_place(f->s, b.id, &text), 0);
	assert_string_equal(text, "{\"relay\":\"10.9.0.1\",\"circuit\":null,\"remote\":\"fe\"}");
	free(text);
}

static void boots_are_found_again(void **state)
{
	struct store_room *f = *state;
	struct store_host h = { 0 };
	struct store_boot b = { .started_ms = 1000, .seen_ms = 1000, .arch = 7 }, found;
	int failures;

	assert_int_equal(store_host_add(f->s, &h), 0);
	b.host = h.id;
	assert_int_equal(store_boot_newest(f->s, h.id, &found), -ENOENT);
	assert_int_equal(store_boot_add(f->s, &b), 0);
	b.addr = 0x0a4d0065;
	b.stage = STAGE_VERIFY;
	b.has_session = true;
	b.session.b[0] = 42;
	strcpy(b.nonce, "abc");
	b.offered = (struct store_loader){ "uefi-http", "agent.efi", true, 0x21 };
	assert_int_equal(store_boot_put(f->s, &b), 0);
	assert_int_equal(store_boot_by_addr(f->s, b.addr, &found), 0);
	assert_int_equal(store_boot_by_session(f->s, &b.session, &found), 0);
	assert_int_equal(found.stage, STAGE_VERIFY);
	assert_string_equal(found.nonce, "abc");
	assert_memory_equal(&found.offered, &b.offered, sizeof b.offered);
	assert_false(found.has_manifest);
	b.state = BOOT_FAILED;
	assert_int_equal(store_boot_put(f->s, &b), 0);
	assert_int_equal(store_boot_by_addr(f->s, b.addr, &found), -ENOENT);
	assert_int_equal(store_boot_failures(f->s, h.id, &failures), 0);
	assert_int_equal(failures, 1);
}

static void progress_keeps_one_row(void **state)
{
	struct store_room *f = *state;
	struct store_host h = { 0 };
	struct store_boot b = { 0 };
	struct store_event e = { .stage = STAGE_IMAGE, .what = "progress", .source = "agent" };
	char *text = NULL, err[100];
	struct json *doc;

	assert_int_equal(store_host_add(f->s, &h), 0);
	b.host = h.id;
	assert_int_equal(store_boot_add(f->s, &b), 0);
	e.boot = b.id;
	for (e.bytes = 1; e.bytes <= 5; e.bytes++)
		assert_int_equal(store_event_progress(f->s, &e), 0);
	assert_int_equal(store_json_boot(f->s, b.id, &text), 0);
	doc = json_read(text, strlen(text), err, sizeof err);
	assert_non_null(doc);
	assert_int_equal(json_len(json_get(doc, "events")), 1);
	assert_int_equal(json_get_int(json_at(json_get(doc, "events"), 0), "bytes", 0), 5);
	assert_int_equal(json_get_int(json_at(json_get(doc, "events"), 0), "id", 0), 5);
	json_free(doc);
	free(text);
}

static int sum_dhcp_servers(void *arg, const struct store_dhcp_server *d)
{
	struct store_dhcp_server *sum = arg;
	const int64_t count = sum->count + d->count;

	*sum = *d;
	sum->count = count;
	return 0;
}

static void dhcp_servers_keep_their_places(void **state)
{
	struct store_room *f = *state;
	struct store_dhcp_server d = { .place = STORE_DHCP_SERVERS_MAX - 1,
		.server = 0x0a4d0009,
		.source = 0x0a4d0008,
		.mac = { 0x52, 0x54, 0, 0, 0, 9 },
		.addresses = true,
		.next_server = 0xffffffff,
		.ifname = "eth1",
		.file = "pxelinux.0",
		.first_ms = 5,
		.last_ms = 6,
		.count = 7 };
	struct store_dhcp_server sum = { 0 };

	assert_int_equal(store_dhcp_server_put(f->s, &d), 0);
	d.count = 9;
	assert_int_equal(store_dhcp_server_put(f->s, &d), 0); /* the same place: replaced */
	assert_int_equal(room_again(f), 0);
	assert_int_equal(store_dhcp_server_each(f->s, sum_dhcp_servers, &sum), 0);
	assert_int_equal(sum.place, d.place);
	assert_int_equal(sum.server, d.server);
	assert_int_equal(sum.source, d.source);
	assert_memory_equal(sum.mac, d.mac, 6);
	assert_true(sum.addresses);
	assert_int_equal(sum.next_server, d.next_server);
	assert_string_equal(sum.ifname, d.ifname);
	assert_string_equal(sum.file, d.file);
	assert_int_equal(sum.first_ms, 5);
	assert_int_equal(sum.last_ms, 6);
	assert_int_equal(sum.count, 9);
	d.place = STORE_DHCP_SERVERS_MAX;
	assert_true(store_dhcp_server_put(f->s, &d) < 0); /* no such place */
}

/* Whoever forges another server's answers cannot fill the disk with them. */
static void seen_events_are_few(void **state)
{
	struct store_room *f = *state;
	struct store_host h = { 0 };
	struct store_boot b = { 0 };
	char detail[32], err[80], *json = NULL;
	struct store_event e = {
		.stage = STAGE_OFFER, .source = "net", .what = "seen", .detail = detail
	};
	struct json *doc;

	assert_int_equal(store_host_add(f->s, &h), 0);
	b.host = h.id;
	assert_int_equal(store_boot_add(f->s, &b), 0);
	e.boot = b.id;
	for (int i = 0; i < 100; i++) {
		snprintf(detail, sizeof detail, "server %d", i / 3);
		assert_int_equal(store_event_seen(f->s, &e), 0);
	}
	assert_int_equal(store_json_boot(f->s, b.id, &json), 0);
	doc = json_read(json, strlen(json), err, sizeof err);
	assert_int_equal(json_len(json_get(doc, "events")), STORE_SEEN_MAX);
	assert_string_equal(
		json_get_str(json_at(json_get(doc, "events"), STORE_SEEN_MAX - 1), "detail", ""),
		"server 7");
	json_free(doc);
	free(json);
}

static void roots_come_in_order(void **state)
{
	struct store_room *f = *state;
	struct store_sig sig[2] = { { { { 1 } }, { 11 } }, { { { 2 } }, { 12 } } };
	struct digest sigs[4];
	struct store_root r, some[8];
	char *json;

	assert_int_equal(store_root_last(f->s, &r), -ENOENT);
	assert_int_equal(store_roots_after(f->s, 0, some, 8), 0);
	for (uint8_t v = 1; v <= 5; v++) {
		r = (struct store_root){ v, 1000U + v, { { v } } };
		assert_int_equal(store_root_put(f->s, &r, sig, 1, 1), 0);
	}
	assert_int_equal(store_root_put(f->s, &r, sig, 2, 2), 0); /* a further signature */
	assert_int_equal(store_trust_sigs(f->s, &r.digest, sigs, 4), 2);
	assert_int_equal(store_trust_sigs(f->s, &r.digest, sigs, 1), 1);
	sig[0].digest.b[0] = 3; /* a newer one by the first signer */
	assert_int_equal(store_root_put(f->s, &r, sig, 1, 3), 0);
	assert_int_equal(store_trust_sigs(f->s, &r.digest, sigs, 4), 2);
	assert_int_equal(sigs[0].b[0] + sigs[1].b[0], 3 + 2);
	assert_int_equal(room_again(f), 0);
	assert_int_equal(store_root_last(f->s, &r), 0);
	assert_int_equal(r.version, 5);
	assert_int_equal(r.expires_s, 1005);
	assert_int_equal(r.digest.b[0], 5);
	assert_int_equal(store_roots_after(f->s, 2, some, 8), 3);
	assert_int_equal(some[0].version, 3);
	assert_int_equal(some[2].version, 5);
	assert_int_equal(store_roots_after(f->s, 2, some, 2), 2);
	assert_int_equal(store_roots_after(f->s, 5, some, 8), 0);
	assert_int_equal(store_json_roots(f->s, &json), 0);
	assert_non_null(strstr(json, "\"version\":5,\"digest\":\"05000"));
	free(json);
}

static void put_channel(
	struct store_room *f, const char *image, const char *name, uint64_t release, uint8_t digest)
{
	struct store_channel c = { .digest = { { digest } },
		.ch = { .manifest = { { 7 } },
			.release = release,
			.floor = release - 1,
			.issued_s = 10,
			.expires_s = 20 } };
	const struct store_sig sig = { { { digest, 1 } }, { 1 } };

	snprintf(c.ch.image, sizeof c.ch.image, "%s", image);
	snprintf(c.ch.name, sizeof c.ch.name, "%s", name);
	assert_int_equal(store_channel_put(f->s, &c, &sig, 1, 1), 0);
}

static void one_channel_of_a_name(void **state)
{
	struct store_room *f = *state;
	struct store_channel c;
	struct digest sigs[4];
	char *json;

	assert_int_equal(store_channel_of(f->s, "kvm", &c), -ENOENT);
	put_channel(f, "kvm", "canary", 8, 1);
	put_channel(f, "kvm", "beta", 9, 2);
	put_channel(f, "xen", "stable", 99, 3);
	assert_int_equal(store_channel_of(f->s, "kvm", &c), 0); /* the highest release */
	assert_string_equal(c.ch.name, "beta");
	put_channel(f, "kvm", "stable", 7, 4);
	assert_int_equal(store_channel_of(f->s, "kvm", &c), 0);
	assert_string_equal(c.ch.name, "stable");
	put_channel(f, "kvm", "stable", 6, 5); /* instead of it */
	assert_int_equal(room_again(f), 0);
	assert_int_equal(store_channel_get(f->s, "kvm", "stable", &c), 0);
	assert_int_equal(c.digest.b[0], 5);
	assert_int_equal(c.ch.release, 6);
	assert_int_equal(c.ch.floor, 5);
	assert_int_equal(c.ch.issued_s, 10);
	assert_int_equal(c.ch.expires_s, 20);
	assert_int_equal(c.ch.manifest.b[0], 7);
	assert_int_equal(store_trust_sigs(f->s, &c.digest, sigs, 4), 1);
	assert_int_equal(store_channel_get(f->s, "kvm", "none", &c), -ENOENT);
	assert_int_equal(store_json_channels(f->s, &json), 0);
	assert_null(strstr(json, "\"release\":7"));
	assert_non_null(strstr(json, "\"version\":null,\"release\":6,\"floor\":5"));
	free(json);
}

static int all_hosts(struct store *s, char **out)
{
	return store_json_hosts(s, &(struct store_page){ .after = -1, .limit = 100 }, out);
}

/* Every list is JSON, empty and filled; text that looks like SQL or JSON stays text. */
static void lists_are_json(void **state)
{
	struct store_room *f = *state;
	static int (*const lists[])(struct store *, char **) = { all_hosts, store_json_images };
	struct store_host h = {
		.has_uuid = true, .uuid = { 0xab }, .serial = "\"); DROP TABLE host;--"
	};
	struct json *doc;
	char *text, err[100];

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
			assert_int_equal(lists[i](f->s, &text), 0);
			doc = json_read(text, strlen(text), err, sizeof err);
			assert_non_null(doc);
			json_free(doc);
			free(text);
		}
		if (!round)
			assert_int_equal(store_host_add(f->s, &h), 0);
	}
	assert_int_equal(store_host_mac_put(f->s, h.id, mac_a), 0);
	assert_int_equal(store_json_host(f->s, "n01", &text), 0);
	doc = json_read(text, strlen(text), err, sizeof err);
	assert_string_equal(json_get_str(doc, "serial", ""), h.serial);
	assert_string_equal(json_get_str(doc, "uuid", ""), "ab000000-0000-0000-0000-000000000000");
	assert_string_equal(json_str(json_at(json_get(doc, "macs"), 0), ""), "52:54:00:00:00:01");
	json_free(doc);
	free(text);
	assert_int_equal(store_json_host(f->s, "n99", &text), -ENOENT);
}

static void count_hosts(struct store *s, size_t want)
{
	char *text, err[100];
	struct json *doc;

	assert_int_equal(all_hosts(s, &text), 0);
	doc = json_read(text, strlen(text), err, sizeof err);
	assert_int_equal(json_len(json_get(doc, "hosts")), want);
	json_free(doc);
	free(text);
}

static struct store *copy_of(struct store_room *f)
{
	struct store *copy;
	char err[200];
	int rc;

	assert_int_equal(store_copy_open(f->file, &copy, err, sizeof err), 0);
	while ((rc = store_copy_step(copy)) > 0)
		;
	assert_int_equal(rc, 0);
	return copy;
}

/* It is as the database was, with its rules; what becomes of either is not seen by the other. */
static void a_copy_is_apart(void **state)
{
	struct store_room *f = *state;
	struct store_host a = { .created_ms = 5 }, b = { .name = "b" }, c = { .name = "c" };
	struct store *copy;

	for (int i = 0; i < 40; i++)
		assert_int_equal(store_host_add(f->s, &(struct store_host){ .created_ms = i }), 0);
	assert_int_equal(store_host_add(f->s, &a), 0);
	assert_int_equal(store_host_mac_put(f->s, a.id, mac_a), 0);
	assert_int_equal(store_host_label_put(f->s, a.id, "rack", "r1"), 0);
	copy = copy_of(f);
	assert_int_equal(store_host_add(f->s, &b), 0);
	assert_int_equal(store_host_by_name(copy, "b", &b), -ENOENT);
	count_hosts(copy, 41);
	strcpy(c.name, "n01");
	assert_int_equal(store_host_add(copy, &c), -EEXIST);
	strcpy(c.name, "c");
	assert_int_equal(store_host_add(copy, &c), 0);
	assert_int_equal(store_host_rm(copy, a.id), 0);
	assert_int_equal(store_host_find(copy,
				 &(struct host_identity){
					 .macs = { { 0x52, 0x54, 0, 0, 0, 1 } }, .n_macs = 1 },
				 &b),
		-ENOENT);
	count_hosts(copy, 41);
	store_close(copy);
	assert_int_equal(store_host_by_name(f->s, "c", &b), -ENOENT);
	assert_int_equal(store_host_by_id(f->s, a.id, &b), 0);
	count_hosts(f->s, 42);
}

static void write_watched(
	struct store *s, bool keep, int (*fn)(struct store *, int64_t), int64_t id)
{
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_watch(s), 0);
	assert_int_equal(fn(s, id), 0);
	assert_int_equal(store_unwatch(s, keep), 0);
	assert_int_equal(store_commit(s), 0);
}

static int add_one(struct store *s, int64_t id)
{
	struct store_host h = { .created_ms = id };

	return store_host_add(s, &h);
}

static int change_one(struct store *s, int64_t id)
{
	struct store_host h;
	int rc = store_host_by_id(s, id, &h);

	strcpy(h.image, "xen");
	return rc ? rc : store_host_put(s, &h);
}

static int undo_all(struct store *s)
{
	int rc, n = 0;

	assert_int_equal(store_begin(s), 0);
	while ((rc = store_undo_step(s)) > 0)
		n += rc;
	assert_int_equal(rc, 0);
	assert_int_equal(store_commit(s), 0);
	return n;
}

/* Parts are taken back from the last to the first, also by another process; what was changed since
 * stays. */
static void parts_are_taken_back(void **state)
{
	struct store_room *f = *state;
	struct store_host a = { .created_ms = 5, .image = "kvm" }, b = { .image = "kvm" }, h;
	struct store_boot boot = { .arch = 7 };

	assert_int_equal(store_host_add(f->s, &a), 0);
	assert_int_equal(store_host_add(f->s, &b), 0);
	assert_int_equal(store_host_mac_put(f->s, b.id, mac_b), 0);
	boot.host = b.id;
	assert_int_equal(store_boot_add(f->s, &boot), 0);
	write_watched(f->s, true, change_one, a.id);
	write_watched(f->s, true, store_host_rm, b.id);
	write_watched(f->s, true, add_one, 7);
	write_watched(f->s, false, add_one, 8); /* that one stays */
	assert_int_equal(store_host_by_id(f->s, a.id, &h), 0);
	strcpy(h.serial, "NEW"); /* another column, and somebody else */
	assert_int_equal(store_host_put(f->s, &h), 0);
	assert_int_equal(room_again(f), 0);
	assert_int_equal(undo_all(f->s), 3);
	assert_int_equal(undo_all(f->s), 0);
	assert_int_equal(store_host_by_id(f->s, a.id, &h), 0);
	assert_string_equal(h.image, "kvm");
	assert_string_equal(h.serial, "NEW");
	assert_int_equal(store_host_find(f->s,
				 &(struct host_identity){
					 .macs = { { 0x52, 0x54, 0, 0, 0, 2 } }, .n_macs = 1 },
				 &h),
		0);
	assert_int_equal(h.id, b.id);
	assert_int_equal(store_boot_newest(f->s, b.id, &boot), 0);
	assert_int_equal(boot.arch, 7);
	count_hosts(f->s, 3);
}

static void what_is_done_is_not_taken_back(void **state)
{
	struct store_room *f = *state;

	write_watched(f->s, true, add_one, 7);
	assert_int_equal(store_undo_forget(f->s), 0);
	assert_int_equal(undo_all(f->s), 0);
	count_hosts(f->s, 1);
}

static void a_newer_schema_is_refused(void **state)
{
	struct store_room *f = *state;
	char command[200];

	store_close(f->s);
	f->s = NULL;
	snprintf(command, sizeof command, "sqlite3 %s 'PRAGMA user_version = 99'", f->file);
	if (system(command) != 0)
		skip();
	assert_int_equal(room_again(f), -EPROTO);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, room_open, room_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(hosts_get_names_and_keep_them),
		T(identity_is_weighed),
		T(a_mac_moves_to_its_new_host),
		T(committed_leases_survive),
		T(lease_keeps_its_machine),
		T(an_address_is_reserved_once),
		T(client_ids_and_places),
		T(dhcp_servers_keep_their_places),
		T(seen_events_are_few),
		T(a_host_has_values),
		T(boxes_change_places),
		T(open_boots_are_due),
		T(old_boots_are_found),
		T(files_of_images_by_name),
		T(loaders_are_remembered_for_each_firmware),
		T(loaders_are_shown_with_their_host),
		T(boots_are_found_again),
		T(progress_keeps_one_row),
		T(roots_come_in_order),
		T(one_channel_of_a_name),
		T(lists_are_json),
		T(a_copy_is_apart),
		T(parts_are_taken_back),
		T(what_is_done_is_not_taken_back),
		T(a_newer_schema_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
