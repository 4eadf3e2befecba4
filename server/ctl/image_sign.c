/*
 * image_sign.c: `muster image sign` stamps release, created and expires into the manifest, once,
 * makes the channel that says that this release is current, and adds one signature file for each
 * signer to both; `muster image verify` checks one the way the agent
 * does: first the bytes' signature, then the manifest, then every file. Both need no server.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "images/judge.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/image_store.h"
#include "server/ctl/key.h"
#include "server/ctl/root_dir.h"
#include "server/ctl/text.h"
#include "server/ctl/verbs.h"

#define DAY_S	 86400ULL
#define BUILD_IT "muster image build RECIPE"

/* ---- sign ---- */

struct sign {
	const char *dir, *key, *channel;
	uint64_t release, floor, valid_s; /* 0: not given */
	bool restamp;
};

static int take_sign_args(const struct ctl *c, int argc, char **argv, struct sign *s)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "release", required_argument, NULL, 'r' },
		{ "valid", required_argument, NULL, 'v' },
		{ "channel", required_argument, NULL, 'c' },
		{ "floor", required_argument, NULL, 'f' },
		{ "restamp", no_argument, NULL, 's' },
		{ 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'k')
			s->key = optarg;
		else if (opt == 'c')
			s->channel = optarg;
		else if (opt == 's')
			s->restamp = true;
		else if (opt == 'r' && !format_parse_number(optarg, INT64_MAX, &s->release))
			return ctl_usage(c, "--release takes a number above 0");
		else if (opt == 'f' && !format_parse_number(optarg, INT64_MAX, &s->floor))
			return ctl_usage(c, "--floor takes a number above 0");
		else if (opt == 'v' && !format_parse_validity(optarg, &s->valid_s))
			return ctl_usage(c, "--valid takes days or hours, as in 400d or 12h");
		else if (opt == '?')
			return ctl_usage(c, NULL);
	}
	if (argc - optind != 1)
		return ctl_usage(c, "which image's folder?");
	s->dir = argv[optind];
	if (s->channel && !manifest_name_ok(s->channel))
		return ctl_usage(c, "'%s' is no channel's name", s->channel);
	if (!s->key) {
		ctl_usage(c, "--key says who signs");
		ctl_hint("a new key: muster key generate NAME");
		return CTL_USAGE;
	}
	return CTL_OK;
}

/*
 * Old signatures go first and the manifest is replaced after: stopped in between, the folder holds
 * an unsigned image, never a signature that does not belong to its manifest.
 */
static int stamp(const struct sign *s, struct manifest *m, struct image_text *t)
{
	uint64_t now = (uint64_t)time(NULL);
	struct manifest back;
	int n, rc;

	/* Counts up even when two releases fall into one second. */
	m->release = s->release ? s->release : now > m->release ? now : m->release + 1;
	m->created_s = now;
	m->expires_s = now + (s->valid_s ? s->valid_s : 400 * DAY_S);
	if (s->channel)
		snprintf(m->channel, sizeof m->channel, "%s", s->channel);
	n = manifest_print(m, t->text, sizeof t->text);
	if (n < 0)
		return ctl_fail(CTL_FAILED, "%s: the manifest would be too long", s->dir);
	t->len = (size_t)n;
	rc = image_dir_parse(s->dir, t, &back);
	if (!rc)
		rc = image_dir_drop_signatures(s->dir, IMAGE_MANIFEST);
	return rc ? rc : image_dir_write(s->dir, IMAGE_MANIFEST, t->text, t->len);
}

/* As long as the release itself, and without pins: `muster image channel` makes another one. */
static int make_channel(const struct sign *s, const struct manifest *m, const struct image_text *t)
{
	struct channel ch = { .release = m->release,
		.floor = s->floor ? s->floor : m->release,
		.issued_s = m->created_s,
		.expires_s = m->expires_s };
	char text[1024];
	int n, rc;

	memcpy(ch.name, m->channel, sizeof ch.name);
	memcpy(ch.image, m->name, sizeof ch.image);
	if (digest_bytes(t->text, t->len, &ch.manifest))
		return ctl_fail(CTL_FAILED, "libcrypto does not work");
	n = channel_print(&ch, text, sizeof text);
	if (n < 0)
		return ctl_fail(CTL_FAILED, "%s: the channel would be too long", s->dir);
	rc = image_dir_drop_signatures(s->dir, IMAGE_CHANNEL);
	return rc ? rc : image_dir_write(s->dir, IMAGE_CHANNEL, text, (size_t)n);
}

