/*
 * /api/v1/boots, /api/v1/hosts/NAME/boots and /api/v1/events: what has happened.
 */
#include <stdlib.h>

#include "server/core/api.h"

#define EVENTS_LIMIT 500
#define BOOTS_LIMIT  200

void api_get_boots(struct call *k)
{
	struct api_page room;
	struct store_page page = api_read_page(k, BOOTS_LIMIT, &room);
	struct store_host h;
	char *json = NULL;
	int rc = store_host_by_name(k->c->store, k->arg, &h);

	page.host = k->arg;
	if (!rc)
		rc = store_json_boots(k->c->store, &page, &json);
	api_answer_store(k, rc, json, "host");
}

void api_get_all_boots(struct call *k)
{
	struct api_page room;
	const struct store_page page = api_read_page(k, BOOTS_LIMIT, &room);
	char *json = NULL;
	int rc = store_json_boots(k->c->store, &page, &json);

	api_answer_store(k, rc, json, "boots");
}

void api_get_boot(struct call *k)
{
	char *json = NULL;
	int rc = store_json_boot(k->c->store, api_number(k->arg, -1), &json);

	api_answer_store(k, rc, json, "boot");
}

void api_get_events(struct call *k)
{
	struct api_page room;
	const struct store_page page = api_read_page(k, EVENTS_LIMIT, &room);
	char *json = NULL;
	int rc = store_json_events(k->c->store, &page, &json);

	api_answer_store(k, rc, json, "events");
}
