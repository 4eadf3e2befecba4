#include "server/core/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "server/core/boot_plan.h"
#include "server/core/direct.h"
#include "server/core/metrics.h"
#include "server/core/patience.h"
#include "server/core/reboot.h"
#include "server/core/rollouts.h"
#include "server/core/why_gather.h"
#include "server/log.h"

#define NEVER_MS  (1LL << 62) /* is a boot due that nobody expects a word of */
#define ALIVE_MS  30000	      /* at most so often a sign of life alone is written */
#define LOOP_SEEN 8	      /* boots before it that are looked at */

int record_is_admitted(const struct core *c, const struct store_host *h)
{
	return c->cfg->admission == ADMISSION_OPEN || h->admitted;
}

/* Take from the identity what the host lacks. A UUID or serial that differs is the newer truth. */
static bool learn(struct store_host *h, const struct host_identity *id, const char *vendor,
	const char *product)
{
	struct store_host before = *h;

	if (id->has_uuid) {
		h->has_uuid = true;
		memcpy(h->uuid, id->uuid, sizeof h->uuid);
	}
	if (host_serial_ok(id->serial))
		memcpy(h->serial, id->serial, sizeof h->serial);
	if (vendor && *vendor)
		snprintf(h->vendor, sizeof h->vendor, "%s", vendor);
	if (product && *product)
		snprintf(h->product, sizeof h->product, "%s", product);
	return before.has_uuid != h->has_uuid || memcmp(before.uuid, h->uuid, sizeof h->uuid) ||
	       strcmp(before.serial, h->serial) || strcmp(before.vendor, h->vendor) ||
	       strcmp(before.product, h->product);
}

/* The stranger that was seen with these cards or this UUID. false: none, or it is no stranger. */
static bool find_stranger(struct core *c, const struct host_identity *id, struct store_host *out)
{
	struct host_identity cards = *id;
	int rc;

	cards.serial[0] = 0;
	cards.client_id_len = 0;
	rc = store_host_find(c->store, &cards, out);
	if (rc != -ENOENT)
		core_must(c, rc, "host find");
	return rc == 0 && !out->admitted;
}

/*
 * A stranger says its serial number, by which people have made it known before it was ever seen: it
 * is that host. What was known of the stranger, and its open boot, goes with it.
 */
static void claim(struct core *c, const struct host_identity *id)
{
	struct store_host expected, stranger;
	int rc = host_serial_ok(id->serial) ? store_host_expected(c->store, id->serial, &expected)
					    : -ENOENT;

	if (rc == -ENOENT)
		return;
	core_must(c, rc, "host expected");
	if (!find_stranger(c, id, &stranger))
		return;
	core_write(c);
	core_must(c, store_host_swap(c->store, expected.id, stranger.id), "host swap");
	core_must(c, store_host_rm(c->store, stranger.id), "host rm");
	log_info("host claimed: %s has the serial number of %s", stranger.name, expected.name);
}

void record_host(struct core *c, const struct host_identity *id, const char *vendor,
	const char *product, struct store_host *out)
{
	struct store_host h;
	int rc;

	claim(c, id);
	rc = store_host_find(c->store, id, &h);
	core_write(c);
	if (rc == -ENOENT) {
		h = (struct store_host){ .created_ms = c->wall_ms, .seen_ms = c->wall_ms };
		learn(&h, id, vendor, product);
		core_must(c, store_host_add(c->store, &h), "host add");
		log_info("host new: host=%s vendor=%s product=%s", h.name, h.vendor, h.product);
	} else {
		core_must(c, rc, "host find");
		h.seen_ms = c->wall_ms;
		learn(&h, id, vendor, product);
		core_must(c, store_host_put(c->store, &h), "host put");
	}
	for (size_t i = 0; i < id->n_macs; i++)
		core_must(c, store_host_mac_put(c->store, h.id, id->macs[i]), "host mac");
	*out = h;
}

bool record_falls_short(const struct store_boot *b)
{
	return b->offered.loader[0] && b->stage < boot_goal(&b->offered);
}

