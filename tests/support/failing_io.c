/*
 * failing_io: a disk that fails when it is told to. Loaded into musterd by LD_PRELOAD.
 *
 * Writes and syncs of the database (files named muster.db...) are counted, whichever process makes
 * them, over all lives of the core role; other files are left alone. From the environment:
 *
 *   FAILING_IO_FILE=NAME   only those of this file are counted; of `blobs`: those of blobs instead
 *   FAILING_IO_AT=N        the N-th of them fails, the first is 1
 *   FAILING_IO_ERROR=EIO   or ENOSPC
 *   FAILING_IO_EVER=1      and so do all after it; else it alone
 *
 * The first failure is announced on stderr. The roles are forked from the process that loaded this
 * and never executed anew, so a shared mapping made at the start is the one counter of them all.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FDS_MAX 1024

static _Atomic uint64_t *counter; /* NULL: no failure was asked for */
static uint64_t fail_at;
static const char *fail_file; /* NULL: any of the database */
static int fail_errno;
static bool fail_ever;
static bool is_blob[FDS_MAX];

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at);

__attribute__((constructor)) static void prepare(void)
{
	const char *at = getenv("FAILING_IO_AT"), *error = getenv("FAILING_IO_ERROR");
	void *shared;

	if (!at || !error)
		return;
	fail_at = strtoull(at, NULL, 10);
	fail_file = getenv("FAILING_IO_FILE");
	fail_errno = strcmp(error, "ENOSPC") ? EIO : ENOSPC;
	fail_ever = getenv("FAILING_IO_EVER") != NULL;
	shared = mmap(
		NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
	counter = shared;
}

/* The name under which a file that may fail was opened, or NULL for any other file. */
static const char *failing_file(int fd, char path[PATH_MAX])
{
	char link[40], *name;
	ssize_t len;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	if (fail_file && !strcmp(fail_file, "blobs"))
		return fd >= 0 && fd < FDS_MAX && is_blob[fd] ? fail_file : NULL;
	len = readlink(link, path, PATH_MAX - 1);
	path[len < 0 ? 0 : len] = '\0';
	name = strrchr(path, '/');
	return name && !strncmp(name + 1, "muster.db", 9) ? name + 1 : NULL;
}

/* Returns true with errno set when this call is to fail. */
static bool fails(int fd, const char *call)
{
	const int saved = errno;
	char path[PATH_MAX];
	const char *name = counter ? failing_file(fd, path) : NULL;
	uint64_t n;

	errno = saved;
	if (!name || (fail_file && strcmp(name, fail_file)))
		return false;
	n = atomic_fetch_add(counter, 1) + 1;
	if (n < fail_at || (n > fail_at && !fail_ever))
		return false;
	if (n == fail_at)
		dprintf(STDERR_FILENO, "failing_io: %s of %s, number %llu, fails: %s\n", call, name,
			(unsigned long long)n, strerror(fail_errno));
	errno = fail_errno;
	return true;
}

/* Blobs and their folder are opened by names within the folder of blobs, by a role that may not ask
 * what a descriptor is. */
int openat64(int dir, const char *path, int flags, ...);
int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;
	int fd;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd >= 0 && fd < FDS_MAX)
		is_blob[fd] = !strncmp(path, "tmp/", 4) || !strcmp(path, "sha256");
	return fd;
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return openat64(dir, path, flags, mode);
}

ssize_t write(int fd, const void *buf, size_t n)
{
	return fails(fd, "write") ? -1 : (ssize_t)syscall(SYS_write, fd, buf, n);
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	return fails(fd, "pwrite") ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, buf, n, at);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return pwrite64(fd, buf, n, at);
}

int fsync(int fd)
{
	return fails(fd, "fsync") ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return fails(fd, "fdatasync") ? -1 : (int)syscall(SYS_fdatasync, fd);
}
