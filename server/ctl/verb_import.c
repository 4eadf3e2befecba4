/*
 * verb_import.c: `muster lease import`. The file is read as a whole, then the server judges every
 * row without changing anything; only when all are good are they sent a second time, to be done.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/client.h"
#include "server/ctl/format.h"
#include "server/ctl/import.h"
#include "server/ctl/table.h"
#include "server/ctl/text.h"
#include "server/ctl/verbs.h"

#define IMPORT_PATH    "/api/v1/hosts/import"
#define FILE_MAX_BYTES (256u << 20)
#define BATCH_ROWS     256   /* what the server takes at once: rows ... */
#define BATCH_BYTES    60000 /* ... and bytes: one more row still fits into the 64 KiB of a body */
#define SHOWN_MAX      20    /* rows that are not good, without --dry-run */

enum verdict { ROW_SAME, ROW_ADD, ROW_CHANGE, ROW_CONFLICT, ROW_BAD, VERDICTS };

static const char *const verdicts[VERDICTS] = { "same", "add", "change", "conflict", "bad" };

/* What the server said of a row. */
struct outcome {
	enum verdict verdict;
	char *host, *text; /* allocated; what changes, or why not */
};

struct job {
	struct ctl *c;
	const char *file;
	struct import im;
	struct outcome *outcomes; /* one for each row */
	size_t n[VERDICTS];
};

static const struct option options[] = {
	{ "from", required_argument, NULL, 'f' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "yes", no_argument, NULL, 'y' },
	{ 0 },
};

static void *must(void *p)
{
	if (!p)
		errx(CTL_FAILED, "out of memory");
	return p;
}

/* ---- the file ---- */

static int read_stream(const char *name, FILE *f, char **out, size_t *out_len)
{
	size_t size = 64 * 1024, len = 0;
	char *text = must(malloc(size));

	for (;;) {
		len += fread(text + len, 1, size - len, f);
		if (len < size)
			break;
		if (size > FILE_MAX_BYTES) {
			free(text);
			return ctl_fail(CTL_FAILED, "%s is too long", name);
		}
		size *= 2;
		text = must(realloc(text, size));
	}
	if (ferror(f)) {
		free(text);
		return ctl_fail(CTL_FAILED, "%s: %s", name, strerror(errno));
	}
	*out = text;
	*out_len = len;
	return CTL_OK;
}

static int read_file(const char *name, char **out, size_t *out_len)
{
	FILE *f = strcmp(name, "-") ? fopen(name, "re") : stdin;
	int rc;

	if (!f)
		return ctl_fail(CTL_FAILED, "%s: %s", name, strerror(errno));
	rc = read_stream(name, f, out, out_len);
	if (f != stdin)
		fclose(f);
	return rc;
}

static void say_line(const struct job *j, unsigned line, const char *text)
{
	char *s;

	if (asprintf(&s, "%s:%u: %s", j->file, line, text) < 0)
		errx(CTL_FAILED, "out of memory");
	fprintf(stderr, "%s\n", format_clean(s));
	free(s);
}

static int parse(struct job *j, int format, const char *text, size_t len)
{
	int rc;

	if (format < 0)
		format = import_guess(text, len);
	if (format < 0) {
		rc = ctl_fail(CTL_FAILED, "%s looks like none of dnsmasq, isc, kea, csv", j->file);
		ctl_hint("--from FORMAT says what it is");
		return rc;
	}
	rc = import_parse(&j->im, (enum import_format)format, text, len);
	if (rc == -ENOMEM)
		errx(CTL_FAILED, "out of memory");
	for (size_t i = 0; i < j->im.n_notes; i++)
		say_line(j, j->im.notes[i].line, j->im.notes[i].text);
	if (rc < 0)
		return ctl_fail(CTL_FAILED, "%s:%u: %s; nothing was changed", j->file,
			j->im.err_line, j->im.err);
	return CTL_OK;
}

/* ---- rows for the server ---- */

static void put_ip(struct jw *w, uint32_t ip)
{
	char text[16];

	snprintf(text, sizeof text, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255,
		ip & 255);
	jw_str(w, "ip", text);
}

static void put_row(struct jw *w, const struct import_row *r)
{
	char mac[HOST_MAC_TEXT], uuid[HOST_UUID_TEXT];

	jw_obj(w, NULL);
	jw_arr(w, "macs");
	for (size_t i = 0; i < r->n_macs; i++) {
		host_mac_print(r->macs[i], mac);
		jw_str(w, NULL, mac);
	}
	jw_end_arr(w);
	if (*r->name)
		jw_str(w, "name", r->name);
	if (r->ip)
		put_ip(w, r->ip);
	if (r->has_uuid) {
		host_uuid_print(r->uuid, uuid);
		jw_str(w, "uuid", uuid);
	}
	if (*r->serial)
		jw_str(w, "serial", r->serial);
	if (r->client_id)
		jw_str(w, "client_id", r->client_id);
	if (r->circuit)
		jw_str(w, "circuit", r->circuit);
	jw_end_obj(w);
}

