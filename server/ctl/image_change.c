/* image_change.c: `muster image rollback|pin|rm`: what hosts run from their next boot on. */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "images/json.h"
#include "server/ctl/client.h"
#include "server/ctl/ctl.h"
#include "server/ctl/hosts.h"
#include "server/ctl/image_ref.h"
#include "server/ctl/verbs.h"

#define REASON_MAX 255 /* bytes that the server keeps */
#define FOLDED_MAX 400

/* What was typed. */
struct change {
	const char *to, *channel, *reason;
	bool none, yes, dry_run;
};

static const struct option rollback_options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "channel", required_argument, NULL, 'c' },
	{ "reason", required_argument, NULL, 'r' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ 0 },
};
static const struct option pin_options[] = {
	{ "none", no_argument, NULL, '0' },
	{ "reason", required_argument, NULL, 'r' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ 0 },
};
static const struct option rm_options[] = {
	{ "reason", required_argument, NULL, 'r' },
	{ "yes", no_argument, NULL, 'y' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ 0 },
};

static int parse(
	struct ctl *c, int argc, char **argv, const struct option *options, struct change *ch)
{
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 't':
			ch->to = optarg;
			break;
		case 'c':
			ch->channel = optarg;
			break;
		case 'r':
			ch->reason = optarg;
			break;
		case '0':
			ch->none = true;
			break;
		case 'y':
			ch->yes = true;
			break;
		case 'n':
			ch->dry_run = true;
			break;
		default:
			return ctl_usage(c, NULL);
		}
	}
	if (ch->reason && (!*ch->reason || strlen(ch->reason) > REASON_MAX))
		return ctl_usage(c, "a reason has 1 to %d bytes", REASON_MAX);
	return CTL_OK;
}

static void member(struct jw *w, const char *key, const char *value)
{
	if (value && *value)
		jw_str(w, key, value);
}

/* Send the body, which is freed. */
static int send(struct ctl *c, const char *method, const char *path, struct jw *w, struct answer *a)
{
	int rc = w->bad ? ctl_fail(CTL_FAILED, "out of memory")
			: client_call(c, method, path, w->buf, a);

	jw_fini(w);
	return rc;
}

/* "1.2 (release 7)" */
static const char *version_text(const struct json *v, char out[128])
{
	snprintf(out, 128, "%.80s (release %" PRId64 ")", json_get_str(v, "version", "?"),
		json_get_int(v, "release", 0));
	return out;
}

/* ---- rollback ---- */

/* `--to` is VERSION, VERSION#RELEASE, or the same behind NAME@. */
static int read_to(const char *to, struct image_ref *ref)
{
	struct image_ref other;

	if (!strchr(to, '@'))
		return image_ref_version(to, ref);
	if (image_ref_parse(to, &other) < 0 || strcmp(other.name, ref->name) != 0)
		return -1;
	*ref = other;
	return 0;
}

static int send_rollback(
	struct ctl *c, const struct image_ref *ref, const struct change *ch, struct answer *a)
{
	char path[sizeof "/api/v1/images//rollback?dry_run=1" + MANIFEST_NAME_MAX];
	struct jw w = { 0 };

	snprintf(path, sizeof path, "/api/v1/images/%s/rollback%s", ref->name,
		ch->dry_run ? "?dry_run=1" : "");
	jw_obj(&w, NULL);
	member(&w, "version", ref->version);
	if (ref->release)
		jw_int(&w, "release", (int64_t)ref->release);
	member(&w, "channel", ch->channel);
	member(&w, "reason", ch->reason);
	jw_end_obj(&w);
	return send(c, "POST", path, &w, a);
}

static void print_rollback(const struct ctl *c, const struct answer *a, bool dry_run)
{
	const struct json *from = json_get(a->doc, "from"), *to = json_get(a->doc, "to");
	char now[128], before[128];

	if (c->format == CTL_JSON)
		puts(a->text);
	else
		printf("%s, channel %s: %s %s current instead of %s\n",
			json_get_str(to, "image", "?"), json_get_str(to, "channel", "?"),
			version_text(to, now), dry_run ? "would be" : "is",
			json_is_object(from) ? version_text(from, before) : "none");
}

int verb_image_rollback(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	struct image_ref ref;
	struct answer a;
	int rc = parse(c, argc, argv, rollback_options, &ch);

	if (rc)
		return rc;
	if (argc - optind != 1)
		return ctl_usage(c, "which image?");
	if (!ch.reason)
		return ctl_usage(c, "why? --reason TEXT goes on record");
	if (image_ref_parse(argv[optind], &ref) < 0 || ref.version[0] || ref.release)
		return ctl_usage(
			c, "'%s' is no image's name; the version goes to --to", argv[optind]);
	if (ch.to && read_to(ch.to, &ref) < 0)
		return ctl_usage(c, "--to takes VERSION, or VERSION#RELEASE, not '%s'", ch.to);
	rc = send_rollback(c, &ref, &ch, &a);
	if (rc)
		return rc;
	print_rollback(c, &a, ch.dry_run);
	answer_fini(&a);
	return CTL_OK;
}

/* ---- pin ---- */

