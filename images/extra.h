/*
 * extra.h: what a host gets beside its image: an archive of files (cpio.h), which becomes one more
 * initrd, and further arguments of its kernel. The server makes them of a profile; the boot ticket
 * covers both. Here is what they may be, for the one who makes them and the one who takes them.
 * Pure.
 */
#ifndef MUSTER_IMAGES_EXTRA_H
#define MUSTER_IMAGES_EXTRA_H

#include <stdbool.h>

#define EXTRA_MAX	(48 * 1024) /* bytes of the archive */
#define EXTRA_ARGS_MAX	384	    /* bytes, NUL included: a ticket has room for them */
#define EXTRA_FILES_MAX 16
#define EXTRA_PATH_MAX	128 /* the same */

/*
 * Words of letters, digits and - _ . , : = / @ + % * [ ] ~ with single blanks between them, or "":
 * nothing that a kernel's command line, a shell or JSON would take for its own.
 */
bool extra_args_ok(const char *args);

/*
 * Absolute, of the letters above without blanks, % * [ ] ~ and =, no part of it "." or "..", and
 * neither the image's programs nor what the kernel, the start-up or muster-agent keeps there.
 * Otherwise *why says what it must not be.
 */
bool extra_path_ok(const char *path, const char **why);

#endif
