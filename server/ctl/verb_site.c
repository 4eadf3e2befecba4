/* verb_site.c: `muster export`, `muster apply`, `muster host import`: the site as a file. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"
#include "server/ctl/batch.h"
#include "server/ctl/csv.h"
#include "server/ctl/hosts.h"
#include "server/ctl/site.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"

#define ASK_ABOVE 10 /* hosts and rules that change */

/* What the server says now. */
struct state {
	struct hosts hosts;
	struct answer rules, profiles;
};

static int ask_state(struct ctl *c, struct state *s)
{
	int rc = hosts_fetch(c, NULL, &s->hosts);

	if (!rc)
		rc = client_get(c, "/api/v1/rules", &s->rules);
	return rc ? rc : client_get(c, "/api/v1/profiles", &s->profiles);
}

static void state_fini(struct state *s)
{
	hosts_fini(&s->hosts);
	answer_fini(&s->rules);
	answer_fini(&s->profiles);
}

static struct site_is is_now(const struct state *s)
{
	return (struct site_is){ s->hosts.nodes, s->hosts.n, json_get(s->rules.doc, "rules"),
		json_get(s->profiles.doc, "profiles") };
}

/* ---- export ---- */

static int write_out(const char *file, const struct jw *w)
{
	FILE *f = file ? fopen(file, "we") : stdout;
	int rc = f ? fprintf(f, "%s\n", w->buf) : -1;

	if (f && f != stdout && fclose(f) < 0)
		rc = -1;
	return rc < 0 ? ctl_fail(CTL_FAILED, "%s: %s", file ? file : "standard output",
				strerror(errno))
		      : CTL_OK;
}

int verb_export(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' }, { 0 } };
	struct jw compact = { 0 }, pretty = { 0 };
	struct state s = { 0 };
	struct json *doc = NULL;
	bool all = false;
	char err[120];
	int o, rc;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'a')
			return ctl_usage(c, NULL);
		all = true;
	}
	if (argc - optind > 1)
		return ctl_usage(c, "one file, or none for standard output");
	rc = ask_state(c, &s);
	if (!rc) {
		const struct site_is is = is_now(&s);

		site_export(&is, all, &compact);
		doc = compact.bad ? NULL : json_read(compact.buf, compact.len, err, sizeof err);
		site_print(doc, &pretty);
		rc = !doc || pretty.bad ? ctl_fail(CTL_FAILED, "out of memory")
					: write_out(argv[optind], &pretty);
	}
	json_free(doc);
	jw_fini(&compact);
	jw_fini(&pretty);
	state_fini(&s);
	return rc;
}

/* ---- a plan ---- */

static void print_plan(const struct ctl *c, const struct site_plan *p)
{
	static const struct column columns[] = {
		{ "PLAN", COL_LEFT, COL_ALWAYS },
		{ "OF", COL_LEFT, COL_ALWAYS },
		{ "WHAT", COL_LEFT, COL_ALWAYS },
		{ "OLD", COL_LEFT, COL_ALWAYS },
		{ "NEW", COL_LEFT, COL_ALWAYS },
	};
	static const char *const words[] = { "add", "change", "remove" };
	struct table t;

	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < p->n; i++) {
		const struct site_row *r = &p->rows[i];

		table_cell(&t, words[r->what], NULL);
		table_cell(&t, r->object, NULL);
		table_cell(&t, *r->key ? r->key : "-", r->key);
		table_cell(&t, r->old ? r->old : "-", NULL);
		table_cell(&t, r->new ? r->new : "-", NULL);
	}
	table_print(&t);
	table_fini(&t);
}

