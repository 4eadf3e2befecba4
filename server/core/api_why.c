/*
 * GET /api/v1/hosts/NAME/why: why a host is not up. NAME may be a MAC address, also of a machine
 * that nobody knows.
 */
#include <errno.h>

#include "server/core/api.h"
#include "server/core/why_gather.h"

/* By its name, else as a MAC address. 1 with *out filled, or 0: it is none of ours. */
static int find_host(struct call *k, struct store_host *out)
{
	struct host_identity id = { 0 };
	uint8_t mac[6];
	int rc = store_host_by_name(k->c->store, k->arg, out);

	if (rc == -ENOENT && host_mac_parse(k->arg, mac) == 0) {
		host_mac_add(&id, mac);
		rc = store_host_find(k->c->store, &id, out);
	}
	if (rc != -ENOENT)
		core_must(k->c, rc, "host find");
	return rc == 0;
}

static void put_evidence(struct jw *w, const struct why *why)
{
	jw_arr(w, "evidence");
	for (size_t i = 0; i < why->n; i++) {
		const struct why_evidence *e = &why->evidence[i];

		jw_obj(w, NULL);
		if (e->at_ms)
			jw_int(w, "at", e->at_ms);
		else
			jw_null(w, "at");
		jw_str(w, "source", e->source);
		jw_str(w, "text", e->text);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void put_boot(struct jw *w, const struct why_facts *f)
{
	if (!f->has_boot) {
		jw_null(w, "boot");
		jw_null(w, "stage");
		jw_null(w, "seen");
		return;
	}
	jw_int(w, "boot", f->boot.id);
	jw_str(w, "stage", boot_stage_name(f->boot.stage));
	jw_int(w, "seen", f->boot.seen_ms);
}

void api_get_why(struct call *k)
{
	struct store_host h;
	struct why_facts f;
	struct jw w = { 0 };
	struct why why;
	const int known = find_host(k, &h);

	why_gather(k->c, known ? &h : NULL, k->arg, NULL, &f);
	why_judge(&f, &why);
	jw_obj(&w, NULL);
	jw_str(&w, "host", f.name);
	jw_bool(&w, "known", f.known);
	jw_str(&w, "mac", f.mac[0] ? f.mac : NULL);
	jw_str(&w, "state", why_state_name(why.state));
	jw_str(&w, "code", why.code);
	jw_str(&w, "sentence", why.sentence);
	put_evidence(&w, &why);
	jw_str(&w, "next", why.next);
	put_boot(&w, &f);
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}
