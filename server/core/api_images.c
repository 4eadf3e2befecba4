/*
 * /api/v1/images: what can be booted.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "images/blobs.h"
#include "server/core/trust.h"
#include "server/core/versions.h"

void api_get_images(struct call *k)
{
	char *json = NULL;
	int rc = store_json_images(k->c->store, &json);

	api_answer_store(k, rc, json, "images");
}

static bool has_blob(const struct core *c, const struct manifest_file *f)
{
	uint64_t len = 0;
	int fd = blobs_open(c->server->blob_dir, &f->sha256, &len);

	if (fd >= 0)
		close(fd);
	return fd >= 0 && len == f->length;
}

/* Every file must be in the store, whole. 1, or 0 with the answer made. */
static int has_blobs(struct call *k, const struct manifest *m)
{
	for (size_t i = 0; i < m->n_files; i++) {
		if (has_blob(k->c, &m->files[i]))
			continue;
		answer_problem(k->a, 422, "file-missing", "muster image import DIR",
			"the file %s is not in the store", m->files[i].name);
		return 0;
	}
	return 1;
}

/* What has yet to come before the image can be taken, if there is room for it. */
static void answer_missing(struct call *k, const struct manifest *m)
{
	uint64_t bytes = 0, room;
	struct jw w = { 0 };
	char hex[DIGEST_HEX];

	jw_obj(&w, NULL);
	jw_arr(&w, "missing");
	for (size_t i = 0; i < m->n_files; i++) {
		if (has_blob(k->c, &m->files[i]))
			continue;
		bytes += m->files[i].length;
		digest_hex(&m->files[i].sha256, hex);
		jw_str(&w, NULL, hex);
	}
	jw_end_arr(&w);
	jw_int(&w, "bytes", (int64_t)bytes);
	jw_end_obj(&w);
	if (blobs_room(k->c->server->blob_dir, &room) == 0 && bytes > room) {
		jw_fini(&w);
		answer_problem(k->a, 507, "disk-full", "make room, by muster image gc perhaps",
			"No space left on device for %s %s: %llu bytes are to come, there is room "
			"for %llu",
			m->name, m->version, (unsigned long long)bytes, (unsigned long long)room);
		return;
	}
	answer_jw(k->a, 200, &w);
}

/* As hosts judge it, but for the channel. 1, or 0 with the answer made. */
static int judge_image(
	struct call *k, const struct root *root, const struct signed_text *t, struct manifest *out)
{
	char err[JUDGE_ERR_MAX];
	enum verdict v =
		judge_manifest(root, NULL, NULL, (uint64_t)k->c->wall_ms / 1000, t, out, err);

	if (v)
		answer_problem(
			k->a, 422, verdict_code(v), "muster image sign DIR --key NAME", "%s", err);
	return !v;
}

void api_post_image(struct call *k)
{
	static const struct api_member known[] = { { "manifest", API_TEXT },
		{ "signatures", API_TEXTS }, { "hold", API_BOOL },
		{ "reason", API_TEXT | API_NULL }, { NULL, 0 } };
	struct digest digest;
	struct store_sig sigs[QUORUM_SIGS_MAX];
	struct root_walk w;
	struct signed_text t;
	struct manifest m;
	char *json = NULL;
	int n, rc, is_new;

	if (!api_check_body(k, known) || !trust_read(k, "manifest", &t) || trust_root(k, &w) != 1 ||
		!judge_image(k, &w.root, &t, &m))
		return;
	if (!strcmp(m.name, "log")) { /* of GET /api/v1/images/log */
		answer_problem(k->a, 422, "name", NULL, "no image may have the name 'log'");
		return;
	}
	if (api_is_dry_run(k)) {
		answer_missing(k, &m);
		return;
	}
	if (!has_blobs(k, &m))
		return;
	n = trust_stored(k, &t, w.root.keys, w.root.n_keys, &digest, sigs);
	if (n < 0)
		return;
	core_write(k->c);
	is_new = core_must(k->c,
		store_image_add(k->c->store, &digest, &m, sigs, (size_t)n, k->c->wall_ms),
		"image add");
	versions_imported(k, &digest, is_new, json_bool(json_get(k->body, "hold"), false));
	rc = store_json_image(k->c->store, &digest, &json);
	api_answer_store(k, rc, json, "image");
	k->a->status = 201;
}
