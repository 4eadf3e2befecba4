/* test_blobs.c: a blob is whole or absent, comes in parts, and is not removed while it is needed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "images/blobs.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

struct place {
	char top[64], path[80];
	int dir;
	struct digest abc;
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	if (!p)
		return -1;
	strcpy(p->top, "/tmp/muster-test-XXXXXX");
	if (!mkdtemp(p->top))
		return -1;
	snprintf(p->path, sizeof p->path, "%s/blobs", p->top);
	*state = p;
	if (blobs_init(p->path, (uid_t)-1, (gid_t)-1) < 0 || digest_parse(ABC, &p->abc) < 0)
		return -1;
	p->dir = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return p->dir < 0 ? -1 : 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;
	char cmd[128];
	int rc;

	snprintf(cmd, sizeof cmd, "rm -rf '%s'", p->top);
	rc = system(cmd);
	close(p->dir);
	free(p);
	return rc;
}

static int entries(const struct place *p, const char *sub)
{
	char path[128];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof path, "%s/%s", p->path, sub);
	d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Bytes at an offset of the part, which has `had` bytes so far. */
static void put_part(const struct place *p, const char *bytes, off_t at, uint64_t had)
{
	uint64_t len = 99;
	int fd = blobs_part(p->dir, &p->abc, true, &len);

	assert_true(fd >= 0);
	assert_int_equal(len, had);
	assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), strlen(bytes));
	close(fd);
}

static void put_abc(const struct place *p)
{
	struct blob_claim c;

	put_part(p, "abc", 0, 0);
	assert_int_equal(blobs_claim(p->dir, &p->abc, 1, &c), 0);
	assert_int_equal(blobs_publish(p->dir, &c, &p->abc), 0);
}

