/*
 * cpio.h: a small archive in the kernel's initramfs format ("newc", Documentation/driver-api/early-
 * userspace/buffer-format.rst), made in memory. Append folders before the files in them, then end
 * it. All entries belong to root and carry no time, so the same input gives the same bytes. Pure.
 */
#ifndef MUSTER_IMAGES_CPIO_H
#define MUSTER_IMAGES_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpio {
	uint8_t *buf; /* the caller's, of `size` bytes; `len` of them are written */
	size_t len, size;
	bool bad; /* something did not fit */
};

void cpio_dir(struct cpio *c, const char *name, unsigned mode);
void cpio_file(struct cpio *c, const char *name, unsigned mode, const void *p, size_t len);
/* A symbolic link; its target has `len` bytes and no NUL. */
void cpio_link(struct cpio *c, const char *name, const char *target, size_t len);
void cpio_end(struct cpio *c);

#endif
