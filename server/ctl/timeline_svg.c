/* timeline_svg.c: each stage is a block of rows, each of its steps a bar on the axis of time. */
#include "server/ctl/timeline_svg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/format.h"
#include "server/ctl/text.h"

#define SVG_MAX	   (512 * 1024) /* bytes that always hold it: a row is at most 1 KiB */
#define LEFT	   140		/* names of stages */
#define PLOT	   900		/* the time axis */
#define RIGHT	   60
#define TOP	   96
#define ROW	   22
#define BAR	   14
#define GAP	   6 /* between stages */
#define CHAR_W	   7 /* of a letter at 12 px, about: what decides on which side a text stands */
#define TICKS	   10
#define TEXT_CHARS 120 /* of the sentence, on one line */

struct svg {
	struct text o;
	const struct timeline *t;
	int64_t scale_ms;
	unsigned y; /* of the next row */
};

/* ---- XML ---- */

/* Text between tags, which format_clean has cleaned. */
static void put_escaped(struct text *o, const char *s)
{
	for (; *s; s++) {
		/* U+FFFE and U+FFFF are none of XML's */
		const bool bad = (unsigned char)s[0] == 0xef && (unsigned char)s[1] == 0xbf &&
				 ((unsigned char)s[2] & 0xfe) == 0xbe;
		const char *as = *s == '<'   ? "&lt;"
				 : *s == '>' ? "&gt;"
				 : *s == '&' ? "&amp;"
				 : *s == '"' ? "&quot;"
					     : NULL;

		if (bad)
			s += 2;
		if (bad || as)
			text_put(o, "%s", bad ? "?" : as);
		else
			text_put(o, "%c", *s);
	}
}

static void put_label(
	struct svg *v, double x, double y, const char *anchor, const char *class, const char *text)
{
	char clean[1024];

	snprintf(clean, sizeof clean, "%s", text);
	text_put(&v->o, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y,
		anchor, class);
	put_escaped(&v->o, format_clean(clean));
	text_put(&v->o, "</text>\n");
}

/* ---- the axis ---- */

static double x_of(const struct svg *v, int64_t ms)
{
	return LEFT + (double)ms * PLOT / (double)v->scale_ms;
}

/* 1, 2 or 5 times a power of ten, or minutes: at most TICKS of them. */
static int64_t tick_ms(int64_t scale_ms)
{
	static const int64_t steps[] = { 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 15000,
		30000, 60000, 120000, 300000, 600000, 1800000, 3600000, 7200000, 21600000,
		86400000 };
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(steps) && scale_ms / steps[i] > TICKS)
		i++;
	while (scale_ms / steps[i] > 100) /* a boot of months: rather no axis than a wall */
		return scale_ms;
	return steps[i];
}

static void draw_axis(struct svg *v, unsigned bottom)
{
	const int64_t step = tick_ms(v->scale_ms);
	char time[FORMAT_MAX];

	for (int64_t ms = 0; ms <= v->scale_ms; ms += step) {
		const double x = x_of(v, ms);

		text_put(&v->o,
			"<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%u\" class=\"grid\"/>\n", x,
			TOP - 6, x, bottom);
		put_label(v, x, TOP - 12, "middle", "tick", format_seconds(ms, time));
	}
}

/* ---- one step ---- */

/* "vmlinuz  8.0 MiB, 4.0 MiB/s, 2.0 s" */
static void describe(const struct timeline_span *s, int64_t end_ms, char *out, size_t size)
{
	const int64_t took = end_ms - s->start_ms;
	char bytes[FORMAT_MAX], rate[FORMAT_MAX], time[FORMAT_MAX];
	int n = snprintf(out, size, "%s", s->detail);

	if (s->asked && s->total)
		n += snprintf(out + n, size - (size_t)n, "%s%s asked", n ? "  " : "",
			format_bytes(s->total, bytes));
	else if (s->bytes || s->total)
		n += snprintf(out + n, size - (size_t)n, "%s%s", n ? "  " : "",
			format_bytes(s->bytes, bytes));
	if (s->bytes < s->total && !s->asked)
		n += snprintf(out + n, size - (size_t)n, " of %s", format_bytes(s->total, bytes));
	if (s->bytes && took >= 50)
		n += snprintf(out + n, size - (size_t)n, ", %s/s",
			format_bytes((uint64_t)((double)s->bytes * 1000 / (double)took), rate));
	if (took > 0)
		n += snprintf(out + n, size - (size_t)n, "%s%s", n ? ", " : "",
			format_seconds(took, time));
	if (s->aborted)
		snprintf(out + n, size - (size_t)n, "%saborted", n ? ", " : "");
}

