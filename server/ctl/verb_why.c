/* verb_why.c: `muster host why`: why hosts are not up, in a sentence each, with what it rests on.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db/host.h"
#include "server/bytes.h"
#include "server/ctl/client.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"

/* ---- for people ---- */

/* "11:03:21", with the date before it unless that is today; "now" for what has no time. */
static void print_when(int64_t at_ms)
{
	time_t at = (time_t)(at_ms / 1000), now = time(NULL);
	struct tm tm, today;
	char text[32] = "now";

	if (at_ms && localtime_r(&at, &tm) && localtime_r(&now, &today))
		strftime(text, sizeof text,
			tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year ? "%H:%M:%S"
										   : "%d %b %H:%M",
			&tm);
	printf("  %-12s  ", text);
}

static const char *color_of(const struct ctl *c, const char *state)
{
	if (!c->color)
		return "";
	return !strcmp(state, "up")	   ? "\033[1;32m"
	       : !strcmp(state, "booting") ? "\033[1;36m"
					   : "\033[1;31m";
}

static void print_people(const struct ctl *c, const struct json *why)
{
	const char *code = json_get_str(why, "code", "?"), *state = json_get_str(why, "state", "?");
	const struct json *evidence = json_get(why, "evidence");
	char source[16];

	printf("%s", color_of(c, state));
	print_wrapped(c, json_get_str(why, "sentence", ""), 0);
	printf("%s\n", c->color ? "\033[0m" : "");
	for (size_t i = 0; i < json_len(evidence); i++) {
		const struct json *e = json_at(evidence, i);

		print_when(json_get_int(e, "at", 0));
		snprintf(source, sizeof source, "%s", json_get_str(e, "source", ""));
		printf("%-5s  ", format_clean(source));
		print_wrapped(c, json_get_str(e, "text", ""), 23);
	}
	printf("%s  next: ", json_len(evidence) ? "\n" : "");
	print_wrapped(c, json_get_str(why, "next", ""), 8);
	printf("  code: %s%s%s\n", code, strcmp(code, state) ? ", " : "",
		strcmp(code, state) ? state : "");
}

/* ---- many hosts, machines ---- */

static const struct column columns[] = {
	{ "HOST", COL_LEFT, COL_ALWAYS },
	{ "STATE", COL_LEFT, COL_ALWAYS },
	{ "CODE", COL_LEFT, COL_ALWAYS },
	{ "WHY", COL_LEFT, COL_ALWAYS },
	{ "NEXT", COL_LEFT, COL_WIDE },
};

static void print_rows(const struct ctl *c, const struct answer *answers, size_t n)
{
	static const char *const keys[] = { "host", "state", "code", "sentence", "next" };
	struct table t;

	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < ARRAY_LEN(keys); k++)
			table_cell(&t, json_get_str(answers[i].doc, keys[k], ""), NULL);
	}
	table_print(&t);
	table_fini(&t);
}

static int print_json(const struct answer *answers, size_t n)
{
	struct jw w = { 0 };

	if (n == 1) {
		puts(answers[0].text);
		return CTL_OK;
	}
	jw_obj(&w, NULL);
	jw_arr(&w, "hosts");
	for (size_t i = 0; i < n; i++)
		jw_raw(&w, NULL, answers[i].text);
	jw_end_arr(&w);
	jw_end_obj(&w);
	return ctl_print_json(&w);
}

static int print_all(const struct ctl *c, const struct answer *answers, size_t n)
{
	if (c->format == CTL_JSON)
		return print_json(answers, n);
	if (n > 1 || (c->format != CTL_TABLE && c->format != CTL_WIDE))
		print_rows(c, answers, n);
	else if (n)
		print_people(c, answers[0].doc);
	return CTL_OK;
}

/* ---- the verb ---- */

static int exit_of(const struct json *why)
{
	const char *state = json_get_str(why, "state", "");

	if (!strcmp(state, "up") || !strcmp(state, "booting"))
		return CTL_OK;
	return strcmp(json_get_str(why, "code", ""), "unknown-name") ? CTL_FAILED : CTL_NOT_FOUND;
}

/* Names, ranges and selectors; MAC addresses as they are, for machines that have no name. */
static int names_of(struct ctl *c, int argc, char **argv, struct hostlist *out)
{
	struct hostlist some;
	uint8_t mac[6];
	int rc = CTL_OK;

	for (int i = 0; i < argc && !rc; i++) {
		if (host_mac_parse(argv[i], mac) == 0) {
			if (hostlist_add_name(out, argv[i]))
				return ctl_fail(CTL_FAILED, "out of memory");
			continue;
		}
		some = (struct hostlist){ 0 };
		rc = hosts_resolve(c, 1, argv + i, &some);
		for (size_t k = 0; k < some.n && !rc; k++) {
			if (hostlist_add_name(out, some.names[k]))
				rc = ctl_fail(CTL_FAILED, "out of memory");
		}
		hostlist_fini(&some);
	}
	return rc;
}

static int ask_all(struct ctl *c, const struct hostlist *names)
{
	struct answer *answers = calloc(names->n + 1, sizeof *answers);
	size_t n = 0;
	int rc = answers ? CTL_OK : ctl_fail(CTL_FAILED, "out of memory"), worst = CTL_OK;

	while (!rc && n < names->n) {
		char path[160];

		snprintf(path, sizeof path, "/api/v1/hosts/%.100s/why", names->names[n]);
		rc = client_get(c, path, &answers[n]);
		if (!rc && worst == CTL_OK)
			worst = exit_of(answers[n].doc);
		n += !rc;
	}
	if (!rc)
		rc = print_all(c, answers, n);
	for (size_t i = 0; i < n; i++)
		answer_fini(&answers[i]);
	free(answers);
	return rc ? rc : worst;
}

int verb_host_why(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	struct hostlist names = { 0 };
	int rc;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return ctl_usage(c, NULL);
	rc = names_of(c, argc - optind, argv + optind, &names);
	if (!rc && !names.n)
		rc = argc > optind ? CTL_OK : ctl_usage(c, "which host?");
	if (!rc)
		rc = ask_all(c, &names);
	hostlist_fini(&names);
	return rc;
}
