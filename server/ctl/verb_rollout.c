/* verb_rollout.c: `muster rollout …`: a new version of an image comes to hosts in waves. */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/json.h"
#include "server/bytes.h"
#include "server/ctl/client.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/image_ref.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"

#define REASON_MAX   255 /* bytes that the server keeps */
#define FAILURES_MAX 100000
#define FOLDED_MAX   400

/* "1.2 (release 7)" */
static const char *version_text(const struct json *v, char out[128])
{
	snprintf(out, 128, "%.80s (release %" PRId64 ")", json_get_str(v, "version", "?"),
		json_get_int(v, "release", 0));
	return out;
}

static bool for_people(const struct ctl *c)
{
	return c->format == CTL_TABLE || c->format == CTL_WIDE;
}

static bool is_over(const struct json *r)
{
	const char *state = json_get_str(r, "state", "");

	return !strcmp(state, "done") || !strcmp(state, "aborted");
}

/* ---- which one ---- */

/* The only one that is not over; for what only shows, else the newest. */
static int find_open(struct ctl *c, bool shows, int64_t *id)
{
	const struct json *all;
	struct answer a;
	size_t open = 0;
	int rc = client_get(c, "/api/v1/rollouts", &a);

	if (rc)
		return rc;
	all = json_get(a.doc, "rollouts");
	*id = shows ? json_get_int(json_at(all, 0), "id", 0) : 0;
	for (size_t i = 0; i < json_len(all); i++) {
		if (is_over(json_at(all, i)))
			continue;
		*id = json_get_int(json_at(all, i), "id", 0);
		open++;
	}
	if (open > 1)
		rc = ctl_usage(
			c, "which one? %zu rollouts are not over: muster rollout list", open);
	else if (!*id)
		rc = ctl_fail(
			CTL_NOT_FOUND, "there is no rollout%s", shows ? "" : " that is not over");
	answer_fini(&a);
	return rc;
}

/* ID, or none. */
static int take_id(struct ctl *c, int argc, char **argv, bool shows, int64_t *id)
{
	uint64_t n;

	if (argc - optind > 1)
		return ctl_usage(c, "one rollout at a time");
	if (argc == optind)
		return find_open(c, shows, id);
	if (!format_parse_number(argv[optind], INT64_MAX, &n))
		return ctl_fail(
			CTL_NOT_FOUND, "there is no rollout '%s': it is a number", argv[optind]);
	*id = (int64_t)n;
	return CTL_OK;
}

/* ---- start ---- */

struct start {
	const char *channel, *hosts, *waves, *reason;
	uint64_t max_failures;
	int64_t bake_ms; /* -1: not said */
	bool reboot, dry_run;
	struct image_ref ref;
	struct hostlist names;
};

static int parse_start(struct ctl *c, int argc, char **argv, struct start *s)
{
	static const struct option options[] = {
		{ "channel", required_argument, NULL, 'c' },
		{ "hosts", required_argument, NULL, 'h' },
		{ "waves", required_argument, NULL, 'w' },
		{ "max-failures", required_argument, NULL, 'f' },
		{ "bake", required_argument, NULL, 'b' },
		{ "reboot", no_argument, NULL, 'a' },
		{ "reason", required_argument, NULL, 'r' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ 0 },
	};
	int o;

	s->bake_ms = -1;
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'c':
			s->channel = optarg;
			break;
		case 'h':
			s->hosts = optarg;
			break;
		case 'w':
			s->waves = optarg;
			break;
		case 'f':
			if (strcmp(optarg, "0") != 0 &&
				!format_parse_number(optarg, FAILURES_MAX, &s->max_failures))
				return ctl_usage(c, "--max-failures takes 0 to %d", FAILURES_MAX);
			break;
		case 'b':
			s->bake_ms = strcmp(optarg, "0") ? format_parse_duration(optarg) : 0;
			if (s->bake_ms < 0)
				return ctl_usage(c, "--bake takes 90s, 5m, 2h, not '%s'", optarg);
			break;
		case 'a':
			s->reboot = true;
			break;
		case 'r':
			s->reason = optarg;
			break;
		case 'n':
			s->dry_run = true;
			break;
		default:
			return ctl_usage(c, NULL);
		}
	}
	if (s->reason && (!*s->reason || strlen(s->reason) > REASON_MAX))
		return ctl_usage(c, "a reason has 1 to %d bytes", REASON_MAX);
	if (argc - optind != 1)
		return ctl_usage(c, "which IMAGE@VERSION?");
	if (image_ref_parse(argv[optind], &s->ref) < 0 || (!s->ref.version[0] && !s->ref.release))
		return ctl_usage(c, "'%s' is not IMAGE@VERSION", argv[optind]);
	return CTL_OK;
}

