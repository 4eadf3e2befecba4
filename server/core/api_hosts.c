/*
 * /api/v1/hosts: the inventory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/choice.h"
#include "server/core/rollouts.h"
#include "server/core/told.h"
#include "server/core/versions.h"
#include "server/log.h"

#define HOSTS_LIMIT 5000 /* that HTTP_ANSWER_MAX holds for sure */

void api_get_hosts(struct call *k)
{
	struct api_page room;
	struct store_page page;
	char *json = NULL;
	int rc;

	if (api_hosts_where(k))
		return;
	page = api_read_page(k, HOSTS_LIMIT, &room);
	rc = store_json_hosts(k->c->store, &page, &json);
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

/* A channel is one of the host's image: another image has none yet. 1, or 0 with the answer made.
 */
static int change_channel(struct call *k, struct store_host *h, bool other_image)
{
	const struct json *channel = json_get(k->body, "channel");
	const char *text = json_str(channel, "");

	if (*text && !manifest_name_ok(text)) {
		answer_problem(k->a, 422, "channel", "muster image channels",
			"'%s' is no channel's name", text);
		return 0;
	}
	if (channel || other_image)
		snprintf(h->channel, sizeof h->channel, "%s", text);
	return 1;
}

/* "profile" of the body, into h. 1, or 0 with the answer made. */
static int change_profile(struct call *k, struct store_host *h)
{
	const struct json *profile = json_get(k->body, "profile");
	const char *name = json_str(profile, "");

	if (!profile)
		return 1;
	if (!api_check_profile(k, name))
		return 0;
	snprintf(h->profile, sizeof h->profile, "%s", name);
	return 1;
}

/* Apply name, image, channel, profile, admitted of the body to h. 1, or 0 with the answer made. */
static int change_host(struct call *k, struct store_host *h)
{
	const struct json *name = json_get(k->body, "name"), *image = json_get(k->body, "image");

	if (name && !host_name_ok(json_str(name, ""))) {
		answer_problem(k->a, 422, "name", NULL,
			"a host's name has 1 to 63 letters, digits, '-' and '.', not '%s'",
			json_str(name, ""));
		return 0;
	}
	if (name && host_name_is_word(json_str(name, ""))) {
		answer_problem(k->a, 422, "name", NULL, HOST_NAME_IS_WORD, json_str(name, ""));
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
	if (!change_channel(k, h, image && strcmp(h->image, json_str(image, ""))) ||
		!change_profile(k, h))
		return 0;
	if (image)
		snprintf(h->image, sizeof h->image, "%s", json_str(image, ""));
	h->admitted = json_bool(json_get(k->body, "admitted"), h->admitted);
	return 1;
}

/* "rejected" of the body: only who waits can be. 1, or 0 with the answer made. */
static int read_reject(struct call *k, const struct store_host *h, bool *out)
{
	*out = json_bool(json_get(k->body, "rejected"), false);
	if (!*out || !(h->admitted || json_bool(json_get(k->body, "admitted"), false)))
		return 1;
	answer_problem(k->a, 409, "admitted", "muster host rm NAME forgets it",
		"%s is admitted and does not wait", h->name);
	return 0;
}

/* Hidden from the waiting room, or shown again: also by being let in. */
static void apply_reject(struct call *k, const struct store_host *h, bool reject)
{
	if (!json_get(k->body, "rejected") && !h->admitted)
		return;
	if (core_must(k->c, store_host_reject(k->c->store, h->id, reject ? k->c->wall_ms : 0),
		    "reject") &&
		!k->c->trying)
		log_info("host %s: host=%s by=%u", reject ? "rejected" : "no longer rejected",
			h->name, (unsigned)k->q->h->uid);
}

void api_patch_host(struct call *k)
{
	static const struct api_member known[] = { { "name", API_TEXT },
		{ "image", API_TEXT | API_NULL }, { "channel", API_TEXT | API_NULL },
		{ "profile", API_TEXT | API_NULL }, { "admitted", API_BOOL },
		{ "ip", API_TEXT | API_NULL }, { "circuit", API_TEXT | API_NULL },
		{ "client_id", API_TEXT | API_NULL }, { "options", API_TEXTS | API_NULL },
		{ "values", API_OBJECT }, { "labels", API_OBJECT }, { "rejected", API_BOOL },
		{ NULL, 0 } };
	struct store_host h, other;
	struct reserve_wish wish;
	char *json = NULL;
	int rc = store_host_by_name(k->c->store, k->arg, &h);
	bool reject;

	if (rc < 0) {
		api_answer_store(k, rc, NULL, "host");
		return;
	}
	if (!api_check_body(k, known) || !read_reject(k, &h, &reject) || !change_host(k, &h) ||
		!read_options(k))
		return;
	rc = store_host_by_name(k->c->store, h.name, &other);
	if (rc == 0 && other.id != h.id) {
		answer_problem(
			k->a, 409, "name-taken", NULL, "another host has the name '%s'", h.name);
		return;
	}
	if (!api_read_reservation(k, h.id, &wish) || !api_check_values(k, h.id) ||
		!api_check_required(k, &h) || !api_check_labels(k, h.id))
		return;
	core_write(k->c);
	api_apply_values(k, h.id);
	api_apply_labels(k, h.id);
	api_apply_reservation(k, h.id, &wish);
	apply_options(k, h.id);
	core_must(k->c, store_host_put(k->c->store, &h), "host put");
	apply_reject(k, &h, reject);
	versions_unpin_all(k, &h, choice_name(k->c, &h), "the host boots another image");
	rollouts_host_changed(k->c, &h);
	rc = store_json_host(k->c->store, h.name, &json);
	api_answer_store(k, rc, json, "host");
}

bool api_read_identity(struct call *k, struct host_identity *id)
{
	const char *mac = json_get_str(k->body, "mac", NULL);
	const char *uuid = json_get_str(k->body, "uuid", NULL);
	const char *serial = json_get_str(k->body, "serial", "");
	const struct json *macs = json_get(k->body, "macs");
	uint8_t bytes[6];

	*id = (struct host_identity){ 0 };
	if (!host_serial_fits(serial)) {
		answer_problem(k->a, 422, "serial", NULL,
			"serial has at most %d letters, and no control characters",
			HOST_TEXT_MAX - 1);
		return false;
	}
	snprintf(id->serial, sizeof id->serial, "%s", serial);
	if (mac && host_mac_parse(mac, bytes) < 0) {
		answer_problem(k->a, 422, "mac", NULL, "'%s' is no MAC address of a host", mac);
		return false;
	}
	if (mac)
		host_mac_add(id, bytes);
	for (size_t i = 0; i < json_len(macs); i++) {
		const char *one = json_str(json_at(macs, i), "");

		if (host_mac_parse(one, bytes) < 0) {
			answer_problem(
				k->a, 422, "mac", NULL, "'%s' is no MAC address of a host", one);
			return false;
		}
		host_mac_add(id, bytes);
	}
	if (uuid && host_uuid_parse(uuid, id->uuid) < 0) {
		answer_problem(k->a, 422, "uuid", NULL, "'%s' is no UUID of a host", uuid);
		return false;
	}
	id->has_uuid = uuid != NULL;
	return true;
}

/* What the body and the wish know it by. 1, or 0 with the answer made. */
static int body_identity(struct call *k, const struct reserve_wish *wish, struct host_identity *id)
{
	if (!api_read_identity(k, id))
		return 0;
	id->client_id_len = wish->client_id_len;
	memcpy(id->client_id, wish->client_id, wish->client_id_len);
	if (!id->n_macs && !id->has_uuid && !host_serial_ok(id->serial) && !wish->client_id_len &&
		!wish->r.circuit_len) {
		answer_problem(k->a, 422, "identity", NULL,
			"a host needs a mac, uuid, serial number, client_id or circuit to be known by");
		return 0;
	}
	return 1;
}

void api_post_host(struct call *k)
{
	static const struct api_member known[] = { { "name", API_TEXT }, { "mac", API_TEXT },
		{ "macs", API_TEXTS }, { "uuid", API_TEXT }, { "serial", API_TEXT },
		{ "image", API_TEXT | API_NULL }, { "channel", API_TEXT | API_NULL },
		{ "profile", API_TEXT | API_NULL }, { "admitted", API_BOOL },
		{ "ip", API_TEXT | API_NULL }, { "circuit", API_TEXT | API_NULL },
		{ "client_id", API_TEXT | API_NULL }, { "options", API_TEXTS | API_NULL },
		{ "values", API_OBJECT }, { "labels", API_OBJECT }, { NULL, 0 } };
	struct store_host h = { .admitted = true }, other;
	struct host_identity id;
	struct reserve_wish wish;
	char *json = NULL;
	int rc;

	if (!api_check_body(k, known) || !api_read_reservation(k, 0, &wish) ||
		!body_identity(k, &wish, &id) || !change_host(k, &h) || !read_options(k) ||
		!api_check_values(k, 0) || !api_check_required(k, &h) || !api_check_labels(k, 0))
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
	h.created_ms = k->c->wall_ms; /* and never seen yet */
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
	api_apply_labels(k, h.id);
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
	versions_unpin_all(k, &h, NULL, "the host was forgotten");
	core_must(k->c, store_host_rm(k->c->store, h.id), "host rm");
	answer_empty(k->a);
}
