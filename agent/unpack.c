/*
 * An entry of the archive: a head of 110 ASCII characters ("070701" and 13 fields of 8 hex digits),
 * the name with its NUL, zeros up to a multiple of 4, the bytes of the file, zeros up to a multiple
 * of 4. The last entry is called "TRAILER!!!"; zeros may follow.
 */
#include "agent/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/file.h"

#define HEAD_LEN    110
#define CHUNK	    (64 * 1024)
#define LZMA_MEMORY (256u << 20)

/* Fields of the head that matter, by their place behind "070701". */
enum { FIELD_MODE = 1, FIELD_LINKS = 4, FIELD_SIZE = 6, FIELD_NAME_LEN = 11 };

/* The archive's bytes, unpacked on the way. */
struct source {
	int fd;
	off_t at;
	bool packed, ended;
	lzma_stream lzma;
	uint8_t in[CHUNK];
	uint64_t offset; /* bytes given out */
};

static ssize_t refill(struct source *s, uint8_t *buf, size_t len)
{
	ssize_t n = pread(s->fd, buf, len, s->at);

	if (n < 0)
		return -errno;
	s->at += n;
	return n;
}

static ssize_t read_packed(struct source *s, uint8_t *buf, size_t len)
{
	lzma_ret rc = LZMA_OK;

	s->lzma.next_out = buf;
	s->lzma.avail_out = len;
	while (s->lzma.avail_out && !s->ended) {
		if (s->lzma.avail_in == 0) {
			ssize_t n = refill(s, s->in, sizeof s->in);

			if (n < 0)
				return n;
			s->lzma.next_in = s->in;
			s->lzma.avail_in = (size_t)n;
		}
		rc = lzma_code(&s->lzma, s->lzma.avail_in ? LZMA_RUN : LZMA_FINISH);
		s->ended = rc == LZMA_STREAM_END;
		if (rc == LZMA_MEM_ERROR || rc == LZMA_MEMLIMIT_ERROR)
			return -ENOMEM;
		if (rc != LZMA_OK && !s->ended)
			return -EBADMSG;
	}
	return (ssize_t)(len - s->lzma.avail_out);
}

/* As many bytes as there are, up to len. */
static ssize_t source_read(struct source *s, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = s->packed ? read_packed(s, (uint8_t *)buf + got, len - got)
				      : refill(s, (uint8_t *)buf + got, len - got);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	s->offset += got;
	return (ssize_t)got;
}

static int source_exact(struct source *s, void *buf, size_t len)
{
	ssize_t n = source_read(s, buf, len);

	return n < 0 ? (int)n : (size_t)n == len ? 0 : -EBADMSG;
}

static int source_align(struct source *s)
{
	uint8_t zeros[3];

	return source_exact(s, zeros, (size_t)(-s->offset & 3));
}

static int source_open(struct source *s, int fd)
{
	static const uint8_t xz[] = { 0xfd, '7', 'z', 'X', 'Z', 0 };
	uint8_t magic[sizeof xz];

	*s = (struct source){ .fd = fd, .lzma = LZMA_STREAM_INIT };
	if (pread(fd, magic, sizeof magic, 0) != sizeof magic)
		return -EBADMSG;
	s->packed = memcmp(magic, xz, sizeof xz) == 0;
	if (!s->packed)
		return memcmp(magic, "070701", sizeof magic) == 0 ? 0 : -ENOTSUP;
	return lzma_stream_decoder(&s->lzma, LZMA_MEMORY, LZMA_CONCATENATED) == LZMA_OK ? 0
											: -ENOMEM;
}

static void source_close(struct source *s)
{
	lzma_end(&s->lzma);
}

/* ---- one entry ---- */

struct entry {
	uint32_t mode, links, size;
	char path[PATH_MAX]; /* with the root before it */
	bool last;
};

/* The field of 8 hex digits, or -EBADMSG. */
static int64_t field(const char head[HEAD_LEN + 1], int which)
{
	char digits[9] = "";

	memcpy(digits, head + 6 + 8 * which, 8);
	if (strspn(digits, "0123456789abcdefABCDEF") != 8)
		return -EBADMSG;
	return (int64_t)strtoul(digits, NULL, 16);
}

