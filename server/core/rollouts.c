#include "server/core/rollouts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/choice.h"
#include "server/core/direct.h"
#include "server/core/why.h"
#include "server/core/reboot.h"
#include "server/core/record.h"
#include "server/core/versions.h"
#include "server/log.h"

#define START_STEP 64	  /* hosts that are looked at in one go while one starts */
#define START_MS   20	  /* between two of these */
#define LOOK_MS	   1000	  /* between two looks at those that are not over */
#define DUE_STEP   128	  /* hosts that bake, in one look */
#define WAIT_STEP  16	  /* hosts that wait, in one look: do they still follow it? */
#define OPEN_MAX   64	  /* rollouts that are not over, in one look */
#define BACK_MS	   900000 /* large machines take so long to come back */
#define PART_MAX   8 /* rollouts that a host is part of: one for each image that it could boot */

static int found(struct core *c, int rc, const char *what)
{
	return rc == -ENOENT ? rc : core_must(c, rc, what);
}

static void load(struct core *c, int64_t id, struct store_rollout *out)
{
	core_must(c, store_rollout_get(c->store, id, out), "rollout");
}

static void save(struct core *c, struct store_rollout *r)
{
	core_write(c);
	core_must(c, store_rollout_put(c->store, r), "rollout put");
}

static void set_state(
	struct core *c, struct store_rollout *r, enum rollout_state state, const char *note)
{
	r->state = state;
	r->changed_ms = c->wall_ms;
	snprintf(r->note, sizeof r->note, "%s", note);
	save(c, r);
	log_info("rollout %s: id=%lld image=%s channel=%s to=%llu wave=%u %s",
		rollout_state_name(state), (long long)r->id, r->name, r->channel,
		(unsigned long long)r->to_release, r->wave, note);
}

static size_t ends_of(const struct store_rollout *r, uint32_t ends[ROLLOUT_WAVES_MAX])
{
	struct rollout_waves w = { 0 };
	char err[80];

	if (rollout_waves_read(r->waves, &w, err, sizeof err) < 0)
		return 0; /* it was read before it was stored */
	return rollout_ends(&w, r->hosts, ends);
}

/* ---- its end ---- */

void rollouts_abort(struct core *c, struct store_rollout *r, const char *by, const char *why)
{
	char note[sizeof r->note];

	snprintf(note, sizeof note, "%s%s%s", by, *by && *why ? ": " : "", why);
	set_state(c, r, ROLLOUT_ABORTED, note);
	versions_rollout(c, r, "aborted", note);
}

/* Hosts on which it failed stay where they are, so that they do not fail again at their next boot.
 */
static void keep_failed(struct core *c, const struct store_rollout *r)
{
	struct store_rolling some[START_STEP];
	struct store_channel ch;
	struct store_image from;
	struct store_host h;
	uint32_t after = 0;
	char why[64];
	int n;

	if (found(c, store_image_by_manifest(c->store, &r->from, &from), "image") < 0 ||
		found(c, store_channel_get(c->store, r->name, r->channel, &ch), "channel") < 0 ||
		channel_compare(&ch.ch, &from.manifest, from.release) != 0)
		return;
	do {
		n = core_must(c,
			store_rolling_in(c->store, r->id, ROLLING_FAILED, after, UINT32_MAX, some,
				START_STEP),
			"rollout hosts");
		for (int i = 0; i < n; i++) {
			after = some[i].place;
			core_must(c, store_host_by_id(c->store, some[i].host, &h), "host");
			snprintf(why, sizeof why, "rollout %lld failed on it: %s", (long long)r->id,
				some[i].reason);
			versions_keep(c, r, &h, &from, why);
		}
	} while (n == START_STEP);
}

static void finish(struct core *c, struct store_rollout *r)
{
	char why[sizeof r->why + 32];

	set_state(c, r, ROLLOUT_DONE, "");
	snprintf(
		why, sizeof why, "rollout %lld%s%s", (long long)r->id, *r->why ? ": " : "", r->why);
	versions_rolled_out(c, r, why);
	keep_failed(c, r);
}

/* ---- from wave to wave ---- */

static bool any_within(struct core *c, const struct store_rollout *r, enum rolling_state state)
{
	struct store_rolling one;

	return core_must(c, store_rolling_in(c->store, r->id, state, 0, r->reach, &one, 1),
		       "rollout hosts") > 0;
}

static void next_wave(struct core *c, struct store_rollout *r, const uint32_t *ends)
{
	r->reach = ends[r->wave++];
	set_state(c, r, ROLLOUT_RUNNING, "");
}

