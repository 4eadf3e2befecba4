/* backup_pack.c: includes archive.h, whose filter for zstd writes what comes. */
#include "server/ctl/backup_pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/digest.h"

#define LEVEL "6"

/* A skippable frame (RFC 8878 section 3.1.2): magic number, length, both little-endian. */
static const uint8_t seal_head[8] = { 0x5d, 0x2a, 0x4d, 0x18, DIGEST_LEN, 0, 0, 0 };

#define SEAL_LEN (sizeof seal_head + DIGEST_LEN)

struct pack {
	int fd, error; /* -errno of the first write that failed */
	struct archive *a;
	struct digest_ctx *hash;
};

static int put(struct pack *p, const void *bytes, size_t len)
{
	const char *c = bytes;

	while (len && !p->error) {
		const ssize_t n = write(p->fd, c, len);

		if (n < 0 && errno != EINTR)
			p->error = -errno;
		c += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return p->error;
}

/* Says that all went well: once a write has failed, libarchive 3.6 does not free all that it has.
 */
static la_ssize_t on_write(struct archive *a, void *arg, const void *bytes, size_t len)
{
	struct pack *p = arg;

	(void)a;
	digest_update(p->hash, bytes, len);
	put(p, bytes, len);
	return (la_ssize_t)len;
}

static int result(const struct pack *p, bool is_good)
{
	return p->error ? p->error : is_good ? 0 : -ENOMEM;
}

static int start(struct pack *p)
{
	struct archive_entry *e = archive_entry_new();
	int rc = -ENOMEM;

	if (!e)
		return rc;
	archive_entry_set_pathname(e, "data");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_mode(e, S_IFREG | 0600);
	if (archive_write_set_format_raw(p->a) == ARCHIVE_OK &&
		archive_write_add_filter_zstd(p->a) == ARCHIVE_OK &&
		archive_write_set_filter_option(p->a, "zstd", "compression-level", LEVEL) ==
			ARCHIVE_OK &&
		archive_write_set_bytes_in_last_block(p->a, 1) == ARCHIVE_OK &&
		archive_write_open(p->a, p, NULL, on_write, NULL) == ARCHIVE_OK &&
		archive_write_header(p->a, e) == ARCHIVE_OK)
		rc = 0;
	archive_entry_free(e);
	return rc;
}

int pack_open(int fd, struct pack **out)
{
	struct pack *p = calloc(1, sizeof *p);
	int rc;

	if (!p)
		return -ENOMEM;
	p->fd = fd;
	p->a = archive_write_new();
	p->hash = digest_new();
	rc = p->a && p->hash ? start(p) : -ENOMEM;
	if (rc) {
		pack_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

int pack_write(struct pack *p, const void *bytes, size_t len)
{
	return result(p, archive_write_data(p->a, bytes, len) == (la_ssize_t)len);
}

int pack_close(struct pack *p)
{
	int rc = result(p, archive_write_close(p->a) == ARCHIVE_OK);
	struct digest d;

	if (!rc)
		rc = digest_final(p->hash, &d);
	if (!rc)
		rc = put(p, seal_head, sizeof seal_head);
	if (!rc)
		rc = put(p, d.b, sizeof d.b);
	if (!rc && fsync(p->fd) < 0)
		rc = -errno;
	pack_free(p);
	return rc;
}

void pack_free(struct pack *p)
{
	if (!p)
		return;
	if (!p->error)
		p->error = -ECANCELED; /* so that its end writes nothing */
	archive_write_free(p->a);
	digest_free(p->hash);
	free(p);
}

/* Exactly len bytes from there on. */
static int read_at(int fd, void *out, size_t len, off_t at)
{
	const ssize_t n = pread(fd, out, len, at);

	return n < 0 ? -errno : (size_t)n == len ? 0 : -ENOENT;
}

/* The digest of the first `len` bytes. */
static int digest_of(int fd, off_t len, struct digest *out)
{
	uint8_t buf[64 * 1024];
	struct digest_ctx *c = digest_new();
	int rc = c ? 0 : -ENOMEM;

	for (off_t at = 0; !rc && at < len;) {
		const size_t n = len - at < (off_t)sizeof buf ? (size_t)(len - at) : sizeof buf;

		rc = read_at(fd, buf, n, at);
		if (!rc)
			digest_update(c, buf, n);
		at += (off_t)n;
	}
	if (!rc)
		rc = digest_final(c, out);
	digest_free(c);
	return rc;
}

int pack_check(int fd)
{
	uint8_t seal[SEAL_LEN];
	struct digest is;
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)SEAL_LEN)
		return -ENOENT;
	rc = read_at(fd, seal, sizeof seal, st.st_size - (off_t)SEAL_LEN);
	if (rc)
		return rc;
	if (memcmp(seal, seal_head, sizeof seal_head) != 0)
		return -ENOENT;
	rc = digest_of(fd, st.st_size - (off_t)SEAL_LEN, &is);
	if (rc)
		return rc;
	return memcmp(seal + sizeof seal_head, is.b, sizeof is.b) ? -EBADMSG : 0;
}
