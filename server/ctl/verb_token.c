/* verb_token.c: `muster token create|list|revoke`: who may use the API over the network. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/client.h"
#include "server/ctl/format.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"
#include "server/loop.h"

enum { OPT_ROLE = 256, OPT_SCOPE, OPT_EXPIRES, OPT_DRY_RUN };

static const struct option create_options[] = {
	{ "role", required_argument, NULL, OPT_ROLE },
	{ "scope", required_argument, NULL, OPT_SCOPE },
	{ "expires", required_argument, NULL, OPT_EXPIRES },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ 0 },
};
static const struct option revoke_options[] = {
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ 0 },
};

/* ---- create ---- */

struct wish {
	const char *role, *scope;
	uint64_t life_s;
	bool has_life, dry_run;
};

static int read_wish(struct ctl *c, int argc, char **argv, struct wish *w)
{
	int o;

	while ((o = getopt_long(argc, argv, "", create_options, NULL)) != -1) {
		switch (o) {
		case OPT_ROLE:
			w->role = optarg;
			break;
		case OPT_SCOPE:
			w->scope = optarg;
			if (!optarg[strspn(optarg, ", ")])
				return ctl_usage(c,
					"--scope takes families, as hosts,leases; all without it");
			break;
		case OPT_EXPIRES:
			w->has_life = true;
			if (strcmp(optarg, "never") != 0 &&
				!format_parse_validity(optarg, &w->life_s))
				return ctl_usage(c, "--expires takes 90d, 12h or never");
			break;
		case OPT_DRY_RUN:
			w->dry_run = true;
			break;
		default:
			return ctl_usage(c, NULL);
		}
	}
	if (argc - optind != 1 || !w->role)
		return ctl_usage(c, "a name and --role are needed");
	return CTL_OK;
}

static void write_scope(struct jw *w, const char *scope)
{
	char *copy = strdup(scope), *save = NULL;

	jw_arr(w, "scope");
	for (char *s = copy ? strtok_r(copy, ", ", &save) : NULL; s;
		s = strtok_r(NULL, ", ", &save))
		jw_str(w, NULL, s);
	jw_end_arr(w);
	free(copy);
}

static char *write_body(const char *name, const struct wish *wish)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "name", name);
	jw_str(&w, "role", wish->role);
	if (wish->scope)
		write_scope(&w, wish->scope);
	if (wish->has_life)
		jw_int(&w, "life_s", (int64_t)wish->life_s);
	jw_end_obj(&w);
	return w.buf;
}

/* The token alone goes to standard output, so that it can go to a file. */
static void print_made(const struct ctl *c, const struct answer *a)
{
	const int64_t expires = json_get_int(a->doc, "expires", 0);
	char date[FORMAT_MAX];

	if (c->format == CTL_JSON) {
		puts(a->text);
		return;
	}
	puts(json_get_str(a->doc, "token", ""));
	fprintf(stderr,
		"token %" PRId64 ", role %s, %s%s. It is shown this once; keep it in a file "
		"that only you can read,\nand name that by MUSTER_TOKEN_FILE beside MUSTER_URL\n",
		json_get_int(a->doc, "id", 0), json_get_str(a->doc, "role", ""),
		expires ? "until " : "for ever",
		expires ? format_date((uint64_t)expires / 1000, date) : "");
}

int verb_token_create(struct ctl *c, int argc, char **argv)
{
	struct wish wish = { 0 };
	struct answer a;
	char *body;
	int rc = read_wish(c, argc, argv, &wish);

	if (rc)
		return rc;
	body = write_body(argv[optind], &wish);
	rc = client_call(
		c, "POST", wish.dry_run ? "/api/v1/tokens?dry_run=1" : "/api/v1/tokens", body, &a);
	free(body);
	if (rc)
		return rc;
	if (wish.dry_run)
		fprintf(stderr, "a token %s would be made\n", argv[optind]);
	else
		print_made(c, &a);
	explicit_bzero(a.text, a.len);
	answer_fini(&a);
	return CTL_OK;
}

