/*
 * /api/v1/images/NAME: one version of an image, by ?version= and ?release= where it is not the
 * current one; what takes hosts back to an earlier one; and what forgets versions.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/choice.h"
#include "server/core/versions.h"

#define NAMES_MAX    200 /* bytes of the names in a refusal */
#define VERSIONS_MAX 32	 /* of one name that are looked at */
#define LOG_LIMIT    1000
#define SILENT_MS    (3600 * 1000LL) /* since the hand-off to what never reports */

static uint64_t number(const char *text)
{
	char *end;
	const unsigned long long n = strtoull(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end ? n : 0;
}

/* What the query says of a version: NULL and 0 where it says nothing. */
struct wanted {
	char text[MANIFEST_NAME_MAX];
	const char *version;
	uint64_t release;
};

static void read_wanted(const struct call *k, struct wanted *out)
{
	char release[24];

	*out = (struct wanted){ 0 };
	if (query_get(k->q->h->query, "version", out->text, sizeof out->text))
		out->version = out->text;
	query_get(k->q->h->query, "release", release, sizeof release);
	out->release = number(release);
}

static void not_found(struct call *k, const char *name, const char *version, uint64_t release)
{
	char number_text[32] = "";

	if (release)
		snprintf(number_text, sizeof number_text, ", release %llu",
			(unsigned long long)release);
	answer_problem(k->a, 404, "not-found", "muster image list", "there is no image '%s'%s%s%s",
		name, version ? " of version " : "", version ? version : "", number_text);
}

/* ---- show ---- */

/* What the query names; without one, what is current, else the newest. 0, or -ENOENT. */
static int find_version(struct call *k, const struct wanted *w, struct store_image *out)
{
	int rc = w->version || w->release ? -ENOENT : store_current_of(k->c->store, k->arg, out);
	int n;

	if (rc != -ENOENT)
		return core_must(k->c, rc, "current");
	n = core_must(k->c,
		store_image_versions(k->c->store, k->arg, NULL, w->version, w->release, out, 1),
		"image");
	return n ? 0 : -ENOENT;
}

void api_get_image(struct call *k)
{
	struct store_image image;
	struct wanted w;
	char *json = NULL;
	int rc;

	read_wanted(k, &w);
	if (find_version(k, &w, &image) < 0) {
		not_found(k, k->arg, w.version, w.release);
		return;
	}
	rc = store_json_image(k->c->store, &image.manifest, &json);
	api_answer_store(k, rc, json, "image");
}

void api_get_image_log(struct call *k)
{
	char name[MANIFEST_NAME_MAX], limit[24], *json = NULL;
	const bool one = query_get(k->q->h->query, "image", name, sizeof name);
	uint64_t n;
	int rc;

	query_get(k->q->h->query, "limit", limit, sizeof limit);
	n = number(limit);
	if (n < 1 || n > LOG_LIMIT)
		n = LOG_LIMIT;
	rc = store_json_image_log(k->c->store, one ? name : NULL, (int)n, &json);
	api_answer_store(k, rc, json, "log");
}

/* ---- rollback ---- */

struct rollback {
	const char *version; /* or NULL: the one that was current before */
	uint64_t release;
	char why[VERSIONS_WHY_MAX];
	bool is_signed, has_from;
	struct store_channel channel;
	struct store_image from, to; /* without has_from: `from` has channel and release alone */
};

/* What is current; nothing is where the release that the channel names is not here. */
static bool find_from(struct call *k, struct rollback *r)
{
	const char *channel = json_get_str(k->body, "channel", "");
	enum choice choice =
		choice_current(k->c, k->arg, channel, &r->from, &r->channel, &r->is_signed);

	r->has_from = !choice;
	if (choice == CHOICE_NOT_HERE) {
		r->from.release = r->channel.ch.release;
		memcpy(r->from.channel, r->channel.ch.name, sizeof r->from.channel);
		return true;
	}
	if (choice && *channel)
		answer_problem(k->a, 404, "not-found", "muster image channels",
			"nothing is current in the channel %s of %s", channel, k->arg);
	else if (choice)
		not_found(k, k->arg, NULL, 0);
	return !choice;
}

/* Of several releases of a version the newest that the channel allows. */
static bool find_to(struct call *k, struct rollback *r)
{
	struct store_image some[VERSIONS_MAX];
	const struct channel *ch = &r->channel.ch;
	int n = core_must(k->c,
		store_image_versions(k->c->store, k->arg, r->from.channel, r->version, r->release,
			some, VERSIONS_MAX),
		"image");

	if (n)
		r->to = some[0];
	for (int i = n - 1; i >= 0 && r->is_signed; i--)
		if (channel_compare(ch, &some[i].manifest, some[i].release) == 0)
			r->to = some[i];
	if (!n)
		answer_problem(k->a, 404, "not-found", "muster image list",
			"there is no such version of %s in its channel %s", k->arg,
			r->from.channel);
	return n > 0;
}

static bool find_before(struct call *k, struct rollback *r)
{
	int rc =
		store_current_before(k->c->store, k->arg, r->from.channel, r->from.release, &r->to);

	if (rc != -ENOENT)
		core_must(k->c, rc, "current before");
	else
		answer_problem(k->a, 409, "no-earlier",
			"muster image rollback NAME --to VERSION --reason TEXT",
			"no version that is still here was current in channel %s of %s before "
			"release %llu",
			r->from.channel, k->arg, (unsigned long long)r->from.release);
	return rc == 0;
}

static bool read_rollback(struct call *k, struct rollback *r)
{
	static const struct api_member known[] = { { "version", API_TEXT | API_NULL },
		{ "release", API_INT }, { "channel", API_TEXT | API_NULL },
		{ "reason", API_TEXT | API_NULL }, { NULL, 0 } };

	if (!api_check_body(k, known))
		return false;
	r->version = json_get_str(k->body, "version", NULL);
	r->release = (uint64_t)json_get_int(k->body, "release", 0);
	if (*versions_why(k, r->why))
		return true;
	answer_problem(k->a, 422, "reason", NULL, "a rollback needs a reason");
	return false;
}

static void answer_change(
	struct call *k, const struct store_image *from, const struct store_image *to)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	versions_json(&w, "from", from);
	versions_json(&w, "to", to);
	jw_bool(&w, "dry_run", api_is_dry_run(k));
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}

