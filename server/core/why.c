#include "server/core/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/dhcp_policy.h"

#define EVENTS_SHOWN 9 /* the newest */
#define PAST_SHOWN   4
#define LOOP_MS	     (20 * 60 * 1000) /* from the first boot of a loop to now */

/* ---- what rules ask ---- */

const struct why_event *why_event_of(
	const struct why_facts *f, enum boot_stage stage, const char *what)
{
	for (size_t i = f->n_events; i--;) {
		if (f->events[i].stage == stage && (!what || !strcmp(f->events[i].what, what)))
			return &f->events[i];
	}
	return NULL;
}

int64_t why_silence(const struct why_facts *f)
{
	const int64_t end =
		f->boot.state == BOOT_FAILED && f->boot.ended_ms ? f->boot.ended_ms : f->now_ms;

	return end > f->boot.seen_ms ? end - f->boot.seen_ms : 0;
}

bool why_is_hung(const struct why_facts *f)
{
	if (!f->has_boot)
		return false;
	if (f->boot.state == BOOT_FAILED)
		return !strcmp(f->boot.reason, "restarted");
	return f->boot.state == BOOT_OPEN && f->deadline_ms && why_silence(f) >= f->deadline_ms &&
	       f->now_ms - f->listens_ms >= f->deadline_ms;
}

bool why_asks_now(const struct why_facts *f)
{
	return f->heard && (!f->has_boot || (f->waiting.begins && f->heard_ms > f->boot.seen_ms));
}

/* It ended after its hand-off, and nobody said why. */
static bool is_again(const char *reason)
{
	return !strcmp(reason, "hypervisor-silent") || !strcmp(reason, "boot-loop");
}

unsigned why_loop(const struct store_past *past, size_t n, int64_t now_ms)
{
	unsigned boots = 0;

	while (boots < n && past[boots].stage >= STAGE_HANDOFF &&
		now_ms - past[boots].started_ms < LOOP_MS &&
		(past[boots].state == BOOT_UP || is_again(past[boots].reason)))
		boots++;
	return boots;
}

static uint64_t per_second(uint64_t bytes, int64_t ms)
{
	return ms > 0 && bytes < UINT64_MAX / 1000 ? bytes * 1000 / (uint64_t)ms : 0;
}

uint64_t why_rate(const struct why_facts *f)
{
	const struct why_event *began = NULL, *now = why_event_of(f, STAGE_IMAGE, "progress");

	for (size_t i = 0; i < f->n_events && !began; i++) {
		if (f->events[i].stage == STAGE_IMAGE && !strcmp(f->events[i].what, "started"))
			began = &f->events[i];
	}
	return began && now ? per_second(now->bytes, now->at_ms - began->at_ms) : 0;
}

uint64_t why_usual_rate(const struct why_facts *f)
{
	const struct why_event *e = why_event_of(f, STAGE_IMAGE, "progress");

	return e ? per_second(e->total, f->usual_image_ms) : 0;
}

/* ---- values for people ---- */

/* Appends what fits. */
static void put(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void put(char *out, size_t size, const char *fmt, ...)
{
	const size_t len = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + len, size - len, fmt, ap);
	va_end(ap);
}

