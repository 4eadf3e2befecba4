/* verb_timeline.c: `muster host timeline`: the newest boot of one host, or of many, as it goes on.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "server/bytes.h"
#include "server/ctl/event.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/timeline.h"
#include "server/ctl/timeline_svg.h"
#include "server/ctl/verbs.h"
#include "server/loop.h"

#define COLUMNS_MIN 76 /* narrower lines would wrap, and a wrapped picture cannot be redrawn */

struct row {
	char host[HOST_TEXT_MAX];
	int64_t old_boot;   /* with --next: not this one */
	int64_t last_event; /* printed, when there is no terminal to redraw */
	struct timeline t;  /* t.boot is 0 until there is one */
};

struct watch {
	struct ctl *c;
	struct hostlist names; /* empty: all hosts */
	int64_t boot;	       /* --boot ID, or 0 */
	bool all, follow, next;
	bool svg;	 /* a picture, not text */
	const char *out; /* its file, NULL: standard output */
	size_t count;	 /* end when so many boots are over; 0: see finished() */
	struct row *rows;
	size_t n, size;
	bool changed;	/* something has happened to one of them */
	unsigned lines; /* on the terminal, to be drawn over */
	struct timeline_style style;
};

/* ---- the server's answer -> a timeline ---- */

static void copy(char *out, size_t size, const char *s)
{
	snprintf(out, size, "%s", s);
	format_clean(out);
}

static enum boot_state state_of(const struct json *boot)
{
	const char *s = json_get_str(boot, "state", "open");

	return !strcmp(s, "up")	      ? BOOT_UP
	       : !strcmp(s, "failed") ? BOOT_FAILED
	       : !strcmp(s, "over")   ? BOOT_OVER
				      : BOOT_OPEN;
}

/* A time of the server's, so that no sum of them overflows. */
static int64_t get_ms(const struct json *o, const char *key, int64_t def)
{
	int64_t ms = json_get_int(o, key, def);

	return ms < 0 ? 0 : ms < TIMELINE_MS_MAX ? ms : TIMELINE_MS_MAX;
}

static void take_event(struct timeline *t, const struct json *e)
{
	struct timeline_event event = {
		.since_ms = get_ms(e, "since_ms", 0),
		.bytes = (uint64_t)json_get_int(e, "bytes", 0),
		.total = (uint64_t)json_get_int(e, "total", 0),
	};
	char *detail;

	if (boot_stage_parse(json_get_str(e, "stage", ""), &event.stage) ||
		timeline_what_parse(json_get_str(e, "what", ""), &event.what))
		return; /* a newer server's word */
	detail = strdup(json_get_str(e, "detail", ""));
	if (!detail)
		errx(CTL_FAILED, "out of memory");
	event.detail = format_clean(detail);
	timeline_add(t, &event);
	free(detail);
}

/* An open boot has lasted until now, as our clock sees it; an ended one until it ended. */
static int64_t elapsed(const struct json *boot, enum boot_state state)
{
	int64_t started = get_ms(boot, "started", 0),
		end = state == BOOT_OPEN ? (int64_t)now_wall_ms() : get_ms(boot, "ended", started);

	return end > started ? end - started : 0;
}

static void take_boot(struct timeline *t, const struct json *boot)
{
	const struct json *events = json_get(boot, "events");
	const char *image = json_get_str(boot, "image", ""),
		   *version = json_get_str(boot, "version", "");
	char name[sizeof t->image];

	memset(t, 0, sizeof *t);
	t->boot = json_get_int(boot, "id", 0);
	t->state = state_of(boot);
	t->elapsed_ms = elapsed(boot, t->state);
	waited_read(boot, (int64_t)now_wall_ms(), &t->waited);
	snprintf(name, sizeof name, "%.63s%s%.63s", image, *version ? " " : "", version);
	copy(t->host, sizeof t->host, json_get_str(boot, "host", ""));
	copy(t->image, sizeof t->image, name);
	copy(t->firmware, sizeof t->firmware, json_get_str(boot, "firmware", ""));
	copy(t->addr, sizeof t->addr, json_get_str(boot, "addr", ""));
	copy(t->reason, sizeof t->reason, json_get_str(boot, "reason", ""));
	copy(t->sentence, sizeof t->sentence, json_get_str(boot, "sentence", ""));
	for (size_t i = 0; i < json_len(events); i++)
		take_event(t, json_at(events, i));
}

