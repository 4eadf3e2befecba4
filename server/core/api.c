/*
 * /api/v1: what the command line and other tools ask and change. access.c says who asks, and the
 * table here which role each route takes.
 */
#include "server/core/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/audit.h"
#include "server/core/object.h"
#include "server/etag.h"

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

bool api_query_flag(const struct call *k, const char *key)
{
	char flag[8];

	return query_get(k->q->h->query, key, flag, sizeof flag) &&
	       (!strcmp(flag, "1") || !strcmp(flag, "true"));
}

bool api_is_dry_run(const struct call *k)
{
	return api_query_flag(k, "dry_run");
}

int64_t api_number(const char *text, int64_t def)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	return *text && !*end && n >= 0 ? n : def;
}

int64_t api_query_int(const struct call *k, const char *key, int64_t def)
{
	char text[24];

	query_get(k->q->h->query, key, text, sizeof text);
	return api_number(text, def);
}

int api_limit(const struct call *k, int max)
{
	const int64_t n = api_query_int(k, "limit", max);

	return n < 1 || n > max ? max : (int)n;
}

static const char *query_text(const struct call *k, const char *key, char *out, size_t size)
{
	return query_get(k->q->h->query, key, out, size) ? out : NULL;
}

struct store_page api_read_page(const struct call *k, int limit, struct api_page *room)
{
	return (struct store_page){
		.after = api_query_int(k, "after", -1),
		.since_ms = api_query_int(k, "since", 0),
		.limit = api_limit(k, limit),
		.host = query_text(k, "host", room->host, sizeof room->host),
		.stage = query_text(k, "stage", room->stage, sizeof room->stage),
		.state = query_text(k, "state", room->state, sizeof room->state),
		.image = query_text(k, "image", room->image, sizeof room->image),
		.q = query_text(k, "q", room->q, sizeof room->q),
		.brief = api_query_flag(k, "brief"),
	};
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

