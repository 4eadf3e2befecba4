/* verb_doctor.c: `muster doctor`: ask the server about itself and say what doctor.h finds. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

#include "server/bytes.h"
#include "server/ctl/audit_damage.h"
#include "server/ctl/client.h"
#include "server/ctl/doctor.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/key.h"
#include "server/ctl/snippet.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"
#include "server/loop.h"

#define PROBE_MS 4000 /* some DHCP servers wait 3 s for an echo before they offer */

enum { OPT_QUICK = 256, OPT_SNIPPET };

static const struct option options[] = {
	{ "quick", no_argument, NULL, OPT_QUICK },
	{ "snippet", required_argument, NULL, OPT_SNIPPET },
	{ 0 },
};

/* What nobody can see from here. */
static const char always[] =
	"Without UEFI Secure Boot and a key of your own in the firmware, whoever answers DHCP first\n"
	"owns the host: none of these checks helps against that.\n";

/* ---- showing ---- */

static void print_json(const struct doctor_findings *f)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "worst", doctor_result_name(f->worst));
	jw_arr(&w, "checks");
	for (size_t i = 0; i < f->n; i++) {
		jw_obj(&w, NULL);
		jw_str(&w, "check", f->of[i].check);
		jw_str(&w, "result", doctor_result_name(f->of[i].result));
		jw_str(&w, "text", f->of[i].text);
		jw_str(&w, "fix", *f->of[i].fix ? f->of[i].fix : NULL);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	if (!w.bad)
		puts(w.buf);
	jw_fini(&w);
}

/* People read the fix below what it is for: beside it, the lines would be too long. */
static void print_people(const struct ctl *c, const struct doctor_findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		printf("%-4s  %-13s  ", doctor_result_name(f->of[i].result), f->of[i].check);
		print_wrapped(c, f->of[i].text, 21);
		if (!f->of[i].fix[0])
			continue;
		printf("%21s-> ", "");
		print_wrapped(c, f->of[i].fix, 24);
	}
	printf("\n%s", always);
}

static void print_csv(const struct ctl *c, const struct doctor_findings *f)
{
	static const struct column columns[] = {
		{ "CHECK", COL_LEFT, COL_ALWAYS },
		{ "RESULT", COL_LEFT, COL_ALWAYS },
		{ "TEXT", COL_LEFT, COL_ALWAYS },
		{ "FIX", COL_LEFT, COL_ALWAYS },
	};
	struct table t;

	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < f->n; i++) {
		if (c->format == CTL_NAME && f->of[i].result == DOCTOR_OK)
			continue; /* names of what is to be mended */
		table_cell(&t, f->of[i].check, NULL);
		table_cell(&t, doctor_result_name(f->of[i].result), NULL);
		table_cell(&t, f->of[i].text, NULL);
		table_cell(&t, f->of[i].fix, NULL);
	}
	table_print(&t);
	table_fini(&t);
}

static int print_findings(const struct ctl *c, const struct doctor_findings *f)
{
	if (c->format == CTL_JSON)
		print_json(f);
	else if (c->format == CTL_CSV || c->format == CTL_NAME)
		print_csv(c, f);
	else
		print_people(c, f);
	return f->worst == DOCTOR_FAIL ? CTL_FAILED : CTL_OK;
}

/* ---- asking ---- */

/* Make silent DHCP servers speak; whatever comes of it, the list then says what was heard. */
static void probe(struct ctl *c)
{
	struct answer a;

	if (client_ask(c, "POST", "/api/v1/dhcp/probe", "{}", &a))
		return;
	if (a.status == 202)
		ctl_pause(PROBE_MS);
	answer_fini(&a);
}

/* No document when this server cannot tell. */
static int ask(struct ctl *c, const char *path, struct answer *out)
{
	int rc = client_ask(c, "GET", path, NULL, out);

	if (!rc && out->status != 200)
		answer_fini(out);
	return rc;
}

