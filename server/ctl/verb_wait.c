/* verb_wait.c: `muster host wait`: until hosts have reached a stage, or never will. */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/stage.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/verbs.h"
#include "server/loop.h"

#define POLL_MS	   500
#define TIMEOUT_MS (10 * 60 * 1000)

struct wait {
	struct ctl *c;
	struct hostlist names; /* empty: any host */
	size_t count;	       /* so many of them */
	enum boot_stage stage;
	bool appear;		       /* also for hosts that nobody knows yet */
	bool next;		       /* boots up to `baseline` do not count */
	int64_t baseline;	       /* the newest boot when we began */
	uint64_t deadline_ms, away_ms; /* since when the server is away, 0: it is there */
	struct hostlist reached, failed;
};

/* ---- options ---- */

static int parse_for(struct wait *w, const char *word)
{
	if (boot_stage_parse(word, &w->stage) || w->stage == STAGE_FAILED)
		return ctl_usage(w->c, "--for takes a stage of a boot, not '%s'", word);
	return CTL_OK;
}

static int parse_number(struct wait *w, const char *word)
{
	char *end;
	long n = strtol(word, &end, 10);

	if (n < 1 || n > HOSTLIST_MAX || *end)
		return ctl_usage(w->c, "--count takes a number of hosts, not '%s'", word);
	w->count = (size_t)n;
	return CTL_OK;
}

static int parse_timeout(struct wait *w, const char *word)
{
	int64_t ms = format_parse_duration(word);

	if (ms < 0)
		return ctl_usage(
			w->c, "--timeout takes a time such as 90s, 10m or 1h30m, not '%s'", word);
	w->deadline_ms = now_mono_ms() + (uint64_t)ms;
	return CTL_OK;
}

