/*
 * test_manifest.c: each row is the good manifest with one piece of text replaced, and a part of the
 * sentence that must come back (NULL: accepted).
 */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/manifest.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define SHA	     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define X64	     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X256	     X64 X64 X64 X64
#define FILE2                                                                                      \
	"{ \"role\": \"initrd\", \"name\": \"initrd\", \"length\": 2,\n      \"sha256\": \"" SHA   \
	"\" }"

static const char good[] =
	"{\n"
	"  \"type\": \"manifest\",\n"
	"  \"name\": \"kvm\",\n"
	"  \"version\": \"6.1.192-2\",\n"
	"  \"kind\": \"linux\",\n"
	"  \"arch\": \"x86_64\",\n"
	"  \"channel\": \"stable\",\n"
	"  \"release\": 3,\n"
	"  \"created\": 1763942400,\n"
	"  \"expires\": 1798502400,\n"
	"  \"args\": \"console=ttyS0,115200n8\",\n"
	"  \"xen_args\": \"\",\n"
	"  \"files\": [\n"
	"    { \"role\": \"kernel\", \"name\": \"vmlinuz\", \"length\": 8214336,\n"
	"      \"sha256\": \"" SHA "\" },\n"
	"    " FILE2 "\n"
	"  ]\n"
	"}\n";

