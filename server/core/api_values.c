/*
 * What /api/v1/hosts says about a host's own values: {"values": {"san-target": "10.0.0.9", "ks":
 * null}} sets and removes. A value whose name ends in "secret" is written and never shown.
 */
#include <stdio.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/api.h"
#include "server/core/values.h"

static bool value_ok(struct call *k, const char *name, const struct json *v)
{
	const char *text = json_str(v, "");

	if (!values_name_ok(name)) {
		answer_problem(k->a, 422, "value-name", NULL,
			"'%s' is no value's name: a letter, then a-z 0-9 -, at most %d in all",
			name, STORE_VALUE_NAME_MAX - 1);
		return false;
	}
	if (json_is_null(v) || (json_is_str(v) && *text && strlen(text) < STORE_VALUE_MAX &&
				       script_value_ok(text)))
		return true;
	answer_problem(k->a, 422, "value", NULL,
		"%s: a value is text of 1 to %d printable characters without $ ` \" ' \\ | & ; < >, or "
		"null",
		name, STORE_VALUE_MAX - 1);
	return false;
}

/* How many values there will be, of those that the host has and those that are set. */
static int count_after(const struct json *values, const struct store_value *own, int n)
{
	const char *name;
	const struct json *v;
	int total = n;

	for (size_t i = 0; (v = json_member(values, i, &name)); i++) {
		int at = 0;

		while (at < n && strcmp(own[at].name, name))
			at++;
		total += json_is_null(v) ? -(at < n) : at == n;
	}
	return total;
}

bool api_check_values(struct call *k, int64_t host)
{
	const struct json *values = json_get(k->body, "values"), *v;
	struct store_value own[STORE_VALUES_MAX];
	const char *name;
	int n;

	if (!values)
		return true;
	if (!json_is_object(values)) {
		answer_problem(k->a, 422, "values", NULL, "values is no object");
		return false;
	}
	for (size_t i = 0; (v = json_member(values, i, &name)); i++) {
		if (!value_ok(k, name, v))
			return false;
	}
	n = host ? core_must(k->c, store_host_values(k->c->store, host, own, ARRAY_LEN(own)),
			   "values")
		 : 0;
	if (count_after(values, own, n) <= STORE_VALUES_MAX)
		return true;
	answer_problem(k->a, 422, "values", NULL, "a host has at most %d values", STORE_VALUES_MAX);
	return false;
}

void api_apply_values(struct call *k, int64_t host)
{
	const struct json *values = json_get(k->body, "values"), *v;
	const char *name;

	for (size_t i = 0; (v = json_member(values, i, &name)); i++)
		core_must(k->c, store_host_value_put(k->c->store, host, name, json_str(v, NULL)),
			"value");
}
