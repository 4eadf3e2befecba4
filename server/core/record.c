#include "server/core/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "server/core/boot_plan.h"
#include "server/core/direct.h"
#include "server/log.h"

/* An emulated or slow machine may need minutes between two signs of life; a dead one needs a
 * verdict. */
#define SILENT_MS (15 * 60 * 1000)

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

void record_host(struct core *c, const struct host_identity *id, const char *vendor,
	const char *product, struct store_host *out)
{
	struct store_host h;
	int rc = store_host_find(c->store, id, &h);

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
		bool died = record_falls_short(&b);

		record_failed(c, &b, "restarted", "%s started over after stage %s%s%s%s", h->name,
			boot_stage_name(b.stage), died ? ": " : "", died ? b.offered.loader : "",
			died ? " came to nothing" : "");
		return 0;
	}
	*out = b;
	return 1;
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

void record_event(struct core *c, struct store_boot *b, const struct happened *e)
{
	const bool short_before = record_falls_short(b);

	core_write(c);
	if (e->stage > b->stage && e->stage < STAGE_FAILED)
		b->stage = e->stage;
	if (short_before && !record_falls_short(b))
		core_must(c, store_loader_works(c->store, b->host, b->id, &b->offered), "loader");
	b->seen_ms = c->wall_ms;
	core_must(c, store_boot_put(c->store, b), "boot put");
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
	b->state = BOOT_UP;
	b->ended_ms = c->wall_ms;
	core_must(c, store_boot_put(c->store, b), "boot up");
	log_info("host up: boot=%lld image=%s seconds=%.1f", (long long)b->id, b->image,
		(double)(b->ended_ms - b->started_ms) / 1000);
}

void record_over(struct core *c, struct store_boot *b)
{
	core_write(c);
	b->state = BOOT_OVER;
	b->ended_ms = c->wall_ms;
	snprintf(b->sentence, sizeof b->sentence,
		"%s was handed over; whether it came up, nobody reported", b->image);
	core_must(c, store_boot_put(c->store, b), "boot over");
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
	b->state = BOOT_FAILED;
	b->ended_ms = c->wall_ms;
	turns_end(&c->turns, b->id, false, c->mono_ms);
	core_write(c);
	if (record_falls_short(b))
		core_must(c,
			store_loader_died(c->store, b->host, b->id, &b->offered, b->loader_sent),
			"loader");
	record_event(c, b, &e);
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

static int fail_silent(void *arg, const struct store_boot *stale)
{
	struct store_boot b = *stale;

	record_failed(arg, &b, "silent", "no word for %d minutes after stage %s", SILENT_MS / 60000,
		boot_stage_name(b.stage));
	return 0;
}

void record_sweep(struct core *c)
{
	core_must(c, store_boot_stale(c->store, c->wall_ms - SILENT_MS, fail_silent, c), "sweep");
}
