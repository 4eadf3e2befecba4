#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/trust.h"
#include "agent/verify.h"

static void make_manifest(struct manifest *m, enum image_kind kind, uint64_t length)
{
	static const enum file_role roles[] = { FILE_KERNEL, FILE_INITRD, FILE_XEN };

	*m = (struct manifest){ .name = "kvm", .kind = kind };
	m->n_files = kind == IMAGE_XEN ? 3 : 2;
	for (size_t i = 0; i < m->n_files; i++) {
		m->files[i].role = roles[i];
		m->files[i].length = length;
	}
}

static void test_host_can(void **state)
{
	static const struct {
		const char *name;
		enum image_kind kind;
		uint64_t length;
		const char *code;
	} rows[] = {
		{ "good", IMAGE_LINUX, 1 << 20, NULL },
		{ "Xen under lockdown", IMAGE_XEN, 1 << 20, "manifest-kind" },
		{ "kind goes before memory", IMAGE_XEN, 4ULL << 30, "manifest-kind" },
		{ "fits to the byte", IMAGE_LINUX, 16 << 20, NULL },
		{ "one byte too large", IMAGE_LINUX, (16 << 20) + 1, "memory" },
		{ "far too large", IMAGE_LINUX, 4ULL << 30, "memory" },
	};
	const struct verify_host host = { .kind_ok = { true, false }, .memory_free = 128 << 20 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct manifest m;
		struct fault f = { 0 };

		print_message("row: %s\n", rows[i].name);
		make_manifest(&m, rows[i].kind, rows[i].length);
		assert_int_equal(verify_host_can(&m, &host, &f), rows[i].code ? -EBADMSG : 0);
		if (rows[i].code)
			assert_string_equal(f.code, rows[i].code);
	}
}

/* A verdict is a fault with the table's code. */
static void test_verdict(void **state)
{
	struct fault f = { 0 };

	(void)state;
	assert_int_equal(verify_verdict(VERDICT_GOOD, "", &f), 0);
	assert_null(f.code);
	assert_int_equal(verify_verdict(VERDICT_ROLLBACK, "A sentence.", &f), -EBADMSG);
	assert_string_equal(f.code, "rollback");
	assert_string_equal(f.stage, "verify");
	assert_string_equal(f.message, "A sentence.");
}

/* ---- what the ramdisk carries ---- */

static char dir[] = "/tmp/muster-trust-XXXXXX";

static void put(const char *name, const void *p, size_t len)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void drop(const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

static void put_key(const char *name, const struct minisig_public *pub)
{
	char text[MINISIG_TEXT_MAX];

	minisig_public_print(pub, text);
	put_text(name, text);
}

static void refused(const char *sentence)
{
	struct trust t = { .epoch_s = 77 };
	struct fault f = { 0 };

	assert_int_equal(trust_load(dir, &t, &f), -ENOKEY);
	assert_string_equal(f.code, "trust");
	if (!strstr(f.message, sentence))
		fail_msg("'%s', not '%s'", f.message, sentence);
	assert_int_equal(t.epoch_s, 77);
}

static void test_trust(void **state)
{
	struct root r = { .version = 3,
		.expires_s = 4000000000,
		.threshold = 2,
		.n_keys = 2,
		.names = { "ada", "bob" } };
	char text[STRICT_MAX + 2], sig[2][MINISIG_TEXT_MAX];
	struct minisig_secret sec[2], site;
	struct minisig_public site_pub;
	struct trust t;
	struct fault f;
	int n;

	(void)state;
	assert_int_equal(minisig_init(), 0);
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < 2; i++)
		minisig_generate(&sec[i], &r.keys[i]);
	minisig_generate(&site, &site_pub);
	refused("no release key");
	/* bare keys, one of them twice */
	put_key("release-1.pub", &r.keys[0]);
	put_key("release-2.pub", &r.keys[1]);
	put_key("release-3.pub", &r.keys[0]);
	refused("no site key");
	put_key("site-1.pub", &site_pub);
	assert_int_equal(trust_load(dir, &t, &f), 0);
	assert_int_equal(t.walk.root.version, 0);
	assert_int_equal(t.walk.root.threshold, 1);
	assert_int_equal(t.walk.root.n_keys, 2);
	assert_int_equal(t.n_site, 1);
	assert_int_equal(t.epoch_s, 0);
	assert_false(t.rtc_trusted);
	put_text("site-2.pub", "no key\n");
	refused("site-2.pub is no public key");
	drop("site-2.pub");
	/* a root goes before them */
	n = root_print(&r, text, sizeof text);
	assert_true(n > 0);
	put("root.json", text, (size_t)n);
	refused("root: Too few of its own keys have signed the root (0 of 2)");
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(minisig_sign(&sec[i], text, (size_t)n, "t", sig[i]), 0);
	put_text("root.json.minisig.A", sig[0]);
	refused("(1 of 2)");
	put_text("root.json.minisig.B", sig[1]);
	put_text("epoch", "1763942400\n");
	put_text("rtc-trusted", "");
	assert_int_equal(trust_load(dir, &t, &f), 0);
	assert_int_equal(t.walk.root.version, 3);
	assert_int_equal(t.walk.root.threshold, 2);
	assert_int_equal(t.epoch_s, 1763942400);
	assert_true(t.rtc_trusted);
	put_text("epoch", "1763942400x\n");
	refused("epoch is no time");
	put_text("epoch", "-1\n");
	refused("epoch is no time");
	put_text("epoch", "");
	refused("epoch is no time");
	drop("epoch");
	text[n] = '\n';
	put("root.json", text, (size_t)n + 1);
	refused("(0 of 2)");
	memset(text, ' ', sizeof text);
	put("root.json", text, sizeof text);
	refused("It is no root");
}

static int remove_dir(void **state)
{
	static const char *const files[] = { "release-1.pub", "release-2.pub", "release-3.pub",
		"site-1.pub", "root.json", "root.json.minisig.A", "root.json.minisig.B",
		"rtc-trusted" };

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		drop(files[i]);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_can),
		cmocka_unit_test(test_verdict),
		cmocka_unit_test_teardown(test_trust, remove_dir),
	};

	return cmocka_run_group_tests_name("agent verify", tests, NULL, NULL);
}