static void test_init_again(void **state)
{
	struct place *p = *state;

	assert_int_equal(blobs_init(p->path, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(blobs_init("/proc/none/such", (uid_t)-1, (gid_t)-1), -ENOENT);
}

static void test_parts(void **state)
{
	struct place *p = *state;
	struct blob_claim c;
	struct stat st;
	uint64_t len = 0;
	char buf[4] = "";
	int fd;

	assert_int_equal(blobs_part(p->dir, &p->abc, false, &len), -ENOENT);
	assert_int_equal(blobs_claim(p->dir, &p->abc, 1, &c), -ENOENT);
	put_part(p, "a", 0, 0);
	put_part(p, "bc", 1, 1);
	assert_int_equal(blobs_open(p->dir, &p->abc, &len), -ENOENT);
	assert_int_equal(blobs_claim(p->dir, &p->abc, 1, &c), 0);
	assert_int_equal(c.len, 3);
	/* whoever goes on writing writes to another file */
	put_part(p, "xyz", 0, 0);
	assert_int_equal(blobs_publish(p->dir, &c, &p->abc), 0);
	fd = blobs_open(p->dir, &p->abc, &len);
	assert_true(fd >= 0);
	assert_int_equal(len, 3);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(read(fd, buf, sizeof buf), 3);
	assert_string_equal(buf, "abc");
	close(fd);
	assert_int_equal(entries(p, "tmp"), 1);
	assert_int_equal(blobs_part_remove(p->dir, &p->abc), 0);
	assert_int_equal(blobs_part_remove(p->dir, &p->abc), 0);
	assert_int_equal(entries(p, "tmp"), 0);
}

static void test_drop(void **state)
{
	struct place *p = *state;
	struct blob_claim c;

	put_part(p, "abd", 0, 0);
	assert_int_equal(blobs_claim(p->dir, &p->abc, 7, &c), 0);
	blobs_drop(p->dir, &c);
	assert_int_equal(entries(p, "tmp") + entries(p, "sha256"), 0);
}

/* What a process was reading through when it ended is a part again, where no other one has begun.
 */
static void test_unclaim(void **state)
{
	struct place *p = *state;
	struct blob_claim c, other;

	put_part(p, "abc", 0, 0);
	assert_int_equal(blobs_claim(p->dir, &p->abc, 7, &c), 0);
	assert_int_equal(fchmod(c.fd, 0444), 0); /* so far it had come */
	close(c.fd);
	assert_int_equal(blobs_unclaim(p->dir), 0);
	put_part(p, "c", 2, 3);
	assert_int_equal(blobs_claim(p->dir, &p->abc, 1, &c), 0);
	put_part(p, "a", 0, 0);
	assert_int_equal(blobs_claim(p->dir, &p->abc, 2, &other), 0);
	put_part(p, "ab", 0, 0);
	close(c.fd);
	close(other.fd);
	assert_int_equal(blobs_unclaim(p->dir), 0);
	assert_int_equal(entries(p, "tmp"), 1);
	put_part(p, "c", 2, 2);
	assert_int_equal(blobs_unclaim(p->dir), 0);
	assert_int_equal(entries(p, "tmp"), 1);
}

/* A damaged blob is replaced by a good one of the same name, and reading finds the damage. */
static void test_heals(void **state)
{
	struct place *p = *state;
	char path[192], buf[8];
	int fd;

	snprintf(path, sizeof path, "%s/sha256/" ABC, p->path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
	assert_int_equal(write(fd, "abX", 3), 3);
	close(fd);
	assert_int_equal(blobs_read(p->dir, &p->abc, buf, sizeof buf), -EBADMSG);
	put_abc(p);
	assert_int_equal(blobs_read(p->dir, &p->abc, buf, sizeof buf), 3);
	assert_int_equal(blobs_read(p->dir, &p->abc, buf, 2), -EFBIG);
}

/* A link planted under a digest's name is not followed. */
static void test_symlink(void **state)
{
	struct place *p = *state;
	char path[192];
	uint64_t len;

	snprintf(path, sizeof path, "%s/sha256/" ABC, p->path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof path, "%s/tmp/" ABC, p->path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(blobs_open(p->dir, &p->abc, &len), -ELOOP);
	assert_int_equal(blobs_part(p->dir, &p->abc, true, &len), -ELOOP);
}

static void test_remove(void **state)
{
	struct place *p = *state;

	put_abc(p);
	assert_int_equal(blobs_remove(p->dir, &p->abc), 0);
	assert_int_equal(blobs_remove(p->dir, &p->abc), -ENOENT);
	assert_int_equal(blobs_touch(p->dir, &p->abc), -ENOENT);
}

/* One at a time: the second gets in when the first has closed. */
static void test_lock(void **state)
{
	struct place *p = *state;
	int first = blobs_lock(p->dir, true), second;

	assert_true(first >= 0);
	assert_int_equal(blobs_lock(p->dir, false), -EWOULDBLOCK);
	close(first);
	second = blobs_lock(p->dir, false);
	assert_true(second >= 0);
	close(second);
}

/* ---- what is old ---- */

static void make_old(const struct place *p, const char *sub)
{
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	char path[192];

	snprintf(path, sizeof path, "%s/%s/" ABC, p->path, sub);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

struct found {
	int n;
	uint64_t len;
	int64_t touched_s;
	struct digest d;
};

static int on_blob(void *arg, const struct digest *d, uint64_t len, int64_t touched_s)
{
	struct found *f = arg;

	*f = (struct found){ f->n + 1, len, touched_s, *d };
	return len == 3 ? 0 : -EIO;
}

static void test_each_and_touch(void **state)
{
	struct place *p = *state;
	struct found f = { 0 };
	char path[192];
	int fd;

	assert_int_equal(blobs_each(p->dir, on_blob, &f), 0);
	assert_int_equal(f.n, 0);
	put_abc(p);
	snprintf(path, sizeof path, "%s/sha256/README", p->path); /* no blob, none of ours */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
	close(fd);
	make_old(p, "sha256");
	assert_int_equal(blobs_each(p->dir, on_blob, &f), 0);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.touched_s, 1000);
	assert_true(digest_equal(&f.d, &p->abc));
	assert_int_equal(blobs_touch(p->dir, &p->abc), 0);
	assert_int_equal(blobs_each(p->dir, on_blob, &f), 0);
	assert_true(f.touched_s > 1000000);
}

/* Is that process in the list of those that wait for a lock of a file? */
static bool waits(pid_t pid)
{
	char line[200];
	bool found = false;
	FILE *f = fopen("/proc/locks", "re");
	int n;

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		found |= sscanf(line, "%*d: -> FLOCK ADVISORY WRITE %d", &n) == 1 && n == pid;
	fclose(f);
	return found;
}

/* A blob gets its name while nobody removes an old one of that name; and it is new then. */
static void test_publish_waits(void **state)
{
	struct place *p = *state;
	struct found f = { 0 };
	struct blob_claim c;
	int lock, status;
	pid_t child;

	put_part(p, "abc", 0, 0);
	make_old(p, "tmp");
	lock = blobs_lock(p->dir, false);
	assert_true(lock >= 0);
	child = fork();
	if (!child) {
		close(lock);
		_exit(blobs_claim(p->dir, &p->abc, 1, &c) || blobs_publish(p->dir, &c, &p->abc));
	}
	while (!waits(child))
		assert_int_equal(waitpid(child, &status, WNOHANG), 0); /* it did not wait */
	assert_int_equal(entries(p, "sha256"), 0);
	close(lock);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(blobs_each(p->dir, on_blob, &f), 0);
	assert_int_equal(f.n, 1);
	assert_true(f.touched_s > 1000000);
}

static void test_sweep(void **state)
{
	struct place *p = *state;
	uint64_t bytes = 0;

	put_part(p, "ab", 0, 0);
	assert_int_equal(blobs_sweep(p->dir, 2000, false, &bytes), 0);
	make_old(p, "tmp");
	assert_int_equal(blobs_sweep(p->dir, 1000, false, &bytes), 0);
	assert_int_equal(blobs_sweep(p->dir, 1001, true, &bytes), 1);
	assert_int_equal(entries(p, "tmp"), 1);
	assert_int_equal(blobs_sweep(p->dir, 1001, false, &bytes), 1);
	assert_int_equal(bytes, 4);
	assert_int_equal(entries(p, "tmp"), 0);
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_init_again),
		IN_PLACE(test_parts),
		IN_PLACE(test_drop),
		IN_PLACE(test_unclaim),
		IN_PLACE(test_heals),
		IN_PLACE(test_symlink),
		IN_PLACE(test_remove),
		IN_PLACE(test_lock),
		IN_PLACE(test_each_and_touch),
		IN_PLACE(test_sweep),
		IN_PLACE(test_publish_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