static const struct {
	const char *name, *old, *new, *says;
} rows[] = {
	{ "as it is", "", "", NULL },
	{ "spaces do not matter", "\"release\": 3", "\"release\":   3", NULL },
	{ "not stamped yet", "3,\n  \"created\": 1763942400,\n  \"expires\": 1798502400",
		"0,\n  \"created\": 0,\n  \"expires\": 0", NULL },
	{ "no initrd", ",\n    " FILE2, "", NULL },
	/* keys */
	{ "another type", "\"manifest\"", "\"channel\"", "type" },
	{ "a doubled key", "\"release\": 3,", "\"release\": 3, \"release\": 3,", "duplicate" },
	{ "an unknown key", "\"release\": 3,", "\"releases\": 3,", "release is expected" },
	{ "an unknown key at the end", "  ]\n}", "  ], \"more\": 1\n}", "after files" },
	{ "a missing key", "  \"arch\": \"x86_64\",\n", "", "arch is expected" },
	{ "the last key missing", ",\n  \"files\": [", "}\n", "end of file" },
	{ "keys in another order", "\"name\": \"kvm\",\n  \"version\": \"6.1.192-2\"",
		"\"version\": \"6.1.192-2\",\n  \"name\": \"kvm\"", "name is expected" },
	{ "a key escaped into another", "\"name\": \"kvm\"", "\"name\\u0020\": \"kvm\"", "name" },
	{ "file: an unknown key", "\"length\": 2,", "\"length\": 2, \"url\": 1,", "files[1]" },
	{ "file: a missing key", "\"length\": 2,", "", "files[1]: sha256 where length" },
	{ "file: not an object", FILE2, "[]", "files[1]: not an object" },
	{ "an array", good, "[]\n", "not an object" },
	/* bytes */
	{ "CR", "{\n  \"type\"", "{\r\n  \"type\"", "LF" },
	{ "no LF at the end", "  ]\n}\n", "  ]\n}", "LF" },
	{ "byte order mark", "{\n  \"type\"", "\xef\xbb\xbf{\n  \"type\"", "line 1" },
	{ "no UTF-8", "\"kvm\"", "\"k\xffm\"", "line 3" },
	/* numbers */
	{ "release with a leading zero", "\"release\": 3", "\"release\": 03", "line 8" },
	{ "release below zero", "\"release\": 3", "\"release\": -1", "release" },
	{ "release is 2^63", "\"release\": 3", "\"release\": 9223372036854775808", "big" },
	{ "release is 2^64", "\"release\": 3", "\"release\": 18446744073709551616", "big" },
	{ "release is 3.0", "\"release\": 3", "\"release\": 3.0", "release" },
	{ "release is a string", "\"release\": 3", "\"release\": \"3\"", "release" },
	{ "release is null", "\"release\": 3", "\"release\": null", "release" },
	/* times */
	{ "expires when created", "1798502400", "1763942400", "expires" },
	{ "expires before created", "1798502400", "1763942399", "expires" },
	{ "created in the year 9999", "1763942400", "253402300799", "created" },
	{ "expires in the year 9999", "1798502400", "253402300799", "expires" },
	{ "created before 1970", "1763942400", "-62135596800", "created" },
	{ "stamped, but for release", "\"release\": 3", "\"release\": 0", "all stamped" },
	{ "stamped, but for created", "1763942400", "0", "all stamped" },
	{ "stamped, but for expires", "1798502400", "0", "all stamped" },
	/* names */
	{ "name empty", "\"kvm\"", "\"\"", "name" },
	{ "name of 63", "\"kvm\"", "\"x" X64 "\"", "name" },
	{ "name with a space", "\"kvm\"", "\"k m\"", "name" },
	{ "name with a dash in front", "\"kvm\"", "\"-kvm\"", "name" },
	{ "name is a number", "\"kvm\"", "4", "name" },
	{ "version with a slash", "6.1.192-2", "6/1", "version" },
	{ "channel empty", "\"stable\"", "\"\"", "channel" },
	{ "file name absolute", "\"vmlinuz\"", "\"/vmlinuz\"", "file name" },
	{ "file name climbs", "\"vmlinuz\"", "\"../init\"", "file name" },
	{ "file name empty", "\"vmlinuz\"", "\"\"", "file name" },
	{ "file name hidden", "\"vmlinuz\"", "\".vmlinuz\"", "file name" },
	{ "file name of 256", "\"vmlinuz\"", "\"" X256 "\"", "file name" },
	{ "file name doubled", "\"vmlinuz\"", "\"initrd\"", "two named" },
	{ "file name differs in case only", "\"vmlinuz\"", "\"InitRD\"", "two named" },
	/* arguments */
	{ "args with LF", "n8\"", "n8\\n\"", "args" },
	{ "args with a quote", "n8\"", "n8\\\"\"", "args" },
	{ "args with a backslash", "n8\"", "n8\\\\\"", "args" },
	{ "args not ASCII", "n8\"", "\xc3\xa4\"", "args" },
	{ "args too long", "n8\"", X256 X256 X256 X256 "\"", "args" },
	{ "args absent", "\"console=ttyS0,115200n8\"", "null", "args" },
	{ "xen_args on linux", "\"xen_args\": \"\"", "\"xen_args\": \"loglvl=all\"", "xen_args" },
	/* kinds, roles, files */
	{ "kind unknown", "\"linux\"", "\"vm\"", "kind" },
	{ "kind in capitals", "\"linux\"", "\"Linux\"", "kind" },
	{ "kind esxi without boot.cfg", "\"linux\"", "\"esxi\"", "role initrd" },
	{ "kind san with files", "\"linux\"", "\"san\"", "role kernel" },
	{ "kind xen without Xen", "\"linux\"", "\"xen\"", "role xen" },
	{ "another architecture", "\"x86_64\"", "\"aarch64\"", "arch" },
	{ "role unknown", "\"kernel\"", "\"firmware\"", "role" },
	{ "role xen in linux", "\"initrd\", \"name\"", "\"xen\", \"name\"", "role xen" },
	{ "two kernels", "\"initrd\", \"name\"", "\"kernel\", \"name\"", "role kernel" },
	{ "no kernel", "\"kernel\"", "\"initrd\"", "role kernel" },
	{ "length 0", "\"length\": 2", "\"length\": 0", "length" },
	{ "length 4 GiB", "\"length\": 2", "\"length\": 4294967296", NULL },
	{ "length 4 GiB + 1", "\"length\": 2", "\"length\": 4294967297", "length" },
	{ "digest too short", SHA "\" }\n  ]", "abc\" }\n  ]", "files[1]: sha256" },
	{ "files empty", "\"files\": [", "\"files\": [], \"x\": [", "after files" },
};

