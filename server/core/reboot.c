#include "server/core/reboot.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "server/core/record.h"
#include "server/core/why.h"
#include "server/log.h"

void reboot_note(
	struct core *c, const struct store_boot *b, const char *source, const char *fmt, ...)
{
	char detail[240];
	struct happened e = { b->stage, "reboot", source, 0, 0, detail };
	va_list ap;

	if (c->trying)
		return; /* a copy has no events */
	va_start(ap, fmt);
	vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	record_note(c, b, &e);
}

const char *reboot_cannot(const struct core *c, const struct store_boot *b)
{
	const int64_t heard_ms = b->seen_ms > c->listens_ms ? b->seen_ms : c->listens_ms;

	if (!b->id || b->state != BOOT_UP)
		return "not-up";
	if (!b->nonce[0])
		return "no-agent";
	if (!b->obeys[0])
		return "no-orders";
	return c->wall_ms - heard_ms >= WHY_LOST_MS ? "lost" : NULL;
}

void reboot_ask(struct core *c, const struct store_boot *b, const char *who, const char *why)
{
	struct store_reboot r = { .host = b->host, .boot = b->id, .asked_ms = c->wall_ms };

	snprintf(r.who, sizeof r.who, "%s", who);
	snprintf(r.why, sizeof r.why, "%s", why);
	core_must(c, store_reboot_put(c->store, &r), "reboot");
	reboot_note(c, b, "core", "asked by %s%s%s", r.who, r.why[0] ? ": " : "", r.why);
}

/* The last one of the host. */
static bool find(struct core *c, int64_t host, struct store_reboot *out)
{
	int rc = store_reboot_get(c->store, host, out);

	if (rc == -ENOENT)
		return false;
	core_must(c, rc, "reboot");
	return true;
}

bool reboot_of(struct core *c, const struct store_boot *b, struct store_reboot *out)
{
	struct store_boot newest;

	if (!find(c, b->host, out) || out->boot != b->id)
		return false;
	core_must(c, store_boot_newest(c->store, b->host, &newest), "boot newest");
	return newest.id == b->id;
}

/* What a batch has asked may still be taken back; a host that has heard of it cannot be. */
static bool is_batch_made(const struct core *c)
{
	bool made = false;

	for (size_t i = 0; i < BATCHES_MAX; i++)
		made = made || c->batches[i].state == BATCH_MAKES ||
		       c->batches[i].state == BATCH_TAKES_BACK;
	return made;
}

bool reboot_is_due(struct core *c, const struct store_boot *b, struct store_reboot *out)
{
	return !is_batch_made(c) && reboot_of(c, b, out) && !out->taken_ms && !out->refused[0];
}

void reboot_taken(struct core *c, const struct store_boot *b)
{
	struct store_reboot r;

	if (!reboot_of(c, b, &r) || r.taken_ms)
		return;
	core_write(c);
	r.taken_ms = c->wall_ms;
	core_must(c, store_reboot_put(c->store, &r), "reboot");
	reboot_note(c, b, "agent", "it obeys %s and goes down", r.who);
	log_info("host reboots: host=%lld boot=%lld by=%s", (long long)b->host, (long long)b->id,
		r.who);
}

void reboot_refused(struct core *c, const struct store_boot *b, const char *why)
{
	struct store_reboot r;

	if (!reboot_of(c, b, &r) || r.taken_ms || r.refused[0])
		return;
	core_write(c);
	snprintf(r.refused, sizeof r.refused, "%s", *why ? why : "it did not say why");
	core_must(c, store_reboot_put(c->store, &r), "reboot");
	reboot_note(c, b, "agent", "it does not obey: %s", r.refused);
	log_warn("host does not reboot: host=%lld boot=%lld by=%s: %s", (long long)b->host,
		(long long)b->id, r.who, r.refused);
}

void reboot_is_over(struct core *c, const struct store_boot *b)
{
	struct store_reboot r;
	struct store_past before;

	if (!find(c, b->host, &r) ||
		!core_must(c, store_boots_before(c->store, b->host, b->id, &before, 1), "before") ||
		before.boot != r.boot)
		return;
	if (r.taken_ms)
		reboot_note(c, b, "core", "asked by %s%s%s", r.who, r.why[0] ? ": " : "", r.why);
	else
		reboot_note(c, b, "core", "it started over before it obeyed %s", r.who);
}
