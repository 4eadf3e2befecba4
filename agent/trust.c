#include "agent/trust.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "agent/file.h"

static int key_known(const struct minisig_public *keys, size_t n, const struct minisig_public *k)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(keys[i].key, k->key, sizeof k->key) == 0)
			return 1;
	return 0;
}

static int key_load(const char *path, struct minisig_public *keys, size_t *n)
{
	char text[MINISIG_TEXT_MAX + 1];
	struct minisig_public k;
	ssize_t len = file_read(path, text, sizeof text);
	int rc = len < 0 ? (int)len : minisig_public_parse(text, (size_t)len, &k);

	if (rc == 0 && *n < TRUST_KEYS_MAX && !key_known(keys, *n, &k))
		keys[(*n)++] = k;
	return rc;
}

/* All keys of one kind. Returns 0 or -ENOKEY. */
static int kind_load(const char *pattern, const char *kind, struct minisig_public *keys, size_t *n,
	struct fault *fault)
{
	glob_t g = { 0 };
	int rc = 0;

	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc && rc == 0; i++) {
			rc = key_load(g.gl_pathv[i], keys, n);
			if (rc < 0)
				fault_set(fault, rc, "verify", "trust", "%.120s is no public key.",
					g.gl_pathv[i]);
		}
	globfree(&g);
	if (rc == 0 && *n == 0)
		rc = fault_set(fault, -ENOKEY, "verify", "trust",
			"The agent has no %s key in %.120s to check signatures with.", kind,
			pattern);
	return rc < 0 ? -ENOKEY : 0;
}

int trust_load_from(const char *release, const char *site, struct trust *out, struct fault *fault)
{
	struct trust t = { 0 };

	if (minisig_init() < 0)
		return fault_set(fault, -ENOKEY, "verify", "trust", "libsodium does not start.");
	if (kind_load(release, "release", t.release, &t.n_release, fault) < 0 ||
		kind_load(site, "site", t.site, &t.n_site, fault) < 0)
		return -ENOKEY;
	*out = t;
	return 0;
}

int trust_load(const char *dir, struct trust *out, struct fault *fault)
{
	char release[160], site[160];

	snprintf(release, sizeof release, "%s/release-*.pub", dir);
	snprintf(site, sizeof site, "%s/site-*.pub", dir);
	return trust_load_from(release, site, out, fault);
}
