#include "server/core/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "images/blobs.h"
#include "server/log.h"

/* ---- the root ---- */

static bool read_key(const char *path, struct minisig_public *out)
{
	char text[MINISIG_TEXT_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

	if (fd >= 0)
		close(fd);
	return n > 0 && minisig_public_parse(text, (size_t)n, out) == 0;
}

/* The keys STATE/keys/trust/NAME.pub. Returns their number. */
static size_t read_keys(const struct config *cfg, struct minisig_public keys[ROOT_KEYS_MAX])
{
	char dir[CONFIG_TEXT_MAX + 16], path[PATH_MAX];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	snprintf(dir, sizeof dir, "%s/keys/trust", cfg->state_dir);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len < 5 || strcmp(e->d_name + len - 4, ".pub"))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (n == ROOT_KEYS_MAX)
			log_warn(
				"more than %d public keys: not used: file=%s", ROOT_KEYS_MAX, path);
		else if (read_key(path, &keys[n]))
			n++;
		else
			log_warn("not a usable public key: file=%s", path);
	}
	if (d)
		closedir(d);
	return n;
}

static int read_root(struct call *k, const struct store_root *r, struct root_walk *out)
{
	char text[STRICT_MAX], err[160] = "its blob is gone or changed";
	struct root_walk w = { 0 };
	ssize_t n;

	n = blobs_read(k->c->server->blob_dir, &r->digest, text, sizeof text);
	if (n < 0 || root_parse(text, (size_t)n, &w.root, err, sizeof err)) {
		answer_problem(k->a, 500, "root-lost", "muster image import ROOTS",
			"root %llu of this server cannot be read: %s",
			(unsigned long long)r->version, err);
		return -EIO;
	}
	*out = w;
	return 1;
}

int trust_root_if_any(struct call *k, struct root_walk *out)
{
	struct minisig_public keys[ROOT_KEYS_MAX];
	struct store_root last;
	size_t n;
	int rc = store_root_last(k->c->store, &last);

	core_must(k->c, minisig_init(), "libsodium");
	if (rc != -ENOENT) {
		core_must(k->c, rc, "root");
		return read_root(k, &last, out);
	}
	n = read_keys(k->c->cfg, keys);
	if (n)
		judge_root_zero(keys, n, out);
	return n > 0;
}

int trust_root(struct call *k, struct root_walk *out)
{
	int rc = trust_root_if_any(k, out);

	if (!rc)
		answer_problem(k->a, 422, "no-trust",
			"muster image import ROOTS, or copy RELEASE.pub to STATE/keys/trust/",
			"this server trusts no release key yet (no root, and none in "
			"%s/keys/trust)",
			k->c->cfg->state_dir);
	return rc;
}

/* ---- what is imported ---- */

int trust_read(struct call *k, const char *key, struct signed_text *out)
{
	const struct json *sigs = json_get(k->body, "signatures");
	const char *text = json_get_str(k->body, key, "");

	if (json_len(sigs) < 1 || json_len(sigs) > QUORUM_SIGS_MAX) {
		answer_problem(k->a, 422, "unsigned", "muster key sign FILE --key NAME",
			"1 to %d signatures are needed, and there are %zu", QUORUM_SIGS_MAX,
			json_len(sigs));
		return 0;
	}
	*out = (struct signed_text){ .text = text, .len = strlen(text), .n_sigs = json_len(sigs) };
	for (size_t i = 0; i < out->n_sigs; i++) {
		const char *sig = json_str(json_at(sigs, i), "");

		out->sigs[i] = (struct quorum_sig){ sig, strlen(sig) };
	}
	return 1;
}

static bool is_blob(struct call *k, const void *p, size_t len, struct digest *out)
{
	uint64_t found = 0;
	int fd;

	core_must(k->c, digest_bytes(p, len, out), "digest");
	fd = blobs_open(k->c->server->blob_dir, out, &found);
	if (fd >= 0)
		close(fd);
	return fd >= 0 && found == len;
}

int trust_stored(struct call *k, const struct signed_text *t, const struct minisig_public *keys,
	size_t n, struct digest *text, struct store_sig sigs[QUORUM_SIGS_MAX])
{
	bool all = is_blob(k, t->text, t->len, text);
	int count = 0;

	for (size_t i = 0; i < t->n_sigs; i++) {
		const struct quorum_sig *s = &t->sigs[i];
		int key = minisig_verify(keys, n, t->text, t->len, s->text, s->len);

		if (key < 0)
			continue;
		all &= is_blob(k, s->text, s->len, &sigs[count].digest);
		memcpy(sigs[count++].signer, keys[key].key, sizeof sigs->signer);
	}
	if (all)
		return count;
	answer_problem(k->a, 422, "file-missing", "muster image import FILE",
		"the text or one of its signatures is not in the store");
	return -1;
}

void trust_refuse(struct call *k, enum verdict v, const char *err)
{
	const bool keys = v == VERDICT_ROOT_OLD_KEYS || v == VERDICT_ROOT_NEW_KEYS ||
			  v == VERDICT_CHANNEL_SIGNATURE || v == VERDICT_MANIFEST_SIGNATURE;

	answer_problem(k->a, 422, verdict_code(v), keys ? "muster key sign FILE --key NAME" : NULL,
		"%s", err);
}
