/*
 * /api/v1/images: what can be booted.
 */
#include <stdio.h>
#include <unistd.h>

#include "images/blobs.h"
#include "server/core/trust.h"
#include "server/log.h"

void api_get_images(struct call *k)
{
	char *json = NULL;
	int rc = store_json_images(k->c->store, &json);

	api_answer_store(k, rc, json, "images");
}

void api_get_image(struct call *k)
{
	char *json = NULL;
	int rc = store_json_image(k->c->store, k->arg, &json);

	api_answer_store(k, rc, json, "image");
}

/* Every file must be in the store, whole. 1, or 0 with the answer made. */
static int has_blobs(struct call *k, const struct manifest *m)
{
	char dir[CONFIG_TEXT_MAX + 16];

	snprintf(dir, sizeof dir, "%s/blobs", k->c->cfg->state_dir);
	for (size_t i = 0; i < m->n_files; i++) {
		uint64_t len = 0;
		int fd = blobs_open(dir, &m->files[i].sha256, &len);

		if (fd >= 0)
			close(fd);
		if (fd < 0 || len != m->files[i].length) {
			answer_problem(k->a, 422, "file-missing", "muster image import DIR",
				"the file %s is not in the store", m->files[i].name);
			return 0;
		}
	}
	return 1;
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
	struct digest digest, digests[QUORUM_SIGS_MAX];
	struct store_sig sigs[QUORUM_SIGS_MAX];
	struct root_walk w;
	struct signed_text t;
	struct manifest m;
	char *json = NULL;
	int n, rc;

	if (!trust_read(k, "manifest", &t) || trust_root(k, &w) != 1 ||
		!judge_image(k, &w.root, &t, &m) || !has_blobs(k, &m))
		return;
	n = trust_stored(k, &t, w.root.keys, w.root.n_keys, &digest, sigs);
	if (n < 0)
		return;
	for (int i = 0; i < n; i++)
		digests[i] = sigs[i].digest;
	core_write(k->c);
	core_must(k->c,
		store_image_add(k->c->store, &digest, &m, digests, (size_t)n, k->c->wall_ms),
		"image add");
	log_info("image imported: name=%s version=%s release=%llu", m.name, m.version,
		(unsigned long long)m.release);
	k->arg = m.name;
	rc = store_json_image(k->c->store, m.name, &json);
	api_answer_store(k, rc, json, "image");
	k->a->status = 201;
}