/* Is the clock of this machine kept by somebody? */
static enum doctor_clock clock_here(void)
{
	struct timex t = { 0 };

	return adjtimex(&t) < 0	       ? DOCTOR_CLOCK_UNKNOWN
	       : t.status & STA_UNSYNC ? DOCTOR_CLOCK_ALONE
				       : DOCTOR_CLOCK_SYNCED;
}

static int examine(struct ctl *c, const struct json *setup, bool quick)
{
	static struct doctor_findings findings;
	struct doctor_input in = { .setup = setup, .secret_here = "" };
	static const char *const paths[] = { "/api/v1/dhcp/servers", "/api/v1/roots",
		"/api/v1/channels", "/api/v1/images", "/api/v1/rules", "/api/v1/status",
		"/api/v1/tokens" };
	const struct json **const docs[] = { &in.servers, &in.roots, &in.channels, &in.images,
		&in.rules, &in.status, &in.tokens };
	struct answer answers[ARRAY_LEN(paths)] = { 0 };
	struct hosts hosts = { 0 };
	char audit[DOCTOR_TEXT_MAX], dir[PATH_MAX], secrets[DOCTOR_TEXT_MAX];
	int rc = CTL_OK;

	if (!quick)
		probe(c);
	for (size_t i = 0; !rc && i < ARRAY_LEN(paths); i++) {
		rc = ask(c, paths[i], &answers[i]);
		*docs[i] = answers[i].doc;
	}
	if (rc)
		goto out;
	rc = audit_damage(c, audit, sizeof audit);
	if (rc)
		goto out;
	in.audit = audit;
	hosts_brief(c, NULL, &hosts);
	in.hosts = hosts.nodes;
	in.n_hosts = hosts.n;
	in.now_ms = (int64_t)now_wall_ms();
	if (!c->url) { /* this machine is the server */
		key_secrets(dir, secrets, sizeof secrets);
		in.keys_here = dir;
		in.clock = clock_here();
		in.secret_here = secrets;
	}
	doctor_examine(&in, &findings);
	rc = print_findings(c, &findings);
out:
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		answer_fini(&answers[i]);
	hosts_fini(&hosts);
	return rc;
}

static int print_snippet(const struct json *setup, const char *name)
{
	const char *url = json_get_str(json_get(setup, "boot"), "url", "");
	char text[SNIPPET_MAX];

	if (snippet_render(name, url, text, sizeof text) < 0)
		return ctl_fail(CTL_FAILED, "'%s' is no address to tell another server", url);
	fputs(text, stdout);
	return CTL_OK;
}

/* Nothing can be said about a server that does not answer but that. */
static int no_server(const struct ctl *c)
{
	static struct doctor_findings f = { .n = 1, .worst = DOCTOR_FAIL };

	f.of[0] = (struct doctor_finding){ DOCTOR_FAIL, "server", "it does not answer",
		"systemctl status musterd; musterd -T says what it needs" };
	return print_findings(c, &f);
}

int verb_doctor(struct ctl *c, int argc, char **argv)
{
	const char *snippet = NULL;
	bool quick = false;
	struct answer setup;
	char text[SNIPPET_MAX];
	int o, rc;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return ctl_usage(c, NULL);
		quick = quick || o == OPT_QUICK;
		snippet = o == OPT_SNIPPET ? optarg : snippet;
	}
	if (optind < argc)
		return ctl_usage(c, "'%s' is too much", argv[optind]);
	if (snippet && snippet_render(snippet, "http://0.0.0.0", text, sizeof text) < 0)
		return ctl_usage(c, "--snippet takes one of: %s", snippet_names);
	rc = client_get(c, "/api/v1/setup", &setup);
	if (rc == CTL_UNREACHABLE && !snippet)
		return no_server(c);
	if (rc)
		return rc;
	rc = snippet ? print_snippet(setup.doc, snippet) : examine(c, setup.doc, quick);
	answer_fini(&setup);
	return rc;
}
