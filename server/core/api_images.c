/*
 * /api/v1/images: what can be booted, and the keys that must have signed it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/blobs.h"
#include "images/minisig.h"
#include "server/core/api.h"
#include "server/log.h"

#define TRUST_KEYS_MAX 32
#define SIGNATURES_MAX 8

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

/* Release keys that this server accepts: STATE/keys/trust, each file NAME.pub. Returns their
 * number. */
static size_t trusted_keys(const struct config *cfg, struct minisig_public *keys)
{
	char dir[CONFIG_TEXT_MAX + 16], path[PATH_MAX], text[MINISIG_TEXT_MAX];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	snprintf(dir, sizeof dir, "%s/keys/trust", cfg->state_dir);
	d = opendir(dir);
	while (d && n < TRUST_KEYS_MAX && (e = readdir(d))) {
		size_t len = strlen(e->d_name);
		ssize_t got = 0;
		int fd;

		if (len < 5 || strcmp(e->d_name + len - 4, ".pub"))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			got = read(fd, text, sizeof text);
		if (got > 0 && minisig_public_parse(text, (size_t)got, &keys[n]) == 0)
			n++;
		else
			log_warn("not a usable public key: file=%s", path);
		if (fd >= 0)
			close(fd);
	}
	if (d)
		closedir(d);
	return n;
}

/* One of the signatures must be by a key that we trust. 1, or 0 with the answer made. */
static int is_signed(struct call *k, const char *text)
{
	const struct json *sigs = json_get(k->body, "signatures");
	struct minisig_public keys[TRUST_KEYS_MAX];
	size_t n = minisig_init() < 0 ? 0 : trusted_keys(k->c->cfg, keys);

	for (size_t i = 0; i < json_len(sigs); i++) {
		const char *sig = json_str(json_at(sigs, i), "");

		if (minisig_verify(keys, n, text, strlen(text), sig, strlen(sig)) >= 0)
			return 1;
	}
	if (!json_len(sigs))
		answer_problem(k->a, 422, "unsigned", "muster image sign DIR --key RELEASE.key",
			"the image is not signed");
	else if (!n)
		answer_problem(k->a, 422, "no-trust", "copy RELEASE.pub to STATE/keys/trust/",
			"this server trusts no release key yet (%s/keys/trust)",
			k->c->cfg->state_dir);
	else
		answer_problem(k->a, 422, "untrusted",
			"sign with a trusted key, or copy the key's .pub to STATE/keys/trust/",
			"none of the signatures is by a key that this server trusts");
	return 0;
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

void api_post_image(struct call *k)
{
	const char *text = json_get_str(k->body, "manifest", "");
	const struct json *sigs = json_get(k->body, "signatures");
	struct digest digest, sig_digests[SIGNATURES_MAX];
	struct manifest m;
	char err[200], *json = NULL;
	size_t n = 0;
	int rc;

	if (!is_signed(k, text))
		return;
	if (manifest_parse(text, strlen(text), &m, err, sizeof err) < 0) {
		answer_problem(k->a, 422, "manifest", NULL, "manifest: %s", err);
		return;
	}
	if (!m.release) {
		answer_problem(k->a, 422, "release", "muster image sign DIR --key RELEASE.key",
			"the manifest has no release number: signing stamps it");
		return;
	}
	if (!has_blobs(k, &m))
		return;
	core_must(k->c, digest_bytes(text, strlen(text), &digest), "digest");
	for (size_t i = 0; i < json_len(sigs) && n < SIGNATURES_MAX; i++) {
		const char *sig = json_str(json_at(sigs, i), "");

		core_must(k->c, digest_bytes(sig, strlen(sig), &sig_digests[n++]), "digest");
	}
	core_write(k->c);
	core_must(k->c, store_image_add(k->c->store, &digest, &m, sig_digests, n, k->c->wall_ms),
		"image add");
	log_info("image imported: name=%s version=%s release=%llu", m.name, m.version,
		(unsigned long long)m.release);
	k->arg = m.name;
	rc = store_json_image(k->c->store, m.name, &json);
	api_answer_store(k, rc, json, "image");
	k->a->status = 201;
}