/* Beside the bar, on the side where there is more room. */
static void draw_note(struct svg *v, double from, double to, const char *note)
{
	const double y = v->y + BAR, width = (double)format_width(note) * CHAR_W;

	if (to + 6 + width < LEFT + PLOT + RIGHT || to < LEFT + PLOT / 2.0)
		put_label(v, to + 6, y - 2, "start", "note", note);
	else if (from - 6 - width > LEFT || from > LEFT + PLOT / 2.0)
		put_label(v, from - 6, y - 2, "end", "note", note);
	else
		put_label(v, from + 6, y - 2, "start", "note", note);
}

static const char *class_of(const struct timeline *t, unsigned stage, const struct timeline_span *s)
{
	if (s->aborted || stage == STAGE_FAILED)
		return "bad";
	if (s->open && t->state == BOOT_OPEN)
		return "busy";
	return s->asked ? "asked" : stage == STAGE_UP ? "up" : "done";
}

static void draw_span(struct svg *v, unsigned stage, const struct timeline_span *s)
{
	const int64_t end = timeline_span_end(v->t, stage, s),
		      idle = timeline_idle_until(v->t, stage, s, end);
	double from = x_of(v, s->start_ms), to = x_of(v, end);
	char note[TIMELINE_DETAIL_MAX + 96];

	to = to < from + 3 ? from + 3 : to;
	if (idle > end)
		text_put(&v->o,
			"<rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"4\" class=\"idle\"/>\n",
			to, v->y + BAR / 2 - 2, x_of(v, idle) > to ? x_of(v, idle) - to : 0);
	text_put(&v->o,
		"<rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%d\" rx=\"2\" class=\"%s\"/>\n",
		from, v->y, to - from, BAR, class_of(v->t, stage, s));
	describe(s, end, note, sizeof note);
	if (stage != STAGE_FAILED) /* its sentence stands below */
		draw_note(v, from, to, note);
	v->y += ROW;
}

/* How far the whole image is says nothing once it is over: its files have rows of their own. */
static bool is_shown(const struct timeline *t, const struct timeline_step *step, size_t i)
{
	return step->spans[i].detail[0] || !step->spans[i].total || step->n == 1 ||
	       t->state == BOOT_OPEN;
}

static void draw_stage(struct svg *v, unsigned stage)
{
	const struct timeline_step *step = &v->t->steps[stage];
	char time[FORMAT_MAX], start[FORMAT_MAX + 1];

	snprintf(start, sizeof start, "+%s", format_seconds(step->spans[0].start_ms, time));
	put_label(v, LEFT - 62, v->y + BAR - 2, "end", "stage",
		boot_stage_name((enum boot_stage)stage));
	put_label(v, LEFT - 8, v->y + BAR - 2, "end", "tick", start);
	for (size_t i = 0; i < step->n; i++) {
		if (is_shown(v->t, step, i))
			draw_span(v, stage, &step->spans[i]);
	}
	v->y += GAP;
}

/* ---- around it ---- */

static const char style[] =
	"<style>\n"
	"text{font:12px sans-serif;fill:#222}\n"
	".title{font-size:20px;font-weight:bold}\n"
	".stage{font-weight:bold}\n"
	".note{paint-order:stroke;stroke:#fff;stroke-width:3px}\n"
	".tick{font-size:10px;fill:#666}\n"
	".bad-text{fill:#b3261e;font-weight:bold}\n"
	".grid{stroke:#ddd;stroke-width:1}\n"
	".done{fill:#7fb3e6}.up{fill:#2e8b57}.busy{fill:#f2b632}.bad{fill:#d9534f}\n"
	".asked{fill:#fff;stroke:#7fb3e6;stroke-dasharray:3 2}\n"
	".idle{fill:#e4e4e4}\n"
	"</style>\n";

