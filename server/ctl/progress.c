#include "server/ctl/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "server/ctl/format.h"

#define TERMINAL_MS 250
#define LINE_MS	    1000

static int64_t mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void show(struct progress *p, int64_t now)
{
	const uint64_t ms = (uint64_t)(now - p->started_ms);
	const uint64_t rate = ms ? p->work * 1000 / ms : 0;
	const uint64_t left = p->total > p->done ? p->total - p->done : 0;
	char done[FORMAT_MAX], total[FORMAT_MAX], speed[FORMAT_MAX], eta[FORMAT_MAX] = "?";

	if (rate || !left)
		format_seconds(left ? (int64_t)(left * 1000 / rate) : 0, eta);
	fprintf(stderr, "%s%s: %s of %s, %s/s, %s left%s", p->terminal ? "\r" : "", p->what,
		format_bytes(p->done, done), format_bytes(p->total, total),
		format_bytes(rate, speed), eta, p->terminal ? "\033[K" : "\n");
	p->shown_ms = now;
}

void progress_begin(struct progress *p, const char *what, uint64_t total, bool lines)
{
	*p = (struct progress){ .what = what, .total = total, .lines = lines };
	p->terminal = !lines && isatty(STDERR_FILENO);
	p->started_ms = p->shown_ms = mono_ms();
}

void progress_add(struct progress *p, uint64_t bytes, bool work)
{
	const int64_t now = mono_ms();

	p->done += bytes;
	p->work += work ? bytes : 0;
	if ((p->terminal || p->lines) && now - p->shown_ms >= (p->terminal ? TERMINAL_MS : LINE_MS))
		show(p, now);
}

void progress_end(struct progress *p)
{
	if (!p->lines && (!p->terminal || p->shown_ms == p->started_ms))
		return;
	show(p, mono_ms());
	if (p->terminal)
		fputc('\n', stderr);
}