/* ---- asking ---- */

/* May the picture be drawn over? Else new events are printed, one a line. */
static bool redraws(const struct watch *w)
{
	return w->follow && w->c->tty && w->c->columns >= COLUMNS_MIN &&
	       (w->c->format == CTL_TABLE || w->c->format == CTL_WIDE);
}

static void print_new_events(const struct watch *w, struct row *row, const struct json *events)
{
	for (size_t i = 0; i < json_len(events); i++) {
		const struct json *e = json_at(events, i);
		int64_t id = json_get_int(e, "id", 0);

		if (id <= row->last_event)
			continue;
		event_print(w->c, e);
		row->last_event = id;
	}
	fflush(stdout);
}

/* With --boot: is it one of the hosts that were named, where any were? */
static bool is_of(const struct watch *w, const struct json *boot)
{
	return !w->boot || !w->names.n || hostlist_has(&w->names, json_get_str(boot, "host", ""));
}

/* Fetch one boot into the row; print it where the format is for machines. */
static int load(struct watch *w, struct row *row, int64_t boot)
{
	struct answer a;
	char path[64];
	int rc;

	snprintf(path, sizeof path, "/api/v1/boots/%" PRId64, boot);
	rc = client_get(w->c, path, &a);
	if (!rc && !is_of(w, a.doc)) {
		rc = ctl_fail(CTL_NOT_FOUND, "boot %" PRId64 " is one of %s", boot,
			json_get_str(a.doc, "host", "another host"));
		answer_fini(&a);
	}
	if (rc)
		return rc;
	take_boot(&row->t, a.doc);
	if (!w->follow && w->c->format == CTL_JSON)
		puts(a.text);
	else if (w->follow ? !redraws(w) : w->c->format == CTL_CSV || w->c->format == CTL_NAME)
		print_new_events(w, row, json_get(a.doc, "events"));
	answer_fini(&a);
	return CTL_OK;
}

static struct row *row_of(struct watch *w, const char *host)
{
	struct row *row;

	for (size_t i = 0; i < w->n; i++) {
		if (!strcmp(w->rows[i].host, host))
			return &w->rows[i];
	}
	if (w->n == w->size) {
		size_t size = w->size ? 2 * w->size : 8;
		struct row *rows = reallocarray(w->rows, size, sizeof *rows);

		if (!rows)
			errx(CTL_FAILED, "out of memory");
		w->rows = rows;
		w->size = size;
	}
	row = &w->rows[w->n++];
	memset(row, 0, sizeof *row);
	copy(row->host, sizeof row->host, host);
	return row;
}

static int look_at(struct watch *w, const struct json *host, bool first)
{
	int64_t boot = json_get_int(host, "boot", 0);
	struct row *row = row_of(w, hosts_name(host));

	if (first && w->next)
		row->old_boot = boot;
	if (!boot || boot == row->old_boot)
		return CTL_OK;
	if (boot == row->t.boot && row->t.state != BOOT_OPEN)
		return CTL_OK; /* over: nothing more will come */
	return load(w, row, boot);
}

static int look(struct watch *w, bool first)
{
	struct hosts h;
	int rc;

	if (w->boot)
		return load(w, row_of(w, ""), w->boot);
	rc = hosts_fetch(w->c, w->all ? NULL : &w->names, &h);
	for (size_t i = 0; !rc && i < h.n; i++)
		rc = look_at(w, h.nodes[i], first);
	if (!rc && first && !w->follow && !w->all) {
		for (size_t i = 0; !rc && i < w->names.n; i++) {
			if (!hosts_find(&h, w->names.names[i]))
				rc = ctl_fail(
					CTL_NOT_FOUND, "there is no host %s", w->names.names[i]);
		}
	}
	hosts_fini(&h);
	return rc;
}