	core_must(k->c,
		store_json_counts(
			k->c->store, k->c->wall_ms, cfg->admission == ADMISSION_OPEN, &counts),
		"counts");
	doc = json_read(counts, strlen(counts), err, sizeof err);
	snprintf(path, sizeof path, "%s/blobs", cfg->state_dir);
	jw_obj(&w, NULL);
	jw_str(&w, "server", cfg->name);
	jw_str(&w, "version", MUSTER_VERSION);
	jw_int(&w, "uptime_s", (k->c->mono_ms - k->c->server->started_ms) / 1000);
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

/* May the bytes of a blob come? They go from http to import, which asks here first. */
static void get_leave(struct call *k)
{
	answer_empty(k->a);
}

/* ---- the table ---- */

enum body { BODY_NONE, BODY_JSON, BODY_TRIED, BODY_ELSEWHERE };

static const struct api_route {
	enum http_method method;
	const char *path; /* '*' is one segment */
	api_fn *handle;
	enum role least; /* that may do this */
	enum body body;	 /* TRIED: JSON, and the handler knows ?dry_run=1; ELSEWHERE: import's */
} routes[] = {
	{ HTTP_GET, "/api/v1/status", get_status, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/setup", api_get_setup, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/hosts", api_get_hosts, ROLE_VIEWER, BODY_NONE },
	{ HTTP_POST, "/api/v1/hosts", api_post_host, ROLE_OPERATOR, BODY_JSON },
	{ HTTP_POST, "/api/v1/hosts/import", api_post_import, ROLE_OPERATOR, BODY_TRIED },
	{ HTTP_GET, "/api/v1/hosts/*", api_get_host, ROLE_VIEWER, BODY_NONE },
	{ HTTP_PUT, "/api/v1/hosts/*", api_put_host, ROLE_OPERATOR, BODY_JSON },
	{ HTTP_PATCH, "/api/v1/hosts/*", api_patch_host, ROLE_OPERATOR, BODY_JSON },
	{ HTTP_DELETE, "/api/v1/hosts/*", api_delete_host, ROLE_OPERATOR, BODY_NONE },
	{ HTTP_GET, "/api/v1/hosts/*/boots", api_get_boots, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/hosts/*/diff", api_get_diff, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/hosts/*/told", api_get_told, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/hosts/*/why", api_get_why, ROLE_VIEWER, BODY_NONE },
	{ HTTP_POST, "/api/v1/hosts/*/replace", api_post_replace, ROLE_OPERATOR, BODY_JSON },
	{ HTTP_POST, "/api/v1/hosts/*/pin", api_post_pin, ROLE_OPERATOR, BODY_TRIED },
	{ HTTP_POST, "/api/v1/hosts/*/reboot", api_post_reboot, ROLE_OPERATOR, BODY_JSON },
	{ HTTP_DELETE, "/api/v1/hosts/*/reboot", api_delete_reboot, ROLE_OPERATOR, BODY_NONE },
	{ HTTP_GET, "/api/v1/boots", api_get_all_boots, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/boots/*", api_get_boot, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/events", api_get_events, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/events/stream", api_get_feed, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/leases", api_get_leases, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/leases/*", api_get_lease, ROLE_VIEWER, BODY_NONE },
	{ HTTP_DELETE, "/api/v1/leases/*", api_delete_lease, ROLE_OPERATOR, BODY_NONE },
	{ HTTP_GET, "/api/v1/dhcp/servers", api_get_dhcp_servers, ROLE_VIEWER, BODY_NONE },
	{ HTTP_POST, "/api/v1/dhcp/probe", api_post_dhcp_probe, ROLE_OPERATOR, BODY_JSON },
	{ HTTP_GET, "/api/v1/images", api_get_images, ROLE_VIEWER, BODY_NONE },
	{ HTTP_POST, "/api/v1/images", api_post_image, ROLE_ADMIN, BODY_TRIED },
	{ HTTP_POST, "/api/v1/images/gc", api_post_gc, ROLE_ADMIN, BODY_TRIED },
	{ HTTP_GET, "/api/v1/blobs", api_get_blobs, ROLE_VIEWER, BODY_NONE },
	{ HTTP_PUT, "/api/v1/blobs/*", get_leave, ROLE_ADMIN, BODY_ELSEWHERE },
	{ HTTP_POST, "/api/v1/blobs/*", get_leave, ROLE_ADMIN, BODY_ELSEWHERE },
	{ HTTP_GET, "/api/v1/images/log", api_get_image_log, ROLE_VIEWER, BODY_NONE },
	{ HTTP_GET, "/api/v1/images/*", api_get_image, ROLE_VIEWER, BODY_NONE },
	{ HTTP_DELETE, "/api/v1/images/*", api_delete_image, ROLE_ADMIN, BODY_NONE },
	{ HTTP_POST, "/api/v1/images/*/rollback", api_post_rollback, ROLE_OPERATOR, BODY_TRIED },
	{ HTTP_GET, "/api/v1/rollouts", api_get_rollouts, ROLE_VIEWER, BODY_NONE },
	{ HTTP_POST, "/api/v1/rollouts", api_post_rollout, ROLE_OPERATOR, BODY_TRIED },
	{ HTTP_GET, "/api/v1/rollouts/*", api_get_rollout, ROLE_VIEWER, BODY_NONE },
	{ HTTP_POST, "/api/v1/rollouts/*/pause", api_post_rollout_pause, ROLE_OPERATOR, BODY_JSON },
	{ HTTP_POST, "/api/v1/rollouts/*/resume", api_post_rollout_resume, ROLE_OPERATOR,
		BODY_JSON },
	{ HTTP_POST, "/api/v1/rollouts/*/abort", api_post_rollout_abort, ROLE_OPERATOR, BODY_JSON },
	{ HTTP_GET, "/api/v1/sd/prometheus", api_get_sd, ROLE_VIEWER, BODY_NONE },
	/* its calls have their own roles, and rows in the audit log */
	{ HTTP_POST, "/api/v1/batch", api_post_batch, ROLE_VIEWER, BODY_TRIED },
	{ HTTP_GET, "/api/v1/rules", api_get_rules, ROLE_VIEWER, BODY_NONE },
	{ HTTP_POST, "/api/v1/rules", api_post_rule, ROLE_OPERATOR, BODY_TRIED },
	{ HTTP_POST, "/api/v1/rules/test", api_post_rule_test, ROLE_VIEWER, BODY_TRIED },
	{ HTTP_PATCH, "/api/v1/rules/*", api_patch_rule, ROLE_OPERATOR, BODY_TRIED },
	{ HTTP_DELETE, "/api/v1/rules/*", api_delete_rule, ROLE_OPERATOR, BODY_NONE },
	{ HTTP_GET, "/api/v1/profiles", api_get_profiles, ROLE_VIEWER, BODY_NONE },
	/* what they say runs on hosts: theirs is the trust that an image has */
	{ HTTP_POST, "/api/v1/profiles", api_post_profile, ROLE_ADMIN, BODY_JSON },
	{ HTTP_GET, "/api/v1/profiles/*", api_get_profile, ROLE_VIEWER, BODY_NONE },
	{ HTTP_PUT, "/api/v1/profiles/*", api_put_profile, ROLE_ADMIN, BODY_JSON },
	{ HTTP_PATCH, "/api/v1/profiles/*", api_patch_profile, ROLE_ADMIN, BODY_JSON },
	{ HTTP_DELETE, "/api/v1/profiles/*", api_delete_profile, ROLE_ADMIN, BODY_NONE },
	{ HTTP_GET, "/api/v1/roots", api_get_roots, ROLE_VIEWER, BODY_NONE },
	{ HTTP_POST, "/api/v1/roots", api_post_root, ROLE_ADMIN, BODY_JSON },
	{ HTTP_GET, "/api/v1/channels", api_get_channels, ROLE_VIEWER, BODY_NONE },
	{ HTTP_POST, "/api/v1/channels", api_post_channel, ROLE_ADMIN, BODY_JSON },
	{ HTTP_GET, "/api/v1/audit", api_get_audit, ROLE_ADMIN, BODY_NONE },
	{ HTTP_GET, "/api/v1/audit/check", api_get_audit_check, ROLE_ADMIN, BODY_NONE },
	{ HTTP_GET, "/api/v1/backup", api_get_backup, ROLE_ADMIN, BODY_NONE },
	{ HTTP_GET, "/api/v1/tokens", api_get_tokens, ROLE_ADMIN, BODY_NONE },
	{ HTTP_POST, "/api/v1/tokens", api_post_token, ROLE_ADMIN, BODY_JSON },
	{ HTTP_GET, "/api/v1/tokens/*", api_get_token, ROLE_ADMIN, BODY_NONE },
	{ HTTP_DELETE, "/api/v1/tokens/*", api_delete_token, ROLE_ADMIN, BODY_NONE },
};

/* "hosts" of "/api/v1/hosts/n01". */
static const char *family_of(const char *path, char *out, size_t size)
{
	const char *s = path + strlen("/api/v1/");

	snprintf(out, size, "%.*s", (int)strcspn(s, "/"), s);
	return out;
}

void api_families(char *out, size_t size)
{
	char family[32];
	size_t n = 0;

	*out = 0;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		family_of(routes[i].path, family, sizeof family);
		if (n < size && !access_in_scope(out, family))
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "," : "", family);
	}
}

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

