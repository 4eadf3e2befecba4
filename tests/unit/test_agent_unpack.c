/* Unpacking an initrd: what arrives, what is refused, and every archive that is cut short. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "images/cpio.h"
#include "agent/unpack.h"
#include "server/bytes.h"

static char root[64];
static uint8_t archive[8192], packed[8192];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level ? remove(path) : 0;
}

static void empty_root(void)
{
	assert_int_equal(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/muster-unpack.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	empty_root();
	return rmdir(root);
}

static int unpack(const void *p, size_t len)
{
	int fd = memfd_create("initrd", MFD_CLOEXEC), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), len);
	rc = unpack_initrd(fd, root);
	close(fd);
	return rc;
}

static size_t good(void)
{
	struct cpio c = { .buf = archive, .size = sizeof archive };

	cpio_dir(&c, "etc", 0755);
	cpio_file(&c, "etc/hello", 0640, "hello\n", 6);
	cpio_link(&c, "etc/link", "hello", 5);
	cpio_file(&c, "empty", 0755, "", 0);
	cpio_end(&c);
	assert_false(c.bad);
	return c.len;
}

static size_t pack(size_t len)
{
	size_t n = 0;

	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, archive, len, packed,
				 &n, sizeof packed),
		LZMA_OK);
	return n;
}

static void path_of(const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", root, name);
}

static void check_good(void)
{
	char path[128], text[16] = "";
	struct stat st;
	int fd;

	path_of("etc/hello", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	path_of("etc/link", path);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof text), 6);
	assert_string_equal(text, "hello\n");
	close(fd);
	path_of("empty", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void test_good(void **state)
{
	size_t len = good(), n = pack(len);

	(void)state;
	assert_int_equal(unpack(archive, len), 0);
	check_good();
	assert_int_equal(unpack(archive, len), 0); /* over what is there */
	check_good();
	empty_root();
	assert_int_equal(unpack(packed, n), 0);
	check_good();
	empty_root();
	memset(packed + n, 0, 8); /* as initrds are padded */
	assert_int_equal(unpack(packed, n + 8), 0);
	memset(archive + len, 0, 300);
	assert_int_equal(unpack(archive, len + 300), 0);
	empty_root();
}

static void test_cut_short(void **state)
{
	size_t len = good(), n = pack(len);

	(void)state;
	for (size_t i = 0; i < len; i++)
		assert_true(unpack(archive, i) < 0);
	for (size_t i = 0; i < n; i++)
		assert_true(unpack(packed, i) < 0);
	empty_root();
}

static void test_refused(void **state)
{
	static const struct {
		const char *name, *path;
		unsigned mode;
		int want;
	} rows[] = {
		{ "leads out", "../escaped", 0644, -EBADMSG },
		{ "leads out in the middle", "etc/../../escaped", 0644, -EBADMSG },
		{ "absolute", "/tmp/escaped", 0644, -EBADMSG },
		{ "two slashes", "a//b", 0644, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cpio c = { .buf = archive, .size = sizeof archive };

		print_message("row: %s\n", rows[i].name);
		cpio_file(&c, rows[i].path, rows[i].mode, "x", 1);
		cpio_end(&c);
		assert_int_equal(unpack(archive, c.len), rows[i].want);
	}
	assert_int_equal(access("/tmp/escaped", F_OK), -1);
	empty_root();
}

/* One field of the first entry changed: its place behind "070701", 8 hex digits. */
static void test_fields(void **state)
{
	static const struct {
		const char *name;
		size_t field;
		const char *digits;
		int want;
	} rows[] = {
		{ "a device", 1, "000021a4", -ENOTSUP },
		{ "a hard link", 4, "00000002", -ENOTSUP },
		{ "no digits", 6, "0000000g", -EBADMSG },
		{ "longer than the archive", 6, "ffffffff", -EBADMSG },
		{ "a name without an end", 11, "00000003", -EBADMSG },
		{ "no name", 11, "00000000", -EBADMSG },
		{ "an endless name", 11, "ffffffff", -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cpio c = { .buf = archive, .size = sizeof archive };

		print_message("row: %s\n", rows[i].name);
		cpio_file(&c, "name", 0644, "hello", 5);
		cpio_end(&c);
		memcpy(archive + 6 + 8 * rows[i].field, rows[i].digits, 8);
		assert_int_equal(unpack(archive, c.len), rows[i].want);
	}
	empty_root();
}

static void test_other_packers(void **state)
{
	static const uint8_t gzip[16] = { 0x1f, 0x8b, 8 }, zstd[16] = { 0x28, 0xb5, 0x2f, 0xfd };
	size_t len = good();

	(void)state;
	assert_int_equal(unpack(gzip, sizeof gzip), -ENOTSUP);
	assert_int_equal(unpack(zstd, sizeof zstd), -ENOTSUP);
	memcpy(archive + len, archive, 100); /* a second archive */
	assert_int_equal(unpack(archive, len + 100), -ENOTSUP);
	empty_root();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_other_packers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
