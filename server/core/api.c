/*
 * /api/v1: what the command line and other tools ask and change. People come through the unix
 * socket, where the kernel has said who they are; over TCP there are no tokens yet, so nobody does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/blobs.h"
#include "images/minisig.h"
#include "server/bytes.h"
#include "server/core/api.h"
#include "server/core/record.h"
#include "server/log.h"

#define TRUST_KEYS_MAX 32
#define SIGNATURES_MAX 8
#define EVENTS_LIMIT   500

/* The store's JSON as the answer; -ENOENT becomes 404. */
static void answer_store(struct call *k, int rc, char *json, const char *what)
{
	if (rc == -ENOENT) {
		answer_problem(k->a, 404, "not-found", NULL, "there is no %s '%s'", what,
			k->arg ? k->arg : "");
		return;
	}
	core_must(k->c, rc, what);
	answer_json(k->a, 200, json);
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

/* ---- hosts ---- */

static void get_hosts(struct call *k)
{
	char *json = NULL;
	int rc = store_json_hosts(k->c->store, &json);

	answer_store(k, rc, json, "hosts");
}

static void get_host(struct call *k)
{
	char *json = NULL;
	int rc = store_json_host(k->c->store, k->arg, &json);

	answer_store(k, rc, json, "host");
}

static void get_boots(struct call *k)
{
	struct store_host h;
	char *json = NULL;
	int rc = store_host_by_name(k->c->store, k->arg, &h);

	if (!rc)
		rc = store_json_boots(k->c->store, k->arg, &json);
	answer_store(k, rc, json, "host");
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

static int has_unknown_key(struct call *k, const char *const *known)
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

static void patch_host(struct call *k)
{
	static const char *const known[] = { "name", "image", "admitted", NULL };
	struct store_host h, other;
	char *json = NULL;
	int rc = store_host_by_name(k->c->store, k->arg, &h);

	if (rc < 0) {
		answer_store(k, rc, NULL, "host");
		return;
	}
	if (has_unknown_key(k, known) || !change_host(k, &h))
		return;
	rc = store_host_by_name(k->c->store, h.name, &other);
	if (rc == 0 && other.id != h.id) {
		answer_problem(
			k->a, 409, "name-taken", NULL, "another host has the name '%s'", h.name);
		return;
	}
	core_write(k->c);
	core_must(k->c, store_host_put(k->c->store, &h), "host put");
	rc = store_json_host(k->c->store, h.name, &json);
	answer_store(k, rc, json, "host");
}

/* Identity from the body's mac, uuid, serial. 1, or 0 with the answer made. */
static int body_identity(struct call *k, struct host_identity *id)
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
	if (!mac && !uuid && !host_serial_ok(id->serial)) {
		answer_problem(k->a, 422, "identity", NULL,
			"a host needs a mac, a uuid or a serial number to be known by");
		return 0;
	}
	return 1;
}

static void post_host(struct call *k)
{
	static const char *const known[] = { "name", "mac", "uuid", "serial", "image", "admitted",
		NULL };
	struct store_host h = { .admitted = true }, other;
	struct host_identity id;
	char *json = NULL;
	int rc;

	if (has_unknown_key(k, known) || !body_identity(k, &id) || !change_host(k, &h))
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
	rc = store_json_host(k->c->store, h.name, &json);
	answer_store(k, rc, json, "host");
	k->a->status = 201;
}

static void delete_host(struct call *k)
{
	struct store_host h;
	int rc = store_host_by_name(k->c->store, k->arg, &h);

	if (rc < 0) {
		answer_store(k, rc, NULL, "host");
		return;
	}
	core_write(k->c);
	core_must(k->c, store_host_rm(k->c->store, h.id), "host rm");
	answer_empty(k->a);
}

/* ---- boots, events ---- */

static int64_t number(const char *text, int64_t def)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	return *text && !*end && n >= 0 ? n : def;
}

static void get_boot(struct call *k)
{
	char *json = NULL;
	int rc = store_json_boot(k->c->store, number(k->arg, -1), &json);

	answer_store(k, rc, json, "boot");
}

static void get_events(struct call *k)
{
	char after[24], limit[24], *json = NULL;
	int64_t n;
	int rc;

	query_get(k->q->h->query, "after", after, sizeof after);
	query_get(k->q->h->query, "limit", limit, sizeof limit);
	n = number(limit, EVENTS_LIMIT);
	if (n < 1 || n > EVENTS_LIMIT)
		n = EVENTS_LIMIT;
	rc = store_json_events(k->c->store, number(after, -1), (int)n, &json);
	answer_store(k, rc, json, "events");
}

/* ---- images ---- */

static void get_images(struct call *k)
{
	char *json = NULL;
	int rc = store_json_images(k->c->store, &json);

	answer_store(k, rc, json, "images");
}

static void get_image(struct call *k)
{
	char *json = NULL;
	int rc = store_json_image(k->c->store, k->arg, &json);

	answer_store(k, rc, json, "image");
}

/* Release keys that this server accepts: STATE/keys/trust, each file NAME.pub. Returns their
 * number. */
