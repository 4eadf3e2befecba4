/*
 * /api/v1/boots, /api/v1/hosts/NAME/boots and /api/v1/events: what has happened.
 */
#include <stdlib.h>

#include "server/core/api.h"

#define EVENTS_LIMIT 500

void api_get_boots(struct call *k)
{
	struct store_host h;
	char *json = NULL;
	int rc = store_host_by_name(k->c->store, k->arg, &h);

	if (!rc)
		rc = store_json_boots(k->c->store, k->arg, &json);
	api_answer_store(k, rc, json, "host");
}

static int64_t number(const char *text, int64_t def)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	return *text && !*end && n >= 0 ? n : def;
}

void api_get_boot(struct call *k)
{
	char *json = NULL;
	int rc = store_json_boot(k->c->store, number(k->arg, -1), &json);

	api_answer_store(k, rc, json, "boot");
}

void api_get_events(struct call *k)
{
	char after[24], limit[24], *json = NULL;
	int64_t n;
	int rc;

	query_get(k->q->h->query, "after", after, sizeof after);
	query_get(k->q->h->query, "limit", limit, sizeof limit);
	n = number(limit, EVENTS_LIMIT);
	if (n < 1 || n > EVENTS_LIMIT)
		n = EVENTS_LIMIT;
	rc = store_json_events(k->c->store, number(after, -1), (int)n, &json);
	api_answer_store(k, rc, json, "events");
}
