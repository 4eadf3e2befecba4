/*
 * upload.h: blobs on their way to the server. Each is asked for first: what is there whole does not
 * cross the line again, and of what came in part only the rest does, whoever sent that part and
 * when.
 */
#ifndef MUSTER_SERVER_CTL_UPLOAD_H
#define MUSTER_SERVER_CTL_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "server/ctl/ctl.h"
#include "server/ctl/progress.h"

struct upload {
	struct ctl *c;
	struct progress *progress; /* of all blobs of an image */
};

/* `len` bytes from the descriptor's start. Returns an exit code, having said what went wrong. */
int upload_fd(struct upload *u, int fd, uint64_t len, const struct digest *d, const char *name);
int upload_text(struct upload *u, const char *text, size_t len);

/*
 * What the server has of a blob, which it reads through; the answer's `state` is whole, part,
 * missing or damaged, `bytes` how many. 0 or an exit code.
 */
struct answer;
int upload_check(struct ctl *c, const struct digest *d, struct answer *out);

#endif
