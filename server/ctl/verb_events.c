/* verb_events.c: `muster events`, and how an event looks as a line. */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/bytes.h"
#include "server/ctl/client.h"
#include "server/ctl/event.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"

#define BATCH	 500 /* events in one answer at most */
#define LAST_FEW 50

/* ---- one event ---- */

static const char *const fields[] = { "id", "at", "host", "boot", "since_ms", "stage", "what",
	"source", "bytes", "total", "detail" };

void event_header(const struct ctl *c)
{
	if (c->format == CTL_CSV)
		csv_row(fields, ARRAY_LEN(fields));
}

static void print_csv(const struct json *event)
{
	char numbers[ARRAY_LEN(fields)][FORMAT_MAX];
	const char *cells[ARRAY_LEN(fields)];

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct json *value = json_get(event, fields[i]);

		cells[i] = json_str(value, "");
		if (json_is_int(value)) {
			snprintf(numbers[i], FORMAT_MAX, "%" PRId64, json_int(value, 0));
			cells[i] = numbers[i];
		}
	}
	csv_row(cells, ARRAY_LEN(fields));
}

/* "8.2 MiB of 13.2 MiB  62%", "8.2 MiB", "of 13.2 MiB" before the first, or nothing. */
static void describe_bytes(const struct json *event, char *out, size_t size)
{
	uint64_t bytes = (uint64_t)json_get_int(event, "bytes", 0),
		 total = (uint64_t)json_get_int(event, "total", 0);
	char a[FORMAT_MAX], b[FORMAT_MAX];

	*out = 0;
	if (total && !bytes && strcmp(json_get_str(event, "what", ""), "aborted") != 0)
		snprintf(out, size, "of %s", format_bytes(total, b));
	else if (total && bytes < total)
		snprintf(out, size, "%s of %s %u%%", format_bytes(bytes, a), format_bytes(total, b),
			(unsigned)((double)bytes * 100 / (double)total));
	else if (bytes)
		snprintf(out, size, "%s", format_bytes(bytes, a));
}

static void print_line(const struct json *event)
{
	int64_t at = json_get_int(event, "at", 0);
	time_t at_s = (time_t)(at / 1000);
	const char *detail = json_get_str(event, "detail", "");
	char clock[16] = "", since[FORMAT_MAX], bytes[64], *line;
	struct tm tm;

	if (localtime_r(&at_s, &tm))
		strftime(clock, sizeof clock, "%H:%M:%S", &tm);
	describe_bytes(event, bytes, sizeof bytes);
	format_seconds(json_get_int(event, "since_ms", 0), since);
	if (asprintf(&line, "%s.%03d  %-15s boot %-4" PRId64 " +%-8s %-8s %-9s  %s%s%s", clock,
		    (int)(at % 1000), json_get_str(event, "host", "-"),
		    json_get_int(event, "boot", 0), since, json_get_str(event, "stage", ""),
		    json_get_str(event, "what", ""), bytes, *bytes && *detail ? "  " : "",
		    detail) < 0)
		errx(CTL_FAILED, "out of memory");
	for (size_t n = strlen(line); n && line[n - 1] == ' ';)
		line[--n] = 0;
	puts(format_clean(line));
	free(line);
}

void event_print(const struct ctl *c, const struct json *event)
{
	char *text;

	if (c->format == CTL_CSV) {
		print_csv(event);
	} else if (c->format == CTL_NAME) {
		printf("%" PRId64 "\n", json_get_int(event, "id", 0));
	} else if (c->format == CTL_JSON) {
		text = json_text(event);
		puts(text ? text : "null");
		free(text);
	} else {
		print_line(event);
	}
}

/* ---- muster events ---- */

struct follow {
	bool on;
	int64_t since; /* -1: begin with the newest */
	int64_t limit;
	struct hostlist hosts; /* empty: all */
};

static void print_events(const struct ctl *c, const struct follow *f, const struct json *events)
{
	for (size_t i = 0; i < json_len(events); i++) {
		const struct json *e = json_at(events, i);

		if (!f->hosts.n || hostlist_has(&f->hosts, json_get_str(e, "host", "")))
			event_print(c, e);
	}
	fflush(stdout);
}

/* Ask once and print. Stores in *more whether the answer was full, so that there is more to ask. */
static int next_events(struct ctl *c, struct follow *f, bool *more)
{
	char path[96];
	struct answer a;
	const struct json *events;
	int rc;

	if (f->since < 0)
		snprintf(path, sizeof path, "/api/v1/events?limit=%" PRId64, f->limit);
	else
		snprintf(path, sizeof path, "/api/v1/events?after=%" PRId64 "&limit=%d", f->since,
			BATCH);
	rc = client_get(c, path, &a);
	if (rc)
		return rc;
	events = json_get(a.doc, "events");
	*more = f->since >= 0 && json_len(events) == BATCH;
	f->since = json_get_int(a.doc, "last", f->since < 0 ? 0 : f->since);
	if (c->format == CTL_JSON && !f->on && !f->hosts.n)
		puts(a.text);
	else
		print_events(c, f, events);
	answer_fini(&a);
	return CTL_OK;
}

/* A whole number of at least `least`; -1 for anything else. */
static int64_t parse_count(const char *s, int64_t least)
{
	char *end;
	long long n = strtoll(s, &end, 10);

	return *s && !*end && n >= least ? n : -1;
}

static int parse(struct ctl *c, int argc, char **argv, struct follow *f)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "since", required_argument, NULL, 's' },
		{ "limit", required_argument, NULL, 'l' },
		{ "host", required_argument, NULL, 'H' },
		{ 0 },
	};
	int o, rc;

	while ((o = getopt_long(argc, argv, "f", options, NULL)) != -1) {
		if (o == 'f')
			f->on = true;
		else if (o == 's' && (f->since = parse_count(optarg, 0)) < 0)
			return ctl_usage(c, "--since takes an event's number, not '%s'", optarg);
		else if (o == 'l' && ((f->limit = parse_count(optarg, 1)) < 0 || f->limit > BATCH))
			return ctl_usage(c, "--limit takes a number from 1 to %d", BATCH);
		else if (o == 'H' && (rc = hosts_resolve(c, 1, &optarg, &f->hosts)))
			return rc;
		else if (o == '?')
			return ctl_usage(c, NULL);
	}
	return optind < argc ? ctl_usage(c, "'%s' is too much", argv[optind]) : CTL_OK;
}

struct following {
	const struct ctl *c;
	const struct follow *f;
};

static int on_event(void *arg, const struct json *event)
{
	const struct following *g = arg;

	if (!event)
		fflush(stdout);
	else if (!g->f->hosts.n || hostlist_has(&g->f->hosts, json_get_str(event, "host", "")))
		event_print(g->c, event);
	return 0;
}

int verb_events(struct ctl *c, int argc, char **argv)
{
	struct follow f = { .since = -1, .limit = LAST_FEW };
	struct following g = { c, &f };
	bool more = true;
	int rc = parse(c, argc, argv, &f);

	if (!rc)
		event_header(c);
	while (!rc && more)
		rc = next_events(c, &f, &more);
	if (!rc && f.on)
		rc = client_follow(c, &f.since, on_event, &g);
	hostlist_fini(&f.hosts);
	return rc;
}