static void put_addr(char *out, size_t size, uint32_t a)
{
	put(out, size, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static void put_time(char *out, size_t size, int64_t ms)
{
	const long long s = ms > 0 ? ms / 1000 : 0;

	if (s < 120)
		put(out, size, "%lld s", s);
	else if (s < 2 * 3600)
		put(out, size, "%lld min", s / 60);
	else if (s < 48 * 3600)
		put(out, size, "%lld h", s / 3600);
	else
		put(out, size, "%lld days", s / 86400);
}

static void put_bytes(char *out, size_t size, uint64_t n)
{
	if (n < 1024)
		put(out, size, "%llu B", (unsigned long long)n);
	else if (n < 1024 * 1024)
		put(out, size, "%.1f KiB", (double)n / 1024);
	else
		put(out, size, "%.1f MiB", (double)n / (1024 * 1024));
}

static void put_rate(char *out, size_t size, uint64_t rate)
{
	if (rate)
		put_bytes(out, size, rate);
	put(out, size, rate ? "/s" : "a rate that is not known yet");
}

static const char *either(const char *text, const char *otherwise)
{
	return *text ? text : otherwise;
}

/* ---- one value each ---- */

static void v_host(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%s", f->name);
}

static void v_mac(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%s", either(f->mac, "MAC"));
}

static void v_url(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%s", f->url);
}

static void v_stage(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%s", boot_stage_name(f->boot.stage));
}

static void v_image(const struct why_facts *f, char *o, size_t n)
{
	if (f->has_boot && f->boot.image[0])
		put(o, n, "%s%s%s", f->boot.image, f->boot.version[0] ? " " : "", f->boot.version);
	else
		put(o, n, "%s", either(f->image, "its image"));
}

static void v_silence(const struct why_facts *f, char *o, size_t n)
{
	put_time(o, n, why_silence(f));
}

static void v_up_for(const struct why_facts *f, char *o, size_t n)
{
	put_time(o, n, f->now_ms - f->boot.ended_ms);
}

/* "ada" or "ada (new kernel)". */
static void v_asked_by(const struct why_facts *f, char *o, size_t n)
{
	const struct store_reboot *r = &f->reboot;

	put(o, n, "%s%s%s%s", r->who, r->why[0] ? " (" : "", r->why, r->why[0] ? ")" : "");
}

static void v_asked_for(const struct why_facts *f, char *o, size_t n)
{
	put_time(o, n, f->now_ms - f->reboot.asked_ms);
}

static void v_rejected_for(const struct why_facts *f, char *o, size_t n)
{
	put_time(o, n, f->now_ms - f->rejected_ms);
}

static void v_down_for(const struct why_facts *f, char *o, size_t n)
{
	put_time(o, n, f->now_ms - f->reboot.taken_ms);
}

static void v_refused_why(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%s", f->reboot.refused);
}

static void v_code(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%s", either(f->code, "-"));
}

/* The boot's own sentence, without its full stop: ours follows. */
static void v_said(const struct why_facts *f, char *o, size_t n)
{
	size_t len = strlen(f->boot.sentence);

	if (len && f->boot.sentence[len - 1] == '.')
		len--;
	put(o, n, "%.*s", len ? (int)len : 9, len ? f->boot.sentence : "no reason");
}

static void v_then(const struct why_facts *f, char *o, size_t n)
{
	if (f->boot.state == BOOT_FAILED) {
		put(o, n, "; it started over");
		return;
	}
	put(o, n, "; nothing was heard of it for ");
	put_time(o, n, why_silence(f));
}

static void v_arch(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%u", f->waiting.arch);
}

static void v_tries(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, f->waiting.discovers == 1 ? "once" : "%u times", f->waiting.discovers);
}

static void v_refused(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%s", dhcp_reason_text((enum dhcp_reason)f->waiting.refused));
}

static void v_plan(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%s", either(f->waiting.why, "none suits it"));
}

static void v_lease(const struct why_facts *f, char *o, size_t n)
{
	put_addr(o, n, f->lease);
}

static void v_other(const struct why_facts *f, char *o, size_t n)
{
	put_addr(o, n, f->waiting.server ? f->waiting.server : f->waiting.other.server);
}

static void v_given(const struct why_facts *f, char *o, size_t n)
{
	const uint32_t a = f->waiting.server ? f->waiting.addr : f->waiting.other.addr;

	if (a)
		put_addr(o, n, a);
	else
		put(o, n, "an address");
}

static void v_subnet(const struct why_facts *f, char *o, size_t n)
{
	if (f->has_subnet) {
		put(o, n, "%s", f->subnet);
	} else if (f->relay) {
		put(o, n, "relay ");
		put_addr(o, n, f->relay);
	} else {
		put(o, n, "a network without a [subnet]");
	}
}

static void v_pool(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%u of %u are in use", f->pool.held, f->pool.given);
}

static void v_addr(const struct why_facts *f, char *o, size_t n)
{
	if (f->boot.addr)
		put_addr(o, n, f->boot.addr);
}

static void v_loader(const struct why_facts *f, char *o, size_t n)
{
	const struct why_event *e = why_event_of(f, STAGE_LOADER, NULL);

	put(o, n, "%s", either(f->boot.offered.loader, e ? either(e->detail, "file") : "file"));
}

/* The newest file that it asked for and that did not come. */
static void v_file(const struct why_facts *f, char *o, size_t n)
{
	for (size_t i = f->n_events; i--;) {
		const struct why_event *e = &f->events[i];

		if (e->stage == f->boot.stage && e->detail[0]) {
			put(o, n, "%s", e->detail);
			return;
		}
	}
	put(o, n, "a file");
}

static void v_position(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%u", f->position);
}

static void v_told(const struct why_facts *f, char *o, size_t n)
{
	put(o, n, "%s", f->profile_why);
}

static void v_rate(const struct why_facts *f, char *o, size_t n)
{
	put_rate(o, n, why_rate(f));
}

static void v_usual(const struct why_facts *f, char *o, size_t n)
{
	put_rate(o, n, why_usual_rate(f));
}

static void v_percent(const struct why_facts *f, char *o, size_t n)
{
	const struct why_event *e = why_event_of(f, STAGE_IMAGE, "progress");

	put(o, n, "%u %%",
		e && e->total ? (unsigned)((double)e->bytes * 100 / (double)e->total) : 0);
}

static void v_loops(const struct why_facts *f, char *o, size_t n)
{
	const unsigned before = why_loop(f->past, f->n_past, f->now_ms);

	put(o, n, "%u boots in ", before + 1);
	put_time(o, n, f->now_ms - (before ? f->past[before - 1].started_ms : f->boot.started_ms));
}

static void v_since_added(const struct why_facts *f, char *o, size_t n)
{
	if (f->known && f->added_ms) {
		put(o, n, " since it was added ");
		put_time(o, n, f->now_ms - f->added_ms);
		put(o, n, " ago");
		return;
	}
	put(o, n, "; this server has listened for ");
	put_time(o, n, f->now_ms - f->up_since_ms);
}

static const struct {
	const char *name;
	void (*value)(const struct why_facts *f, char *out, size_t size);
} values[] = {
	{ "host", v_host },
	{ "mac", v_mac },
	{ "url", v_url },
	{ "stage", v_stage },
	{ "image", v_image },
	{ "silence", v_silence },
	{ "up_for", v_up_for },
	{ "asked_by", v_asked_by },
	{ "asked_for", v_asked_for },
	{ "rejected_for", v_rejected_for },
	{ "down_for", v_down_for },
	{ "refused_why", v_refused_why },
	{ "code", v_code },
	{ "said", v_said },
	{ "then", v_then },
	{ "arch", v_arch },
	{ "tries", v_tries },
	{ "refused", v_refused },
	{ "plan", v_plan },
	{ "lease", v_lease },
	{ "other", v_other },
	{ "given", v_given },
	{ "subnet", v_subnet },
	{ "pool", v_pool },
	{ "addr", v_addr },
	{ "loader", v_loader },
	{ "file", v_file },
	{ "position", v_position },
	{ "told", v_told },
	{ "rate", v_rate },
	{ "usual", v_usual },
	{ "percent", v_percent },
	{ "loops", v_loops },
	{ "since_added", v_since_added },
};

/* `name` ends at '}'. */
static int put_value(
	const struct why_facts *f, const char *name, size_t len, char *out, size_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (strlen(values[i].name) == len && !memcmp(values[i].name, name, len)) {
			values[i].value(f, out, size);
			return 0;
		}
	}
	return -EINVAL;
}