/* note: what a pause would be for, or NULL. */
static void advance(struct core *c, struct store_rollout *r, const char *note)
{
	uint32_t ends[ROLLOUT_WAVES_MAX];
	const size_t waves = ends_of(r, ends);
	enum rollout_step step;

	do {
		struct rollout_now now = { .state = r->state,
			.wave = r->wave,
			.waves = (uint32_t)waves,
			.failures = r->failures,
			.max_failures = r->max_failures,
			.busy = any_within(c, r, ROLLING_WAITING) ||
				any_within(c, r, ROLLING_BAKING),
			.good = any_within(c, r, ROLLING_GOOD) };

		step = rollout_next(&now);
		if (step == ROLLOUT_PAUSE)
			set_state(c, r, ROLLOUT_PAUSED, note ? note : "no host is good");
		else if (step == ROLLOUT_NEXT_WAVE)
			next_wave(c, r, ends);
		else if (step == ROLLOUT_FINISH)
			finish(c, r);
	} while (step == ROLLOUT_NEXT_WAVE); /* its hosts may all be gone */
}

void rollouts_pause(struct core *c, struct store_rollout *r, const char *by, const char *why)
{
	char note[sizeof r->note];

	snprintf(note, sizeof note, "by %s%s%s", by, *why ? ": " : "", why);
	set_state(c, r, ROLLOUT_PAUSED, note);
}

void rollouts_resume(struct core *c, struct store_rollout *r, bool retry)
{
	core_write(c);
	if (retry)
		core_must(c, store_rolling_retry(c->store, r->id, c->wall_ms), "rollout retry");
	r->failures = 0;
	set_state(c, r, ROLLOUT_RUNNING, "");
	advance(c, r, NULL);
}

/* ---- a host ---- */

static void save_host(
	struct core *c, struct store_rolling *x, enum rolling_state state, const char *reason)
{
	core_write(c);
	x->state = state;
	x->since_ms = c->wall_ms;
	snprintf(x->reason, sizeof x->reason, "%s", reason);
	core_must(c, store_rolling_put(c->store, x), "rollout host");
}

static void fail_host(
	struct core *c, struct store_rollout *r, struct store_rolling *x, const char *reason)
{
	struct store_host h;
	char note[sizeof r->note];

	core_must(c, store_host_by_id(c->store, x->host, &h), "host of rollout");
	save_host(c, x, ROLLING_FAILED, reason);
	r->failures++;
	save(c, r);
	log_warn("rollout host failed: id=%lld host=%s boot=%lld reason=%s", (long long)r->id,
		h.name, (long long)x->boot, reason);
	snprintf(note, sizeof note, "%s failed (%s); %u failed, and %u may", h.name, reason,
		r->failures, r->max_failures);
	advance(c, r, note);
}

static void bake_host(struct core *c, const struct store_rollout *r, struct store_rolling *x)
{
	x->due_ms = c->wall_ms + (r->bake_ms < WHY_LOST_MS ? r->bake_ms : (int64_t)WHY_LOST_MS);
	save_host(c, x, ROLLING_BAKING, "");
}

/* The host of a boot in the rollout that brings its version: 1, or 0. */
static int find_part(struct core *c, const struct store_boot *b, struct store_rolling *x,
	struct store_rollout *r)
{
	if (!b->has_manifest ||
		found(c, store_rolling_by(c->store, b->host, &b->manifest, x), "rollout") < 0)
		return 0;
	load(c, x->rollout, r);
	return x->place <= r->reach;
}

static void apply(struct core *c, struct store_rollout *r, struct store_rolling *x,
	enum rollout_sign sign, const char *reason)
{
	const enum rolling_state next = rollout_host_after(x->state, sign, x->restarts);

	if (next == ROLLING_FAILED && x->state != ROLLING_FAILED) {
		fail_host(c, r, x, reason);
	} else if (next == ROLLING_BAKING) {
		bake_host(c, r, x);
	} else if (next != x->state) {
		save_host(c, x, next, "");
		advance(c, r, NULL);
	}
}

void rollouts_up(struct core *c, const struct store_boot *b)
{
	struct store_rolling x;
	struct store_rollout r;

	if (!find_part(c, b, &x, &r) || x.boot == b->id)
		return;
	x.boot = b->id;
	x.restarts += x.state == ROLLING_BAKING;
	apply(c, &r, &x, ROLLOUT_UP, "boot-loop");
}

void rollouts_failed(struct core *c, const struct store_boot *b)
{
	struct store_rolling x;
	struct store_rollout r;

	if (!find_part(c, b, &x, &r))
		return;
	x.boot = b->id;
	apply(c, &r, &x, ROLLOUT_FAILED, b->reason);
}

