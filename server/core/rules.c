#include "server/core/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int make_room(struct rules *rs)
{
	rs->n = 0;
	rs->of = calloc(RULES_MAX, sizeof *rs->of);
	return rs->of ? 0 : -ENOMEM;
}

int rules_load(struct store *s, struct rules *out)
{
	struct store_rule *rows = calloc(RULES_MAX, sizeof *rows);
	struct rules rs = { 0 };
	int n = rows ? make_room(&rs) : -ENOMEM;
	char err[RULE_WHY_MAX];

	if (!n)
		n = store_rules(s, rows, RULES_MAX);
	for (int i = 0; i < n; i++) {
		rs.of[i].r = rows[i];
		if (rule_read(rows[i].match, &rs.of[i].match, err, sizeof err) < 0)
			rule_read("name=\"\"", &rs.of[i].match, err, sizeof err);
	}
	free(rows);
	if (n < 0) {
		rules_fini(&rs);
		return n;
	}
	rs.n = (size_t)n;
	*out = rs;
	return 0;
}

int rules_copy(const struct rules *from, struct rules *to)
{
	int rc = make_room(to);

	if (rc)
		return rc;
	to->n = from->n;
	memcpy(to->of, from->of, from->n * sizeof *from->of);
	return 0;
}

void rules_fini(struct rules *rs)
{
	free(rs->of);
	*rs = (struct rules){ 0 };
}

int rules_find(const struct rules *rs, const char *name)
{
	for (size_t i = 0; i < rs->n; i++) {
		if (!strcasecmp(rs->of[i].r.name, name))
			return (int)i;
	}
	return -ENOENT;
}

void rules_choose(const struct rules *rs, const struct rule_facts *f, struct rules_choice *out)
{
	size_t which;

	*out = (struct rules_choice){ .certain = true };
	for (size_t i = 0; i < rs->n && !out->chosen; i++) {
		enum rule_fit fit = rule_fit(&rs->of[i].match, f, &which);

		if (fit == RULE_YES)
			out->chosen = &rs->of[i];
		else if (fit == RULE_UNKNOWN)
			out->certain = false;
	}
}

/* One rule in words; why is "" where it fits. */
static enum rule_fit judge(
	const struct rules_one *one, const struct rule_facts *f, char why[RULE_WHY_MAX])
{
	size_t which;
	enum rule_fit fit = rule_fit(&one->match, f, &which);

	*why = 0;
	if (fit != RULE_YES)
		rule_why(&one->match, f, which, why, RULE_WHY_MAX);
	return fit;
}

char *rules_trace(const struct rules *rs, const struct rule_facts *f, char *out, size_t size)
{
	enum rule_fit fit = RULE_NO;
	size_t len = 0, i, room = size > 100 ? size - 100 : 0;
	char why[RULE_WHY_MAX], line[HOST_TEXT_MAX + RULE_WHY_MAX + 16];

	*out = 0;
	for (i = 0; i < rs->n && fit != RULE_YES; i++) {
		fit = judge(&rs->of[i], f, why);
		snprintf(line, sizeof line, "%s%s: %s", i ? "; " : "", rs->of[i].r.name,
			fit == RULE_YES ? "fits" : why);
		if (fit != RULE_YES && strlen(line) >= room - len)
			break;
		len += (size_t)snprintf(out + len, size - len, "%s", line);
	}
	if (i < rs->n && fit != RULE_YES)
		snprintf(out + len, size - len, "; and %zu more", rs->n - i);
	else if (fit != RULE_YES)
		snprintf(out + len, size - len, "%snone fits", i ? "; " : "");
	return out;
}

void rules_trace_json(
	const struct rules *rs, const struct rule_facts *f, struct jw *w, const char *key)
{
	static const char *const words[] = { "no", "yes", "unknown" };
	enum rule_fit fit = RULE_NO;
	char why[RULE_WHY_MAX];

	jw_arr(w, key);
	for (size_t i = 0; i < rs->n && fit != RULE_YES; i++) {
		fit = judge(&rs->of[i], f, why);
		jw_obj(w, NULL);
		jw_str(w, "rule", rs->of[i].r.name);
		jw_str(w, "match", rs->of[i].r.match);
		jw_str(w, "fit", words[fit]);
		jw_str(w, "why", *why ? why : NULL);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}
