/*
 * medium_archive.c: libarchive, locked in. Nothing else reads with archive.h.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/ctl/medium.h"
#include "server/sandbox.h"

#define MEMORY_MAX (1UL << 30)
#define CPU_MAX_S  900
#define GROWTH_MAX 200 /* times the size of the archive, above ... */
#define GROWTH_MIN (64ULL << 20)

struct reader {
	struct archive *a;
	int fd, pipe;
	char buf[MEDIUM_CHUNK]; /* of the archive */
	uint64_t in, out;	/* bytes of the archive, and of what came out of it */
};

static void write_all(int fd, const void *p, size_t len)
{
	const char *c = p;

	while (len) {
		ssize_t n = write(fd, c, len);

		if (n < 0 && errno != EINTR)
			_exit(1); /* nobody reads any more */
		c += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

static void item(
	const struct reader *r, enum medium_what what, uint64_t size, const void *p, size_t len)
{
	const struct medium_item head = { (uint32_t)what, (uint32_t)len, size };

	write_all(r->pipe, &head, sizeof head);
	write_all(r->pipe, p, len);
}

static void give_up(const struct reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
static void give_up(const struct reader *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	item(r, MEDIUM_ERROR, 0, text, strlen(text));
	_exit(0);
}

static void count(struct reader *r, uint64_t bytes)
{
	r->out += bytes;
	if (r->out > GROWTH_MIN && r->out / GROWTH_MAX > r->in)
		give_up(r, "it unpacks to more than %d times its size", GROWTH_MAX);
}

/* libarchive's own reading by descriptor asks the kernel more than the sandbox allows. */
static la_ssize_t on_read(struct archive *a, void *arg, const void **out)
{
	struct reader *r = arg;
	ssize_t n;

	while ((n = read(r->fd, r->buf, sizeof r->buf)) < 0 && errno == EINTR)
		;
	if (n < 0)
		archive_set_error(a, errno, "it cannot be read: %s", strerror(errno));
	*out = r->buf;
	return n;
}

static la_int64_t on_seek(struct archive *a, void *arg, la_int64_t offset, int whence)
{
	struct reader *r = arg;
	off_t at = lseek(r->fd, offset, whence);

	if (at < 0)
		archive_set_error(a, errno, "it cannot be read: %s", strerror(errno));
	return at < 0 ? ARCHIVE_FATAL : at;
}

static la_int64_t on_skip(struct archive *a, void *arg, la_int64_t n)
{
	struct reader *r = arg;
	const off_t from = lseek(r->fd, 0, SEEK_CUR);

	(void)a;
	/* Past the end nothing can be skipped: reading finds the end. */
	if (from < 0 || n < 0 || (uint64_t)n > r->in - (uint64_t)from)
		return 0;
	return lseek(r->fd, n, SEEK_CUR) < 0 ? 0 : n;
}

/* The formats that installation media come in; no others of libarchive's many. */
static struct archive *reader_new(void)
{
	struct archive *a = archive_read_new();

	if (!a || archive_read_support_format_iso9660(a) || archive_read_support_format_tar(a) ||
		archive_read_support_format_zip(a) || archive_read_support_format_cpio(a) ||
		archive_read_support_filter_gzip(a) || archive_read_support_filter_xz(a) ||
		archive_read_support_filter_bzip2(a) || archive_read_support_filter_zstd(a))
		return NULL;
	return a;
}

/* Up to `max` bytes of the file at which the reader stands. */
static void send_bytes(struct reader *r, uint64_t max)
{
	const void *p;
	size_t len;
	la_int64_t at;
	uint64_t sent = 0;
	int rc;

	while (sent < max && (rc = archive_read_data_block(r->a, &p, &len, &at)) != ARCHIVE_EOF) {
		static const char zeros[MEDIUM_CHUNK];

		if (rc < ARCHIVE_WARN)
			give_up(r, "%s", archive_error_string(r->a));
		count(r, len);
		/* A hole in a sparse file. */
		while (sent < (uint64_t)at && sent < max) {
			uint64_t n = (uint64_t)at - sent;

			n = n < max - sent ? n : max - sent;
			n = n < sizeof zeros ? n : sizeof zeros;
			item(r, MEDIUM_BYTES, 0, zeros, (size_t)n);
			sent += n;
			count(r, n);
		}
		for (size_t i = 0; i < len && sent < max;) {
			uint64_t n = len - i < MEDIUM_CHUNK ? len - i : MEDIUM_CHUNK;

			n = n < max - sent ? n : max - sent;
			item(r, MEDIUM_BYTES, 0, (const char *)p + i, (size_t)n);
			sent += n;
			i += (size_t)n;
		}
	}
}

/* What is not sent is read all the same where it has to be unpacked: to see how much it is. */
static void skip_bytes(struct reader *r)
{
	const void *p;
	size_t len;
	la_int64_t at;
	int rc;

	while ((rc = archive_read_data_block(r->a, &p, &len, &at)) != ARCHIVE_EOF) {
		if (rc < ARCHIVE_WARN)
			give_up(r, "%s", archive_error_string(r->a));
		count(r, len);
	}
}

static void send_entry(struct reader *r, struct archive_entry *e, uint64_t max)
{
	const char *path = archive_entry_pathname(e);
	const bool file = archive_entry_filetype(e) == AE_IFREG && !archive_entry_hardlink(e);

	if (!path || strlen(path) > MEDIUM_CHUNK)
		give_up(r, "a file's name cannot be read");
	item(r, file ? MEDIUM_FILE : MEDIUM_OTHER, (uint64_t)archive_entry_size(e), path,
		strlen(path));
	if (!file)
		return;
	send_bytes(r, max);
	if (archive_filter_count(r->a) > 1 || archive_format(r->a) == ARCHIVE_FORMAT_ZIP)
		skip_bytes(r);
	else
		count(r, (uint64_t)archive_entry_size(e));
}

static void lock_in(const struct reader *r)
{
#ifndef __SANITIZE_ADDRESS__
	const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };

	setrlimit(RLIMIT_AS, &memory);
#endif
	setrlimit(RLIMIT_CPU, &(struct rlimit){ CPU_MAX_S, CPU_MAX_S });
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sandbox_enter(SANDBOX_MESSAGES) < 0)
		give_up(r, "the process that reads it cannot be locked in: %s", strerror(errno));
}

void medium_archive(int fd, int pipe, size_t head, const bool *wanted, size_t n_wanted)
{
	static struct reader r;
	struct archive_entry *e;
	const char *format;
	struct stat st;
	size_t n = 0;
	int rc;

	r.a = reader_new();
	r.fd = fd;
	r.pipe = pipe;
	setlocale(LC_CTYPE, "C.UTF-8"); /* names are UTF-8 whatever the user's language */
	if (!r.a || fstat(fd, &st) < 0)
		give_up(&r, "it cannot be opened: %s", strerror(errno));
	r.in = (uint64_t)st.st_size;
	lock_in(&r);
	archive_read_set_read_callback(r.a, on_read);
	archive_read_set_seek_callback(r.a, on_seek);
	archive_read_set_skip_callback(r.a, on_skip);
	archive_read_set_callback_data(r.a, &r);
	if (archive_read_open1(r.a))
		give_up(&r, "%s", archive_error_string(r.a));
	while ((rc = archive_read_next_header(r.a, &e)) != ARCHIVE_EOF) {
		const bool whole = n < n_wanted && wanted[n];

		if (rc < ARCHIVE_WARN)
			give_up(&r, "%s", archive_error_string(r.a));
		if (!n && (format = archive_format_name(r.a)))
			item(&r, MEDIUM_FORMAT, 0, format, strlen(format));
		n += archive_entry_filetype(e) == AE_IFREG && !archive_entry_hardlink(e);
		send_entry(&r, e, whole ? UINT64_MAX : head);
	}
	item(&r, MEDIUM_END, 0, "", 0);
	_exit(0);
}
