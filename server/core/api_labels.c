/*
 * What /api/v1/hosts says about a host's labels: {"labels": {"rack": "r3", "gpu": "", "old": null}}
 * sets and removes.
 */
#include <strings.h>

#include "server/core/api.h"

static bool label_ok(struct call *k, const char *name, const struct json *v)
{
	if (!rule_label_ok(name)) {
		answer_problem(k->a, 422, "label-name", NULL,
			"'%s' is no label's name: a letter, then letters, digits, '-', '_' and '.', at "
			"most %d in all",
			name, STORE_LABEL_NAME_MAX - 1);
		return false;
	}
	if (json_is_null(v) || (json_is_str(v) && rule_label_value_ok(json_str(v, ""))))
		return true;
	answer_problem(k->a, 422, "label", NULL,
		"%s: a label's value is text of at most %d printable ASCII characters without blanks, quotes, "
		"'|', ',' and brackets, or null",
		name, STORE_LABEL_MAX - 1);
	return false;
}

/* How many there will be, of those that the host has and those that are set. */
static size_t count_after(const struct json *labels, const struct store_label *own, int n)
{
	size_t total = (size_t)n;
	const struct json *v;
	const char *name;

	for (size_t i = 0; (v = json_member(labels, i, &name)); i++) {
		int at = 0;

		while (at < n && strcasecmp(own[at].name, name))
			at++;
		if (json_is_null(v))
			total -= at < n;
		else
			total += at == n;
	}
	return total;
}

bool api_check_labels(struct call *k, int64_t host)
{
	const struct json *labels = json_get(k->body, "labels"), *v;
	struct store_label own[STORE_LABELS_MAX];
	const char *name;
	int n = 0;

	if (!labels)
		return true;
	for (size_t i = 0; (v = json_member(labels, i, &name)); i++) {
		if (!label_ok(k, name, v))
			return false;
	}
	if (host)
		n = core_must(k->c, store_host_labels(k->c->store, host, own, STORE_LABELS_MAX),
			"labels");
	if (count_after(labels, own, n) <= STORE_LABELS_MAX)
		return true;
	answer_problem(k->a, 422, "labels", NULL, "a host has at most %d labels", STORE_LABELS_MAX);
	return false;
}

void api_apply_labels(struct call *k, int64_t host)
{
	const struct json *labels = json_get(k->body, "labels"), *v;
	const char *name;

	for (size_t i = 0; (v = json_member(labels, i, &name)); i++)
		core_must(k->c, store_host_label_put(k->c->store, host, name, json_str(v, NULL)),
			"label");
}