/* The good text with the first `old` replaced; an exact heap block. */
static char *replaced(const char *old, const char *new, size_t *len)
{
	const char *at = strstr(good, old);
	size_t head, tail;
	char *p;

	assert_non_null(at);
	head = (size_t)(at - good);
	tail = strlen(at + strlen(old));
	*len = head + strlen(new) + tail;
	p = malloc(*len);
	assert_non_null(p);
	memcpy(p, good, head);
	memcpy(p + head, new, strlen(new));
	memcpy(p + head + strlen(new), at + strlen(old), tail);
	return p;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char err[160] = "";
		struct manifest m = { .release = 77 };
		size_t len;
		char *text = replaced(rows[i].old, rows[i].new, &len);

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(manifest_parse(text, len, &m, err, sizeof err),
			rows[i].says ? -EBADMSG : 0);
		if (rows[i].says)
			print_message("     %s\n", err);
		if (rows[i].says) {
			assert_int_equal(m.release, 77);
			assert_non_null(strstr(err, rows[i].says));
		}
		free(text);
	}
}

static void test_fields(void **state)
{
	char err[160] = "", text[4096];
	struct manifest m, n;
	int len;

	(void)state;
	assert_int_equal(manifest_parse(good, strlen(good), &m, err, sizeof err), 0);
	assert_string_equal(m.name, "kvm");
	assert_string_equal(m.version, "6.1.192-2");
	assert_string_equal(m.channel, "stable");
	assert_int_equal(m.kind, IMAGE_LINUX);
	assert_int_equal(m.release, 3);
	assert_int_equal(m.created_s, 1763942400);
	assert_int_equal(m.expires_s, 1798502400);
	assert_string_equal(m.args, "console=ttyS0,115200n8");
	assert_int_equal(m.n_files, 2);
	assert_int_equal(m.files[1].role, FILE_INITRD);
	assert_ptr_equal(manifest_file(&m, FILE_KERNEL), &m.files[0]);
	assert_null(manifest_file(&m, FILE_XEN));
	assert_int_equal(manifest_total(&m), 8214338);
	len = manifest_print(&m, text, sizeof text);
	assert_string_equal(text, good);
	assert_int_equal(manifest_parse(text, (size_t)len, &n, err, sizeof err), 0);
	assert_memory_equal(&m, &n, sizeof m);
	for (size_t room = 0; room <= (size_t)len; room++) {
		char *out = malloc(room ? room : 1);

		assert_int_equal(manifest_print(&m, out, room), -ENOSPC);
		free(out);
	}
}

static void test_xen(void **state)
{
	char err[160] = "", text[4096];
	struct manifest m, n;
	int len;

	(void)state;
	assert_int_equal(manifest_parse(good, strlen(good), &m, err, sizeof err), 0);
	m.kind = IMAGE_XEN;
	strcpy(m.xen_args, "no-real-mode edd=off");
	m.files[2] = (struct manifest_file){ .role = FILE_XEN, .name = "xen", .length = 1 };
	m.n_files = 3;
	len = manifest_print(&m, text, sizeof text);
	assert_int_equal(manifest_parse(text, (size_t)len, &n, err, sizeof err), 0);
	assert_memory_equal(&m, &n, sizeof m);
	m.files[2].role = FILE_UKI;
	len = manifest_print(&m, text, sizeof text);
	assert_int_equal(manifest_parse(text, (size_t)len, &n, err, sizeof err), -EBADMSG);
}

