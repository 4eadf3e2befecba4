/*
 * /api/v1/hosts: the inventory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/api.h"
#include "server/core/told.h"

void api_get_hosts(struct call *k)
{
	char *json = NULL;
	int rc = store_json_hosts(k->c->store, &json);

	api_answer_store(k, rc, json, "hosts");
}

void api_get_host(struct call *k)
{
	char *json = NULL;
	int rc = store_json_host(k->c->store, k->arg, &json);

	api_answer_store(k, rc, json, "host");
}

/* What `options` of the body says; null: none any more. 1, or 0 with the answer made. */
static int read_options(struct call *k)
{
	const struct json *options = json_get(k->body, "options");
	struct config_told told;
	char err[600];

	if (!options || json_is_null(options) || told_read(options, &told, err, sizeof err) == 0)
		return 1;
	answer_problem(k->a, 422, "options", "a setting is what a [subnet] may have", "%s", err);
	return 0;
}

static void apply_options(struct call *k, int64_t host)
{
	const struct json *options = json_get(k->body, "options");
	char *text;

	if (!options)
		return;
	text = json_len(options) ? json_text(options) : NULL;
	core_must(k->c, store_host_options_put(k->c->store, host, text), "host options");
	free(text);
}

/* Apply name, image, admitted of the body to h. 1, or 0 with the answer made. */
static int change_host(struct call *k, struct store_host *h)
{
	const struct json *name = json_get(k->body, "name"), *image = json_get(k->body, "image");

	if (name && !host_name_ok(json_str(name, ""))) {
		answer_problem(k->a, 422, "name", NULL,
			"a host's name has 1 to 63 letters, digits, '-' and '.', not '%s'",
			json_str(name, ""));
		return 0;
	}
	if (name)
		snprintf(h->name, sizeof h->name, "%s", json_str(name, ""));
	/* null and "" mean: the server's default */
	if (*json_str(image, "") && !manifest_name_ok(json_str(image, ""))) {
		answer_problem(k->a, 422, "image", "muster image list", "'%s' is no image's name",
			json_str(image, ""));
		return 0;
	}
	if (image)
		snprintf(h->image, sizeof h->image, "%s", json_str(image, ""));
	h->admitted = json_bool(json_get(k->body, "admitted"), h->admitted);
	return 1;
}

void api_patch_host(struct call *k)
{
	static const char *const known[] = { "name", "image", "admitted", "ip", "circuit",
		"client_id", "options", "values", NULL };
	struct store_host h, other;
	struct reserve_wish wish;
	char *json = NULL;
	int rc = store_host_by_name(k->c->store, k->arg, &h);

	if (rc < 0) {
		api_answer_store(k, rc, NULL, "host");
		return;
	}
	if (api_has_unknown_key(k, known) || !change_host(k, &h) || !read_options(k))
		return;
	rc = store_host_by_name(k->c->store, h.name, &other);
	if (rc == 0 && other.id != h.id) {
		answer_problem(
			k->a, 409, "name-taken", NULL, "another host has the name '%s'", h.name);
		return;
	}
	if (!api_read_reservation(k, h.id, &wish) || !api_check_values(k, h.id))
		return;
	core_write(k->c);
	api_apply_values(k, h.id);
	api_apply_reservation(k, h.id, &wish);
	apply_options(k, h.id);
	core_must(k->c, store_host_put(k->c->store, &h), "host put");
	rc = store_json_host(k->c->store, h.name, &json);
	api_answer_store(k, rc, json, "host");
}

/* Identity from the body's mac, uuid, serial, and the wish. 1, or 0 with the answer made. */
static int body_identity(struct call *k, const struct reserve_wish *wish, struct host_identity *id)
{
	const char *mac = json_get_str(k->body, "mac", NULL);
	const char *uuid = json_get_str(k->body, "uuid", NULL);
	uint8_t bytes[6];

	*id = (struct host_identity){ 0 };
	snprintf(id->serial, sizeof id->serial, "%s", json_get_str(k->body, "serial", ""));
	if (mac && host_mac_parse(mac, bytes) < 0) {
		answer_problem(k->a, 422, "mac", NULL, "'%s' is no MAC address of a host", mac);
		return 0;
	}
	if (mac)
		host_mac_add(id, bytes);
	if (uuid && host_uuid_parse(uuid, id->uuid) < 0) {
		answer_problem(k->a, 422, "uuid", NULL, "'%s' is no UUID of a host", uuid);
		return 0;
	}
	id->has_uuid = uuid != NULL;
	id->client_id_len = wish->client_id_len;
	memcpy(id->client_id, wish->client_id, wish->client_id_len);
	if (!mac && !uuid && !host_serial_ok(id->serial) && !wish->client_id_len &&
		!wish->r.circuit_len) {
		answer_problem(k->a, 422, "identity", NULL,
			"a host needs a mac, uuid, serial number, client_id or circuit to be known by");
		return 0;
	}
	return 1;
}

void api_post_host(struct call *k)
{
	static const char *const known[] = { "name", "mac", "uuid", "serial", "image", "admitted",
		"ip", "circuit", "client_id", "options", "values", NULL };
	struct store_host h = { .admitted = true }, other;
	struct host_identity id;
	struct reserve_wish wish;
	char *json = NULL;
	int rc;

	if (api_has_unknown_key(k, known) || !api_read_reservation(k, 0, &wish) ||
		!body_identity(k, &wish, &id) || !change_host(k, &h) || !read_options(k) ||
		!api_check_values(k, 0))
		return;
	rc = store_host_find(k->c->store, &id, &other);
	if (rc == 0) {
		answer_problem(k->a, 409, "known-host", "muster host set NAME …",
			"%s has this identity already", other.name);
		return;
	}
	if (rc != -ENOENT)
		core_must(k->c, rc, "host find");
	h.has_uuid = id.has_uuid;
	memcpy(h.uuid, id.uuid, sizeof h.uuid);
	memcpy(h.serial, id.serial, sizeof h.serial);
	h.created_ms = h.seen_ms = k->c->wall_ms;
	core_write(k->c);
	rc = store_host_add(k->c->store, &h);
	if (rc == -EEXIST) {
		answer_problem(
			k->a, 409, "name-taken", NULL, "another host has the name '%s'", h.name);
		return;
	}
	core_must(k->c, rc, "host add");
	for (size_t i = 0; i < id.n_macs; i++)
		core_must(k->c, store_host_mac_put(k->c->store, h.id, id.macs[i]), "host mac");
	api_apply_values(k, h.id);
	api_apply_reservation(k, h.id, &wish);
	apply_options(k, h.id);
	rc = store_json_host(k->c->store, h.name, &json);
	api_answer_store(k, rc, json, "host");
	k->a->status = 201;
}

void api_delete_host(struct call *k)
{
	struct store_host h;
	int rc = store_host_by_name(k->c->store, k->arg, &h);

	if (rc < 0) {
		api_answer_store(k, rc, NULL, "host");
		return;
	}
	core_write(k->c);
	api_end_reservation(k, h.id);
	core_must(k->c, store_host_rm(k->c->store, h.id), "host rm");
	answer_empty(k->a);
}