/* ---- drawing ---- */

static size_t in_state(const struct watch *w, enum boot_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->rows[i].t.boot && w->rows[i].t.state == state;
	return n;
}

static unsigned count_lines(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void put_text(struct watch *w, const char *s)
{
	fputs(s, stdout);
	w->lines += count_lines(s);
}

/* Hosts that fit on the screen; the open ones first, then the failed, then those that are up. */
static size_t rows_that_fit(const struct watch *w)
{
	struct winsize size = { 0 };

	if (!redraws(w) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row < 8)
		return w->n;
	return size.ws_row - 5u;
}

static void draw_table(struct watch *w)
{
	static const enum boot_state order[] = { BOOT_OPEN, BOOT_FAILED, BOOT_OVER, BOOT_UP };
	char text[TIMELINE_TEXT_MAX];
	size_t room = rows_that_fit(w), left = 0;
	bool keep_order = w->n <= room;

	for (size_t i = 0; i < w->n; i++) {
		const size_t n = format_width(w->rows[i].host);

		w->style.host = n > w->style.host ? (unsigned)n : w->style.host;
	}
	put_text(w, timeline_row_header(&w->style, text));
	put_text(w, "\n");
	for (size_t k = 0; k < (keep_order ? 1 : ARRAY_LEN(order)); k++) {
		for (size_t i = 0; i < w->n; i++) {
			const struct timeline *t = &w->rows[i].t;

			if (!t->boot || (!keep_order && t->state != order[k]))
				continue;
			if (!room) {
				left++;
				continue;
			}
			room--;
			put_text(w, timeline_row(t, &w->style, text));
			put_text(w, "\n");
		}
	}
	if (left)
		snprintf(text, sizeof text, "  and %zu more\n", left);
	put_text(w, left ? text : "");
	snprintf(text, sizeof text, "\n  %zu up, %zu booting, %zu failed\n", in_state(w, BOOT_UP),
		in_state(w, BOOT_OPEN), in_state(w, BOOT_FAILED));
	put_text(w, text);
}

static bool is_single(const struct watch *w)
{
	return w->boot || (!w->all && w->names.n == 1);
}

static void draw(struct watch *w)
{
	char text[TIMELINE_TEXT_MAX];

	if (w->lines)
		printf("\033[%uA\r\033[J", w->lines);
	w->lines = 0;
	if (!is_single(w))
		draw_table(w);
	else if (w->n && w->rows[0].t.boot)
		put_text(w, timeline_draw(&w->rows[0].t, &w->style, text));
	else
		put_text(w, w->follow ? "waiting for its first packet\n" : "it has never booted\n");
	fflush(stdout);
}

/* ---- the verb ---- */

/* Is every boot over that was asked for? `--all` without a count goes on for ever. */
static bool finished(const struct watch *w)
{
	size_t want = w->count ? w->count : w->boot ? 1 : w->names.n;

	return want &&
	       in_state(w, BOOT_UP) + in_state(w, BOOT_FAILED) + in_state(w, BOOT_OVER) >= want;
}

static int parse_number(const struct ctl *c, const char *name, const char *s, int64_t *out)
{
	char *end;
	long long n = strtoll(s, &end, 10);

	if (n < 1 || *end)
		return ctl_usage(c, "%s takes a number, not '%s'", name, s);
	*out = n;
	return CTL_OK;
}

static int parse(struct watch *w, int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "all", no_argument, NULL, 'a' },
		{ "next", no_argument, NULL, 'n' },
		{ "boot", required_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'c' },
		{ "svg", no_argument, NULL, 's' },
		{ "out", required_argument, NULL, 'o' },
		{ 0 },
	};
	int64_t count = 0;
	int o, rc = CTL_OK;

	while (!rc && (o = getopt_long(argc, argv, "fo:", options, NULL)) != -1) {
		w->svg = w->svg || o == 's';
		w->out = o == 'o' ? optarg : w->out;
		w->follow = w->follow || o == 'f';
		w->all = w->all || o == 'a';
		w->next = w->next || o == 'n';
		rc = o == 'b'	? parse_number(w->c, "--boot", optarg, &w->boot)
		     : o == 'c' ? parse_number(w->c, "--count", optarg, &count)
		     : o == '?' ? ctl_usage(w->c, NULL)
				: CTL_OK;
	}
	w->count = (size_t)count;
	if (!rc)
		rc = hosts_resolve(w->c, argc - optind, argv + optind, &w->names);
	if (!rc && !w->names.n && !w->all && !w->boot)
		rc = ctl_usage(w->c, "which host? or --all");
	if (!rc && w->next && !w->follow)
		rc = ctl_usage(w->c, "--next goes with -f");
	if (!rc && w->svg && (w->follow || !is_single(w)))
		rc = ctl_usage(w->c, "--svg draws one boot of one host, as it is now");
	if (!rc && w->out && !w->svg)
		rc = ctl_usage(w->c, "--out goes with --svg");
	return rc;
}

