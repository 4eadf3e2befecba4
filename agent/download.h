/*
 * download.h: a blob from the server, whatever happens to the connection on the way. Bytes are
 * hashed while they arrive and kept in memory; after a broken connection the next try goes on
 * where the last one ended. Gives up when nothing has arrived for a while.
 */
#ifndef MUSTER_AGENT_DOWNLOAD_H
#define MUSTER_AGENT_DOWNLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "agent/fault.h"
#include "agent/fetch.h"
#include "images/digest.h"

struct download {
	const char *name; /* of the file, for people */
	struct digest sha256;
	uint64_t length;
	unsigned patience_s;			    /* of silence */
	void (*progress)(void *arg, uint64_t done); /* often; bytes of this file */
	void *arg;
};

/*
 * Returns a sealed, read-only descriptor of exactly these bytes; or -EBADMSG with the fault:
 * `server` (unreachable), `file-missing`, `file-length`, `file-digest`, `memory`.
 */
int download_file(struct fetch *f, const struct download *d, struct fault *fault);

/*
 * A blob of at most max bytes; its digest is for the caller to check, because the protocol has
 * codes of their own for them. Returns 0 with *out filled (fetch_answer_fini), or -EBADMSG.
 */
int download_small(struct fetch *f, const struct digest *d, size_t max, const char *name,
	struct fetch_answer *out, struct fault *fault);

#endif