/* A DELETE may have one, to say why. */
static bool has_body(const struct call *k, const struct api_route *r)
{
	return r->body == BODY_JSON || r->body == BODY_TRIED ||
	       (r->method == HTTP_DELETE && k->q->h->body_len);
}

static void dry_run(struct call *k, const struct api_route *r)
{
	if (r->body == BODY_TRIED) {
		r->handle(k);
		return;
	}
	core_write(k->c);
	core_must(k->c, store_try(k->c->store), "try");
	r->handle(k);
	core_must(k->c, store_untry(k->c->store), "untry");
}

/* The GET row of the object that a change is about, also of what is done to it by POST. */
static const struct api_route *object_of(const struct api_route *r)
{
	const size_t n = strcspn(r->path, "*");

	for (size_t i = 0; r->path[n] && i < ARRAY_LEN(routes); i++) {
		if (routes[i].method == HTTP_GET && strlen(routes[i].path) == n + 1 &&
			!strncmp(routes[i].path, r->path, n + 1))
			return &routes[i];
	}
	return NULL;
}

/* What GET says of it, to free(); NULL where it does not exist. */
static char *look_at(const struct call *k, const struct api_route *object)
{
	struct answer a = { 0 };
	struct call get = *k;

	if (!object)
		return NULL;
	get.a = &a;
	object->handle(&get);
	if (a.status != 200) {
		free(a.body);
		a.body = NULL;
	}
	return a.body;
}

/* If-Match, and If-None-Match: *. Of what does not exist the handler says that it does not. */
static bool condition_holds(struct call *k, const char *before)
{
	const struct http_request *h = k->q->h;
	char etag[OBJECT_ETAG_MAX];

	if (before && h->is_new) {
		answer_problem(k->a, 412, "exists", NULL,
			"'%s' exists, and If-None-Match forbids it", k->arg);
		return false;
	}
	if (!before || !*h->if_match)
		return true;
	object_etag(before, etag);
	if (etag_listed(h->if_match, etag, false))
		return true;
	memcpy(k->a->etag, etag, sizeof etag);
	answer_problem(k->a, 412, "changed", "get it anew, and decide again",
		"'%s' is not what If-Match says: somebody has changed it since", k->arg);
	return false;
}