int why_fill(const struct why_facts *f, const char *text, char *out, size_t size)
{
	*out = 0;
	while (*text) {
		size_t n = strcspn(text, "@");

		put(out, size, "%.*s", (int)n, text);
		text += n;
		if (!*text)
			break;
		n = strcspn(text, "}");
		if (text[1] != '{' || text[n] != '}' ||
			put_value(f, text + 2, n - 2, out, size) < 0)
			return -EINVAL;
		text += n + 1;
	}
	return 0;
}

/* ---- evidence ---- */

static struct why_evidence *add(struct why *w, int64_t at_ms, const char *source)
{
	struct why_evidence *e = &w->evidence[w->n];

	if (w->n == WHY_EVIDENCE_MAX)
		return &w->evidence[w->n - 1]; /* the last stands for all that follow */
	w->n++;
	*e = (struct why_evidence){ .at_ms = at_ms };
	snprintf(e->source, sizeof e->source, "%s", source);
	return e;
}

static void add_event(struct why *w, const struct why_event *ev)
{
	struct why_evidence *e = add(w, ev->at_ms, ev->source);
	const bool came = ev->bytes || (ev->total && !strcmp(ev->what, "aborted"));

	snprintf(e->text, sizeof e->text, "%s %s", boot_stage_name(ev->stage), ev->what);
	if (came) {
		put(e->text, sizeof e->text, ", ");
		put_bytes(e->text, sizeof e->text, ev->bytes);
	}
	if (ev->total && ev->bytes < ev->total) {
		put(e->text, sizeof e->text, came ? " of " : ", of ");
		put_bytes(e->text, sizeof e->text, ev->total);
	}
	if (ev->detail[0])
		put(e->text, sizeof e->text, ": %s", ev->detail);
}

