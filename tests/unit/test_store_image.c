/* Images in the store: versions, what is current, pins, the log. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "images/json.h"
#include "tests/support/store_room.h"

/* An image whose manifest's digest begins with `digest`. */
static struct store_image put_image(struct store_room *f, uint8_t digest, const char *name,
	const char *version, const char *channel, uint64_t release)
{
	struct manifest m = { .kind = IMAGE_LINUX,
		.release = release,
		.n_files = 2,
		.files = { { FILE_KERNEL, "vmlinuz", 10, { { 1 } } },
			{ FILE_INITRD, "initrd", 20, { { 2 } } } } };
	const struct store_sig sig = { { { 9, digest } }, { 1 } };
	const struct digest d = { { digest } };
	struct store_image out;

	snprintf(m.name, sizeof m.name, "%s", name);
	snprintf(m.version, sizeof m.version, "%s", version);
	snprintf(m.channel, sizeof m.channel, "%s", channel);
	assert_int_equal(store_image_add(f->s, &d, &m, &sig, 1, 1), 1);
	assert_int_equal(store_image_add(f->s, &d, &m, &sig, 1, 2), 0); /* again: no harm */
	assert_int_equal(store_image_by_manifest(f->s, &d, &out), 0);
	return out;
}

static void log_it(struct store_room *f, const char *what, const struct store_image *to,
	const char *user, const char *why)
{
	const struct store_image_log l = { .at_ms = 5,
		.what = what,
		.name = to->name,
		.channel = to->channel,
		.to_version = to->version,
		.to_release = to->release,
		.manifest = &to->manifest,
		.has_uid = user != NULL,
		.uid = 1000,
		.user = user,
		.why = why };

	assert_int_equal(store_image_log_add(f->s, &l), 0);
}

static int count_expiries(void *arg, const char *name, int64_t value)
{
	(void)value;
	*(int *)arg += strncmp(name, "muster_image_expires_seconds{", 29) == 0;
	return 0;
}

/* Prometheus takes no two values of one name. */
static void metrics_of_an_image_signed_anew(void **state)
{
	struct store_room *f = *state;
	int n = 0;

	put_image(f, 1, "kvm", "1", "stable", 5);
	put_image(f, 2, "kvm", "1", "stable", 5);
	put_image(f, 3, "kvm", "1", "stable", 6);
	assert_int_equal(store_metrics(f->s, false, count_expiries, &n), 0);
	assert_int_equal(n, 2);
}

static void versions_of_an_image(void **state)
{
	static const struct {
		const char *name, *channel, *version;
		uint64_t release;
		int n;
		uint8_t first;
	} rows[] = {
		{ "kvm", NULL, NULL, 0, 4, 4 },
		{ "kvm", "stable", NULL, 0, 3, 3 },
		{ "kvm", NULL, "1", 0, 2, 2 },
		{ "kvm", NULL, "1", 5, 1, 1 },
		{ "kvm", NULL, NULL, 7, 1, 3 },
		{ "kvm", "canary", "1", 0, 0, 0 },
		{ "none", NULL, NULL, 0, 0, 0 },
	};
	struct store_room *f = *state;
	struct store_image some[8];

	put_image(f, 1, "kvm", "1", "stable", 5);
	put_image(f, 2, "kvm", "1", "stable", 6);
	put_image(f, 3, "kvm", "2", "stable", 7);
	put_image(f, 4, "kvm", "3", "canary", 8);
	put_image(f, 5, "xen", "1", "stable", 99);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("row %zu\n", i);
		assert_int_equal(store_image_versions(f->s, rows[i].name, rows[i].channel,
					 rows[i].version, rows[i].release, some, 8),
			rows[i].n);
		if (rows[i].n)
			assert_int_equal(some[0].manifest.b[0], rows[i].first);
	}
	assert_int_equal(store_image_versions(f->s, "kvm", NULL, NULL, 0, some, 2), 2);
}

static void files_and_signatures(void **state)
{
	struct store_room *f = *state;
	const struct store_sig newer = { { { 77 } }, { 1 } }, second = { { { 78 } }, { 2 } };
	struct digest d = { { 7 } }, none = { { 8 } }, sigs[4];
	char name[MANIFEST_NAME_MAX], image[MANIFEST_NAME_MAX];
	struct manifest m = { .name = "kvm" };
	struct manifest_file file;
	struct store_image found;
	enum file_role role;

	assert_int_equal(store_image_by_manifest(f->s, &none, &found), -ENOENT);
	put_image(f, 7, "kvm", "2", "stable", 9);
	assert_int_equal(store_image_file(f->s, &d, FILE_INITRD, 0, &file), 0);
	assert_int_equal(file.length, 20);
	assert_int_equal(store_image_file(f->s, &d, FILE_INITRD, 1, &file), -ENOENT);
	assert_int_equal(store_file_name(f->s, &file.sha256, name, image, &role), 0);
	assert_string_equal(name, "initrd");
	assert_string_equal(image, "kvm");
	assert_int_equal(store_image_sigs(f->s, &d, sigs, 4), 1);
	assert_int_equal(sigs[0].b[0], 9);
	/* one of each signer, the newest */
	assert_int_equal(store_image_add(f->s, &d, &m, &newer, 1, 3), 0);
	assert_int_equal(store_image_sigs(f->s, &d, sigs, 4), 1);
	assert_int_equal(sigs[0].b[0], 77);
	assert_int_equal(store_image_add(f->s, &d, &m, &second, 1, 3), 0);
	assert_int_equal(store_image_sigs(f->s, &d, sigs, 4), 2);
}

