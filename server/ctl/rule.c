/* rule.c: `muster rule list|add|set|move|rm|test`. */
#include "server/ctl/rule.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"
#include "server/ctl/batch.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/rule_facts.h"
#include "server/ctl/table.h"
#include "server/ctl/text.h"
#include "server/ctl/verbs.h"

#define FOLDED_MAX 400
#define ASK_ABOVE  10 /* hosts that get another image */

/* ---- which image, in words ---- */

static void say_gets(const struct json *gets, char *out, size_t size)
{
	const char *image = json_get_str(gets, "image", "none"),
		   *channel = json_get_str(gets, "channel", ""),
		   *profile = json_get_str(gets, "profile", ""),
		   *from = json_get_str(gets, "from", ""), *rule = json_get_str(gets, "rule", "");
	const bool own = !strcmp(json_get_str(gets, "profile_from", ""), "host");
	const bool by_rule = strcmp(from, "host") && *rule && *channel;
	struct text t = { .out = out, .size = size };

	*out = 0;
	text_put(&t, "%s", image);
	if (*channel)
		text_put(&t, ", channel %s", channel);
	if (!strcmp(from, "rule"))
		text_put(&t, " (rule %s)", rule);
	else if (*from)
		text_put(&t, " (%s%s%s)",
			strcmp(from, "host") ? "the server's default" : "set on this host",
			by_rule ? ", channel by rule " : "", by_rule ? rule : "");
	if (*profile)
		text_put(&t, ", profile %s (%s%s)", profile, own ? "set on this host" : "rule ",
			own ? "" : rule);
	if (!json_bool(json_get(gets, "certain"), true))
		text_put(&t, ", not certain before its agent has spoken");
}

/* POST /rules/test with {KEY: VALUE}. */
static int ask_test(struct ctl *c, const char *key, const char *text, bool raw, struct answer *a)
{
	struct jw w = { 0 };
	int rc;

	jw_obj(&w, NULL);
	if (raw)
		jw_raw(&w, key, text);
	else
		jw_str(&w, key, text);
	jw_end_obj(&w);
	rc = w.bad ? ctl_fail(CTL_FAILED, "out of memory")
		   : client_call(c, "POST", "/api/v1/rules/test", w.buf, a);
	jw_fini(&w);
	return rc;
}

void rule_gets(struct ctl *c, const char *host, char *out, size_t size)
{
	struct answer a = { 0 };

	snprintf(out, size, "?");
	if (ask_test(c, "host", host, false, &a) == CTL_OK)
		say_gets(json_get(a.doc, "gets"), out, size);
	answer_fini(&a);
}

/* ---- list ---- */

int verb_rule_list(struct ctl *c, int argc, char **argv)
{
	static const struct column columns[] = {
		{ "RULE", COL_LEFT, COL_ALWAYS },
		{ "IMAGE", COL_LEFT, COL_ALWAYS },
		{ "CHANNEL", COL_LEFT, COL_ALWAYS },
		{ "PROFILE", COL_LEFT, COL_ALWAYS },
		{ "MATCH", COL_LEFT, COL_ALWAYS },
	};
	const struct json *rules;
	struct answer a = { 0 };
	struct table t;
	int rc;

	(void)argv;
	if (argc > 1)
		return ctl_usage(c, "this takes no arguments");
	rc = client_get(c, "/api/v1/rules", &a);
	if (rc)
		return rc;
	rules = json_get(a.doc, "rules");
	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < json_len(rules); i++) {
		const struct json *r = json_at(rules, i);
		const char *match = json_get_str(r, "match", "?");

		table_cell(&t, json_get_str(r, "name", "?"), NULL);
		table_cell(&t, json_get_str(r, "image", "-"), json_get_str(r, "image", ""));
		table_cell(&t, json_get_str(r, "channel", "-"), json_get_str(r, "channel", ""));
		table_cell(&t, json_get_str(r, "profile", "-"), json_get_str(r, "profile", ""));
		table_cell(&t, *match ? match : "every host", match);
	}
	if (c->format == CTL_JSON)
		puts(a.text);
	else
		table_print(&t);
	table_fini(&t);
	answer_fini(&a);
	return CTL_OK;
}

