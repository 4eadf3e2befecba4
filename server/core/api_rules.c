/*
 * /api/v1/rules: which hosts get which image and profile (docs/rules.md). A change may be asked for
 * with ?dry_run=1: then nothing changes, and the answer says which hosts would get another image or
 * profile, for the next 500 hosts after ?after=N; `next` is what to ask for next, or null.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/api.h"
#include "server/core/choice.h"
#include "server/core/facts.h"
#include "server/log.h"

#define PAGE 200 /* hosts that one answer looks at: some 20 ms with 20 rules */

/* ---- in JSON ---- */

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static void rule_json(const struct rules *rs, size_t i, const char *key, struct jw *w)
{
	const struct store_rule *r = &rs->of[i].r;

	jw_obj(w, key);
	jw_int(w, "position", (int64_t)i + 1);
	jw_str(w, "name", r->name);
	jw_str(w, "match", r->match);
	jw_str(w, "image", or_null(r->image));
	jw_str(w, "channel", or_null(r->channel));
	jw_str(w, "profile", or_null(r->profile));
	jw_end_obj(w);
}

static void wish_json(const struct choice_wish *wish, const char *key, struct jw *w)
{
	static const char *const from[] = { "host", "rule", "server" };

	jw_obj(w, key);
	jw_str(w, "image", or_null(wish->image));
	jw_str(w, "channel", or_null(wish->channel));
	jw_str(w, "from", *wish->image ? from[wish->from] : NULL);
	jw_str(w, "profile", or_null(wish->profile));
	jw_str(w, "profile_from",
		*wish->profile ? from[wish->profile_by_rule ? WISH_RULE : WISH_HOST] : NULL);
	jw_str(w, "rule", or_null(wish->rule));
	jw_bool(w, "certain", wish->certain && wish->profile_certain);
	jw_end_obj(w);
}

/* Who only reads is not told of changes. */
static void read_rules(struct core *c)
{
	rules_fini(&c->rules);
	core_must(c, rules_load(c->store, &c->rules), "rules");
}

void api_get_rules(struct call *k)
{
	const struct rules *rs = &k->c->rules;
	struct jw w = { 0 };

	if (k->c->reads)
		read_rules(k->c);
	jw_obj(&w, NULL);
	jw_arr(&w, "rules");
	for (size_t i = 0; i < rs->n; i++)
		rule_json(rs, i, NULL, &w);
	jw_end_arr(&w);
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}

/* ---- what a change is ---- */

/* Text of the body where it is there: true; false with the answer made when it does not fit. */
static bool take(struct call *k, const char *key, char *out, size_t size)
{
	const struct json *v = json_get(k->body, key);

	if (v && strlen(json_str(v, "")) >= size) {
		answer_problem(
			k->a, 422, key, NULL, "%s is longer than %zu letters", key, size - 1);
		return false;
	}
	if (v)
		snprintf(out, size, "%s", json_str(v, ""));
	return true;
}

static bool name_ok(struct call *k, const char *what, const char *name)
{
	if (!*name || manifest_name_ok(name))
		return true;
	answer_problem(k->a, 422, what, "muster image list", "'%s' is no %s's name", name, what);
	return false;
}

/* What the body says of the rule. */
static bool read_rule(struct call *k, struct rules_one *one)
{
	struct store_rule *r = &one->r;
	char err[RULE_WHY_MAX];

	if (!take(k, "name", r->name, sizeof r->name) ||
		!take(k, "match", r->match, sizeof r->match) ||
		!take(k, "image", r->image, sizeof r->image) ||
		!take(k, "channel", r->channel, sizeof r->channel) ||
		!take(k, "profile", r->profile, sizeof r->profile) ||
		!name_ok(k, "image", r->image) || !name_ok(k, "channel", r->channel) ||
		!api_check_profile(k, r->profile))
		return false;
	if (!rule_label_ok(r->name) || !strcmp(r->name, "test")) {
		answer_problem(k->a, 422, "name", NULL,
			"'%s' is no rule's name: a letter, then letters, digits, '-', '_' and '.', and "
			"not 'test'",
			r->name);
		return false;
	}
	if (rule_read(r->match, &one->match, err, sizeof err) < 0) {
		answer_problem(k->a, 422, "match", "docs/rules.md lists the facts",
			"the match of '%s': %s", r->name, err);
		return false;
	}
	if (*r->image || *r->channel || *r->profile)
		return true;
	answer_problem(k->a, 422, "image", NULL,
		"the rule '%s' chooses neither image nor channel nor profile", r->name);
	return false;
}