static void current_is_one_of_a_channel(void **state)
{
	struct store_room *f = *state;
	struct store_image old, new, canary, beta, found;

	old = put_image(f, 1, "kvm", "1", "stable", 5);
	new = put_image(f, 2, "kvm", "2", "stable", 7);
	canary = put_image(f, 3, "kvm", "3", "canary", 9);
	beta = put_image(f, 4, "kvm", "3", "beta", 8);
	assert_int_equal(store_current_get(f->s, "kvm", "stable", &found), -ENOENT);
	assert_int_equal(store_current_of(f->s, "kvm", &found), -ENOENT);
	assert_int_equal(store_current_put(f->s, &beta, 1), 0);
	assert_int_equal(store_current_put(f->s, &canary, 1), 0);
	assert_int_equal(store_current_of(f->s, "kvm", &found), 0);
	assert_string_equal(found.channel, "canary"); /* the highest release */
	assert_int_equal(store_current_put(f->s, &new, 1), 0);
	assert_int_equal(store_current_put(f->s, &old, 2), 0);
	assert_int_equal(room_again(f), 0);
	assert_int_equal(store_current_of(f->s, "kvm", &found), 0);
	assert_string_equal(found.version, "1");
	assert_int_equal(store_current_get(f->s, "kvm", "canary", &found), 0);
	assert_int_equal(found.release, 9);
	/* what is current cannot be forgotten */
	assert_int_equal(store_image_rm(f->s, &old.manifest), -EEXIST);
	assert_int_equal(store_image_rm(f->s, &new.manifest), 0);
	assert_int_equal(store_current_rm(f->s, "kvm"), 0);
	assert_int_equal(store_image_rm(f->s, &old.manifest), 0);
	assert_int_equal(store_current_of(f->s, "kvm", &found), -ENOENT);
}

static void what_was_current_before(void **state)
{
	struct store_room *f = *state;
	struct store_image five, seven, nine, ten, other, found;

	five = put_image(f, 5, "kvm", "5", "stable", 5);
	seven = put_image(f, 7, "kvm", "7", "stable", 7);
	nine = put_image(f, 9, "kvm", "9", "stable", 9);
	ten = put_image(f, 10, "kvm", "10", "stable", 10);
	other = put_image(f, 8, "kvm", "8", "canary", 8);
	log_it(f, "import", &five, NULL, NULL);
	assert_int_equal(store_current_before(f->s, "kvm", "stable", 10, &found), -ENOENT);
	log_it(f, "current", &five, NULL, NULL);
	log_it(f, "current", &seven, NULL, NULL);
	log_it(f, "current", &nine, NULL, NULL);
	log_it(f, "current", &other, NULL, NULL);
	assert_int_equal(store_current_before(f->s, "kvm", "stable", 9, &found), 0);
	assert_string_equal(found.version, "7");
	log_it(f, "rollback", &seven, NULL, NULL);
	log_it(f, "current", &ten, NULL, NULL);
	/* not 9, which people had left */
	assert_int_equal(store_current_before(f->s, "kvm", "stable", 10, &found), 0);
	assert_string_equal(found.version, "7");
	/* and once more: ever older, never back and forth */
	assert_int_equal(store_current_before(f->s, "kvm", "stable", 7, &found), 0);
	assert_string_equal(found.version, "5");
	assert_int_equal(store_current_before(f->s, "kvm", "stable", 5, &found), -ENOENT);
	assert_int_equal(store_image_rm(f->s, &seven.manifest), 0);
	assert_int_equal(store_current_before(f->s, "kvm", "stable", 10, &found), 0);
	assert_string_equal(found.version, "9"); /* 7 is gone */
}