static void print_plan_json(const struct site_plan *p)
{
	static const char *const words[] = { "add", "change", "remove" };
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_arr(&w, "plan");
	for (size_t i = 0; i < p->n; i++) {
		const struct site_row *r = &p->rows[i];

		jw_obj(&w, NULL);
		jw_str(&w, "what", words[r->what]);
		jw_str(&w, "of", r->object);
		jw_str(&w, "key", *r->key ? r->key : NULL);
		jw_str(&w, "old", r->old);
		jw_str(&w, "new", r->new);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	ctl_print_json(&w);
}

struct how {
	bool dry_run, prune, yes;
};

/* Say what will be, have the server try it, ask, and do it. */
static int carry_out(struct ctl *c, const struct site_plan *p, const struct how *how)
{
	int rc;

	if (c->format == CTL_JSON)
		print_plan_json(p);
	else if (p->n)
		print_plan(c, p);
	else if (c->format == CTL_TABLE)
		puts("nothing is to be done");
	if (!p->n_calls)
		return CTL_OK;
	rc = batch_send(c, p->calls, p->n_calls, true);
	if (rc || how->dry_run)
		return rc;
	if (!how->yes && (p->removed || p->n_calls > ASK_ABOVE)) {
		rc = ctl_confirm(
			"%zu changes, %zu of them remove something. Go on", p->n_calls, p->removed);
		if (rc)
			return rc;
	}
	return batch_send(c, p->calls, p->n_calls, false);
}

/* Make the server as the document says. */
static int apply_doc(struct ctl *c, const char *file, const struct json *doc, const struct how *how)
{
	struct site_plan plan = { 0 };
	struct state s = { 0 };
	char err[300];
	int rc = ask_state(c, &s);

	if (!rc) {
		const struct site_is is = is_now(&s);

		if (site_compare(doc, &is, how->prune, &plan, err, sizeof err) < 0)
			rc = ctl_fail(CTL_FAILED, "%s: %s", file, err);
	}
	if (!rc)
		rc = carry_out(c, &plan, how);
	site_fini(&plan);
	state_fini(&s);
	return rc;
}

static const struct option how_options[] = {
	{ "file", required_argument, NULL, 'f' },
	{ "prune", no_argument, NULL, 'p' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "yes", no_argument, NULL, 'y' },
	{ 0 },
};

static int parse_how(struct ctl *c, int argc, char **argv, struct how *how, const char **file)
{
	int o;

	while ((o = getopt_long(argc, argv, "f:", how_options, NULL)) != -1) {
		switch (o) {
		case 'f':
			*file = optarg;
			break;
		case 'p':
			how->prune = true;
			break;
		case 'n':
			how->dry_run = true;
			break;
		case 'y':
			how->yes = true;
			break;
		default:
			return ctl_usage(c, NULL);
		}
	}
	if (!*file && optind < argc)
		*file = argv[optind++];
	if (!*file || optind < argc)
		return ctl_usage(c, "which file? One");
	return CTL_OK;
}

int verb_apply(struct ctl *c, int argc, char **argv)
{
	struct how how = { 0 };
	const char *file = NULL;
	struct json *doc;
	char *text, err[120] = "";
	size_t len;
	int rc = parse_how(c, argc, argv, &how, &file);

	if (rc)
		return rc;
	text = batch_file(file, &len);
	if (!text)
		return CTL_FAILED;
	doc = json_read(text, len, err, sizeof err);
	if (json_is_object(doc))
		rc = apply_doc(c, file, doc, &how);
	else
		rc = ctl_fail(CTL_FAILED, "%s: %s", file, doc ? "it is no JSON object" : err);
	json_free(doc);
	free(text);
	return rc;
}

/* ---- a spreadsheet of hosts ---- */

/* Columns, and what `host list -o csv` has beside them, which is learned. */
static const char *const columns[] = { "name", "macs", "serial", "uuid", "client_id", "circuit",
	"reserved", "ip", "admitted", "image", "channel", "profile", "labels", "mac", NULL };
static const char *const learned[] = { "stage", "pinned", "address", "boot", "seen", "vendor",
	"product", "why", "reboot", NULL };

static bool is_in(const char *word, const char *const *list)
{
	while (*list && strcmp(*list, word))
		list++;
	return *list != NULL;
}

static void put_list(struct jw *w, const char *key, char *cell)
{
	char *rest = cell;

	jw_arr(w, key);
	for (char *word = strtok_r(cell, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		jw_str(w, NULL, word);
	jw_end_arr(w);
}

/* "rack=r3 gpu" */
static void put_label_cell(struct jw *w, char *cell)
{
	char *rest = cell;

	jw_obj(w, "labels");
	for (char *word = strtok_r(cell, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *equals = strchr(word, '=');

		if (equals)
			*equals = 0;
		jw_str(w, word, equals ? equals + 1 : "");
	}
	jw_end_obj(w);
}

/* One cell: nothing in it changes nothing, "-" takes away. */
static void put_cell(struct jw *w, const char *col, const char *text)
{
	char *cell = strdup(text);

	w->bad |= !cell;
	if (!cell || !*cell || !strcmp(col, "name") || is_in(col, learned)) {
		free(cell);
		return;
	}
	if (!strcmp(col, "mac"))
		col = "macs";
	if (!strcmp(col, "reserved"))
		col = "ip";
	if (!strcmp(col, "labels"))
		put_label_cell(w, strcmp(cell, "-") ? cell : cell + 1);
	else if (!strcmp(col, "macs"))
		put_list(w, col, cell);
	else if (!strcmp(col, "admitted"))
		jw_bool(w, col, !strcasecmp(cell, "yes"));
	else
		jw_str(w, col, strcmp(cell, "-") ? cell : NULL);
	free(cell);
}

static int check_columns(const char *file, const struct csv *csv)
{
	for (size_t i = 0; i < csv->n_cols; i++) {
		if (*csv->cols[i] && !is_in(csv->cols[i], columns) && !is_in(csv->cols[i], learned))
			return ctl_fail(
				CTL_FAILED, "%s: there is no column '%s'", file, csv->cols[i]);
	}
	return CTL_OK;
}

/* The document of the rows; json_free it. NULL, having said why. */
static struct json *doc_of(const char *file, const struct csv *csv)
{
	struct jw w = { 0 };
	struct json *doc;
	char err[160] = "out of memory";

	jw_obj(&w, NULL);
	jw_int(&w, "muster", 1);
	jw_obj(&w, "hosts");
	for (size_t i = 0; i < csv->n_rows; i++) {
		const char *name = csv_cell(csv, i, "name");

		if (!name || !*name) {
			jw_fini(&w);
			ctl_fail(CTL_FAILED, "%s: line %u: a host has a name", file, csv->lines[i]);
			return NULL;
		}
		jw_obj(&w, name);
		for (size_t k = 0; k < csv->n_cols; k++)
			put_cell(&w, csv->cols[k], csv->cells[i * csv->n_cols + k]);
		jw_end_obj(&w);
	}
	jw_end_obj(&w);
	jw_end_obj(&w);
	doc = w.bad ? NULL : json_read(w.buf, w.len, err, sizeof err);
	jw_fini(&w);
	if (!doc)
		ctl_fail(CTL_FAILED, "%s: %s", file, err);
	return doc;
}

int verb_host_import(struct ctl *c, int argc, char **argv)
{
	struct how how = { 0 };
	const char *file = NULL;
	struct csv csv = { 0 };
	struct json *doc = NULL;
	char *text, err[160] = "out of memory";
	size_t len;
	int rc = parse_how(c, argc, argv, &how, &file);

	if (!rc && how.prune)
		rc = ctl_usage(c, "a spreadsheet removes nothing");
	if (rc)
		return rc;
	text = batch_file(file, &len);
	if (!text)
		return CTL_FAILED;
	if (csv_read(text, len, columns, &csv, err, sizeof err) < 0)
		rc = ctl_fail(CTL_FAILED, "%s: %s", file, err);
	else
		rc = check_columns(file, &csv);
	if (!rc && csv_twice(&csv, "name", err, sizeof err))
		rc = ctl_fail(CTL_FAILED, "%s: %s", file, err);
	if (!rc) {
		doc = doc_of(file, &csv);
		rc = doc ? apply_doc(c, file, doc, &how) : CTL_FAILED;
	}
	json_free(doc);
	csv_fini(&csv);
	free(text);
	return rc;
}
