/*
 * /api/v1/rollouts: a version that comes to hosts in waves. A start may be asked for with
 * ?dry_run=1: then nothing changes, and the answer says who would take part, of the next hosts
 * after ?after=N; `next` is what to ask for next, or null. With ?count=, how many would by the
 * answers before, the last one has the sizes of the waves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/choice.h"
#include "server/core/rollouts.h"
#include "server/core/versions.h"

#define VERSIONS_MAX 32	 /* of one name that are looked at */
#define LIST_MAX     100 /* rollouts in a list */
#define KEPT	     20	 /* that are remembered */
#define PAGE	     200 /* hosts that a dry run looks at: some 20 ms with 20 rules */
#define FAILURES_MAX 100000
#define BAKE_MAX_S   (7 * 24 * 3600)

/* ---- as it is ---- */

enum shown { SHOWN_PICKED, WAITING, TOLD, BOOTING, BAKING, GOOD, FAILED, SKIPPED, SHOWNS };
static const char *const shown_names[SHOWNS] = { "picked", "waiting", "told", "booting", "baking",
	"good", "failed", "skipped" };

struct look {
	struct core *c;
	const struct store_rollout *r;
	uint32_t ends[ROLLOUT_WAVES_MAX];
	size_t n_ends;
	uint32_t counts[SHOWNS], told; /* told: of `counts`, those of waves that have begun */
	int64_t bake_left_ms;
	char one[HOST_TEXT_MAX];
	struct jw *w;	 /* where the hosts are listed, or NULL */
	uint32_t wave;	 /* that is open there; 0: none */
	bool in_skipped; /* that list is open, and no wave */
};

static enum shown shown_of(const struct look *k, const struct store_rolling *x, bool open)
{
	const bool begun = x->place <= k->r->reach && k->r->state < ROLLOUT_DONE;

	switch (x->state) {
	case ROLLING_PICKED:
		return SHOWN_PICKED;
	case ROLLING_WAITING:
		if (begun && open)
			return BOOTING;
		return begun && k->r->state == ROLLOUT_RUNNING ? TOLD : WAITING;
	case ROLLING_BAKING:
		return BAKING;
	case ROLLING_GOOD:
		return GOOD;
	case ROLLING_FAILED:
		return FAILED;
	case ROLLING_SKIPPED:
		break;
	}
	return SKIPPED;
}

static void close_wave(struct look *k)
{
	if (k->wave) {
		jw_end_arr(k->w);
		jw_end_obj(k->w);
	}
}

/* Those without a place come first, then wave after wave. */
static void open_list(struct look *k, uint32_t wave)
{
	if (wave == k->wave)
		return;
	close_wave(k);
	if (k->in_skipped) {
		jw_end_arr(k->w);
		jw_arr(k->w, "waves");
		k->in_skipped = false;
	}
	k->wave = wave;
	jw_obj(k->w, NULL);
	jw_int(k->w, "wave", wave);
	jw_arr(k->w, "hosts");
}

static void list_host(
	struct look *k, const struct store_rolling *x, const char *name, enum shown shown)
{
	open_list(k, rollout_wave_of(k->ends, k->n_ends, x->place));
	jw_obj(k->w, NULL);
	jw_str(k->w, "host", name);
	jw_str(k->w, "state", shown_names[shown]);
	jw_int(k->w, "since", x->since_ms);
	if (x->boot)
		jw_int(k->w, "boot", x->boot);
	else
		jw_null(k->w, "boot");
	jw_str(k->w, "reason", *x->reason ? x->reason : NULL);
	jw_end_obj(k->w);
}

static int take_host(void *arg, const struct store_rolling *x, const char *name, bool open)
{
	struct look *k = arg;
	const enum shown shown = shown_of(k, x, open);
	const int64_t left = x->since_ms + k->r->bake_ms - k->c->wall_ms;

	k->counts[shown]++;
	if (shown == TOLD && !k->one[0])
		snprintf(k->one, sizeof k->one, "%s", name);
	if (shown == BAKING && left > k->bake_left_ms)
		k->bake_left_ms = left;
	if (k->w && shown != SHOWN_PICKED)
		list_host(k, x, name, shown);
	return 0;
}

