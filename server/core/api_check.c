/*
 * What a request may say: the parameters of its query, and the members of its body. What nobody
 * knows, or what is of another kind, is not guessed at but refused, before anything changes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "db/stage.h"
#include "server/bytes.h"
#include "server/core/api.h"

/* ---- queries ---- */

#define DIGITS_MAX	18 /* of a number: it fits into 63 bits */
#define MARK_DIGITS_MAX 20

/*
 * What the routes know, as docs/openapi.yaml says it; those that are not here know dry_run when
 * they change something, and nothing else. Behind a ':' is which of several of that name it is.
 */
static const struct {
	enum http_method method;
	const char *path, *names;
} queries[] = {
	{ HTTP_GET, "/api/v1/hosts", "limit after stage state image q brief host where" },
	{ HTTP_GET, "/api/v1/hosts/*/boots", "limit after stage state image since" },
	{ HTTP_GET, "/api/v1/hosts/*/diff", "from to" },
	{ HTTP_GET, "/api/v1/hosts/*/told", "profile" },
	{ HTTP_GET, "/api/v1/boots", "limit after stage state image host since" },
	{ HTTP_GET, "/api/v1/events", "limit after host stage since" },
	{ HTTP_GET, "/api/v1/events/stream", "after:mark host feed:own" },
	{ HTTP_GET, "/api/v1/leases", "limit after:address state:lease subnet host" },
	{ HTTP_DELETE, "/api/v1/leases/*", "dry_run forget" },
	{ HTTP_GET, "/api/v1/images/log", "image limit" },
	{ HTTP_GET, "/api/v1/images/*", "version release" },
	{ HTTP_DELETE, "/api/v1/images/*", "dry_run version release" },
	{ HTTP_PUT, "/api/v1/blobs/*", "" },
	{ HTTP_POST, "/api/v1/blobs/*", "" },
	{ HTTP_POST, "/api/v1/rules", "dry_run after" },
	{ HTTP_POST, "/api/v1/rules/test", "" },
	{ HTTP_PATCH, "/api/v1/rules/*", "dry_run after" },
	{ HTTP_DELETE, "/api/v1/rules/*", "dry_run after" },
	{ HTTP_POST, "/api/v1/rollouts", "dry_run after count" },
	{ HTTP_GET, "/api/v1/sd/prometheus", "port" },
	{ HTTP_GET, "/api/v1/audit", "limit after who object since" },
	{ HTTP_GET, "/api/v1/audit/check", "limit after" },
	{ HTTP_GET, "/api/v1/backup", "feed:own after:own" },
};

enum kind {
	TEXT,	/* the handler says what is wrong with it */
	NUMBER, /* from 0 on */
	COUNT,	/* from 1 on */
	MARK,	/* a number; http's own has a ';' behind it */
	FLAG,
	STAGE,
	STATE, /* of a boot */
};

static const struct parameter {
	const char *name;
	enum kind kind;
	size_t max; /* letters of a text: more would be cut */
} parameters[] = {
	{ "dry_run", FLAG, 0 },
	{ "limit", COUNT, 0 },
	{ "after", NUMBER, 0 },
	{ "after:address", TEXT, 31 },
	{ "after:mark", MARK, 0 },
	{ "after:own", MARK, 0 },
	{ "feed:own", NUMBER, 0 },
	{ "since", NUMBER, 0 },
	{ "stage", STAGE, 0 },
	{ "state", STATE, 0 },
	{ "state:lease", TEXT, 15 },
	{ "host", TEXT, HOST_TEXT_MAX - 1 },
	{ "image", TEXT, MANIFEST_NAME_MAX - 1 },
	{ "profile", TEXT, MANIFEST_NAME_MAX - 1 },
	{ "version", TEXT, MANIFEST_NAME_MAX - 1 },
	{ "release", NUMBER, 0 },
	{ "q", TEXT, API_Q_MAX - 1 },
	{ "brief", FLAG, 0 },
	{ "forget", FLAG, 0 },
	{ "where", TEXT, 2047 }, /* all that a query holds */
	{ "from", NUMBER, 0 },
	{ "to", NUMBER, 0 },
	{ "count", NUMBER, 0 },
	{ "subnet", TEXT, 31 },
	{ "port", TEXT, 7 },
	{ "who", TEXT, API_WHO_MAX - 1 },
	{ "object", TEXT, API_OBJECT_MAX - 1 },
};

_Static_assert(ARRAY_LEN(parameters) <= 32, "those that were seen are bits");

static const char *names_of(enum http_method method, const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		if (queries[i].method == method && !strcmp(queries[i].path, path))
			return queries[i].names;
	}
	return method == HTTP_GET ? "" : "dry_run";
}

/* The name of a list of them, and the list moved on. false at its end. */
static bool next_name(const char **names, char *out, size_t size)
{
	const size_t n = strcspn(*names, " ");

	snprintf(out, size, "%.*s", (int)n, *names);
	*names += n + ((*names)[n] == ' ');
	return n > 0;
}

/* That of these names which the key of a query means; NULL: none. */
static const struct parameter *find(const char *names, const char *key)
{
	const size_t len = strlen(key);
	char name[API_KEY_MAX];

	while (!strchr(key, ':') && next_name(&names, name, sizeof name)) {
		if (strncmp(name, key, len) != 0 || (name[len] && name[len] != ':'))
			continue;
		for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
			if (!strcmp(parameters[i].name, name))
				return &parameters[i];
		}
	}
	return NULL;
}