static size_t trusted_keys(const struct config *cfg, struct minisig_public *keys)
{
	char dir[CONFIG_TEXT_MAX + 16], path[PATH_MAX], text[MINISIG_TEXT_MAX];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	snprintf(dir, sizeof dir, "%s/keys/trust", cfg->state_dir);
	d = opendir(dir);
	while (d && n < TRUST_KEYS_MAX && (e = readdir(d))) {
		size_t len = strlen(e->d_name);
		ssize_t got = 0;
		int fd;

		if (len < 5 || strcmp(e->d_name + len - 4, ".pub"))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			got = read(fd, text, sizeof text);
		if (got > 0 && minisig_public_parse(text, (size_t)got, &keys[n]) == 0)
			n++;
		else
			log_warn("not a usable public key: file=%s", path);
		if (fd >= 0)
			close(fd);
	}
	if (d)
		closedir(d);
	return n;
}

/* One of the signatures must be by a key that we trust. 1, or 0 with the answer made. */
static int is_signed(struct call *k, const char *text)
{
	const struct json *sigs = json_get(k->body, "signatures");
	struct minisig_public keys[TRUST_KEYS_MAX];
	size_t n = minisig_init() < 0 ? 0 : trusted_keys(k->c->cfg, keys);

	for (size_t i = 0; i < json_len(sigs); i++) {
		const char *sig = json_str(json_at(sigs, i), "");

		if (minisig_verify(keys, n, text, strlen(text), sig, strlen(sig)) >= 0)
			return 1;
	}
	if (!json_len(sigs))
		answer_problem(k->a, 422, "unsigned", "muster image sign DIR --key RELEASE.key",
			"the image is not signed");
	else if (!n)
		answer_problem(k->a, 422, "no-trust", "copy RELEASE.pub to STATE/keys/trust/",
			"this server trusts no release key yet (%s/keys/trust)",
			k->c->cfg->state_dir);
	else
		answer_problem(k->a, 422, "untrusted",
			"sign with a trusted key, or copy the key's .pub to STATE/keys/trust/",
			"none of the signatures is by a key that this server trusts");
	return 0;
}

/* Every file must be in the store, whole. 1, or 0 with the answer made. */
static int has_blobs(struct call *k, const struct manifest *m)
{
	char dir[CONFIG_TEXT_MAX + 16];

	snprintf(dir, sizeof dir, "%s/blobs", k->c->cfg->state_dir);
	for (size_t i = 0; i < m->n_files; i++) {
		uint64_t len = 0;
		int fd = blobs_open(dir, &m->files[i].sha256, &len);

		if (fd >= 0)
			close(fd);
		if (fd < 0 || len != m->files[i].length) {
			answer_problem(k->a, 422, "file-missing", "muster image import DIR",
				"the file %s is not in the store", m->files[i].name);
			return 0;
		}
	}
	return 1;
}

static void post_image(struct call *k)
{
	const char *text = json_get_str(k->body, "manifest", "");
	const struct json *sigs = json_get(k->body, "signatures");
	struct digest digest, sig_digests[SIGNATURES_MAX];
	struct manifest m;
	char err[200], *json = NULL;
	size_t n = 0;
	int rc;

	if (!is_signed(k, text))
		return;
	if (manifest_parse(text, strlen(text), &m, err, sizeof err) < 0) {
		answer_problem(k->a, 422, "manifest", NULL, "manifest: %s", err);
		return;
	}
	if (!m.release) {
		answer_problem(k->a, 422, "release", "muster image sign DIR --key RELEASE.key",
			"the manifest has no release number: signing stamps it");
		return;
	}
	if (!has_blobs(k, &m))
		return;
	core_must(k->c, digest_bytes(text, strlen(text), &digest), "digest");
	for (size_t i = 0; i < json_len(sigs) && n < SIGNATURES_MAX; i++) {
		const char *sig = json_str(json_at(sigs, i), "");

		core_must(k->c, digest_bytes(sig, strlen(sig), &sig_digests[n++]), "digest");
	}
	core_write(k->c);
	core_must(k->c, store_image_add(k->c->store, &digest, &m, sig_digests, n, k->c->wall_ms),
		"image add");
	log_info("image imported: name=%s version=%s release=%llu", m.name, m.version,
		(unsigned long long)m.release);
	k->arg = m.name;
	rc = store_json_image(k->c->store, m.name, &json);
	answer_store(k, rc, json, "image");
	k->a->status = 201;
}

/* ---- the table ---- */

static const struct {
	enum http_method method;
	const char *path; /* '*' is one segment */
	api_fn *handle;
} routes[] = {
	{ HTTP_GET, "/api/v1/status", get_status },
	{ HTTP_GET, "/api/v1/hosts", get_hosts },
	{ HTTP_POST, "/api/v1/hosts", post_host },
	{ HTTP_GET, "/api/v1/hosts/*", get_host },
	{ HTTP_PATCH, "/api/v1/hosts/*", patch_host },
	{ HTTP_DELETE, "/api/v1/hosts/*", delete_host },
	{ HTTP_GET, "/api/v1/hosts/*/boots", get_boots },
	{ HTTP_GET, "/api/v1/boots/*", get_boot },
	{ HTTP_GET, "/api/v1/events", get_events },
	{ HTTP_GET, "/api/v1/leases", api_get_leases },
	{ HTTP_GET, "/api/v1/leases/*", api_get_lease },
	{ HTTP_DELETE, "/api/v1/leases/*", api_delete_lease },
	{ HTTP_GET, "/api/v1/images", get_images },
	{ HTTP_POST, "/api/v1/images", post_image },
	{ HTTP_GET, "/api/v1/images/*", get_image },
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
