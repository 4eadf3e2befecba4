/*
 * POST /api/v1/hosts/NAME/replace {"by": WHO, "force": false}: another box takes the host's role.
 * The role is what people gave to the host: name, image, admission, reserved address, values. The
 * box is what it says of itself, and what was learned of it. WHO is a host's name, one of its MAC
 * addresses, its UUID, its serial number, or the code on the screen of a host that waits.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/core/rollouts.h"
#include "server/core/versions.h"
#include "server/log.h"

/* 0, or -ENOENT. */
static int found(struct core *c, int rc)
{
	return rc == -ENOENT ? rc : core_must(c, rc, "host find");
}

static bool is_code(const char *by)
{
	return strlen(by) == 6 && strspn(by, "0123456789") == 6;
}

/* *id is what `by` says of a box that need not be known yet. */
static int find_box(
	struct core *c, const char *by, struct host_identity *id, struct store_host *out)
{
	uint8_t mac[6];

	*id = (struct host_identity){ 0 };
	if (found(c, store_host_by_name(c->store, by, out)) == 0)
		return 0;
	if (is_code(by) && found(c, store_host_by_code(c->store, by, out)) == 0)
		return 0;
	if (host_mac_parse(by, mac) == 0)
		host_mac_add(id, mac);
	else if (host_uuid_parse(by, id->uuid) == 0)
		id->has_uuid = true;
	else if (host_serial_ok(by) && strlen(by) < sizeof id->serial)
		snprintf(id->serial, sizeof id->serial, "%s", by);
	else
		return -ENOENT;
	return found(c, store_host_find(c->store, id, out));
}

/* A box that was never seen becomes a host first, which then gets the box that leaves. */
static void add_box(struct core *c, const struct host_identity *id, struct store_host *out)
{
	*out = (struct store_host){
		.created_ms = c->wall_ms, .seen_ms = c->wall_ms, .has_uuid = id->has_uuid
	};
	memcpy(out->uuid, id->uuid, sizeof out->uuid);
	memcpy(out->serial, id->serial, sizeof out->serial);
	core_must(c, store_host_add(c->store, out), "host add");
	for (size_t i = 0; i < id->n_macs; i++)
		core_must(c, store_host_mac_put(c->store, out->id, id->macs[i]), "host mac");
}

/*
 * The box that leaves shall not keep the reserved address until its lease ends: whoever types this
 * has it in his hands.
 */
static void end_lease(struct core *c, int64_t role)
{
	struct store_reservation r;

	if (found(c, store_reservation_of(c->store, role, &r)) < 0)
		return;
	if (pool_end(c->pool, r.addr, true, (uint64_t)c->wall_ms) == 0)
		core_must(c, store_lease_rm(c->store, r.addr), "lease rm");
}

static void swap(struct call *k, struct store_host *role, struct store_host *box)
{
	struct core *c = k->c;

	role->code[0] = 0;
	core_must(c, store_host_put(c->store, role), "host put");
	box->admitted = false; /* the box that left is nobody in particular now */
	box->image[0] = box->channel[0] = box->code[0] = 0;
	versions_unpin_all(k, box, NULL, "its box has another role");
	core_must(c, store_host_put(c->store, box), "host put");
	rollouts_host_changed(c, box);
	core_must(c, store_host_swap(c->store, role->id, box->id), "host swap");
}

void api_post_replace(struct call *k)
{
	static const struct api_member known[] = { { "by", API_TEXT | API_NEEDED },
		{ "force", API_BOOL }, { NULL, 0 } };
	const char *by = json_get_str(k->body, "by", "");
	struct store_host role, box;
	struct host_identity id;
	char *json = NULL;
	int rc = store_host_by_name(k->c->store, k->arg, &role);

	if (rc < 0) {
		api_answer_store(k, rc, NULL, "host");
		return;
	}
	if (!api_check_body(k, known))
		return;
	rc = find_box(k->c, by, &id, &box);
	if (rc < 0 && !id.n_macs && !id.has_uuid) {
		answer_problem(k->a, 404, "no-box",
			"a box that was never seen: by its MAC address or its UUID",
			"no host has the name, address, UUID, serial number or code '%s'", by);
		return;
	}
	if (rc == 0 && box.id == role.id) {
		answer_problem(k->a, 409, "same-box", NULL, "'%s' is %s already", by, role.name);
		return;
	}
	if (rc == 0 && box.admitted && !json_bool(json_get(k->body, "force"), false)) {
		answer_problem(k->a, 409, "has-role", "add --force to take its box all the same",
			"'%s' is %s, which has a role of its own", by, box.name);
		return;
	}
	core_write(k->c);
	if (rc < 0)
		add_box(k->c, &id, &box);
	if (!api_is_dry_run(k))
		end_lease(k->c, role.id);
	swap(k, &role, &box);
	if (!api_is_dry_run(k))
		log_info("host replaced: host=%s by=%s old=%s", role.name, by, box.name);
	rc = store_json_host(k->c->store, role.name, &json);
	api_answer_store(k, rc, json, "host");
}
