/*
 * /api/v1: what the command line and other tools ask and change. People come through the unix
 * socket, where the kernel has said who they are; over TCP there are no tokens yet, so nobody does.
 */
#include "server/core/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"

void api_answer_store(struct call *k, int rc, char *json, const char *what)
{
	if (rc == -ENOENT) {
		answer_problem(k->a, 404, "not-found", NULL, "there is no %s '%s'", what,
			k->arg ? k->arg : "");
		return;
	}
	core_must(k->c, rc, what);
	answer_json(k->a, 200, json);
}

int api_has_unknown_key(struct call *k, const char *const *known)
{
	const char *key;

	for (size_t i = 0; json_member(k->body, i, &key); i++) {
		const char *const *n = known;

		while (*n && strcmp(*n, key))
			n++;
		if (!*n) {
			answer_problem(k->a, 422, "unknown-key", NULL, "unknown key '%s'", key);
			return 1;
		}
	}
	return 0;
}

/* ---- status ---- */

static void get_status(struct call *k)
{
	static const char *const admission[] = { "open", "registered", "approve" };
	static const char *const mode[] = { "full", "proxy", "off" };
	const struct config *cfg = k->c->cfg;
	struct jw w = { 0 };
	char path[CONFIG_TEXT_MAX + 16], *counts = NULL, err[80];
	struct json *doc;

	core_must(k->c, store_json_counts(k->c->store, k->c->wall_ms, &counts), "counts");
	doc = json_read(counts, strlen(counts), err, sizeof err);
	snprintf(path, sizeof path, "%s/blobs", cfg->state_dir);
	jw_obj(&w, NULL);
	jw_str(&w, "server", cfg->name);
	jw_str(&w, "version", MUSTER_VERSION);
	jw_int(&w, "uptime_s", (k->c->mono_ms - k->c->started_ms) / 1000);
	jw_str(&w, "url", k->c->server->url);
	jw_str(&w, "state_dir", cfg->state_dir);
	jw_str(&w, "blobs", path);
	jw_str(&w, "dhcp_mode", mode[cfg->dhcp_mode]);
	jw_str(&w, "admission", admission[cfg->admission]);
	jw_bool(&w, "tftp", cfg->tftp);
	jw_int(&w, "unknown_archs", (int64_t)k->c->unknown_archs);
	for (size_t i = 0; doc && i < json_len(doc); i++) {
		const char *key;
		char *text = json_text(json_member(doc, i, &key));

		jw_raw(&w, key, text);
		free(text);
	}
	jw_end_obj(&w);
	json_free(doc);
	free(counts);
	answer_jw(k->a, 200, &w);
}

static void get_ready(struct call *k)
{
	answer_text(k->a, 200, "text/plain", "ready\n");
}

/* ---- the table ---- */

static const struct {
	enum http_method method;
	const char *path; /* '*' is one segment */
	api_fn *handle;
} routes[] = {
	{ HTTP_GET, "/api/v1/status", get_status },
	{ HTTP_GET, "/api/v1/setup", api_get_setup },
	{ HTTP_GET, "/api/v1/hosts", api_get_hosts },
	{ HTTP_POST, "/api/v1/hosts", api_post_host },
	{ HTTP_POST, "/api/v1/hosts/import", api_post_import },
	{ HTTP_GET, "/api/v1/hosts/*", api_get_host },
	{ HTTP_PATCH, "/api/v1/hosts/*", api_patch_host },
	{ HTTP_DELETE, "/api/v1/hosts/*", api_delete_host },
	{ HTTP_GET, "/api/v1/hosts/*/boots", api_get_boots },
	{ HTTP_POST, "/api/v1/hosts/*/replace", api_post_replace },
	{ HTTP_GET, "/api/v1/boots/*", api_get_boot },
	{ HTTP_GET, "/api/v1/events", api_get_events },
	{ HTTP_GET, "/api/v1/leases", api_get_leases },
	{ HTTP_GET, "/api/v1/leases/*", api_get_lease },
	{ HTTP_DELETE, "/api/v1/leases/*", api_delete_lease },
	{ HTTP_GET, "/api/v1/dhcp/servers", api_get_dhcp_servers },
	{ HTTP_POST, "/api/v1/dhcp/probe", api_post_dhcp_probe },
	{ HTTP_GET, "/api/v1/images", api_get_images },
	{ HTTP_POST, "/api/v1/images", api_post_image },
	{ HTTP_GET, "/api/v1/images/*", api_get_image },
	{ HTTP_GET, "/api/v1/roots", api_get_roots },
	{ HTTP_POST, "/api/v1/roots", api_post_root },
	{ HTTP_GET, "/api/v1/channels", api_get_channels },
	{ HTTP_POST, "/api/v1/channels", api_post_channel },
};

/* Does path fit the pattern? What stands for '*' is copied to arg. */
static bool fits(const char *pattern, const char *path, char *arg, size_t size)
{
	size_t n = strcspn(pattern, "*");

	if (strncmp(pattern, path, n))
		return false;
	if (!pattern[n])
		return !path[n];
	path += n;
	n = strcspn(path, "/");
	if (n == 0 || n >= size || strcmp(pattern + strcspn(pattern, "*") + 1, path + n))
		return false;
	memcpy(arg, path, n);
	arg[n] = 0;
	return true;
}

static int needs_body(enum http_method m)
{
	return m == HTTP_POST || m == HTTP_PATCH || m == HTTP_PUT;
}

static void call(struct call *k, api_fn *handle, enum http_method method)
{
	char err[200] = "it is empty";

	if (needs_body(method)) {
		k->body = json_read(k->q->body, k->q->h->body_len, err, sizeof err);
		if (!k->body || !json_is_object(k->body)) {
			answer_problem(k->a, 400, "json", NULL, "the body is no JSON object: %s",
				k->body ? "another type" : err);
			json_free(k->body);
			return;
		}
	}
	handle(k);
	json_free(k->body);
}

static void route(struct core *c, const struct request *q, struct answer *a)
{
	enum http_method method = q->h->method == HTTP_HEAD ? HTTP_GET : q->h->method;
	struct call k = { .c = c, .q = q, .a = a };
	bool path_known = false;
	char arg[128];

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!fits(routes[i].path, q->h->path, arg, sizeof arg))
			continue;
		path_known = true;
		if (routes[i].method != method)
			continue;
		k.arg = strchr(routes[i].path, '*') ? arg : NULL;
		call(&k, routes[i].handle, method);
		return;
	}
	if (path_known)
		answer_problem(a, 405, "method", NULL, "%s takes another method", q->h->path);
	else
		answer_problem(a, 404, "path", "docs/openapi.yaml lists what there is",
			"nothing is at %s", q->h->path);
}

void api_handle(struct core *c, const struct request *q, struct answer *a)
{
	struct call k = { .c = c, .q = q, .a = a };

	if (!strcmp(q->h->path, "/readyz"))
		get_ready(&k);
	else if (q->h->peer == HTTP_PEER_UNIX)
		route(c, q, a);
	else
		answer_problem(a, 401, "token", "use the muster command on the server itself",
			"the API is open to the server's own socket only");
}