/* The body of one request with the rows from `first` on; returns how many they are. */
static size_t put_batch(const struct job *j, size_t first, struct jw *w)
{
	size_t n = 0;

	jw_obj(w, NULL);
	jw_arr(w, "rows");
	while (n < BATCH_ROWS && first + n < j->im.n_rows && w->len < BATCH_BYTES)
		put_row(w, &j->im.rows[first + n++]);
	jw_end_arr(w);
	jw_end_obj(w);
	if (w->bad)
		errx(CTL_FAILED, "out of memory");
	return n;
}

/* ---- what the server says ---- */

/* "ip 10.0.0.5 -> 10.0.0.9, name n1" */
static char *changes_text(const struct json *changes)
{
	char buf[1024] = "";
	struct text t = { .out = buf, .size = sizeof buf };

	for (size_t i = 0; i < json_len(changes); i++) {
		const struct json *ch = json_at(changes, i);
		const char *old = json_get_str(ch, "old", "");

		text_put(&t, "%s%s %s%s%s", i ? ", " : "", json_get_str(ch, "key", ""), old,
			*old ? " -> " : "", json_get_str(ch, "new", "none"));
	}
	return must(strdup(buf));
}

static void set_outcome(struct outcome *o, enum verdict v, const char *host, char *text)
{
	free(o->host);
	free(o->text);
	*o = (struct outcome){ v, must(strdup(host)), text };
}

static int take_outcome(struct job *j, size_t row, const struct json *said)
{
	const char *what = json_get_str(said, "what", "");
	const char *why = json_get_str(said, "why", NULL);
	int v = 0;

	while (v < VERDICTS && strcmp(verdicts[v], what))
		v++;
	if (v == VERDICTS)
		return ctl_fail(CTL_FAILED, "the server said nothing of a row");
	set_outcome(&j->outcomes[row], (enum verdict)v, json_get_str(said, "host", ""),
		why ? must(strdup(why)) : changes_text(json_get(said, "changes")));
	return CTL_OK;
}

/* One request; *n is the number of its rows. CTL_CONFLICT: the server changed nothing. */
static int send_batch(struct job *j, size_t first, bool dry, size_t *n)
{
	struct jw w = { 0 };
	struct answer a = { 0 };
	const struct json *rows;
	int rc;

	*n = put_batch(j, first, &w);
	rc = client_ask(j->c, "POST", dry ? IMPORT_PATH "?dry_run=1" : IMPORT_PATH, w.buf, &a);
	jw_fini(&w);
	if (rc)
		return rc;
	rows = json_get(a.doc, "rows");
	if (!rows)
		rc = a.status / 100 == 2 ? ctl_fail(CTL_FAILED, "the server's answer has no rows")
					 : client_problem(&a);
	for (size_t i = 0; i < *n && !rc; i++)
		rc = take_outcome(j, first + i, json_at(rows, i));
	if (!rc && a.status == 409)
		rc = CTL_CONFLICT;
	answer_fini(&a);
	return rc;
}

/* What the file itself makes impossible, which no single request may show. */
static void mark_clashes(struct job *j)
{
	if (import_check(&j->im) < 0)
		errx(CTL_FAILED, "out of memory");
	for (size_t i = 0; i < j->im.n_rows; i++) {
		const struct import_row *r = &j->im.rows[i];
		char *text;

		if (!r->clash_what || j->outcomes[i].verdict >= ROW_CONFLICT)
			continue;
		if (asprintf(&text, "it has the %s of line %u", r->clash_what, r->clash_line) < 0)
			errx(CTL_FAILED, "out of memory");
		set_outcome(&j->outcomes[i], ROW_CONFLICT, r->name, text);
	}
}

static int judge(struct job *j)
{
	size_t n;
	int rc = CTL_OK;

	j->outcomes = must(calloc(j->im.n_rows + 1, sizeof *j->outcomes));
	for (size_t i = 0; i < j->im.n_rows && !rc; i += n)
		rc = send_batch(j, i, true, &n);
	if (rc)
		return rc;
	mark_clashes(j);
	for (size_t i = 0; i < j->im.n_rows; i++)
		j->n[j->outcomes[i].verdict]++;
	return CTL_OK;
}

/* ---- showing ---- */

static void outcome_row(struct table *t, const struct job *j, size_t i)
{
	const struct outcome *o = &j->outcomes[i];
	char line[16];

	snprintf(line, sizeof line, "%u", j->im.rows[i].line);
	table_cell(t, line, NULL);
	table_cell(t, verdicts[o->verdict], NULL);
	table_cell(t, *o->host ? o->host : "-", o->host);
	table_cell(t, *o->text ? o->text : "-", o->text);
}

