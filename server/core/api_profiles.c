/*
 * /api/v1/profiles: what hosts are told beside their image (docs/profiles.md), and
 * /api/v1/hosts/NAME/told: what one of them would be told now.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/api.h"
#include "server/core/choice.h"
#include "server/core/profile.h"
#include "server/log.h"

bool api_check_profile(struct call *k, const char *name)
{
	if (!*name || core_must(k->c, store_profile_has(k->c->store, name), "profile"))
		return true;
	answer_problem(
		k->a, 422, "profile", "muster profile list", "there is no profile '%s'", name);
	return false;
}

void api_get_profiles(struct call *k)
{
	char *json = NULL;
	int rc = store_json_profiles(k->c->store, &json);

	api_answer_store(k, rc, json, "profiles");
}

void api_get_profile(struct call *k)
{
	char *json = NULL;
	int rc = store_json_profile(k->c->store, k->arg, &json);

	api_answer_store(k, rc, json, "profile");
}

/* ---- what a change is ---- */

static bool refuse(struct call *k, const char *code, const char *text)
{
	answer_problem(k->a, 422, code, "docs/profiles.md", "%s", text);
	return false;
}

/* The place of that name, which is where it would be put, too. */
static size_t value_at(const struct store_profile *p, const char *name, bool *found)
{
	size_t i = 0;

	while (i < p->n_values && strcmp(p->values[i].name, name) < 0)
		i++;
	*found = i < p->n_values && !strcmp(p->values[i].name, name);
	return i;
}

/* Text, true: each host has to have its own, null: none. */
static bool take_value(
	struct call *k, struct store_profile *p, const char *name, const struct json *v)
{
	const bool required = json_bool(v, false);
	struct store_profile_value *at;
	bool found;
	size_t i = value_at(p, name, &found);

	/* of what is required the name alone is looked at */
	if (!(required && values_name_ok(name)) && !api_value_ok(k, name, v))
		return false;
	at = &p->values[i];
	if (json_is_null(v)) {
		p->n_values -= found;
		if (found)
			memmove(at, at + 1, (p->n_values - i) * sizeof *at);
		return true;
	}
	if (!found && p->n_values == STORE_VALUES_MAX)
		return refuse(k, "values", "a profile has at most 32 values");
	if (!found)
		memmove(at + 1, at, (p->n_values++ - i) * sizeof *at);
	*at = (struct store_profile_value){ .required = required };
	snprintf(at->name, sizeof at->name, "%s", name);
	snprintf(at->value, sizeof at->value, "%s", json_str(v, ""));
	return true;
}

static size_t file_at(const struct store_profile *p, const char *path, bool *found)
{
	size_t i = 0;

	while (i < p->n_files && strcmp(p->files[i].path, path) < 0)
		i++;
	*found = i < p->n_files && !strcmp(p->files[i].path, path);
	return i;
}

/* "0644" -> 0644; 01000, which no file may have, for anything else. */
static unsigned read_mode(const char *text)
{
	const size_t n = strlen(text);

	return n && n <= 4 && strspn(text, "01234567") == n ? (unsigned)strtoul(text, NULL, 8)
							    : 01000u;
}

/* {"content": TEXT, "mode": "0644"}; without a mode as before, null: none any more. */
static bool take_file(
	struct call *k, struct store_profile *p, const char *path, const struct json *v)
{
	static const struct api_member known[] = { { "content", API_TEXT }, { "mode", API_TEXT },
		{ NULL, 0 } };
	const char *content = json_get_str(v, "content", NULL);
	struct store_profile_file *at;
	bool found;
	size_t i = file_at(p, path, &found);
	unsigned mode;
	char *copy;

	at = &p->files[i];
	if (!api_check_members(k, v, known))
		return false;
	if (json_is_null(v)) {
		if (found) {
			free(at->content);
			memmove(at, at + 1, (--p->n_files - i) * sizeof *at);
		}
		return true;
	}
	if (!json_is_object(v) || (!content && !found))
		return refuse(k, "files", "a file is an object with its content, or null");
	if (strlen(path) >= sizeof at->path)
		return refuse(k, "files", "a path has at most 127 letters");
	if (!found && p->n_files == EXTRA_FILES_MAX)
		return refuse(k, "files", "a profile has at most 16 files");
	mode = found ? at->mode : 0644;
	if (json_get(v, "mode"))
		mode = read_mode(json_get_str(v, "mode", ""));
	copy = strdup(content ? content : at->content);
	if (!copy) {
		answer_take(k->a, 200, "", NULL); /* out of memory */
		return false;
	}
	if (found)
		free(at->content);
	else
		memmove(at + 1, at, (p->n_files++ - i) * sizeof *at);
	*at = (struct store_profile_file){ .mode = mode, .content = copy };
	snprintf(at->path, sizeof at->path, "%s", path);
	return true;
}

