/* verb_lease.c: `muster lease list|show|release`. */
#include <arpa/inet.h>
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"
#include "server/loop.h"

#define LEASES_PATH "/api/v1/leases"

enum { OPT_STATE = 256, OPT_SUBNET, OPT_FORGET, OPT_YES, OPT_DRY_RUN };

static const struct option list_options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "subnet", required_argument, NULL, OPT_SUBNET },
	{ 0 },
};
static const struct option release_options[] = {
	{ "forget", no_argument, NULL, OPT_FORGET },
	{ "yes", no_argument, NULL, OPT_YES },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ 0 },
};

/* ---- showing ---- */

/* Does somebody have it now? Not so when its lease has ended, or it is only reserved. */
static bool is_held(const struct json *l)
{
	const char *state = json_get_str(l, "state", "");

	return strcmp(state, "free") != 0 && strcmp(state, "reserved") != 0;
}

static void lease_row(struct table *t, const struct json *l)
{
	const struct json *expires = json_get(l, "expires");
	const bool held = is_held(l);
	const int64_t left = json_int(expires, 0) - (int64_t)now_wall_ms();
	char age[FORMAT_MAX], ago[FORMAT_MAX + 8], exact[FORMAT_MAX] = "", place[512];

	if (json_is_int(expires))
		snprintf(exact, sizeof exact, "%" PRId64, json_int(expires, 0));
	format_age(held ? left : -left, age);
	snprintf(ago, sizeof ago, "%s%s", *exact ? age : "never", held || !*exact ? "" : " ago");
	table_cell(t, json_get_str(l, "addr", "-"), NULL);
	table_cell(t, json_get_str(l, "mac", "-"), json_get_str(l, "mac", ""));
	table_cell(t, json_get_str(l, "host", "-"), json_get_str(l, "host", ""));
	table_cell(t, json_get_str(l, "state", "-"), NULL);
	table_cell(t, ago, exact);
	table_cell(t, json_bool(json_get(l, "known"), false) ? "yes" : "no", NULL);
	table_cell(t, json_get_str(l, "subnet", "-"), json_get_str(l, "subnet", ""));
	hosts_place(json_get(l, "place"), place, sizeof place);
	table_cell(t, *place ? place : "-", place);
}

static void print_json(const struct json *const *leases, size_t n)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_arr(&w, "leases");
	for (size_t i = 0; i < n; i++) {
		char *text = json_text(leases[i]);

		jw_raw(&w, NULL, text ? text : "null");
		free(text);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	if (!w.bad)
		puts(w.buf);
	jw_fini(&w);
}

static void print_leases(const struct ctl *c, const struct json *const *leases, size_t n)
{
	static const struct column columns[] = {
		{ "ADDRESS", COL_LEFT, COL_ALWAYS },
		{ "MAC", COL_LEFT, COL_ALWAYS },
		{ "HOST", COL_LEFT, COL_ALWAYS },
		{ "STATE", COL_LEFT, COL_ALWAYS },
		{ "EXPIRES", COL_RIGHT, COL_ALWAYS },
		{ "KNOWN", COL_LEFT, COL_WIDE },
		{ "SUBNET", COL_LEFT, COL_WIDE },
		{ "PLACE", COL_LEFT, COL_WIDE },
	};
	struct table t;

	if (c->format == CTL_JSON) {
		print_json(leases, n);
		return;
	}
	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < n; i++)
		lease_row(&t, leases[i]);
	table_print(&t);
	table_fini(&t);
}

/* ---- choosing ---- */

/* Leases that a command is about; nodes borrow from the pages. */
struct leases {
	struct answer *pages;
	const struct json **nodes;
	size_t n, n_pages;
};

static void leases_fini(struct leases *l)
{
	for (size_t i = 0; i < l->n_pages; i++)
		answer_fini(&l->pages[i]);
	free(l->pages);
	free(l->nodes);
	*l = (struct leases){ 0 };
}

