#include "server/ctl/upload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/ctl/client.h"

#define PIECE	  ((uint64_t)8 * 1024 * 1024) /* of one request: what a lost connection costs */
#define TRIES	  5			      /* without a byte of progress */
#define PAUSE_MS  500
#define PATH_SIZE (sizeof "/api/v1/blobs/" + DIGEST_HEX)

static void blob_path(const struct digest *d, char out[PATH_SIZE])
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	snprintf(out, PATH_SIZE, "/api/v1/blobs/%s", hex);
}

int upload_check(struct ctl *c, const struct digest *d, struct answer *out)
{
	char path[PATH_SIZE];
	int rc;

	blob_path(d, path);
	for (int i = 0;; i++) {
		rc = client_ask(c, "POST", path, "", out);
		if (rc)
			return rc;
		if (out->status != 503 || i == TRIES)
			break;
		answer_fini(out);
		ctl_pause(PAUSE_MS);
	}
	if (out->status == 200 && out->doc)
		return CTL_OK;
	rc = client_problem(out);
	answer_fini(out);
	return rc;
}

/* Where to go on: *at is len when there is nothing to send. */
static int ask_offset(struct upload *u, const struct digest *d, uint64_t len, uint64_t *at)
{
	struct answer a;
	const char *state;
	int rc = upload_check(u->c, d, &a);

	if (rc)
		return rc;
	state = json_get_str(a.doc, "state", "");
	if (!strcmp(state, "whole"))
		*at = len;
	else if (!strcmp(state, "part"))
		*at = (uint64_t)json_get_int(a.doc, "bytes", 0);
	else
		*at = 0;
	/* all of it came, and the answer to that was lost: its last byte once more */
	if (*at >= len && strcmp(state, "whole") != 0)
		*at = len ? len - 1 : 0;
	answer_fini(&a);
	return CTL_OK;
}

static void on_sent(void *arg, uint64_t bytes)
{
	progress_add(arg, bytes, true);
}

enum sent { SENT_PART, SENT_WHOLE, SENT_AGAIN, SENT_WRONG, SENT_FAILED };

/* The answer to a piece; *at goes on. */
static enum sent judge(struct answer *a, uint64_t *at)
{
	switch (a->status) {
	case 201:
		return SENT_WHOLE;
	case 202:
		*at = (uint64_t)json_get_int(a->doc, "bytes", 0);
		return SENT_PART;
	case 409: /* another one is sending it, too, or the role was started anew */
	case 503:
		return SENT_AGAIN;
	case 422:
		return SENT_WRONG;
	default:
		return SENT_FAILED;
	}
}

static int send_pieces(
	struct upload *u, int fd, uint64_t len, const struct digest *d, uint64_t at, enum sent *out)
{
	char path[PATH_SIZE];
	struct answer a;
	int rc;

	blob_path(d, path);
	do {
		const struct client_body body = { .fd = fd,
			.offset = at,
			.len = len - at < PIECE ? len - at : PIECE,
			.total = len,
			.sent = on_sent,
			.arg = u->progress };

		rc = client_put(u->c, path, &body, &a);
		if (rc)
			return rc;
		*out = judge(&a, &at);
		if (*out == SENT_FAILED)
			rc = client_problem(&a);
		answer_fini(&a);
	} while (!rc && *out == SENT_PART && at < len);
	return rc;
}

int upload_fd(struct upload *u, int fd, uint64_t len, const struct digest *d, const char *name)
{
	const uint64_t before = u->progress->done;
	enum sent sent = SENT_AGAIN;
	bool from_start = false;
	uint64_t at, best = 0;
	int rc;

	for (int tries = 0; tries < TRIES; tries++) {
		rc = ask_offset(u, d, len, &at);
		if (rc)
			return rc;
		if (at > best) {
			best = at;
			tries = 0;
		}
		u->progress->done = before;
		progress_add(u->progress, at, false);
		if (at == len && len > 0)
			return CTL_OK;
		from_start = at == 0;
		rc = send_pieces(u, fd, len, d, at, &sent);
		if (rc || sent == SENT_WHOLE)
			return rc;
		if (sent == SENT_WRONG && from_start)
			return ctl_fail(CTL_FAILED, "%s changed during the import", name);
		if (sent == SENT_AGAIN)
			ctl_pause(PAUSE_MS);
	}
	return ctl_fail(CTL_UNREACHABLE, "%s: the server does not take it", name);
}

int upload_text(struct upload *u, const char *text, size_t len)
{
	struct digest d;
	int fd, rc = digest_bytes(text, len, &d);

	if (rc)
		return ctl_fail(CTL_FAILED, "%s", strerror(-rc));
	fd = memfd_create("text", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		rc = ctl_fail(CTL_FAILED, "%s", strerror(errno));
	if (!rc)
		rc = upload_fd(u, fd, len, &d, u->progress->what);
	if (fd >= 0)
		close(fd);
	return rc;
}