/* Where the body wants it among n others; `now` without a word. -1 with the answer made. */
static int read_position(struct call *k, const struct rules *others, int now)
{
	const char *before = json_get_str(k->body, "before", NULL);
	const int64_t at = json_get_int(k->body, "at", 0);
	int i;

	if (json_get(k->body, "at") && (at < 1 || at > (int64_t)others->n + 1)) {
		answer_problem(k->a, 422, "at", NULL, "a place is 1 to %zu", others->n + 1);
		return -1;
	}
	if (!before)
		return at ? (int)at - 1 : now;
	i = rules_find(others, before);
	if (i < 0)
		answer_problem(k->a, 404, "not-found", "muster rule list",
			"there is no rule '%s' to stand before", before);
	return i < 0 ? -1 : i;
}

static void take_out(struct rules *rs, size_t i, struct rules_one *out)
{
	*out = rs->of[i];
	memmove(&rs->of[i], &rs->of[i + 1], (--rs->n - i) * sizeof *rs->of);
}

static void put_in(struct rules *rs, size_t i, const struct rules_one *one)
{
	memmove(&rs->of[i + 1], &rs->of[i], (rs->n++ - i) * sizeof *rs->of);
	rs->of[i] = *one;
}

/* ---- what it would do ---- */

static bool same_wish(const struct choice_wish *a, const struct choice_wish *b)
{
	return !strcmp(a->image, b->image) && !strcmp(a->channel, b->channel) &&
	       !strcmp(a->profile, b->profile);
}

static void host_change(
	struct call *k, const struct rules *new, const struct store_host *h, struct jw *w)
{
	struct rule_facts facts = { 0 };
	struct choice_wish from, to;

	if (h->image[0] && h->profile[0])
		return;
	core_must(k->c, facts_gather(k->c->store, h, &facts), "facts");
	choice_wish_by(k->c->cfg, &k->c->rules, &facts, h, &from);
	choice_wish_by(k->c->cfg, new, &facts, h, &to);
	if (same_wish(&from, &to))
		return;
	jw_obj(w, NULL);
	jw_str(w, "host", h->name);
	wish_json(&from, "from", w);
	wish_json(&to, "to", w);
	jw_end_obj(w);
}

static void answer_dry_run(struct call *k, const struct rules *new)
{
	struct store_host *hosts = calloc(PAGE, sizeof *hosts);
	char after[24];
	struct jw w = { 0 };
	int n = 0;

	query_get(k->q->h->query, "after", after, sizeof after);
	if (hosts)
		n = core_must(k->c,
			store_hosts_page(k->c->store, strtoll(after, NULL, 10), hosts, PAGE),
			"hosts");
	jw_obj(&w, NULL);
	jw_arr(&w, "changes");
	for (int i = 0; i < n; i++)
		host_change(k, new, &hosts[i], &w);
	jw_end_arr(&w);
	if (n == PAGE)
		jw_int(&w, "next", hosts[n - 1].id);
	else
		jw_null(&w, "next");
	jw_end_obj(&w);
	free(hosts);
	answer_jw(k->a, 200, &w);
}

/* The new rules are there from now on, or only what they would do is answered. Takes *new. */
static void finish(struct call *k, struct rules *new, int i, unsigned status, const char *what)
{
	struct jw w = { 0 };

	if (api_is_dry_run(k)) {
		answer_dry_run(k, new);
		rules_fini(new);
		return;
	}
	core_write(k->c);
	core_must(k->c, store_rules_clear(k->c->store), "rules");
	for (size_t n = 0; n < new->n; n++)
		core_must(k->c, store_rules_append(k->c->store, &new->of[n].r), "rule");
	rules_fini(&k->c->rules);
	k->c->rules = *new;
	if (!k->c->trying)
		log_info("rules: %s by=%s", what, k->who->name);
	if (i < 0) {
		answer_empty(k->a);
		return;
	}
	rule_json(&k->c->rules, (size_t)i, NULL, &w);
	answer_jw(k->a, status, &w);
}

/* ---- the changes ---- */

static bool copy_rules(struct call *k, struct rules *new)
{
	if (rules_copy(&k->c->rules, new) == 0)
		return true;
	answer_take(k->a, 200, "", NULL); /* out of memory */
	return false;
}

