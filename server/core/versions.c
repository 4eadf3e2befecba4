#include "server/core/versions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "images/blobs.h"
#include "server/core/rollouts.h"
#include "server/log.h"

#define PINS_MAX 16 /* of a host that are looked at in one go */

/* ---- the log ---- */

/* Whose change it is. */
struct by {
	struct core *c;
	bool has_uid;
	uint32_t uid;
	const char *user;
};

static struct by caller(struct call *k)
{
	return (struct by){ k->c, !k->who->token, k->who->uid, k->who->name };
}

static struct by starter(struct core *c, const struct store_rollout *r)
{
	return (struct by){ c, r->has_uid, r->uid, r->user };
}

static void write_log(struct by by, struct store_image_log *l)
{
	l->at_ms = by.c->wall_ms;
	l->has_uid = by.has_uid;
	l->uid = by.uid;
	l->user = by.user;
	core_must(by.c, store_image_log_add(by.c->store, l), "image log");
	if (by.c->trying)
		return;
	log_info("image %s: name=%s channel=%s host=%s from=%llu to=%llu floor=%llu uid=%u user=%s",
		l->what, l->name, l->channel, l->host ? l->host : "",
		(unsigned long long)l->from_release, (unsigned long long)l->to_release,
		(unsigned long long)l->floor, l->uid, by.user);
}

static void write_change(struct by by, const char *what, const struct store_host *h,
	const struct store_image *from, const struct store_image *to, const char *why)
{
	const struct store_image *any = to ? to : from;
	struct store_image_log l = { .what = what,
		.name = any->name,
		.channel = any->channel,
		.host = h ? h->name : NULL,
		.manifest = &any->manifest,
		.why = why };

	if (from) {
		l.from_version = from->version;
		l.from_release = from->release;
	}
	if (to) {
		l.to_version = to->version;
		l.to_release = to->release;
	}
	write_log(by, &l);
}

/* ---- what is current ---- */

static int found(struct core *c, int rc, const char *what)
{
	return rc == -ENOENT ? rc : core_must(c, rc, what);
}

void versions_set_current(struct call *k, const char *what, const struct store_image *from,
	const struct store_image *to, const char *why)
{
	core_must(k->c, store_current_put(k->c->store, to, k->c->wall_ms), "current");
	write_change(caller(k), what, NULL, from, to, why);
	rollouts_overtaken(k->c, to, why);
}

/* Current is `to` from now on, unless it is already. */
static void make_current(struct call *k, const struct store_image *to, const char *why)
{
	struct store_image from;
	const bool had = found(k->c, store_current_get(k->c->store, to->name, to->channel, &from),
				 "current") == 0;

	if (!had || !digest_equal(&from.manifest, &to->manifest))
		versions_set_current(k, "current", had ? &from : NULL, to, why);
}

/* Does what is current stay, as people want it to? */
static bool holds(struct call *k, const struct store_image *image, bool hold)
{
	struct store_image now;

	return hold &&
	       found(k->c, store_current_get(k->c->store, image->name, image->channel, &now),
		       "current") == 0;
}

/* Is there no newer release of its channel here? */
static bool is_newest(struct call *k, const struct store_image *image)
{
	struct store_image newest;
	int n = core_must(k->c,
		store_image_versions(k->c->store, image->name, image->channel, NULL, 0, &newest, 1),
		"image");

	return n == 0 || newest.release <= image->release;
}

void versions_imported(struct call *k, const struct digest *manifest, bool is_new, bool hold)
{
	struct store_channel ch;
	struct store_image image;
	char why[VERSIONS_WHY_MAX];

	if (!is_new)
		return;
	core_must(k->c, store_image_by_manifest(k->c->store, manifest, &image), "image");
	write_change(caller(k), "import", NULL, NULL, &image, versions_why(k, why));
	if (holds(k, &image, hold))
		return;
	if (found(k->c, store_channel_get(k->c->store, image.name, image.channel, &ch),
		    "channel") == 0) {
		snprintf(why, sizeof why, "the channel %s names it", ch.ch.name);
		if (digest_equal(&ch.ch.manifest, manifest))
			make_current(k, &image, why);
	} else if (is_newest(k, &image)) {
		make_current(k, &image, "the newest, and no channel was signed");
	}
}