static void build_start(const struct start *s, struct jw *w)
{
	jw_obj(w, NULL);
	jw_str(w, "image", s->ref.name);
	if (s->ref.version[0])
		jw_str(w, "version", s->ref.version);
	if (s->ref.release)
		jw_int(w, "release", (int64_t)s->ref.release);
	if (s->channel)
		jw_str(w, "channel", s->channel);
	if (s->waves)
		jw_str(w, "waves", s->waves);
	jw_int(w, "max_failures", (int64_t)s->max_failures);
	if (s->bake_ms >= 0)
		jw_int(w, "bake_s", (s->bake_ms + 999) / 1000);
	if (s->reboot)
		jw_bool(w, "reboot", true);
	if (s->reason)
		jw_str(w, "reason", s->reason);
	if (s->hosts) {
		jw_arr(w, "hosts");
		for (size_t i = 0; i < s->names.n; i++)
			jw_str(w, NULL, s->names.names[i]);
		jw_end_arr(w);
	}
	jw_end_obj(w);
}

static void print_started(const struct ctl *c, const struct answer *a)
{
	char from[128], to[128];

	if (c->format == CTL_JSON) {
		puts(a->text);
	} else if (c->format == CTL_NAME) {
		printf("%" PRId64 "\n", json_get_int(a->doc, "id", 0));
	} else {
		printf("rollout %" PRId64 ": %s, channel %s: %s comes instead of %s\n",
			json_get_int(a->doc, "id", 0), json_get_str(a->doc, "image", "?"),
			json_get_str(a->doc, "channel", "?"),
			version_text(json_get(a->doc, "to"), to),
			version_text(json_get(a->doc, "from"), from));
		ctl_hint("muster rollout status");
	}
}

/* ---- start, as a trial ---- */

struct trial {
	struct hostlist members, skipped;
	char head[400]; /* what would come instead of what */
	struct jw json; /* the answers */
};

/* Those of a page are added. Its `next` is *after; 0: it was the last. */
static void take_page(struct trial *t, const struct answer *a, int64_t *after)
{
	const struct json *hosts = json_get(a->doc, "hosts"), *out = json_get(a->doc, "skipped");
	char from[128], to[128];

	for (size_t i = 0; i < json_len(hosts); i++)
		hostlist_add_name(&t->members, json_str(json_at(hosts, i), "?"));
	for (size_t i = 0; i < json_len(out); i++)
		hostlist_add_name(&t->skipped, json_get_str(json_at(out, i), "host", "?"));
	snprintf(t->head, sizeof t->head, "%s, channel %s: %s would come instead of %s",
		json_get_str(a->doc, "image", "?"), json_get_str(a->doc, "channel", "?"),
		version_text(json_get(a->doc, "to"), to),
		version_text(json_get(a->doc, "from"), from));
	jw_raw(&t->json, NULL, a->text);
	*after = json_get_int(a->doc, "next", 0);
}