/* No part of the name leads out of the folder. */
static bool stays_inside(const char *name)
{
	while (*name) {
		size_t n = strcspn(name, "/");

		if (n == 0 || (n == 2 && memcmp(name, "..", 2) == 0))
			return false;
		name += n;
		name += *name == '/';
	}
	return true;
}

static int read_entry(struct source *s, const char *root, struct entry *e)
{
	char head[HEAD_LEN + 1] = "", name[PATH_MAX];
	int64_t mode, links, size, name_len;
	int rc = source_exact(s, head, HEAD_LEN);

	if (rc < 0)
		return rc;
	mode = field(head, FIELD_MODE);
	links = field(head, FIELD_LINKS);
	size = field(head, FIELD_SIZE);
	name_len = field(head, FIELD_NAME_LEN);
	if (memcmp(head, "070701", 6) != 0 || mode < 0 || links < 0 || size < 0 || name_len < 2 ||
		name_len > (int64_t)sizeof name)
		return -EBADMSG;
	rc = source_exact(s, name, (size_t)name_len);
	if (rc == 0)
		rc = source_align(s);
	if (rc < 0)
		return rc;
	if (name[name_len - 1] || strlen(name) != (size_t)name_len - 1 || !stays_inside(name) ||
		snprintf(e->path, sizeof e->path, "%s/%s", root, name) >= (int)sizeof e->path)
		return -EBADMSG;
	e->mode = (uint32_t)mode;
	e->links = (uint32_t)links;
	e->size = (uint32_t)size;
	e->last = strcmp(name, "TRAILER!!!") == 0;
	return 0;
}

static int copy_bytes(struct source *s, int to, uint32_t left)
{
	uint8_t buf[CHUNK];

	while (left > 0) {
		size_t n = left < sizeof buf ? left : sizeof buf;
		int rc = source_exact(s, buf, n);

		if (rc == 0)
			rc = file_put(to, buf, n);
		if (rc < 0)
			return rc;
		left -= (uint32_t)n;
	}
	return source_align(s);
}

/* A program that runs cannot be written to, but its name may go to another file. */
static int make_file(struct source *s, const struct entry *e)
{
	int fd, rc;

	if (unlink(e->path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(e->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = copy_bytes(s, fd, e->size);
	if (rc == 0 && fchmod(fd, e->mode & 07777) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int make_link(struct source *s, const struct entry *e)
{
	char target[PATH_MAX];
	int rc;

	if (e->size == 0 || e->size >= sizeof target)
		return -EBADMSG;
	rc = source_exact(s, target, e->size);
	if (rc == 0)
		rc = source_align(s);
	if (rc < 0)
		return rc;
	target[e->size] = '\0';
	if (unlink(e->path) < 0 && errno != ENOENT)
		return -errno;
	return symlink(target, e->path) < 0 ? -errno : 0;
}

static int make_dir(const struct entry *e)
{
	if (mkdir(e->path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return chmod(e->path, e->mode & 07777) < 0 ? -errno : 0;
}

static int make(struct source *s, const struct entry *e)
{
	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		return e->size ? -EBADMSG : make_dir(e);
	case S_IFREG:
		return e->links > 1 ? -ENOTSUP : make_file(s, e);
	case S_IFLNK:
		return make_link(s, e);
	default:
		return -ENOTSUP;
	}
}

/* The kernel would go on with another archive; none of ours has one. */
static int check_rest(struct source *s)
{
	uint8_t byte;
	ssize_t n;

	while ((n = source_read(s, &byte, 1)) == 1)
		if (byte)
			return -ENOTSUP;
	return (int)n;
}

int unpack_initrd(int fd, const char *root)
{
	struct source *s = malloc(sizeof *s);
	struct entry e = { 0 };
	int rc = s ? source_open(s, fd) : -ENOMEM;

	while (rc == 0 && !e.last) {
		rc = read_entry(s, root, &e);
		if (rc == 0 && !e.last)
			rc = make(s, &e);
	}
	if (rc == 0)
		rc = check_rest(s);
	if (s)
		source_close(s);
	free(s);
	return rc;
}