/* ---- list ---- */

static void token_row(struct table *t, const struct json *o)
{
	const int64_t now = (int64_t)now_wall_ms(), expires = json_get_int(o, "expires", 0),
		      used = json_get_int(o, "used", 0);
	const struct json *scope = json_get(o, "scope");
	char text[256] = "", number[FORMAT_MAX], exact[FORMAT_MAX] = "";
	size_t n = 0;

	for (size_t i = 0; i < json_len(scope) && n < sizeof text; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? "," : "",
			json_str(json_at(scope, i), ""));
	snprintf(number, sizeof number, "%" PRId64, json_get_int(o, "id", 0));
	table_cell(t, number, NULL);
	table_cell(t, json_get_str(o, "name", ""), NULL);
	table_cell(t, json_get_str(o, "role", ""), NULL);
	table_cell(t, *text ? text : "all", text);
	table_cell(t, json_get_str(o, "state", ""), NULL);
	table_cell(t, expires ? format_date((uint64_t)expires / 1000, number) : "never", NULL);
	if (used)
		snprintf(exact, sizeof exact, "%" PRId64, used);
	table_cell(t, used ? format_age(now - used, number) : "never", exact);
	table_cell(t, json_get_str(o, "used_from", "-"), json_get_str(o, "used_from", ""));
}

int verb_token_list(struct ctl *c, int argc, char **argv)
{
	static const struct column columns[] = {
		{ "ID", COL_RIGHT, COL_ALWAYS },
		{ "NAME", COL_LEFT, COL_ALWAYS },
		{ "ROLE", COL_LEFT, COL_ALWAYS },
		{ "SCOPE", COL_LEFT, COL_ALWAYS },
		{ "STATE", COL_LEFT, COL_ALWAYS },
		{ "EXPIRES", COL_LEFT, COL_ALWAYS },
		{ "USED", COL_RIGHT, COL_ALWAYS },
		{ "FROM", COL_LEFT, COL_WIDE },
	};
	struct answer a;
	const struct json *all;
	struct table t;
	int rc;

	(void)argv;
	if (argc > 1)
		return ctl_usage(c, "it takes no arguments");
	rc = client_get(c, "/api/v1/tokens", &a);
	if (rc)
		return rc;
	if (c->format == CTL_JSON) {
		puts(a.text);
	} else {
		all = json_get(a.doc, "tokens");
		table_init(&t, c, columns, ARRAY_LEN(columns));
		for (size_t i = 0; i < json_len(all); i++)
			token_row(&t, json_at(all, i));
		table_print(&t);
		table_fini(&t);
	}
	answer_fini(&a);
	return CTL_OK;
}

/* ---- revoke ---- */

static int revoke(struct ctl *c, const char *id, bool dry_run)
{
	char path[64];
	struct answer a;
	int rc;

	if (!*id || strlen(id) > 10 || id[strspn(id, "0123456789")])
		return ctl_fail(
			CTL_USAGE, "'%s' is no token's number; muster token list shows them", id);
	snprintf(path, sizeof path, "/api/v1/tokens/%s%s", id, dry_run ? "?dry_run=1" : "");
	rc = client_call(c, "DELETE", path, NULL, &a);
	if (!rc)
		answer_fini(&a);
	return rc;
}

int verb_token_revoke(struct ctl *c, int argc, char **argv)
{
	bool dry_run = false;
	int o, rc = CTL_OK;

	while ((o = getopt_long(argc, argv, "", revoke_options, NULL)) != -1) {
		if (o != OPT_DRY_RUN)
			return ctl_usage(c, NULL);
		dry_run = true;
	}
	if (optind == argc)
		return ctl_usage(c, "which one? muster token list");
	for (int i = optind; i < argc && !rc; i++)
		rc = revoke(c, argv[i], dry_run);
	return rc;
}