/* What is current is the rollout's to change. true with the answer made. */
static bool is_rolling(struct call *k, const struct rollback *r)
{
	struct store_rollout roll;
	int rc = store_rollout_of(k->c->store, k->arg, r->from.channel, &roll);

	if (rc == -ENOENT)
		return false;
	core_must(k->c, rc, "rollout");
	answer_problem(k->a, 409, "rollout", "muster rollout abort",
		"rollout %lld to %s %s is not over", (long long)roll.id, k->arg, roll.to_version);
	return true;
}

void api_post_rollback(struct call *k)
{
	struct rollback r = { 0 };

	if (!read_rollback(k, &r) || !find_from(k, &r) || is_rolling(k, &r) ||
		!(r.version || r.release ? find_to(k, &r) : find_before(k, &r)) ||
		!versions_may(k, r.is_signed ? &r.channel.ch : NULL, &r.to))
		return;
	if (r.has_from && digest_equal(&r.from.manifest, &r.to.manifest)) {
		answer_problem(k->a, 409, "is-current", NULL,
			"%s %s, release %llu, is current already", k->arg, r.to.version,
			(unsigned long long)r.to.release);
		return;
	}
	if (!api_is_dry_run(k)) {
		core_write(k->c);
		versions_set_current(k, r.to.release < r.from.release ? "rollback" : "current",
			r.has_from ? &r.from : NULL, &r.to, r.why);
	}
	answer_change(k, r.has_from ? &r.from : NULL, &r.to);
}

/* ---- rm ---- */

typedef int users_fn(struct core *c, const struct digest *manifest, char *names, size_t size);

static int pinned_by(struct core *c, const struct digest *manifest, char *names, size_t size)
{
	return store_image_pinned_by(c->store, manifest, names, size);
}

static int booted_by(struct core *c, const struct digest *manifest, char *names, size_t size)
{
	return store_image_booted_by(c->store, manifest, c->wall_ms - SILENT_MS, names, size);
}

static int current_in(struct core *c, const struct digest *manifest, char *names, size_t size)
{
	return store_image_current_in(c->store, manifest, names, size);
}

static int named_by(struct core *c, const struct digest *manifest, char *names, size_t size)
{
	return store_image_named_by(c->store, manifest, names, size);
}

static int rolled_by(struct core *c, const struct digest *manifest, char *names, size_t size)
{
	return store_image_rolled_by(c->store, manifest, names, size);
}