/* ---- changes ---- */

struct change {
	const char *match, *image, *channel, *profile, *before, *at, *name;
	bool no_image, no_channel, no_profile, yes, dry_run;
};

enum {
	OPT_MATCH = 256,
	OPT_IMAGE,
	OPT_CHANNEL,
	OPT_PROFILE,
	OPT_BEFORE,
	OPT_AT,
	OPT_NAME,
	OPT_NO_IMAGE,
	OPT_NO_CHANNEL,
	OPT_NO_PROFILE,
	OPT_YES,
	OPT_DRY_RUN
};

#define PLACE                                                                                      \
	{ "before", required_argument, NULL, OPT_BEFORE },                                         \
	{                                                                                          \
		"at", required_argument, NULL, OPT_AT                                              \
	}
#define SURE                                                                                       \
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },                                             \
	{                                                                                          \
		"yes", no_argument, NULL, OPT_YES                                                  \
	}
#define WHAT                                                                                       \
	{ "match", required_argument, NULL, OPT_MATCH },                                           \
		{ "image", required_argument, NULL, OPT_IMAGE },                                   \
		{ "profile", required_argument, NULL, OPT_PROFILE },                               \
	{                                                                                          \
		"channel", required_argument, NULL, OPT_CHANNEL                                    \
	}

static const struct option add_options[] = { WHAT, PLACE, SURE, { 0 } };
static const struct option set_options[] = { WHAT, PLACE, SURE,
	{ "name", required_argument, NULL, OPT_NAME },
	{ "no-image", no_argument, NULL, OPT_NO_IMAGE },
	{ "no-channel", no_argument, NULL, OPT_NO_CHANNEL },
	{ "no-profile", no_argument, NULL, OPT_NO_PROFILE }, { 0 } };
static const struct option move_options[] = { PLACE, SURE, { 0 } };
static const struct option rm_options[] = { SURE, { 0 } };

/* Options, and the one name in *rule. */
static int parse(struct ctl *c, int argc, char **argv, const struct option *options,
	struct change *ch, const char **rule)
{
	const char **text[] = { &ch->match, &ch->image, &ch->channel, &ch->profile, &ch->before,
		&ch->at, &ch->name };
	bool *flag[] = { &ch->no_image, &ch->no_channel, &ch->no_profile, &ch->yes, &ch->dry_run };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o < OPT_MATCH)
			return ctl_usage(c, NULL);
		if (o < OPT_NO_IMAGE)
			*text[o - OPT_MATCH] = optarg;
		else
			*flag[o - OPT_NO_IMAGE] = true;
	}
	if (argc - optind != 1)
		return ctl_usage(c, "which rule? One at a time");
	*rule = argv[optind];
	if (ch->before && ch->at)
		return ctl_usage(c, "--before and --at exclude each other");
	if (ch->before && !strcasecmp(ch->before, *rule))
		return ctl_usage(c, "a rule does not stand before itself");
	if (ch->at && !ch->at[strspn(ch->at, "0123456789")] && *ch->at && strlen(ch->at) < 6)
		return CTL_OK;
	return ch->at ? ctl_usage(c, "--at takes a place from 1 on, not '%s'", ch->at) : CTL_OK;
}

static void member(struct jw *w, const char *key, const char *value, bool none)
{
	if (value || none)
		jw_str(w, key, none ? NULL : value);
}

/* free() it; NULL without memory. */
static char *body_of(const struct change *ch, const char *name)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	member(&w, "name", name, false);
	member(&w, "match", ch->match, false);
	member(&w, "image", ch->image, ch->no_image);
	member(&w, "channel", ch->channel, ch->no_channel);
	member(&w, "profile", ch->profile, ch->no_profile);
	member(&w, "before", ch->before, false);
	if (ch->at)
		jw_int(&w, "at", strtol(ch->at, NULL, 10));
	jw_end_obj(&w);
	if (!w.bad)
		return w.buf;
	jw_fini(&w);
	return NULL;
}