/* It began anew without a word: by what it did last. */
static void fail_restarted(struct core *c, const struct store_host *h, struct store_boot *b)
{
	struct why_facts f;
	struct why why;

	why_gather(c, h, h->name, b, &f);
	f.boot.state = BOOT_FAILED;
	f.boot.ended_ms = c->wall_ms;
	snprintf(f.boot.reason, sizeof f.boot.reason, "restarted");
	f.other_entry = f.heard && f.waiting.begins && b->firmware[0] &&
			strcmp(f.waiting.firmware, b->firmware) != 0;
	f.heard = false; /* that it asks is of the next boot */
	why_judge(&f, &why);
	record_failed(c, b, why.code, "%s", why.sentence);
}

int record_open_boot(
	struct core *c, const struct store_host *h, enum boot_stage below, struct store_boot *out)
{
	struct store_boot b;
	int rc = store_boot_newest(c->store, h->id, &b);

	if (rc == -ENOENT)
		return 0;
	core_must(c, rc, "boot newest");
	if (b.state != BOOT_OPEN)
		return 0;
	if (b.stage >= below && direct_is_silent(&b)) {
		record_over(c, &b);
		return 0;
	}
	if (b.stage >= below) {
		fail_restarted(c, h, &b);
		return 0;
	}
	*out = b;
	return 1;
}

/* When somebody has to look; how long it may really be silent is found out then. */
static void set_due(const struct core *c, struct store_boot *b)
{
	b->due_ms =
		direct_is_silent(b) ? NEVER_MS : c->wall_ms + (int64_t)c->cfg->silence_min_s * 1000;
}

/*
 * The boot gives a sign of life: how long was it silent where it was? While it waits, that says
 * nothing of how long its own steps take.
 */
static void note_silence(const struct core *c, struct store_boot *b)
{
	const int64_t ms = c->wall_ms - b->seen_ms;
	uint32_t *most = &b->silence_ms[b->stage];

	if (!b->wait && b->stage < STAGE_FAILED && ms > *most)
		*most = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
	b->seen_ms = c->wall_ms;
}

static void end_wait(struct store_boot *b, int64_t at_ms)
{
	if (b->wait && at_ms > b->wait_since_ms)
		b->waited_ms[b->wait] += at_ms - b->wait_since_ms;
	b->wait = BOOT_WAITS_NOT;
}

static int64_t waited_in_all(const struct store_boot *b)
{
	return b->waited_ms[BOOT_WAITS_APPROVAL] + b->waited_ms[BOOT_WAITS_IMAGE] +
	       b->waited_ms[BOOT_WAITS_TURN];
}

void record_waits(struct core *c, struct store_boot *b, enum boot_wait what)
{
	if (b->wait == what)
		return;
	core_write(c);
	note_silence(c, b);
	end_wait(b, c->wall_ms);
	b->wait = what;
	b->wait_since_ms = c->wall_ms;
	set_due(c, b);
	core_must(c, store_boot_put(c->store, b), "boot waits");
}

/* A row with times of its own: what was kept in memory is older than this round. */
static void write_event(struct core *c, const struct store_boot *b, const struct happened *e,
	int64_t wall_ms, int64_t mono_ms)
{
	struct store_event row = {
		.boot = b->id,
		.stage = e->stage,
		.what = e->what,
		.source = e->source,
		.at_ms = wall_ms,
		/* After a restart of the machine the monotonic clock says nothing about that boot.
		 */
		.since_ms = mono_ms >= b->mono_ms ? mono_ms - b->mono_ms : wall_ms - b->started_ms,
		.bytes = e->bytes,
		.total = e->total,
		.detail = e->detail,
	};

	core_must(c,
		!strcmp(e->what, "progress") ? store_event_progress(c->store, &row)
		: !strcmp(e->what, "seen")   ? store_event_seen(c->store, &row)
					     : store_event_add(c->store, &row),
		"event");
}