/* A further signer signs the very same bytes, so what stamping sets must not be asked for. */
static int stamp_once(const struct sign *s, struct manifest *m, struct image_text *t)
{
	int rc;

	if (!m->release || s->restamp) {
		rc = stamp(s, m, t);
		return rc ? rc : make_channel(s, m, t);
	}
	if (!s->release && !s->valid_s && !s->channel && !s->floor)
		return CTL_OK;
	ctl_fail(CTL_CONFLICT, "%s is stamped already: release %" PRIu64, s->dir, m->release);
	ctl_hint("--restamp starts over, and takes the other signatures away");
	return CTL_CONFLICT;
}

static int write_signature(const struct sign *s, const struct minisig_secret *sec,
	const struct manifest *m, const struct image_text *t)
{
	char comment[201];

	snprintf(
		comment, sizeof comment, "%s %s release %" PRIu64, m->name, m->version, m->release);
	return image_dir_sign(s->dir, IMAGE_MANIFEST, t, sec, comment);
}

/* The channel beside it, when it is this release's: a later one is for its own signers. */
static int sign_channel(
	const struct sign *s, const struct minisig_secret *sec, const struct image_text *manifest)
{
	static struct image_text t;
	char comment[201], err[160];
	struct channel ch;
	struct digest d;
	int rc, fd = image_dir_open(s->dir, IMAGE_CHANNEL);

	if (fd == -ENOENT)
		return CTL_OK;
	if (fd >= 0)
		close(fd);
	rc = image_dir_text(s->dir, IMAGE_CHANNEL, "muster image channel", &t);
	if (rc)
		return rc;
	if (channel_parse(t.text, t.len, &ch, err, sizeof err))
		return ctl_fail(CTL_FAILED, "%s/" IMAGE_CHANNEL ": %s", s->dir, err);
	if (digest_bytes(manifest->text, manifest->len, &d) || !digest_equal(&d, &ch.manifest))
		return CTL_OK;
	snprintf(comment, sizeof comment, "channel %s %s release %" PRIu64, ch.name, ch.image,
		ch.release);
	return image_dir_sign(s->dir, IMAGE_CHANNEL, &t, sec, comment);
}

static int sign(const struct ctl *c, const struct sign *s, const struct minisig_secret *sec)
{
	struct image_text t;
	struct manifest m;
	char id[17], day[FORMAT_MAX];
	int rc = image_dir_text(s->dir, IMAGE_MANIFEST, BUILD_IT, &t);

	if (!rc)
		rc = image_dir_parse(s->dir, &t, &m);
	if (!rc)
		rc = image_dir_check(s->dir, &m);
	if (!rc)
		rc = stamp_once(s, &m, &t);
	if (!rc)
		rc = write_signature(s, sec, &m, &t);
	if (!rc)
		rc = sign_channel(s, sec, &t);
	if (rc)
		return rc;
	minisig_id_hex(sec->id, id);
	if (c->format == CTL_NAME)
		puts(id);
	else
		printf("signed %s %s, release %" PRIu64 ", channel %s, valid until %s, by key %s\n",
			m.name, m.version, m.release, m.channel, format_date(m.expires_s, day), id);
	return CTL_OK;
}

int verb_image_sign(struct ctl *c, int argc, char **argv)
{
	struct minisig_secret sec;
	struct sign s = { 0 };
	int rc = take_sign_args(c, argc, argv, &s);

	if (rc)
		return rc;
	if (minisig_init())
		return ctl_fail(CTL_FAILED, "libsodium does not start");
	rc = key_read_secret(s.key, &sec);
	if (rc)
		return rc;
	rc = sign(c, &s, &sec);
	minisig_wipe(&sec);
	return rc;
}

/* ---- verify ---- */

struct verify {
	const char *dir, *roots;
	struct root root; /* whose signatures count, and how many */
};

/* Any one of the keys that were given suffices, as if a root had said so. */
static int take_key(const struct ctl *c, const char *arg, struct root *r)
{
	int rc;

	if (r->n_keys == ROOT_KEYS_MAX)
		return ctl_usage(c, "at most %d keys", ROOT_KEYS_MAX);
	rc = key_read_public(arg, &r->keys[r->n_keys]);
	if (!rc)
		r->n_keys++;
	return rc;
}