/* Each member of an object of the body. */
static bool take_each(struct call *k, const char *key, struct store_profile *p,
	bool (*take)(
		struct call *k, struct store_profile *p, const char *name, const struct json *v))
{
	const struct json *all = json_get(k->body, key), *v;
	const char *name;

	for (size_t i = 0; (v = json_member(all, i, &name)); i++) {
		if (!take(k, p, name, v))
			return false;
	}
	return true;
}

/* What the body says, over what *p has; and is all of it good then? */
static bool take_body(struct call *k, struct store_profile *p)
{
	const struct json *args = json_get(k->body, "args");
	const char *text = json_str(args, "");
	char why[PROFILE_WHY_MAX];

	if (args && strlen(text) >= sizeof p->args)
		return refuse(k, "args", "kernel arguments are text of at most 383 letters");
	if (args)
		snprintf(p->args, sizeof p->args, "%s", text);
	if (!take_each(k, "values", p, take_value) || !take_each(k, "files", p, take_file))
		return false;
	return profile_check(p, why) == 0 || refuse(k, "profile", why);
}

/* ---- the changes ---- */

static void answer_profile(struct call *k, const char *name, unsigned status)
{
	char *json = NULL;
	int rc = store_json_profile(k->c->store, name, &json);

	api_answer_store(k, rc, json, "profile");
	k->a->status = status;
}

static void put(struct call *k, const struct store_profile *p, unsigned status)
{
	core_write(k->c);
	core_must(k->c, store_profile_put(k->c->store, p), "profile put");
	if (!api_is_dry_run(k))
		log_info("profile %s: %s by=%s", status == 201 ? "added" : "changed", p->name,
			k->who->name);
	answer_profile(k, p->name, status);
}

static bool check_name(struct call *k, const char *name)
{
	if (!manifest_name_ok(name))
		answer_problem(k->a, 422, "name", NULL,
			"'%s' is no profile's name: 1 to 63 letters, digits and ._+-, not first . or -",
			name);
	return manifest_name_ok(name);
}

void api_post_profile(struct call *k)
{
	static const struct api_member known[] = { { "name", API_TEXT },
		{ "args", API_TEXT | API_NULL }, { "values", API_OBJECT }, { "files", API_OBJECT },
		{ NULL, 0 } };
	const char *name = json_get_str(k->body, "name", "");
	struct store_profile p = { 0 };

	if (!api_check_body(k, known) || !check_name(k, name))
		return;
	if (core_must(k->c, store_profile_has(k->c->store, name), "profile")) {
		answer_problem(k->a, 409, "name-taken", "muster profile set NAME …",
			"there is a profile '%s' already", name);
		return;
	}
	snprintf(p.name, sizeof p.name, "%s", name);
	if (take_body(k, &p))
		put(k, &p, 201);
	store_profile_fini(&p);
}

/* A list says a secret as null: who sends that back must not lose it. */
static bool has_null(struct call *k, const char *key)
{
	const struct json *all = json_get(k->body, key), *v;
	const char *name;

	for (size_t i = 0; (v = json_member(all, i, &name)); i++) {
		if (json_is_null(v)) {
			answer_problem(k->a, 422, key, "docs/profiles.md",
				"%s is null: leave out what shall not be, and say a secret in full",
				name);
			return true;
		}
	}
	return false;
}

/* All that the profile is from now on. */
void api_put_profile(struct call *k)
{
	static const struct api_member known[] = { { "args", API_TEXT | API_NULL },
		{ "values", API_OBJECT }, { "files", API_OBJECT }, { NULL, 0 } };
	struct store_profile p = { 0 };

	if (!api_check_body(k, known) || !check_name(k, k->arg) || has_null(k, "values") ||
		has_null(k, "files"))
		return;
	snprintf(p.name, sizeof p.name, "%s", k->arg);
	if (take_body(k, &p))
		put(k, &p,
			core_must(k->c, store_profile_has(k->c->store, p.name), "profile") ? 200
											   : 201);
	store_profile_fini(&p);
}

/* The profile of that name: true, or false with the answer made. */
static bool find(struct call *k, const char *name, struct store_profile *out)
{
	int rc = store_profile_get(k->c->store, name, out);

	if (rc == -ENOENT) {
		answer_problem(k->a, 404, "not-found", "muster profile list",
			"there is no profile '%s'", name);
		return false;
	}
	core_must(k->c, rc, "profile");
	return true;
}

