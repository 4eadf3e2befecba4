#include "server/core/access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/core/core.h"
#include "server/core/who.h"

#define FAILED_MAX    10 /* wrong tokens of an address in a minute that are told apart */
#define FAILED_MS     60000
#define USED_EVERY_MS 60000 /* how exactly it is on record when a token was used */

static int refuse(struct answer *a, enum http_challenge challenge)
{
	a->challenge = challenge;
	return -EACCES;
}

/* ---- the socket ---- */

static int peer_of_socket(
	struct core *c, const struct http_request *h, struct caller *out, struct answer *a)
{
	out->uid = h->uid;
	who_name(h->uid, out->name, sizeof out->name);
	snprintf(out->from, sizeof out->from, "socket");
	out->role = h->uid == 0 || h->uid == geteuid() ? ROLE_ADMIN
		    : h->in_group		       ? ROLE_OPERATOR
						       : ROLE_NONE;
	if (out->role != ROLE_NONE)
		return 0;
	answer_problem(a, 403, "peer",
		"use sudo; or adduser USER GROUP and log in anew, where [server] group names GROUP",
		"the user %s is neither root nor in the group '%s'",
		*out->name ? out->name : "at the other end of the socket", c->server->api_group);
	return -EACCES;
}

/* ---- tokens ---- */

static const char *addr_text(uint32_t addr, char *out, size_t size)
{
	snprintf(out, size, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
		addr & 255);
	return out;
}

/* How long this address has to wait, in seconds: 0 when this failure of it is one of the first. */
static unsigned count_failure(struct core *c, uint32_t addr)
{
	struct access *x = &c->access;
	const uint64_t now = (uint64_t)c->mono_ms;
	struct recent_slot *s;
	uint64_t start;

	x->failed = (struct recent){ x->slots, ACCESS_ADDRS };
	s = recent_use(&x->failed, addr, now);
	start = s->value >> 16;
	if (!s->value || now - start >= FAILED_MS) {
		s->value = now << 16 | 1;
		return 0;
	}
	if ((s->value & 0xffff) < FAILED_MAX) {
		s->value++;
		return 0;
	}
	return (unsigned)((FAILED_MS - (now - start)) / 1000) + 1;
}

static int refuse_token(
	struct core *c, const struct http_request *h, int64_t id, const char *why, struct answer *a)
{
	const unsigned wait_s = count_failure(c, h->addr);
	char from[16];
	unsigned missed;

	if (log_allow(&c->access.failed_log, (unsigned long long)c->mono_ms, &missed))
		log_warn("token refused: from=%s token=%lld why=%s more=%u",
			addr_text(h->addr, from, sizeof from), (long long)id, why, missed);
	if (wait_s) {
		answer_problem(a, 429, "too-many-tokens", "muster token create NAME --role ROLE",
			"too many wrong tokens came from this address");
		a->retry_after_s = wait_s;
		return -EACCES;
	}
	answer_problem(a, 401, "token", "an admin makes one: muster token create NAME --role ROLE",
		"the token is %s", why);
	return refuse(a, CHALLENGE_INVALID);
}

/* Is it the row's? The row may be all zeros, which no token fits. */
static bool fits(struct core *c, const char *text, const struct store_token *t)
{
	struct digest d;

	core_must(c, digest_bytes(text, strlen(text), &d), "digest");
	return digest_equal_secret(&d, &t->hash) && t->id;
}

/*
 * Once a minute; view, which cannot write it down, sends that request on, unless it is one that
 * goes on for long and would stay there. 0, or -EAGAIN.
 */
static int note_use(
	struct core *c, const struct http_request *h, const struct store_token *t, struct answer *a)
{
	if (c->wall_ms >= t->used_ms && c->wall_ms - t->used_ms < USED_EVERY_MS)
		return 0;
	if (c->reads && (c->backup || !strcmp(h->path, "/api/v1/events/stream")))
		return 0;
	if (c->reads) {
		a->status = HTTP_ASK_CORE;
		return -EAGAIN;
	}
	core_write(c);
	core_must(c, store_token_used(c->store, t->id, c->wall_ms, h->addr), "token used");
	return 0;
}

static int holder_of_token(
	struct core *c, const struct http_request *h, struct caller *out, struct answer *a)
{
	struct store_token t = { 0 };
	int64_t id = 0;
	int rc = token_parse(h->bearer, &id);

