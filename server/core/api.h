/*
 * api.h: one call of /api/v1 on its way through api.c's table to the file of its family.
 */
#ifndef MUSTER_SERVER_CORE_API_H
#define MUSTER_SERVER_CORE_API_H

#include "images/json.h"
#include "server/core/core.h"

struct call {
	struct core *c;
	const struct request *q;
	struct answer *a;
	const char *arg; /* what stood for '*' in the path, or NULL */
	struct json *body;
};

/* A handler makes *k->a. */
typedef void api_fn(struct call *k);

/* api_leases.c */
api_fn api_get_leases, api_get_lease, api_delete_lease;

#endif
