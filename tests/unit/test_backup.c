/* test_backup.c: heads of a tar archive, and the seal of a backup's file. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/backup_pack.h"
#include "server/tar.h"

#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

static void test_head(void **state)
{
	static const struct {
		const char *path;
		uint64_t size;
		int rc;
		const char *name, *prefix, *octal;
	} rows[] = {
		{ "a", 0, 0, "a", "", "00000000000" },
		{ "keys/site.pub", 113, 0, "keys/site.pub", "", "00000000161" },
		{ FIFTY FIFTY, 1, 0, FIFTY FIFTY, "", "00000000001" },
		{ "x/" FIFTY FIFTY, 1, 0, FIFTY FIFTY, "x", "00000000001" },
		{ "x/y/" FIFTY FIFTY, 1, 0, FIFTY FIFTY, "x/y", "00000000001" },
		{ FIFTY FIFTY "0", 1, -ENAMETOOLONG, "", "", "" },
		{ "x/" FIFTY FIFTY "0", 1, -ENAMETOOLONG, "", "", "" },
		{ FIFTY FIFTY FIFTY "012345/a", 1, -ENAMETOOLONG, "", "", "" },
		{ FIFTY FIFTY FIFTY "01234/a", 1, 0, "a", FIFTY FIFTY FIFTY "01234",
			"00000000001" },
		{ "a", TAR_SIZE_MAX, 0, "a", "", "77777777777" },
		{ "a", TAR_SIZE_MAX + 1, -EFBIG, "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t head[TAR_BLOCK] = { 0 };
		unsigned sum = 0;

		print_message("row: %s\n", rows[i].path);
		assert_int_equal(tar_head(rows[i].path, rows[i].size, 7, head), rows[i].rc);
		assert_int_equal(strlen(rows[i].name), strnlen((char *)head, 100));
		assert_memory_equal(head, rows[i].name, strlen(rows[i].name));
		assert_memory_equal(head + 345, rows[i].prefix, strlen(rows[i].prefix));
		assert_memory_equal(head + 124, rows[i].octal, strlen(rows[i].octal));
		if (rows[i].rc)
			continue;
		for (size_t k = 0; k < sizeof head; k++)
			sum += k >= 148 && k < 156 ? ' ' : head[k];
		assert_int_equal(strtoul((char *)head + 148, NULL, 8), sum);
	}
	assert_int_equal(tar_padding(0), 0);
	assert_int_equal(tar_padding(1), 511);
	assert_int_equal(tar_padding(512), 0);
	assert_int_equal(tar_padding(513), 511);
}

/* A file of some bytes, packed. */
static int packed(size_t *len)
{
	int fd = memfd_create("pack", MFD_CLOEXEC);
	struct pack *p = NULL;
	uint8_t bytes[3000];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * i >> 3);
	assert_true(fd >= 0);
	assert_int_equal(pack_open(fd, &p), 0);
	for (size_t i = 0; i < sizeof bytes; i += 1000)
		assert_int_equal(pack_write(p, bytes + i, 1000), 0);
	assert_int_equal(pack_close(p), 0);
	*len = (size_t)lseek(fd, 0, SEEK_END);
	return fd;
}

static void test_good(void **state)
{
	size_t len;
	int fd = packed(&len);

	(void)state;
	assert_in_range(len, 48, 3100);
	assert_int_equal(pack_check(fd), 0);
	close(fd);
}

static void test_every_cut(void **state)
{
	size_t len;
	int fd = packed(&len);

	(void)state;
	while (len-- > 0) {
		assert_int_equal(ftruncate(fd, (off_t)len), 0);
		assert_true(pack_check(fd) == -ENOENT || pack_check(fd) == -EBADMSG);
	}
	close(fd);
}

static void test_every_flip(void **state)
{
	size_t len;
	int fd = packed(&len);
	uint8_t b;

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		assert_int_equal(pread(fd, &b, 1, (off_t)(bit / 8)), 1);
		b ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(pwrite(fd, &b, 1, (off_t)(bit / 8)), 1);
		assert_true(pack_check(fd) == -ENOENT || pack_check(fd) == -EBADMSG);
		b ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(pwrite(fd, &b, 1, (off_t)(bit / 8)), 1);
	}
	assert_int_equal(pack_check(fd), 0);
	close(fd);
}

static void test_more(void **state)
{
	size_t len;
	int fd = packed(&len);

	(void)state;
	assert_int_equal(pwrite(fd, "x", 1, (off_t)len), 1);
	assert_true(pack_check(fd) < 0);
	close(fd);
}

/* What cannot be written is told, and not at the end only. */
static void test_full(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct pack *p = NULL;
	uint8_t bytes[4096];
	unsigned seed = 1;
	int rc = 0;

	(void)state;
	assert_int_equal(pack_open(fd, &p), 0);
	for (int i = 0; i < 1000 && !rc; i++) {
		for (size_t k = 0; k < sizeof bytes; k++)
			bytes[k] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
		rc = pack_write(p, bytes, sizeof bytes);
	}
	assert_int_equal(rc, -ENOSPC);
	pack_free(p);
	assert_int_equal(pack_open(fd, &p), 0);
	assert_int_equal(pack_write(p, "short", 5), 0);
	assert_int_equal(pack_close(p), -ENOSPC);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_every_flip),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