/* ---- what is needed no longer ---- */

static int keep(void *arg, const struct digest *d)
{
	const struct core *c = arg;

	blobs_touch(c->server->blob_dir, d); /* one that is not there needs no keeping */
	return 0;
}

/* A host may have been told of it a moment ago: gc leaves alone what counts as new. */
static int keep_for_a_while(void *arg, const struct digest *d)
{
	struct core *c = arg;

	return core_must(c, store_blob_each(c->store, d, keep, c), "blobs");
}

/* ---- channels ---- */

static void log_channel(struct call *k, const struct store_channel *before,
	const struct store_channel *ch, const struct store_image *named)
{
	struct store_image_log l = { .what = "channel",
		.name = ch->ch.image,
		.channel = ch->ch.name,
		.to_version = named ? named->version : NULL,
		.to_release = ch->ch.release,
		.floor = ch->ch.floor,
		.manifest = &ch->ch.manifest };
	char why[VERSIONS_WHY_MAX];
	struct store_image old;

	l.why = versions_why(k, why);

	if (before) {
		l.from_release = before->ch.release;
		if (found(k->c, store_image_by_manifest(k->c->store, &before->ch.manifest, &old),
			    "image") == 0)
			l.from_version = old.version;
	}
	write_log(caller(k), &l);
}

/* What the channel says now, where it says something else, or does not allow what was current. */
static void follow_channel(struct call *k, const struct store_channel *before,
	const struct channel *ch, const struct store_image *named)
{
	struct store_image now;
	const bool has = found(k->c, store_current_get(k->c->store, ch->image, ch->name, &now),
				 "current") == 0;
	char why[160];

	if (!before || !digest_equal(&before->ch.manifest, &ch->manifest))
		snprintf(why, sizeof why, "the channel %s names it", ch->name);
	else if (!has || channel_compare(ch, &now.manifest, now.release) != 0)
		snprintf(why, sizeof why, "the channel %s no longer allows what was current",
			ch->name);
	else
		return;
	make_current(k, named, why);
}

void versions_channel(struct call *k, const struct store_channel *before,
	const struct store_channel *ch, const struct store_sig *sigs, size_t n_sigs, bool hold)
{
	struct store_image named;
	bool here;

	if (before)
		keep_for_a_while(k->c, &before->digest);
	core_must(k->c, store_channel_put(k->c->store, ch, sigs, n_sigs, k->c->wall_ms), "channel");
	if (before && digest_equal(&before->digest, &ch->digest))
		return; /* further signatures, perhaps */
	here = found(k->c, store_image_by_manifest(k->c->store, &ch->ch.manifest, &named),
		       "image") == 0;
	log_channel(k, before, ch, here ? &named : NULL);
	if (here && !hold)
		follow_channel(k, before, &ch->ch, &named);
	rollouts_channel(k->c, &ch->ch);
}

bool versions_may_hold(struct call *k, const struct channel *ch)
{
	struct store_image now;

	if (found(k->c, store_current_get(k->c->store, ch->image, ch->name, &now), "current") < 0)
		answer_problem(k->a, 409, "no-current", "muster image import without --hold",
			"nothing is current in channel %s of %s that could stay so", ch->name,
			ch->image);
	else if (channel_compare(ch, &now.manifest, now.release) != 0)
		answer_problem(k->a, 409, "floor",
			"have it signed with a lower one: muster image sign DIR --key KEY --floor N",
			"%s %s, which is current, is release %llu, and this channel allows %llu to %llu: "
			"it cannot stay",
			now.name, now.version, (unsigned long long)now.release,
			(unsigned long long)ch->floor, (unsigned long long)ch->release);
	else
		return true;
	return false;
}

/* ---- rollouts ---- */

void versions_rollout(
	struct core *c, const struct store_rollout *r, const char *what, const char *why)
{
	struct store_image from = { .manifest = r->from, .release = r->from_release };
	struct store_image to = { .manifest = r->to, .release = r->to_release };

	memcpy(from.version, r->from_version, sizeof from.version);
	memcpy(to.name, r->name, sizeof to.name);
	memcpy(to.channel, r->channel, sizeof to.channel);
	memcpy(to.version, r->to_version, sizeof to.version);
	write_change(starter(c, r), what, NULL, &from, &to, why);
}