static void pins_hold_their_image(void **state)
{
	struct store_room *f = *state;
	struct store_host a = { 0 }, b = { 0 };
	struct store_image old, new, agent, found, pins[4];
	struct store_boot boot = { 0 };
	char names[64];

	old = put_image(f, 1, "kvm", "1", "stable", 5);
	new = put_image(f, 2, "kvm", "2", "stable", 7);
	agent = put_image(f, 3, "agent", "1", "stable", 1);
	assert_int_equal(store_host_add(f->s, &a), 0);
	assert_int_equal(store_host_add(f->s, &b), 0);
	assert_int_equal(store_pin_get(f->s, a.id, "kvm", &found), -ENOENT);
	assert_int_equal(store_pin_put(f->s, a.id, &old), 0);
	assert_int_equal(store_pin_put(f->s, a.id, &new), 0); /* in its place */
	assert_int_equal(store_pin_put(f->s, b.id, &new), 0);
	assert_int_equal(store_pin_put(f->s, a.id, &agent), 0);
	assert_int_equal(store_pin_get(f->s, a.id, "kvm", &found), 0);
	assert_string_equal(found.version, "2");
	assert_int_equal(store_pins(f->s, a.id, pins, 4), 2);
	assert_string_equal(pins[0].name, "agent");
	assert_int_equal(store_image_pinned_by(f->s, &new.manifest, names, sizeof names), 2);
	assert_string_equal(names, "n01, n02");
	assert_int_equal(store_image_pinned_by(f->s, &old.manifest, names, sizeof names), 0);
	assert_string_equal(names, "");
	assert_int_equal(store_image_rm(f->s, &new.manifest), -EEXIST);
	assert_int_equal(store_image_rm(f->s, &old.manifest), 0);
	assert_int_equal(store_pin_rm(f->s, a.id, "kvm"), 0);
	assert_int_equal(store_host_rm(f->s, b.id), 0); /* with its pin */
	assert_int_equal(store_image_pinned_by(f->s, &new.manifest, names, sizeof names), 0);

	boot.host = a.id;
	boot.manifest = new.manifest;
	boot.agent = agent.manifest;
	boot.has_manifest = boot.has_agent = true;
	assert_int_equal(store_boot_add(f->s, &boot), 0);
	assert_int_equal(store_image_booted_by(f->s, &new.manifest, 100, names, sizeof names), 1);
	assert_string_equal(names, "n01");
	assert_int_equal(store_image_booted_by(f->s, &agent.manifest, 100, names, sizeof names), 1);
	/* handed over to what does not report, long ago */
	boot.stage = STAGE_HANDOFF;
	boot.seen_ms = 99;
	assert_int_equal(store_boot_put(f->s, &boot), 0);
	assert_int_equal(store_image_booted_by(f->s, &new.manifest, 99, names, sizeof names), 1);
	assert_int_equal(store_image_booted_by(f->s, &new.manifest, 100, names, sizeof names), 0);
	strcpy(boot.nonce, "6e"); /* it will report */
	assert_int_equal(store_boot_put(f->s, &boot), 0);
	assert_int_equal(store_image_booted_by(f->s, &new.manifest, 100, names, sizeof names), 1);
	boot.state = BOOT_UP;
	assert_int_equal(store_boot_put(f->s, &boot), 0);
	assert_int_equal(store_image_booted_by(f->s, &agent.manifest, 100, names, sizeof names), 0);
}

static void the_log_says_who_and_why(void **state)
{
	struct store_room *f = *state;
	struct store_image kvm = put_image(f, 1, "kvm", "1", "stable", 5);
	struct store_image xen = put_image(f, 2, "xen", "4", "stable", 6);
	struct json *doc;
	const struct json *log;
	char *text, err[80];

	log_it(f, "import", &kvm, NULL, NULL);
	log_it(f, "import", &xen, NULL, NULL);
	log_it(f, "rollback", &kvm, "ada", "too \"slow\"");
	assert_int_equal(room_again(f), 0);
	assert_int_equal(store_json_image_log(f->s, "kvm", 10, &text), 0);
	doc = json_read(text, strlen(text), err, sizeof err);
	log = json_get(doc, "log");
	assert_int_equal(json_len(log), 2);
	assert_string_equal(json_get_str(json_at(log, 0), "what", ""), "rollback");
	assert_string_equal(json_get_str(json_at(log, 0), "user", ""), "ada");
	assert_int_equal(json_get_int(json_at(log, 0), "uid", 0), 1000);
	assert_string_equal(json_get_str(json_at(log, 0), "why", ""), "too \"slow\"");
	assert_true(json_is_null(json_get(json_at(log, 0), "from")));
	assert_int_equal(json_get_int(json_get(json_at(log, 0), "to"), "release", 0), 5);
	assert_true(json_is_null(json_get(json_at(log, 1), "uid")));
	json_free(doc);
	free(text);
	assert_int_equal(store_json_image_log(f->s, NULL, 2, &text), 0);
	doc = json_read(text, strlen(text), err, sizeof err);
	assert_string_equal(json_get_str(json_at(json_get(doc, "log"), 1), "image", ""), "xen");
	json_free(doc);
	free(text);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, room_open, room_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(versions_of_an_image),
		T(metrics_of_an_image_signed_anew),
		T(files_and_signatures),
		T(current_is_one_of_a_channel),
		T(what_was_current_before),
		T(pins_hold_their_image),
		T(the_log_says_who_and_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
