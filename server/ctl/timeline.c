/* timeline.c: a boot's events -> a picture in text. */
#include "server/ctl/timeline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/format.h"
#include "server/ctl/text.h"

/* ---- events -> spans ---- */

int timeline_what_parse(const char *word, enum timeline_what *out)
{
	static const char *const words[TIMELINE_WHATS] = { "requested", "started", "progress",
		"finished", "aborted", "done", "seen", "reboot" };

	for (unsigned i = 0; i < TIMELINE_WHATS; i++) {
		if (!strcmp(words[i], word)) {
			*out = (enum timeline_what)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* The newest span of that detail, or NULL. */
static struct timeline_span *find_span(struct timeline_step *step, const char *detail)
{
	for (size_t i = step->n; i--;) {
		if (!strcmp(step->spans[i].detail, detail))
			return &step->spans[i];
	}
	return NULL;
}

/* When the step is full, its last span stands for all that follow. */
static struct timeline_span *new_span(struct timeline_step *step, const char *detail, int64_t at)
{
	struct timeline_span *s;

	if (step->n == TIMELINE_SPANS_MAX)
		return &step->spans[step->n - 1];
	s = &step->spans[step->n++];
	*s = (struct timeline_span){ .start_ms = at, .end_ms = at };
	snprintf(s->detail, sizeof s->detail, "%s", detail);
	return s;
}

/*
 * The span that an event belongs to. Server and agent both report on one transfer, under the same
 * detail, so an end may come twice.
 */
static struct timeline_span *span_of(
	struct timeline_step *step, const struct timeline_event *e, const char *detail)
{
	struct timeline_span *s = find_span(step, detail), *next;
	bool ends = e->what == TIMELINE_FINISHED || e->what == TIMELINE_ABORTED;

	if (s && (s->open || (s->asked && e->what != TIMELINE_REQUESTED) ||
			 (ends && s->end_ms > s->start_ms)))
		return s;
	next = new_span(step, detail, e->since_ms);
	if (s && s != next)
		s->again = true;
	return next;
}

/* No value is cut in its middle: half a number or name is a wrong one. */
static void shorten(const char *s, char out[TIMELINE_DETAIL_MAX])
{
	size_t n = strlen(s);

	if (n < TIMELINE_DETAIL_MAX) {
		memcpy(out, s, n + 1);
		return;
	}
	n = TIMELINE_DETAIL_MAX - sizeof " ...";
	while (n && s[n] != ' ')
		n--;
	snprintf(out, TIMELINE_DETAIL_MAX, "%.*s%s...", (int)n, s, n ? " " : "");
}

void timeline_add(struct timeline *t, const struct timeline_event *e)
{
	char detail[TIMELINE_DETAIL_MAX];
	struct timeline_span *s;

	shorten(e->detail ? e->detail : "", detail);
	if (e->what == TIMELINE_REBOOT) { /* no step of the boot: it may come weeks later */
		memcpy(t->reboot, detail, sizeof t->reboot);
		return;
	}
	s = span_of(&t->steps[e->stage], e, detail);
	s->asked = e->what == TIMELINE_REQUESTED;
	s->open = e->what == TIMELINE_STARTED || e->what == TIMELINE_PROGRESS;
	s->aborted = e->what == TIMELINE_ABORTED;
	if (e->since_ms > s->end_ms)
		s->end_ms = e->since_ms;
	if (e->bytes > s->bytes)
		s->bytes = e->bytes;
	if (e->total > s->total)
		s->total = e->total;
	if (e->since_ms > t->elapsed_ms)
		t->elapsed_ms = e->since_ms;
}

enum boot_stage timeline_stage(const struct timeline *t)
{
	unsigned i = STAGE_FAILED;

	if (t->state == BOOT_FAILED)
		return STAGE_FAILED;
	if (t->state == BOOT_UP)
		return STAGE_UP;
	while (i > 0 && !t->steps[i].n)
		i--;
	return (enum boot_stage)i;
}

/* ---- what a stage comes to ---- */

int64_t timeline_span_end(const struct timeline *t, unsigned stage, const struct timeline_span *s)
{
	int64_t end = t->elapsed_ms;

	if (!s->open)
		return s->end_ms;
	for (unsigned i = stage + 1; i < STAGES; i++) {
		int64_t begin = t->steps[i].spans[0].start_ms;

		if (t->steps[i].n && begin >= s->start_ms && begin < end)
			end = begin;
	}
	return end > s->end_ms ? end : s->end_ms;
}

int64_t timeline_idle_until(
	const struct timeline *t, unsigned stage, const struct timeline_span *of, int64_t from)
{
	int64_t until = t->elapsed_ms;

	for (unsigned i = 0; i < STAGES; i++) {
		for (size_t k = 0; k < t->steps[i].n; k++) {
			const struct timeline_span *s = &t->steps[i].spans[k];
			int64_t end = timeline_span_end(t, i, s);

			if (s == of || end < from || (end == from && i < stage))
				continue;
			if (s->start_ms <= from)
				return from;
			if (s->start_ms < until)
				until = s->start_ms;
		}
	}
	return until;
}

struct sum {
	uint64_t bytes, total;
	uint64_t asked;		  /* of what was requested and nothing seen of: TFTP */
	int64_t busy_ms, took_ms; /* took: with the idle time after it */
	int64_t transfer_ms;	  /* the part of busy_ms in which bytes came */
	bool open, aborted, inferred;
};

static struct sum sum_of(const struct timeline *t, unsigned stage)
{
	struct sum sum = { 0 };
	int64_t done = 0; /* files that are fetched side by side take their time once */

	for (size_t i = 0; i < t->steps[stage].n; i++) {
		const struct timeline_span *s = &t->steps[stage].spans[i];
		int64_t end = timeline_span_end(t, stage, s),
			start = s->start_ms > done ? s->start_ms : done;

		int64_t busy = end > start ? end - start : 0;

		sum.busy_ms += busy;
		sum.transfer_ms += s->bytes ? busy : 0;
		sum.took_ms += timeline_idle_until(t, stage, s, end) - end;
		done = end > done ? end : done;
		sum.open = sum.open || s->open;
		sum.aborted = s->aborted;
		sum.inferred = sum.inferred ||
			       !strncmp(s->detail, TIMELINE_INFERRED, strlen(TIMELINE_INFERRED));
		if (s->again)
			continue;
		if (s->asked) {
			sum.asked += s->total;
			continue;
		}
		sum.bytes += s->bytes;
		sum.total += s->total;
	}
	sum.took_ms += sum.busy_ms;
	return sum;
}

static unsigned percent(const struct sum *sum)
{
	if (!sum->total || sum->bytes >= sum->total)
		return sum->total ? 100 : 0;
	return (unsigned)((double)sum->bytes * 100 / (double)sum->total);
}

/* ---- letters and colours ---- */

enum tone { TONE_PLAIN, TONE_DIM, TONE_BOLD, TONE_GOOD, TONE_BUSY, TONE_BAD };

static const char *tone_on(const struct timeline_style *s, enum tone tone)
{
	static const char *const codes[] = { "", "\033[2m", "\033[1m", "\033[32m", "\033[36m",
		"\033[31m" };

	return s->color ? codes[tone] : "";
}

static const char *tone_off(const struct timeline_style *s, enum tone tone)
{
	return s->color && tone != TONE_PLAIN ? "\033[0m" : "";
}

static void put_toned(
	struct text *o, const struct timeline_style *s, enum tone tone, const char *what)
{
	text_put(o, "%s%s%s", tone_on(s, tone), what, tone_off(s, tone));
}

enum mark { MARK_NONE, MARK_BUSY, MARK_DONE, MARK_BAD };

static void put_mark(struct text *o, const struct timeline_style *s, enum mark m)
{
	static const char *const utf8[] = { "·", "▸", "✓", "✗" };
	static const char *const ascii[] = { "-", ">", "+", "x" };
	static const enum tone tones[] = { TONE_DIM, TONE_BUSY, TONE_GOOD, TONE_BAD };

	put_toned(o, s, tones[m], s->utf8 ? utf8[m] : ascii[m]);
}

/* ---- bars ---- */

#define BAR_MAX 120 /* cells */

enum { CELL_EMPTY, CELL_FULL = 8, CELL_POINT, CELL_IDLE }; /* 1 to 7: eighths, from the left */

static void put_cell(struct text *o, const struct timeline_style *s, uint8_t cell)
{
	static const char *const utf8[] = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█", "▌", "·" };
	static const char ascii[] = "    ####|.";

	if (s->utf8)
		text_put(o, "%s", utf8[cell]);
	else
		text_put(o, "%c", cell == CELL_EMPTY ? ' ' : ascii[cell - 1]);
}

/* One escape for each run of cells of the same tone, not for each cell. */
static void put_bar(struct text *o, const struct timeline_style *s, const uint8_t *cells, size_t n,
	enum tone tone)
{
	for (size_t i = 0; i < n;) {
		enum tone run = cells[i] == CELL_IDLE ? TONE_DIM : cells[i] ? tone : TONE_PLAIN;
		bool idle = cells[i] == CELL_IDLE, empty = !cells[i];

		text_put(o, "%s", tone_on(s, run));
		while (i < n && (cells[i] == CELL_IDLE) == idle && !cells[i] == empty)
			put_cell(o, s, cells[i++]);
		text_put(o, "%s", tone_off(s, run));
	}
}

/* A moment's place on the bar, in eighths of a cell. */
static size_t place(int64_t ms, int64_t scale_ms, size_t n)
{
	int64_t x = scale_ms > 0 ? ms * (int64_t)(8 * n) / scale_ms : 0;

	return x < 0 ? 0 : x > (int64_t)(8 * n) ? 8 * n : (size_t)x;
}

static void fill_idle(uint8_t *cells, size_t from, size_t to)
{
	for (size_t i = from / 8; i < (to + 7) / 8; i++)
		cells[i] = CELL_IDLE;
}

static void fill_span(uint8_t *cells, size_t n, size_t from, size_t to)
{
	size_t first = from / 8 < n ? from / 8 : n - 1;

	if (to - from < 4) {
		cells[first] = CELL_POINT;
		return;
	}
	for (size_t i = first; i < to / 8; i++)
		cells[i] = CELL_FULL;
	if (to / 8 < n && to % 8 && cells[to / 8] != CELL_FULL)
		cells[to / 8] = (uint8_t)(to / 8 == first ? CELL_FULL : to % 8);
}

static void fill_stage(
	const struct timeline *t, unsigned stage, int64_t scale_ms, uint8_t *cells, size_t n)
{
	const struct timeline_step *step = &t->steps[stage];

	for (size_t i = 0; i < step->n; i++) {
		int64_t end = timeline_span_end(t, stage, &step->spans[i]);
		int64_t until = timeline_idle_until(t, stage, &step->spans[i], end);

		if (until > end)
			fill_idle(cells, place(end, scale_ms, n), place(until, scale_ms, n));
	}
	for (size_t i = 0; i < step->n; i++) {
		const struct timeline_span *s = &step->spans[i];

		fill_span(cells, n, place(s->start_ms, scale_ms, n),
			place(timeline_span_end(t, stage, s), scale_ms, n));
	}
}

/* While the boot goes on the scale grows in jumps, so that the bars keep still between them. */
static int64_t scale_of(const struct timeline *t)
{
	static const int seconds[] = { 15, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1800,
		3600 };

	if (t->state != BOOT_OPEN)
		return t->elapsed_ms > 0 ? t->elapsed_ms : 1;
	for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
		if (t->elapsed_ms <= seconds[i] * 1000LL)
			return seconds[i] * 1000LL;
	}
	return t->elapsed_ms;
}

/* ---- the picture of one boot ---- */

#define STAGE_WIDTH 9
#define TIME_WIDTH  9
#define NOTE_WIDTH  29
#define RATE_MIN_MS 50 /* of a shorter transfer no rate is told */
#define FIXED_WIDTH (4 + STAGE_WIDTH + 2 * TIME_WIDTH + 2 + 2 + NOTE_WIDTH)

static size_t bar_width(const struct timeline_style *s)
{
	size_t n = s->columns > FIXED_WIDTH + 10 ? s->columns - FIXED_WIDTH : 10;

	return n < BAR_MAX ? n : BAR_MAX;
}

static void draw_title(struct text *o, const struct timeline *t, const struct timeline_style *s)
{
	static const char *const ends[] = { "booting for ", "up after ", "failed after ",
		"handed over, " };
	static const enum tone tones[] = { TONE_BUSY, TONE_GOOD, TONE_BAD, TONE_DIM };
	const int64_t took_ms = waited_took_ms(&t->waited, t->elapsed_ms);
	char took[FORMAT_MAX], left[256], right[64], waited[WAITED_TEXT];
	struct text l = { left, 0, sizeof left, false };
	size_t used, room = 0;

	left[0] = 0;
	text_put(&l, "  boot %lld", (long long)t->boot);
	for (size_t i = 0; i < 3; i++) {
		const char *part = i == 0 ? t->image : i == 1 ? t->firmware : t->addr;

		if (*part)
			text_put(&l, "  %s", part);
	}
	snprintf(right, sizeof right, "%s%s", ends[t->state], format_seconds(took_ms, took));
	used = format_width(t->host) + format_width(left);
	put_toned(o, s, TONE_BOLD, t->host);
	text_put(o, "%s", left);
	if (used + 1 + strlen(right) > s->columns) { /* below it, then */
		text_put(o, "\n");
		used = 0;
	}
	if (s->columns > used + strlen(right))
		room = s->columns - used - strlen(right);
	text_left(o, "", room);
	put_toned(o, s, tones[t->state], right);
	text_put(o, "\n");
	if (*waited_text(&t->waited, waited)) {
		text_right(o, waited, s->columns);
		text_put(o, "\n");
	}
}

/* "STAGE START TOOK" and, over the bars, what their two ends mean. */
static void draw_header(struct text *o, const struct timeline *t, const struct timeline_style *s)
{
	char end[FORMAT_MAX];

	text_put(o, "%s    ", tone_on(s, TONE_DIM));
	text_left(o, "STAGE", STAGE_WIDTH);
	text_right(o, "START", TIME_WIDTH);
	text_right(o, "TOOK", TIME_WIDTH);
	text_put(o, "  0 s");
	text_right(o, format_seconds(scale_of(t), end), bar_width(s) - 3);
	text_put(o, "%s\n", tone_off(s, TONE_DIM));
}

/* Words of s on lines of `columns`, indented by so many blanks. */
static void put_wrapped(struct text *o, const char *s, size_t columns, size_t indent)
{
	size_t col = indent;

	text_left(o, "", indent);
	while (*s) {
		size_t word = strcspn(s, " ");

		if (col > indent && col + 1 + word > columns) {
			text_put(o, "\n");
			text_left(o, "", indent);
			col = indent;
		}
		text_put(o, "%s%.*s", col > indent ? " " : "", (int)word, s);
		col += word + (col > indent);
		s += word + strspn(s + word, " ");
	}
	text_put(o, "\n");
}

static uint64_t per_second(uint64_t bytes, uint64_t ms)
{
	return bytes < UINT64_MAX / 1000 ? bytes * 1000 / ms : bytes / ms * 1000;
}

/* "13.0 MiB  62%  7.7 MiB/s": what came, how far that is unless it is all, and how fast. */
static void describe_bytes(const struct sum *sum, char *out, size_t size)
{
	char bytes[FORMAT_MAX], rate[FORMAT_MAX], done[8] = "";
	int n;

	if (sum->bytes < sum->total)
		snprintf(done, sizeof done, "%u%%", percent(sum));
	n = snprintf(out, size, "%-10s%-5s", format_bytes(sum->bytes, bytes), done);
	if (sum->transfer_ms >= RATE_MIN_MS)
		snprintf(out + n, size - (size_t)n, "%s/s",
			format_bytes(per_second(sum->bytes, (uint64_t)sum->transfer_ms), rate));
}

/* What a step's row says behind its bar. */
static void describe(
	const struct timeline_step *step, const struct sum *sum, char *out, size_t size)
{
	const char *detail = step->spans[step->n - 1].detail;
	char bytes[FORMAT_MAX];

	if (sum->bytes || sum->total)
		describe_bytes(sum, out, size);
	else if (sum->asked)
		snprintf(out, size, "%-10sasked, %s", format_bytes(sum->asked, bytes),
			sum->inferred ? "end inferred" : "no end seen");
	else if (step->n > 1)
		snprintf(out, size, "%s%s%zu times", detail, *detail ? ", " : "", step->n);
	else
		snprintf(out, size, "%s", detail);
}

static void trim_line(struct text *o)
{
	while (o->len && o->out[o->len - 1] == ' ')
		o->len--;
}

/* Behind the bar, or on lines of its own below it when it is too long for that. */
static void put_note(struct text *o, const struct timeline_style *s, const char *note)
{
	bool fits = format_width(note) <= NOTE_WIDTH;

	if (fits)
		text_put(o, "  %s", note);
	trim_line(o);
	text_put(o, "\n");
	if (!fits)
		put_wrapped(o, note, s->columns, 4 + STAGE_WIDTH);
}

static enum mark mark_of(const struct timeline *t, unsigned stage, const struct sum *sum)
{
	bool last = true;

	for (unsigned i = stage + 1; i < STAGE_FAILED; i++)
		last = last && !t->steps[i].n;
	if (!t->steps[stage].n)
		return MARK_NONE;
	if (sum->aborted || stage == STAGE_FAILED || (t->state == BOOT_FAILED && last))
		return MARK_BAD;
	return t->state == BOOT_OPEN && (last || (sum->open && sum->bytes < sum->total))
		       ? MARK_BUSY
		       : MARK_DONE;
}

static void draw_stage(
	struct text *o, const struct timeline *t, unsigned stage, const struct timeline_style *s)
{
	static const enum tone tones[] = { TONE_DIM, TONE_BUSY, TONE_GOOD, TONE_BAD };
	const struct timeline_step *step = &t->steps[stage];
	struct sum sum = sum_of(t, stage);
	enum mark mark = mark_of(t, stage, &sum);
	uint8_t cells[BAR_MAX] = { 0 };
	char time[FORMAT_MAX], start[FORMAT_MAX + 1], note[TIMELINE_DETAIL_MAX + 32];

	text_put(o, "  ");
	put_mark(o, s, mark);
	text_put(o, " ");
	if (!step->n) {
		put_toned(o, s, TONE_DIM, boot_stage_name((enum boot_stage)stage));
		text_put(o, "\n");
		return;
	}
	text_left(o, boot_stage_name((enum boot_stage)stage), STAGE_WIDTH);
	snprintf(start, sizeof start, "+%s", format_seconds(step->spans[0].start_ms, time));
	text_right(o, start, TIME_WIDTH);
	text_right(o, stage < STAGE_UP ? format_seconds(sum.took_ms, time) : "", TIME_WIDTH);
	text_put(o, "  ");
	fill_stage(t, stage, scale_of(t), cells, bar_width(s));
	put_bar(o, s, cells, bar_width(s), tones[mark]);
	describe(step, &sum, note, sizeof note);
	put_note(o, s, note);
}

char *timeline_draw(
	const struct timeline *t, const struct timeline_style *s, char out[TIMELINE_TEXT_MAX])
{
	struct text o = { out, 0, TIMELINE_TEXT_MAX, false };

	out[0] = 0;
	draw_title(&o, t, s);
	draw_header(&o, t, s);
	for (unsigned i = 0; i < STAGES; i++) {
		bool ended = t->state != BOOT_OPEN;

		/* What a boot that has ended never did is no row; nor is the other end. */
		if (t->steps[i].n || (!ended && i != STAGE_FAILED))
			draw_stage(&o, t, i, s);
	}
	if ((t->state == BOOT_FAILED || t->state == BOOT_OVER) && *t->sentence) {
		text_put(&o, "\n");
		put_wrapped(&o, t->sentence, s->columns, 4);
		if (*t->reason)
			text_put(&o, "    (%s)\n", t->reason);
	}
	if (*t->reboot) {
		char line[sizeof t->reboot + 16];

		snprintf(line, sizeof line, "reboot: %s", t->reboot);
		text_put(&o, "\n");
		put_wrapped(&o, line, s->columns, 4);
	}
	return out;
}

/* ---- one row of a table of hosts ---- */

#define ROW_HOST  12
#define ROW_STAGE 9
#define ROW_TIME  8
#define ROW_BYTES 10
#define ROW_FIXED (2 + 1 + ROW_STAGE + 2 + 5 + ROW_BYTES + ROW_TIME)

static const struct {
	const char *title;
	enum boot_stage stage;
} row_times[] = {
	{ "DHCP", STAGE_DISCOVER },
	{ "SCRIPT", STAGE_SCRIPT },
	{ "AGENT", STAGE_AGENT },
	{ "HANDOFF", STAGE_HANDOFF },
};
#define ROW_TIMES (ARRAY_LEN(row_times) * ROW_TIME)

static size_t row_host(const struct timeline_style *s)
{
	return s->host > ROW_HOST ? s->host : ROW_HOST;
}

static bool row_has_times(const struct timeline_style *s)
{
	return s->columns >= ROW_FIXED + row_host(s) + ROW_TIMES + 8;
}

static size_t row_bar(const struct timeline_style *s)
{
	size_t used = ROW_FIXED + row_host(s) + (row_has_times(s) ? ROW_TIMES : 0);
	size_t n = s->columns > used + 6 ? s->columns - used : 6;

	return n < 30 ? n : 30;
}

char *timeline_row_header(const struct timeline_style *s, char out[TIMELINE_TEXT_MAX])
{
	struct text o = { out, 0, TIMELINE_TEXT_MAX, false };

	text_put(&o, "%s  ", tone_on(s, TONE_DIM));
	text_left(&o, "HOST", row_host(s) + 1);
	text_left(&o, "STAGE", ROW_STAGE);
	for (size_t i = 0; i < ARRAY_LEN(row_times) && row_has_times(s); i++)
		text_right(&o, row_times[i].title, ROW_TIME);
	text_put(&o, "  ");
	text_left(&o, "IMAGE", row_bar(s) + 5);
	text_right(&o, "BYTES", ROW_BYTES);
	text_right(&o, "TIME", ROW_TIME);
	text_put(&o, "%s", tone_off(s, TONE_DIM));
	return out;
}

static void put_row_times(struct text *o, const struct timeline *t)
{
	for (size_t i = 0; i < ARRAY_LEN(row_times); i++) {
		const struct timeline_step *step = &t->steps[row_times[i].stage];
		char time[FORMAT_MAX];

		text_right(
			o, step->n ? format_seconds(step->spans[0].start_ms, time) : "", ROW_TIME);
	}
}

static void put_row_image(
	struct text *o, const struct timeline *t, const struct timeline_style *s, enum tone tone)
{
	struct sum sum = sum_of(t, STAGE_IMAGE);
	uint8_t cells[BAR_MAX] = { 0 };
	char bytes[FORMAT_MAX], done[8] = "";
	size_t n = row_bar(s), full = 8 * n * percent(&sum) / 100;

	for (size_t i = 0; i < n && t->steps[STAGE_IMAGE].n; i++)
		cells[i] = CELL_IDLE;
	for (size_t i = 0; i < full / 8; i++)
		cells[i] = CELL_FULL;
	if (full % 8)
		cells[full / 8] = (uint8_t)(full % 8);
	if (sum.total)
		snprintf(done, sizeof done, "%u%%", percent(&sum));
	put_bar(o, s, cells, n, tone);
	text_right(o, done, 5);
	text_right(o, sum.bytes ? format_bytes(sum.bytes, bytes) : "", ROW_BYTES);
}

/* As many whole words of it as there is room for beside `used` columns. */
static void put_sentence(
	struct text *o, const char *sentence, size_t used, const struct timeline_style *s)
{
	const size_t room = s->columns > used + 20 ? s->columns - used : 20;
	char cut[sizeof((struct timeline *)0)->sentence + sizeof " ..."];
	size_t n;

	snprintf(cut, sizeof cut, "%s", sentence);
	while (format_width(cut) + (strlen(cut) < strlen(sentence) ? 4 : 0) > room) {
		n = strlen(cut);
		while (n && cut[--n] != ' ')
			;
		cut[n] = 0;
	}
	if (strlen(cut) < strlen(sentence))
		strcat(cut, " ...");
	text_left(o, cut, room);
}

char *timeline_row(
	const struct timeline *t, const struct timeline_style *s, char out[TIMELINE_TEXT_MAX])
{
	static const enum mark marks[] = { MARK_BUSY, MARK_DONE, MARK_BAD, MARK_NONE };
	static const enum tone tones[] = { TONE_BUSY, TONE_GOOD, TONE_BAD, TONE_DIM };
	struct text o = { out, 0, TIMELINE_TEXT_MAX, false };
	char time[FORMAT_MAX];

	put_mark(&o, s, marks[t->state]);
	text_put(&o, " ");
	text_left(&o, t->host, row_host(s));
	text_put(&o, " %s", tone_on(s, tones[t->state]));
	text_left(&o, boot_stage_name(timeline_stage(t)), ROW_STAGE);
	text_put(&o, "%s", tone_off(s, tones[t->state]));
	if (t->state == BOOT_FAILED) {
		text_put(&o, "  ");
		put_sentence(&o, t->sentence, 2 + row_host(s) + 1 + ROW_STAGE + 2 + ROW_TIME, s);
	} else {
		if (row_has_times(s))
			put_row_times(&o, t);
		text_put(&o, "  ");
		put_row_image(&o, t, s, tones[t->state]);
	}
	text_right(&o, format_seconds(waited_took_ms(&t->waited, t->elapsed_ms), time), ROW_TIME);
	return out;
}
