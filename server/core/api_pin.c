/*
 * POST /api/v1/hosts/NAME/pin {"image": "kvm", "version": "1", "release": 7, "reason": TEXT}: the
 * host runs that version, whatever is current. Without an image: no pin any more.
 */
#include <errno.h>
#include <string.h>

#include "server/core/choice.h"
#include "server/core/rollouts.h"
#include "server/core/versions.h"

#define VERSIONS_MAX 32 /* of one name that are looked at */

/* What is asked for. */
struct pin {
	struct store_host h;
	const char *image, *version;
	uint64_t release;
	char why[VERSIONS_WHY_MAX];
	struct store_image to;
};

static int found(struct core *c, int rc, const char *what)
{
	return rc == -ENOENT ? rc : core_must(c, rc, what);
}

/* Only what the host boots, or would boot first. */
static bool boots_it(struct call *k, const struct pin *p)
{
	const char *name = choice_name(k->c, &p->h);

	if (!strcmp(p->image, name) || !strcmp(p->image, AGENT_IMAGE))
		return true;
	answer_problem(k->a, 409, "other-image", "muster host set HOST --image IMAGE",
		"%s boots %s, not %s", p->h.name, *name ? name : "no image yet", p->image);
	return false;
}

/* May hosts run it, by the channel that its manifest says? No answer is made. */
static bool allowed(struct call *k, const struct store_image *image)
{
	struct store_channel ch;

	if (found(k->c, store_channel_get(k->c->store, image->name, image->channel, &ch),
		    "channel") < 0)
		return !strcmp(image->name, AGENT_IMAGE);
	return channel_compare(&ch.ch, &image->manifest, image->release) == 0;
}

/* Which of those that fit: one that hosts may run, of the host's own channel if there is one. */
static const struct store_image *best(
	struct call *k, const struct pin *p, const struct store_image *some, int n)
{
	const struct store_image *out = NULL;

	for (int i = 0; i < n; i++) {
		const char *own = p->h.channel[0] ? p->h.channel : "stable";

		if (!allowed(k, &some[i]))
			continue;
		if (!strcmp(some[i].channel, own))
			return &some[i];
		if (!out)
			out = &some[i];
	}
	return out ? out : some;
}

static bool find_to(struct call *k, struct pin *p)
{
	struct store_image some[VERSIONS_MAX];
	int n = core_must(k->c,
		store_image_versions(
			k->c->store, p->image, NULL, p->version, p->release, some, VERSIONS_MAX),
		"image");

	if (n)
		p->to = *best(k, p, some, n);
	else
		answer_problem(k->a, 404, "not-found", "muster image list",
			"there is no such version of %s", p->image);
	return n > 0;
}

static bool may_run(struct call *k, const struct pin *p)
{
	struct store_channel ch;
	int rc = found(
		k->c, store_channel_get(k->c->store, p->to.name, p->to.channel, &ch), "channel");

	if (!rc || !strcmp(p->to.name, AGENT_IMAGE))
		return versions_may(k, rc ? NULL : &ch.ch, &p->to);
	answer_problem(k->a, 409, "no-channel", "muster image import CHANNEL.json",
		"no channel %s of %s is here, by which hosts could run it", p->to.channel,
		p->to.name);
	return false;
}

static void answer_pins(struct call *k, const struct pin *p)
{
	struct store_image pins[VERSIONS_MAX];
	int n = core_must(k->c, store_pins(k->c->store, p->h.id, pins, VERSIONS_MAX), "pins");
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "host", p->h.name);
	versions_json(&w, "to", p->image ? &p->to : NULL);
	jw_arr(&w, "pins");
	for (int i = 0; i < n; i++)
		versions_json(&w, NULL, &pins[i]);
	jw_end_arr(&w);
	jw_bool(&w, "dry_run", api_is_dry_run(k));
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}

static void set_pin(struct call *k, const struct pin *p)
{
	struct store_image from;
	const bool had =
		found(k->c, store_pin_get(k->c->store, p->h.id, p->image, &from), "pin") == 0;

	if (had && digest_equal(&from.manifest, &p->to.manifest))
		return;
	core_write(k->c);
	versions_pin(k, &p->h, had ? &from : NULL, &p->to, p->why);
	rollouts_host_changed(k->c, &p->h);
}

static void take_away(struct call *k, const struct pin *p)
{
	core_write(k->c);
	versions_unpin_all(k, &p->h, NULL, p->why);
}

void api_post_pin(struct call *k)
{
	static const struct api_member known[] = { { "image", API_TEXT | API_NULL },
		{ "version", API_TEXT | API_NULL }, { "release", API_INT },
		{ "reason", API_TEXT | API_NULL }, { NULL, 0 } };
	struct pin p = { 0 };
	int rc = store_host_by_name(k->c->store, k->arg, &p.h);

	if (rc < 0) {
		api_answer_store(k, rc, NULL, "host");
		return;
	}
	p.image = json_get_str(k->body, "image", NULL);
	p.version = json_get_str(k->body, "version", NULL);
	p.release = (uint64_t)json_get_int(k->body, "release", 0);
	versions_why(k, p.why);
	if (!api_check_body(k, known))
		return;
	if (p.image && !p.version && !p.release) {
		answer_problem(k->a, 422, "version", NULL, "which version of %s?", p.image);
		return;
	}
	if (p.image && (!boots_it(k, &p) || !find_to(k, &p) || !may_run(k, &p)))
		return;
	if (!api_is_dry_run(k))
		p.image ? set_pin(k, &p) : take_away(k, &p);
	answer_pins(k, &p);
}
