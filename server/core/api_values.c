/*
 * What /api/v1/hosts says about a host's own values: {"values": {"san-target": "10.0.0.9", "ks":
 * null}} sets and removes. A value whose name ends in "secret" is written and never shown.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/api.h"
#include "server/core/values.h"

bool api_value_ok(struct call *k, const char *name, const struct json *v)
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
		"%s: a value is text of 1 to %d printable ASCII characters without $ ` \" ' \\ | & ; < >, or "
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
	for (size_t i = 0; (v = json_member(values, i, &name)); i++) {
		if (!api_value_ok(k, name, v))
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

/* Will the host have a value of that name? */
static bool will_have(const struct call *k, const struct store_value *own, int n, const char *name)
{
	const struct json *v = json_get(json_get(k->body, "values"), name);

	for (int i = 0; !v && i < n; i++) {
		if (!strcmp(own[i].name, name))
			return true;
	}
	return json_is_str(v);
}

bool api_check_required(struct call *k, const struct store_host *h)
{
	struct store_value own[STORE_VALUES_MAX];
	struct store_profile p = { 0 };
	const char *name = NULL;
	char hint[HOST_TEXT_MAX + STORE_VALUE_NAME_MAX + 40];
	int n = 0, rc;

	if (!h->profile[0])
		return true;
	rc = store_profile_get(k->c->store, h->profile, &p);
	if (rc == -ENOENT)
		return true; /* nothing asks for anything */
	core_must(k->c, rc, "profile");
	if (h->id)
		n = core_must(k->c, store_host_values(k->c->store, h->id, own, STORE_VALUES_MAX),
			"values");
	for (size_t i = 0; i < p.n_values && !name; i++) {
		if (p.values[i].required && !will_have(k, own, n, p.values[i].name))
			name = p.values[i].name;
	}
	if (name) {
		snprintf(hint, sizeof hint, "muster host set %s --value %s=...",
			*h->name ? h->name : "NAME", name);
		answer_problem(k->a, 422, "profile-value", hint,
			"the profile %s requires the value %s, which %s does not have", h->profile,
			name, *h->name ? h->name : "the host");
	}
	store_profile_fini(&p);
	return !name;
}

void api_apply_values(struct call *k, int64_t host)
{
	const struct json *values = json_get(k->body, "values"), *v;
	const char *name;

	for (size_t i = 0; (v = json_member(values, i, &name)); i++)
		core_must(k->c, store_host_value_put(k->c->store, host, name, json_str(v, NULL)),
			"value");
}
