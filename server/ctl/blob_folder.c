#include "server/ctl/blob_folder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "images/blobs.h"
#include "images/json.h"
#include "server/ctl/ctl.h"

static int fail(const struct blob_folder *b, int rc)
{
	ctl_fail(CTL_FAILED, "%s: %s", b->path, strerror(-rc));
	if (rc == -ENOSPC || rc == -EDQUOT)
		ctl_hint("nothing of it was kept; make room and import it again");
	else if (rc == -EACCES || rc == -EPERM)
		ctl_hint("import as root or as the server's user");
	else if (rc == -ENOENT)
		ctl_hint("import on the server's own machine");
	return CTL_FAILED;
}

int blob_folder_open(struct ctl *c, struct blob_folder *b)
{
	struct answer a;
	const char *path;
	int rc = client_get(c, "/api/v1/status", &a);

	if (rc)
		return rc;
	*b = (struct blob_folder){ .lock = -1 };
	path = json_get_str(a.doc, "blobs", "");
	if (*path != '/' || snprintf(b->path, sizeof b->path, "%s", path) >= PATH_MAX)
		rc = ctl_fail(CTL_FAILED, "the server does not say where its blobs are");
	answer_fini(&a);
	if (rc)
		return rc;
	b->lock = blobs_lock(b->path);
	return b->lock < 0 ? fail(b, b->lock) : CTL_OK;
}

static bool have(const struct blob_folder *b, const struct digest *d)
{
	uint64_t len;
	int fd = blobs_open(b->path, d, &len);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int blob_folder_add_fd(struct blob_folder *b, int fd, const struct digest *want)
{
	bool had = have(b, want);
	struct digest found;
	uint64_t len;
	int rc = blobs_add_fd(b->path, fd, want, &found, &len);

	if (rc)
		return rc == -EBADMSG ? CTL_CONFLICT : fail(b, rc);
	if (!had)
		b->added[b->n_added++] = *want;
	return CTL_OK;
}

int blob_folder_add_text(struct blob_folder *b, const char *text, size_t len)
{
	struct digest d;
	bool had;
	int rc = digest_bytes(text, len, &d);

	if (rc)
		return fail(b, rc);
	had = have(b, &d);
	rc = blobs_add_bytes(b->path, text, len, &d);
	if (rc)
		return fail(b, rc);
	if (!had)
		b->added[b->n_added++] = d;
	return CTL_OK;
}

int blob_folder_register(
	struct ctl *c, struct blob_folder *b, const char *path, const char *body, struct answer *a)
{
	int rc = client_ask(c, "POST", path, body, a);

	if (rc) {
		b->n_added = 0; /* the answer was lost: it may be registered */
		return rc;
	}
	if (a->status / 100 == 2)
		return CTL_OK;
	rc = client_problem(a);
	if (a->status / 100 != 4)
		b->n_added = 0;
	answer_fini(a);
	return rc;
}

/* Blobs that nobody names harm nobody; those that somebody may name stay. */
void blob_folder_close(struct blob_folder *b, int rc)
{
	while (rc && b->n_added > 0)
		blobs_remove(b->path, &b->added[--b->n_added]);
	close(b->lock);
}