static bool is_addr(const char *word)
{
	struct in_addr a;

	return inet_pton(AF_INET, word, &a) == 1;
}

/* Of one page keep all, or with a list what is named by host or by address. */
static void keep_named(struct leases *l, const struct json *page, const struct hostlist *want)
{
	l->nodes = reallocarray(l->nodes, l->n + json_len(page) + 1, sizeof *l->nodes);
	if (!l->nodes)
		errx(CTL_FAILED, "out of memory");
	for (size_t i = 0; i < json_len(page); i++) {
		const struct json *lease = json_at(page, i);

		if (!want || hostlist_has(want, json_get_str(lease, "host", "")) ||
			hostlist_has(want, json_get_str(lease, "addr", "")))
			l->nodes[l->n++] = lease;
	}
}

/* Ask by a query, page by page. */
static int fetch(struct ctl *c, const char *query, const struct hostlist *want, struct leases *out)
{
	const char *after = "0.0.0.0";
	char path[256];

	while (after) {
		struct answer *a;
		int rc;

		snprintf(path, sizeof path, LEASES_PATH "%s%cafter=%s", query, *query ? '&' : '?',
			after);
		out->pages = reallocarray(out->pages, out->n_pages + 1, sizeof *out->pages);
		if (!out->pages)
			errx(CTL_FAILED, "out of memory");
		a = &out->pages[out->n_pages];
		rc = client_get(c, path, a);
		if (rc)
			return rc;
		out->n_pages++;
		keep_named(out, json_get(a->doc, "leases"), want);
		after = json_get_str(a->doc, "next", NULL);
	}
	return CTL_OK;
}

static bool is_named(const struct json *lease, const char *word)
{
	return !strcasecmp(json_get_str(lease, "host", ""), word) ||
	       !strcmp(json_get_str(lease, "addr", ""), word);
}

/* CTL_NOT_FOUND, naming them, for words that no lease answers to. */
static int missing(const struct hostlist *want, const struct leases *have)
{
	struct hostlist none = { 0 };
	char folded[400];
	int rc = CTL_OK;

	for (size_t i = 0; i < want->n; i++) {
		size_t k = 0;

		while (k < have->n && !is_named(have->nodes[k], want->names[i]))
			k++;
		if (k == have->n)
			hostlist_add_name(&none, want->names[i]);
	}
	if (none.n)
		rc = ctl_fail(
			CTL_NOT_FOUND, "no lease: %s", hostlist_fold(&none, folded, sizeof folded));
	hostlist_fini(&none);
	return rc;
}

/* The same for what stands on the command line; a selector may well select hosts without one. */
static int missing_words(
	int argc, char **argv, const struct hostlist *want, const struct leases *have)
{
	for (int i = 0; i < argc; i++) {
		if (hostlist_needs_known(argv[i]))
			return CTL_OK;
	}
	return missing(want, have);
}

/* ---- list, show ---- */