/* Go through its hosts; they are listed in w unless that is NULL. */
static void look(struct core *c, const struct store_rollout *r, struct jw *w, struct look *out)
{
	struct rollout_waves waves = { 0 };
	char err[80];

	*out = (struct look){ .c = c, .r = r, .w = w, .in_skipped = w != NULL };
	if (r->state != ROLLOUT_STARTING &&
		rollout_waves_read(r->waves, &waves, err, sizeof err) == 0)
		out->n_ends = rollout_ends(&waves, r->hosts, out->ends);
	if (w)
		jw_arr(w, "skipped");
	core_must(c, store_rolling_each(c->store, r->id, take_host, out), "rollout hosts");
	if (!w)
		return;
	close_wave(out);
	jw_end_arr(w);
	if (out->in_skipped) {
		jw_arr(w, "waves");
		jw_end_arr(w);
	}
}

static void put_sentence(struct look *k, struct jw *w)
{
	const struct rollout_view v = {
		.r = k->r,
		.waves = (uint32_t)k->n_ends,
		.picked = k->counts[SHOWN_PICKED],
		.told = k->counts[TOLD],
		.booting = k->counts[BOOTING],
		.baking = k->counts[BAKING],
		.bake_left_ms = k->bake_left_ms,
		.good = k->counts[GOOD],
		.failed = k->counts[FAILED],
		.one = k->one,
	};
	char sentence[ROLLOUT_SENTENCE_MAX];

	jw_str(w, "sentence", rollout_sentence(&v, sentence));
}

static void put_versions(struct jw *w, const struct store_rollout *r)
{
	struct store_image from = { .manifest = r->from, .release = r->from_release };
	struct store_image to = { .manifest = r->to, .release = r->to_release };

	memcpy(from.name, r->name, sizeof from.name);
	memcpy(from.channel, r->channel, sizeof from.channel);
	memcpy(from.version, r->from_version, sizeof from.version);
	memcpy(to.name, r->name, sizeof to.name);
	memcpy(to.channel, r->channel, sizeof to.channel);
	memcpy(to.version, r->to_version, sizeof to.version);
	versions_json(w, "from", &from);
	versions_json(w, "to", &to);
}

static void put_rollout(
	struct core *c, const struct store_rollout *r, bool hosts, const char *key, struct jw *w)
{
	struct look k;

	jw_obj(w, key);
	jw_int(w, "id", r->id);
	jw_str(w, "image", r->name);
	jw_str(w, "channel", r->channel);
	put_versions(w, r);
	jw_str(w, "state", rollout_state_name(r->state));
	jw_str(w, "plan", r->waves);
	jw_int(w, "wave", r->wave);
	jw_int(w, "size", r->hosts);
	jw_int(w, "max_failures", r->max_failures);
	jw_int(w, "failures", r->failures);
	jw_int(w, "bake_s", r->bake_ms / 1000);
	jw_bool(w, "reboot", r->reboot);
	jw_int(w, "started", r->started_ms);
	jw_int(w, "changed", r->changed_ms);
	if (r->has_uid)
		jw_int(w, "uid", r->uid);
	else
		jw_null(w, "uid");
	jw_str(w, "user", *r->user ? r->user : NULL);
	jw_str(w, "why", *r->why ? r->why : NULL);
	jw_str(w, "note", *r->note ? r->note : NULL);
	look(c, r, hosts ? w : NULL, &k);
	jw_int(w, "of_waves", (int64_t)k.n_ends);
	put_sentence(&k, w);
	jw_obj(w, "counts");
	for (int i = 0; i < SHOWNS; i++)
		jw_int(w, shown_names[i], k.counts[i]);
	jw_end_obj(w);
	jw_end_obj(w);
}

static void answer_rollout(struct call *k, const struct store_rollout *r, unsigned status)
{
	/* What a change answers, and what the audit log compares, is the rollout alone. */
	const bool hosts = k->q->h->method == HTTP_GET || k->q->h->method == HTTP_HEAD;
	struct jw w = { 0 };

	put_rollout(k->c, r, hosts, NULL, &w);
	answer_jw(k->a, status, &w);
}

void api_get_rollouts(struct call *k)
{
	struct store_rollout *all = calloc(LIST_MAX, sizeof *all);
	struct jw w = { 0 };
	int n = 0;

	if (all)
		n = core_must(k->c, store_rollouts(k->c->store, INT64_MAX, false, all, LIST_MAX),
			"rollouts");
	jw_obj(&w, NULL);
	jw_arr(&w, "rollouts");
	for (int i = 0; i < n; i++)
		put_rollout(k->c, &all[i], false, NULL, &w);
	jw_end_arr(&w);
	jw_end_obj(&w);
	free(all);
	answer_jw(k->a, 200, &w);
}