static int compare_names(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the server's order, or as they were named; free() it. */
static const char **in_order(const struct hostlist *l, bool named)
{
	const char **all = calloc(l->n + 1, sizeof *all);

	if (!all)
		err(CTL_FAILED, "rollout");
	for (size_t i = 0; i < l->n; i++)
		all[i] = l->names[i];
	if (!named)
		qsort(all, l->n, sizeof *all, compare_names);
	return all;
}

/* "  wave 2   3 hosts  n[02-04]" */
static void print_wave(size_t wave, const char *const *all, size_t n, size_t first, size_t end)
{
	struct hostlist part = { 0 };
	char folded[FOLDED_MAX];

	for (size_t i = first; i < end && i < n; i++)
		hostlist_add_name(&part, all[i]);
	printf("  wave %zu  %5zu host%s  %s\n", wave, end - first, end - first == 1 ? " " : "s",
		hostlist_fold(&part, folded, sizeof folded));
	hostlist_fini(&part);
}

static void print_trial(struct trial *t, const struct json *ends, bool named)
{
	const char **all = in_order(&t->members, named);
	char folded[FOLDED_MAX];
	size_t first = 0;

	printf("%s\n", t->head);
	for (size_t i = 0; i < json_len(ends); i++) {
		const size_t end = (size_t)json_int(json_at(ends, i), 0);

		print_wave(i + 1, all, t->members.n, first, end);
		first = end;
	}
	free(all);
	if (!t->members.n)
		puts("  no host would take part");
	if (t->skipped.n)
		printf("  left out  %zu  %s\n", t->skipped.n,
			hostlist_fold(&t->skipped, folded, sizeof folded));
}

static int try_start(struct ctl *c, const struct start *s, const char *body)
{
	struct trial t = { 0 };
	char path[128];
	int64_t after = 0;
	struct answer a;
	int rc;

	jw_arr(&t.json, NULL);
	do {
		snprintf(path, sizeof path,
			"/api/v1/rollouts?dry_run=1&after=%" PRId64 "&count=%zu", after,
			t.members.n);
		rc = client_call(c, "POST", path, body, &a);
		if (rc)
			break;
		take_page(&t, &a, &after);
		if (!after && c->format != CTL_JSON)
			print_trial(&t, json_get(a.doc, "ends"), s->hosts != NULL);
		answer_fini(&a);
	} while (after);
	jw_end_arr(&t.json);
	if (!rc && c->format == CTL_JSON)
		rc = ctl_print_json(&t.json);
	jw_fini(&t.json);
	hostlist_fini(&t.members);
	hostlist_fini(&t.skipped);
	return rc;
}

static int send_start(struct ctl *c, const struct start *s)
{
	struct jw w = { 0 };
	struct answer a;
	int rc;

	build_start(s, &w);
	if (w.bad) {
		rc = ctl_fail(CTL_FAILED, "out of memory");
	} else if (s->dry_run) {
		rc = try_start(c, s, w.buf);
	} else {
		rc = client_call(c, "POST", "/api/v1/rollouts", w.buf, &a);
		if (!rc) {
			print_started(c, &a);
			answer_fini(&a);
		}
	}
	jw_fini(&w);
	return rc;
}

int verb_rollout_start(struct ctl *c, int argc, char **argv)
{
	struct start s = { 0 };
	int rc = parse_start(c, argc, argv, &s);
	char *words[2] = { NULL, NULL };
	char expr[2048];

	if (!rc && s.hosts) {
		if (strlen(s.hosts) >= sizeof expr)
			return ctl_usage(c, "--hosts is too long");
		snprintf(expr, sizeof expr, "%s", s.hosts);
		words[0] = expr;
		rc = hosts_resolve(c, 1, words, &s.names);
	}
	if (!rc)
		rc = send_start(c, &s);
	hostlist_fini(&s.names);
	return rc;
}

/* ---- status ---- */

/* Hosts of one wave that are in one state, for one reason. */
struct group {
	int64_t wave; /* 0: left out */
	const char *state, *reason;
	struct hostlist names;
};

struct groups {
	struct group *of;
	size_t n, size;
};

static struct group *group_for(
	struct groups *g, int64_t wave, const char *state, const char *reason)
{
	/* hosts come wave by wave, so it is one of the last */
	for (size_t i = g->n; i-- && g->of[i].wave == wave;) {
		if (!strcmp(g->of[i].state, state) && !strcmp(g->of[i].reason, reason))
			return &g->of[i];
	}
	if (g->n == g->size) {
		const size_t size = g->size ? 2 * g->size : 16;
		struct group *of = reallocarray(g->of, size, sizeof *of);

		if (!of)
			return NULL;
		g->of = of;
		g->size = size;
	}
	g->of[g->n] = (struct group){ wave, state, reason, { 0 } };
	return &g->of[g->n++];
}

static void add_hosts(struct groups *g, int64_t wave, const struct json *hosts)
{
	for (size_t i = 0; i < json_len(hosts); i++) {
		const struct json *h = json_at(hosts, i);
		struct group *to = group_for(
			g, wave, json_get_str(h, "state", "?"), json_get_str(h, "reason", ""));

		if (to)
			hostlist_add_name(&to->names, json_get_str(h, "host", "?"));
	}
}

static const struct column status_columns[] = {
	{ "WAVE", COL_RIGHT, COL_ALWAYS },
	{ "STATE", COL_LEFT, COL_ALWAYS },
	{ "COUNT", COL_RIGHT, COL_ALWAYS },
	{ "WHY", COL_LEFT, COL_ALWAYS },
	{ "HOSTS", COL_LEFT, COL_ALWAYS },
};

static void status_row(struct table *t, struct group *g)
{
	char wave[24], count[24], folded[FOLDED_MAX];

	snprintf(wave, sizeof wave, "%" PRId64, g->wave);
	snprintf(count, sizeof count, "%zu", g->names.n);
	table_cell(t, g->wave ? wave : "-", wave);
	table_cell(t, g->state, NULL);
	table_cell(t, count, NULL);
	table_cell(t, *g->reason ? g->reason : "-", g->reason);
	table_cell(t, hostlist_fold(&g->names, folded, sizeof folded), NULL);
}

static void print_waves(const struct ctl *c, const struct json *r)
{
	const struct json *waves = json_get(r, "waves");
	struct groups g = { 0 };
	struct table t;

	for (size_t i = 0; i < json_len(waves); i++)
		add_hosts(&g, json_get_int(json_at(waves, i), "wave", 0),
			json_get(json_at(waves, i), "hosts"));
	add_hosts(&g, 0, json_get(r, "skipped"));
	table_init(&t, c, status_columns, ARRAY_LEN(status_columns));
	for (size_t i = 0; i < g.n; i++)
		status_row(&t, &g.of[i]);
	if (g.n)
		table_print(&t);
	table_fini(&t);
	for (size_t i = 0; i < g.n; i++)
		hostlist_fini(&g.of[i].names);
	free(g.of);
}

static void print_text(const char *label, const struct json *r, const char *key)
{
	char text[512];

	snprintf(text, sizeof text, "%s", json_get_str(r, key, ""));
	if (*text)
		printf("%-9s %s\n", label, format_clean(text));
}

static void print_head(const struct json *r)
{
	char from[128], to[128], bake[FORMAT_MAX];

	printf("rollout   %" PRId64 ": %s, channel %s: %s instead of %s\n",
		json_get_int(r, "id", 0), json_get_str(r, "image", "?"),
		json_get_str(r, "channel", "?"), version_text(json_get(r, "to"), to),
		version_text(json_get(r, "from"), from));
	printf("state     %s\n", json_get_str(r, "state", "?"));
	print_text("by", r, "user");
	print_text("why", r, "why");
	printf("plan      %s of %" PRId64 " hosts, %s each; %" PRId64 " failed of %" PRId64
	       " that may\n",
		json_get_str(r, "plan", "?"), json_get_int(r, "size", 0),
		format_seconds(1000 * json_get_int(r, "bake_s", 0), bake),
		json_get_int(r, "failures", 0), json_get_int(r, "max_failures", 0));
}

int verb_rollout_status(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	char path[64];
	struct answer a;
	int64_t id;
	int rc;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return ctl_usage(c, NULL);
	rc = take_id(c, argc, argv, true, &id);
	if (rc)
		return rc;
	snprintf(path, sizeof path, "/api/v1/rollouts/%" PRId64, id);
	rc = client_get(c, path, &a);
	if (rc)
		return rc;
	if (c->format == CTL_JSON) {
		puts(a.text);
	} else {
		if (for_people(c))
			print_head(a.doc);
		print_waves(c, a.doc);
		if (for_people(c))
			print_text("now", a.doc, "sentence");
	}
	answer_fini(&a);
	return CTL_OK;
}

/* ---- list ---- */

static const struct column list_columns[] = {
	{ "ID", COL_RIGHT, COL_ALWAYS },
	{ "IMAGE", COL_LEFT, COL_ALWAYS },
	{ "CHANNEL", COL_LEFT, COL_ALWAYS },
	{ "FROM", COL_LEFT, COL_ALWAYS },
	{ "TO", COL_LEFT, COL_ALWAYS },
	{ "STATE", COL_LEFT, COL_ALWAYS },
	{ "WAVE", COL_LEFT, COL_ALWAYS },
	{ "GOOD", COL_RIGHT, COL_ALWAYS },
	{ "FAILED", COL_RIGHT, COL_ALWAYS },
	{ "HOSTS", COL_RIGHT, COL_ALWAYS },
	{ "BY", COL_LEFT, COL_ALWAYS },
	{ "NOW", COL_LEFT, COL_WIDE },
};

static void number_cell(struct table *t, int64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, n);
	table_cell(t, text, NULL);
}

