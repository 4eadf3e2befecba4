/*
 * An entry: a head of 110 ASCII characters ("070701" and 13 fields of 8 hex digits), the name with
 * its NUL, zeros up to a multiple of 4, the bytes of the file, zeros up to a multiple of 4. The
 * last entry is called "TRAILER!!!". Offsets count from the start of the archive, and as every
 * entry is a multiple of 4 long, padding an entry by its own length is the same.
 */
#include "images/cpio.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEAD_LEN 110

static void put(struct cpio *c, const void *p, size_t len)
{
	static const uint8_t zeros[3];
	size_t padding = -len & 3;

	if (c->bad || len > c->size - c->len || padding > c->size - c->len - len) {
		c->bad = true;
		return;
	}
	if (len)
		memcpy(c->buf + c->len, p, len);
	memcpy(c->buf + c->len + len, zeros, padding);
	c->len += len + padding;
}

static void entry(struct cpio *c, const char *name, unsigned mode, const void *p, size_t len)
{
	char head[HEAD_LEN + 256];
	int name_len = (int)strlen(name) + 1;
	/* inode mode uid gid links mtime | length device (2) special device (2) | name check */
	int n = snprintf(head, sizeof head,
		"070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s", 0u, mode, 0u, 0u,
		1u, 0u, (unsigned)len, 0u, 0u, 0u, 0u, (unsigned)name_len, 0u, name);

	if (n < 0 || (size_t)n >= sizeof head) {
		c->bad = true;
		return;
	}
	put(c, head, (size_t)n + 1);
	put(c, p, len);
}

void cpio_dir(struct cpio *c, const char *name, unsigned mode)
{
	entry(c, name, S_IFDIR | mode, NULL, 0);
}

void cpio_file(struct cpio *c, const char *name, unsigned mode, const void *p, size_t len)
{
	entry(c, name, S_IFREG | mode, p, len);
}

void cpio_link(struct cpio *c, const char *name, const char *target, size_t len)
{
	entry(c, name, S_IFLNK | 0777, target, len);
}

void cpio_end(struct cpio *c)
{
	entry(c, "TRAILER!!!", 0, NULL, 0);
}
