/* /api/v1/audit: who changed what, and whether that is still as it was written. */
#include <stdlib.h>
#include <string.h>

#include "server/core/api.h"

#define LIMIT	    1000 /* rows of a list, each of some KiB at most */
#define CHECKED_MAX 1000 /* rows of one answer, some milliseconds: others wait meanwhile */

void api_get_audit(struct call *k)
{
	const char *query = k->q->h->query;
	char who[API_WHO_MAX], object[API_OBJECT_MAX], *json = NULL;
	struct store_audit_filter f = { .after = api_query_int(k, "after", -1),
		.since_ms = api_query_int(k, "since", 0),
		.limit = api_limit(k, LIMIT) };
	int rc;

	f.who = query_get(query, "who", who, sizeof who) ? who : NULL;
	f.object = query_get(query, "object", object, sizeof object) ? object : NULL;
	rc = store_json_audit(k->c->store, &f, &json);
	api_answer_store(k, rc, json, "audit");
}

void api_get_audit_check(struct call *k)
{
	struct store_audit_check c;
	struct jw w = { 0 };
	struct digest head;
	char hex[DIGEST_HEX];
	int64_t last;
	int rc = store_audit_check(
		k->c->store, api_query_int(k, "after", 0), api_limit(k, CHECKED_MAX), &c);

	core_must(k->c, rc, "audit check");
	core_must(k->c, store_audit_head(k->c->store, &last, &head), "audit head");
	jw_obj(&w, NULL);
	jw_bool(&w, "good", !c.bad);
	jw_int(&w, "rows", c.rows);
	jw_int(&w, "last", c.last);
	digest_hex(&c.hash, hex);
	jw_str(&w, "hash", hex);
	if (c.bad) {
		jw_int(&w, "bad", c.bad);
		jw_str(&w, "why", c.why);
	}
	if (!c.bad && c.last < last)
		jw_int(&w, "next", c.last);
	else
		jw_null(&w, "next");
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}