static void list_row(struct table *t, const struct json *r)
{
	const struct json *counts = json_get(r, "counts");
	char text[128];

	number_cell(t, json_get_int(r, "id", 0));
	table_cell(t, json_get_str(r, "image", "?"), NULL);
	table_cell(t, json_get_str(r, "channel", "?"), NULL);
	table_cell(t, version_text(json_get(r, "from"), text), NULL);
	table_cell(t, version_text(json_get(r, "to"), text), NULL);
	table_cell(t, json_get_str(r, "state", "?"), NULL);
	snprintf(text, sizeof text, "%" PRId64 " of %" PRId64, json_get_int(r, "wave", 0),
		json_get_int(r, "of_waves", 0));
	table_cell(t, text, NULL);
	number_cell(t, json_get_int(counts, "good", 0));
	number_cell(t, json_get_int(counts, "failed", 0));
	number_cell(t, json_get_int(r, "size", 0));
	table_cell(t, json_get_str(r, "user", "-"), NULL);
	table_cell(t, json_get_str(r, "sentence", ""), NULL);
}

int verb_rollout_list(struct ctl *c, int argc, char **argv)
{
	const struct json *all;
	struct table t;
	struct answer a;
	int rc;

	(void)argv;
	if (argc != 1)
		return ctl_usage(c, "it takes no arguments");
	rc = client_get(c, "/api/v1/rollouts", &a);
	if (rc)
		return rc;
	all = json_get(a.doc, "rollouts");
	table_init(&t, c, list_columns, ARRAY_LEN(list_columns));
	for (size_t i = 0; i < json_len(all); i++)
		list_row(&t, json_at(all, i));
	if (c->format == CTL_JSON)
		puts(a.text);
	else
		table_print(&t);
	if (!json_len(all))
		ctl_hint("no rollout yet: muster rollout start IMAGE@VERSION");
	table_fini(&t);
	answer_fini(&a);
	return CTL_OK;
}