void rollouts_note(struct core *c, struct store_boot *b, const struct store_image *image)
{
	const int64_t rollout = choice_rollout(c, b->host, image);
	struct happened e = { STAGE_IMAGE, "seen", "core", 0, 0, NULL };
	char detail[160];

	if (!rollout)
		return;
	snprintf(detail, sizeof detail, "rollout %lld: %s %s", (long long)rollout, image->name,
		image->version);
	e.detail = detail;
	record_event(c, b, &e);
}

/* ---- who takes part ---- */

const char *rollouts_judge(
	struct core *c, const struct store_rollout *r, const struct store_host *h)
{
	struct store_image pin;
	enum choice_follows follows;

	if (!record_is_admitted(c, h))
		return r->named ? "not-admitted" : "";
	follows = choice_follows(c, h, r->name, r->channel);
	if (follows == FOLLOWS_UNCERTAIN)
		return "uncertain";
	if (follows == FOLLOWS_NOT)
		return r->named ? "other-channel" : "";
	return found(c, store_pin_get(c->store, h->id, r->name, &pin), "pin") == 0 ? "pinned"
										   : NULL;
}

/* A host that was picked has a place from now on, or none. */
static void take_in(struct core *c, struct store_rollout *r, struct store_rolling *x)
{
	struct store_host h;
	const char *why;

	core_must(c, store_host_by_id(c->store, x->host, &h), "host of rollout");
	why = rollouts_judge(c, r, &h);
	if (why && !*why) {
		core_must(c, store_rolling_rm(c->store, r->id, h.id), "rollout host");
		return;
	}
	x->place = why ? 0 : ++r->hosts;
	save_host(c, x, why ? ROLLING_SKIPPED : ROLLING_WAITING, why ? why : "");
}

static void start_step(struct core *c, struct store_rollout *r)
{
	struct store_rolling some[START_STEP];
	char note[2 * MANIFEST_NAME_MAX + 64];
	int n = core_must(c,
		store_rolling_in(c->store, r->id, ROLLING_PICKED, 0, UINT32_MAX, some, START_STEP),
		"rollout hosts");

	core_write(c);
	for (int i = 0; i < n; i++)
		take_in(c, r, &some[i]);
	if (n) {
		save(c, r);
	} else if (r->hosts) {
		set_state(c, r, ROLLOUT_RUNNING, "");
		advance(c, r, NULL);
	} else {
		snprintf(note, sizeof note, "no host that could take part follows %s of %s",
			r->channel, r->name);
		rollouts_abort(c, r, "", note);
	}
}

void rollouts_begin(struct core *c, struct store_rollout *r)
{
	if (!r->named)
		core_must(c, store_rolling_pick_all(c->store, r->id, r->name), "rollout hosts");
	versions_rollout(c, r, "rollout", r->why);
	loop_timer_set(c->rollout_timer, START_MS, 0);
}

/* ---- what people change beside it ---- */

static void look_at_host(struct core *c, struct store_rolling *x, const struct store_host *h)
{
	struct store_rollout r;
	const char *why;

	if (x->state == ROLLING_PICKED || x->state == ROLLING_SKIPPED)
		return;
	load(c, x->rollout, &r);
	why = rollouts_judge(c, &r, h);
	if (!why)
		return;
	save_host(c, x, ROLLING_SKIPPED, *why ? why : "other-channel");
}

void rollouts_host_changed(struct core *c, const struct store_host *h)
{
	struct store_rolling parts[PART_MAX];
	int n = core_must(
		c, store_rolling_of(c->store, h->id, parts, PART_MAX), "rollouts of host");

	for (int i = 0; i < n; i++)
		look_at_host(c, &parts[i], h);
}

void rollouts_overtaken(struct core *c, const struct store_image *now, const char *why)
{
	struct store_rollout r;
	char note[sizeof r.note];

	if (found(c, store_rollout_of(c->store, now->name, now->channel, &r), "rollout") < 0)
		return;
	snprintf(note, sizeof note, "%s became current: %s", now->version, why);
	rollouts_abort(c, &r, "", note);
}

void rollouts_channel(struct core *c, const struct channel *ch)
{
	struct store_rollout r;
	char note[sizeof r.note];

	if (found(c, store_rollout_of(c->store, ch->image, ch->name, &r), "rollout") < 0 ||
		channel_compare(ch, &r.to, r.to_release) == 0)
		return;
	snprintf(note, sizeof note, "the channel %s does not allow %s any more", ch->name,
		r.to_version);
	rollouts_abort(c, &r, "", note);
}