void versions_rolled_out(struct core *c, const struct store_rollout *r, const char *why)
{
	struct store_image to;

	core_must(c, store_image_by_manifest(c->store, &r->to, &to), "rollout's image");
	core_must(c, store_current_put(c->store, &to, c->wall_ms), "current");
	versions_rollout(c, r, "current", why);
}

void versions_keep(struct core *c, const struct store_rollout *r, const struct store_host *h,
	const struct store_image *image, const char *why)
{
	core_must(c, store_pin_put(c->store, h->id, image), "pin");
	write_change(starter(c, r), "pin", h, NULL, image, why);
}

/* ---- pins ---- */

void versions_pin(struct call *k, const struct store_host *h, const struct store_image *from,
	const struct store_image *to, const char *why)
{
	core_must(k->c, store_pin_put(k->c->store, h->id, to), "pin");
	write_change(caller(k), "pin", h, from, to, why);
}

void versions_unpin(
	struct call *k, const struct store_host *h, const struct store_image *from, const char *why)
{
	core_must(k->c, store_pin_rm(k->c->store, h->id, from->name), "unpin");
	write_change(caller(k), "unpin", h, from, NULL, why);
}

void versions_unpin_all(
	struct call *k, const struct store_host *h, const char *except, const char *why)
{
	struct store_image pins[PINS_MAX];
	int n = core_must(k->c, store_pins(k->c->store, h->id, pins, PINS_MAX), "pins");

	for (int i = 0; i < n; i++)
		if (!except || (strcmp(pins[i].name, except) && strcmp(pins[i].name, AGENT_IMAGE)))
			versions_unpin(k, h, &pins[i], why);
}

/* ---- the end of a version ---- */

void versions_forget(struct call *k, const char *name)
{
	core_must(k->c, store_channel_each(k->c->store, name, keep_for_a_while, k->c), "channels");
	core_must(k->c, store_current_rm(k->c->store, name), "current rm");
}

void versions_rm(struct call *k, const struct store_image *image, const char *why)
{
	keep_for_a_while(k->c, &image->manifest);
	core_must(k->c, store_image_rm(k->c->store, &image->manifest), "image rm");
	write_change(caller(k), "rm", NULL, image, NULL, why);
}

/* ---- what people may say ---- */

bool versions_may(struct call *k, const struct channel *ch, const struct store_image *image)
{
	const unsigned long long release = image->release;
	const int order = ch ? channel_compare(ch, &image->manifest, image->release) : 0;

	if (order < 0)
		answer_problem(k->a, 409, "floor",
			"have a channel signed that allows it: muster image channel FILE --image "
			"DIR --rollback",
			"%s %s is release %llu, below the floor %llu of channel %s: hosts refuse it",
			image->name, image->version, release, (unsigned long long)ch->floor,
			ch->name);
	else if (order > 0)
		answer_problem(k->a, 409, "above",
			"have a channel signed that names it: muster image channel FILE --image DIR",
			"%s %s is release %llu, and channel %s goes up to release %llu: hosts refuse "
			"it",
			image->name, image->version, release, ch->name,
			(unsigned long long)ch->release);
	else if (image->expires_s <= k->c->wall_ms / 1000)
		answer_problem(k->a, 409, "expired", "muster image sign DIR --key NAME --restamp",
			"%s %s, release %llu, has expired: hosts refuse it", image->name,
			image->version, release);
	else
		return true;
	return false;
}

const char *versions_why(struct call *k, char out[VERSIONS_WHY_MAX])
{
	snprintf(out, VERSIONS_WHY_MAX, "%s", json_get_str(k->body, "reason", ""));
	for (char *s = out; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
	return out;
}

void versions_json(struct jw *w, const char *key, const struct store_image *image)
{
	char hex[DIGEST_HEX];

	if (!image) {
		jw_null(w, key);
		return;
	}
	digest_hex(&image->manifest, hex);
	jw_obj(w, key);
	jw_str(w, "image", image->name);
	jw_str(w, "version", image->version);
	jw_int(w, "release", (int64_t)image->release);
	jw_str(w, "channel", image->channel);
	jw_str(w, "manifest", hex);
	jw_end_obj(w);
}
