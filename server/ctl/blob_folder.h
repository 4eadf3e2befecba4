/*
 * blob_folder.h: the server's folder of blobs, on its own machine, while something is imported:
 * what is added is taken away again unless the server takes it.
 *
 * Functions return enum ctl_exit and have said why when it is not CTL_OK.
 */
#ifndef MUSTER_SERVER_CTL_BLOB_FOLDER_H
#define MUSTER_SERVER_CTL_BLOB_FOLDER_H

#include <limits.h>

#include "images/manifest.h"
#include "images/quorum.h"
#include "server/ctl/client.h"

struct blob_folder {
	char path[PATH_MAX];
	int lock; /* other importers wait */
	/* What was not there before. */
	struct digest added[MANIFEST_FILES_MAX + QUORUM_SIGS_MAX + 1];
	size_t n_added;
};

/* Asks the server where it is, and keeps other importers out. */
int blob_folder_open(struct ctl *c, struct blob_folder *b);

/* CTL_CONFLICT, and nothing said: other bytes than `want`. */
int blob_folder_add_fd(struct blob_folder *b, int fd, const struct digest *want);
int blob_folder_add_text(struct blob_folder *b, const char *text, size_t len);

/*
 * POST the body. The answer is for answer_fini when the server took it. Only a clear no (4xx) takes
 * away what was added: after a lost answer or a failing server it may be registered.
 */
int blob_folder_register(
	struct ctl *c, struct blob_folder *b, const char *path, const char *body, struct answer *a);

/* rc: how it went. */
void blob_folder_close(struct blob_folder *b, int rc);

#endif