/* The one that the path names. false with the answer made. */
static bool find(struct call *k, struct store_rollout *out)
{
	const int rc = store_rollout_get(k->c->store, api_number(k->arg, -1), out);

	if (rc == -ENOENT)
		answer_problem(k->a, 404, "not-found", "muster rollout list",
			"there is no rollout '%s'", k->arg);
	else
		core_must(k->c, rc, "rollout");
	return rc == 0;
}

void api_get_rollout(struct call *k)
{
	struct store_rollout r;

	if (find(k, &r))
		answer_rollout(k, &r, 200);
}

/* ---- start ---- */

struct start {
	struct store_rollout r;
	struct store_channel channel;
	bool is_signed;
	const char *version;
	uint64_t release;
	const struct json *hosts;
	struct rollout_waves waves;
};

static int found(struct core *c, int rc, const char *what)
{
	return rc == -ENOENT ? rc : core_must(c, rc, what);
}

static bool read_numbers(struct call *k, struct start *s)
{
	const int64_t failures = json_get_int(k->body, "max_failures", 0);
	const int64_t bake_s = json_get_int(k->body, "bake_s", 300);

	if (failures < 0 || failures > FAILURES_MAX)
		answer_problem(
			k->a, 422, "max_failures", NULL, "max_failures is 0 to %d", FAILURES_MAX);
	else if (bake_s < 0 || bake_s > BAKE_MAX_S)
		answer_problem(k->a, 422, "bake_s", NULL, "bake_s is 0 to %d", BAKE_MAX_S);
	else {
		s->r.max_failures = (uint32_t)failures;
		s->r.bake_ms = bake_s * 1000;
		return true;
	}
	return false;
}

static bool read_start(struct call *k, struct start *s)
{
	static const struct api_member known[] = { { "image", API_TEXT },
		{ "version", API_TEXT | API_NULL }, { "release", API_INT }, { "channel", API_TEXT },
		{ "hosts", API_TEXTS | API_NULL }, { "waves", API_TEXT },
		{ "max_failures", API_INT }, { "bake_s", API_INT }, { "reboot", API_BOOL },
		{ "reason", API_TEXT | API_NULL }, { NULL, 0 } };
	const char *waves = json_get_str(k->body, "waves", "1,10%,50%,100%");
	const char *image = json_get_str(k->body, "image", "");
	char err[120];

	if (!api_check_body(k, known) || !read_numbers(k, s))
		return false;
	versions_why(k, s->r.why);
	s->version = json_get_str(k->body, "version", NULL);
	s->release = (uint64_t)json_get_int(k->body, "release", 0);
	s->r.reboot = json_bool(json_get(k->body, "reboot"), false);
	s->hosts = json_get(k->body, "hosts");
	s->r.named = s->hosts && !json_is_null(s->hosts);
	if (strlen(waves) >= sizeof s->r.waves)
		answer_problem(k->a, 422, "waves", NULL, "waves are longer than %zu letters",
			sizeof s->r.waves - 1);
	else if (rollout_waves_read(waves, &s->waves, err, sizeof err) < 0)
		answer_problem(k->a, 422, "waves", "1,10%,50%,100%", "waves: %s", err);
	else if (!manifest_name_ok(image) || (!s->version && !s->release))
		answer_problem(k->a, 422, "version", NULL, "which version of which image?");
	else if (!strcmp(image, AGENT_IMAGE))
		answer_problem(k->a, 422, "agent", "muster image pin HOSTS agent@VERSION",
			"the agent is no image that hosts run: pins can try a new one");
	else {
		snprintf(s->r.waves, sizeof s->r.waves, "%s", waves);
		snprintf(s->r.name, sizeof s->r.name, "%s", image);
		return true;
	}
	return false;
}

/* What is current, by a channel that is signed: what hosts run now, and go back to. */
static bool find_from(struct call *k, struct start *s)
{
	const char *channel = json_get_str(k->body, "channel", "");
	struct store_image from;
	enum choice choice =
		choice_current(k->c, s->r.name, channel, &from, &s->channel, &s->is_signed);

	if (choice || !s->is_signed) {
		answer_problem(k->a, choice == CHOICE_NO_IMAGE ? 404 : 409,
			choice == CHOICE_NO_IMAGE ? "not-found" : "no-current",
			"muster image channels", "nothing is current in %s%s of %s to go on from",
			*channel ? "the channel " : "a signed channel", channel, s->r.name);
		return false;
	}
	snprintf(s->r.channel, sizeof s->r.channel, "%s", s->channel.ch.name);
	s->r.from = from.manifest;
	s->r.from_release = from.release;
	memcpy(s->r.from_version, from.version, sizeof s->r.from_version);
	return true;
}