/* What keeps a version. Channels keep one alone: with all versions they go themselves. */
static const struct {
	users_fn *users;
	bool alone; /* only where not all versions go */
	const char *code, *what, *hint;
} holds[] = {
	{ current_in, true, "current", "it is current in a channel",
		"muster image rollback NAME --to VERSION --reason TEXT, or import a newer one" },
	{ named_by, true, "named", "a channel names it",
		"have a channel signed that names another: muster image channel FILE --image DIR" },
	{ rolled_by, false, "rollout", "it is on its way, or the way back",
		"muster rollout abort" },
	{ pinned_by, false, "pinned", "a host is pinned to it", "muster image pin HOSTS --none" },
	{ booted_by, false, "booting", "a host is booting it now", "once more when it is up" },
};

static bool is_held(struct call *k, const struct store_image *image, bool alone)
{
	char names[NAMES_MAX];

	for (size_t i = 0; i < sizeof holds / sizeof holds[0]; i++) {
		if (holds[i].alone && !alone)
			continue;
		if (!core_must(k->c, holds[i].users(k->c, &image->manifest, names, sizeof names),
			    "image users"))
			continue;
		answer_problem(k->a, 409, holds[i].code, holds[i].hint,
			"%s %s, release %llu, stays: %s: %s", image->name, image->version,
			(unsigned long long)image->release, holds[i].what, names);
		return true;
	}
	return false;
}

/* Is the image itself wanted, whatever its version? */
static bool is_wanted(struct call *k)
{
	char names[NAMES_MAX];

	if (!strcmp(k->arg, AGENT_IMAGE) || !strcmp(k->arg, k->c->cfg->image)) {
		answer_problem(k->a, 409, "wanted", "muster image rm NAME@VERSION",
			"%s stays: it is %s", k->arg,
			strcmp(k->arg, AGENT_IMAGE) ? "the server's default ([server] image)"
						    : "what hosts start first");
		return true;
	}
	if (!core_must(k->c, store_image_assigned_to(k->c->store, k->arg, names, sizeof names),
		    "hosts"))
		return false;
	answer_problem(k->a, 409, "assigned", "muster host set HOSTS --image IMAGE",
		"%s stays: it is assigned to %s", k->arg, names);
	return true;
}

/* One of several releases of that version, or all. */
static bool is_clear(struct call *k, const struct store_image *some, int n, bool alone)
{
	if (!alone || n == 1)
		return true;
	answer_problem(k->a, 409, "ambiguous", "muster image rm NAME@VERSION#RELEASE",
		"%s %s is here as %d releases, %llu to %llu", k->arg, some[0].version, n,
		(unsigned long long)some[n - 1].release, (unsigned long long)some[0].release);
	return false;
}

static void remove_all(struct call *k, const struct store_image *some, int n, bool alone)
{
	char why[VERSIONS_WHY_MAX];

	versions_why(k, why);
	core_write(k->c);
	if (!alone)
		versions_forget(k, k->arg);
	for (int i = 0; i < n; i++)
		versions_rm(k, &some[i], why);
}

static void answer_removed(struct call *k, const struct store_image *some, int n)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_arr(&w, "removed");
	for (int i = 0; i < n; i++)
		versions_json(&w, NULL, &some[i]);
	jw_end_arr(&w);
	jw_bool(&w, "dry_run", api_is_dry_run(k));
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}

/* All of them, however many: the list is asked for until it fits. NULL: no memory. */
static struct store_image *list_versions(struct call *k, const struct wanted *w, int *n)
{
	struct store_image *some = NULL;

	for (int size = VERSIONS_MAX;; size *= 2) {
		free(some);
		some = calloc((size_t)size, sizeof *some);
		if (!some)
			return NULL;
		*n = core_must(k->c,
			store_image_versions(
				k->c->store, k->arg, NULL, w->version, w->release, some, size),
			"image");
		if (*n < size)
			return some;
	}
}

static bool may_go(struct call *k, const struct wanted *w, const struct store_image *some, int n)
{
	const bool alone = w->version || w->release;

	if (!n)
		not_found(k, k->arg, w->version, w->release);
	if (!n || !is_clear(k, some, n, alone) || (!alone && is_wanted(k)))
		return false;
	for (int i = 0; i < n; i++)
		if (is_held(k, &some[i], alone))
			return false;
	return true;
}

void api_delete_image(struct call *k)
{
	struct store_image *some;
	struct wanted w;
	int n;

	read_wanted(k, &w);
	some = list_versions(k, &w, &n);
	if (!some) {
		answer_take(k->a, 200, "application/json", NULL);
		return;
	}
	if (may_go(k, &w, some, n)) {
		if (!api_is_dry_run(k))
			remove_all(k, some, n, w.version || w.release);
		answer_removed(k, some, n);
	}
	free(some);
}
