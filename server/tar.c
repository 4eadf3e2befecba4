/*
 * tar.c: offset and length of what we write of a head:
 *   0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 modified 12 | 148 sum 8
 *   156 type 1 | 257 "ustar" NUL "00" | 345 prefix 155
 * Numbers are octal digits.
 */
#include "server/tar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_LEN   100
#define PREFIX_LEN 155

/* Where the path is taken apart: the name begins there. NULL: nowhere. */
static const char *name_of(const char *path)
{
	if (strlen(path) <= NAME_LEN)
		return path;
	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/')) {
		if (s - path > PREFIX_LEN)
			return NULL;
		if (s > path && strlen(s + 1) <= NAME_LEN)
			return s + 1;
	}
	return NULL;
}

static void put_octal(uint8_t *at, size_t digits, uint64_t n)
{
	for (size_t i = digits; i > 0; i--, n >>= 3)
		at[i - 1] = (uint8_t)('0' + (n & 7));
}

/* Over the head with blanks where the sum stands. */
static unsigned sum_of(const uint8_t head[TAR_BLOCK])
{
	unsigned sum = 8 * ' ';

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? 0 : head[i];
	return sum;
}

int tar_head(const char *path, uint64_t size, int64_t modified_s, uint8_t out[TAR_BLOCK])
{
	const char *name = name_of(path);

	if (!name)
		return -ENAMETOOLONG;
	if (size > TAR_SIZE_MAX)
		return -EFBIG;
	memset(out, 0, TAR_BLOCK);
	memcpy(out, name, strlen(name));
	if (name > path)
		memcpy(out + 345, path, (size_t)(name - path) - 1);
	put_octal(out + 100, 7, 0600);
	put_octal(out + 108, 7, 0);
	put_octal(out + 116, 7, 0);
	put_octal(out + 124, 11, size);
	put_octal(out + 136, 11, modified_s > 0 ? (uint64_t)modified_s : 0);
	out[156] = '0';
	memcpy(out + 257, "ustar\00000", 8);
	put_octal(out + 148, 6, sum_of(out));
	out[155] = ' ';
	return 0;
}

size_t tar_padding(uint64_t size)
{
	return (size_t)(-size % TAR_BLOCK);
}
