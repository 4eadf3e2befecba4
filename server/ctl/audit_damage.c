/* audit_damage.c: the server checks its audit log, some rows with each request. */
#include "server/ctl/audit_damage.h"

#include <inttypes.h>
#include <stdio.h>

int audit_damage(struct ctl *c, char *out, size_t size)
{
	int64_t after = 0;
	bool more = true;

	*out = 0;
	while (more) {
		char path[80];
		struct answer a;
		int rc;

		snprintf(path, sizeof path, "/api/v1/audit/check?after=%" PRId64, after);
		rc = client_ask(c, "GET", path, NULL, &a);
		if (rc)
			return rc;
		more = a.status == 200 && json_is_int(json_get(a.doc, "next"));
		after = json_get_int(a.doc, "next", 0);
		if (a.status == 200 && !json_bool(json_get(a.doc, "good"), true)) {
			snprintf(out, size, "row %" PRId64 " of the audit log: %s",
				json_get_int(a.doc, "bad", 0), json_get_str(a.doc, "why", "?"));
			more = false;
		}
		answer_fini(&a);
	}
	return CTL_OK;
}