static int parse(struct wait *w, int argc, char **argv)
{
	static const struct option options[] = {
		{ "for", required_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' },
		{ "count", required_argument, NULL, 'c' },
		{ "next", no_argument, NULL, 'n' },
		{ "appear", no_argument, NULL, 'a' },
		{ 0 },
	};
	int o, rc = CTL_OK;

	while (!rc && (o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rc = o == 'f'	? parse_for(w, optarg)
		     : o == 't' ? parse_timeout(w, optarg)
		     : o == 'c' ? parse_number(w, optarg)
		     : o == '?' ? ctl_usage(w->c, NULL)
				: CTL_OK;
		w->next = w->next || o == 'n';
		w->appear = w->appear || o == 'a';
	}
	if (rc)
		return rc;
	rc = hosts_resolve(w->c, argc - optind, argv + optind, &w->names);
	if (rc)
		return rc;
	if (!w->names.n && !w->count)
		return ctl_usage(w->c, "for which hosts? NAMES, or --count N for any");
	if (w->names.n && w->count > w->names.n)
		return ctl_usage(
			w->c, "--count %zu is more than the %zu hosts named", w->count, w->names.n);
	if (!w->count)
		w->count = w->names.n;
	return CTL_OK;
}

/* ---- waiting ---- */

static void add_name(struct hostlist *l, const char *name)
{
	if (hostlist_add_name(l, name))
		errx(CTL_FAILED, "out of memory");
}

static void say_reached(const struct wait *w, const struct json *h, const char *stage)
{
	if (w->c->format == CTL_NAME)
		puts(hosts_name(h));
	else
		printf("%s: %s, boot %" PRId64 "\n", hosts_name(h), stage,
			json_get_int(h, "boot", 0));
	fflush(stdout);
}

static void say_failed(const struct json *h)
{
	ctl_fail(CTL_FAILED, "%s: %s", hosts_name(h),
		json_get_str(h, "sentence", "the boot has failed"));
}

/* What has become of one host since we looked last. */
static void look_at(struct wait *w, const struct json *h)
{
	const char *name = hosts_name(h), *word = json_get_str(h, "stage", "");
	enum boot_stage stage;

	if (boot_stage_parse(word, &stage) || hostlist_has(&w->reached, name) ||
		hostlist_has(&w->failed, name))
		return;
	if (w->next && json_get_int(h, "boot", 0) <= w->baseline)
		return;
	if (stage == STAGE_FAILED) {
		add_name(&w->failed, name);
		say_failed(h);
	} else if (stage >= w->stage) {
		add_name(&w->reached, name);
		say_reached(w, h, word);
	}
}

/* Can the count still be reached? Of hosts that nobody named there may always come more. */
static bool hopeless(const struct wait *w)
{
	if (!w->names.n)
		return w->failed.n > 0;
	return w->names.n - w->failed.n < w->count;
}

/* CTL_NOT_FOUND when too few of the hosts are there, and nobody said that they would appear. */
static int check_known(const struct wait *w, const struct hosts *h)
{
	struct hostlist none = { 0 };
	char folded[400];
	int rc;

	if (w->appear || h->n >= w->count || !w->names.n)
		return CTL_OK;
	for (size_t i = 0; i < w->names.n; i++) {
		if (!hosts_find(h, w->names.names[i]))
			add_name(&none, w->names.names[i]);
	}
	rc = ctl_fail(
		CTL_NOT_FOUND, "no such host yet: %s", hostlist_fold(&none, folded, sizeof folded));
	ctl_hint("muster host list has the names; --appear waits for hosts that are not known yet");
	hostlist_fini(&none);
	return rc;
}

/* Ask once. With `first`, only take note of what there was before. */
static int look(struct wait *w, bool first)
{
	struct hosts h;
	int rc = hosts_fetch(w->c, w->names.n ? &w->names : NULL, &h);

	if (rc)
		return rc;
	rc = check_known(w, &h);
	for (size_t i = 0; i < h.n; i++) {
		int64_t boot = json_get_int(h.nodes[i], "boot", 0);

		if (first && boot > w->baseline)
			w->baseline = boot;
	}
	for (size_t i = 0; i < h.n && !rc; i++)
		look_at(w, h.nodes[i]);
	hosts_fini(&h);
	return rc;
}

static int timed_out(const struct wait *w)
{
	char folded[400] = "", away[FORMAT_MAX];
	struct hostlist left = { 0 };
	int rc;

	for (size_t i = 0; i < w->names.n; i++) {
		if (!hostlist_has(&w->reached, w->names.names[i]))
			add_name(&left, w->names.names[i]);
	}
	rc = ctl_fail(CTL_TIMED_OUT, "timed out: %zu of %zu hosts are at stage %s", w->reached.n,
		w->count, boot_stage_name(w->stage));
	if (left.n)
		ctl_hint("still missing: %s", hostlist_fold(&left, folded, sizeof folded));
	if (w->away_ms)
		ctl_hint("the server was away: it has given no answer for %s",
			format_seconds((int64_t)(now_mono_ms() - w->away_ms), away));
	hostlist_fini(&left);
	return rc;
}

/* A server that has answered once may be started anew meanwhile: it is waited for, too. */
static int look_again(struct wait *w)
{
	const uint64_t now_ms = now_mono_ms();
	int rc = look(w, false);

	if (rc != CTL_UNREACHABLE)
		w->away_ms = 0;
	else if (!w->away_ms)
		w->away_ms = now_ms;
	return rc == CTL_UNREACHABLE ? CTL_OK : rc;
}

int verb_host_wait(struct ctl *c, int argc, char **argv)
{
	struct wait w = { .c = c, .stage = STAGE_UP };
	int rc;

	w.deadline_ms = now_mono_ms() + TIMEOUT_MS;
	rc = parse(&w, argc, argv);
	for (; !rc; c->patient = true) {
		rc = c->patient ? look_again(&w) : look(&w, true);
		if (rc || w.reached.n >= w.count)
			break;
		if (hopeless(&w))
			rc = CTL_FAILED;
		else if (now_mono_ms() >= w.deadline_ms)
			rc = timed_out(&w);
		else
			ctl_pause(POLL_MS);
	}
	hostlist_fini(&w.names);
	hostlist_fini(&w.reached);
	hostlist_fini(&w.failed);
	return rc;
}
