/* What the agent has in common with images: what it says of itself, and when a switch will do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/shared.h"
#include "server/bytes.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static struct digest digest_of(const char *hex)
{
	struct digest d;

	assert_int_equal(digest_parse(hex, &d), 0);
	return d;
}

static void test_parse(void **state)
{
	static const struct {
		const char *name, *text;
		bool known;
	} rows[] = {
		{ "both", "kernel " A64 "\nbase " B64 "\n", true },
		{ "the other order", "base " B64 "\nkernel " A64, true },
		{ "no base", "kernel " A64 "\n", false },
		{ "cut short", "kernel " A64 "\nbase bbbb", false },
		{ "no hex", "kernel " A64 "\nbase x" B64 "\n", false },
		{ "empty", "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct digest a = digest_of(A64), b = digest_of(B64);
		struct shared s;

		print_message("row: %s\n", rows[i].name);
		shared_parse(rows[i].text, &s);
		assert_int_equal(s.known, rows[i].known);
		assert_int_equal(s.known && digest_equal(&s.kernel, &a), rows[i].known);
		assert_int_equal(s.known && digest_equal(&s.base, &b), rows[i].known);
	}
}

static void test_can_switch(void **state)
{
	static const struct {
		const char *name, *kernel, *first, *second, *args;
		enum image_kind kind;
		bool known, want;
	} rows[] = {
		{ "the same kernel and base", A64, B64, C64, "console=tty0", IMAGE_LINUX, true,
			true },
		{ "no arguments", A64, B64, C64, "", IMAGE_LINUX, true, true },
		{ "several arguments", A64, B64, C64, "quiet console=tty0", IMAGE_LINUX, true,
			true },
		{ "another kernel", C64, B64, C64, "quiet", IMAGE_LINUX, true, false },
		{ "another base", A64, C64, C64, "quiet", IMAGE_LINUX, true, false },
		{ "base not first", A64, C64, B64, "quiet", IMAGE_LINUX, true, false },
		{ "an argument more", A64, B64, C64, "quiet hugepages=8", IMAGE_LINUX, true,
			false },
		{ "the start of an argument", A64, B64, C64, "console=tty", IMAGE_LINUX, true,
			false },
		{ "xen", A64, B64, C64, "quiet", IMAGE_XEN, true, false },
		{ "an agent that does not know", A64, B64, C64, "quiet", IMAGE_LINUX, false,
			false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct shared s = { rows[i].known, digest_of(A64), digest_of(B64) };
		struct manifest m = { .kind = rows[i].kind,
			.n_files = 3,
			.files = { { .role = FILE_KERNEL, .sha256 = digest_of(rows[i].kernel) },
				{ .role = FILE_INITRD, .sha256 = digest_of(rows[i].first) },
				{ .role = FILE_INITRD, .sha256 = digest_of(rows[i].second) } } };

		print_message("row: %s\n", rows[i].name);
		snprintf(m.args, sizeof m.args, "%s", rows[i].args);
		assert_int_equal(
			shared_can_switch(&s, &m, "console=tty0 console=ttyS0 quiet panic=30\n"),
			rows[i].want);
	}
}

static void test_has(void **state)
{
	const struct shared s = { true, digest_of(A64), digest_of(B64) }, none = { 0 };
	struct manifest_file f = { .role = FILE_INITRD, .sha256 = digest_of(B64) };

	(void)state;
	assert_true(shared_has(&s, &f));
	assert_false(shared_has(&none, &f));
	f.role = FILE_KERNEL; /* the same bytes in another role are another thing */
	assert_false(shared_has(&s, &f));
	f = (struct manifest_file){ .role = FILE_INITRD };
	assert_false(shared_has(&none, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_can_switch),
		cmocka_unit_test(test_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
