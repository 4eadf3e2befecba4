/*
 * image_sign.c: `muster image sign` stamps release, created and expires into the manifest, once,
 * and adds one signature file for each signer; `muster image verify` checks one the way the agent
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

#include "server/ctl/ctl.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/key.h"
#include "server/ctl/verbs.h"

#define DAY_S	  86400ULL
#define BUILD_IT  "muster image build RECIPE"
#define VALID_MAX (75 * 366 * DAY_S)

/* "2027-01-15" */
static char *date(uint64_t s, char out[16])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
		snprintf(out, 16, "?");
	return out;
}

/* ---- sign ---- */

struct sign {
	const char *dir, *key, *channel;
	uint64_t release, valid_s; /* 0: not given */
	bool restamp;
};

/* Digits only, at least 1, at most max. */
static bool parse_number(const char *s, uint64_t max, uint64_t *out)
{
	unsigned long long v;

	if (!*s || strspn(s, "0123456789") != strlen(s))
		return false;
	errno = 0;
	v = strtoull(s, NULL, 10);
	if (errno || v < 1 || v > max)
		return false;
	*out = v;
	return true;
}

/* "400d", "12h" */
static bool parse_valid(const char *s, uint64_t *out)
{
	size_t len = strlen(s);
	uint64_t unit = 0, n;
	char digits[12];

	if (len < 2 || len >= sizeof digits)
		return false;
	if (s[len - 1] == 'd')
		unit = DAY_S;
	else if (s[len - 1] == 'h')
		unit = 3600;
	snprintf(digits, sizeof digits, "%.*s", (int)len - 1, s);
	if (!unit || !parse_number(digits, VALID_MAX / unit, &n))
		return false;
	*out = n * unit;
	return true;
}

static int take_sign_args(const struct ctl *c, int argc, char **argv, struct sign *s)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "release", required_argument, NULL, 'r' },
		{ "valid", required_argument, NULL, 'v' },
		{ "channel", required_argument, NULL, 'c' },
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
		else if (opt == 'r' && !parse_number(optarg, INT64_MAX, &s->release))
			return ctl_usage(c, "--release takes a number above 0");
		else if (opt == 'v' && !parse_valid(optarg, &s->valid_s))
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
		rc = image_dir_drop_signatures(s->dir);
	return rc ? rc : image_dir_write(s->dir, IMAGE_MANIFEST, t->text, t->len);
}

/* A further signer signs the very same bytes, so what stamping sets must not be asked for. */
static int stamp_once(const struct sign *s, struct manifest *m, struct image_text *t)
{
	if (!m->release || s->restamp)
		return stamp(s, m, t);
	if (!s->release && !s->valid_s && !s->channel)
		return CTL_OK;
	ctl_fail(CTL_CONFLICT, "%s is stamped already: release %" PRIu64, s->dir, m->release);
	ctl_hint("--restamp starts over, and takes the other signatures away");
	return CTL_CONFLICT;
}

static int write_signature(const struct sign *s, const struct minisig_secret *sec,
	const struct manifest *m, const struct image_text *t)
{
	char comment[201], sig[MINISIG_TEXT_MAX], name[64], id[17];

	minisig_id_hex(sec->id, id);
	snprintf(name, sizeof name, IMAGE_SIGNATURE ".%s", id);
	snprintf(
		comment, sizeof comment, "%s %s release %" PRIu64, m->name, m->version, m->release);
	if (minisig_sign(sec, t->text, t->len, comment, sig))
		return ctl_fail(CTL_FAILED, "%s: cannot be signed", s->dir);
	return image_dir_write(s->dir, name, sig, strlen(sig));
}

