/*
 * file.h: small files, read and written whole.
 */
#ifndef MUSTER_AGENT_FILE_H
#define MUSTER_AGENT_FILE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Read at most size - 1 bytes into buf and end them with NUL. Returns the length, or -errno with
 * buf empty. file_text also cuts off trailing white space.
 */
ssize_t file_read(const char *path, char *buf, size_t size);
ssize_t file_text(const char *path, char *buf, size_t size);

/* Write the file beside and rename it, so that a reader sees all or nothing. 0 or -errno. */
int file_write(const char *path, const void *p, size_t len, mode_t mode);

/* Write all bytes to a descriptor. 0 or -errno. */
int file_put(int fd, const void *p, size_t len);

#endif