/* Hosts that change in the same way, and how. */
struct group {
	char from[120], to[120];
	struct hostlist names;
};

struct effect {
	struct group *groups;
	size_t n, hosts;
};

static int add_change(struct effect *e, const struct json *change)
{
	struct group g = { 0 }, *grown;
	size_t i = 0;

	say_gets(json_get(change, "from"), g.from, sizeof g.from);
	say_gets(json_get(change, "to"), g.to, sizeof g.to);
	while (i < e->n && (strcmp(e->groups[i].from, g.from) || strcmp(e->groups[i].to, g.to)))
		i++;
	if (i == e->n) {
		grown = reallocarray(e->groups, e->n + 1, sizeof g);
		if (!grown)
			return -ENOMEM;
		e->groups = grown;
		e->groups[e->n++] = g;
	}
	e->hosts++;
	return hostlist_add_name(&e->groups[i].names, json_get_str(change, "host", "?"));
}

static void effect_fini(struct effect *e)
{
	for (size_t i = 0; i < e->n; i++)
		hostlist_fini(&e->groups[i].names);
	free(e->groups);
}

/* What the change would do, page by page. */
static int ask_effect(
	struct ctl *c, const char *method, const char *path, const char *body, struct effect *e)
{
	int64_t next = 0;
	int rc = CTL_OK;

	do {
		struct answer a = { 0 };
		const struct json *changes;
		char paged[200];

		snprintf(paged, sizeof paged, "%s?dry_run=1&after=%" PRId64, path, next);
		rc = client_call(c, method, paged, body, &a);
		changes = json_get(a.doc, "changes");
		for (size_t i = 0; !rc && i < json_len(changes); i++) {
			if (add_change(e, json_at(changes, i)) < 0)
				rc = ctl_fail(CTL_FAILED, "too many hosts");
		}
		next = json_get_int(a.doc, "next", 0);
		answer_fini(&a);
	} while (!rc && next);
	return rc;
}

static void say_effect(const struct effect *e)
{
	char folded[FOLDED_MAX];

	if (!e->n)
		puts("no host gets another image or profile");
	for (size_t i = 0; i < e->n; i++)
		printf("%s: %s -> %s\n", hostlist_fold(&e->groups[i].names, folded, sizeof folded),
			e->groups[i].from, e->groups[i].to);
}

/* First what it would do; then, unless that was all, do it. */
static int carry_out(struct ctl *c, const char *method, const char *path, const char *body,
	const struct change *ch, const char *said)
{
	struct effect e = { 0 };
	struct answer a = { 0 };
	int rc = ask_effect(c, method, path, body, &e);

	if (!rc && (ch->dry_run || e.hosts))
		say_effect(&e);
	if (!rc && !ch->dry_run && !ch->yes && e.hosts > ASK_ABOVE)
		rc = ctl_confirm("%zu hosts get another image or profile at their next boot. Go on",
			e.hosts);
	if (!rc && !ch->dry_run)
		rc = client_call(c, method, path, body, &a);
	if (!rc && !ch->dry_run)
		printf("%s\n", said);
	answer_fini(&a);
	effect_fini(&e);
	return rc;
}

static int change_rule(struct ctl *c, const char *method, const char *rule, const struct change *ch,
	const char *word)
{
	const bool add = !strcmp(method, "POST");
	char path[160], said[120];
	char *body = strcmp(method, "DELETE") ? body_of(ch, add ? rule : ch->name) : NULL;
	int rc;

	if (!add && (strlen(rule) > 63 || strcspn(rule, "/?# %") != strlen(rule))) {
		free(body);
		return ctl_fail(CTL_NOT_FOUND, "there is no rule '%s'", rule);
	}
	snprintf(path, sizeof path, "/api/v1/rules%s%s", add ? "" : "/", add ? "" : rule);
	snprintf(said, sizeof said, "rule %.60s: %s", rule, word);
	rc = carry_out(c, method, path, body, ch, said);
	free(body);
	return rc;
}