static int sign(const struct ctl *c, const struct sign *s, const struct minisig_secret *sec)
{
	struct image_text t;
	struct manifest m;
	char id[17], day[16];
	int rc = image_dir_text(s->dir, IMAGE_MANIFEST, BUILD_IT, &t);

	if (!rc)
		rc = image_dir_parse(s->dir, &t, &m);
	if (!rc)
		rc = image_dir_check(s->dir, &m);
	if (!rc)
		rc = stamp_once(s, &m, &t);
	if (!rc)
		rc = write_signature(s, sec, &m, &t);
	if (rc)
		return rc;
	minisig_id_hex(sec->id, id);
	if (c->format == CTL_NAME)
		puts(id);
	else
		printf("signed %s %s, release %" PRIu64 ", channel %s, valid until %s, by key %s\n",
			m.name, m.version, m.release, m.channel, date(m.expires_s, day), id);
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
	const char *dir;
	struct minisig_public keys[IMAGE_SIGNERS_MAX];
	size_t n_keys;
};

static int take_verify_args(const struct ctl *c, int argc, char **argv, struct verify *v)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ 0 },
	};
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'k')
			return ctl_usage(c, NULL);
		if (v->n_keys == IMAGE_SIGNERS_MAX)
			return ctl_usage(c, "at most %d keys", IMAGE_SIGNERS_MAX);
		rc = key_read_public(optarg, &v->keys[v->n_keys]);
		if (rc)
			return rc;
		v->n_keys++;
	}
	if (argc - optind != 1)
		return ctl_usage(c, "which image's folder?");
	if (!v->n_keys)
		return ctl_usage(c, "--key says whose signature counts");
	v->dir = argv[optind];
	return CTL_OK;
}

static const char *why_not(int rc)
{
	return rc == -ENOKEY	     ? "by a key that was not given"
	       : rc == -EKEYREJECTED ? "does not belong to this manifest"
				     : "not a signature file";
}

/* Which of the keys signed these bytes; *key is its index. */
static int check_signatures(const struct verify *v, const struct image_text *t, size_t *key)
{
	struct image_signature sigs[IMAGE_SIGNERS_MAX];
	int found[IMAGE_SIGNERS_MAX];
	size_t n;
	int rc = image_dir_signatures(v->dir, sigs, &n);

	if (rc)
		return rc;
	for (size_t i = 0; i < n; i++) {
		found[i] = minisig_verify(
			v->keys, v->n_keys, t->text, t->len, sigs[i].text, sigs[i].len);
		if (found[i] >= 0) {
			*key = (size_t)found[i];
			return CTL_OK;
		}
	}
	for (size_t i = 0; i < n; i++)
		ctl_fail(CTL_FAILED, "%s/%s: %s", v->dir, sigs[i].file, why_not(found[i]));
	rc = ctl_fail(CTL_FAILED, "%s is not signed%s", v->dir, n ? " by a given key" : "");
	ctl_hint("muster image sign %s --key NAME", v->dir);
	return rc;
}

static int check_stamp(const struct verify *v, const struct manifest *m)
{
	char day[16];

	if (!m->release)
		return ctl_fail(CTL_FAILED, "%s: signed without a release", v->dir);
	if (m->expires_s <= (uint64_t)time(NULL))
		return ctl_fail(CTL_FAILED, "%s: expired on %s", v->dir, date(m->expires_s, day));
	return CTL_OK;
}

static int verify(const struct ctl *c, const struct verify *v)
{
	struct image_text t;
	struct manifest m;
	size_t key = 0;
	char id[17], day[16];
	int rc = image_dir_text(v->dir, IMAGE_MANIFEST, BUILD_IT, &t);

	if (!rc)
		rc = check_signatures(v, &t, &key);
	if (!rc)
		rc = image_dir_parse(v->dir, &t, &m);
	if (!rc)
		rc = check_stamp(v, &m);
	if (!rc)
		rc = image_dir_check(v->dir, &m);
	if (rc)
		return rc;
	minisig_id_hex(v->keys[key].id, id);
	if (c->format == CTL_NAME)
		puts(id);
	else
		printf("good: %s %s, release %" PRIu64 ", %zu files, valid until %s, by key %s\n",
			m.name, m.version, m.release, m.n_files, date(m.expires_s, day), id);
	return CTL_OK;
}

int verb_image_verify(struct ctl *c, int argc, char **argv)
{
	struct verify v = { 0 };
	int rc;

	if (minisig_init())
		return ctl_fail(CTL_FAILED, "libsodium does not start");
	rc = take_verify_args(c, argc, argv, &v);
	return rc ? rc : verify(c, &v);
}
