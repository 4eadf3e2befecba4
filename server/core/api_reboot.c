/*
 * POST /api/v1/hosts/NAME/reboot {"reason": TEXT}: the host is asked to start anew. DELETE
 * withdraws that, as long as it has not obeyed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/reboot.h"
#include "server/core/versions.h"
#include "server/core/why.h"

#define BY_HAND                                                                                    \
	"restart it from within, or by its BMC or its power button: it boots what is assigned"

/* Can it hear of it, and will it obey? false with the answer made. */
static bool can_be_asked(struct call *k, const struct store_host *h, const struct store_boot *b)
{
	const int64_t heard_ms = b->seen_ms > k->c->listens_ms ? b->seen_ms : k->c->listens_ms;
	const int64_t silent_s = (k->c->wall_ms - heard_ms) / 1000;
	const char *code = reboot_cannot(k->c, b);

	if (!code)
		return true;
	if (!strcmp(code, "not-up"))
		answer_problem(k->a, 409, code, BY_HAND " (muster host why NAME)",
			"%s is not up: there is nothing that could be asked", h->name);
	else if (!strcmp(code, "no-agent"))
		answer_problem(k->a, 409, code, BY_HAND,
			"%s runs %s, in which no agent is that could be asked", h->name, b->image);
	else if (!strcmp(code, "no-orders"))
		answer_problem(k->a, 409, code, BY_HAND,
			"the agent that %s runs takes no orders: it is older than this, or was "
			"given no site key",
			h->name);
	else
		answer_problem(k->a, 409, code, BY_HAND " (muster host why NAME)",
			"%s has been silent for %lld s: it would not hear of it", h->name,
			(long long)silent_s);
	return false;
}

static void say_who(const struct call *k, char *out, size_t size)
{
	if (k->who->name[0])
		snprintf(out, size, "%.63s", k->who->name);
	else
		snprintf(out, size, "uid %u", k->who->uid);
}

/* Asked already, or on its way down: a second time it is the same. One that still beats long after
 * it said that it obeys has not. */
static bool is_asked(struct call *k, const struct store_boot *b)
{
	struct store_reboot r;

	return reboot_of(k->c, b, &r) && !r.refused[0] &&
	       (!r.taken_ms || b->seen_ms < r.taken_ms + WHY_LOST_MS);
}

static void ask(struct call *k, const struct store_boot *b)
{
	char why[VERSIONS_WHY_MAX], who[HOST_TEXT_MAX];

	say_who(k, who, sizeof who);
	core_write(k->c);
	reboot_ask(k->c, b, who, versions_why(k, why));
}

static void answer_reboot(struct call *k, const struct store_host *h)
{
	char *json = NULL;
	struct jw w = { 0 };

	core_must(k->c, store_json_reboot(k->c->store, h->id, &json), "reboot");
	jw_obj(&w, NULL);
	jw_str(&w, "host", h->name);
	jw_raw(&w, "reboot", json);
	jw_bool(&w, "dry_run", api_is_dry_run(k));
	jw_end_obj(&w);
	free(json);
	answer_jw(k->a, 200, &w);
}

/* The host and its newest boot; b->id 0: it has none. false with the answer made. */
static bool find(struct call *k, struct store_host *h, struct store_boot *b)
{
	int rc = store_host_by_name(k->c->store, k->arg, h);

	if (rc < 0) {
		api_answer_store(k, rc, NULL, "host");
		return false;
	}
	*b = (struct store_boot){ 0 };
	rc = store_boot_newest(k->c->store, h->id, b);
	if (rc != -ENOENT)
		core_must(k->c, rc, "boot newest");
	return true;
}

void api_post_reboot(struct call *k)
{
	static const struct api_member known[] = { { "reason", API_TEXT | API_NULL }, { NULL, 0 } };
	struct store_host h;
	struct store_boot b;

	if (!find(k, &h, &b) || !api_check_body(k, known) || !can_be_asked(k, &h, &b))
		return;
	if (!is_asked(k, &b))
		ask(k, &b);
	answer_reboot(k, &h);
}

void api_delete_reboot(struct call *k)
{
	struct store_host h;
	struct store_boot b;
	struct store_reboot r;
	char who[HOST_TEXT_MAX];

	if (!find(k, &h, &b))
		return;
	if (!b.id || !reboot_of(k->c, &b, &r)) {
		answer_problem(
			k->a, 404, "no-reboot", NULL, "%s was not asked to start anew", h.name);
		return;
	}
	if (r.taken_ms) {
		answer_problem(k->a, 409, "obeyed", NULL,
			"%s obeys already and goes down: that cannot be withdrawn", h.name);
		return;
	}
	core_write(k->c);
	core_must(k->c, store_reboot_rm(k->c->store, h.id), "reboot");
	say_who(k, who, sizeof who);
	reboot_note(k->c, &b, "core", "withdrawn by %s", who);
	answer_empty(k->a);
}