/* Of several releases of a version the newest that the channel allows. */
static bool find_to(struct call *k, struct start *s)
{
	struct store_image some[VERSIONS_MAX], to;
	int n = core_must(k->c,
		store_image_versions(k->c->store, s->r.name, s->r.channel, s->version, s->release,
			some, VERSIONS_MAX),
		"image");

	if (!n) {
		answer_problem(k->a, 404, "not-found", "muster image list",
			"there is no such version of %s in its channel %s", s->r.name,
			s->r.channel);
		return false;
	}
	to = some[0];
	for (int i = n - 1; i >= 0; i--)
		if (channel_compare(&s->channel.ch, &some[i].manifest, some[i].release) == 0)
			to = some[i];
	if (!versions_may(k, &s->channel.ch, &to))
		return false;
	s->r.to = to.manifest;
	s->r.to_release = to.release;
	memcpy(s->r.to_version, to.version, sizeof s->r.to_version);
	if (!digest_equal(&s->r.to, &s->r.from))
		return true;
	answer_problem(k->a, 409, "is-current", "muster image import DIR --hold",
		"%s %s, release %llu, is current already", s->r.name, to.version,
		(unsigned long long)to.release);
	return false;
}

static bool is_alone(struct call *k, const struct start *s)
{
	struct store_rollout other;

	if (found(k->c, store_rollout_of(k->c->store, s->r.name, s->r.channel, &other), "rollout") <
		0)
		return true;
	answer_problem(k->a, 409, "rollout", "muster rollout status",
		"rollout %lld to %s %s is not over yet", (long long)other.id, other.name,
		other.to_version);
	return false;
}

/* The host at that place of the list. false with the answer made. */
static bool named_host(struct call *k, const struct start *s, size_t i, struct store_host *out)
{
	const char *name = json_str(json_at(s->hosts, i), "");

	if (found(k->c, store_host_by_name(k->c->store, name, out), "host") == 0)
		return true;
	answer_problem(k->a, 404, "not-found", "muster host list", "there is no host '%s'", name);
	return false;
}

/* ---- as a trial ---- */

struct trial {
	struct start *s;
	struct jw members, skipped;
	uint32_t count;
};

static void try_host(struct call *k, struct trial *t, const struct store_host *h)
{
	const char *why = rollouts_judge(k->c, &t->s->r, h);

	if (!why) {
		t->count++;
		jw_str(&t->members, NULL, h->name);
	} else if (*why) {
		jw_obj(&t->skipped, NULL);
		jw_str(&t->skipped, "host", h->name);
		jw_str(&t->skipped, "reason", why);
		jw_end_obj(&t->skipped);
	}
}

/* Those after that place of the list. What to ask for next; 0: nothing; -1 with the answer made. */
static int64_t try_named(struct call *k, struct trial *t, int64_t after)
{
	const int64_t all = (int64_t)json_len(t->s->hosts);
	const int64_t end = after + PAGE < all ? after + PAGE : all;
	struct store_host h;

	for (int64_t i = after; i < end; i++) {
		if (!named_host(k, t->s, (size_t)i, &h))
			return -1;
		try_host(k, t, &h);
	}
	return end < all ? end : 0;
}

static int64_t try_all(struct call *k, struct trial *t, int64_t after)
{
	struct store_host *hosts = calloc(PAGE, sizeof *hosts);
	int64_t next = 0;
	int n = 0;

	if (hosts)
		n = core_must(k->c, store_hosts_page(k->c->store, after, hosts, PAGE), "hosts");
	for (int i = 0; i < n; i++)
		try_host(k, t, &hosts[i]);
	if (n == PAGE)
		next = hosts[n - 1].id;
	free(hosts);
	return next;
}

static void answer_trial(struct call *k, struct trial *t, int64_t next)
{
	uint32_t ends[ROLLOUT_WAVES_MAX];
	const size_t n = next ? 0 : rollout_ends(&t->s->waves, t->count, ends);
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "image", t->s->r.name);
	jw_str(&w, "channel", t->s->r.channel);
	put_versions(&w, &t->s->r);
	jw_raw(&w, "hosts", t->members.buf);
	jw_raw(&w, "skipped", t->skipped.buf);
	jw_arr(&w, "ends");
	for (size_t i = 0; i < n; i++)
		jw_int(&w, NULL, ends[i]);
	jw_end_arr(&w);
	if (next)
		jw_int(&w, "next", next);
	else
		jw_null(&w, "next");
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}

