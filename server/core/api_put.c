/*
 * PUT /api/v1/hosts/NAME: the host is as the body says from now on, whether it was there or not.
 * What the body does not say is as in a new host: done twice it is as done once. Identity that was
 * learned (MAC addresses, UUID, serial number) is added to and never taken away.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/api.h"

/* What a PATCH has to say so that nothing of before is left; not what a new host is known by. */
static const struct {
	const char *key, *empty;
} defaults[] = { { "image", "null" }, { "channel", "null" }, { "profile", "null" },
	{ "admitted", "true" }, { "ip", "null" }, { "circuit", "null" }, { "client_id", "null" },
	{ "options", "null" } };

static void copy(struct jw *w, const char *key, const struct json *value)
{
	char *text = json_text(value);

	jw_raw(w, key, text ? text : "null");
	free(text);
}

/* An object of the body, with null for each member of the host's own that it does not have. */
static void replace_members(
	struct jw *w, const char *key, const struct json *body, const struct json *host)
{
	const struct json *new = json_get(body, key), *had = json_get(host, key), *v;
	const char *name;

	jw_obj(w, key);
	for (size_t i = 0; (v = json_member(new, i, &name)); i++)
		copy(w, name, v);
	for (size_t i = 0; json_member(had, i, &name); i++) {
		if (!json_get(new, name))
			jw_null(w, name);
	}
	jw_end_obj(w);
}

static struct json *read_back(struct jw *w)
{
	char err[80];
	struct json *doc = w->bad ? NULL : json_read(w->buf, w->len, err, sizeof err);

	jw_fini(w);
	return doc;
}

/* The PATCH that makes of this host what the body says. */
static struct json *as_patch(struct call *k, const struct json *host)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		const struct json *v = json_get(k->body, defaults[i].key);

		if (v)
			copy(&w, defaults[i].key, v);
		else
			jw_raw(&w, defaults[i].key, defaults[i].empty);
	}
	replace_members(&w, "values", k->body, host);
	replace_members(&w, "labels", k->body, host);
	jw_end_obj(&w);
	return read_back(&w);
}

/* The same body with the name of the path: what a POST takes. */
static struct json *as_post(struct call *k)
{
	struct jw w = { 0 };
	const struct json *v;
	const char *key;

	jw_obj(&w, NULL);
	jw_str(&w, "name", k->arg);
	for (size_t i = 0; (v = json_member(k->body, i, &key)); i++) {
		if (strcmp(key, "name") != 0)
			copy(&w, key, v);
	}
	jw_end_obj(&w);
	return read_back(&w);
}

/* Of the identity that the body names, nothing is another host's; what is new is this one's. */
static bool take_identity(struct call *k, const struct store_host *h)
{
	struct host_identity id;
	struct store_host other, now = *h;
	int rc;

	if (!api_read_identity(k, &id))
		return false;
	rc = store_host_find(k->c->store, &id, &other);
	if (rc != -ENOENT)
		core_must(k->c, rc, "host find");
	if (rc == 0 && other.id != h->id) {
		answer_problem(k->a, 409, "known-host", "muster host replace",
			"%s has this identity", other.name);
		return false;
	}
	for (size_t i = 0; i < id.n_macs; i++)
		core_must(k->c, store_host_mac_put(k->c->store, h->id, id.macs[i]), "host mac");
	if (id.has_uuid) {
		now.has_uuid = true;
		memcpy(now.uuid, id.uuid, sizeof now.uuid);
	}
	if (*id.serial)
		memcpy(now.serial, id.serial, sizeof now.serial);
	core_must(k->c, store_host_put(k->c->store, &now), "host put");
	return true;
}

static void replace(struct call *k, const struct store_host *h, const struct json *host)
{
	struct json *patch = as_patch(k, host), *body = k->body;

	core_write(k->c);
	core_must(k->c, store_try(k->c->store), "try");
	if (patch && take_identity(k, h)) {
		k->body = patch;
		api_patch_host(k);
		k->body = body;
	}
	json_free(patch);
	/* all of it, or nothing */
	core_must(k->c, k->a->status == 200 ? store_keep(k->c->store) : store_untry(k->c->store),
		"put");
}

static void create(struct call *k)
{
	struct json *post = as_post(k), *body = k->body;

	k->body = post;
	if (post)
		api_post_host(k);
	k->body = body;
	json_free(post);
}

void api_put_host(struct call *k)
{
	static const struct api_member known[] = { { "name", API_TEXT }, { "mac", API_TEXT },
		{ "macs", API_TEXTS }, { "uuid", API_TEXT }, { "serial", API_TEXT },
		{ "image", API_TEXT | API_NULL }, { "channel", API_TEXT | API_NULL },
		{ "profile", API_TEXT | API_NULL }, { "admitted", API_BOOL },
		{ "ip", API_TEXT | API_NULL }, { "circuit", API_TEXT | API_NULL },
		{ "client_id", API_TEXT | API_NULL }, { "options", API_TEXTS | API_NULL },
		{ "values", API_OBJECT }, { "labels", API_OBJECT }, { NULL, 0 } };
	const char *name = json_get_str(k->body, "name", k->arg);
	char *text = NULL, err[80];
	struct store_host h;
	struct json *host;
	int rc;

	if (!api_check_body(k, known))
		return;
	if (strcmp(name, k->arg) != 0) {
		answer_problem(k->a, 422, "name", "PATCH renames a host",
			"the body is about '%s', the path about '%s'", name, k->arg);
		return;
	}
	rc = store_host_by_name(k->c->store, k->arg, &h);
	if (rc == -ENOENT) {
		create(k);
		return;
	}
	core_must(k->c, rc, "host");
	core_must(k->c, store_json_host_row(k->c->store, h.id, &text), "host");
	host = json_read(text, strlen(text), err, sizeof err);
	replace(k, &h, host);
	json_free(host);
	free(text);
}
