/* verb_diff.c: `muster host diff`: what has changed of machines, and at which boot. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"
#include "server/loop.h"

static const struct column columns[] = {
	{ "HOST", COL_LEFT, COL_ALWAYS },
	{ "BOOT", COL_RIGHT, COL_ALWAYS },
	{ "AGO", COL_RIGHT, COL_ALWAYS },
	{ "CHANGE", COL_LEFT, COL_ALWAYS },
};

/* The rows of one boot: a change each. */
static void put_diff(struct table *t, const char *host, const struct json *diff)
{
	const struct json *changes = json_get(diff, "changes");
	const int64_t at = json_get_int(diff, "at", 0), left = json_get_int(diff, "left_out", 0);
	char boot[FORMAT_MAX], age[FORMAT_MAX], exact[FORMAT_MAX], more[48];

	format_count((uint64_t)json_get_int(diff, "boot", 0), boot);
	snprintf(exact, sizeof exact, "%" PRId64, at);
	format_age((int64_t)now_wall_ms() - at, age);
	snprintf(more, sizeof more, "and %" PRId64 " more", left);
	for (size_t i = 0; i < json_len(changes) + (left > 0); i++) {
		table_cell(t, host, NULL);
		table_cell(t, boot, NULL);
		table_cell(t, age, exact);
		table_cell(
			t, i < json_len(changes) ? json_str(json_at(changes, i), "?") : more, NULL);
	}
}

/* "17" or "17,19". */
static bool is_boot(const char *s)
{
	return *s && !s[strspn(s, "0123456789")] && strlen(s) < 19;
}

static int add_host(
	struct ctl *c, struct table *t, const char *host, const char *from, const char *to)
{
	struct answer a = { 0 };
	const struct json *diffs;
	char path[200];
	int rc;

	snprintf(path, sizeof path,
		from ? "/api/v1/hosts/%s/diff?from=%s&to=%s" : "/api/v1/hosts/%s/diff", host, from,
		to);
	rc = client_get(c, path, &a);
	if (rc)
		return rc;
	diffs = json_get(a.doc, "diffs");
	for (size_t i = 0; i < json_len(diffs); i++)
		put_diff(t, host, json_at(diffs, i));
	if (c->format == CTL_JSON)
		puts(a.text);
	answer_fini(&a);
	return CTL_OK;
}

int verb_host_diff(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "boots", required_argument, NULL, 'b' }, { 0 } };
	const char *from = NULL, *to = NULL;
	struct hostlist names = { 0 };
	struct table t;
	int o, rc;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'b')
			return ctl_usage(c, NULL);
		from = optarg;
		to = optind < argc ? argv[optind++] : "";
		if (!is_boot(from) || !is_boot(to))
			return ctl_usage(c, "--boots takes the numbers of two boots");
	}
	if (optind == argc)
		return ctl_usage(c, "which host?");
	rc = hosts_resolve(c, argc - optind, argv + optind, &names);
	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; !rc && i < names.n; i++)
		rc = add_host(c, &t, names.names[i], from, to);
	if (!rc && c->format != CTL_JSON) {
		if (!t.n_cells && c->format == CTL_TABLE)
			puts("nothing has changed");
		else
			table_print(&t);
	}
	table_fini(&t);
	hostlist_fini(&names);
	return rc;
}