/* The rule that the path names, or -1 with the answer made. */
static int find(struct call *k)
{
	int i = rules_find(&k->c->rules, k->arg);

	if (i < 0)
		answer_problem(k->a, 404, "not-found", "muster rule list", "there is no rule '%s'",
			k->arg);
	return i < 0 ? -1 : i;
}

void api_post_rule(struct call *k)
{
	static const struct api_member known[] = { { "name", API_TEXT },
		{ "match", API_TEXT | API_NEEDED }, { "image", API_TEXT | API_NULL },
		{ "channel", API_TEXT | API_NULL }, { "profile", API_TEXT | API_NULL },
		{ "before", API_TEXT }, { "at", API_INT }, { NULL, 0 } };
	struct rules_one one = { 0 };
	struct rules new;
	char what[HOST_TEXT_MAX + 16];
	int at;

	if (!api_check_body(k, known) || !read_rule(k, &one))
		return;
	if (rules_find(&k->c->rules, one.r.name) >= 0) {
		answer_problem(k->a, 409, "name-taken", "muster rule set NAME …",
			"there is a rule '%s' already", one.r.name);
		return;
	}
	if (k->c->rules.n == RULES_MAX) {
		answer_problem(k->a, 422, "rules", NULL, "there are at most %d rules", RULES_MAX);
		return;
	}
	at = read_position(k, &k->c->rules, (int)k->c->rules.n);
	if (at < 0 || !copy_rules(k, &new))
		return;
	put_in(&new, (size_t)at, &one);
	snprintf(what, sizeof what, "%s added", one.r.name);
	finish(k, &new, at, 201, what);
}

void api_patch_rule(struct call *k)
{
	static const struct api_member known[] = { { "name", API_TEXT }, { "match", API_TEXT },
		{ "image", API_TEXT | API_NULL }, { "channel", API_TEXT | API_NULL },
		{ "profile", API_TEXT | API_NULL }, { "before", API_TEXT }, { "at", API_INT },
		{ NULL, 0 } };
	struct rules_one one;
	struct rules new;
	char what[HOST_TEXT_MAX + 16];
	int i = find(k), other;

	if (i < 0 || !api_check_body(k, known) || !copy_rules(k, &new))
		return;
	take_out(&new, (size_t)i, &one);
	if (!read_rule(k, &one)) {
		rules_fini(&new);
		return;
	}
	other = rules_find(&new, one.r.name);
	if (other >= 0)
		answer_problem(
			k->a, 409, "name-taken", NULL, "there is a rule '%s' already", one.r.name);
	i = other >= 0 ? -1 : read_position(k, &new, i);
	if (i < 0) {
		rules_fini(&new);
		return;
	}
	put_in(&new, (size_t)i, &one);
	snprintf(what, sizeof what, "%s changed", k->arg);
	finish(k, &new, i, 200, what);
}

void api_delete_rule(struct call *k)
{
	struct rules_one one;
	struct rules new;
	char what[HOST_TEXT_MAX + 16];
	int i = find(k);

	if (i < 0 || !copy_rules(k, &new))
		return;
	take_out(&new, (size_t)i, &one);
	snprintf(what, sizeof what, "%s removed", one.r.name);
	finish(k, &new, -1, 204, what);
}

/* ---- a test ---- */

void api_post_rule_test(struct call *k)
{
	static const struct api_member known[] = { { "host", API_TEXT }, { "facts", API_OBJECT },
		{ NULL, 0 } };
	const char *name = json_get_str(k->body, "host", NULL);
	struct rule_facts facts = { 0 };
	struct store_host h = { 0 };
	struct choice_wish wish;
	struct jw w = { 0 };
	int rc;

	if (!api_check_body(k, known))
		return;
	if (name) {
		rc = store_host_by_name(k->c->store, name, &h);
		if (rc == -ENOENT) {
			answer_problem(k->a, 404, "not-found", "muster host list",
				"there is no host '%s'", name);
			return;
		}
		core_must(k->c, rc, "host");
		core_must(k->c, facts_gather(k->c->store, &h, &facts), "facts");
	} else {
		facts_of_file(json_get(k->body, "facts"), &facts);
	}
	choice_wish_by(k->c->cfg, &k->c->rules, &facts, &h, &wish);
	jw_obj(&w, NULL);
	jw_str(&w, "host", name ? h.name : NULL);
	wish_json(&wish, "gets", &w);
	rules_trace_json(&k->c->rules, &facts, &w, "trace");
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}