	if (rc < 0)
		return refuse_token(c, h, 0, "malformed: it was cut short or mistyped", a);
	rc = store_token_get(c->store, id, &t);
	if (rc != -ENOENT)
		core_must(c, rc, "token");
	if (!fits(c, h->bearer, &t))
		return refuse_token(c, h, id, "not known here", a);
	if (t.revoked_ms)
		return refuse_token(c, h, id, "revoked", a);
	if (t.expires_ms && c->wall_ms >= t.expires_ms)
		return refuse_token(c, h, id, "expired", a);
	rc = note_use(c, h, &t, a);
	if (rc)
		return rc;
	out->role = t.role > ROLE_NONE && t.role < ROLES ? (enum role)t.role : ROLE_NONE;
	out->token = id;
	snprintf(out->name, sizeof out->name, "%s", t.name);
	snprintf(out->scope, sizeof out->scope, "%s", t.scope);
	addr_text(h->addr, out->from, sizeof out->from);
	return 0;
}

/* Whoever is on the wire of plain HTTP reads the token; on this machine's own there is nobody. */
static bool in_clear(const struct core *c, const struct http_request *h)
{
	return !h->tls && h->addr >> 24 != 127 && !c->cfg->tokens_in_clear;
}

int access_who(struct core *c, const struct request *q, struct caller *out, struct answer *a)
{
	const struct http_request *h = q->h;
	char from[16];
	unsigned missed;

	*out = (struct caller){ 0 };
	if (h->peer == HTTP_PEER_UNIX)
		return peer_of_socket(c, h, out, a);
	if (in_clear(c, h)) {
		if (*h->bearer &&
			log_allow(&c->access.clear_log, (unsigned long long)c->mono_ms, &missed))
			log_warn("a token was sent in clear, revoke it: from=%s more=%u",
				addr_text(h->addr, from, sizeof from), missed);
		answer_problem(a, *h->bearer ? 403 : 401, "clear",
			"use https ([http] tls-listen); or [http] tokens-in-clear = yes, where nobody "
			"else is on the wire",
			"the API takes no token over plain HTTP%s",
			*h->bearer ? ", and this one should be revoked: it was sent in clear" : "");
		return refuse(a, *h->bearer ? CHALLENGE_NONE : CHALLENGE_TOKEN);
	}
	if (*h->bearer)
		return holder_of_token(c, h, out, a);
	answer_problem(a, 401, "token",
		"Authorization: Bearer TOKEN; an admin makes one: muster token create NAME --role ROLE",
		"the API needs a token over the network");
	return refuse(a, CHALLENGE_TOKEN);
}

/* ---- what they may ---- */

void access_denied(struct core *c, const struct caller *who, const struct request *q)
{
	unsigned missed;

	if (log_allow(&c->access.denied_log, (unsigned long long)c->mono_ms, &missed))
		log_warn("not allowed: who=%s%s from=%s request=%s path=%s more=%u",
			who->token ? "token:" : "", who->name, who->from, q->h->request_id,
			q->h->path, missed);
}

bool access_in_scope(const char *scope, const char *family)
{
	const size_t n = strlen(family);

	for (const char *s = scope; *s; s += strcspn(s, ","), s += *s == ',') {
		if (!strncmp(s, family, n) && (s[n] == ',' || !s[n]))
			return true;
	}
	return false;
}

int access_may(const struct caller *who, enum role least, const char *family, struct answer *a)
{
	char hint[160];

	if (who->role < least) {
		snprintf(hint, sizeof hint,
			who->token
				? "a token of the role %s does: muster token create NAME --role %s"
				: "root on the server does: sudo muster; or a token of the role %s",
			role_name(least), role_name(least));
		answer_problem(a, 403, "role", hint,
			"this takes the role %s, and %s has the role %s", role_name(least),
			who->token ? "the token" : "the user", role_name(who->role));
		return refuse(a, who->token ? CHALLENGE_SCOPE : CHALLENGE_NONE);
	}
	/* of a batch each call is asked for, and by itself it does nothing */
	if (*who->scope && strcmp(family, "batch") && !access_in_scope(who->scope, family)) {
		snprintf(hint, sizeof hint, "muster token create NAME --scope %s", family);
		answer_problem(a, 403, "scope", hint, "the token is for %s only, not for %s",
			who->scope, family);
		return refuse(a, CHALLENGE_SCOPE);
	}
	return 0;
}