/* Our own verdict is the sentence. */
static bool is_verdict(const struct why_event *e)
{
	return e->stage == STAGE_FAILED;
}

static void show_events(const struct why_facts *f, struct why *w)
{
	size_t shown = 0, first = f->n_events;

	while (first && shown < EVENTS_SHOWN)
		shown += !is_verdict(&f->events[--first]);
	for (size_t i = first; i < f->n_events; i++) {
		if (!is_verdict(&f->events[i]))
			add_event(w, &f->events[i]);
	}
}

static void show_heard(const struct why_facts *f, struct why *w)
{
	const struct waiting_host *h = &f->waiting;
	struct why_evidence *e;

	if (!f->heard)
		return;
	e = add(w, f->heard_ms, "net");
	put(e->text, sizeof e->text, "it asked by DHCP ");
	v_tries(f, e->text, sizeof e->text);
	if (h->discovers > 1) {
		put(e->text, sizeof e->text, " in ");
		put_time(e->text, sizeof e->text, f->heard_ms - h->discover_ms);
	}
	put(e->text, sizeof e->text, ": %s, architecture %u", either(h->firmware, "?"), h->arch);
	if (h->offer_ms) {
		e = add(w, h->offer_ms, "net");
		put(e->text, sizeof e->text, "we offered %s", either(h->why, "an address"));
	}
	if (h->refused) {
		e = add(w, h->refused_ms, "net");
		put(e->text, sizeof e->text, "not answered: %s",
			dhcp_reason_text((enum dhcp_reason)h->refused));
	}
	if (h->other.type) {
		e = add(w, h->other.at_ms, "net");
		put(e->text, sizeof e->text, "another server, ");
		put_addr(e->text, sizeof e->text, h->other.server);
		put(e->text, sizeof e->text, ", answered it");
	}
	if (h->server) {
		e = add(w, f->heard_ms, "net");
		put(e->text, sizeof e->text, "it asked ");
		put_addr(e->text, sizeof e->text, h->server);
		put(e->text, sizeof e->text, " for ");
		put_addr(e->text, sizeof e->text, h->addr);
	}
}

static void show_servers(const struct why_facts *f, struct why *w)
{
	for (size_t i = 0; i < f->n_servers; i++) {
		const struct store_dhcp_server *s = &f->servers[i];
		struct why_evidence *e = add(w, s->last_ms, "net");

		put(e->text, sizeof e->text, "another DHCP server, ");
		put_addr(e->text, sizeof e->text, s->server ? s->server : s->source);
		put(e->text, sizeof e->text, " on %s, gives addresses", s->ifname);
	}
}

static void show_pool(const struct why_facts *f, struct why *w)
{
	struct why_evidence *e;

	if (!f->has_pool)
		return;
	e = add(w, 0, "core");
	put(e->text, sizeof e->text, "%s: %u addresses for anybody, %u in use", f->subnet,
		f->pool.given, f->pool.held);
}

static void show_links(const struct why_facts *f, struct why *w)
{
	for (size_t i = 0; i < f->n_links; i++) {
		struct why_evidence *e = add(w, 0, "net");

		put(e->text, sizeof e->text, "this server listens on %s, ", f->links[i].ifname);
		put_addr(e->text, sizeof e->text, f->links[i].addr);
	}
	if (!f->n_links)
		put(add(w, 0, "net")->text, WHY_DETAIL_MAX, "this server listens on no interface");
}

/* Each rule that was looked at on a line of its own. */
static void show_trace(const struct why_facts *f, struct why *w)
{
	for (const char *s = f->trace; *s;) {
		const size_t n = strcspn(s, ";");
		struct why_evidence *e = add(w, 0, "core");

		e->text[0] = 0; /* also where the last line stands for all that follow */
		put(e->text, sizeof e->text, "rule %.*s", (int)n, s);
		s += n + strspn(s + n, "; ");
	}
}

