/* blobs.c: a blob is written to DIR/tmp, made durable, and only then given its name. */
#include "images/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int make_dir(const char *path, uid_t uid, gid_t gid)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	return chown(path, uid, gid) < 0 ? -errno : 0;
}

int blobs_init(const char *dir, uid_t uid, gid_t gid)
{
	static const char *const subs[] = { "", "/sha256", "/tmp" };
	char path[PATH_MAX];
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof subs / sizeof subs[0]; i++)
		rc = snprintf(path, sizeof path, "%s%s", dir, subs[i]) < (int)sizeof path
			     ? make_dir(path, uid, gid)
			     : -ENAMETOOLONG;
	return rc;
}

/* ---- names ---- */

#define PART_MODE 0600
#define NAME_SIZE (sizeof "sha256/" + DIGEST_HEX)

static const char *name_in(const char *sub, const struct digest *d, char out[NAME_SIZE])
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	snprintf(out, NAME_SIZE, "%s/%s", sub, hex);
	return out;
}

/* A descriptor with the size of the regular file behind it; it is closed on failure. */
static int sized(int fd, uint64_t *len)
{
	struct stat st;
	int rc;

	if (fd < 0)
		return -errno;
	rc = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -ENOENT;
	if (rc) {
		close(fd);
		return rc;
	}
	*len = (uint64_t)st.st_size;
	return fd;
}

/* ---- reading ---- */

int blobs_open(int dir, const struct digest *d, uint64_t *len)
{
	char name[NAME_SIZE];

	return sized(
		openat(dir, name_in("sha256", d, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW), len);
}

/* Exactly len bytes from the start. 0 or -errno. */
static int read_all(int fd, char *p, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = pread(fd, p + at, len - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		at += (size_t)n;
	}
	return 0;
}

ssize_t blobs_read(int dir, const struct digest *d, void *p, size_t size)
{
	struct digest found;
	uint64_t len;
	int rc, fd = blobs_open(dir, d, &len);

	if (fd < 0)
		return fd;
	rc = len > size ? -EFBIG : read_all(fd, p, (size_t)len);
	close(fd);
	if (!rc)
		rc = digest_bytes(p, (size_t)len, &found);
	if (!rc && !digest_equal(d, &found))
		rc = -EBADMSG;
	return rc ? rc : (ssize_t)len;
}

/* ---- parts ---- */

int blobs_part(int dir, const struct digest *d, bool create, uint64_t *len)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
	char name[NAME_SIZE];

	return sized(openat(dir, name_in("tmp", d, name), flags, PART_MODE), len);
}

int blobs_part_remove(int dir, const struct digest *d)
{
	char name[NAME_SIZE];

	return unlinkat(dir, name_in("tmp", d, name), 0) < 0 && errno != ENOENT ? -errno : 0;
}

int blobs_room(int dir, uint64_t *bytes)
{
	struct statvfs v;
	uint64_t free_bytes;

	if (fstatvfs(dir, &v) < 0)
		return -errno;
	free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	*bytes = free_bytes > BLOBS_SPARE ? free_bytes - BLOBS_SPARE : 0;
	return 0;
}

int blobs_claim(int dir, const struct digest *d, unsigned n, struct blob_claim *out)
{
	struct blob_claim c;
	char name[NAME_SIZE];

	name_in("tmp", d, name);
	snprintf(c.name, sizeof c.name, "%s.%u", name, n);
	if (renameat(dir, name, dir, c.name) < 0)
		return -errno;
	c.fd = sized(openat(dir, c.name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), &c.len);
	if (c.fd < 0)
		return c.fd;
	*out = c;
	return 0;
}