/* To the file or to standard output; a file that could not be written whole is an error. */
static int put_svg(const char *svg, const char *file)
{
	FILE *f = file ? fopen(file, "w") : stdout;

	if (!f)
		return ctl_fail(CTL_FAILED, "cannot write %s: %s", file, strerror(errno));
	fputs(svg, f);
	if (!file)
		return CTL_OK; /* main looks whether that went well */
	return fclose(f) == 0 ? CTL_OK
			      : ctl_fail(CTL_FAILED, "cannot write %s: %s", file, strerror(errno));
}

static int draw_svg(const struct watch *w)
{
	char *svg;
	int rc;

	if (!w->n || !w->rows[0].t.boot)
		return ctl_fail(CTL_FAILED, "it has never booted");
	svg = timeline_svg(&w->rows[0].t);
	if (!svg)
		return ctl_fail(CTL_FAILED, "out of memory");
	rc = put_svg(svg, w->out);
	free(svg);
	return rc;
}

static bool for_people(const struct ctl *c)
{
	return c->format == CTL_TABLE || c->format == CTL_WIDE;
}

/* ---- following ---- */

/* The number of the newest event: what comes after it will be told. */
static int newest_event(struct ctl *c, int64_t *out)
{
	struct answer a;
	int rc = client_get(c, "/api/v1/events?limit=1", &a);

	if (rc)
		return rc;
	*out = json_get_int(a.doc, "last", 0);
	answer_fini(&a);
	return CTL_OK;
}

static int step(struct watch *w, bool first)
{
	int rc = look(w, first);

	if (!rc && redraws(w))
		draw(w);
	return rc;
}

static bool concerns(const struct watch *w, const struct json *event)
{
	return w->all || (w->boot && json_get_int(event, "boot", 0) == w->boot) ||
	       hostlist_has(&w->names, json_get_str(event, "host", ""));
}

/* Events are told one by one; what they come to is looked at once they are all told. */
static int on_event(void *arg, const struct json *event)
{
	struct watch *w = arg;
	int rc;

	if (event) {
		w->changed = w->changed || concerns(w, event);
		return 0;
	}
	if (!w->changed && !redraws(w))
		return 0;
	w->changed = false;
	rc = step(w, false);
	return rc ? rc : finished(w) ? CLIENT_STOP : 0;
}

static int watch(struct watch *w)
{
	int64_t after = 0;
	int rc = w->follow ? newest_event(w->c, &after) : CTL_OK;

	if (!rc)
		rc = step(w, true);
	if (rc || !w->follow || finished(w))
		return rc;
	return client_follow(w->c, &after, on_event, w);
}

int verb_host_timeline(struct ctl *c, int argc, char **argv)
{
	struct watch w = { .c = c, .style = { c->columns, 0, c->utf8, c->color } };
	int rc = parse(&w, argc, argv);

	if (!rc) {
		event_header(c);
		rc = watch(&w);
	}
	if (!rc && w.svg)
		rc = draw_svg(&w);
	else if (!rc && for_people(c))
		draw(&w);
	if (!rc && w.follow && in_state(&w, BOOT_FAILED))
		rc = CTL_FAILED;
	free(w.rows);
	hostlist_fini(&w.names);
	return rc;
}
