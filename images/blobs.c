/* blobs.c: a blob is written to DIR/tmp, made durable, and only then given its name. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/blobs.h"

#define COPY_SIZE (64 * 1024)

static int make_dir(const char *path)
{
	return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

/* DIR/SUB, or -ENAMETOOLONG. */
static int path_in(const char *dir, const char *sub, char out[PATH_MAX])
{
	return snprintf(out, PATH_MAX, "%s/%s", dir, sub) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int blob_path(const char *dir, const struct digest *d, char out[PATH_MAX])
{
	char hex[DIGEST_HEX], sub[sizeof "sha256/" + DIGEST_HEX];

	digest_hex(d, hex);
	snprintf(sub, sizeof sub, "sha256/%s", hex);
	return path_in(dir, sub, out);
}

int blobs_init(const char *dir)
{
	static const char *const subs[] = { "sha256", "tmp" };
	char path[PATH_MAX];
	int rc = make_dir(dir);

	for (size_t i = 0; !rc && i < sizeof subs / sizeof subs[0]; i++) {
		rc = path_in(dir, subs[i], path);
		if (!rc)
			rc = make_dir(path);
	}
	return rc;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* From one descriptor to the other, hashing on the way. */
static int copy_and_hash(int from, int to, struct digest_ctx *c, uint64_t *len)
{
	uint8_t buf[COPY_SIZE];
	ssize_t n;
	int rc;

	while ((n = read(from, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		digest_update(c, buf, (size_t)n);
		rc = write_all(to, buf, (size_t)n);
		if (rc)
			return rc;
		*len += (uint64_t)n;
	}
	return 0;
}

/* A file being written: unlinked unless tmp_publish gave it its name. */
struct tmp {
	char path[PATH_MAX];
	int fd;
};

static int tmp_open(const char *dir, struct tmp *t)
{
	int rc = path_in(dir, "tmp/XXXXXX", t->path);

	if (rc)
		return rc;
	t->fd = mkostemp(t->path, O_CLOEXEC);
	return t->fd < 0 ? -errno : 0;
}

static void tmp_drop(struct tmp *t)
{
	unlink(t->path);
	close(t->fd);
}

/* Make the new name itself durable. */
static int sync_dir(const char *dir)
{
	char path[PATH_MAX];
	int fd, rc = path_in(dir, "sha256", path);

	if (rc)
		return rc;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/*
 * An existing blob of this name is replaced by the same bytes: whoever has it open or mapped keeps
 * his, and one that a failing disk had damaged is whole again.
 */
static int tmp_publish(const struct tmp *t, const char *dir, const struct digest *d)
{
	char path[PATH_MAX];
	int rc = blob_path(dir, d, path);

	if (rc)
		return rc;
	if (fchmod(t->fd, 0444) < 0 || fsync(t->fd) < 0 || rename(t->path, path) < 0)
		return -errno;
	return sync_dir(dir);
}

/* Fill t from the descriptor. Returns 0 with the digest and the length, or -errno. */
static int tmp_fill(const struct tmp *t, int from, struct digest *d, uint64_t *len)
{
	struct digest_ctx *c = digest_new();
	int rc;

	if (!c)
		return -ENOMEM;
	rc = copy_and_hash(from, t->fd, c, len);
	if (!rc)
		rc = digest_final(c, d);
	digest_free(c);
	return rc;
}

int blobs_add_fd(
	const char *dir, int fd, const struct digest *want, struct digest *out, uint64_t *len)
{
	struct digest d;
	struct tmp t;
	uint64_t n = 0;
	int rc = tmp_open(dir, &t);

	if (rc)
		return rc;
	rc = tmp_fill(&t, fd, &d, &n);
	if (rc)
		goto err_drop;
	if (want && !digest_equal(want, &d)) {
		*out = d;
		rc = -EBADMSG;
		goto err_drop;
	}
	rc = tmp_publish(&t, dir, &d);
	if (rc)
		goto err_drop;
	close(t.fd);
	*out = d;
	*len = n;
	return 0;
err_drop:
	tmp_drop(&t);
	return rc;
}

int blobs_add_bytes(const char *dir, const void *p, size_t n, struct digest *out)
{
	struct digest d;
	struct tmp t;
	int rc = digest_bytes(p, n, &d);

	if (rc)
		return rc;
	rc = tmp_open(dir, &t);
	if (rc)
		return rc;
	rc = write_all(t.fd, p, n);
	if (!rc)
		rc = tmp_publish(&t, dir, &d);
	if (rc) {
		tmp_drop(&t);
		return rc;
	}
	close(t.fd);
	*out = d;
	return 0;
}

int blobs_lock(const char *dir)
{
	char path[PATH_MAX];
	int fd, rc = path_in(dir, "tmp", path);

	if (rc)
		return rc;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0) {
		rc = -errno;
		if (rc != -EINTR) {
			close(fd);
			return rc;
		}
	}
	return fd;
}

int blobs_remove(const char *dir, const struct digest *d)
{
	char path[PATH_MAX];
	int rc = blob_path(dir, d, path);

	if (rc)
		return rc;
	return unlink(path) < 0 ? -errno : 0;
}

int blobs_open(const char *dir, const struct digest *d, uint64_t *len)
{
	char path[PATH_MAX];
	struct stat st;
	int fd, rc = blob_path(dir, d, path);

	if (rc)
		return rc;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
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

ssize_t blobs_read(const char *dir, const struct digest *d, void *p, size_t size)
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
