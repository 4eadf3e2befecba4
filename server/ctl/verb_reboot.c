/* verb_reboot.c: `muster host reboot`: ask hosts that run to start anew. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/hosts.h"
#include "server/ctl/verbs.h"

#define FOLDED_MAX  400
#define REASONS_MAX 8 /* that are told apart: the last stands for all further ones */

struct wish {
	const char *why;
	bool yes, dry_run, undo;
};

/* Why some hosts were not asked: the same code is the same sentence but for the name. */
struct reason {
	char code[32], detail[256], hint[256];
	struct hostlist hosts;
};

struct outcome {
	struct hostlist done;
	struct reason reasons[REASONS_MAX];
	size_t n;
	int rc; /* of the first that was not asked */
};

static void note_reason(struct outcome *o, const char *name, const struct answer *a)
{
	const char *code = json_get_str(a->doc, "code", "?");
	struct reason *r = o->reasons;

	while (r < o->reasons + o->n && strcmp(r->code, code) && r < &o->reasons[REASONS_MAX - 1])
		r++;
	if (r == o->reasons + o->n) {
		o->n++;
		snprintf(r->code, sizeof r->code, "%s", code);
		snprintf(r->detail, sizeof r->detail, "%s",
			json_get_str(a->doc, "detail", "the server does not say why"));
		snprintf(r->hint, sizeof r->hint, "%s", json_get_str(a->doc, "hint", ""));
	}
	hostlist_add_name(&r->hosts, name);
	if (!o->rc)
		o->rc = client_exit(a);
}

/* One host. Anything but CTL_OK: no use to go on. */
static int ask_one(struct ctl *c, const struct wish *w, const char *name, struct outcome *o)
{
	char path[128];
	struct answer a = { 0 };
	struct jw body = { 0 };
	int rc;

	snprintf(path, sizeof path, "/api/v1/hosts/%s/reboot%s", name,
		w->dry_run ? "?dry_run=1" : "");
	jw_obj(&body, NULL);
	if (w->why)
		jw_str(&body, "reason", w->why);
	jw_end_obj(&body);
	rc = body.bad ? ctl_fail(CTL_FAILED, "out of memory")
		      : client_ask(c, w->undo ? "DELETE" : "POST", path, body.buf, &a);
	jw_fini(&body);
	if (rc)
		return rc;
	if (a.status / 100 == 2)
		hostlist_add_name(&o->done, name);
	else
		note_reason(o, name, &a);
	answer_fini(&a);
	return CTL_OK;
}

/* ---- what came of it ---- */

static int print_json(const struct outcome *o)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_arr(&w, "asked");
	for (size_t i = 0; i < o->done.n; i++)
		jw_str(&w, NULL, o->done.names[i]);
	jw_end_arr(&w);
	jw_arr(&w, "not_asked");
	for (size_t i = 0; i < o->n; i++) {
		for (size_t k = 0; k < o->reasons[i].hosts.n; k++) {
			jw_obj(&w, NULL);
			jw_str(&w, "host", o->reasons[i].hosts.names[k]);
			jw_str(&w, "code", o->reasons[i].code);
			jw_str(&w, "hint", o->reasons[i].hint);
			jw_end_obj(&w);
		}
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	return ctl_print_json(&w);
}

static void say(struct outcome *o, const struct wish *w)
{
	static const char *const did[2][2] = {
		{ "asked to start anew; a host hears of it within half a minute",
			"would be asked to start anew" },
		{ "withdrawn", "would be withdrawn" },
	};
	char folded[FOLDED_MAX];

	if (o->done.n)
		printf("%s: %s\n", hostlist_fold(&o->done, folded, sizeof folded),
			did[w->undo][w->dry_run]);
	fflush(stdout);
	for (size_t i = 0; i < o->n; i++) {
		struct reason *r = &o->reasons[i];

		hostlist_fold(&r->hosts, folded, sizeof folded);
		ctl_fail(CTL_CONFLICT, "%s: not %s (%s): %s", folded,
			w->undo ? "withdrawn" : "asked", r->code, r->detail);
		if (r->hint[0])
			ctl_hint("%s", r->hint);
	}
}

static void outcome_fini(struct outcome *o)
{
	hostlist_fini(&o->done);
	for (size_t i = 0; i < o->n; i++)
		hostlist_fini(&o->reasons[i].hosts);
}

static int ask_all(struct ctl *c, const struct wish *w, const struct hostlist *names)
{
	struct outcome o = { 0 };
	int rc = CTL_OK;

	for (size_t i = 0; !rc && i < names->n; i++)
		rc = ask_one(c, w, names->names[i], &o);
	if (c->format == CTL_JSON && !rc)
		rc = print_json(&o);
	else
		say(&o, w);
	outcome_fini(&o);
	return rc ? rc : o.rc;
}

/* ---- the command ---- */

static int parse(struct ctl *c, int argc, char **argv, struct wish *w, struct hostlist *names)
{
	static const struct option options[] = {
		{ "reason", required_argument, NULL, 'r' },
		{ "yes", no_argument, NULL, 'y' },
		{ "undo", no_argument, NULL, 'u' },
		{ "dry-run", no_argument, NULL, 'd' },
		{ 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return ctl_usage(c, NULL);
		w->why = o == 'r' ? optarg : w->why;
		w->yes = w->yes || o == 'y';
		w->undo = w->undo || o == 'u';
		w->dry_run = w->dry_run || o == 'd';
	}
	if (optind == argc)
		return ctl_usage(c, "which hosts?");
	return hosts_resolve(c, argc - optind, argv + optind, names);
}

static int confirm(struct hostlist *names)
{
	char folded[FOLDED_MAX];

	return ctl_confirm("Reboot %zu host%s, %s, and end the guests there", names->n,
		names->n == 1 ? "" : "s", hostlist_fold(names, folded, sizeof folded));
}

int verb_host_reboot(struct ctl *c, int argc, char **argv)
{
	struct wish w = { 0 };
	struct hostlist names = { 0 };
	int rc = parse(c, argc, argv, &w, &names);

	if (!rc && names.n && !w.yes && !w.dry_run && !w.undo)
		rc = confirm(&names);
	if (!rc)
		rc = ask_all(c, &w, &names);
	hostlist_fini(&names);
	return rc;
}