static void show_image(const struct why_facts *f, struct why *w)
{
	struct why_evidence *e;

	show_trace(f, w);
	e = add(w, 0, "core");
	put(e->text, sizeof e->text, "%s",
		f->image[0] ? f->image
			    : "no image is assigned to it, and [server] image is not set");
	if (!f->image[0])
		return;
	put(e->text, sizeof e->text, " is %s", f->wish);
	e = add(w, 0, "core");
	put(e->text, sizeof e->text, "%s", either(f->choice_text, "its version is here"));
	if (f->release)
		put(e->text, sizeof e->text, "; channel %s, release %llu", f->channel,
			(unsigned long long)f->release);
	if (f->rollout)
		put(e->text, sizeof e->text, ", by rollout %lld", (long long)f->rollout);
}

static void show_past(const struct why_facts *f, struct why *w)
{
	static const char *const states[] = { "open", "up", "failed", "handed over" };

	if (f->failures > 1)
		put(add(w, 0, "core")->text, WHY_DETAIL_MAX, "%u boots in a row have failed",
			f->failures);
	for (size_t i = 0; i < f->n_past && i < PAST_SHOWN; i++) {
		const struct store_past *p = &f->past[i];
		struct why_evidence *e = add(w, p->started_ms, "core");

		put(e->text, sizeof e->text, "boot %lld before it: %s", (long long)p->boot,
			states[p->state]);
		if (p->state == BOOT_FAILED)
			put(e->text, sizeof e->text, " after stage %s (%s)",
				boot_stage_name(p->stage), p->reason);
		if (p->ended_ms > p->started_ms) {
			put(e->text, sizeof e->text, " after ");
			put_time(e->text, sizeof e->text,
				p->ended_ms - p->started_ms - p->waited_ms);
		}
		if (p->waited_ms) {
			put(e->text, sizeof e->text, ", and waiting for ");
			put_time(e->text, sizeof e->text, p->waited_ms);
		}
	}
}

static void show_machine(const struct why_facts *f, struct why *w)
{
	if (!f->has_facts)
		return;
	put(add(w, 0, "agent")->text, WHY_DETAIL_MAX,
		"it reported last: Secure Boot %s, lockdown %s, %lld MiB of memory",
		f->secure_boot ? "on" : "off", either(f->lockdown, "none"),
		(long long)f->memory_mb);
}

static const struct {
	unsigned bit;
	void (*show)(const struct why_facts *f, struct why *w);
} shows[] = {
	{ SHOW_EVENTS, show_events },
	{ SHOW_HEARD, show_heard },
	{ SHOW_SERVERS, show_servers },
	{ SHOW_POOL, show_pool },
	{ SHOW_LINKS, show_links },
	{ SHOW_IMAGE, show_image },
	{ SHOW_MACHINE, show_machine },
	{ SHOW_PAST, show_past },
};

/* ---- the judgement ---- */

/* A boot that failed keeps the code that it failed with. */
static bool failed_so(const struct why_facts *f, const struct why_rule *r)
{
	return f->has_boot && f->boot.state == BOOT_FAILED && !why_asks_now(f) &&
	       !strcmp(f->boot.reason, r->code);
}

static bool fits(const struct why_facts *f, const struct why_rule *r)
{
	return (r->fits && r->fits(f)) || failed_so(f, r);
}

/* Of a boot that we closed ourselves the sentence stands there: it was true then. */
static void put_sentence(const struct why_facts *f, const struct why_rule *r, struct why *out)
{
	if (r->fits && !r->fits(f) && f->boot.sentence[0])
		snprintf(out->sentence, sizeof out->sentence, "%s", f->boot.sentence);
	else
		why_fill(f, r->sentence, out->sentence, sizeof out->sentence);
}

const char *why_state_name(enum why_state s)
{
	static const char *const names[WHY_STATES] = { "up", "booting", "waiting", "failed",
		"unknown" };

	return names[s];
}

void why_judge(const struct why_facts *f, struct why *out)
{
	const struct why_rule *r = why_rules;

	while (!fits(f, r))
		r++; /* the last one fits always */
	*out = (struct why){ .code = r->code, .state = r->state };
	put_sentence(f, r, out);
	why_fill(f, r->next, out->next, sizeof out->next);
	for (size_t i = 0; i < ARRAY_LEN(shows); i++) {
		if (r->show & shows[i].bit)
			shows[i].show(f, out);
	}
}
