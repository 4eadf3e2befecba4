/* verb_audit.c: `muster audit list|verify`: who changed what, and whether that is still all there.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/bytes.h"
#include "server/ctl/client.h"
#include "server/ctl/format.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"
#include "server/loop.h"

#define PAGE	 1000
#define CHECKED	 1000 /* rows of one check */
#define LAST_FEW 50
#define HASH_HEX 64

enum { OPT_SINCE = 256, OPT_WHO, OPT_OBJECT, OPT_LIMIT, OPT_HEAD };

static const struct option list_options[] = {
	{ "since", required_argument, NULL, OPT_SINCE },
	{ "who", required_argument, NULL, OPT_WHO },
	{ "object", required_argument, NULL, OPT_OBJECT },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ 0 },
};
static const struct option verify_options[] = {
	{ "head", required_argument, NULL, OPT_HEAD },
	{ 0 },
};

/* ---- list ---- */

struct filter {
	const char *who, *object;
	int64_t since_ms; /* wall clock */
	uint64_t limit;
};

/* What may stand in a query as it is. */
static bool is_plain(const char *s)
{
	return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "-._/:")];
}

static int read_filter(struct ctl *c, int argc, char **argv, struct filter *f)
{
	int o;
	int64_t ms;

	*f = (struct filter){ .limit = LAST_FEW };
	while ((o = getopt_long(argc, argv, "", list_options, NULL)) != -1) {
		switch (o) {
		case OPT_SINCE:
			ms = format_parse_duration(optarg);
			if (ms < 0)
				return ctl_usage(
					c, "--since takes a time of up to a week: 90m, 12h, 168h");
			f->since_ms = (int64_t)now_wall_ms() - ms;
			break;
		case OPT_WHO:
			f->who = optarg;
			break;
		case OPT_OBJECT:
			f->object = optarg;
			break;
		case OPT_LIMIT:
			if (!format_parse_number(optarg, PAGE, &f->limit))
				return ctl_usage(c, "--limit takes 1 to %d", PAGE);
			break;
		default:
			return ctl_usage(c, NULL);
		}
	}
	if ((f->who && !is_plain(f->who)) || (f->object && !is_plain(f->object)) || optind < argc)
		return ctl_usage(c, "--who takes a name, --object a name or a part of a path");
	return CTL_OK;
}

static void print_time(int64_t ms, char *out, size_t size)
{
	const time_t s = (time_t)(ms / 1000);
	struct tm tm;

	*out = 0;
	if (localtime_r(&s, &tm))
		strftime(out, size, "%Y-%m-%d %H:%M:%S", &tm);
}

/* {"image":"kvm"} and {"image":"xen"}: "image=xen (kvm)"; a value's text as it is in JSON. */
static void print_change(const struct json *row, char *out, size_t size)
{
	const struct json *after = json_get(row, "after"), *before = json_get(row, "before");
	const bool gone = !json_len(after);
	size_t n = 0;

	*out = 0;
	for (size_t i = 0; i < json_len(gone ? before : after) && n < size; i++) {
		const char *key;
		char *is = json_text(json_member(gone ? before : after, i, &key));
		char *was = gone ? NULL : json_text(json_get(before, key));

		n += (size_t)snprintf(out + n, size - n, "%s%s%s=%s", n ? " " : "", gone ? "-" : "",
			key, is ? is : "");
		if (was && n < size)
			n += (size_t)snprintf(out + n, size - n, " (%s)", was);
		free(is);
		free(was);
	}
}

static void audit_row(struct table *t, const struct json *o)
{
	const int64_t token = json_get_int(o, "token", 0);
	char number[FORMAT_MAX], when[32], exact[FORMAT_MAX], who[96], change[400];

	snprintf(number, sizeof number, "%" PRId64, json_get_int(o, "id", 0));
	snprintf(exact, sizeof exact, "%" PRId64, json_get_int(o, "at", 0));
	print_time(json_get_int(o, "at", 0), when, sizeof when);
	if (token)
		snprintf(who, sizeof who, "%s (token %" PRId64 ")", json_get_str(o, "who", ""),
			token);
	else
		snprintf(who, sizeof who, "%s", json_get_str(o, "who", ""));
	print_change(o, change, sizeof change);
	table_cell(t, number, NULL);
	table_cell(t, when, exact);
	table_cell(t, who, NULL);
	table_cell(t, json_get_str(o, "from", ""), NULL);
	table_cell(t, json_get_str(o, "method", ""), NULL);
	table_cell(t, json_get_str(o, "path", ""), NULL);
	table_cell(t, json_get_str(o, "request", ""), NULL);
	table_cell(t, change, NULL);
	table_cell(t, json_get_str(o, "why", "-"), json_get_str(o, "why", ""));
}

static void print_list(const struct ctl *c, const struct answer *a)
{
	static const struct column columns[] = {
		{ "ID", COL_RIGHT, COL_ALWAYS },
		{ "TIME", COL_LEFT, COL_ALWAYS },
		{ "WHO", COL_LEFT, COL_ALWAYS },
		{ "FROM", COL_LEFT, COL_ALWAYS },
		{ "DID", COL_LEFT, COL_ALWAYS },
		{ "PATH", COL_LEFT, COL_ALWAYS },
		{ "REQUEST", COL_LEFT, COL_WIDE },
		{ "CHANGE", COL_LEFT, COL_WIDE },
		{ "WHY", COL_LEFT, COL_WIDE },
	};
	const struct json *all = json_get(a->doc, "audit");
	struct table t;

	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < json_len(all); i++)
		audit_row(&t, json_at(all, i));
	table_print(&t);
	table_fini(&t);
}