static int take_verify_args(const struct ctl *c, int argc, char **argv, struct verify *v)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "root", required_argument, NULL, 'r' },
		{ 0 },
	};
	int opt, rc = CTL_OK;

	v->root.threshold = 1;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'k')
			rc = take_key(c, optarg, &v->root);
		else if (opt == 'r')
			v->roots = optarg;
		else
			return ctl_usage(c, NULL);
		if (rc)
			return rc;
	}
	if (argc - optind != 1)
		return ctl_usage(c, "which image's folder?");
	if (!v->root.n_keys == !v->roots)
		return ctl_usage(c, "--root or --key says whose signatures count");
	v->dir = argv[optind];
	return CTL_OK;
}

static const char *why_not(int rc)
{
	return rc == -ENOKEY	     ? "by a key that was not given"
	       : rc == -EKEYREJECTED ? "does not belong to this manifest"
				     : "not a signature file";
}

/* What is wrong with each signature file that does not count. */
static void explain_signatures(const struct verify *v, const struct image_signed *f)
{
	for (size_t i = 0; i < f->t.n_sigs; i++) {
		int rc = minisig_verify(v->root.keys, v->root.n_keys, f->t.text, f->t.len,
			f->t.sigs[i].text, f->t.sigs[i].len);

		if (rc < 0)
			ctl_fail(CTL_FAILED, "%s/%s: %s", v->dir, f->sigs[i].file, why_not(rc));
	}
}

/* The ids of the keys that have signed, in the order of their files. */
static void signers(const struct verify *v, const struct image_signed *f, struct text *out)
{
	for (size_t i = 0; i < f->t.n_sigs; i++) {
		int key = minisig_verify(v->root.keys, v->root.n_keys, f->t.text, f->t.len,
			f->t.sigs[i].text, f->t.sigs[i].len);
		char id[17];

		if (key < 0)
			continue;
		minisig_id_hex(v->root.keys[key].id, id);
		text_put(out, "%s%s", out->len ? " " : "", id);
	}
}

static int judge(const struct verify *v, const struct image_signed *f, struct manifest *m)
{
	char err[JUDGE_ERR_MAX];
	enum verdict verdict =
		judge_manifest(&v->root, NULL, NULL, (uint64_t)time(NULL), &f->t, m, err);

	if (!verdict)
		return CTL_OK;
	if (verdict == VERDICT_MANIFEST_SIGNATURE)
		explain_signatures(v, f);
	ctl_fail(CTL_FAILED, "%s: %s: %s", v->dir, verdict_code(verdict), err);
	if (verdict == VERDICT_MANIFEST_SIGNATURE)
		ctl_hint("muster image sign %s --key NAME", v->dir);
	return CTL_FAILED;
}

static int verify(const struct ctl *c, struct verify *v, struct image_signed *f)
{
	char ids[20 * IMAGE_SIGNERS_MAX] = "", day[FORMAT_MAX];
	struct text t = { .out = ids, .size = sizeof ids };
	struct root_walk walk;
	struct manifest m;
	int rc = v->roots ? root_dir_walk(v->roots, &walk) : CTL_OK;

	if (!rc && v->roots)
		v->root = walk.root;
	if (!rc)
		rc = image_dir_signed(v->dir, IMAGE_MANIFEST, BUILD_IT, f);
	if (!rc)
		rc = judge(v, f, &m);
	if (!rc)
		rc = image_dir_check(v->dir, &m);
	if (rc)
		return rc;
	signers(v, f, &t);
	if (c->format == CTL_NAME)
		puts(ids);
	else
		printf("good: %s %s, release %" PRIu64 ", %zu files, valid until %s, by key %s\n",
			m.name, m.version, m.release, m.n_files, format_date(m.expires_s, day),
			ids);
	return CTL_OK;
}

int verb_image_verify(struct ctl *c, int argc, char **argv)
{
	static struct image_signed file;
	struct verify v = { 0 };
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--all"))
		return image_store_verify(c);
	if (minisig_init())
		return ctl_fail(CTL_FAILED, "libsodium does not start");
	rc = take_verify_args(c, argc, argv, &v);
	return rc ? rc : verify(c, &v, &file);
}
