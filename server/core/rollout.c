#include "server/core/rollout.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/why.h"

#define LOOK_MS 5000 /* at a host that starts over */

/* ---- waves ---- */

/* "10%" or "5" -> the wave; false for anything else. */
static bool read_wave(const char *text, size_t len, struct rollout_waves *out)
{
	const bool percent = len && text[len - 1] == '%';
	const size_t digits = percent ? len - 1 : len;
	uint32_t n = 0;

	if (!digits || digits > 6)
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(text[i] - '0');
	}
	if (!n || (percent && n > 100))
		return false;
	out->of[out->n].n = n;
	out->of[out->n++].percent = percent;
	return true;
}

int rollout_waves_read(const char *text, struct rollout_waves *out, char *err, size_t err_size)
{
	struct rollout_waves w = { 0 };

	for (const char *s = text;; s++) {
		const size_t len = strcspn(s, ",");

		if (w.n == ROLLOUT_WAVES_MAX) {
			snprintf(err, err_size, "there are at most %d waves", ROLLOUT_WAVES_MAX);
			return -EINVAL;
		}
		if (!read_wave(s, len, &w)) {
			snprintf(err, err_size,
				"'%.*s' is neither a number of hosts nor 1%% to 100%%",
				len < 40 ? (int)len : 40, s);
			return -EINVAL;
		}
		s += len;
		if (!*s)
			break;
	}
	if (!w.of[w.n - 1].percent || w.of[w.n - 1].n != 100) {
		snprintf(err, err_size, "the last wave has to be 100%%");
		return -EINVAL;
	}
	*out = w;
	return 0;
}

size_t rollout_ends(const struct rollout_waves *w, uint32_t hosts, uint32_t ends[ROLLOUT_WAVES_MAX])
{
	uint32_t last = 0;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		const uint64_t wanted =
			w->of[i].percent ? ((uint64_t)hosts * w->of[i].n + 99) / 100 : w->of[i].n;
		const uint32_t end = wanted < hosts ? (uint32_t)wanted : hosts;

		if (end > last)
			ends[n++] = last = end;
	}
	return n;
}

uint32_t rollout_wave_of(const uint32_t *ends, size_t n, uint32_t place)
{
	size_t i = 0;

	if (!place)
		return 0;
	while (i < n && ends[i] < place)
		i++;
	return (uint32_t)i + 1;
}

/* ---- the rollout as a whole ---- */

enum rollout_step rollout_next(const struct rollout_now *now)
{
	if (now->state != ROLLOUT_RUNNING)
		return ROLLOUT_STAY;
	if (now->failures > now->max_failures)
		return ROLLOUT_PAUSE;
	if (now->busy)
		return ROLLOUT_STAY;
	if (now->wave < now->waves)
		return ROLLOUT_NEXT_WAVE;
	return now->good ? ROLLOUT_FINISH : ROLLOUT_PAUSE;
}

/* ---- a host ---- */

enum rolling_state rollout_host_after(
	enum rolling_state state, enum rollout_sign sign, uint32_t restarts)
{
	if (state != ROLLING_WAITING && state != ROLLING_BAKING && state != ROLLING_GOOD)
		return state;
	switch (sign) {
	case ROLLOUT_UP:
		if (state == ROLLING_BAKING && restarts >= ROLLOUT_RESTARTS)
			return ROLLING_FAILED;
		return state == ROLLING_GOOD ? state : ROLLING_BAKING;
	case ROLLOUT_FAILED:
		return ROLLING_FAILED;
	case ROLLOUT_SILENT:
		return state == ROLLING_BAKING ? ROLLING_FAILED : state;
	case ROLLOUT_LASTED:
		return state == ROLLING_BAKING ? ROLLING_GOOD : state;
	}
	return state;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int rollout_bake(const struct rollout_bake *b, enum rollout_sign *sign, int64_t *due)
{
	const int64_t heard = later(b->seen, b->listens), ends = b->since + b->bake;
	const bool silent = b->beats && b->now - b->seen >= WHY_LOST_MS;

	if (b->starts) {
		*due = b->now + LOOK_MS;
		return 0;
	}
	if (b->beats && b->now - heard >= WHY_LOST_MS) {
		*sign = ROLLOUT_SILENT;
		return 1;
	}
	if (b->now >= ends && !silent) {
		*sign = ROLLOUT_LASTED;
		return 1;
	}
	if (silent) /* we were away: it may speak any moment */
		*due = b->now + LOOK_MS;
	else
		*due = b->beats && heard + WHY_LOST_MS < ends ? heard + WHY_LOST_MS : ends;
	return 0;
}

/* ---- in words ---- */

const char *rollout_state_name(enum rollout_state s)
{
	static const char *const names[] = { "starting", "running", "paused", "done", "aborted" };

	return s <= ROLLOUT_ABORTED ? names[s] : "?";
}

const char *rolling_state_name(enum rolling_state s)
{
	static const char *const names[] = { "picked", "waiting", "baking", "good", "failed",
		"skipped" };

	return s <= ROLLING_SKIPPED ? names[s] : "?";
}

__attribute__((format(printf, 2, 3))) static void put(char *out, const char *fmt, ...)
{
	const size_t n = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + n, ROLLOUT_SENTENCE_MAX - n, fmt, ap);
	va_end(ap);
}

static void put_waiting(const struct rollout_view *v, char *out)
{
	const uint32_t all = v->told + v->booting + v->baking;
	const char *between = ": ";

	put(out, "wave %u of %u waits for %u host%s", v->r->wave, v->waves, all,
		all == 1 ? "" : "s");
	if (v->told) {
		put(out, "%s%u to start anew (%s%s)", between, v->told, v->one,
			v->told > 1 ? ", ..." : "");
		between = ", ";
	}
	if (v->booting) {
		put(out, "%s%u to come up", between, v->booting);
		between = ", ";
	}
	if (v->baking)
		put(out, "%s%u to stay up for %lld s more", between, v->baking,
			(long long)(v->bake_left_ms + 999) / 1000);
}

char *rollout_sentence(const struct rollout_view *v, char out[ROLLOUT_SENTENCE_MAX])
{
	const struct store_rollout *r = v->r;

	*out = 0;
	switch (r->state) {
	case ROLLOUT_STARTING:
		put(out, "%u hosts have yet to be looked at", v->picked);
		break;
	case ROLLOUT_RUNNING:
		put_waiting(v, out);
		break;
	case ROLLOUT_PAUSED:
		put(out, "paused: %s; nobody else is told", r->note);
		break;
	case ROLLOUT_DONE:
		put(out, "%s %s is current: %u host%s good", r->name, r->to_version, v->good,
			v->good == 1 ? "" : "s");
		if (v->failed)
			put(out, ", %u failed and stay at %s", v->failed, r->from_version);
		break;
	case ROLLOUT_ABORTED:
		put(out, "aborted: %s", r->note);
		break;
	}
	return out;
}