static void draw_title(struct svg *v)
{
	static const char *const ends[] = { "booting for ", "up after ", "failed after ",
		"handed over, " };
	const struct timeline *t = v->t;
	char text[512], took[FORMAT_MAX], waited[WAITED_TEXT];

	put_label(v, 16, 30, "start", "title", t->host);
	snprintf(text, sizeof text, "boot %lld  %s  %s  %s", (long long)t->boot, t->image,
		t->firmware, t->addr);
	put_label(v, 16, 52, "start", "note", text);
	waited_text(&t->waited, waited);
	snprintf(text, sizeof text, "%s%s%s%s", ends[t->state],
		format_seconds(waited_took_ms(&t->waited, t->elapsed_ms), took),
		*waited ? ", and " : "", waited);
	put_label(v, LEFT + PLOT, 30, "end", t->state == BOOT_FAILED ? "bad-text" : "stage", text);
}

static void draw_legend(struct svg *v)
{
	static const struct {
		const char *class, *text;
	} marks[] = { { "done", "seen" }, { "asked", "asked for, end not seen" },
		{ "busy", "goes on" }, { "bad", "aborted or failed" }, { "idle", "nothing seen" },
		{ "up", "up" } };
	double x = LEFT;

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		text_put(&v->o,
			"<rect x=\"%.1f\" y=\"%u\" width=\"18\" height=\"10\" class=\"%s\"/>\n", x,
			v->y + 2, marks[i].class);
		put_label(v, x + 24, v->y + 11, "start", "tick", marks[i].text);
		x += 50 + (double)strlen(marks[i].text) * 6;
	}
	v->y += ROW;
}

/* The sentence and its code, on lines of TEXT_CHARS. */
static void draw_reason(struct svg *v)
{
	char text[sizeof v->t->sentence + sizeof v->t->reason + 8], line[TEXT_CHARS + 4];
	const char *s = text;

	if (!v->t->sentence[0])
		return;
	snprintf(text, sizeof text, "%s%s%s%s", v->t->sentence, v->t->reason[0] ? "  (" : "",
		v->t->reason, v->t->reason[0] ? ")" : "");
	v->y += GAP;
	while (*s) {
		size_t n = strlen(s);

		if (n > TEXT_CHARS) {
			n = TEXT_CHARS;
			while (n > 1 && s[n] != ' ')
				n--;
			n = n > 1 ? n : TEXT_CHARS; /* a letter that is cut is cleaned away */
		}
		snprintf(line, sizeof line, "%.*s", (int)n, s);
		put_label(v, LEFT, v->y + BAR, "start", "bad-text", line);
		v->y += ROW;
		s += n + (s[n] == ' ');
	}
}

static unsigned rows_height(const struct timeline *t)
{
	unsigned y = 0;

	for (unsigned i = 0; i < STAGES; i++) {
		for (size_t k = 0; k < t->steps[i].n; k++)
			y += is_shown(t, &t->steps[i], k) ? ROW : 0;
		y += t->steps[i].n ? GAP : 0;
	}
	return y;
}

char *timeline_svg(const struct timeline *t)
{
	char *out = malloc(SVG_MAX);
	const unsigned bottom = TOP + rows_height(t);
	const unsigned reason = t->sentence[0] ? ROW * (unsigned)(strlen(t->sentence) / 80 + 2) : 0;
	struct svg v = { .o = { out, 0, SVG_MAX, false }, .t = t, .y = TOP };

	if (!out)
		return NULL;
	out[0] = 0;
	v.scale_ms = t->elapsed_ms > 0 ? t->elapsed_ms : 1;
	text_put(&v.o,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\""
		" width=\"%d\" height=\"%u\" viewBox=\"0 0 %d %u\">\n",
		LEFT + PLOT + RIGHT, bottom + ROW + reason + 16, LEFT + PLOT + RIGHT,
		bottom + ROW + reason + 16);
	text_put(&v.o, "%s<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", style);
	draw_title(&v);
	draw_axis(&v, bottom);
	for (unsigned i = 0; i < STAGES; i++) {
		if (t->steps[i].n)
			draw_stage(&v, i);
	}
	draw_legend(&v);
	draw_reason(&v);
	text_put(&v.o, "</svg>\n");
	return out;
}