/* What was given to a host does not stay up: it came far, and starts over again and again. */
static void note_loop(struct core *c, const struct store_boot *b)
{
	struct store_past past[LOOP_SEEN];
	struct happened e = { STAGE_DISCOVER, "seen", "core", 0, 0, NULL };
	char detail[80];
	int n = core_must(
		c, store_boots_before(c->store, b->host, b->id, past, LOOP_SEEN), "boots before");
	const unsigned again = why_loop(past, (size_t)n, c->wall_ms);

	if (again < WHY_LOOP_BOOTS)
		return;
	snprintf(
		detail, sizeof detail, "boot loop: %u boots before it came to the hand-off", again);
	e.detail = detail;
	write_event(c, b, &e, c->wall_ms, c->mono_ms);
	log_warn("boot loop: host=%lld boot=%lld before=%u", (long long)b->host, (long long)b->id,
		again);
}

void record_new_boot(
	struct core *c, const struct store_host *h, const uint8_t *mac, struct store_boot *out)
{
	struct waiting_host *w = mac ? waiting_find(&c->waiting, mac, c->mono_ms) : NULL;
	struct happened discover = { STAGE_DISCOVER, "done", "net", 0, 0, NULL };
	struct happened offer = { STAGE_OFFER, "done", "net", 0, 0, NULL };
	struct store_boot b = {
		.host = h->id,
		.started_ms = w ? w->discover_ms : c->wall_ms,
		.mono_ms = w ? w->discover_mono_ms : c->mono_ms,
		.seen_ms = c->wall_ms,
		.arch = w ? w->arch : 0xffff,
	};
	char repeated[32];

	if (w) {
		b.offered = w->offered;
		memcpy(b.firmware, w->firmware, sizeof b.firmware);
		offer.detail = w->why;
	}
	set_due(c, &b);
	core_write(c);
	core_must(c, store_boot_add(c->store, &b), "boot add");
	if (w) {
		snprintf(repeated, sizeof repeated, "%u packets", w->discovers);
		discover.detail = w->discovers > 1 ? repeated : NULL;
		write_event(c, &b, &discover, w->discover_ms, w->discover_mono_ms);
		if (w->offer_mono_ms)
			write_event(c, &b, &offer, w->offer_ms, w->offer_mono_ms);
		if (w->other.type)
			record_other_server(c, &b, &w->other);
		waiting_forget(w);
	}
	note_loop(c, &b);
	reboot_is_over(c, &b);
	*out = b;
}

void record_joined(struct core *c, const struct store_boot *b, const uint8_t mac[6])
{
	struct waiting_host *w = waiting_find(&c->waiting, mac, c->mono_ms);

	if (w && w->other.type)
		record_other_server(c, b, &w->other);
	waiting_forget(w);
}

void record_waiting(
	struct core *c, const struct waiting_host *w, struct store_host *h, struct store_boot *out)
{
	struct host_identity id = { .has_uuid = w->has_uuid };

	memcpy(id.uuid, w->uuid, sizeof id.uuid);
	host_mac_add(&id, w->mac);
	record_host(c, &id, NULL, NULL, h);
	record_open_boot(c, h, STAGE_DISCOVER, out); /* what is open is over */
	record_new_boot(c, h, w->mac, out);
}

int record_boot_at(struct core *c, uint32_t addr, struct store_boot *out)
{
	const struct waiting_host *found = c->cfg->dhcp_mode == DHCP_PROXY
						   ? waiting_by_addr(&c->waiting, addr, c->mono_ms)
						   : NULL;
	struct happened lease = { STAGE_LEASE, "done", "net", 0, 0, NULL };
	struct waiting_host w;
	struct store_host h;
	char from[64];
	int rc;

	if (!found) {
		rc = store_boot_by_addr(c->store, addr, out);
		if (rc == -ENOENT)
			return 0;
		core_must(c, rc, "boot by addr");
		return 1;
	}
	w = *found; /* a new boot takes it out of the table */
	record_waiting(c, &w, &h, out);
	out->addr = addr;
	snprintf(from, sizeof from, "address from another server, %u.%u.%u.%u", w.server >> 24,
		w.server >> 16 & 255, w.server >> 8 & 255, w.server & 255);
	lease.detail = from;
	record_event(c, out, &lease);
	return 1;
}

