/*
 * /api/v1/tokens: who may use the API over the network. A token's text is in the answer that makes
 * it, and nowhere else.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "server/core/api.h"
#include "server/log.h"

#define LIFE_S	   (90 * 86400LL) /* where nothing else is said */
#define LIFE_MAX_S (3653 * 86400LL)

void api_get_tokens(struct call *k)
{
	char *json = NULL;
	int rc = store_json_tokens(k->c->store, k->c->wall_ms, &json);

	api_answer_store(k, rc, json, "tokens");
}

/* The row that the path names: 1, or 0 with the answer made. */
static int find(struct call *k, struct store_token *out)
{
	char *end;
	const long long id = strtoll(k->arg, &end, 10);
	int rc = *end ? -ENOENT : store_token_get(k->c->store, id, out);

	if (rc < 0)
		api_answer_store(k, rc, NULL, "token");
	return !rc;
}

void api_get_token(struct call *k)
{
	struct store_token t;
	char *json = NULL;
	int rc;

	if (!find(k, &t))
		return;
	rc = store_json_token(k->c->store, t.id, k->c->wall_ms, &json);
	api_answer_store(k, rc, json, "token");
}

/* ---- making one ---- */

static int bad(struct call *k, const char *what, const char *hint, const char *value)
{
	answer_problem(k->a, 422, what, hint, "'%s' is no %s of a token", value, what);
	return 0;
}

/* The families of routes that it is for, as "hosts,leases". */
static int read_scope(struct call *k, char out[STORE_TOKEN_SCOPE_MAX])
{
	const struct json *list = json_get(k->body, "scope");
	char families[256];
	size_t n = 0;

	api_families(families, sizeof families);
	if (list && !json_len(list)) {
		answer_problem(k->a, 422, "scope", families,
			"scope names nothing: leave it out for a token of all families");
		return 0;
	}
	for (size_t i = 0; i < json_len(list); i++) {
		const char *word = json_str(json_at(list, i), "");

		if (!access_in_scope(families, word))
			return bad(k, "scope", families, word);
		if (access_in_scope(out, word))
			continue;
		n += (size_t)snprintf(
			out + n, STORE_TOKEN_SCOPE_MAX - n, "%s%s", n ? "," : "", word);
		if (n >= STORE_TOKEN_SCOPE_MAX)
			return bad(k, "scope", NULL, "so many families");
	}
	return 1;
}

/* A token that is for some families only makes none that is for others. */
static int within_callers(struct call *k, const struct store_token *t)
{
	char word[64];

	if (!*k->who->scope)
		return 1;
	for (const char *s = t->scope; *s; s += strcspn(s, ","), s += *s == ',') {
		snprintf(word, sizeof word, "%.*s", (int)strcspn(s, ","), s);
		if (!access_in_scope(k->who->scope, word))
			return !access_may(k->who, ROLE_ADMIN, word, k->a);
	}
	return *t->scope ? 1 : bad(k, "scope", "it may have what yours has", "all");
}

static int read_body(struct call *k, struct store_token *t)
{
	static const struct api_member known[] = { { "name", API_TEXT }, { "role", API_TEXT },
		{ "scope", API_TEXTS }, { "life_s", API_INT }, { NULL, 0 } };
	const char *name = json_get_str(k->body, "name", "");
	const char *role = json_get_str(k->body, "role", "");
	const int64_t life_s = json_get_int(k->body, "life_s", LIFE_S);

	*t = (struct store_token){ .role = (int)role_parse(role), .created_ms = k->c->wall_ms };
	if (!api_check_body(k, known))
		return 0;
	if (!host_name_ok(name))
		return bad(k, "name", "1 to 63 letters, digits, '-' and '.'", name);
	if (t->role == ROLE_NONE)
		return bad(k, "role", "viewer, operator or admin", role);
	if (life_s < 0 || life_s > LIFE_MAX_S)
		return bad(k, "life", "seconds, ten years at most; 0: it does not expire",
			"what life_s says");
	snprintf(t->name, sizeof t->name, "%s", name);
	t->expires_ms = life_s ? k->c->wall_ms + life_s * 1000 : 0;
	return read_scope(k, t->scope) && within_callers(k, t);
}

/* The answer is what the store says of it, and the text. */
static void answer_token(struct call *k, int64_t id, const char *text)
{
	struct jw w = { 0 };
	char *json = NULL, err[80];
	struct json *doc;

	core_must(k->c, store_json_token(k->c->store, id, k->c->wall_ms, &json), "token");
	doc = json_read(json, strlen(json), err, sizeof err);
	jw_obj(&w, NULL);
	for (size_t i = 0; i < json_len(doc); i++) {
		const char *key;
		char *value = json_text(json_member(doc, i, &key));

		jw_raw(&w, key, value ? value : "null");
		free(value);
	}
	jw_str(&w, "token", text);
	jw_end_obj(&w);
	json_free(doc);
	free(json);
	answer_jw(k->a, 201, &w);
}

void api_post_token(struct call *k)
{
	uint8_t secret[TOKEN_SECRET_LEN];
	char text[TOKEN_MAX];
	struct store_token t;
	int rc;

	if (!read_body(k, &t))
		return;
	core_write(k->c);
	rc = store_token_add(k->c->store, &t);
	if (rc == -EEXIST) {
		answer_problem(k->a, 409, "name-taken", "muster token revoke ID",
			"another token has the name '%s'", t.name);
		return;
	}
	core_must(k->c, rc, "token add");
	if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
		core_die(k->c, "getrandom");
	core_must(k->c, token_print(t.id, secret, text), "token");
	explicit_bzero(secret, sizeof secret);
	core_must(k->c, digest_bytes(text, strlen(text), &t.hash), "digest");
	core_must(k->c, store_token_hash(k->c->store, t.id, &t.hash), "token hash");
	if (!api_is_dry_run(k))
		log_info("token made: token=%lld name=%s role=%s", (long long)t.id, t.name,
			role_name((enum role)t.role));
	answer_token(k, t.id, api_is_dry_run(k) ? NULL : text);
	explicit_bzero(text, sizeof text);
}

void api_delete_token(struct call *k)
{
	struct store_token t;

	if (!find(k, &t))
		return;
	answer_empty(k->a);
	if (t.revoked_ms)
		return;
	core_write(k->c);
	core_must(k->c, store_token_revoke(k->c->store, t.id, k->c->wall_ms), "token revoke");
	if (!api_is_dry_run(k))
		log_info("token revoked: token=%lld name=%s", (long long)t.id, t.name);
}