int verb_audit_list(struct ctl *c, int argc, char **argv)
{
	struct filter f;
	struct answer a;
	char path[512];
	int rc = read_filter(c, argc, argv, &f);

	if (rc)
		return rc;
	snprintf(path, sizeof path, "/api/v1/audit?limit=%" PRIu64 "&since=%" PRId64 "%s%s%s%s",
		f.limit, f.since_ms, f.who ? "&who=" : "", f.who ? f.who : "",
		f.object ? "&object=" : "", f.object ? f.object : "");
	rc = client_get(c, path, &a);
	if (rc)
		return rc;
	if (c->format == CTL_JSON)
		puts(a.text);
	else
		print_list(c, &a);
	answer_fini(&a);
	return CTL_OK;
}

/* ---- verify ---- */

/* Where the check has come to, and the row whose hash is known, 0: none is. */
struct walk {
	int64_t rows, last, head;
	char hash[HASH_HEX + 1];
	const char *head_hash;
	bool end;
	int64_t bad; /* the first row that is not as it was written, 0: none is known */
	char why[300];
};

/* "ID:HASH", as verify prints it. */
static bool read_head(char *text, struct walk *w)
{
	char *colon = strchr(text, ':');
	uint64_t id;

	if (!colon || strlen(colon + 1) != HASH_HEX ||
		strspn(colon + 1, "0123456789abcdef") != HASH_HEX)
		return false;
	*colon = 0;
	if (!format_parse_number(text, INT64_MAX, &id))
		return false;
	w->head = (int64_t)id;
	w->head_hash = colon + 1;
	return true;
}

/* Keep what is wrong, say it. */
__attribute__((format(printf, 3, 4))) static int bad(
	struct walk *w, int64_t row, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->why, sizeof w->why, fmt, ap);
	va_end(ap);
	w->bad = row;
	return ctl_fail(CTL_FAILED, "%s", w->why);
}

static int take_page(const struct answer *a, struct walk *w)
{
	const struct json *next = json_get(a->doc, "next");
	const int64_t row = json_get_int(a->doc, "bad", 0);

	if (!json_bool(json_get(a->doc, "good"), false))
		return bad(w, row, "row %" PRId64 " of the audit log: %s", row,
			json_get_str(a->doc, "why", "?"));
	w->rows += json_get_int(a->doc, "rows", 0);
	w->last = json_get_int(a->doc, "last", 0);
	w->end = !json_is_int(next);
	snprintf(w->hash, sizeof w->hash, "%s", json_get_str(a->doc, "hash", ""));
	if (w->last == w->head && w->head && strcmp(w->hash, w->head_hash) != 0)
		return bad(w, w->head,
			"row %" PRId64
			" of the audit log has another hash than the one that you have: "
			"it or one before it was made anew",
			w->head);
	if (w->end && w->last < w->head)
		return bad(w, w->head,
			"the audit log ends with row %" PRId64 ", and you know row %" PRId64
			": it was cut",
			w->last, w->head);
	return CTL_OK;
}

/* A page ends with the row that is known. */
static int check_page(struct ctl *c, struct walk *w)
{
	const int64_t to_head = w->head - w->last;
	struct answer a;
	char path[128];
	int rc;

	snprintf(path, sizeof path, "/api/v1/audit/check?after=%" PRId64 "&limit=%" PRId64, w->last,
		to_head > 0 && to_head < CHECKED ? to_head : CHECKED);
	rc = client_get(c, path, &a);
	if (rc)
		return rc;
	rc = take_page(&a, w);
	answer_fini(&a);
	return rc;
}

static void print_bad(const struct walk *w)
{
	struct jw out = { 0 };

	jw_obj(&out, NULL);
	jw_bool(&out, "good", false);
	jw_int(&out, "bad", w->bad);
	jw_str(&out, "why", w->why);
	jw_end_obj(&out);
	ctl_print_json(&out);
}

int verb_audit_verify(struct ctl *c, int argc, char **argv)
{
	struct walk w = { 0 };
	int o, rc = CTL_OK;

	while ((o = getopt_long(argc, argv, "", verify_options, NULL)) != -1) {
		if (o != OPT_HEAD)
			return ctl_usage(c, NULL);
		if (!read_head(optarg, &w))
			return ctl_usage(c, "--head takes ID:HASH, as verify and the log print it");
	}
	if (optind < argc)
		return ctl_usage(c, "it takes no arguments");
	while (!rc && !w.end)
		rc = check_page(c, &w);
	if (w.bad && c->format == CTL_JSON)
		print_bad(&w);
	if (rc)
		return rc;
	if (c->format == CTL_JSON)
		printf("{\"good\":true,\"rows\":%" PRId64 ",\"head\":\"%" PRId64 ":%s\"}\n", w.rows,
			w.last, w.hash);
	else
		printf("%" PRId64 " rows are as they were written; head %" PRId64 ":%s\n", w.rows,
			w.last, w.hash);
	return CTL_OK;
}
