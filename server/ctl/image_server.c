/*
 * image_server.c: `muster image import` copies an image into the server's blob folder, on the
 * server's own machine, and has it registered; `list` and `show` ask what there is. The server
 * checks signatures and digests itself, and so does every host: nothing here is believed.
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
#include "server/bytes.h"
#include "server/ctl/blob_folder.h"
#include "server/ctl/client.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/image_trust.h"
#include "server/ctl/root_dir.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"

/* The one word after the options, or NULL having said so; no options of our own. */
static const char *take_word(const struct ctl *c, int argc, char **argv, const char *what)
{
	static const struct option options[] = { { 0 } };

	if (getopt_long(argc, argv, "", options, NULL) != -1) {
		ctl_usage(c, NULL);
		return NULL;
	}
	if (argc - optind != 1) {
		ctl_usage(c, "which %s?", what);
		return NULL;
	}
	return argv[optind];
}

/* ---- import: an image ---- */

struct import {
	const char *dir;
	struct blob_folder blobs;
	struct image_text text;
	struct manifest m;
	struct image_signature sigs[IMAGE_SIGNERS_MAX];
	size_t n_sigs;
	bool progress;
};

static int add_file(struct import *im, const struct manifest_file *f)
{
	int rc, fd = image_dir_open(im->dir, f->name);

	if (fd < 0)
		return ctl_fail(CTL_FAILED, "%s/%s: %s", im->dir, f->name, strerror(-fd));
	rc = blob_folder_add_fd(&im->blobs, fd, &f->sha256);
	close(fd);
	return rc == CTL_CONFLICT
		       ? ctl_fail(CTL_FAILED, "%s/%s changed during the import", im->dir, f->name)
		       : rc;
}

static void show_progress(const struct import *im, size_t i)
{
	const struct manifest_file *f = &im->m.files[i];
	char size[FORMAT_MAX];

	if (im->progress)
		fprintf(stderr, "[%zu/%zu] %s, %s\n", i + 1, im->m.n_files, f->name,
			format_bytes(f->length, size));
}

static int add_all(struct import *im)
{
	int rc = CTL_OK;

	for (size_t i = 0; !rc && i < im->m.n_files; i++) {
		show_progress(im, i);
		rc = add_file(im, &im->m.files[i]);
	}
	if (!rc)
		rc = blob_folder_add_text(&im->blobs, im->text.text, im->text.len);
	for (size_t i = 0; !rc && i < im->n_sigs; i++)
		rc = blob_folder_add_text(&im->blobs, im->sigs[i].text, im->sigs[i].len);
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

static int register_image(struct ctl *c, struct import *im)
{
	struct jw w = { 0 };
	struct answer a;
	int rc = build_body(im, &w);

	if (!rc)
		rc = blob_folder_register(c, &im->blobs, "/api/v1/images", w.buf, &a);
	jw_fini(&w);
	if (rc)
		return rc;
	print_imported(c, &a);
	answer_fini(&a);
	return CTL_OK;
}

static int import(struct ctl *c, struct import *im)
{
	int rc = read_image(im);

	if (!rc)
		rc = blob_folder_open(c, &im->blobs);
	if (rc)
		return rc;
	rc = add_all(im);
	if (!rc)
		rc = register_image(c, im);
	blob_folder_close(&im->blobs, rc);
	return rc;
}

/* The image, then the channel that lies beside it and makes it the current one. */
static int import_image(struct ctl *c, const char *dir)
{
	struct import *im = calloc(1, sizeof *im);
	int fd, rc;

	if (!im)
		return ctl_fail(CTL_FAILED, "out of memory");
	im->dir = dir;
	im->progress = isatty(STDERR_FILENO);
	rc = import(c, im);
	free(im);
	fd = rc ? -ENOENT : image_dir_open(dir, IMAGE_CHANNEL);
	if (fd < 0)
		return rc;
	close(fd);
	return import_channel_beside(c, dir, IMAGE_CHANNEL);
}

/* What is it? A file is a channel; a folder of roots has one, and no image. */
static int import_path(struct ctl *c, const char *path)
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
		return rc ? rc : import_channel(c, dir, file);
	}
	rc = root_dir_range(path, &first, &last);
	if (rc)
		return rc;
	return last ? import_roots(c, path) : import_image(c, path);
}

int verb_image_import(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	int rc = CTL_OK;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return ctl_usage(c, NULL);
	if (optind == argc)
		return ctl_usage(
			c, "what? An image's folder, a channel's file or a folder of roots");
	if (minisig_init())
		return ctl_fail(CTL_FAILED, "libsodium does not start");
	for (int i = optind; !rc && i < argc; i++)
		rc = import_path(c, argv[i]);
	return rc;
}

/* ---- list ---- */

static const struct column columns[] = {
	{ "NAME", COL_LEFT, COL_ALWAYS },
	{ "VERSION", COL_LEFT, COL_ALWAYS },
	{ "KIND", COL_LEFT, COL_ALWAYS },
	{ "RELEASE", COL_RIGHT, COL_ALWAYS },
	{ "SIZE", COL_RIGHT, COL_ALWAYS },
	{ "EXPIRES", COL_LEFT, COL_ALWAYS },
	{ "CREATED", COL_LEFT, COL_WIDE },
	{ "MANIFEST", COL_LEFT, COL_WIDE },
};

