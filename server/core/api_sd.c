/*
 * GET /api/v1/sd/prometheus: the hypervisors that are up, for Prometheus's HTTP service discovery
 * (http_sd_configs): ?port= is that of the exporter on them, 9100 where it is left out.
 */
#include <stdlib.h>

#include "server/core/api.h"

#define EXPORTER_PORT 9100 /* node_exporter's */

void api_get_sd(struct call *k)
{
	char text[8], *json = NULL, *end;
	long port = EXPORTER_PORT;
	int rc;

	if (query_get(k->q->h->query, "port", text, sizeof text)) {
		port = strtol(text, &end, 10);
		if (*end || port < 1 || port > 65535) {
			answer_problem(k->a, 422, "port", NULL, "port is 1 to 65535");
			return;
		}
	}
	rc = store_json_targets(k->c->store, (int)port, &json);
	api_answer_store(k, rc, json, "targets");
}
