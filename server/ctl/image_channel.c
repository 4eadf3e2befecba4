/*
 * image_channel.c: `muster image channel FILE` makes, signs and shows the file that says which
 * manifest of an image is the current one. Needs no server.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "images/json.h"
#include "images/judge.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/root_dir.h"
#include "server/ctl/verbs.h"

#define VALID_S (30 * 86400ULL)
#define MAKE_IT "muster image channel FILE --image DIR"

struct job {
	const char *path, *image, *roots;
	char dir[PATH_MAX], file[NAME_MAX + 1];
	uint64_t floor, valid_s; /* 0: not given */
	bool rollback;
};

static int take_args(const struct ctl *c, int argc, char **argv, struct job *j)
{
	static const struct option options[] = {
		{ "image", required_argument, NULL, 'i' },
		{ "root", required_argument, NULL, 'r' },
		{ "floor", required_argument, NULL, 'f' },
		{ "valid", required_argument, NULL, 'v' },
		{ "rollback", no_argument, NULL, 'b' },
		{ 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'i')
			j->image = optarg;
		else if (opt == 'r')
			j->roots = optarg;
		else if (opt == 'b')
			j->rollback = true;
		else if (opt == 'f' && !format_parse_number(optarg, INT64_MAX, &j->floor))
			return ctl_usage(c, "--floor takes a number above 0");
		else if (opt == 'v' && !format_parse_validity(optarg, &j->valid_s))
			return ctl_usage(c, "--valid takes days or hours, as in 30d or 12h");
		else if (opt == '?')
			return ctl_usage(c, NULL);
	}
	if (argc - optind != 1)
		return ctl_usage(c, "which file?");
	if (!j->image && (j->floor || j->valid_s || j->rollback))
		return ctl_usage(c, "--floor, --valid and --rollback are for making it: --image");
	if (j->image && j->roots)
		return ctl_usage(c, "--root checks a channel that is signed already");
	j->path = argv[optind];
	return image_dir_split(j->path, j->dir, j->file);
}

static int parse(const struct job *j, const struct image_text *t, struct channel *out)
{
	char err[160];

	if (channel_parse(t->text, t->len, out, err, sizeof err))
		return ctl_fail(CTL_FAILED, "%s: %s", j->path, err);
	return CTL_OK;
}

/* ---- make ---- */

/* The channel that is there already; *out is zero where there is none. */
static int read_old(const struct job *j, struct channel *out)
{
	static struct image_text t;
	int fd = image_dir_open(j->dir, j->file), rc;

	*out = (struct channel){ 0 };
	if (fd == -ENOENT)
		return CTL_OK;
	if (fd >= 0)
		close(fd);
	rc = image_dir_text(j->dir, j->file, MAKE_IT, &t);
	return rc ? rc : parse(j, &t, out);
}

/* What the image's manifest says. */
static int read_image(const struct job *j, struct channel *ch)
{
	static struct image_text t;
	struct manifest m;
	int rc = image_dir_text(j->image, IMAGE_MANIFEST, "muster image build RECIPE", &t);

	if (!rc)
		rc = image_dir_parse(j->image, &t, &m);
	if (rc)
		return rc;
	if (!m.release) {
		ctl_fail(CTL_CONFLICT, "%s is not signed", j->image);
		ctl_hint("muster image sign %s --key NAME", j->image);
		return CTL_CONFLICT;
	}
	if (digest_bytes(t.text, t.len, &ch->manifest))
		return ctl_fail(CTL_FAILED, "libcrypto does not work");
	memcpy(ch->name, m.channel, sizeof ch->name);
	memcpy(ch->image, m.name, sizeof ch->image);
	ch->release = m.release;
	return CTL_OK;
}

/* A channel file is of one channel and image for ever, and goes back only when it is told to. */
static int compare(const struct job *j, const struct channel *old, const struct channel *ch)
{
	if (!old->release)
		return CTL_OK;
	if (strcmp(old->name, ch->name) != 0 || strcmp(old->image, ch->image) != 0)
		return ctl_fail(CTL_CONFLICT, "%s is channel %s of %s, and %s is %s of %s", j->path,
			old->name, old->image, j->image, ch->name, ch->image);
	if (j->rollback || (ch->release >= old->release && ch->floor >= old->floor))
		return CTL_OK;
	if (ch->release < old->release)
		ctl_fail(CTL_CONFLICT, "%s: release %" PRIu64 " is older than %" PRIu64, j->path,
			ch->release, old->release);
	else
		ctl_fail(CTL_CONFLICT, "%s: the floor was %" PRIu64 " and would be %" PRIu64,
			j->path, old->floor, ch->floor);
	ctl_hint("--rollback if that is what you want");
	return CTL_CONFLICT;
}