/*
 * The boot leaves a stage: how long was it there, without waiting? It waits for people before its
 * image is chosen, and for its turn after that.
 */
static void count_stage(struct core *c, const struct store_boot *b)
{
	int64_t at_ms, ms;
	int rc = store_event_first(c->store, b->id, b->stage, &at_ms);

	if (rc == -ENOENT)
		return; /* it never said that it was */
	core_must(c, rc, "event first");
	ms = c->wall_ms - at_ms -
	     (b->stage < STAGE_IMAGE
			     ? b->waited_ms[BOOT_WAITS_APPROVAL] + b->waited_ms[BOOT_WAITS_IMAGE]
			     : b->waited_ms[BOOT_WAITS_TURN]);
	metrics_stage(b->stage, ms > 0 ? ms : 0);
}

void record_event(struct core *c, struct store_boot *b, const struct happened *e)
{
	const bool short_before = record_falls_short(b);

	core_write(c);
	if (e->stage < STAGE_FAILED)
		note_silence(c, b);
	if (e->stage > b->stage && e->stage < STAGE_FAILED) {
		count_stage(c, b);
		b->stage = e->stage;
	}
	if (short_before && !record_falls_short(b))
		core_must(c, store_loader_works(c->store, b->host, b->id, &b->offered), "loader");
	set_due(c, b);
	core_must(c, store_boot_put(c->store, b), "boot put");
	write_event(c, b, e, c->wall_ms, c->mono_ms);
	if (e->stage == STAGE_HANDOFF && direct_is_silent(b))
		rollouts_up(c, b); /* nobody will say more */
}

void record_note(struct core *c, const struct store_boot *b, const struct happened *e)
{
	core_write(c);
	write_event(c, b, e, c->wall_ms, c->mono_ms);
}

void record_other_server(struct core *c, const struct store_boot *b, const struct other_server *o)
{
	const char *does = o->type == DHCP_OFFER ? "offers"
			   : o->type == DHCP_ACK ? "gives"
						 : "refuses";
	const uint32_t s = o->server, a = o->addr;
	struct happened e = { STAGE_OFFER, "seen", "net", 0, 0, NULL };
	char detail[80];
	int n;

	n = snprintf(detail, sizeof detail, "another DHCP server, %u.%u.%u.%u, %s", s >> 24,
		s >> 16 & 255, s >> 8 & 255, s & 255, does);
	if (a)
		snprintf(detail + n, sizeof detail - (size_t)n, " %u.%u.%u.%u", a >> 24,
			a >> 16 & 255, a >> 8 & 255, a & 255);
	e.detail = detail;
	core_write(c);
	write_event(c, b, &e, o->at_ms, o->mono_ms);
}

void record_up(struct core *c, struct store_boot *b)
{
	core_write(c);
	end_wait(b, c->wall_ms);
	b->state = BOOT_UP;
	b->ended_ms = c->wall_ms;
	core_must(c, store_boot_put(c->store, b), "boot up");
	rollouts_up(c, b);
	metrics_boot(b->state, "");
	log_info("host up: boot=%lld image=%s seconds=%.1f waited=%.1f", (long long)b->id, b->image,
		(double)(b->ended_ms - b->started_ms - waited_in_all(b)) / 1000,
		(double)waited_in_all(b) / 1000);
}

void record_over(struct core *c, struct store_boot *b)
{
	core_write(c);
	end_wait(b, c->wall_ms);
	b->state = BOOT_OVER;
	b->ended_ms = c->wall_ms;
	snprintf(b->sentence, sizeof b->sentence,
		"%s was handed over; whether it came up, nobody reported", b->image);
	core_must(c, store_boot_put(c->store, b), "boot over");
	metrics_boot(b->state, "");
	log_info("host over: boot=%lld image=%s", (long long)b->id, b->image);
}

