/*
 * medium_find.h: what can be booted on a medium, told by the bytes that its files begin with and by
 * where they lie. Pure.
 */
#ifndef MUSTER_SERVER_CTL_MEDIUM_FIND_H
#define MUSTER_SERVER_CTL_MEDIUM_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/ctl/medium.h"

#define MEDIUM_NONE ((size_t)-1)

/*
 * A path as it may stand in a medium, without "./" before it and "/" behind it, into out. Returns
 * 0; -ENOENT for the medium's top; -EACCES for one that leads out of it ("/x", "a/../b", a drive's
 * letter); -EBADMSG for control bytes, backslashes, "//" or an empty one; -ENAMETOOLONG. Pure.
 */
int medium_path(const char *path, char out[MEDIUM_PATH_MAX]);

enum medium_type {
	MEDIUM_UNKNOWN,
	MEDIUM_KERNEL,	/* Linux, bzImage for x86-64 */
	MEDIUM_EFI,	/* an EFI program for x86-64 */
	MEDIUM_RAMDISK, /* cpio, as it is or compressed, with a name that says initrd */
};

enum medium_type medium_type(const struct medium_file *f);

/* Indices of files, MEDIUM_NONE for what is not there. */
struct medium_found {
	size_t bootcfg;	  /* the topmost boot.cfg */
	size_t efi_boot;  /* \EFI\BOOT\BOOTX64.EFI */
	size_t mboot;	  /* mboot.efi, else efi_boot where there is a boot.cfg */
	size_t crypto;	  /* crypto64.efi beside it */
	size_t kernel;	  /* the one with a ramdisk beside it that lies topmost */
	size_t initrd;	  /* beside the kernel */
	size_t n_kernels; /* of all */
};

void medium_find(const struct medium *m, struct medium_found *out);

/* The file of that path, in either case; MEDIUM_NONE. */
size_t medium_by_path(const struct medium *m, const char *path);

/*
 * The file that boot.cfg, lying in the folder of `bootcfg`, names: below `prefix` (or "") when it
 * is no URL, else as installation CDs have it, beside boot.cfg or at the top. MEDIUM_NONE.
 */
size_t medium_of_bootcfg(
	const struct medium *m, size_t bootcfg, const char *prefix, const char *path);

/*
 * What firmware boots from a CD (El Torito): from the volume descriptor of sector 17 and from the
 * boot catalogue, whose sector `where` is, 2048 bytes each.
 */
struct medium_boots {
	bool bios, uefi;
};
/* 0 with *where filled, or -ENOENT: the medium has no boot catalogue. */
int medium_boot_record(const uint8_t sector[2048], uint32_t *where);
/* 0, or -EBADMSG: it is none. */
int medium_boot_catalogue(const uint8_t sector[2048], struct medium_boots *out);

#endif
