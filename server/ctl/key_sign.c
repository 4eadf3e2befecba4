/*
 * key_sign.c: `muster key sign` adds a signature file beside a root, a channel or a manifest. It
 * signs nothing that it does not understand, and no root by a key that would not count there. Needs
 * no server.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "images/json.h"
#include "server/ctl/ctl.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/key.h"
#include "server/ctl/root_dir.h"
#include "server/ctl/verbs.h"

struct job {
	const char *path;
	char dir[PATH_MAX], file[NAME_MAX + 1];
	struct image_text text;
	char what[201];		  /* "root 2": the trusted comment */
	bool is_root, has_before; /* for a root: */
	struct root root, before; /* whose keys count */
};

/* ---- what is it? Each fills job->what and returns CTL_OK, or has said what is wrong ---- */

static int fail_parse(const struct job *j, const char *err)
{
	return ctl_fail(CTL_FAILED, "%s: %s", j->path, err);
}

static int know_root(struct job *j)
{
	char err[160], want[NAME_MAX + 1];
	struct root_walk walk;
	uint64_t first, last;
	int rc;

	if (root_parse(j->text.text, j->text.len, &j->root, err, sizeof err))
		return fail_parse(j, err);
	root_dir_file(j->root.version, want);
	if (strcmp(want, j->file) != 0)
		return ctl_fail(CTL_FAILED, "%s: this is root %" PRIu64 ", whose file is %s",
			j->path, j->root.version, want);
	snprintf(j->what, sizeof j->what, "root %" PRIu64, j->root.version);
	j->is_root = true;
	rc = root_dir_range(j->dir, &first, &last);
	if (rc || first == j->root.version)
		return rc;
	rc = root_dir_walk_to(j->dir, j->root.version - 1, &walk);
	j->before = walk.root;
	j->has_before = !rc;
	return rc;
}

static int know_channel(struct job *j)
{
	struct channel ch;
	char err[160];

	if (channel_parse(j->text.text, j->text.len, &ch, err, sizeof err))
		return fail_parse(j, err);
	snprintf(j->what, sizeof j->what, "channel %s %s release %" PRIu64, ch.name, ch.image,
		ch.release);
	return CTL_OK;
}

static int know_manifest(struct job *j)
{
	struct manifest m;
	int rc = image_dir_parse(j->dir, &j->text, &m);

	if (rc)
		return rc;
	if (!m.release) {
		ctl_fail(CTL_CONFLICT, "%s has no release yet", j->path);
		ctl_hint("the first signer stamps it: muster image sign %s --key NAME", j->dir);
		return CTL_CONFLICT;
	}
	rc = image_dir_check(j->dir, &m);
	snprintf(j->what, sizeof j->what, "%s %s release %" PRIu64, m.name, m.version, m.release);
	return rc;
}

static int know(struct job *j)
{
	static const struct {
		const char *type;
		int (*fn)(struct job *);
	} kinds[] = {
		{ "root", know_root },
		{ "channel", know_channel },
		{ "manifest", know_manifest },
	};
	char err[160], type[16] = "";
	struct json *doc = json_read(j->text.text, j->text.len, err, sizeof err);

	if (!doc)
		return fail_parse(j, err);
	snprintf(type, sizeof type, "%s", json_get_str(doc, "type", ""));
	json_free(doc);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].type, type) == 0)
			return kinds[i].fn(j);
	return ctl_fail(CTL_FAILED, "%s: neither root nor channel nor manifest", j->path);
}

/* ---- sign ---- */

static bool has_key(const struct root *r, const struct minisig_public *pub)
{
	for (size_t i = 0; i < r->n_keys; i++)
		if (memcmp(&r->keys[i], pub, sizeof *pub) == 0)
			return true;
	return false;
}

static int sign_with(const struct job *j, const char *key)
{
	struct minisig_secret sec;
	struct minisig_public pub;
	int rc = key_read_secret(key, &sec);

	if (rc)
		return rc;
	minisig_public_of(&sec, &pub);
	if (j->is_root && !has_key(&j->root, &pub) && !(j->has_before && has_key(&j->before, &pub)))
		rc = ctl_fail(CTL_CONFLICT, "%s: key %s is neither in it nor in the root before it",
			j->path, key);
	else
		rc = image_dir_sign(j->dir, j->file, &j->text, &sec, j->what);
	minisig_wipe(&sec);
	return rc;
}

static void say_count(const char *whose, const struct root *r, const struct signed_text *t)
{
	printf("%zu of the %zu signatures that it needs of %s\n",
		quorum_count(r->keys, r->n_keys, t), r->threshold, whose);
}

static int report(const struct ctl *c, const struct job *j)
{
	static struct image_signed f;
	int rc = image_dir_signed(j->dir, j->file, "it was here a moment ago", &f);

	if (rc || c->format == CTL_NAME)
		return rc;
	printf("signed %s: %zu signature files\n", j->what, f.t.n_sigs);
	if (j->is_root)
		say_count("its own keys", &j->root, &f.t);
	if (j->has_before)
		say_count("the keys of the root before it", &j->before, &f.t);
	return CTL_OK;
}

static int take_args(
	const struct ctl *c, int argc, char **argv, struct job *j, const char **keys, size_t *n)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'k')
			return ctl_usage(c, NULL);
		if (*n == QUORUM_SIGS_MAX)
			return ctl_usage(c, "at most %d keys", QUORUM_SIGS_MAX);
		keys[(*n)++] = optarg;
	}
	if (argc - optind != 1)
		return ctl_usage(c, "which file?");
	if (!*n)
		return ctl_usage(c, "--key says who signs");
	j->path = argv[optind];
	return minisig_init() ? ctl_fail(CTL_FAILED, "libsodium does not start") : CTL_OK;
}

int verb_key_sign(struct ctl *c, int argc, char **argv)
{
	static struct job j;
	const char *keys[QUORUM_SIGS_MAX];
	size_t n = 0;
	int rc = take_args(c, argc, argv, &j, keys, &n);

	if (!rc)
		rc = image_dir_split(j.path, j.dir, j.file);
	if (!rc)
		rc = image_dir_text(j.dir, j.file, "muster help key", &j.text);
	if (!rc)
		rc = know(&j);
	for (size_t i = 0; !rc && i < n; i++)
		rc = sign_with(&j, keys[i]);
	return rc ? rc : report(c, &j);
}