void record_failed(struct core *c, struct store_boot *b, const char *reason, const char *fmt, ...)
{
	struct happened e = { STAGE_FAILED, "done", "core", 0, 0, b->sentence };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->sentence, sizeof b->sentence, fmt, ap);
	va_end(ap);
	snprintf(b->reason, sizeof b->reason, "%s", reason);
	end_wait(b, b->seen_ms); /* what came after that is its silence */
	b->state = BOOT_FAILED;
	metrics_boot(b->state, b->reason);
	b->ended_ms = c->wall_ms;
	turns_end(&c->turns, b->id, false, c->mono_ms);
	core_write(c);
	if (record_falls_short(b))
		core_must(c,
			store_loader_died(c->store, b->host, b->id, &b->offered, b->loader_sent),
			"loader");
	record_event(c, b, &e);
	rollouts_failed(c, b);
	log_info("host failed: boot=%lld stage=%s reason=%s %s", (long long)b->id,
		boot_stage_name(b->stage), b->reason, b->sentence);
}

void record_code(struct core *c, struct store_host *h)
{
	uint32_t r;

	if (h->code[0] || record_is_admitted(c, h))
		return;
	if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
		abort(); /* cannot happen for so few bytes; a guessable code must not */
	snprintf(h->code, sizeof h->code, "%06u", r % 1000000);
	core_must(c, store_host_put(c->store, h), "host code");
}

/* ---- boots that fall silent ---- */

void record_alive(struct core *c, struct store_boot *b)
{
	const int64_t least_ms = (int64_t)c->cfg->silence_min_s * 1000 / 4;

	if (c->wall_ms - b->seen_ms < (least_ms < ALIVE_MS ? least_ms : ALIVE_MS))
		return;
	core_write(c);
	note_silence(c, b);
	set_due(c, b);
	core_must(c, store_boot_put(c->store, b), "boot alive");
}

int64_t record_patience_ms(struct core *c, const struct store_boot *b)
{
	const struct patience_limits limits = {
		.min_ms = (int64_t)c->cfg->silence_min_s * 1000,
		.max_ms = (int64_t)c->cfg->silence_max_s * 1000,
		.factor = c->cfg->silence_factor,
	};
	int64_t own[PATIENCE_OWN], image[PATIENCE_IMAGE];
	int n_own, n_image;

	if (b->stage >= STAGE_FAILED || direct_is_silent(b))
		return 0;
	n_own = core_must(
		c, store_host_silences(c->store, b->host, b->stage, own, PATIENCE_OWN), "silences");
	n_image = core_must(c,
		store_image_silences(c->store, b->image, b->stage, image, PATIENCE_IMAGE),
		"silences");
	return patience_of(&limits, own, (size_t)n_own, image, (size_t)n_image);
}

/* By what it did last. Where that says that all is well, it gets more time. */
static void fail_hung(struct core *c, struct store_boot *b)
{
	struct why_facts f;
	struct store_host h;
	struct why why;

	core_must(c, store_host_by_id(c->store, b->host, &h), "host of boot");
	why_gather(c, &h, h.name, b, &f); /* it came with its box: a newer one may have been here */
	why_judge(&f, &why);
	if (why.state == WHY_FAILED) {
		record_failed(c, b, why.code, "%s", why.sentence);
	} else {
		set_due(c, b);
		core_must(c, store_boot_put(c->store, b), "boot due");
	}
}

/* While we were away, or the clock was wrong, nobody could be heard. */
static int judge_due(void *arg, const struct store_boot *due)
{
	struct core *c = arg;
	struct store_boot b = *due;
	const int64_t patience = record_patience_ms(c, &b);
	const int64_t since = b.seen_ms > c->listens_ms ? b.seen_ms : c->listens_ms;

	core_write(c);
	if (patience && c->wall_ms - since >= patience) {
		fail_hung(c, &b);
		return 0;
	}
	b.due_ms = patience ? since + patience : NEVER_MS;
	core_must(c, store_boot_put(c->store, &b), "boot due");
	return 0;
}

void record_sweep(struct core *c)
{
	core_must(c, store_boot_due(c->store, c->wall_ms, judge_due, c), "sweep");
}
