/*
 * fuzz_rule.c: a line is a match, the rest what is known of a host, and what its agent adds. What
 * is read holds conditions that stand in the text, read again it is the same, and each is judged
 * and told in words.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static char *copy(const uint8_t *data, size_t len)
{
	char *s = malloc(len + 1);

	must(s != NULL);
	memcpy(s, data, len);
	s[len] = 0;
	return s;
}

static void check_read(const struct rule_match *m)
{
	struct rule_match again;
	size_t end = 0, used = 0;
	char err[200];

	must(m->n <= RULE_CONDS_MAX);
	for (size_t i = 0; i < m->n; i++) {
		const struct rule_cond *c = &m->of[i];

		must(c->at >= end && c->len && c->at + c->len <= strlen(m->text));
		end = (size_t)c->at + c->len;
		must(c->values == used && (c->n_values > 0) == (c->op != RULE_HAS));
		for (size_t v = 0; v < c->n_values; v++) {
			must(used < sizeof m->values &&
				memchr(m->values + used, 0, sizeof m->values - used));
			used += strlen(m->values + used) + 1;
		}
	}
	must(rule_read(m->text, &again, err, sizeof err) == 0 && again.n == m->n);
	must(!memcmp(again.of, m->of, sizeof m->of[0] * m->n));
}

static bool has(const struct rule_facts *f, enum rule_key key)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->of[i].key == key)
			return true;
	}
	return false;
}

/* What an agent may add to what is known: what was not, and further network cards. */
static bool may_add(const struct rule_facts *f, enum rule_key key)
{
	return key == RULE_MAC || (key != RULE_LABEL && key != RULE_NAME && !has(f, key));
}

static void read_facts(const uint8_t *data, size_t size, struct rule_facts *f, bool agent)
{
	for (size_t i = 0; i < size;) {
		const enum rule_key key = data[i] % RULE_KEYS;
		const size_t left = size - i - 1;
		size_t n = left && data[i + 1] < left ? data[i + 1] : left;
		char *text = copy(data + i + 1, n);

		if (agent && !may_add(f, key))
			n = left;
		else if (key == RULE_LABEL)
			rule_add_label(f, "gpu", text);
		else if (key == RULE_CIRCUIT)
			rule_add_bytes(f, key, data + i + 1, n);
		else if (key == RULE_MEMORY || key == RULE_CPUS || key == RULE_SUBNET)
			rule_add_number(f, key, (int64_t)strlen(text) << (n % 40));
		else
			rule_add_text(f, key, text);
		free(text);
		i += n + 1;
	}
	must(f->n <= RULE_FACTS_MAX);
}

/* What was decided before the agent spoke stays so, whatever it says. */
static void check_fit(
	const struct rule_match *m, struct rule_facts *f, const uint8_t *more, size_t n)
{
	char why[RULE_WHY_MAX];
	size_t which;
	enum rule_fit fit = rule_fit(m, f, &which);

	must(which < m->n || (m->n == 0 && fit == RULE_YES));
	if (m->n && fit != RULE_YES) {
		rule_why(m, f, which, why, sizeof why);
		must(strlen(why) > m->of[which].len % 80);
	}
	read_facts(more, n, f, true);
	f->complete = true;
	must(rule_fit(m, f, &which) != RULE_UNKNOWN);
	must(fit == RULE_UNKNOWN || rule_fit(m, f, &which) == fit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *lf = memchr(data, '\n', size), *rest = lf ? lf + 1 : data + size;
	size_t n = lf ? (size_t)(lf - data) : size, left = size - (size_t)(rest - data);
	char *text = copy(data, n), err[200] = "";
	struct rule_facts f = { 0 };
	struct rule_match m;
	int rc = rule_read(text, &m, err, sizeof err);

	must(rc == 0 || (rc == -EBADMSG && *err));
	if (!rc) {
		check_read(&m);
		read_facts(rest, left / 2, &f, false);
		check_fit(&m, &f, rest + left / 2, left - left / 2);
	}
	free(text);
	return 0;
}
