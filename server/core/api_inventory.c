/*
 * What hosts are made of: GET /api/v1/hosts/NAME/diff, what has changed and at which boot, or
 * between two (?from=N&to=N); GET /api/v1/hosts?where=MATCH, the hosts that a match fits (rule.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/api.h"
#include "server/core/facts.h"
#include "server/core/facts_diff.h"
#include "server/core/inventory.h"

#define PAGE	   200	/* hosts at a time */
#define ANSWER_MAX 5000 /* hosts that an answer holds for sure */

/* ---- what has changed ---- */

/* The reports that are kept, oldest first. */
struct reports {
	size_t n;
	struct {
		int64_t boot, at_ms;
		struct json *facts;
	} of[INVENTORY_KEPT];
};

static int take_report(void *arg, int64_t boot, int64_t at_ms, const char *json)
{
	struct reports *r = arg;
	char err[80];

	if (r->n == INVENTORY_KEPT)
		return -E2BIG;
	r->of[r->n].boot = boot;
	r->of[r->n].at_ms = at_ms;
	r->of[r->n++].facts = json_read(json, strlen(json), err, sizeof err);
	return 0;
}

static void changes_json(const struct json *old, const struct json *new, struct jw *w)
{
	struct facts_diff d = { 0 };

	facts_diff(old, new, &d);
	jw_arr(w, "changes");
	for (size_t i = 0; i < d.n; i++)
		jw_str(w, NULL, d.of[i]);
	jw_end_arr(w);
	jw_int(w, "left_out", (int64_t)d.left_out);
}

static void when_json(const struct reports *r, size_t i, struct jw *w)
{
	jw_int(w, "boot", r->of[i].boot);
	jw_int(w, "at", r->of[i].at_ms);
}

static void answer_all(struct call *k, const struct store_host *h, const struct reports *r)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "host", h->name);
	if (r->n)
		jw_int(&w, "since", r->of[0].at_ms);
	else
		jw_null(&w, "since");
	jw_arr(&w, "diffs");
	for (size_t i = 1; i < r->n; i++) {
		jw_obj(&w, NULL);
		when_json(r, i, &w);
		changes_json(r->of[i - 1].facts, r->of[i].facts, &w);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}

/* The report that held at that boot; -1 with the answer made when none is kept. */
static int as_of(
	struct call *k, const struct store_host *h, const struct reports *r, const char *boot)
{
	const long long n = strtoll(boot, NULL, 10);
	int found = -1;

	for (size_t i = 0; i < r->n; i++) {
		if (r->of[i].boot <= n)
			found = (int)i;
	}
	if (found < 0)
		answer_problem(k->a, 404, "no-facts", "muster host diff NAME, without --boots",
			"what %s was at boot %lld is not kept", h->name, n);
	return found;
}

static void answer_two(struct call *k, const struct store_host *h, const struct reports *r,
	const char *from, const char *to)
{
	struct jw w = { 0 };
	int a = as_of(k, h, r, from), b = a < 0 ? -1 : as_of(k, h, r, to);

	if (b < 0)
		return;
	jw_obj(&w, NULL);
	jw_str(&w, "host", h->name);
	jw_arr(&w, "diffs");
	jw_obj(&w, NULL);
	when_json(r, (size_t)b, &w);
	changes_json(r->of[a].facts, r->of[b].facts, &w);
	jw_end_obj(&w);
	jw_end_arr(&w);
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}

void api_get_diff(struct call *k)
{
	struct reports r = { 0 };
	struct store_host h;
	char from[24], to[24];
	int rc = store_host_by_name(k->c->store, k->arg, &h);

	if (rc < 0) {
		api_answer_store(k, rc, NULL, "host");
		return;
	}
	query_get(k->q->h->query, "from", from, sizeof from);
	query_get(k->q->h->query, "to", to, sizeof to);
	if (!*from != !*to) {
		answer_problem(k->a, 422, *from ? "to" : "from", "muster host diff NAME --boots",
			"%s is missing: a difference is one between two boots",
			*from ? "to" : "from");
		return;
	}
	core_must(k->c, store_facts_each(k->c->store, h.id, take_report, &r), "facts");
	if (*from && *to)
		answer_two(k, &h, &r, from, to);
	else
		answer_all(k, &h, &r);
	for (size_t i = 0; i < r.n; i++)
		json_free(r.of[i].facts);
}

/* ---- hosts that a match fits ---- */

/* 1 when it does. */
static int put_if_fits(
	struct call *k, const struct rule_match *m, const struct store_host *h, struct jw *w)
{
	struct rule_facts facts;
	char *json = NULL;
	size_t which;

	core_must(k->c, facts_gather(k->c->store, h, &facts), "facts");
	if (rule_fit(m, &facts, &which) != RULE_YES)
		return 0;
	core_must(k->c, store_json_host_row(k->c->store, h->id, &json), "host");
	jw_raw(w, NULL, json);
	free(json);
	return 1;
}

/* The hosts after that number, by pages, until there are enough; null or where to go on. */
static void put_fitting(struct call *k, const struct rule_match *m, struct store_host *hosts,
	int64_t after, struct jw *w)
{
	int n, found = 0;

	jw_arr(w, "hosts");
	do {
		n = core_must(k->c, store_hosts_page(k->c->store, after, hosts, PAGE), "hosts");
		for (int i = 0; i < n; i++)
			found += put_if_fits(k, m, &hosts[i], w);
		after = n ? hosts[n - 1].id : after;
	} while (n == PAGE && found < ANSWER_MAX - PAGE);
	jw_end_arr(w);
	if (n == PAGE)
		jw_int(w, "next", after);
	else
		jw_null(w, "next");
}

/* What such a list has no choice of, and would be passed over. */
static bool is_alone(struct call *k)
{
	static const char *const others[] = { "limit", "stage", "state", "image", "q", "brief",
		"host" };
	char text[4];

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (!query_get(k->q->h->query, others[i], text, sizeof text))
			continue;
		answer_problem(k->a, 422, "where", "docs/rules.md lists the facts",
			"where and %s exclude each other", others[i]);
		return false;
	}
	return true;
}

bool api_hosts_where(struct call *k)
{
	struct store_host *hosts;
	struct rule_match m;
	char where[RULE_MATCH_MAX + 1], err[RULE_WHY_MAX], after[24];
	struct jw w = { 0 };

	if (!query_get(k->q->h->query, "where", where, sizeof where))
		return false;
	if (!is_alone(k))
		return true;
	if (rule_read(where, &m, err, sizeof err) < 0) {
		answer_problem(k->a, 422, "where", "docs/rules.md lists the facts", "%s", err);
		return true;
	}
	query_get(k->q->h->query, "after", after, sizeof after);
	hosts = calloc(PAGE, sizeof *hosts);
	jw_obj(&w, NULL);
	if (hosts)
		put_fitting(k, &m, hosts, strtoll(after, NULL, 10), &w);
	jw_end_obj(&w);
	w.bad |= !hosts;
	free(hosts);
	answer_jw(k->a, 200, &w);
	return true;
}