static void change(struct call *k, const struct api_route *r)
{
	const struct api_route *object = object_of(r);
	char *before, *after;

	before = look_at(k, object);
	if (!condition_holds(k, before)) {
		free(before);
		return;
	}
	if (api_is_dry_run(k)) {
		dry_run(k, r);
		free(before);
		return;
	}
	r->handle(k);
	if (k->a->status / 100 == 2 && !k->c->trying) {
		after = look_at(k, object);
		/* one that is new, or is called otherwise now, is in the answer */
		audit_write(k, before, after || r->method == HTTP_DELETE ? after : k->a->body);
		if (after && r->method != HTTP_DELETE)
			object_etag(after, k->a->etag);
		free(after);
	}
	free(before);
}

/* Is there something that changes what this GET shows, at the same path? */
static bool is_changed_by_itself(const struct api_route *get)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (routes[i].method != HTTP_GET && strchr(get->path, '*') &&
			!strcmp(routes[i].path, get->path))
			return true;
	}
	return false;
}

static void call(struct call *k, const struct api_route *r)
{
	static const struct api_member why[] = { { "reason", API_TEXT | API_NULL }, { NULL, 0 } };
	char err[200] = "it is empty";

	if (has_body(k, r)) {
		k->body = json_read(k->q->body, k->q->h->body_len, err, sizeof err);
		if (!k->body || !json_is_object(k->body)) {
			answer_problem(k->a, 400, "json", NULL, "the body is no JSON object: %s",
				k->body ? "another type" : err);
			json_free(k->body);
			return;
		}
	}
	if (r->method == HTTP_GET || r->least == ROLE_VIEWER || r->body == BODY_ELSEWHERE)
		r->handle(k);
	else if (r->method != HTTP_DELETE || api_check_body(k, why))
		change(k, r);
	if (r->method == HTTP_GET && k->a->status == 200 && is_changed_by_itself(r))
		object_etag(k->a->body, k->a->etag);
	json_free(k->body);
}

/* What is told from core's memory, which view does not have. */
static bool is_of_memory(const char *pattern)
{
	static const char *const all[] = { "/api/v1/status", "/api/v1/setup", "/api/v1/leases",
		"/api/v1/leases/*", "/api/v1/hosts/*/why", "/api/v1/hosts/*/told",
		"/api/v1/dhcp/servers" };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!strcmp(all[i], pattern))
			return true;
	}
	return false;
}

static uint8_t methods_of(const struct api_route *r)
{
	return (uint8_t)(1U << r->method | (r->method == HTTP_GET ? 1U << HTTP_HEAD : 0));
}

/* The row for the request, with what stands for '*' in arg; NULL with the answer made. */
static const struct api_route *find_route(
	const struct http_request *h, struct answer *a, char *arg, size_t size)
{
	enum http_method method = h->method == HTTP_HEAD ? HTTP_GET : h->method;
	uint8_t allow = 0;

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!fits(routes[i].path, h->path, arg, size))
			continue;
		if (routes[i].method == method)
			return &routes[i];
		allow |= methods_of(&routes[i]);
	}
	a->allow = allow;
	if (allow)
		answer_problem(a, 405, "method", NULL, "%s takes another method", h->path);
	else
		answer_problem(a, 404, "path", "docs/openapi.yaml lists what there is",
			"nothing is at %s", h->path);
	return NULL;
}

static void route_as(
	struct core *c, const struct caller *who, const struct request *q, struct answer *a)
{
	struct call k = { .c = c, .q = q, .a = a, .who = who };
	const struct api_route *r;
	char arg[128], family[32];

	r = find_route(q->h, a, arg, sizeof arg);
	if (!r)
		return;
	if (access_may(who, r->least, family_of(r->path, family, sizeof family), a) < 0) {
		access_denied(c, who, q);
		return;
	}
	k.arg = strchr(r->path, '*') ? arg : NULL;
	if (!api_check_query(&k, r->method, r->path))
		return;
	if (c->reads && is_of_memory(r->path))
		a->status = HTTP_ASK_CORE;
	else
		call(&k, r);
}

static void route(struct core *c, const struct request *q, struct answer *a)
{
	struct caller who;

	if (access_who(c, q, &who, a) == 0)
		route_as(c, &who, q, a);
}

void api_call(struct call *k, const struct request *q, struct answer *a)
{
	route_as(k->c, k->who, q, a);
}

bool api_is_only_viewer(struct call *k)
{
	return access_may(k->who, ROLE_OPERATOR, "batch", k->a) < 0;
}

void api_handle(struct core *c, const struct request *q, struct answer *a)
{
	struct call k = { .c = c, .q = q, .a = a };

	if (!strcmp(q->h->path, "/readyz"))
		get_ready(&k);
	else
		route(c, q, a);
}
