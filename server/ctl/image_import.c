/*
 * image_import.c: `muster image import` sends an image's blobs to the server and has it registered.
 * The server judges the manifest before anything is sent, and digests and all once more when it is
 * there; so does every host: nothing here is believed.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/json.h"
#include "server/ctl/client.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/image_trust.h"
#include "server/ctl/root_dir.h"
#include "server/ctl/upload.h"
#include "server/ctl/verbs.h"

/* ---- import: an image ---- */

/* What was said on the command line, for all that it names. */
struct import_wish {
	bool lines; /* progress is told in lines */
	bool hold;  /* what is current stays */
	const char *reason;
};

struct import {
	const char *dir;
	struct progress progress;
	struct upload up;
	struct image_text text;
	struct manifest m;
	struct image_signature sigs[IMAGE_SIGNERS_MAX];
	size_t n_sigs;
	const struct import_wish *wish;
};

static int add_file(struct import *im, const struct manifest_file *f)
{
	char name[PATH_MAX];
	int rc, fd = image_dir_open(im->dir, f->name);

	if (fd < 0)
		return ctl_fail(CTL_FAILED, "%s/%s: %s", im->dir, f->name, strerror(-fd));
	snprintf(name, sizeof name, "%s/%s", im->dir, f->name);
	rc = upload_fd(&im->up, fd, f->length, &f->sha256, name);
	close(fd);
	return rc;
}

static int add_all(struct import *im)
{
	int rc = CTL_OK;

	for (size_t i = 0; !rc && i < im->m.n_files; i++)
		rc = add_file(im, &im->m.files[i]);
	if (!rc)
		rc = upload_text(&im->up, im->text.text, im->text.len);
	for (size_t i = 0; !rc && i < im->n_sigs; i++)
		rc = upload_text(&im->up, im->sigs[i].text, im->sigs[i].len);
	return rc;
}

/* Everything that can be wrong with the folder itself, before the server is asked anything. */
static int read_image(struct import *im)
{
	int rc = image_dir_text(
		im->dir, IMAGE_MANIFEST, "muster image build RECIPE, or --from MEDIUM", &im->text);

	if (!rc)
		rc = image_dir_parse(im->dir, &im->text, &im->m);
	if (!rc)
		rc = image_dir_signatures(im->dir, IMAGE_MANIFEST, im->sigs, &im->n_sigs);
	if (rc)
		return rc;
	if (!im->n_sigs || !im->m.release) {
		ctl_fail(CTL_FAILED, "%s is not signed", im->dir);
		ctl_hint("muster image sign %s --key NAME", im->dir);
		return CTL_FAILED;
	}
	return image_dir_check(im->dir, &im->m);
}

static int build_body(const struct import *im, struct jw *w)
{
	jw_obj(w, NULL);
	jw_str(w, "manifest", im->text.text);
	jw_arr(w, "signatures");
	for (size_t i = 0; i < im->n_sigs; i++)
		jw_str(w, NULL, im->sigs[i].text);
	jw_end_arr(w);
	if (im->wish->hold)
		jw_bool(w, "hold", true);
	if (im->wish->reason)
		jw_str(w, "reason", im->wish->reason);
	jw_end_obj(w);
	return w->bad ? ctl_fail(CTL_FAILED, "out of memory") : CTL_OK;
}

static void print_imported(const struct ctl *c, const struct answer *a)
{
	const char *name = json_get_str(a->doc, "name", "?");

	if (c->format == CTL_JSON)
		puts(a->text);
	else if (c->format == CTL_NAME)
		puts(name);
	else
		printf("imported %s %s, release %" PRId64 ", manifest %s\n", name,
			json_get_str(a->doc, "version", "?"), json_get_int(a->doc, "release", 0),
			json_get_str(a->doc, "manifest", "?"));
}

/* As a trial it says what would be wrong, or that there is no room, before anything is sent. */
static int give(struct ctl *c, const struct import *im, bool trial)
{
	struct jw w = { 0 };
	struct answer a;
	int rc = build_body(im, &w);

	if (!rc)
		rc = client_call(c, "POST", trial ? "/api/v1/images?dry_run=1" : "/api/v1/images",
			w.buf, &a);
	jw_fini(&w);
	if (rc)
		return rc;
	if (!trial)
		print_imported(c, &a);
	answer_fini(&a);
	return CTL_OK;
}

static uint64_t bytes_of(const struct import *im)
{
	uint64_t sum = im->text.len;

	for (size_t i = 0; i < im->m.n_files; i++)
		sum += im->m.files[i].length;
	for (size_t i = 0; i < im->n_sigs; i++)
		sum += im->sigs[i].len;
	return sum;
}

static int import(struct ctl *c, struct import *im)
{
	char what[2 * MANIFEST_NAME_MAX];
	int rc = read_image(im);

	if (!rc)
		rc = give(c, im, true);
	if (rc)
		return rc;
	snprintf(what, sizeof what, "%s %s", im->m.name, im->m.version);
	progress_begin(&im->progress, what, bytes_of(im), im->wish->lines);
	im->up = (struct upload){ c, &im->progress };
	rc = add_all(im);
	progress_end(&im->progress);
	return rc ? rc : give(c, im, false);
}

/* The image, then the channel that lies beside it and makes it the current one. */
static int import_image(struct ctl *c, const char *dir, const struct import_wish *wish)
{
	struct import *im = calloc(1, sizeof *im);
	int fd, rc;

	if (!im)
		return ctl_fail(CTL_FAILED, "out of memory");
	im->dir = dir;
	im->wish = wish;
	rc = import(c, im);
	free(im);
	fd = rc ? -ENOENT : image_dir_open(dir, IMAGE_CHANNEL);
	if (fd < 0)
		return rc;
	close(fd);
	return import_channel_beside(c, dir, IMAGE_CHANNEL, wish->hold, wish->reason);
}

/* What is it? A file is a channel; a folder of roots has one, and no image. */
static int import_path(struct ctl *c, const char *path, const struct import_wish *wish)
{
	char dir[PATH_MAX], file[NAME_MAX + 1];
	uint64_t first, last;
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return ctl_fail(errno == ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "%s: %s", path,
			strerror(errno));
	if (!S_ISDIR(st.st_mode) && st.st_size > MANIFEST_MAX) {
		ctl_fail(CTL_FAILED, "%s is too large to be a channel", path);
		ctl_hint("a medium becomes an image by: muster image build --from %s", path);
		return CTL_FAILED;
	}
	if (!S_ISDIR(st.st_mode)) {
		rc = image_dir_split(path, dir, file);
		return rc ? rc : import_channel(c, dir, file, wish->hold, wish->reason);
	}
	rc = root_dir_range(path, &first, &last);
	if (rc)
		return rc;
	return last ? import_roots(c, path) : import_image(c, path, wish);
}

int verb_image_import(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "progress", no_argument, NULL, 'p' },
		{ "reason", required_argument, NULL, 'r' }, { "hold", no_argument, NULL, 'h' },
		{ 0 } };
	struct import_wish wish = { 0 };
	int opt, rc = CTL_OK;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'p')
			wish.lines = true;
		else if (opt == 'r')
			wish.reason = optarg;
		else if (opt == 'h')
			wish.hold = true;
		else
			return ctl_usage(c, NULL);
	}
	if (optind == argc)
		return ctl_usage(
			c, "what? An image's folder, a channel's file or a folder of roots");
	if (minisig_init())
		return ctl_fail(CTL_FAILED, "libsodium does not start");
	for (int i = optind; !rc && i < argc; i++)
		rc = import_path(c, argv[i], &wish);
	return rc;
}