/* Make the new name itself durable. */
static int sync_names(int dir)
{
	int rc, fd = openat(dir, "sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* Not while somebody removes an older file of that name. */
static int give_name(int dir, const struct blob_claim *c, const struct digest *d)
{
	char name[NAME_SIZE];
	int rc, lock = blobs_lock(dir, true);

	if (lock < 0)
		return lock;
	rc = renameat(dir, c->name, dir, name_in("sha256", d, name)) < 0 ? -errno : 0;
	close(lock);
	return rc;
}

int blobs_publish(int dir, struct blob_claim *c, const struct digest *d)
{
	int rc = futimens(c->fd, NULL) < 0 || fchmod(c->fd, 0444) < 0 || fsync(c->fd) < 0 ? -errno
											  : 0;

	if (!rc)
		rc = give_name(dir, c, d);
	if (rc) {
		blobs_drop(dir, c);
		return rc;
	}
	close(c->fd);
	return sync_names(dir);
}

void blobs_drop(int dir, struct blob_claim *c)
{
	unlinkat(dir, c->name, 0);
	close(c->fd);
}

/* ---- what nobody needs ---- */

int blobs_lock(int dir, bool wait)
{
	int rc, fd = openat(dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
		rc = -errno;
		if (rc != -EINTR) {
			close(fd);
			return rc;
		}
	}
	return fd;
}

int blobs_touch(int dir, const struct digest *d)
{
	char name[NAME_SIZE];
	int rc, lock = blobs_lock(dir, true);

	if (lock < 0)
		return lock;
	rc = utimensat(dir, name_in("sha256", d, name), NULL, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	close(lock);
	return rc;
}

int blobs_remove(int dir, const struct digest *d)
{
	char name[NAME_SIZE];

	return unlinkat(dir, name_in("sha256", d, name), 0) < 0 ? -errno : 0;
}

static int open_list(int dir, const char *sub, DIR **out)
{
	int fd = openat(dir, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*out = fdopendir(fd);
	if (*out)
		return 0;
	close(fd);
	return -ENOMEM;
}

/* The next regular file of the list. 1, or 0 at its end. */
static int next_file(DIR *list, const char **name, struct stat *st)
{
	struct dirent *e;

	while ((e = readdir(list))) {
		if (fstatat(dirfd(list), e->d_name, st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st->st_mode))
			continue;
		*name = e->d_name;
		return 1;
	}
	return 0;
}

int blobs_each(int dir,
	int (*fn)(void *arg, const struct digest *d, uint64_t len, int64_t touched_s), void *arg)
{
	const char *name;
	struct digest d;
	struct stat st;
	DIR *list = NULL;
	int rc = open_list(dir, "sha256", &list);

	if (rc)
		return rc;
	while (!rc && next_file(list, &name, &st)) {
		if (digest_parse(name, &d) == 0)
			rc = fn(arg, &d, (uint64_t)st.st_size, st.st_mtime);
	}
	closedir(list);
	return rc;
}

static void unclaim(int tmp, const char *name)
{
	char part[DIGEST_HEX];
	int fd = openat(tmp, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	snprintf(part, sizeof part, "%s", name);
	if (fchmod(fd, PART_MODE) < 0 || renameat2(tmp, name, tmp, part, RENAME_NOREPLACE) < 0)
		unlinkat(tmp, name, 0); /* one that is newer is on its way */
	close(fd);
}

int blobs_unclaim(int dir)
{
	const char *name;
	struct stat st;
	DIR *list = NULL;
	int rc = open_list(dir, "tmp", &list);

	if (rc)
		return rc;
	while (next_file(list, &name, &st)) {
		if (strlen(name) >= DIGEST_HEX && name[DIGEST_HEX - 1] == '.')
			unclaim(dirfd(list), name);
	}
	closedir(list);
	return 0;
}

int blobs_sweep(int dir, int64_t before_s, bool dry, uint64_t *bytes)
{
	const char *name;
	struct stat st;
	DIR *list = NULL;
	int n = 0, rc = open_list(dir, "tmp", &list);

	if (rc)
		return rc;
	while (next_file(list, &name, &st)) {
		if (st.st_mtime >= before_s || (!dry && unlinkat(dirfd(list), name, 0) < 0))
			continue;
		*bytes += (uint64_t)st.st_size;
		n++;
	}
	closedir(list);
	return n;
}
