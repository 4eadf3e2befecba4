/* verb_waiting.c: `muster waiting`: who waits for its admission. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"
#include "server/loop.h"

static const struct column columns[] = {
	{ "NAME", COL_LEFT, COL_ALWAYS },
	{ "CODE", COL_LEFT, COL_ALWAYS },
	{ "VENDOR", COL_LEFT, COL_ALWAYS },
	{ "MODEL", COL_LEFT, COL_ALWAYS },
	{ "SERIAL", COL_LEFT, COL_ALWAYS },
	{ "MAC", COL_LEFT, COL_ALWAYS },
	{ "PLACE", COL_LEFT, COL_ALWAYS },
	{ "SWITCH", COL_LEFT, COL_ALWAYS },
	{ "SEEN", COL_RIGHT, COL_ALWAYS },
};

static bool waits(const struct json *h, bool rejected)
{
	const bool is_rejected = json_get_int(h, "rejected", 0) != 0;

	return !json_bool(json_get(h, "admitted"), false) && is_rejected == rejected;
}

static void cell(struct table *t, const char *text)
{
	table_cell(t, *text ? text : "-", text);
}

static void row(struct table *t, const struct json *h)
{
	const int64_t seen = json_get_int(h, "seen", 0);
	char place[512], age[FORMAT_MAX], exact[FORMAT_MAX];

	cell(t, hosts_name(h));
	cell(t, json_get_str(h, "code", ""));
	cell(t, json_get_str(h, "vendor", ""));
	cell(t, json_get_str(h, "product", ""));
	cell(t, json_get_str(h, "serial", ""));
	cell(t, json_str(json_at(json_get(h, "macs"), 0), ""));
	cell(t, hosts_place(json_get(h, "place"), place, sizeof place));
	cell(t, hosts_neighbours(json_get(h, "neighbours"), place, sizeof place));
	snprintf(exact, sizeof exact, "%" PRId64, seen);
	table_cell(t, seen ? format_age((int64_t)now_wall_ms() - seen, age) : "never", exact);
}

static void print_json(const struct hosts *h, bool rejected, bool open)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_arr(&w, "hosts");
	for (size_t i = 0; i < h->n; i++) {
		char *text = !open && waits(h->nodes[i], rejected) ? json_text(h->nodes[i]) : NULL;

		if (text)
			jw_raw(&w, NULL, text);
		free(text);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	ctl_print_json(&w);
}

/* Where everybody is let in, nobody waits. An exit code; CTL_OK with *out. */
static int ask_open(struct ctl *c, bool *out)
{
	struct answer a;
	int rc = client_get(c, "/api/v1/status", &a);

	if (rc)
		return rc;
	*out = !strcmp(json_get_str(a.doc, "admission", ""), "open");
	answer_fini(&a);
	return CTL_OK;
}

int verb_waiting(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "rejected", no_argument, NULL, 'r' }, { 0 } };
	bool rejected = false, open = false;
	struct table t;
	struct hosts h;
	int o, rc;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'r')
			return ctl_usage(c, NULL);
		rejected = true;
	}
	if (optind < argc)
		return ctl_usage(c, "this takes no names");
	rc = ask_open(c, &open);
	if (!rc)
		rc = hosts_fetch(c, NULL, &h);
	if (rc)
		return rc;
	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < h.n; i++) {
		if (!open && waits(h.nodes[i], rejected))
			row(&t, h.nodes[i]);
	}
	if (c->format == CTL_JSON)
		print_json(&h, rejected, open);
	else if (!t.n_cells && c->format == CTL_TABLE)
		puts(rejected  ? "nobody was rejected"
			: open ? "nobody waits: [server] admission is open"
			       : "nobody waits");
	else
		table_print(&t);
	table_fini(&t);
	hosts_fini(&h);
	return CTL_OK;
}
