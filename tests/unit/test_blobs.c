/* test_blobs.c: a blob is whole or absent, and nothing else is left behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "images/blobs.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MIB (1024 * 1024)

struct place {
	char top[64], dir[80];
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	if (!p)
		return -1;
	strcpy(p->top, "/tmp/muster-test-XXXXXX");
	if (!mkdtemp(p->top))
		return -1;
	snprintf(p->dir, sizeof p->dir, "%s/blobs", p->top);
	*state = p;
	return blobs_init(p->dir);
}

static int drop_place(void **state)
{
	struct place *p = *state;
	char cmd[128];
	int rc;

	snprintf(cmd, sizeof cmd, "rm -rf '%s'", p->top);
	rc = system(cmd);
	free(p);
	return rc;
}

static int entries(const struct place *p, const char *sub)
{
	char path[128];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof path, "%s/%s", p->dir, sub);
	d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* A descriptor of a file without a name that holds these bytes, at its start. */
static int fd_of(const void *bytes, size_t n)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void test_init_again(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(blobs_init(p->dir), 0);
	assert_int_equal(stat(p->dir, &st), 0);
	assert_int_equal(blobs_init("/proc/none/such"), -ENOENT);
}

static void test_add_and_open(void **state)
{
	struct place *p = *state;
	struct digest d, want;
	struct stat st;
	uint64_t len = 0;
	int fd = fd_of("abc", 3);
	char buf[4] = "";

	assert_int_equal(digest_parse(ABC, &want), 0);
	assert_int_equal(blobs_open(p->dir, &want, &len), -ENOENT);
	assert_int_equal(blobs_add_fd(p->dir, fd, &want, &d, &len), 0);
	close(fd);
	assert_int_equal(len, 3);
	assert_true(digest_equal(&d, &want));
	fd = blobs_open(p->dir, &want, &len);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(read(fd, buf, sizeof buf), 3);
	assert_string_equal(buf, "abc");
	close(fd);
	assert_int_equal(blobs_add_bytes(p->dir, "abc", 3, &d), 0);
	assert_true(digest_equal(&d, &want));
	assert_int_equal(entries(p, "sha256"), 1);
	assert_int_equal(entries(p, "tmp"), 0);
}

static void test_wrong_digest(void **state)
{
	struct place *p = *state;
	struct digest found = { { 0 } }, want, abd;
	uint64_t len = 7;
	int fd = fd_of("abd", 3);

	assert_int_equal(digest_parse(ABC, &want), 0);
	assert_int_equal(digest_bytes("abd", 3, &abd), 0);
	assert_int_equal(blobs_add_fd(p->dir, fd, &want, &found, &len), -EBADMSG);
	close(fd);
	assert_true(digest_equal(&found, &abd));
	assert_int_equal(len, 7);
	assert_int_equal(entries(p, "sha256") + entries(p, "tmp"), 0);
}

static void test_unreadable(void **state)
{
	struct place *p = *state;
	struct digest d;
	uint64_t len;
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(blobs_add_fd(p->dir, fd, NULL, &d, &len), -EISDIR);
	close(fd);
	assert_int_equal(blobs_add_fd("/proc/none", 0, NULL, &d, &len), -ENOENT);
	assert_int_equal(entries(p, "sha256") + entries(p, "tmp"), 0);
}

static void test_remove(void **state)
{
	struct place *p = *state;
	struct digest d;
	uint64_t len;

	assert_int_equal(blobs_add_bytes(p->dir, "abc", 3, &d), 0);
	assert_int_equal(blobs_remove(p->dir, &d), 0);
	assert_int_equal(blobs_open(p->dir, &d, &len), -ENOENT);
	assert_int_equal(blobs_remove(p->dir, &d), -ENOENT);
}

/* One importer at a time: the second gets in when the first has closed. */
static void test_lock(void **state)
{
	struct place *p = *state;
	char path[192];
	int first = blobs_lock(p->dir), second;

	assert_true(first >= 0);
	snprintf(path, sizeof path, "%s/tmp", p->dir);
	second = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(second, LOCK_EX | LOCK_NB), -1);
	close(first);
	assert_int_equal(flock(second, LOCK_EX | LOCK_NB), 0);
	close(second);
	assert_int_equal(blobs_lock("/proc/none"), -ENOENT);
}

/* A damaged blob is replaced by a good one of the same name. */
static void test_heals(void **state)
{
	struct place *p = *state;
	char path[192];
	struct digest d;
	uint64_t len = 0;
	int fd;

	snprintf(path, sizeof path, "%s/sha256/" ABC, p->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(blobs_add_bytes(p->dir, "abc", 3, &d), 0);
	fd = blobs_open(p->dir, &d, &len);
	assert_true(fd >= 0);
	assert_int_equal(len, 3);
	close(fd);
}

/* A link planted under a digest's name is not followed. */
static void test_symlink(void **state)
{
	struct place *p = *state;
	char path[192];
	struct digest d;
	uint64_t len;

	snprintf(path, sizeof path, "%s/sha256/" ABC, p->dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(digest_parse(ABC, &d), 0);
	assert_int_equal(blobs_open(p->dir, &d, &len), -ELOOP);
}

static void test_disk_full(void **state)
{
	struct place *p = *state;
	char *big = calloc(2, MIB);
	struct digest d;
	uint64_t len;
	int fd;

	assert_non_null(big);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", p->dir, "tmpfs", 0, "size=1m,nr_inodes=16") < 0) {
		print_message("mount: %s: needs root\n", strerror(errno));
		free(big);
		skip();
	}
	assert_int_equal(blobs_init(p->dir), 0);
	assert_int_equal(blobs_add_bytes(p->dir, "abc", 3, &d), 0);
	fd = fd_of(big, 2 * MIB);
	assert_int_equal(blobs_add_fd(p->dir, fd, NULL, &d, &len), -ENOSPC);
	close(fd);
	assert_int_equal(blobs_add_bytes(p->dir, big, 2 * MIB, &d), -ENOSPC);
	assert_int_equal(entries(p, "tmp"), 0);
	assert_int_equal(entries(p, "sha256"), 1);
	assert_int_equal(blobs_add_bytes(p->dir, "abcd", 4, &d), 0);
	assert_int_equal(umount2(p->dir, MNT_DETACH), 0);
	free(big);
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_init_again),
		IN_PLACE(test_add_and_open),
		IN_PLACE(test_wrong_digest),
		IN_PLACE(test_unreadable),
		IN_PLACE(test_remove),
		IN_PLACE(test_lock),
		IN_PLACE(test_heals),
		IN_PLACE(test_symlink),
		IN_PLACE(test_disk_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