/* The roles of each kind that the loader starts: as few as there may be, then one more of each. */
static void test_direct(void **state)
{
	static const struct {
		enum image_kind kind;
		size_t n;
		enum file_role roles[5];
		bool good;
	} kinds[] = {
		{ IMAGE_ESXI, 3, { FILE_EFI, FILE_BOOTCFG, FILE_KERNEL }, true },
		{ IMAGE_ESXI, 5, { FILE_EFI, FILE_BOOTCFG, FILE_KERNEL, FILE_MODULE, FILE_MODULE },
			true },
		{ IMAGE_ESXI, 2, { FILE_EFI, FILE_BOOTCFG }, false },
		{ IMAGE_ESXI, 4, { FILE_EFI, FILE_EFI, FILE_BOOTCFG, FILE_KERNEL }, false },
		{ IMAGE_EFI, 1, { FILE_EFI }, true },
		{ IMAGE_EFI, 3, { FILE_EFI, FILE_MODULE, FILE_MODULE }, true },
		{ IMAGE_EFI, 2, { FILE_EFI, FILE_ISO }, false },
		{ IMAGE_EFI, 0, { 0 }, false },
		{ IMAGE_ISO, 1, { FILE_ISO }, true },
		{ IMAGE_ISO, 2, { FILE_ISO, FILE_ISO }, false },
		{ IMAGE_SAN, 0, { 0 }, true },
		{ IMAGE_SAN, 1, { FILE_ISO }, false },
	};
	char err[160] = "", text[8192];
	struct manifest base, m, n;

	(void)state;
	assert_int_equal(manifest_parse(good, strlen(good), &base, err, sizeof err), 0);
	assert_false(image_kind_direct(IMAGE_LINUX) || image_kind_direct(IMAGE_XEN));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		int len;

		m = base;
		memset(m.files, 0, sizeof m.files);
		m.kind = kinds[i].kind;
		m.n_files = kinds[i].n;
		assert_true(image_kind_direct(m.kind));
		for (size_t k = 0; k < m.n_files; k++) {
			m.files[k] = base.files[0];
			m.files[k].role = kinds[i].roles[k];
			m.files[k].name[0] = (char)('a' + k);
		}
		len = manifest_print(&m, text, sizeof text);
		assert_true(len > 0);
		assert_int_equal(manifest_parse(text, (size_t)len, &n, err, sizeof err),
			kinds[i].good ? 0 : -EBADMSG);
		if (kinds[i].good)
			assert_memory_equal(&m, &n, sizeof m);
	}
}

/* As many files as there may be, with names as long as ESXi's, fit; one more is refused. */
static void test_many(void **state)
{
	static struct manifest m, n;
	char err[160] = "", *text = malloc(MANIFEST_MAX);
	int len;

	(void)state;
	assert_non_null(text);
	assert_int_equal(manifest_parse(good, strlen(good), &m, err, sizeof err), 0);
	for (size_t i = 1; i < MANIFEST_FILES_MAX; i++) {
		m.files[i] = m.files[1];
		snprintf(m.files[i].name, sizeof m.files[i].name, "module-%03zu.v00", i);
	}
	m.n_files = MANIFEST_FILES_MAX;
	len = manifest_print(&m, text, MANIFEST_MAX);
	assert_true(len > 0);
	assert_int_equal(manifest_parse(text, (size_t)len, &n, err, sizeof err), 0);
	assert_memory_equal(&m, &n, sizeof m);
	memcpy(text + len - 6, ",\n" FILE2 "\n  ]\n}\n", sizeof ",\n" FILE2 "\n  ]\n}\n");
	assert_int_equal(manifest_parse(text, strlen(text), &n, err, sizeof err), -EBADMSG);
	assert_non_null(strstr(err, "at most 256"));
	free(text);
}

static void test_prefixes(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(good); len++) {
		char err[160] = "", *text = malloc(len ? len : 1);
		struct manifest m;

		assert_non_null(text);
		memcpy(text, good, len);
		assert_int_equal(manifest_parse(text, len, &m, err, sizeof err), -EBADMSG);
		assert_string_not_equal(err, "");
		free(text);
	}
}

/* The limit counts bytes: spaces fill a good manifest up to it, and one past it. */
static void test_size(void **state)
{
	char err[160] = "", *text = malloc(MANIFEST_MAX + 1);
	struct manifest m;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', MANIFEST_MAX + 1);
	memcpy(text, good, strlen(good));
	text[MANIFEST_MAX - 1] = '\n';
	text[MANIFEST_MAX] = '\n';
	assert_int_equal(manifest_parse(text, MANIFEST_MAX, &m, err, sizeof err), 0);
	assert_int_equal(manifest_parse(text, MANIFEST_MAX + 1, &m, err, sizeof err), -EBADMSG);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_xen),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
