/*
 * shared.h: what this ramdisk has in common with images, so that it is not loaded a second time.
 *
 * The ramdisk was put together from the base that the hypervisor images have too, and from the
 * agent's own part, which says by digest what the base is and which kernel runs
 * (/etc/muster/shared). The base names all of its paths (/etc/muster/base.paths).
 */
#ifndef MUSTER_AGENT_SHARED_H
#define MUSTER_AGENT_SHARED_H

#include <stdbool.h>

#include "images/manifest.h"

struct shared {
	bool known; /* false: nothing is shared, and the digests are zeros */
	struct digest kernel, base;
};

/* Read the file: lines "kernel HEX" and "base HEX", both or nothing is known. */
void shared_read(const char *path, struct shared *out);
/* The same for its text. Pure. */
void shared_parse(const char *text, struct shared *out);

/* The file is an initrd with the bytes that this ramdisk's base came from. Pure. */
bool shared_has(const struct shared *s, const struct manifest_file *f);

/*
 * May the image take over by a switch of root instead of a kexec? It is a Linux image, its kernel
 * is the one that runs, its first initrd is our base, and each word of its kernel arguments is on
 * the running kernel's command line. Pure.
 */
bool shared_can_switch(const struct shared *s, const struct manifest *m, const char *cmdline);

/* Append the base to the file as an archive for the kernel, made from the ramdisk. 0 or -errno. */
int shared_put_base(int to);

/* Remove from the ramdisk what does not belong to the base. 0 or -errno. */
int shared_strip(void);

#endif
