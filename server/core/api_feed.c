/* GET /api/v1/events/stream: events as they come, as server-sent events (text/event-stream). */
#include <stdlib.h>
#include <string.h>

#include "server/core/api.h"

#define LOOK_MS	   250 /* so often the database is asked for the number of the newest */
#define FEED_LIMIT 200 /* events at once */
#define FEED_TYPE  "text/event-stream"

static void answer_feed(struct answer *a, char *text, int64_t last)
{
	answer_take(a, 200, FEED_TYPE, text);
	a->feed = (uint64_t)last + 1;
}

/* 1 with *text when there is something to tell; else 0. f->after moves on. */
static int read_feed(struct core *c, struct feed *f, char **text)
{
	int64_t last;

	core_must(c, store_feed(c->store, f->after, f->host, FEED_LIMIT, text, &last), "feed");
	f->after = last;
	if (**text)
		return 1;
	free(*text);
	*text = NULL;
	return 0;
}

static bool is_full(const struct feeds *fs, bool local)
{
	size_t locals = 0;

	for (size_t i = 0; i < fs->n; i++)
		locals += fs->of[i].local;
	return fs->n == FEEDS_MAX || (local && locals >= FEEDS_LOCAL);
}

static void wait_feed(struct core *c, const struct feed *f)
{
	if (!c->feeds.n)
		loop_timer_set(c->feed_timer, LOOK_MS, LOOK_MS);
	c->feeds.of[c->feeds.n++] = *f;
}

static bool parse_after(const char *query, int64_t *out)
{
	char text[24], *end;

	if (!query_get(query, "after", text, sizeof text))
		return false;
	text[strcspn(text, ";")] = 0; /* http's own mark */
	*out = strtoll(text, &end, 10);
	return *text && !*end && *out >= 0;
}

/* A number of an event that is not there yet is of a database from before a backup was restored. */
static int64_t begin_after(struct core *c, const char *query)
{
	int64_t newest, after;

	core_must(c, store_event_newest(c->store, &newest), "newest event");
	return parse_after(query, &after) && after < newest ? after : newest;
}

void api_get_feed(struct call *k)
{
	struct core *c = k->c;
	struct feed f = { .http_id = k->q->id,
		.until_ms = c->mono_ms + FEED_HOLD_MS,
		.local = k->q->h->peer == HTTP_PEER_UNIX };
	const char *query = k->q->h->query;
	char again[4], *text = NULL;

	query_get(query, "host", f.host, sizeof f.host);
	f.after = begin_after(c, query);
	if (read_feed(c, &f, &text)) {
		answer_feed(k->a, text, f.after);
	} else if (!query_get(query, "feed", again, sizeof again)) {
		answer_feed(k->a, strdup(": listening\n\n"), f.after); /* at once, that it works */
	} else if (is_full(&c->feeds, f.local)) {
		answer_problem(k->a, 503, "feeds", NULL, "too many others follow the events");
	} else {
		wait_feed(c, &f);
		k->a->later = true;
	}
}

/* Is there something, or has it waited for long enough? Then it is answered: true. */
static bool serve_feed(struct core *c, struct feed *f, int64_t newest)
{
	struct answer a = { 0 };
	char *text = NULL;

	if (newest > f->after && read_feed(c, f, &text))
		answer_feed(&a, text, f->after);
	else if (c->mono_ms >= f->until_ms)
		answer_feed(&a, strdup(": still here\n\n"), f->after);
	else
		return false;
	core_answer(c, f->http_id, &a);
	return true;
}

void feed_due(void *arg, uint32_t events)
{
	struct core *c = arg;
	size_t kept = 0;
	int64_t newest;

	(void)events;
	core_now(c);
	core_must(c, store_event_newest(c->store, &newest), "newest event");
	for (size_t i = 0; i < c->feeds.n; i++) {
		if (!serve_feed(c, &c->feeds.of[i], newest))
			c->feeds.of[kept++] = c->feeds.of[i];
	}
	c->feeds.n = kept;
	if (!kept)
		loop_timer_set(c->feed_timer, 0, 0);
}
