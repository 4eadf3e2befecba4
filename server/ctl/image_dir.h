/*
 * image_dir.h: a built image, which is a folder: the files, manifest.json, and once it is signed
 * channel.json, which makes this release the current one; for each signer of one of them
 * NAME.minisig.KEYID.
 *
 * Functions return enum ctl_exit and have said why when it is not CTL_OK. Files are read by name
 * only when they are regular files: a link in an image folder is refused.
 */
#ifndef MUSTER_SERVER_CTL_IMAGE_DIR_H
#define MUSTER_SERVER_CTL_IMAGE_DIR_H

#include <limits.h>
#include <stddef.h>

#include "images/manifest.h"
#include "images/minisig.h"
#include "images/quorum.h"

#define IMAGE_MANIFEST	  "manifest.json"
#define IMAGE_CHANNEL	  "channel.json"
#define IMAGE_SIGNERS_MAX QUORUM_SIGS_MAX

struct image_text {
	char text[MANIFEST_MAX + 1]; /* NUL-terminated */
	size_t len;
};

struct image_signature {
	char file[NAME_MAX + 1];
	char text[MINISIG_TEXT_MAX + 1]; /* NUL-terminated, unchecked */
	size_t len;
};

/* A read-only descriptor of DIR/NAME, or -errno (-ELOOP for anything but a regular file). */
int image_dir_open(const char *dir, const char *name);

/* The bytes of DIR/NAME, at most MANIFEST_MAX; a missing one is CTL_NOT_FOUND with `hint`. */
int image_dir_text(const char *dir, const char *name, const char *hint, struct image_text *out);

int image_dir_parse(const char *dir, const struct image_text *t, struct manifest *out);

/* Length and digest of each file into m->files. */
int image_dir_hash(const char *dir, struct manifest *m);

/* Do the files have the lengths and digests of the manifest? Every one that differs is named. */
int image_dir_check(const char *dir, const struct manifest *m);

/*
 * All signature files of DIR/NAME: NAME.minisig and NAME.minisig.KEYID, at most IMAGE_SIGNERS_MAX.
 */
int image_dir_signatures(const char *dir, const char *name, struct image_signature *out, size_t *n);
int image_dir_drop_signatures(const char *dir, const char *name);

/* A file with its signatures, as judge.h wants it. */
struct image_signed {
	struct image_text text;
	struct image_signature sigs[IMAGE_SIGNERS_MAX];
	struct signed_text t; /* borrows the above */
};

int image_dir_signed(const char *dir, const char *name, const char *hint, struct image_signed *out);

/* Sign the text and write DIR/NAME.minisig.KEYID. */
int image_dir_sign(const char *dir, const char *name, const struct image_text *t,
	const struct minisig_secret *sec, const char *trusted_comment);

/* "a/b.json" is "b.json" in "a", "b.json" is in ".". */
int image_dir_split(const char *path, char dir[PATH_MAX], char name[NAME_MAX + 1]);

/* Replace DIR/NAME as a whole, on disk before this returns. */
int image_dir_write(const char *dir, const char *name, const void *p, size_t len);

/* Make the folder; what was built there before ends being an image until image_dir_finish. */
int image_dir_clear(const char *dir);

/* Hash the files that *m names and write the manifest, unsigned. */
int image_dir_finish(const char *dir, struct manifest *m);

#endif
