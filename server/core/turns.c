#include "server/core/turns.h"

#include <string.h>

#define ASK_MIN_S  1
#define ASK_MAX_S  8
#define ASK_SHARE  50 /* a host asks that often before its turn comes, within these limits */
#define CREDIT_ONE 1000

static void drop(struct turns *t, size_t at)
{
	t->n_fetch -= t->places[at].fetches;
	t->n--;
	memmove(&t->places[at], &t->places[at + 1], (t->n - at) * sizeof t->places[0]);
}

static void drop_silent(struct turns *t, int64_t now_ms)
{
	for (size_t i = t->n; i-- > 0;) {
		const struct turn *p = &t->places[i];

		if (now_ms - p->seen_ms > (p->fetches ? TURNS_FETCHER_MS : TURNS_WAITER_MS))
			drop(t, i);
	}
}

static struct turn *find(struct turns *t, int64_t boot, uint64_t load)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->places[i].boot == boot && t->places[i].load == load)
			return &t->places[i];
	}
	return NULL;
}

static struct turn *join(struct turns *t, int64_t boot, uint64_t load)
{
	struct turn *p;

	if (t->n == TURNS_PLACES)
		return NULL;
	p = &t->places[t->n++];
	*p = (struct turn){ .boot = boot, .load = load };
	return p;
}

/* Who waits before this place, or, with NULL, at all. */
static unsigned before(const struct turns *t, const struct turn *p)
{
	const struct turn *end = p ? p : t->places + t->n;
	unsigned n = 0;

	for (const struct turn *q = t->places; q < end; q++)
		n += !q->fetches;
	return n;
}

unsigned turns_position(const struct turns *t, int64_t boot)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct turn *p = &t->places[i];

		if (p->boot == boot && boot && !p->fetches)
			return before(t, p) + 1;
	}
	return 0;
}

/* What has accrued since it was last counted; never more than what one second gives. */
static void count_credit(struct turns *t, int64_t now_ms)
{
	const int64_t most = (int64_t)t->rate * CREDIT_ONE;

	/* The same number of ms is counted but once: a thousandth for each of them and the rate. */
	t->credit += (now_ms - t->counted_ms) * t->rate;
	if (!t->counted_ms || t->credit > most)
		t->credit = most;
	t->counted_ms = now_ms;
}

/* How many may begin now. */
static unsigned free_turns(struct turns *t, int64_t now_ms)
{
	unsigned by_number = UINT32_MAX, by_rate = UINT32_MAX;

	if (t->max)
		by_number = t->n_fetch < t->max ? t->max - (unsigned)t->n_fetch : 0;
	if (t->rate) {
		count_credit(t, now_ms);
		by_rate = (unsigned)(t->credit / CREDIT_ONE);
	}
	return by_number < by_rate ? by_number : by_rate;
}

static void begin(struct turns *t, struct turn *p, int64_t now_ms)
{
	p->fetches = true;
	p->began_ms = p->seen_ms = now_ms;
	t->n_fetch++;
}

/* Whatever the limits say: it has begun already. */
static void begun(struct turns *t, int64_t boot, uint64_t load, int64_t now_ms)
{
	struct turn *p = join(t, boot, load);

	if (p)
		begin(t, p, now_ms);
}

static unsigned clamp(int64_t n, unsigned low, unsigned high)
{
	return n < low ? low : n > high ? high : (unsigned)n;
}

/* With `max` at a time, of which each takes the usual time; or as the rate lets them begin. */
static void estimate(const struct turns *t, unsigned position, struct turns_wait *out)
{
	const int64_t usual_ms = t->usual_ms ? t->usual_ms : TURNS_GUESS_MS;
	const int64_t by_number = t->max ? usual_ms * position / t->max : 0;
	const int64_t by_rate = t->rate ? (int64_t)position * 1000 / t->rate : 0;
	const int64_t ms = by_number > by_rate ? by_number : by_rate;

	out->position = position;
	out->about_s = clamp((ms + 999) / 1000, 1, 24 * 3600);
	out->ask_s = clamp(ms / 1000 / ASK_SHARE, ASK_MIN_S, ASK_MAX_S);
}

bool turns_ask(struct turns *t, int64_t boot, int64_t now_ms, struct turns_wait *out)
{
	struct turn *p;
	unsigned ahead;

	if (!t->max && !t->rate)
		return true;
	drop_silent(t, now_ms);
	p = find(t, boot, 0);
	if (!p)
		p = join(t, boot, 0);
	if (p)
		p->seen_ms = now_ms;
	if (p && p->fetches)
		return true;
	ahead = before(t, p);
	/* Turns are kept for those before us, who will ask soon. */
	if (p && ahead < free_turns(t, now_ms)) {
		begin(t, p, now_ms);
		t->credit -= t->rate ? CREDIT_ONE : 0;
		return true;
	}
	estimate(t, ahead + 1, out);
	return false;
}

void turns_fetching(struct turns *t, int64_t boot, int64_t now_ms)
{
	struct turn *p = find(t, boot, 0);

	if (p)
		p->seen_ms = now_ms;
	else if (t->max || t->rate)
		begun(t, boot, 0, now_ms);
}

void turns_end(struct turns *t, int64_t boot, bool well, int64_t now_ms)
{
	struct turn *p = find(t, boot, 0);

	if (!p)
		return;
	/* an average in which the last ones count most */
	if (p->fetches && well)
		t->usual_ms = t->usual_ms ? (3 * t->usual_ms + now_ms - p->began_ms) / 4
					  : now_ms - p->began_ms;
	drop(t, (size_t)(p - t->places));
}

void turns_load(struct turns *t, uint64_t transfer, int64_t now_ms)
{
	if (t->max && !find(t, 0, transfer))
		begun(t, 0, transfer, now_ms);
}

void turns_loaded(struct turns *t, uint64_t transfer)
{
	struct turn *p = find(t, 0, transfer);

	if (p)
		drop(t, (size_t)(p - t->places));
}
