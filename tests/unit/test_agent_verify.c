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

#include "agent/verify.h"

#define NONCE	       "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER	       "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define IMAGE	       "abababababababababababababababababababababababababababababababab"
#define MANIFEST_BYTES 4096

static struct minisig_secret site, release, stranger;
static struct trust trust;

static int make_keys(void **state)
{
	(void)state;
	assert_int_equal(minisig_init(), 0);
	minisig_generate(&site, &trust.site[0]);
	minisig_generate(&release, &trust.release[0]);
	trust.n_site = trust.n_release = 1;
	minisig_generate(&stranger, &trust.site[1]); /* not counted: not trusted */
	return 0;
}

static const struct ticket_want want = { .nonce = NONCE, .host = "n01", .boot = 17 };

#define TICKET(type, nonce, host, boot, more)                                                      \
	"{\"type\":\"" type "\",\"nonce\":\"" nonce "\",\"host\":\"" host "\",\"boot\":" boot      \
	",\"manifest\":\"" IMAGE "\",\"issued\":1763942400,\"ttl\":120" more "}"

static void test_ticket(void **state)
{
	static const struct {
		const char *name, *text;
		const struct minisig_secret *key;
		const char *code; /* NULL: good */
	} rows[] = {
		{ "good", TICKET("ticket", NONCE, "n01", "17", ""), &site, NULL },
		{ "by a stranger", TICKET("ticket", NONCE, "n01", "17", ""), &stranger,
			"ticket-signature" },
		{ "by a release key", TICKET("ticket", NONCE, "n01", "17", ""), &release,
			"ticket-signature" },
		{ "replayed", TICKET("ticket", OTHER, "n01", "17", ""), &site, "ticket-nonce" },
		{ "for another host", TICKET("ticket", NONCE, "n02", "17", ""), &site,
			"ticket-host" },
		{ "for another boot", TICKET("ticket", NONCE, "n01", "18", ""), &site,
			"ticket-host" },
		{ "another type", TICKET("manifest", NONCE, "n01", "17", ""), &site,
			"ticket-malformed" },
		{ "one key more", TICKET("ticket", NONCE, "n01", "17", ",\"x\":1"), &site,
			"ticket-malformed" },
		{ "a key twice", TICKET("ticket", NONCE, "n01", "17", ",\"ttl\":1"), &site,
			"ticket-malformed" },
		{ "nonce too short", TICKET("ticket", "00", "n01", "17", ""), &site,
			"ticket-malformed" },
		{ "boot is text", TICKET("ticket", NONCE, "n01", "\"17\"", ""), &site,
			"ticket-malformed" },
		{ "boot is negative", TICKET("ticket", NONCE, "n01", "-17", ""), &site,
			"ticket-malformed" },
		{ "no JSON", "ticket", &site, "ticket-malformed" },
		{ "empty", "", &site, "ticket-malformed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char sig[MINISIG_TEXT_MAX];
		struct ticket t = { .issued_s = 1 };
		struct fault f = { 0 };

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(
			minisig_sign(rows[i].key, rows[i].text, strlen(rows[i].text), "t", sig), 0);
		assert_int_equal(verify_ticket(&trust, rows[i].text, sig, &want, &t, &f),
			rows[i].code ? -EBADMSG : 0);
		assert_true(t.issued_s == (rows[i].code ? 1 : 1763942400));
		if (rows[i].code) {
			assert_string_equal(f.code, rows[i].code);
			assert_true(f.message[0]);
		}
	}
}

/* Every flipped bit of ticket or signature (but for its untrusted comment) is refused. */
static void test_ticket_flips(void **state)
{
	static const char good[] = TICKET("ticket", NONCE, "n01", "17", "");
	char sig[MINISIG_TEXT_MAX], text[sizeof good];
	struct ticket t;
	struct fault f;

	(void)state;
	memcpy(text, good, sizeof good);
	minisig_sign(&site, text, strlen(text), "t", sig);
	for (size_t bit = 0; bit < 8 * (sizeof good - 1); bit++) {
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(verify_ticket(&trust, text, sig, &want, &t, &f), -EBADMSG);
		assert_string_equal(f.code, "ticket-signature");
		text[bit / 8] = good[bit / 8];
	}
	for (char *p = strchr(sig, '\n'); *p; p++)
		for (int bit = 0; bit < 8; bit++) {
			*p = (char)(*p ^ 1 << bit);
			assert_int_equal(verify_ticket(&trust, text, sig, &want, &t, &f), -EBADMSG);
			assert_string_equal(f.code, "ticket-signature");
			*p = (char)(*p ^ 1 << bit);
		}
	assert_int_equal(verify_ticket(&trust, text, sig, &want, &t, &f), 0);
}

static void test_ticket_too_long(void **state)
{
	char text[VERIFY_TICKET_MAX + 2], sig[MINISIG_TEXT_MAX];
	struct ticket t;
	struct fault f;

	(void)state;
	memset(text, ' ', sizeof text);
	text[sizeof text - 1] = '\0';
	minisig_sign(&site, text, strlen(text), "t", sig);
	assert_int_equal(verify_ticket(&trust, text, sig, &want, &t, &f), -EBADMSG);
	assert_string_equal(f.code, "ticket-malformed");
}

static void make_manifest(char *out, enum image_kind kind, uint64_t expires_s, uint64_t length)
{
	struct manifest m = { .name = "kvm",
		.version = "1",
		.channel = "stable",
		.kind = kind,
		.release = 1,
		.created_s = 1,
		.expires_s = expires_s,
		.args = "quiet" };
	static const enum file_role roles[] = { FILE_KERNEL, FILE_INITRD, FILE_XEN };

	m.n_files = kind == IMAGE_XEN ? 3 : 2;
	for (size_t i = 0; i < m.n_files; i++) {
		m.files[i].role = roles[i];
		snprintf(m.files[i].name, sizeof m.files[i].name, "file%zu", i);
		m.files[i].length = length;
	}
	assert_true(manifest_print(&m, out, MANIFEST_BYTES) > 0);
}

static void test_manifest(void **state)
{
	static const struct {
		const char *name;
		enum image_kind kind;
		uint64_t expires_s, length;
		const char *code;
	} rows[] = {
		{ "good", IMAGE_LINUX, 2000, 1 << 20, NULL },
		{ "expires in this second", IMAGE_LINUX, 1000, 1 << 20, NULL },
		{ "expired", IMAGE_LINUX, 999, 1 << 20, "manifest-expired" },
		{ "Xen under lockdown", IMAGE_XEN, 2000, 1 << 20, "manifest-kind" },
		{ "kind goes before expiry", IMAGE_XEN, 999, 1 << 20, "manifest-kind" },
		{ "fits to the byte", IMAGE_LINUX, 2000, 16 << 20, NULL },
		{ "one byte too large", IMAGE_LINUX, 2000, (16 << 20) + 1, "memory" },
		{ "far too large", IMAGE_LINUX, 2000, 4ULL << 30, "memory" },
	};
	const struct verify_host host = { .kind_ok = { true, false }, .memory_free = 128 << 20 };
	const struct ticket ticket = { .issued_s = 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[MANIFEST_BYTES];
		struct manifest m;
		struct fault f = { 0 };

		print_message("row: %s\n", rows[i].name);
		make_manifest(text, rows[i].kind, rows[i].expires_s, rows[i].length);
		assert_int_equal(verify_manifest(text, strlen(text), &ticket, &host, &m, &f),
			rows[i].code ? -EBADMSG : 0);
		if (rows[i].code)
			assert_string_equal(f.code, rows[i].code);
	}
}

static void test_manifest_bytes(void **state)
{
	const struct verify_host host = { .kind_ok = { true, true }, .memory_free = 1 << 30 };
	char text[MANIFEST_BYTES], good[MINISIG_TEXT_MAX], by_site[MINISIG_TEXT_MAX];
	const char *sigs[] = { by_site, good };
	struct ticket ticket = { .issued_s = 1000 };
	struct manifest m;
	struct fault f;
	size_t len;

	(void)state;
	make_manifest(text, IMAGE_LINUX, 2000, 1);
	len = strlen(text);
	assert_int_equal(digest_bytes(text, len, &ticket.manifest), 0);
	minisig_sign(&release, text, len, "t", good);
	minisig_sign(&site, text, len, "t", by_site);
	assert_int_equal(verify_manifest_digest(&ticket, text, len, &f), 0);
	assert_int_equal(verify_manifest_signature(&trust, text, len, sigs, 2, &f), 0);
	assert_int_equal(verify_manifest_signature(&trust, text, len, sigs, 1, &f), -EBADMSG);
	assert_string_equal(f.code, "manifest-signature");
	assert_int_equal(verify_manifest_signature(&trust, text, len, sigs, 0, &f), -EBADMSG);
	assert_string_equal(f.code, "manifest-signature");
	for (size_t bit = 0; bit < 8 * len; bit++) {
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(verify_manifest_digest(&ticket, text, len, &f), -EBADMSG);
		assert_string_equal(f.code, "manifest-digest");
		assert_string_not_equal(f.expected, f.found);
		assert_int_equal(
			verify_manifest_signature(&trust, text, len, sigs, 2, &f), -EBADMSG);
		assert_string_equal(f.code, "manifest-signature");
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
	}
	assert_int_equal(verify_manifest("{}", 2, &ticket, &host, &m, &f), -EBADMSG);
	assert_string_equal(f.code, "manifest-malformed");
	assert_int_equal(
		verify_signature_digest(&ticket.manifest, good, strlen(good), &f), -EBADMSG);
	assert_string_equal(f.code, "signature-digest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticket),
		cmocka_unit_test(test_ticket_flips),
		cmocka_unit_test(test_ticket_too_long),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_manifest_bytes),
	};

	return cmocka_run_group_tests_name("agent verify", tests, make_keys, NULL);
}