/* Append "?KEY=VALUE" or "&KEY=VALUE"; the value must not need encoding. */
static int add_query(struct ctl *c, char *query, size_t size, const char *key, const char *value)
{
	const size_t len = strlen(query);

	if (!*value || value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789./")])
		return ctl_usage(c, "--%s: '%s' is none", key, value);
	snprintf(query + len, size - len, "%c%s=%s", len ? '&' : '?', key, value);
	return CTL_OK;
}

int verb_lease_list(struct ctl *c, int argc, char **argv)
{
	struct hostlist names = { 0 };
	struct leases l = { 0 };
	char query[128] = "";
	int o, rc = CTL_OK;

	while (!rc && (o = getopt_long(argc, argv, "", list_options, NULL)) != -1) {
		if (o == OPT_STATE || o == OPT_SUBNET)
			rc = add_query(c, query, sizeof query, o == OPT_STATE ? "state" : "subnet",
				optarg);
		else
			rc = ctl_usage(c, NULL);
	}
	if (!rc)
		rc = hosts_resolve(c, argc - optind, argv + optind, &names);
	if (!rc)
		rc = fetch(c, query, optind < argc ? &names : NULL, &l);
	if (!rc) {
		print_leases(c, l.nodes, l.n);
		rc = missing_words(argc - optind, argv + optind, &names, &l);
	}
	leases_fini(&l);
	hostlist_fini(&names);
	return rc;
}

static int show_addr(struct ctl *c, const char *addr)
{
	struct answer a;
	char path[64];
	int rc;

	snprintf(path, sizeof path, LEASES_PATH "/%s", addr);
	rc = client_get(c, path, &a);
	if (rc)
		return rc;
	if (c->format == CTL_JSON)
		puts(a.text);
	else
		print_leases(c, (const struct json *const[]){ a.doc }, 1);
	answer_fini(&a);
	return CTL_OK;
}

int verb_lease_show(struct ctl *c, int argc, char **argv)
{
	if (argc != 2)
		return ctl_usage(c, "which address or host?");
	return is_addr(argv[1]) ? show_addr(c, argv[1]) : verb_lease_list(c, argc, argv);
}

/* ---- release ---- */

static int release_one(struct ctl *c, const char *addr, bool forget, bool dry_run)
{
	struct answer a = { 0 };
	char path[64];
	int rc;

	snprintf(path, sizeof path, LEASES_PATH "/%s%s%s%s", addr, forget || dry_run ? "?" : "",
		forget ? "forget=1&" : "", dry_run ? "dry_run=1" : "");
	rc = client_call(c, "DELETE", path, NULL, &a);
	answer_fini(&a);
	return rc;
}

/* Only what can be ended: held by somebody, or with --forget remembered. */
static void keep_ends(struct leases *l, bool forget)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (forget ? json_is_str(json_get(l->nodes[i], "mac")) : is_held(l->nodes[i]))
			l->nodes[n++] = l->nodes[i];
	}
	l->n = n;
}

static int confirm(const struct leases *l)
{
	const struct json *first = l->nodes[0];

	if (l->n > 1)
		return ctl_confirm(
			"End %zu leases, %s and others", l->n, json_get_str(first, "addr", "?"));
	return ctl_confirm("End the lease of %s (%s)", json_get_str(first, "addr", "?"),
		json_get_str(first, "host", json_get_str(first, "mac", "?")));
}

static int release_all(struct ctl *c, const struct leases *l, bool forget, bool dry_run)
{
	int first = CTL_OK;

	for (size_t i = 0; i < l->n && first != CTL_UNREACHABLE; i++) {
		const char *addr = json_get_str(l->nodes[i], "addr", "");
		int rc = release_one(c, addr, forget, dry_run);

		if (!rc && !dry_run)
			printf("%s: %s\n", addr, forget ? "ended and forgotten" : "ended");
		else if (!first)
			first = rc;
	}
	return first;
}

int verb_lease_release(struct ctl *c, int argc, char **argv)
{
	bool forget = false, yes = false, dry_run = false;
	struct hostlist names = { 0 };
	struct leases l = { 0 };
	int o, rc;

	while ((o = getopt_long(argc, argv, "", release_options, NULL)) != -1) {
		if (o == '?')
			return ctl_usage(c, NULL);
		forget = forget || o == OPT_FORGET;
		yes = yes || o == OPT_YES;
		dry_run = dry_run || o == OPT_DRY_RUN;
	}
	if (optind == argc)
		return ctl_usage(c, "which address or host?");
	rc = hosts_resolve(c, argc - optind, argv + optind, &names);
	if (!rc)
		rc = fetch(c, "", &names, &l);
	if (!rc) {
		keep_ends(&l, forget);
		rc = missing_words(argc - optind, argv + optind, &names, &l);
	}
	if (!rc && dry_run)
		print_leases(c, l.nodes, l.n);
	if (!rc && !dry_run && l.n && !yes)
		rc = confirm(&l);
	if (!rc)
		rc = release_all(c, &l, forget, dry_run);
	leases_fini(&l);
	hostlist_fini(&names);
	return rc;
}