static void try_start(struct call *k, struct start *s)
{
	struct trial t = { .s = s, .count = (uint32_t)api_query_int(k, "count", 0) };
	const int64_t after = api_query_int(k, "after", 0);
	int64_t next;

	jw_arr(&t.members, NULL);
	jw_arr(&t.skipped, NULL);
	next = s->r.named ? try_named(k, &t, after) : try_all(k, &t, after);
	jw_end_arr(&t.members);
	jw_end_arr(&t.skipped);
	if (next >= 0 && (t.members.bad || t.skipped.bad))
		answer_take(k->a, 200, "", NULL); /* out of memory */
	else if (next >= 0)
		answer_trial(k, &t, next);
	jw_fini(&t.members);
	jw_fini(&t.skipped);
}

/* ---- in earnest ---- */

/* All of them are there: 1; else 0 with the answer made. */
static int are_known(struct call *k, const struct start *s)
{
	struct store_host h;

	for (size_t i = 0; i < json_len(s->hosts); i++)
		if (!named_host(k, s, i, &h))
			return 0;
	return 1;
}

static void begin(struct call *k, struct start *s)
{
	struct store_rollout *r = &s->r;
	struct store_host h;

	if (!are_known(k, s))
		return;
	r->state = ROLLOUT_STARTING;
	r->started_ms = k->c->wall_ms;
	r->has_uid = !k->who->token;
	r->uid = k->who->uid;
	snprintf(r->user, sizeof r->user, "%s", k->who->name);
	core_write(k->c);
	core_must(k->c, store_rollout_add(k->c->store, r, KEPT), "rollout add");
	for (size_t i = 0; i < json_len(s->hosts); i++) {
		if (named_host(k, s, i, &h))
			core_must(k->c,
				store_rolling_pick(k->c->store, r->id, h.id, (uint32_t)i + 1),
				"rollout host");
	}
	rollouts_begin(k->c, r);
	answer_rollout(k, r, 201);
}

void api_post_rollout(struct call *k)
{
	struct start *s = calloc(1, sizeof *s);

	if (!s) {
		answer_take(k->a, 200, "", NULL);
		return;
	}
	if (read_start(k, s) && find_from(k, s) && find_to(k, s) && is_alone(k, s)) {
		if (api_is_dry_run(k))
			try_start(k, s);
		else
			begin(k, s);
	}
	free(s);
}

/* ---- pause, resume, abort ---- */

/* The one that the path names, if it is in that state. false with the answer made. */
static bool find_in(struct call *k, unsigned states, struct store_rollout *out)
{
	if (!find(k, out))
		return false;
	if (states & 1U << out->state)
		return true;
	answer_problem(k->a, 409, "state", "muster rollout status", "rollout %lld is %s",
		(long long)out->id, rollout_state_name(out->state));
	return false;
}

void api_post_rollout_pause(struct call *k)
{
	static const struct api_member known[] = { { "reason", API_TEXT | API_NULL }, { NULL, 0 } };
	char why[VERSIONS_WHY_MAX];
	struct store_rollout r;

	if (!api_check_body(k, known) || !find_in(k, 1U << ROLLOUT_RUNNING, &r))
		return;
	rollouts_pause(k->c, &r, k->who->name, versions_why(k, why));
	answer_rollout(k, &r, 200);
}

void api_post_rollout_resume(struct call *k)
{
	static const struct api_member known[] = { { "reason", API_TEXT | API_NULL },
		{ "retry", API_BOOL }, { NULL, 0 } };
	struct store_rollout r;

	if (!api_check_body(k, known) || !find_in(k, 1U << ROLLOUT_PAUSED, &r))
		return;
	rollouts_resume(k->c, &r, json_bool(json_get(k->body, "retry"), false));
	answer_rollout(k, &r, 200);
}

void api_post_rollout_abort(struct call *k)
{
	static const struct api_member known[] = { { "reason", API_TEXT | API_NULL }, { NULL, 0 } };
	char why[VERSIONS_WHY_MAX], by[80];
	struct store_rollout r;

	if (!api_check_body(k, known) ||
		!find_in(k, 1U << ROLLOUT_STARTING | 1U << ROLLOUT_RUNNING | 1U << ROLLOUT_PAUSED,
			&r))
		return;
	snprintf(by, sizeof by, "by %s", k->who->name);
	rollouts_abort(k->c, &r, by, versions_why(k, why));
	answer_rollout(k, &r, 200);
}