static int write_channel(const struct job *j, const struct channel *ch)
{
	static struct image_text t;
	struct channel back;
	int rc, n = channel_print(ch, t.text, sizeof t.text);

	if (n < 0)
		return ctl_fail(CTL_FAILED, "%s: it would be too long", j->path);
	t.len = (size_t)n;
	rc = parse(j, &t, &back);
	if (!rc)
		rc = image_dir_drop_signatures(j->dir, j->file);
	return rc ? rc : image_dir_write(j->dir, j->file, t.text, t.len);
}

/* Where older releases were not allowed before they are not now. */
static uint64_t floor_as_before(const struct channel *old, uint64_t release)
{
	return old->floor < old->release && old->floor < release ? old->floor : release;
}

static int make(const struct ctl *c, const struct job *j)
{
	struct channel old, ch = { 0 };
	char day[FORMAT_MAX];
	int rc = read_old(j, &old);

	if (!rc)
		rc = read_image(j, &ch);
	if (rc)
		return rc;
	ch.floor = j->floor ? j->floor : floor_as_before(&old, ch.release);
	ch.issued_s = (uint64_t)time(NULL);
	ch.expires_s = ch.issued_s + (j->valid_s ? j->valid_s : VALID_S);
	rc = compare(j, &old, &ch);
	if (!rc)
		rc = write_channel(j, &ch);
	if (rc)
		return rc;
	if (c->format == CTL_NAME) {
		puts(ch.name);
		return CTL_OK;
	}
	printf("channel %s of %s: release %" PRIu64 ", floor %" PRIu64 ", valid until %s\n",
		ch.name, ch.image, ch.release, ch.floor, format_date(ch.expires_s, day));
	ctl_hint("muster key sign %s --key NAME", j->path);
	return CTL_OK;
}

/* ---- show ---- */

/* By the last root of the folder, now. */
static int judge(const struct job *j, const struct signed_text *t, struct channel *ch)
{
	const struct judge_clock clock = { .rtc_s = (uint64_t)time(NULL),
		.ticket_s = (uint64_t)time(NULL) };
	struct root_walk walk;
	char err[JUDGE_ERR_MAX];
	enum verdict v;
	bool site_fresh;
	uint64_t now_s;
	int rc = root_dir_walk(j->roots, &walk);

	if (rc)
		return rc;
	v = judge_channel(&walk.root, t, ch, err);
	if (!v)
		v = judge_fresh(&walk.root, ch, &clock, &now_s, &site_fresh, err);
	if (!v)
		return CTL_OK;
	ctl_fail(CTL_FAILED, "%s: %s: %s", j->path, verdict_code(v), err);
	if (v == VERDICT_CHANNEL_SIGNATURE)
		ctl_hint("muster key sign %s --key NAME", j->path);
	return CTL_FAILED;
}

static int show_json(const struct channel *ch, const char *manifest, size_t n_sigs)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "name", ch->name);
	jw_str(&w, "image", ch->image);
	jw_str(&w, "manifest", manifest);
	jw_int(&w, "release", (int64_t)ch->release);
	jw_int(&w, "floor", (int64_t)ch->floor);
	jw_int(&w, "issued", (int64_t)ch->issued_s);
	jw_int(&w, "expires", (int64_t)ch->expires_s);
	jw_int(&w, "signatures", (int64_t)n_sigs);
	jw_end_obj(&w);
	return ctl_print_json(&w);
}

static int show(const struct ctl *c, const struct job *j)
{
	static struct image_signed f;
	struct channel ch;
	char hex[DIGEST_HEX], day[FORMAT_MAX];
	int rc = image_dir_signed(j->dir, j->file, MAKE_IT, &f);

	if (!rc)
		rc = j->roots ? judge(j, &f.t, &ch) : parse(j, &f.text, &ch);
	if (rc)
		return rc;
	digest_hex(&ch.manifest, hex);
	if (c->format == CTL_JSON)
		return show_json(&ch, hex, f.t.n_sigs);
	if (c->format == CTL_NAME) {
		puts(ch.name);
		return CTL_OK;
	}
	printf("channel   %s\nimage     %s\nmanifest  %s\n", ch.name, ch.image, hex);
	printf("release   %" PRIu64 "\nfloor     %" PRIu64 "\n", ch.release, ch.floor);
	printf("issued    %s\n", format_date(ch.issued_s, day));
	printf("expires   %s\n", format_date(ch.expires_s, day));
	printf("signed    %zu signature files%s\n", f.t.n_sigs,
		j->roots ? ", and they suffice" : "; --root checks them");
	return CTL_OK;
}

int verb_image_channel(struct ctl *c, int argc, char **argv)
{
	struct job j = { 0 };
	int rc = take_args(c, argc, argv, &j);

	if (rc)
		return rc;
	if (minisig_init())
		return ctl_fail(CTL_FAILED, "libsodium does not start");
	return j.image ? make(c, &j) : show(c, &j);
}