static void print_json(const struct job *j)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_arr(&w, "rows");
	for (size_t i = 0; i < j->im.n_rows; i++) {
		jw_obj(&w, NULL);
		jw_int(&w, "line", j->im.rows[i].line);
		jw_str(&w, "what", verdicts[j->outcomes[i].verdict]);
		jw_str(&w, "host", *j->outcomes[i].host ? j->outcomes[i].host : NULL);
		jw_str(&w, "text", j->outcomes[i].text);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_arr(&w, "not_taken_over");
	for (size_t i = 0; i < j->im.n_notes; i++) {
		jw_obj(&w, NULL);
		jw_int(&w, "line", j->im.notes[i].line);
		jw_str(&w, "text", j->im.notes[i].text);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	if (!w.bad)
		puts(w.buf);
	jw_fini(&w);
}

static void print_all(const struct job *j)
{
	static const struct column columns[] = {
		{ "LINE", COL_RIGHT, COL_ALWAYS },
		{ "WHAT", COL_LEFT, COL_ALWAYS },
		{ "HOST", COL_LEFT, COL_ALWAYS },
		{ "CHANGE", COL_LEFT, COL_ALWAYS },
	};
	struct table t;

	if (j->c->format == CTL_JSON) {
		print_json(j);
		return;
	}
	table_init(&t, j->c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < j->im.n_rows; i++)
		outcome_row(&t, j, i);
	table_print(&t);
	table_fini(&t);
}

/* Name what is not good; CTL_OK when there is nothing. */
static int say_wrong(const struct job *j)
{
	const size_t wrong = j->n[ROW_CONFLICT] + j->n[ROW_BAD];
	size_t shown = 0;

	for (size_t i = 0; i < j->im.n_rows && shown < SHOWN_MAX; i++) {
		if (j->outcomes[i].verdict < ROW_CONFLICT)
			continue;
		say_line(j, j->im.rows[i].line, j->outcomes[i].text);
		shown++;
	}
	if (!wrong)
		return CTL_OK;
	ctl_fail(CTL_CONFLICT, "%zu of %zu rows are not good; nothing was changed", wrong,
		j->im.n_rows);
	if (wrong > shown)
		ctl_hint("--dry-run names all of them");
	return j->n[ROW_BAD] ? CTL_FAILED : CTL_CONFLICT;
}

/* ---- doing ---- */

static int apply(struct job *j)
{
	size_t n, i;
	int rc = CTL_OK;

	for (i = 0; i < j->im.n_rows && !rc; i += rc ? 0 : n)
		rc = send_batch(j, i, false, &n);
	if (!rc) {
		printf("%zu hosts added, %zu changed, %zu were the same already\n", j->n[ROW_ADD],
			j->n[ROW_CHANGE], j->n[ROW_SAME]);
		return CTL_OK;
	}
	for (size_t k = i; rc == CTL_CONFLICT && k < i + n; k++) {
		if (j->outcomes[k].verdict >= ROW_CONFLICT)
			say_line(j, j->im.rows[k].line, j->outcomes[k].text);
	}
	ctl_fail((enum ctl_exit)rc, "stopped: the first %zu of %zu rows are done", i, j->im.n_rows);
	ctl_hint("run it again when this is solved: what is done stays the same");
	return rc;
}

static int work(struct job *j, bool dry_run, bool yes)
{
	int rc = judge(j);

	if (rc)
		return rc;
	if (dry_run)
		print_all(j);
	rc = say_wrong(j);
	if (rc || dry_run)
		return rc;
	if (j->n[ROW_ADD] + j->n[ROW_CHANGE] && !yes)
		rc = ctl_confirm("Add %zu hosts and change %zu", j->n[ROW_ADD], j->n[ROW_CHANGE]);
	return rc ? rc : apply(j);
}

static void job_fini(struct job *j)
{
	for (size_t i = 0; j->outcomes && i < j->im.n_rows; i++) {
		free(j->outcomes[i].host);
		free(j->outcomes[i].text);
	}
	free(j->outcomes);
	import_fini(&j->im);
}

int verb_lease_import(struct ctl *c, int argc, char **argv)
{
	struct job j = { .c = c };
	bool dry_run = false, yes = false;
	char *text = NULL;
	size_t len = 0;
	int o, rc, format = -1;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return ctl_usage(c, NULL);
		if (o == 'f' && (format = import_format_of(optarg)) < 0)
			return ctl_usage(
				c, "--from: '%s' is none of dnsmasq, isc, kea, csv", optarg);
		dry_run = dry_run || o == 'n';
		yes = yes || o == 'y';
	}
	if (argc - optind != 1)
		return ctl_usage(c, "which file?");
	j.file = argv[optind];
	rc = read_file(j.file, &text, &len);
	if (!rc)
		rc = parse(&j, format, text, len);
	free(text);
	if (!rc)
		rc = work(&j, dry_run, yes);
	job_fini(&j);
	return rc;
}