static void number_cell(struct table *t, const char *people, int64_t n)
{
	char machine[24];

	snprintf(machine, sizeof machine, "%" PRId64, n);
	table_cell(t, people ? people : machine, machine);
}

static void list_row(struct table *t, const struct json *image)
{
	int64_t bytes = json_get_int(image, "bytes", 0);
	int64_t expires = json_get_int(image, "expires", 0);
	int64_t created = json_get_int(image, "created", 0);
	char size[FORMAT_MAX], day[FORMAT_MAX];

	table_cell(t, json_get_str(image, "name", "?"), NULL);
	table_cell(t, json_get_str(image, "version", "?"), NULL);
	table_cell(t, json_get_str(image, "kind", "?"), NULL);
	number_cell(t, NULL, json_get_int(image, "release", 0));
	number_cell(t, format_bytes(bytes > 0 ? (uint64_t)bytes : 0, size), bytes);
	number_cell(t, format_date((uint64_t)expires, day), expires);
	number_cell(t, format_date((uint64_t)created, day), created);
	table_cell(t, json_get_str(image, "manifest", "?"), NULL);
}

int verb_image_list(struct ctl *c, int argc, char **argv)
{
	const struct json *images;
	struct table t;
	struct answer a;
	int rc;

	(void)argv;
	if (argc != 1)
		return ctl_usage(c, "it takes no arguments");
	rc = client_get(c, "/api/v1/images", &a);
	if (rc)
		return rc;
	images = json_get(a.doc, "images");
	table_init(&t, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < json_len(images); i++)
		list_row(&t, json_at(images, i));
	if (c->format == CTL_JSON)
		puts(a.text);
	else
		table_print(&t, c);
	if (json_len(images) == 0)
		ctl_hint("no images yet: muster image import DIR");
	table_fini(&t);
	answer_fini(&a);
	return CTL_OK;
}

/* ---- show ---- */

static const struct column file_columns[] = {
	{ "FILE", COL_LEFT, COL_ALWAYS },
	{ "ROLE", COL_LEFT, COL_ALWAYS },
	{ "SIZE", COL_RIGHT, COL_ALWAYS },
	{ "SHA256", COL_LEFT, COL_ALWAYS },
};

static void show_files(const struct ctl *c, const struct json *files)
{
	char size[FORMAT_MAX];
	struct table t;

	table_init(&t, file_columns, ARRAY_LEN(file_columns));
	for (size_t i = 0; i < json_len(files); i++) {
		const struct json *f = json_at(files, i);
		int64_t len = json_get_int(f, "length", 0);

		table_cell(&t, json_get_str(f, "name", "?"), NULL);
		table_cell(&t, json_get_str(f, "role", "?"), NULL);
		number_cell(&t, format_bytes(len > 0 ? (uint64_t)len : 0, size), len);
		table_cell(&t, json_get_str(f, "sha256", "?"), NULL);
	}
	table_print(&t, c);
	table_fini(&t);
}

static void show_text(const char *label, const struct json *image, const char *key)
{
	char text[MANIFEST_ARGS_MAX];

	snprintf(text, sizeof text, "%s", json_get_str(image, key, "?"));
	printf("%-9s %s\n", label, format_clean(text));
}

static void show_image(const struct json *image)
{
	int64_t bytes = json_get_int(image, "bytes", 0);
	char size[FORMAT_MAX], day[FORMAT_MAX];

	show_text("name", image, "name");
	show_text("version", image, "version");
	show_text("kind", image, "kind");
	show_text("manifest", image, "manifest");
	printf("release   %" PRId64 "\n", json_get_int(image, "release", 0));
	printf("created   %s\n", format_date((uint64_t)json_get_int(image, "created", 0), day));
	printf("expires   %s\n", format_date((uint64_t)json_get_int(image, "expires", 0), day));
	printf("size      %s\n\n", format_bytes(bytes > 0 ? (uint64_t)bytes : 0, size));
}

/* A name that is none cannot be in the store, and needs no quoting in the path. */
int verb_image_show(struct ctl *c, int argc, char **argv)
{
	const char *name = take_word(c, argc, argv, "image");
	char path[sizeof "/api/v1/images/" + MANIFEST_NAME_MAX];
	struct answer a;
	int rc;

	if (!name)
		return CTL_USAGE;
	if (!manifest_name_ok(name))
		return ctl_fail(CTL_NOT_FOUND, "there is no image '%s'", name);
	snprintf(path, sizeof path, "/api/v1/images/%s", name);
	rc = client_get(c, path, &a);
	if (rc)
		return rc;
	if (c->format == CTL_JSON) {
		puts(a.text);
	} else {
		if (c->format == CTL_TABLE || c->format == CTL_WIDE)
			show_image(a.doc);
		show_files(c, json_get(a.doc, "files"));
	}
	answer_fini(&a);
	return CTL_OK;
}
