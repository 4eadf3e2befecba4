/*
 * test_medium.c: what can be booted, told by looks: paths of media, kernels, ramdisks, EFI
 * programs, boot catalogues; and which of several is taken.
 */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/ctl/medium_find.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define A63	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"
#define A1024	     A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63

static void test_paths(void **state)
{
	static const struct {
		const char *path, *want;
		int rc;
	} rows[] = {
		{ "boot.cfg", "boot.cfg", 0 },
		{ "./efi/boot", "efi/boot", 0 },
		{ ".//.//efi/", "efi", 0 },
		{ "a/b c/d", "a/b c/d", 0 },
		{ "..a/b..", "..a/b..", 0 },
		{ ".", NULL, -ENOENT },
		{ "./", NULL, -ENOENT },
		{ "", NULL, -ENOENT },
		{ "/etc/passwd", NULL, -EACCES },
		{ "..", NULL, -EACCES },
		{ "../a", NULL, -EACCES },
		{ "./../a", NULL, -EACCES },
		{ "a/..", NULL, -EACCES },
		{ "a/../../b", NULL, -EACCES },
		{ "C:/a", NULL, -EACCES },
		{ "a\\..\\b", NULL, -EBADMSG },
		{ "./C:/a", NULL, -EACCES },
		{ "a/./b", NULL, -EBADMSG },
		{ "a//b", NULL, -EBADMSG },
		{ "a\nb", NULL, -EBADMSG },
		{ "a\x1b[2J", NULL, -EBADMSG },
		{ "a\x7f", NULL, -EBADMSG },
		{ A1024 "a", NULL, -ENAMETOOLONG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[MEDIUM_PATH_MAX] = "untouched";

		print_message("row: %.40s\n", rows[i].path);
		assert_int_equal(medium_path(rows[i].path, out), rows[i].rc);
		if (rows[i].want)
			assert_string_equal(out, rows[i].want);
	}
}

/* ---- heads of files ---- */

static uint8_t kernel[0x240], stub_kernel[0x240], old_kernel[0x240], efi[0x200], dll[0x200];
static const uint8_t gz[] = { 0x1f, 0x8b, 8 }, text[] = "hello";

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void make_heads(void)
{
	put16(kernel + 0x1fe, 0xaa55);
	memcpy(kernel + 0x202, "HdrS", 4);
	put16(kernel + 0x206, 0x20f);
	kernel[0x236] = 1;
	memcpy(old_kernel, kernel, sizeof kernel);
	put16(old_kernel + 0x206, 0x20b);
	memcpy(efi, "MZ", 2);
	efi[0x3c] = 0x80;
	memcpy(efi + 0x80, "PE\0\0", 4);
	put16(efi + 0x84, 0x8664);
	put16(efi + 0x98, 0x20b);
	put16(efi + 0x98 + 68, 10);
	memcpy(dll, efi, sizeof efi);
	put16(dll + 0x98 + 68, 3);
	memcpy(stub_kernel, efi, sizeof efi);
	memcpy(stub_kernel + 0x1fe, kernel + 0x1fe, sizeof kernel - 0x1fe);
}

/* Every shorter head is judged, too: from an exact block, so that nobody looks past it. */
static enum medium_type type_of(const char *path, const uint8_t *head, size_t len)
{
	struct medium_file f = { .path = strdup(path) };
	enum medium_type last = MEDIUM_UNKNOWN;

	for (size_t n = 0; n <= len; n++) {
		f.head = malloc(n ? n : 1);
		memcpy(f.head, head, n);
		f.head_len = n;
		last = medium_type(&f);
		free(f.head);
	}
	free(f.path);
	return last;
}

static void test_types(void **state)
{
	(void)state;
	make_heads();
	assert_int_equal(type_of("linux", kernel, sizeof kernel), MEDIUM_KERNEL);
	assert_int_equal(type_of("linux", stub_kernel, sizeof stub_kernel), MEDIUM_KERNEL);
	assert_int_equal(type_of("linux", old_kernel, sizeof old_kernel), MEDIUM_UNKNOWN);
	assert_int_equal(type_of("x.efi", efi, sizeof efi), MEDIUM_EFI);
	assert_int_equal(type_of("x.dll", dll, sizeof dll), MEDIUM_UNKNOWN);
	assert_int_equal(type_of("a/initrd.gz", gz, sizeof gz), MEDIUM_RAMDISK);
	assert_int_equal(type_of("core.initramfs", gz, sizeof gz), MEDIUM_RAMDISK);
	assert_int_equal(type_of("a/files.gz", gz, sizeof gz), MEDIUM_UNKNOWN);
	assert_int_equal(type_of("initrd", text, sizeof text), MEDIUM_UNKNOWN);
	efi[0x3f] = 0xff; /* the header lies far away */
	assert_int_equal(type_of("x.efi", efi, sizeof efi), MEDIUM_UNKNOWN);
	efi[0x3f] = 0;
}

/* ---- which one ---- */

static struct medium_file file(const char *path, const uint8_t *head, size_t len)
{
	return (struct medium_file){
		.path = (char *)(uintptr_t)path,
		.head = (uint8_t *)(uintptr_t)head,
		.head_len = len,
	};
}

static void test_find(void **state)
{
	struct medium_file files[] = {
		file("install/vmlinuz", kernel, sizeof kernel),
		file("install/gtk/vmlinuz", kernel, sizeof kernel),
		file("install/gtk/initrd.gz", gz, sizeof gz),
		file("live/vmlinuz", kernel, sizeof kernel),
		file("live/initrd.img", gz, sizeof gz),
		file("live/initrd-b.img", gz, sizeof gz),
		file("EFI/BOOT/BOOTX64.EFI", efi, sizeof efi),
		file("EFI/BOOT/CRYPTO64.EFI", efi, sizeof efi),
		file("efi/boot/boot.cfg", text, sizeof text),
		file("BOOT.CFG", text, sizeof text),
		file("S.V00", text, sizeof text),
		file("vmw/s.v00", text, sizeof text),
	};
	struct medium m = { .files = files, .n = ARRAY_LEN(files) };
	struct medium_found f;

	(void)state;
	make_heads();
	medium_find(&m, &f);
	assert_int_equal(f.n_kernels, 3);
	assert_int_equal(f.kernel, 3); /* topmost of those with a ramdisk beside them */
	assert_int_equal(f.initrd, 5); /* "-" sorts before "." */
	assert_int_equal(f.efi_boot, 6);
	assert_int_equal(f.bootcfg, 9);
	assert_int_equal(f.mboot, 6);
	assert_int_equal(f.crypto, 7);
	assert_int_equal(medium_of_bootcfg(&m, 9, "", "/s.v00"), 10);
	assert_int_equal(medium_of_bootcfg(&m, 9, "/vmw", "/s.v00"), 11);
	assert_int_equal(medium_of_bootcfg(&m, 9, "http://h/vmw", "s.v00"), 10);
	assert_int_equal(medium_of_bootcfg(&m, 8, "", "/s.v00"), 10); /* beside it, or at the top */
	assert_int_equal(medium_of_bootcfg(&m, 9, "", "t.v00"), MEDIUM_NONE);
	m.n = 2; /* kernels without a ramdisk */
	medium_find(&m, &f);
	assert_int_equal(f.kernel, 0);
	assert_int_equal(f.initrd, MEDIUM_NONE);
	assert_int_equal(f.bootcfg, MEDIUM_NONE);
	assert_int_equal(f.mboot, MEDIUM_NONE);
}

/* ---- CDs ---- */

static void entry(uint8_t *p, uint8_t a, uint8_t b, unsigned c)
{
	p[0] = a;
	p[1] = b;
	put16(p + 2, c);
}

static void validation(uint8_t *p, uint8_t platform)
{
	unsigned sum = 0;

	memset(p, 0, 32);
	p[0] = 1;
	p[1] = platform;
	put16(p + 30, 0xaa55);
	for (int i = 0; i < 32; i += 2)
		sum += (unsigned)(p[i] | p[i + 1] << 8);
	put16(p + 28, 0x10000 - (sum & 0xffff));
}

static void test_catalogue(void **state)
{
	uint8_t *s = calloc(1, 2048);
	struct medium_boots b = { 0 };
	uint32_t where = 0;

	(void)state;
	assert_non_null(s);
	assert_int_equal(medium_boot_record(s, &where), -ENOENT);
	memcpy(s + 1, "CD001\1EL TORITO SPECIFICATION", 29);
	put16(s + 71, 0x1234);
	assert_int_equal(medium_boot_record(s, &where), 0);
	assert_int_equal(where, 0x1234);

	memset(s, 0, 2048);
	assert_int_equal(medium_boot_catalogue(s, &b), -EBADMSG);
	validation(s, 0);
	entry(s + 32, 0x88, 0, 0);
	assert_int_equal(medium_boot_catalogue(s, &b), 0);
	assert_true(b.bios && !b.uefi);
	entry(s + 64, 0x91, 0xef, 1);
	entry(s + 96, 0x88, 0, 0);
	assert_int_equal(medium_boot_catalogue(s, &b), 0);
	assert_true(b.bios && b.uefi);
	s[32] = 0; /* the default entry does not boot */
	assert_int_equal(medium_boot_catalogue(s, &b), 0);
	assert_true(!b.bios && b.uefi);
	validation(s, 0xef);
	s[32] = 0x88;
	s[64] = 0;
	assert_int_equal(medium_boot_catalogue(s, &b), 0);
	assert_true(!b.bios && b.uefi);
	/* a section that says it is longer than the sector */
	entry(s + 64, 0x90, 0, 0xffff);
	memset(s + 96, 0x90, 2048 - 96);
	assert_int_equal(medium_boot_catalogue(s, &b), 0);
	/* every bit of the validation entry counts */
	for (int bit = 0; bit < 256; bit++) {
		s[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(medium_boot_catalogue(s, &b), -EBADMSG);
		s[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_catalogue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
