/*
 * medium.h: what people bring: a folder, an ISO image, a tar or zip archive, plain or compressed.
 *
 * Archives are taken apart by libarchive in a process of its own that can read the archive and
 * write to a pipe, nothing else; what comes out of the pipe is judged again here. A medium that
 * names a file outside of itself, or grows out of all proportion, is refused as a whole. Links and
 * devices are no files: a medium may hold them, they are left out.
 *
 * Functions return enum ctl_exit and have said why when it is not CTL_OK.
 */
#ifndef MUSTER_SERVER_CTL_MEDIUM_H
#define MUSTER_SERVER_CTL_MEDIUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEDIUM_HEAD	 1024	/* bytes of each file that are looked at */
#define MEDIUM_PATH_MAX	 1024	/* bytes of a path, with NUL */
#define MEDIUM_FILES_MAX 100000 /* of one medium, folders and links included */

struct medium_file {
	char *path; /* below the medium's top: "efi/boot/bootx64.efi" */
	uint64_t size;
	size_t head_len;
	uint8_t *head; /* its first bytes */
};

struct medium {
	const char *name; /* as people gave it, borrowed */
	bool folder;
	bool iso;      /* an ISO 9660 image */
	int fd;	       /* of the folder or the archive */
	size_t others; /* folders, links and devices of an archive */
	size_t n;
	struct medium_file *files;
};

/* Look at the whole of it. End it with medium_fini, also after a failure. */
int medium_open(const char *name, struct medium *m);
void medium_fini(struct medium *m); /* accepts zeros */

/* Copy the files of these indices into DIR, as these names. */
int medium_copy(
	struct medium *m, const size_t *which, const char *const *names, size_t n, const char *dir);

/* All of them, of any size, as these names, whose folders are there. */
int medium_unpack(struct medium *m, const char *const *names, const char *dir);

/* The whole of a small file, NUL-terminated, to free(); at most `max` bytes. */
int medium_read(struct medium *m, size_t which, size_t max, char **out, size_t *len);

/* ---- medium_archive.c: the process that takes an archive apart ---- */

/* What it writes: this head, then `len` bytes. */
struct medium_item {
	uint32_t what; /* enum medium_what */
	uint32_t len;
	uint64_t size; /* of the file, with MEDIUM_FILE */
};

enum medium_what {
	MEDIUM_FILE,   /* a regular file begins: its path as the archive has it */
	MEDIUM_OTHER,  /* a folder, link or device: its path */
	MEDIUM_BYTES,  /* some of its bytes, in order */
	MEDIUM_FORMAT, /* what kind of archive it is, in words */
	MEDIUM_ERROR,  /* it cannot be read: a sentence */
	MEDIUM_END,
};

#define MEDIUM_CHUNK (64 * 1024) /* most bytes of an item */

/*
 * In the child: read the archive on fd and write its items to `pipe`, with the first `head` bytes
 * of each file, or all of those whose number (counting FILEs from 0) is set in `wanted`. Locks
 * itself in first. Never returns.
 */
void medium_archive(int fd, int pipe, size_t head, const bool *wanted, size_t n_wanted)
	__attribute__((noreturn));

#endif
