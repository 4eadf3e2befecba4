/*
 * manifest.h: what an image is. A manifest is a JSON document of at most 64 KiB that names every
 * file of one image with its length and digest; the SHA-256 of its bytes names the image. Verify
 * the bytes' signature before parsing them.
 *
 *   { "type": "manifest", "name": "kvm", "version": "6.1.192-2", "kind": "linux",
 *     "arch": "x86_64", "channel": "stable", "release": 3, "created": 1763942400,
 *     "expires": 1798502400, "args": "console=ttyS0,115200n8", "xen_args": "",
 *     "files": [ { "role": "kernel", "name": "vmlinuz", "length": 8214336, "sha256": "..." } ] }
 *
 * Strict: the keys come in this order, none unknown, doubled or missing; lines end in LF, the last
 * one too, so no prefix of a manifest is one. Times are seconds since 1970. `release`, `created`
 * and `expires` are stamped by signing; a built, unsigned manifest has zeros there: whoever runs or
 * imports an image refuses release 0. File names differ in more than case, because some file
 * systems and loaders ignore it.
 *
 * The kinds: linux (a kernel) and xen (Xen and dom0's kernel) are started by the agent. The others
 * the boot loader starts by itself: esxi (boot.cfg, its kernel, its modules, and mboot.efi as efi),
 * efi (a program, and modules that it finds beside itself by their names), iso (a bootable CD), san
 * (a disk of the network: no file at all). What args says there: docs/images.md.
 */
#ifndef MUSTER_IMAGES_MANIFEST_H
#define MUSTER_IMAGES_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/strict.h"

#define MANIFEST_MAX	   STRICT_MAX /* bytes */
#define MANIFEST_FILES_MAX 256
#define MANIFEST_NAME_MAX  STRICT_NAME_MAX /* image and file names */
#define MANIFEST_ARGS_MAX  1024		   /* printable ASCII, no quotes or backslashes */
#define MANIFEST_FILE_MAX  (4ULL << 30)
#define AGENT_IMAGE	   "agent" /* the image that holds kernel, ramdisk and UKI of the agent */

enum image_kind {
	IMAGE_LINUX,
	IMAGE_XEN,
	IMAGE_ESXI,
	IMAGE_EFI,
	IMAGE_ISO,
	IMAGE_SAN,
	IMAGE_KINDS
};

enum file_role {
	FILE_KERNEL, /* linux: bzImage; xen: dom0's kernel */
	FILE_INITRD, /* in order; several are concatenated */
	FILE_XEN,    /* the unpacked Xen, multiboot2 */
	FILE_UKI,    /* the agent's signed EFI file, kind linux only */
	FILE_EFI,    /* the EFI program that the loader starts */
	FILE_BOOTCFG,
	FILE_MODULE, /* esxi: a module of boot.cfg; efi: a file beside the program */
	FILE_ISO,
	FILE_ROLES
};

struct manifest_file {
	enum file_role role;
	char name[MANIFEST_NAME_MAX];
	uint64_t length; /* bytes */
	struct digest sha256;
};

struct manifest {
	char name[MANIFEST_NAME_MAX];
	char version[MANIFEST_NAME_MAX];
	char channel[MANIFEST_NAME_MAX];
	enum image_kind kind;
	uint64_t release, created_s, expires_s;
	char args[MANIFEST_ARGS_MAX];	  /* kernel's, or dom0 kernel's */
	char xen_args[MANIFEST_ARGS_MAX]; /* Xen's own; empty unless kind is xen */
	size_t n_files;
	struct manifest_file files[MANIFEST_FILES_MAX];
};

/*
 * Returns 0, or -EBADMSG with one sentence in err (at most err_size bytes) that names the key or
 * the place. The only architecture is x86_64.
 */
int manifest_parse(const char *text, size_t len, struct manifest *out, char *err, size_t err_size);

/* The canonical text: keys in the order above, LF at the end. Returns its length or -ENOSPC. */
int manifest_print(const struct manifest *m, char *out, size_t size);

/* The first file of a role, or NULL. */
const struct manifest_file *manifest_file(const struct manifest *m, enum file_role role);
uint64_t manifest_total(const struct manifest *m); /* bytes over all files */

const char *image_kind_name(enum image_kind k); /* "linux", "xen" … */
const char *file_role_name(enum file_role r);	/* "kernel", "initrd" … */
/* 0 with *out filled, or -ENOENT for another word. */
int image_kind_parse(const char *name, enum image_kind *out);
int file_role_parse(const char *name, enum file_role *out);
/* 1 when the boot loader starts such an image by itself, without the agent. */
int image_kind_direct(enum image_kind k);
int manifest_name_ok(const char *s); /* 1 or 0 */

#endif