static bool refuse_name(struct call *k, const char *names, const char *key)
{
	char list[160] = "it takes no parameter", name[API_KEY_MAX];
	size_t n = 0;

	while (next_name(&names, name, sizeof name)) {
		if (strstr(name, ":own"))
			continue; /* between http and core */
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%.*s", n ? ", " : "it takes ",
			(int)strcspn(name, ":"), name);
	}
	answer_problem(k->a, 422, "unknown-parameter", list, "%s is no parameter of this", key);
	return false;
}

static bool is_number(const char *text)
{
	const size_t n = strspn(text, "0123456789");

	return n && n <= DIGITS_MAX && !text[n];
}

/* With the ';' that http puts behind its own. */
static bool is_mark(const char *text)
{
	const size_t n = strspn(text, "0123456789");

	return n && n <= MARK_DIGITS_MAX && (!text[n] || !strcmp(text + n, ";"));
}

static bool is_one_of(const char *text, const char *const *words)
{
	while (*words && strcmp(*words, text))
		words++;
	return *words;
}

/* What it should be, where it is not that; else NULL. */
static const char *wrong(const struct parameter *p, const char *text)
{
	static const char *const states[] = { "open", "up", "failed", "over", NULL };
	static const char *const flags[] = { "0", "1", "false", "true", NULL };
	const size_t len = strlen(text);
	enum boot_stage stage;

	if (!len)
		return "has to have a value";
	switch (p->kind) {
	case NUMBER:
		return is_number(text) ? NULL : "is a number from 0 on";
	case COUNT:
		return is_number(text) && strspn(text, "0") < len ? NULL : "is a number from 1 on";
	case MARK:
		return is_mark(text) ? NULL : "is a number from 0 on";
	case FLAG:
		return is_one_of(text, flags) ? NULL : "is 1 or true, 0 or false";
	case STAGE:
		return boot_stage_parse(text, &stage) == 0
			       ? NULL
			       : "is a stage (discover, offer, lease, loader, script, agent, "
				 "image, verify, handoff, up, failed)";
	case STATE:
		return is_one_of(text, states) ? NULL : "is open, up, failed or over";
	default:
		return len <= p->max ? NULL : "has fewer letters";
	}
}

bool api_check_query(struct call *k, enum http_method method, const char *path)
{
	const char *names = names_of(method, path), *rest = k->q->h->query, *should;
	char key[API_KEY_MAX], text[sizeof k->q->h->query];
	const struct parameter *p;
	uint32_t seen = 0;
	int rc;

	while ((rc = query_next(&rest, key, sizeof key, text, sizeof text)) != 0) {
		p = find(names, key);
		if (!p)
			return refuse_name(k, names, key);
		should = rc < 0 ? "is printable ASCII" : wrong(p, text);
		/* http says its own before what was asked with, and the first holds */
		if (!should && seen & 1U << (p - parameters) && !strstr(names, "feed:own"))
			should = "is said once";
		if (should) {
			answer_problem(k->a, 422, key, NULL, "%s %s, not '%.80s'", key, should,
				rc < 0 ? "other bytes" : text);
			return false;
		}
		seen |= 1U << (p - parameters);
	}
	return true;
}

/* ---- bodies ---- */

static const struct {
	unsigned type;
	const char *words;
	bool (*fits)(const struct json *v);
} types[] = {
	{ API_TEXT, "text", json_is_str },
	{ API_BOOL, "true or false", json_is_bool },
	{ API_INT, "a whole number", json_is_int },
	{ API_TEXTS, "a list of texts", json_is_array },
	{ API_LIST, "a list", json_is_array },
	{ API_OBJECT, "an object", json_is_object },
	{ API_NULL, "null", json_is_null },
};

static bool are_texts(const struct json *list)
{
	for (size_t i = 0; i < json_len(list); i++) {
		if (!json_is_str(json_at(list, i)))
			return false;
	}
	return true;
}

static bool has_type(const struct json *v, unsigned type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (type & types[i].type && types[i].fits(v))
			return types[i].type != API_TEXTS || are_texts(v);
	}
	return false;
}

static bool refuse_type(struct call *k, const struct api_member *m)
{
	char words[80];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (m->type & types[i].type)
			n += (size_t)snprintf(words + n, sizeof words - n, "%s%s", n ? " or " : "",
				types[i].words);
	}
	answer_problem(k->a, 422, m->name, NULL, "%s is %s, and nothing else", m->name, words);
	return false;
}

bool api_check_members(struct call *k, const struct json *obj, const struct api_member *known)
{
	const struct api_member *m;
	const struct json *v;
	const char *key;

	for (size_t i = 0; (v = json_member(obj, i, &key)); i++) {
		for (m = known; m->name && strcmp(m->name, key) != 0;)
			m++;
		if (!m->name) {
			answer_problem(k->a, 422, "unknown-key", NULL, "unknown key '%s'", key);
			return false;
		}
		if (!has_type(v, m->type))
			return refuse_type(k, m);
	}
	for (m = known; m->name; m++) {
		if (m->type & API_NEEDED && !json_get(obj, m->name)) {
			answer_problem(k->a, 422, m->name, NULL, "%s is missing", m->name);
			return false;
		}
	}
	return true;
}

bool api_check_body(struct call *k, const struct api_member *known)
{
	return api_check_members(k, k->body, known);
}
