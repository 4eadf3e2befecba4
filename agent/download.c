#include "agent/download.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/memfile.h"
#include "agent/pace.h"
#include "agent/screen.h"

#define PATH_LEN 96

struct transfer {
	const struct download *d;
	struct digest_ctx *hash;
	struct pace pace;
	uint64_t done;
	int fd;
};

static void blob_path(const struct digest *d, char out[PATH_LEN])
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	snprintf(out, PATH_LEN, "/blobs/sha256/%s", hex);
}

static int on_bytes(void *arg, const void *p, size_t len)
{
	struct transfer *t = arg;
	int rc = file_put(t->fd, p, len);

	if (rc < 0)
		return -ENOMEM;
	digest_update(t->hash, p, len);
	t->done += len;
	pace_good(&t->pace);
	if (t->d->progress)
		t->d->progress(t->d->arg, t->done);
	return 0;
}

static int refuse(const struct transfer *t, int why, uint64_t found, struct fault *fault)
{
	const struct download *d = t->d;

	switch (why) {
	case -ENOENT:
		fault_set(fault, why, "image", "file-missing", "The server does not have %s.",
			d->name);
		break;
	case -EMSGSIZE:
		fault_set(fault, why, "image", "file-length",
			"%s has %" PRIu64 " bytes on the server, not the %" PRIu64
			" of the manifest.",
			d->name, found, d->length);
		break;
	case -ENOMEM:
		fault_set(
			fault, why, "image", "memory", "There is no memory left for %s.", d->name);
		break;
	case -ETIMEDOUT:
		fault_set(fault, why, "image", "server",
			"The server sends nothing of %s, or too little.", d->name);
		break;
	default:
		fault_set(fault, why, "image", "server",
			"The server does not answer as a muster server when asked for %s.",
			d->name);
	}
	snprintf(fault->file, sizeof fault->file, "%s", d->name);
	return -EBADMSG;
}

/* Try until everything has come or there is no hope. */
static int receive(struct fetch *f, struct transfer *t, struct fault *fault)
{
	char path[PATH_LEN];
	uint64_t found = t->d->length + 1;
	int rc;

	blob_path(&t->d->sha256, path);
	for (;;) {
		rc = fetch_get(f, path, t->done, t->d->length, on_bytes, t, &found);
		if (rc != -EAGAIN)
			break;
		screen_say("The connection to the server broke at byte %" PRIu64
			   " of %s. Trying again.",
			t->done, t->d->name);
		rc = pace_wait(&t->pace);
		if (rc < 0)
			break;
	}
	return rc < 0 ? refuse(t, rc, found, fault) : 0;
}

static int check(struct transfer *t, struct fault *fault)
{
	struct digest found;

	digest_final(t->hash, &found);
	if (digest_equal(&found, &t->d->sha256))
		return 0;
	fault_set(fault, -EBADMSG, "verify", "file-digest",
		"%s arrived with another digest than the manifest names.", t->d->name);
	fault_digests(fault, t->d->name, &t->d->sha256, &found);
	return -EBADMSG;
}

int download_file(struct fetch *f, const struct download *d, struct fault *fault)
{
	struct transfer t = { .d = d, .hash = digest_new() };
	int rc;

	pace_start(&t.pace, d->patience_s);
	t.fd = memfile_new(d->name);
	rc = t.fd < 0 || !t.hash ? refuse(&t, -ENOMEM, 0, fault) : receive(f, &t, fault);
	if (rc == 0)
		rc = check(&t, fault);
	digest_free(t.hash);
	if (rc < 0) {
		if (t.fd >= 0)
			close(t.fd);
		return rc;
	}
	t.fd = memfile_seal_take(t.fd);
	return t.fd < 0 ? refuse(&t, -ENOMEM, 0, fault) : t.fd;
}

int download_small(struct fetch *f, const struct digest *d, size_t max, const char *name,
	struct fetch_answer *out, struct fault *fault)
{
	const struct download what = {
		.name = name, .sha256 = *d, .length = max, .patience_s = PACE_PATIENCE_S
	};
	struct transfer t = { .d = &what };
	struct fetch_answer a = { 0 };
	char path[PATH_LEN];
	int rc;

	blob_path(d, path);
	pace_start(&t.pace, what.patience_s);
	for (;;) {
		rc = fetch_get_small(f, path, max, &a);
		if (rc != -EIO && !(rc == 0 && a.status >= 500))
			break;
		fetch_answer_fini(&a);
		rc = pace_wait(&t.pace);
		if (rc < 0)
			break;
	}
	if (rc == 0 && a.status == 200) {
		*out = a;
		return 0;
	}
	if (rc == 0)
		rc = a.status == 404 ? -ENOENT : -EPROTO;
	fetch_answer_fini(&a);
	return refuse(&t, rc, max + 1, fault);
}
