#include "server/core/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/object.h"
#include "server/log.h"

#define MEMBER_MAX 512	/* bytes of a value that are written in full */
#define TEXT_MAX   4096 /* bytes of them all, about */

/* What a host does is in its boots; and a new token's text is nobody's to keep. */
static bool is_written(const char *key)
{
	return !object_is_observed(key) && strcmp(key, "token") != 0;
}

static void write_member(struct jw *w, const char *key, const char *text)
{
	char length[48];

	if (strlen(text) <= MEMBER_MAX && w->len < TEXT_MAX) {
		jw_raw(w, key, text);
		return;
	}
	snprintf(length, sizeof length, "(%zu bytes)", strlen(text));
	jw_str(w, key, length);
}

char *audit_difference(const struct json *a, const struct json *b)
{
	struct jw w = { 0 };
	size_t n = 0;

	jw_obj(&w, NULL);
	for (size_t i = 0; i < json_len(a); i++) {
		const char *key;
		char *here = json_text(json_member(a, i, &key));
		char *there = json_get(b, key) ? json_text(json_get(b, key)) : NULL;

		if (here && is_written(key) && (!there || strcmp(here, there) != 0)) {
			write_member(&w, key, here);
			n++;
		}
		free(here);
		free(there);
	}
	jw_end_obj(&w);
	if (n && !w.bad)
		return w.buf;
	jw_fini(&w);
	return NULL;
}

static const char *method_name(uint8_t m)
{
	static const char *const names[HTTP_METHODS] = { "GET", "HEAD", "POST", "PUT", "PATCH",
		"DELETE" };

	return names[m];
}

/* The path with what was asked. */
static void print_path(const struct http_request *h, char *out, size_t size)
{
	snprintf(out, size, "%s%s%.200s", h->path, *h->query ? "?" : "", h->query);
}

static void write_row(struct call *k, const char *before, const char *after)
{
	const struct http_request *h = k->q->h;
	char path[sizeof h->path + 208];
	struct digest hash;
	struct store_audit a = { .at_ms = k->c->wall_ms,
		.uid = k->who->uid,
		.token = k->who->token,
		.who = k->who->name,
		.source = k->who->from,
		.request = h->request_id,
		.method = method_name(h->method),
		.path = path,
		.status = (int)k->a->status,
		.why = json_get_str(k->body, "reason", NULL),
		.before = before,
		.after = after };

	print_path(h, path, sizeof path);
	core_write(k->c);
	core_must(k->c, store_audit_add(k->c->store, &a, &hash), "audit");
	k->c->audit_new = true;
}

void audit_write(struct call *k, const char *before, const char *after)
{
	char err[80];
	struct json *was = before ? json_read(before, strlen(before), err, sizeof err) : NULL;
	struct json *is = after ? json_read(after, strlen(after), err, sizeof err) : NULL;
	char *gone = audit_difference(was, is), *come = audit_difference(is, was);

	write_row(k, gone, come);
	free(gone);
	free(come);
	json_free(was);
	json_free(is);
}

/* ---- the log, of what is on the disk ---- */

static int log_row(void *arg, const struct store_audit *a, const struct digest *hash)
{
	struct core *c = arg;
	char hex[DIGEST_HEX];

	digest_hex(hash, hex);
	log_info("change: audit=%lld who=%s%s from=%s request=%s did=%s path=%s hash=%s",
		(long long)a->id, a->token ? "token:" : "", a->who, a->source, a->request,
		a->method, a->path, hex);
	c->audit_last = a->id;
	return 0;
}

void audit_committed(struct core *c)
{
	if (!c->audit_new)
		return;
	c->audit_new = false;
	core_must(c, store_audit_each(c->store, c->audit_last, log_row, c), "audit");
}

void audit_start(struct core *c)
{
	struct digest hash;
	char hex[DIGEST_HEX];

	core_must(c, store_audit_head(c->store, &c->audit_last, &hash), "audit");
	digest_hex(&hash, hex);
	if (c->audit_last)
		log_info("audit log: audit=%lld hash=%s", (long long)c->audit_last, hex);
}
