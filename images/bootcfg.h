/*
 * bootcfg.h: ESXi's boot.cfg, read and written as VMware's loader mboot reads it. Pure.
 *
 *   bootstate=0                              Lines are KEY=VALUE; '#' begins a comment line. Space
 *   title=Loading ESXi installer             around the key and the value does not count, runs of
 *   prefix=                                  it inside the value are one blank. Keys are the same
 *   kernel=/b.b00                            in either case, the last of a key counts, and an empty
 *   kernelopt=runweasel cdromBoot            value takes the former one away. A key that mboot does
 *   modules=/jumpstrt.gz --- /s.v00 arg      not know is ignored by it. A list is separated by
 *                                            "---"; what follows an item's name is its options.
 *
 * Names are relative to prefix, else to the folder of boot.cfg. Those of an installation CD begin
 * with '/', which would lead past the prefix: bootcfg_name takes a name without its folders.
 */
#ifndef MUSTER_IMAGES_BOOTCFG_H
#define MUSTER_IMAGES_BOOTCFG_H

#include <stddef.h>

#define BOOTCFG_MAX	    (64 * 1024) /* bytes */
#define BOOTCFG_MODULES_MAX 250
#define BOOTCFG_ERR_MAX	    200
#define BOOTCFG_CRYPTO	    "crypto64.efi" /* which mboot looks for where the file names none */

/* A piece of the text, without a NUL; NULL: there is none. */
struct bootcfg_text {
	const char *p;
	size_t len;
};

struct bootcfg_item {
	struct bootcfg_text path, options;
};

struct bootcfg {
	const char *text; /* all of it, borrowed */
	size_t len;
	struct bootcfg_text kernelopt, prefix;
	struct bootcfg_item kernel; /* no options: those are kernelopt */
	struct bootcfg_item crypto; /* path NULL: the file does not name it */
	size_t n_modules;
	struct bootcfg_item modules[BOOTCFG_MODULES_MAX];
};

/*
 * Returns 0 with *out filled, borrowing `text`; or -EBADMSG with one sentence in err
 * (BOOTCFG_ERR_MAX bytes) that names the line or the key: no kernel, a NUL or control byte, too
 * long, too many modules, a number that is none, ACPI tables (which no loader of ours serves).
 */
int bootcfg_parse(const char *text, size_t len, struct bootcfg *out, char *err);

/*
 * The last part of a path, into out with its NUL. 0; -EINVAL when there is none; -ENOSPC when it is
 * longer.
 */
int bootcfg_name(const struct bootcfg_text *path, char *out, size_t size);

/* What is put into the boot.cfg that a host gets. */
struct bootcfg_host {
	const char *prefix;    /* URL */
	const char *kernelopt; /* put behind the file's own, or "" */
	/* Where the file is, below prefix, into out: 0, or a negative errno that ends it. */
	int (*place)(void *arg, const char *name, char *out, size_t size);
	void *arg;
};

/*
 * The text for a host: lines that are no business of ours as they were, then ours. Returns its
 * length with a NUL behind it; -ENOSPC when it does not fit; -EINVAL for a path that names no file;
 * or what place() returned.
 */
int bootcfg_render(
	const struct bootcfg *cfg, const struct bootcfg_host *host, char *out, size_t size);

#endif
