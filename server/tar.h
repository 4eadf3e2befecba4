/*
 * tar.h: the head of a file in a tar archive (POSIX ustar), as one is written. Pure.
 */
#ifndef MUSTER_SERVER_TAR_H
#define MUSTER_SERVER_TAR_H

#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK    512
#define TAR_SIZE_MAX 077777777777ULL /* bytes of a file: 8 GiB less one */

/*
 * A regular file of mode 0600 that belongs to root. Returns 0; -ENAMETOOLONG when no '/' takes the
 * path apart into 155 and 100 bytes; -EFBIG above TAR_SIZE_MAX.
 */
int tar_head(const char *path, uint64_t size, int64_t modified_s, uint8_t out[TAR_BLOCK]);

/* Zeros that follow on a file of this size. */
size_t tar_padding(uint64_t size);

#endif
