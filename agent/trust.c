#include "agent/trust.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/file.h"

#define PATH_LEN 160

/* What is the matter with a file in the ramdisk; -ENOKEY. */
static int bad_file(struct fault *fault, const char *path, const char *what)
{
	return fault_set(fault, -ENOKEY, "verify", "trust", "%.120s %s.", path, what);
}

/* ---- keys ---- */

static int key_known(const struct minisig_public *keys, size_t n, const struct minisig_public *k)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(keys[i].key, k->key, sizeof k->key) == 0)
			return 1;
	return 0;
}

static int key_load(const char *path, struct minisig_public *keys, size_t *n, struct fault *fault)
{
	char text[MINISIG_TEXT_MAX + 2];
	struct minisig_public k;
	ssize_t len = file_read(path, text, sizeof text);

	if (len < 0 || minisig_public_parse(text, (size_t)len, &k) < 0)
		return bad_file(fault, path, "is no public key");
	if (key_known(keys, *n, &k))
		return 0;
	if (*n == TRUST_KEYS_MAX)
		return bad_file(fault, path, "is one key more than this agent can carry");
	keys[(*n)++] = k;
	return 0;
}

/* All keys of one kind. Returns 0 or -ENOKEY. */
static int kind_load(const char *pattern, const char *kind, struct minisig_public *keys, size_t *n,
	struct fault *fault)
{
	glob_t g = { 0 };
	int rc = 0;

	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc && rc == 0; i++)
			rc = key_load(g.gl_pathv[i], keys, n, fault);
	globfree(&g);
	if (rc == 0 && *n == 0)
		rc = fault_set(fault, -ENOKEY, "verify", "trust",
			"The agent has no %s key in %.120s to check signatures with.", kind,
			pattern);
	return rc;
}

/* ---- root ---- */

struct root_file {
	char text[STRICT_MAX + 2];
	char sigs[QUORUM_SIGS_MAX][MINISIG_TEXT_MAX + 2];
	struct signed_text t;
};

static int sigs_load(const char *path, struct root_file *f, struct fault *fault)
{
	char pattern[PATH_LEN + 16];
	glob_t g = { 0 };
	int rc = 0;

	snprintf(pattern, sizeof pattern, "%s.minisig.*", path);
	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc && i < QUORUM_SIGS_MAX && rc == 0; i++) {
			ssize_t len = file_read(g.gl_pathv[i], f->sigs[i], sizeof f->sigs[i]);

			if (len < 0)
				rc = bad_file(fault, g.gl_pathv[i], "cannot be read");
			else
				f->t.sigs[f->t.n_sigs++] =
					(struct quorum_sig){ f->sigs[i], (size_t)len };
		}
	globfree(&g);
	return rc;
}

static int root_load(const char *path, struct root_walk *out, struct fault *fault)
{
	struct root_file *f = calloc(1, sizeof *f);
	char err[JUDGE_ERR_MAX];
	ssize_t len;
	int rc;

	if (!f)
		return bad_file(fault, path, "cannot be read");
	len = file_read(path, f->text, sizeof f->text);
	rc = len < 0 ? bad_file(fault, path, "cannot be read") : sigs_load(path, f, fault);
	if (rc == 0) {
		f->t.text = f->text;
		f->t.len = (size_t)len;
		if (judge_root_first(&f->t, out, err))
			rc = fault_set(fault, -ENOKEY, "verify", "trust",
				"The agent's own root: %.200s", err);
	}
	free(f);
	return rc;
}

/* Bare keys as root 0. */
static int zero_load(const char *pattern, struct root_walk *out, struct fault *fault)
{
	struct minisig_public keys[TRUST_KEYS_MAX];
	size_t n = 0;
	int rc = kind_load(pattern, "release", keys, &n, fault);

	if (rc == 0)
		judge_root_zero(keys, n, out);
	return rc;
}

static int start_load(const char *dir, struct root_walk *out, struct fault *fault)
{
	char path[PATH_LEN];

	snprintf(path, sizeof path, "%s/root.json", dir);
	if (access(path, F_OK) == 0)
		return root_load(path, out, fault);
	snprintf(path, sizeof path, "%s/release-*.pub", dir);
	return zero_load(path, out, fault);
}

/* ---- clock ---- */

/* Seconds since 1970, as `date +%s` writes them. No file: 0. */
static int epoch_load(const char *dir, uint64_t *out, struct fault *fault)
{
	char path[PATH_LEN], text[32], *end;
	unsigned long long n;
	ssize_t len;

	snprintf(path, sizeof path, "%s/epoch", dir);
	len = file_text(path, text, sizeof text);
	if (len == -ENOENT)
		return 0;
	n = strtoull(text, &end, 10);
	if (len <= 0 || *text < '0' || *text > '9' || *end || n > STRICT_TIME_MAX_S)
		return bad_file(fault, path, "is no time in seconds since 1970");
	*out = n;
	return 0;
}

int trust_site(
	const char *dir, struct minisig_public keys[TRUST_KEYS_MAX], size_t *n, struct fault *fault)
{
	char path[PATH_LEN];

	*n = 0;
	snprintf(path, sizeof path, "%s/site-*.pub", dir);
	return kind_load(path, "site", keys, n, fault);
}

int trust_load(const char *dir, struct trust *out, struct fault *fault)
{
	struct trust t = { 0 };
	char path[PATH_LEN];
	int rc;

	if (minisig_init() < 0)
		return fault_set(fault, -ENOKEY, "verify", "trust", "libsodium does not start.");
	rc = start_load(dir, &t.walk, fault);
	if (rc == 0)
		rc = trust_site(dir, t.site, &t.n_site, fault);
	if (rc == 0)
		rc = epoch_load(dir, &t.epoch_s, fault);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof path, "%s/rtc-trusted", dir);
	t.rtc_trusted = access(path, F_OK) == 0;
	*out = t;
	return 0;
}

int trust_load_from(const char *release, const char *site, struct trust *out, struct fault *fault)
{
	struct trust t = { 0 };
	int rc;

	if (minisig_init() < 0)
		return fault_set(fault, -ENOKEY, "verify", "trust", "libsodium does not start.");
	rc = zero_load(release, &t.walk, fault);
	if (rc == 0)
		rc = kind_load(site, "site", t.site, &t.n_site, fault);
	if (rc == 0)
		*out = t;
	return rc;
}