void api_patch_profile(struct call *k)
{
	static const struct api_member known[] = { { "args", API_TEXT | API_NULL },
		{ "values", API_OBJECT }, { "files", API_OBJECT }, { NULL, 0 } };
	struct store_profile p = { 0 };

	if (!api_check_body(k, known) || !find(k, k->arg, &p))
		return;
	if (take_body(k, &p))
		put(k, &p, 200);
	store_profile_fini(&p);
}

void api_delete_profile(struct call *k)
{
	struct store_profile p = { 0 };
	char hosts[120], rules[120];
	int n_hosts, n_rules;

	if (!find(k, k->arg, &p))
		return;
	n_hosts = core_must(k->c, store_profile_hosts(k->c->store, p.name, hosts, sizeof hosts),
		"profile hosts");
	n_rules = core_must(k->c, store_profile_rules(k->c->store, p.name, rules, sizeof rules),
		"profile rules");
	if (n_hosts || n_rules) {
		answer_problem(k->a, 409, "in-use", "muster host set NAMES --no-profile",
			"the profile %s is that of %d host%s%s%s%s and of %d rule%s%s%s%s", p.name,
			n_hosts, n_hosts == 1 ? "" : "s", n_hosts ? " (" : "", hosts,
			n_hosts ? ")" : "", n_rules, n_rules == 1 ? "" : "s", n_rules ? " (" : "",
			rules, n_rules ? ")" : "");
	} else {
		core_write(k->c);
		core_must(k->c, store_profile_rm(k->c->store, p.name), "profile rm");
		if (!api_is_dry_run(k))
			log_info("profile removed: %s by=%s", p.name, k->who->name);
		answer_empty(k->a);
	}
	store_profile_fini(&p);
}

/* ---- what a host is told ---- */

static void files_json(const struct profile_told *told, struct jw *w)
{
	char mode[8];

	jw_arr(w, "files");
	for (size_t i = 0; i < told->n; i++) {
		snprintf(mode, sizeof mode, "%04o", told->files[i].mode);
		jw_obj(w, NULL);
		jw_str(w, "path", told->files[i].path);
		jw_str(w, "mode", mode);
		jw_str(w, "content", told->files[i].text);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

/* Once with the values as they are, for what is wrong with them; once with the secrets masked. */
static int render(struct call *k, const struct store_host *h, const struct store_profile *p,
	struct profile_told *told, char why[PROFILE_WHY_MAX])
{
	struct values v;
	int rc;

	values_load(k->c, h, p, NULL, &v);
	rc = profile_fill(p, &v, h->name, told, why);
	if (rc)
		return rc;
	profile_told_fini(told);
	values_mask(&v);
	return profile_fill(p, &v, h->name, told, why);
}

static void answer_told(struct call *k, const struct store_host *h, const struct store_profile *p,
	const char *from, const char *rule)
{
	struct profile_told told = { 0 };
	char why[PROFILE_WHY_MAX];
	struct jw w = { 0 };
	int rc = p ? render(k, h, p, &told, why) : 0;

	if (rc == -ENOMEM) {
		answer_take(k->a, 200, "", NULL);
		return;
	}
	if (rc) {
		answer_problem(k->a, 409, "profile-value", "muster host set NAME --value NAME=...",
			"%s", why);
		return;
	}
	jw_obj(&w, NULL);
	jw_str(&w, "host", h->name);
	jw_str(&w, "profile", p ? p->name : NULL);
	jw_str(&w, "from", p ? from : NULL);
	jw_str(&w, "rule", p && *rule ? rule : NULL);
	jw_str(&w, "args", told.args);
	files_json(&told, &w);
	jw_end_obj(&w);
	profile_told_fini(&told);
	answer_jw(k->a, 200, &w);
}

/* ?profile=NAME: as if it had that one. */
void api_get_told(struct call *k)
{
	char name[MANIFEST_NAME_MAX];
	struct store_profile p = { 0 };
	struct choice_wish wish;
	struct store_host h;
	int rc = store_host_by_name(k->c->store, k->arg, &h);

	if (rc < 0) {
		api_answer_store(k, rc, NULL, "host");
		return;
	}
	if (query_get(k->q->h->query, "profile", name, sizeof name)) {
		if (find(k, name, &p))
			answer_told(k, &h, &p, "asked", "");
	} else {
		choice_wish(k->c, &h, &wish);
		if (!profile_of(k->c, &h, &p))
			answer_told(k, &h, NULL, "", "");
		else
			answer_told(k, &h, &p, h.profile[0] ? "host" : "rule",
				h.profile[0] ? "" : wish.rule);
	}
	store_profile_fini(&p);
}
