#include "server/core/values.h"

#include <stdio.h>
#include <string.h>

#define SECRET "chap-secret"

int values_name_ok(const char *name)
{
	const size_t n = strlen(name);

	return n > 0 && n < STORE_VALUE_NAME_MAX && *name >= 'a' && *name <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static void add_value(struct values *v, const char *name, const char *value)
{
	v->v[v->n++] = (struct script_value){ name, value, false };
}

/* The host's own come first: they win over what follows. */
void values_load(struct core *c, const struct store_host *h, const char *token, struct values *v)
{
	int n;

	*v = (struct values){ 0 };
	n = core_must(c, store_host_values(c->store, h->id, v->own, STORE_VALUES_MAX), "values");
	snprintf(v->report, sizeof v->report, "%s" VALUES_REPORT "%s", c->server->url, token);
	snprintf(v->initiator, sizeof v->initiator, VALUES_IQN "%s", h->name);
	for (int i = 0; i < n; i++) {
		if (!strcmp(v->own[i].name, SECRET))
			v->secret = v->own[i].value; /* that goes its own way */
		else
			add_value(v, v->own[i].name, v->own[i].value);
	}
	add_value(v, "host", h->name);
	add_value(v, "server", c->cfg->name);
	add_value(v, "url", c->server->url);
	add_value(v, "report", v->report);
	add_value(v, "san-lun", "0");
	add_value(v, "san-initiator", v->initiator);
}

const char *values_get(const struct values *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++) {
		if (!strcmp(v->v[i].name, name))
			return v->v[i].value;
	}
	return NULL;
}

/* Why a text cannot be filled in: the first name of it that has no value. */
static void explain_missing(
	const char *text, const struct values *v, const char *host, char *why, size_t size)
{
	char name[64];

	for (const char *p = text; (p = strstr(p, "@{")); p += 2) {
		size_t n = strcspn(p + 2, "}");

		snprintf(name, sizeof name, "%.*s", n < 60 ? (int)n : 60, p + 2);
		if (values_get(v, name))
			continue;
		snprintf(why, size, "the image wants the value %s, which %s does not have", name,
			host);
		return;
	}
	snprintf(why, size, "the values of %s cannot be filled into the arguments of the image",
		host);
}

/* One line with @{name}. 0, or -1 with the reason. */
static int fill(const char *text, const struct values *v, const char *host, char *out, size_t size,
	char *why, size_t why_size)
{
	int n = script_fill(text, v->v, v->n, out, size);

	if (n < 0) {
		explain_missing(text, v, host, why, why_size);
		return -1;
	}
	out[n - (n > 0)] = 0; /* script_fill ends each line */
	return 0;
}

int values_args(struct core *c, const struct store_host *h, const struct values *v,
	const struct store_image *image, char *out, char *why)
{
	char own[MANIFEST_ARGS_MAX];

	core_must(c, store_image_args(c->store, &image->manifest, own), "image args");
	if (fill(own, v, h->name, out, VALUES_ARGS_MAX, why, VALUES_WHY_MAX))
		return -1;
	/* A text that goes to the host as it is must not become a command. */
	if (script_value_ok(out))
		return 0;
	snprintf(why, VALUES_WHY_MAX,
		"the arguments of the image have characters that iPXE would take for its own");
	return -1;
}