/* ---- pause, resume, abort ---- */

struct change {
	const char *reason;
	bool retry, dry_run;
};

static int parse_change(struct ctl *c, int argc, char **argv, bool retry, struct change *ch)
{
	static const struct option options[] = {
		{ "reason", required_argument, NULL, 'r' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "retry", no_argument, NULL, 't' },
		{ 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'r')
			ch->reason = optarg;
		else if (o == 'n')
			ch->dry_run = true;
		else if (o == 't' && retry)
			ch->retry = true;
		else
			return ctl_usage(c, o == 't' ? "--retry is of resume" : NULL);
	}
	if (ch->reason && (!*ch->reason || strlen(ch->reason) > REASON_MAX))
		return ctl_usage(c, "a reason has 1 to %d bytes", REASON_MAX);
	return CTL_OK;
}

static int send_change(
	struct ctl *c, int64_t id, const char *what, const struct change *ch, struct answer *a)
{
	char path[96];
	struct jw w = { 0 };
	int rc;

	snprintf(path, sizeof path, "/api/v1/rollouts/%" PRId64 "/%s%s", id, what,
		ch->dry_run ? "?dry_run=1" : "");
	jw_obj(&w, NULL);
	if (ch->reason)
		jw_str(&w, "reason", ch->reason);
	if (ch->retry)
		jw_bool(&w, "retry", true);
	jw_end_obj(&w);
	rc = w.bad ? ctl_fail(CTL_FAILED, "out of memory") : client_call(c, "POST", path, w.buf, a);
	jw_fini(&w);
	return rc;
}

static int change(struct ctl *c, int argc, char **argv, const char *what)
{
	struct change ch = { 0 };
	struct answer a;
	int64_t id;
	int rc = parse_change(c, argc, argv, !strcmp(what, "resume"), &ch);

	if (!rc)
		rc = take_id(c, argc, argv, false, &id);
	if (!rc)
		rc = send_change(c, id, what, &ch, &a);
	if (rc)
		return rc;
	if (c->format == CTL_JSON)
		puts(a.text);
	else
		printf("rollout %" PRId64 ": %s%s\n", id, ch.dry_run ? "would be " : "",
			json_get_str(a.doc, "state", "?"));
	answer_fini(&a);
	return CTL_OK;
}

int verb_rollout_pause(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, "pause");
}

int verb_rollout_resume(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, "resume");
}

int verb_rollout_abort(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, "abort");
}