static int send_pin(struct ctl *c, const char *host, const struct image_ref *ref,
	const struct change *ch, struct answer *a)
{
	char path[sizeof "/api/v1/hosts//pin?dry_run=1" + HOSTLIST_NAME_MAX];
	struct jw w = { 0 };

	snprintf(
		path, sizeof path, "/api/v1/hosts/%s/pin%s", host, ch->dry_run ? "?dry_run=1" : "");
	jw_obj(&w, NULL);
	if (!ch->none) {
		member(&w, "image", ref->name);
		member(&w, "version", ref->version);
		if (ref->release)
			jw_int(&w, "release", (int64_t)ref->release);
	}
	member(&w, "reason", ch->reason);
	jw_end_obj(&w);
	return send(c, "POST", path, &w, a);
}

/* Goes on after a failure; *done are those that have it, and the answers are in *w. */
static int pin_each(struct ctl *c, const struct hostlist *names, const struct image_ref *ref,
	const struct change *ch, struct hostlist *done, struct jw *w)
{
	int first = CTL_OK;

	for (size_t i = 0; i < names->n && first != CTL_UNREACHABLE; i++) {
		struct answer a;
		int rc = send_pin(c, names->names[i], ref, ch, &a);

		if (rc) {
			first = first ? first : rc;
			continue;
		}
		hostlist_add_name(done, names->names[i]);
		jw_raw(w, NULL, a.text);
		answer_fini(&a);
	}
	return first;
}

static int pin(struct ctl *c, const struct hostlist *names, const struct image_ref *ref,
	const struct change *ch)
{
	char what[IMAGE_REF_TEXT], folded[FOLDED_MAX];
	struct hostlist done = { 0 };
	struct jw w = { 0 };
	int rc;

	jw_obj(&w, NULL);
	jw_arr(&w, "hosts");
	rc = pin_each(c, names, ref, ch, &done, &w);
	jw_end_arr(&w);
	jw_end_obj(&w);
	if (c->format == CTL_JSON)
		ctl_print_json(&w);
	else if (done.n)
		printf("%s: %s%s%s\n", hostlist_fold(&done, folded, sizeof folded),
			ch->dry_run ? "would be " : "", ch->none ? "not pinned" : "pinned to ",
			ch->none ? "" : image_ref_print(ref, what));
	jw_fini(&w);
	hostlist_fini(&done);
	return rc;
}

/* The hosts, then with no --none the version. */
static int pin_words(struct ctl *c, int n, char **words, const struct change *ch,
	struct image_ref *ref, struct hostlist *names)
{
	if (ch->none && n < 1)
		return ctl_usage(c, "which host?");
	if (!ch->none && n < 2)
		return ctl_usage(c, "which host, and which NAME@VERSION? Or --none");
	if (!ch->none &&
		(image_ref_parse(words[n - 1], ref) < 0 || (!ref->version[0] && !ref->release)))
		return ctl_usage(
			c, "'%s' is not NAME@VERSION, nor NAME@VERSION#RELEASE", words[n - 1]);
	return hosts_resolve(c, ch->none ? n : n - 1, words, names);
}

int verb_image_pin(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	struct hostlist names = { 0 };
	struct image_ref ref = { 0 };
	int rc = parse(c, argc, argv, pin_options, &ch);

	if (!rc)
		rc = pin_words(c, argc - optind, argv + optind, &ch, &ref, &names);
	if (!rc)
		rc = pin(c, &names, &ref, &ch);
	hostlist_fini(&names);
	return rc;
}

/* ---- rm ---- */

static int send_rm(
	struct ctl *c, const struct image_ref *ref, const struct change *ch, struct answer *a)
{
	char path[sizeof "/api/v1/images/?dry_run=1&" + MANIFEST_NAME_MAX + IMAGE_REF_QUERY];
	char query[IMAGE_REF_QUERY];
	struct jw w = { 0 };

	snprintf(path, sizeof path, "/api/v1/images/%s?dry_run=%d&%s", ref->name, ch->dry_run,
		image_ref_query(ref, query));
	jw_obj(&w, NULL);
	member(&w, "reason", ch->reason);
	jw_end_obj(&w);
	return send(c, "DELETE", path, &w, a);
}

static void print_removed(const struct ctl *c, const struct answer *a, bool dry_run)
{
	const struct json *removed = json_get(a->doc, "removed");
	char text[128];

	if (c->format == CTL_JSON)
		puts(a->text);
	for (size_t i = 0; c->format != CTL_JSON && i < json_len(removed); i++)
		printf("%s %s: %s\n", json_get_str(json_at(removed, i), "image", "?"),
			version_text(json_at(removed, i), text),
			dry_run ? "would be forgotten" : "forgotten");
	if (!dry_run && c->format != CTL_JSON)
		ctl_hint("its files stay until muster image gc");
}

int verb_image_rm(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	struct image_ref ref;
	struct answer a;
	int rc = parse(c, argc, argv, rm_options, &ch);

	if (rc)
		return rc;
	if (argc - optind != 1)
		return ctl_usage(c, "which NAME@VERSION?");
	if (image_ref_parse(argv[optind], &ref) < 0)
		return ctl_usage(c, "'%s' is not NAME@VERSION", argv[optind]);
	if (!ref.version[0] && !ref.release && !ch.yes && !ch.dry_run)
		rc = ctl_confirm("Forget all versions of %s, and its channels", ref.name);
	if (!rc)
		rc = send_rm(c, &ref, &ch, &a);
	if (rc)
		return rc;
	print_removed(c, &a, ch.dry_run);
	answer_fini(&a);
	return CTL_OK;
}
