/*
 * /api/v1/leases: the addresses that hosts have or had.
 */
#include "server/core/api.h"

void api_get_leases(struct call *k)
{
	char *json = NULL;
	int rc = store_json_leases(k->c->store, &json);

	api_answer_store(k, rc, json, "leases");
}