/* ---- by the clock ---- */

/* The host is up and shall stay so: it has, it is gone, or it is looked at again. */
static void look_at_baking(struct core *c, struct store_rolling *x)
{
	struct store_boot b = { 0 }, newest;
	struct store_reboot asked;
	struct store_rollout r;
	struct rollout_bake bake = { .now = c->wall_ms, .since = x->since_ms };
	enum rollout_sign sign;

	load(c, x->rollout, &r);
	bake.bake = r.bake_ms;
	bake.listens = c->listens_ms;
	if (found(c, store_boot_by_id(c->store, x->boot, &b), "boot") == 0) {
		bake.seen = b.seen_ms;
		bake.beats = b.nonce[0] != 0;
	}
	bake.starts = found(c, store_boot_newest(c->store, x->host, &newest), "boot") == 0 &&
		      newest.id > x->boot && newest.state == BOOT_OPEN;
	/* one that people asked to start anew is on its way down */
	bake.starts = bake.starts || (b.id && reboot_of(c, &b, &asked) && asked.taken_ms &&
					     c->wall_ms - asked.taken_ms < BACK_MS);
	if (rollout_bake(&bake, &sign, &x->due_ms))
		apply(c, &r, x, sign, "lost");
	else
		core_must(c, store_rolling_put(c->store, x), "rollout host");
}

static void look_at_all_baking(struct core *c)
{
	struct store_rolling some[DUE_STEP];
	int n = core_must(
		c, store_rolling_due(c->store, c->wall_ms, some, DUE_STEP), "rollout hosts due");

	for (int i = 0; i < n; i++) {
		core_write(c);
		look_at_baking(c, &some[i]);
	}
}

/* Has it the new version already? Else it is asked to start anew, where that is wanted: once in
 * each of its boots, whatever has become of it. */
static void urge_host(struct core *c, const struct store_rollout *r, const struct store_rolling *x)
{
	struct store_reboot asked;
	struct store_boot b;
	char who[sizeof asked.who];

	if (found(c, store_boot_newest(c->store, x->host, &b), "boot") < 0)
		return;
	if (b.state == BOOT_UP && b.has_manifest && digest_equal(&b.manifest, &r->to)) {
		rollouts_up(c, &b);
		return;
	}
	if (!r->reboot || reboot_cannot(c, &b) || reboot_of(c, &b, &asked))
		return;
	snprintf(who, sizeof who, "rollout %lld", (long long)r->id);
	core_write(c);
	reboot_ask(c, &b, who, r->why);
}

/* Some of those that it waits for, in turn: also rules may have been changed since. */
static void look_at_waiting(struct core *c, const struct store_rollout *r, uint32_t *after)
{
	struct store_rolling some[WAIT_STEP];
	struct store_host h;
	int n = core_must(c,
		store_rolling_in(
			c->store, r->id, ROLLING_WAITING, *after, r->reach, some, WAIT_STEP),
		"rollout hosts");

	for (int i = 0; i < n; i++) {
		core_must(c, store_host_by_id(c->store, some[i].host, &h), "host of rollout");
		look_at_host(c, &some[i], &h);
		if (some[i].state == ROLLING_WAITING)
			urge_host(c, r, &some[i]);
	}
	*after = n == WAIT_STEP ? some[n - 1].place : 0;
}

/* after: the place that was looked at last. */
static void look_at(struct core *c, int64_t id, uint32_t *after)
{
	struct store_rollout r;

	load(c, id, &r);
	if (r.state == ROLLOUT_STARTING)
		start_step(c, &r);
	if (r.state != ROLLOUT_RUNNING)
		return;
	look_at_waiting(c, &r, after);
	load(c, id, &r);
	advance(c, &r, NULL); /* hosts may have been forgotten */
}

void rollouts_due(void *arg, uint32_t events)
{
	static uint32_t after[OPEN_MAX];
	struct core *c = arg;
	struct store_rollout *open = calloc(OPEN_MAX, sizeof *open);
	unsigned next_ms = 0;
	int n = 0;

	(void)events;
	core_now(c);
	if (open)
		n = core_must(
			c, store_rollouts(c->store, INT64_MAX, true, open, OPEN_MAX), "rollouts");
	for (int i = 0; i < n; i++) {
		look_at(c, open[i].id, &after[i]);
		if (open[i].state == ROLLOUT_STARTING)
			next_ms = START_MS;
		else if (!next_ms)
			next_ms = LOOK_MS;
	}
	if (n)
		look_at_all_baking(c);
	free(open);
	loop_timer_set(c->rollout_timer, n ? next_ms : 0, 0);
}