int verb_rule_add(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	const char *rule;
	int rc = parse(c, argc, argv, add_options, &ch, &rule);

	if (!rc && !ch.match)
		rc = ctl_usage(c, "which hosts? --match 'vendor=HPE*'; '' fits all");
	if (!rc && !ch.image && !ch.channel && !ch.profile)
		rc = ctl_usage(
			c, "what do they get? --image IMAGE, --channel NAME or --profile NAME");
	return rc ? rc : change_rule(c, "POST", rule, &ch, "added");
}

int verb_rule_set(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	const char *rule;
	int rc = parse(c, argc, argv, set_options, &ch, &rule);

	if (!rc && !ch.match && !ch.image && !ch.channel && !ch.profile && !ch.before && !ch.at &&
		!ch.name && !ch.no_image && !ch.no_channel && !ch.no_profile)
		rc = ctl_usage(c, "what shall change?");
	return rc ? rc : change_rule(c, "PATCH", rule, &ch, "changed");
}

int verb_rule_move(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	const char *rule;
	int rc = parse(c, argc, argv, move_options, &ch, &rule);

	if (!rc && !ch.before && !ch.at)
		rc = ctl_usage(c, "where to? --before RULE or --at N");
	return rc ? rc : change_rule(c, "PATCH", rule, &ch, "moved");
}

int verb_rule_rm(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	const char *rule;
	int rc = parse(c, argc, argv, rm_options, &ch, &rule);

	return rc ? rc : change_rule(c, "DELETE", rule, &ch, "removed");
}

/* ---- test ---- */

static void say_trace(const struct json *doc)
{
	const struct json *trace = json_get(doc, "trace");
	char line[200], why[256];

	say_gets(json_get(doc, "gets"), line, sizeof line);
	printf("%s: %s\n", json_get_str(doc, "host", "this host"), format_clean(line));
	for (size_t i = 0; i < json_len(trace); i++) {
		const struct json *r = json_at(trace, i);
		const char *fit = json_get_str(r, "fit", "?");

		snprintf(why, sizeof why, "%s", json_get_str(r, "why", ""));
		printf("  %-3s  %s%s%s\n", !strcmp(fit, "unknown") ? "?" : fit,
			json_get_str(r, "rule", "?"), *why ? ": " : "", format_clean(why));
	}
	if (!json_len(trace))
		puts("  there are no rules");
}

static int test_one(struct ctl *c, const char *key, const char *text, bool raw)
{
	struct answer a = { 0 };
	int rc = ask_test(c, key, text, raw, &a);

	if (!rc && c->format == CTL_JSON)
		puts(a.text);
	else if (!rc)
		say_trace(a.doc);
	answer_fini(&a);
	return rc;
}

static int test_file(struct ctl *c, const char *file)
{
	char err[300] = "", *text;
	struct jw facts = { 0 };
	struct json *doc;
	size_t len;
	int rc;

	text = batch_file(file, &len);
	if (!text)
		return CTL_FAILED;
	doc = json_read(text, len, err, sizeof err);
	rc = doc ? rule_facts_read(doc, &facts, err, sizeof err) : -EINVAL;
	if (rc == -ENOMEM)
		rc = ctl_fail(CTL_FAILED, "out of memory");
	else
		rc = rc ? ctl_fail(CTL_FAILED, "%s: %s", file, err)
			: test_one(c, "facts", facts.buf, true);
	jw_fini(&facts);
	json_free(doc);
	free(text);
	return rc;
}

int verb_rule_test(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "facts", required_argument, NULL, 'f' }, { 0 } };
	struct hostlist names = { 0 };
	const char *file = NULL;
	int o, rc;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'f')
			return ctl_usage(c, NULL);
		file = optarg;
	}
	if (c->format == CTL_CSV || c->format == CTL_NAME)
		return ctl_usage(c, "this is a table or, with -o json, an object");
	if ((optind == argc) == !file)
		return ctl_usage(c, "which host? HOSTS or --facts FILE");
	if (file)
		return test_file(c, file);
	rc = hosts_resolve(c, argc - optind, argv + optind, &names);
	for (size_t i = 0; !rc && i < names.n; i++)
		rc = test_one(c, "host", names.names[i], false);
	hostlist_fini(&names);
	return rc;
}
