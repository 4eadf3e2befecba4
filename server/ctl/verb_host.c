/* verb_host.c: `muster host list|show|add|set|approve|rm`. */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "server/bytes.h"
#include "server/ctl/batch.h"
#include "server/ctl/format.h"
#include "server/ctl/ansible.h"
#include "server/ctl/hosts.h"
#include "server/ctl/rule.h"
#include "server/ctl/table.h"
#include "server/ctl/text.h"
#include "server/ctl/verbs.h"
#include "server/ctl/waited.h"
#include "server/loop.h"

#define FOLDED_MAX	   400 /* bytes of a folded list in a message */
#define CHANGE_OPTIONS_MAX 64  /* options of one change */
#define VALUES_MAX	   32

/* ---- list ---- */

static const struct column host_columns[] = {
	{ "NAME", COL_LEFT, COL_ALWAYS },
	{ "STAGE", COL_LEFT, COL_ALWAYS },
	{ "ADMITTED", COL_LEFT, COL_ALWAYS },
	{ "IMAGE", COL_LEFT, COL_ALWAYS },
	{ "ADDRESS", COL_LEFT, COL_ALWAYS },
	{ "BOOT", COL_RIGHT, COL_ALWAYS },
	{ "SEEN", COL_RIGHT, COL_ALWAYS },
	{ "CHANNEL", COL_LEFT, COL_WIDE },
	{ "PROFILE", COL_LEFT, COL_WIDE },
	{ "PINNED", COL_LEFT, COL_WIDE },
	{ "MACS", COL_LEFT, COL_WIDE },
	{ "SERIAL", COL_LEFT, COL_WIDE },
	{ "UUID", COL_LEFT, COL_WIDE },
	{ "VENDOR", COL_LEFT, COL_WIDE },
	{ "PRODUCT", COL_LEFT, COL_WIDE },
	{ "WHY", COL_LEFT, COL_WIDE },
	{ "RESERVED", COL_LEFT, COL_WIDE },
	{ "LABELS", COL_LEFT, COL_WIDE },
	{ "REBOOT", COL_LEFT, COL_WIDE },
};

#define BRIEF_COLUMNS 7 /* of these, for which the server's brief list is enough */

/* "-" for people, nothing for machines where the server has nothing. */
static void value_cell(struct table *t, const struct json *value)
{
	const char *s = json_str(value, "");

	table_cell(t, *s ? s : "-", s);
}

static void text_cell(struct table *t, const struct json *o, const char *key)
{
	value_cell(t, json_get(o, key));
}

static void macs_cell(struct table *t, const struct json *macs)
{
	char all[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < json_len(macs) && len < sizeof all; i++)
		len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? " " : "",
			json_str(json_at(macs, i), "?"));
	table_cell(t, *all ? all : "-", all);
}

/* "kvm@1#7", several with a blank between them; "" for none. */
static const char *pins_text(const struct json *pins, char out[512])
{
	struct text t = { .out = out, .size = 512 };

	*out = 0;
	for (size_t i = 0; i < json_len(pins); i++)
		text_put(&t, "%s%s@%s#%" PRId64, i ? " " : "",
			json_get_str(json_at(pins, i), "image", "?"),
			json_get_str(json_at(pins, i), "version", "?"),
			json_get_int(json_at(pins, i), "release", 0));
	return out;
}

/* "3: kvm 2, waiting", or nothing. */
static const char *rollout_text(const struct json *r, char *out, size_t size)
{
	*out = 0;
	if (json_is_object(r))
		snprintf(out, size, "%" PRId64 ": %s %s, %s", json_get_int(r, "id", 0),
			json_get_str(r, "image", "?"), json_get_str(r, "version", "?"),
			json_get_str(r, "state", "?"));
	return out;
}

static void pins_cell(struct table *t, const struct json *pins)
{
	char all[512];

	pins_text(pins, all);
	table_cell(t, *all ? all : "-", all);
}

static void number_cell(struct table *t, const struct json *n)
{
	char number[FORMAT_MAX] = "";

	if (json_is_int(n))
		format_count((uint64_t)json_int(n, 0), number);
	table_cell(t, *number ? number : "-", number);
}

static void seen_cell(struct table *t, int64_t seen_ms)
{
	char age[FORMAT_MAX], exact[FORMAT_MAX];

	snprintf(exact, sizeof exact, "%" PRId64, seen_ms);
	table_cell(t, seen_ms ? format_age((int64_t)now_wall_ms() - seen_ms, age) : "never", exact);
}

/* "gpu rack=r3" */
static char *labels_text(const struct json *labels, char *out, size_t size)
{
	struct text o = { out, 0, size, false };
	const struct json *value;
	const char *key;

	*out = 0;
	for (size_t i = 0; (value = json_member(labels, i, &key)); i++)
		text_put(&o, "%s%s%s%s", i ? " " : "", key, *json_str(value, "") ? "=" : "",
			json_str(value, ""));
	return out;
}

static void labels_cell(struct table *t, const struct json *labels)
{
	char text[2048];

	labels_text(labels, text, sizeof text);
	table_cell(t, *text ? text : "-", text);
}

static void reboot_cell(struct table *t, const struct json *reboot)
{
	char text[512];

	hosts_reboot(reboot, text, sizeof text);
	table_cell(t, *text ? text : "-", json_get_str(reboot, "state", ""));
}

/* Its own, or in brackets what a rule or the default gave it last. */
static void image_cell(struct table *t, const char *own, const char *ran)
{
	char text[128];

	if (!*own && *ran)
		snprintf(text, sizeof text, "(%s)", ran);
	table_cell(t, *own ? own : *ran ? text : "-", own);
}

static void brief_row(struct table *t, const struct json *h)
{
	table_cell(t, hosts_name(h), NULL);
	value_cell(t, host_value(h, HOST_STAGE));
	table_cell(t, json_bool(host_value(h, HOST_ADMITTED), false) ? "yes" : "no", NULL);
	image_cell(t, json_str(host_value(h, HOST_IMAGE), ""),
		json_str(host_value(h, HOST_BOOTED), ""));
	value_cell(t, host_value(h, HOST_ADDR));
	number_cell(t, host_value(h, HOST_BOOT));
	seen_cell(t, json_int(host_value(h, HOST_SEEN), 0));
}

static void host_row(struct table *t, const struct json *h)
{
	brief_row(t, h);
	text_cell(t, h, "channel");
	text_cell(t, h, "profile");
	pins_cell(t, json_get(h, "pins"));
	macs_cell(t, json_get(h, "macs"));
	text_cell(t, h, "serial");
	text_cell(t, h, "uuid");
	text_cell(t, h, "vendor");
	text_cell(t, h, "product");
	text_cell(t, h, "sentence");
	text_cell(t, h, "ip");
	labels_cell(t, json_get(h, "labels"));
	reboot_cell(t, json_get(h, "reboot"));
}

/* The server's own objects; its own text where nothing was left out. */
static void print_json(const struct hosts *h, bool all)
{
	struct jw w = { 0 };

	if (all) {
		puts(h->answers[0].text);
		return;
	}
	jw_obj(&w, NULL);
	jw_arr(&w, "hosts");
	for (size_t i = 0; i < h->n; i++) {
		char *text = json_text(h->nodes[i]);

		jw_raw(&w, NULL, text ? text : "null");
		free(text);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	if (!w.bad)
		puts(w.buf);
	jw_fini(&w);
}

/* All that they show of a host is in a brief list. */
static bool wants_brief(const struct ctl *c)
{
	return c->format == CTL_TABLE || c->format == CTL_NAME;
}

static void print_hosts(const struct ctl *c, const struct hosts *h)
{
	const bool brief = wants_brief(c);
	struct table t;

	table_init(&t, c, host_columns, brief ? BRIEF_COLUMNS : ARRAY_LEN(host_columns));
	for (size_t i = 0; i < h->n; i++)
		(brief ? brief_row : host_row)(&t, h->nodes[i]);
	table_print(&t);
	table_fini(&t);
}

/* CTL_NOT_FOUND, naming them, when some of the wanted hosts are not there. */
static int missing(const struct hostlist *want, const struct hosts *have)
{
	struct hostlist none = { 0 };
	char folded[FOLDED_MAX];
	int rc = CTL_OK;

	for (size_t i = 0; i < want->n; i++) {
		if (!hosts_find(have, want->names[i]))
			hostlist_add_name(&none, want->names[i]);
	}
	if (none.n)
		rc = ctl_fail(CTL_NOT_FOUND, "there is no host %s",
			hostlist_fold(&none, folded, sizeof folded));
	hostlist_fini(&none);
	return rc;
}

int verb_host_list(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "where", required_argument, NULL, 'w' }, { 0 } };
	const char *where = NULL;
	struct hostlist names = { 0 };
	struct hosts h = { 0 };
	bool all;
	int o, rc;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'w')
			return ctl_usage(c, NULL);
		where = optarg;
	}
	all = optind == argc;
	rc = hosts_resolve(c, argc - optind, argv + optind, &names);
	if (!rc && where)
		rc = hosts_where(c, where, all ? NULL : &names, &h);
	else if (!rc && wants_brief(c))
		rc = hosts_brief(c, all ? NULL : &names, &h);
	else if (!rc)
		rc = hosts_fetch(c, all ? NULL : &names, &h);
	if (!rc) {
		if (c->format == CTL_JSON)
			print_json(&h, all);
		else if (c->format == CTL_ANSIBLE)
			ansible_print(&h);
		else
			print_hosts(c, &h);
		rc = where ? CTL_OK : missing(&names, &h);
	}
	hosts_fini(&h);
	hostlist_fini(&names);
	return rc;
}

/* ---- show ---- */

static void put_line(const char *label, const char *value)
{
	char clean[512];

	if (!value || !*value)
		return;
	snprintf(clean, sizeof clean, "%s", value);
	printf("  %-12s %s\n", label, format_clean(clean));
}

static void put_dimms(const struct json *dimms)
{
	char line[256], size[FORMAT_MAX];

	for (size_t i = 0; i < json_len(dimms); i++) {
		const struct json *d = json_at(dimms, i);

		snprintf(line, sizeof line, "%s: %s %s %s", json_get_str(d, "slot", "?"),
			format_bytes((uint64_t)json_get_int(d, "size_mb", 0) << 20, size),
			json_get_str(d, "maker", ""), json_get_str(d, "part", ""));
		put_line(i ? "" : "modules", line);
	}
}

static void put_facts(const struct json *facts)
{
	const struct json *cpu = json_get(facts, "cpu"), *nics = json_get(facts, "nics"),
			  *disks = json_get(facts, "disks");
	const char *bios = json_get_str(facts, "bios", ""), *model = json_get_str(cpu, "model", ""),
		   *virt = json_get_str(cpu, "virt", "");
	char line[256], size[FORMAT_MAX];

	if (!json_is_object(facts))
		return;
	snprintf(line, sizeof line, "%s%s%s%s, lockdown %s, TPM %s", bios, *bios ? ", " : "",
		json_get_str(facts, "firmware", "?"),
		json_bool(json_get(facts, "secure_boot"), false) ? ", Secure Boot" : "",
		json_get_str(facts, "lockdown", "?"), json_get_str(facts, "tpm", "?"));
	put_line("firmware", line);
	snprintf(line, sizeof line, "%" PRId64 "%s%s (%s)", json_get_int(cpu, "count", 0),
		*model ? " x " : "", model,
		*virt && strcmp(virt, "none") ? virt : "no virtualization");
	put_line("processor", line);
	format_bytes((uint64_t)json_get_int(facts, "memory_mb", 0) << 20, size);
	put_line("memory", size);
	put_dimms(json_get(facts, "dimms"));
	for (size_t i = 0; i < json_len(nics); i++) {
		const struct json *n = json_at(nics, i);

		const char *driver = json_get_str(n, "driver", "");

		snprintf(line, sizeof line, "%s %s%s%s%s%s", json_get_str(n, "name", "?"),
			json_get_str(n, "mac", "?"), *driver ? " " : "", driver,
			json_bool(json_get(n, "link"), false) ? "" : ", no link",
			json_bool(json_get(n, "boot"), false) ? ", boots here" : "");
		put_line(i ? "" : "network", line);
	}
	for (size_t i = 0; i < json_len(disks); i++) {
		const struct json *d = json_at(disks, i);

		snprintf(line, sizeof line, "%s %s %s", json_get_str(d, "name", "?"),
			format_bytes((uint64_t)json_get_int(d, "size", 0), size),
			json_get_str(d, "model", ""));
		put_line(i ? "" : "disks", line);
	}
}

/* "uefi: ipxe.efi by HTTP since boot 12, option 43 no; snponly.efi failed at boot 14" */
static void put_loader(const char *label, const struct json *l)
{
	static const struct {
		const char *key, *usual, *name;
	} forms[] = {
		{ "option_43", "auto", "option 43" },
		{ "option_60", "auto", "option 60" },
		{ "boot_file", "both", "boot file in" },
	};
	const char *loader = json_get_str(l, "loader", ""), *failed = json_get_str(l, "failed", "");
	char line[400];
	struct text o = { line, 0, sizeof line, false };

	line[0] = 0;
	text_put(&o, "%s: ", json_get_str(l, "firmware", "?"));
	if (*loader)
		text_put(&o, "%s by %s since boot %" PRId64, loader,
			strcmp(json_get_str(l, "transport", ""), "http") ? "TFTP" : "HTTP",
			json_get_int(l, "boot", 0));
	for (size_t i = 0; i < ARRAY_LEN(forms) && *loader; i++) {
		const char *form = json_get_str(l, forms[i].key, forms[i].usual);

		if (strcmp(form, forms[i].usual))
			text_put(&o, ", %s %s", forms[i].name, form);
	}
	if (*failed)
		text_put(&o, "%s%s failed at boot %" PRId64, *loader ? "; " : "", failed,
			json_get_int(l, "failed_boot", 0));
	put_line(label, line);
}

static void boot_row(struct table *t, const struct json *b)
{
	int64_t started = json_get_int(b, "started", 0), ended = json_get_int(b, "ended", 0);
	char took[FORMAT_MAX], age[FORMAT_MAX], bytes[FORMAT_MAX], exact[FORMAT_MAX],
		waited[WAITED_TEXT];
	struct waited w;

	waited_read(b, (int64_t)now_wall_ms(), &w);
	number_cell(t, json_get(b, "id"));
	table_cell(t, format_age((int64_t)now_wall_ms() - started, age), NULL);
	text_cell(t, b, "state");
	text_cell(t, b, "stage");
	text_cell(t, b, "image");
	text_cell(t, b, "version");
	text_cell(t, b, "firmware");
	table_cell(
		t, ended ? format_seconds(waited_took_ms(&w, ended - started), took) : "-", NULL);
	format_count((uint64_t)json_get_int(b, "bytes", 0), exact);
	table_cell(t, format_bytes((uint64_t)json_get_int(b, "bytes", 0), bytes), exact);
	text_cell(t, b, "reason");
	table_cell(t, *waited_text(&w, waited) ? waited : "-", NULL);
}

static void put_boots(const struct ctl *c, const struct json *boots)
{
	static const struct column columns[] = {
		{ "BOOT", COL_RIGHT, COL_ALWAYS },
		{ "AGO", COL_RIGHT, COL_ALWAYS },
		{ "STATE", COL_LEFT, COL_ALWAYS },
		{ "STAGE", COL_LEFT, COL_ALWAYS },
		{ "IMAGE", COL_LEFT, COL_ALWAYS },
		{ "VERSION", COL_LEFT, COL_ALWAYS },
		{ "FIRMWARE", COL_LEFT, COL_ALWAYS },
		{ "TOOK", COL_RIGHT, COL_ALWAYS },
		{ "BYTES", COL_RIGHT, COL_ALWAYS },
		{ "REASON", COL_LEFT, COL_ALWAYS },
		{ "WAITING", COL_LEFT, COL_ALWAYS },
	};
	struct table t;

	if (!json_len(boots))
		return;
	putchar('\n');
	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < json_len(boots); i++)
		boot_row(&t, json_at(boots, i));
	table_print(&t);
	table_fini(&t);
}

static void put_labels_line(const struct json *labels)
{
	char line[400];

	put_line("labels", labels_text(labels, line, sizeof line));
}

/* Which image it gets, and why: asked of the server, which has the rules. */
static void put_image(struct ctl *c, const struct json *h)
{
	char line[200];

	rule_gets(c, hosts_name(h), line, sizeof line);
	put_line("image", line);
}

static void show_host(struct ctl *c, const struct json *h)
{
	const struct json *macs = json_get(h, "macs"), *loaders = json_get(h, "loaders"),
			  *options = json_get(h, "options");
	const struct json *values = json_get(h, "values"), *value;
	const char *key;
	bool admitted = json_bool(json_get(h, "admitted"), false);
	char machine[400], seen[FORMAT_MAX], name[HOSTLIST_NAME_MAX], place[512];
	int64_t seen_ms = json_get_int(h, "seen", 0);

	snprintf(name, sizeof name, "%s", hosts_name(h));
	printf("%s  %s\n", format_clean(name), json_get_str(h, "stage", "never booted"));
	put_line("why", json_get_str(h, "sentence", NULL));
	put_image(c, h);
	put_line("reboot", hosts_reboot(json_get(h, "reboot"), place, sizeof place));
	put_labels_line(json_get(h, "labels"));
	put_line("channel", json_get_str(h, "channel", NULL));
	put_line("profile", json_get_str(h, "profile", NULL));
	put_line("pinned", pins_text(json_get(h, "pins"), place));
	put_line("rollout", rollout_text(json_get(h, "rollout"), place, sizeof place));
	for (size_t i = 0; (value = json_member(values, i, &key)); i++) {
		snprintf(machine, sizeof machine, "%s=%s", key, json_str(value, "(not shown)"));
		put_line(i ? "" : "values", machine);
	}
	put_line("admitted", admitted			      ? "yes"
			     : json_get_int(h, "rejected", 0) ? "no, rejected"
							      : "no, in the waiting room");
	put_line("code", admitted ? NULL : json_get_str(h, "code", NULL));
	put_line("address", json_get_str(h, "addr", NULL));
	put_line("reserved", json_get_str(h, "ip", NULL));
	put_line("place", hosts_place(json_get(h, "place"), place, sizeof place));
	put_line("switch", hosts_neighbours(json_get(h, "neighbours"), place, sizeof place));
	snprintf(machine, sizeof machine, "%s %s", json_get_str(h, "vendor", ""),
		json_get_str(h, "product", ""));
	put_line("machine", strcmp(machine, " ") ? machine : NULL);
	put_line("serial", json_get_str(h, "serial", NULL));
	put_line("uuid", json_get_str(h, "uuid", NULL));
	for (size_t i = 0; i < json_len(macs); i++)
		put_line(i ? "" : "mac", json_str(json_at(macs, i), NULL));
	put_line("client id", json_get_str(h, "client_id", NULL));
	put_line("circuit", json_get_str(h, "circuit", NULL));
	for (size_t i = 0; i < json_len(options); i++)
		put_line(i ? "" : "options", json_str(json_at(options, i), NULL));
	if (seen_ms)
		printf("  %-12s %s ago\n", "seen",
			format_age((int64_t)now_wall_ms() - seen_ms, seen));
	for (size_t i = 0; i < json_len(loaders); i++)
		put_loader(i ? "" : "loader", json_at(loaders, i));
	put_facts(json_get(h, "facts"));
	put_boots(c, json_get(h, "boots"));
}

static int show_one(struct ctl *c, const char *name)
{
	struct answer a;
	char path[128];
	int rc;

	snprintf(path, sizeof path, "/api/v1/hosts/%s", name);
	rc = client_get(c, path, &a);
	if (rc)
		return rc;
	if (c->format == CTL_JSON)
		puts(a.text);
	else
		show_host(c, a.doc);
	answer_fini(&a);
	return CTL_OK;
}

int verb_host_show(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "told", no_argument, NULL, 't' }, { 0 } };
	struct hostlist names = { 0 };
	bool told = false;
	int o, rc;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 't')
			return ctl_usage(c, NULL);
		told = true;
	}
	if (optind == argc)
		return ctl_usage(c, "which host?");
	if (!told && (c->format == CTL_CSV || c->format == CTL_NAME))
		return verb_host_list(c, argc, argv);
	rc = hosts_resolve(c, argc - optind, argv + optind, &names);
	for (size_t i = 0; !rc && i < names.n; i++) {
		if (i && c->format != CTL_JSON)
			putchar('\n');
		rc = told ? profile_show_told(c, names.names[i], NULL)
			  : show_one(c, names.names[i]);
	}
	hostlist_fini(&names);
	return rc;
}

/* ---- changes ---- */

enum {
	OPT_MAC = 256,
	OPT_UUID,
	OPT_SERIAL,
	OPT_IMAGE,
	OPT_NO_IMAGE,
	OPT_CHANNEL,
	OPT_NO_CHANNEL,
	OPT_PROFILE,
	OPT_NO_PROFILE,
	OPT_IP,
	OPT_NO_IP,
	OPT_CLIENT_ID,
	OPT_CIRCUIT,
	OPT_OPTION,
	OPT_NO_OPTIONS,
	OPT_NAME,
	OPT_VALUE,
	OPT_NO_VALUE,
	OPT_LABEL,
	OPT_NO_LABEL,
	OPT_BY,
	OPT_FORCE,
	OPT_UNDO,
	OPT_CSV,
	OPT_YES,
	OPT_DRY_RUN
};

/* What a change says; the same options mean the same with every verb that knows them. */
struct change {
	const char *mac, *uuid, *serial, *image, *channel, *profile, *ip, *client_id, *circuit,
		*name, *by;
	const char *options[CHANGE_OPTIONS_MAX]; /* what DHCP tells it alone */
	size_t n_options;
	const char *values[VALUES_MAX]; /* "name=value"; "name" takes it away */
	size_t n_values;
	struct {
		const char *word; /* "name=value" or "name" */
		bool gone;
	} labels[VALUES_MAX];
	size_t n_labels;
	bool no_image, no_channel, no_profile, no_ip, no_options, admitted, force, yes, dry_run;
	bool reject, undo;
	const char *csv; /* a file of serial numbers */
};

static const struct option add_options[] = {
	{ "mac", required_argument, NULL, OPT_MAC },
	{ "uuid", required_argument, NULL, OPT_UUID },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "ip", required_argument, NULL, OPT_IP },
	{ "client-id", required_argument, NULL, OPT_CLIENT_ID },
	{ "circuit", required_argument, NULL, OPT_CIRCUIT },
	{ "option", required_argument, NULL, OPT_OPTION },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "channel", required_argument, NULL, OPT_CHANNEL },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "value", required_argument, NULL, OPT_VALUE },
	{ "label", required_argument, NULL, OPT_LABEL },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ 0 },
};
static const struct option set_options[] = {
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "no-image", no_argument, NULL, OPT_NO_IMAGE },
	{ "channel", required_argument, NULL, OPT_CHANNEL },
	{ "no-channel", no_argument, NULL, OPT_NO_CHANNEL },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "no-profile", no_argument, NULL, OPT_NO_PROFILE },
	{ "ip", required_argument, NULL, OPT_IP },
	{ "no-ip", no_argument, NULL, OPT_NO_IP },
	{ "option", required_argument, NULL, OPT_OPTION },
	{ "no-options", no_argument, NULL, OPT_NO_OPTIONS },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "value", required_argument, NULL, OPT_VALUE },
	{ "no-value", required_argument, NULL, OPT_NO_VALUE },
	{ "label", required_argument, NULL, OPT_LABEL },
	{ "no-label", required_argument, NULL, OPT_NO_LABEL },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ 0 },
};
static const struct option approve_options[] = {
	{ "csv", required_argument, NULL, OPT_CSV },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ 0 },
};
static const struct option reject_options[] = {
	{ "undo", no_argument, NULL, OPT_UNDO },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ 0 },
};
static const struct option replace_options[] = {
	{ "by", required_argument, NULL, OPT_BY },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ 0 },
};
static const struct option rm_options[] = {
	{ "yes", no_argument, NULL, OPT_YES },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ 0 },
};

/* "name=value" of --value, "name" of --no-value. */
static int add_value(struct ctl *c, struct change *ch, bool has_value, const char *word)
{
	const char *equals = strchr(word, '=');

	if (has_value && (!equals || equals == word || !equals[1]))
		return ctl_usage(c, "--value takes NAME=VALUE, not '%s'", word);
	if (!has_value && equals)
		return ctl_usage(c, "--no-value takes a name, not '%s'", word);
	if (ch->n_values == VALUES_MAX)
		return ctl_usage(c, "at most %d values at once", VALUES_MAX);
	ch->values[ch->n_values++] = word;
	return CTL_OK;
}

static bool is_label(const char *word, const char *name)
{
	const size_t n = strcspn(word, "=");

	return n == strlen(name) && !strncasecmp(word, name, n);
}

static int add_label(struct ctl *c, struct change *ch, bool gone, const char *word)
{
	if (*word == '=' || !*word || (gone && strchr(word, '=')))
		return ctl_usage(
			c, "--label takes NAME or NAME=VALUE, --no-label NAME, not '%s'", word);
	if (!gone && (is_label(word, "image") || is_label(word, "stage")))
		return ctl_usage(c,
			"image= and stage= select hosts by what they boot and how far they are, "
			"so no label has such a name");
	if (ch->n_labels == VALUES_MAX)
		return ctl_usage(c, "at most %d labels at once", VALUES_MAX);
	ch->labels[ch->n_labels].word = word;
	ch->labels[ch->n_labels++].gone = gone;
	return CTL_OK;
}

/* Options into *ch, names into *names: at least one. */
static int take_option(struct ctl *c, struct change *ch, int o)
{
	switch (o) {
	case OPT_MAC:
		ch->mac = optarg;
		break;
	case OPT_UUID:
		ch->uuid = optarg;
		break;
	case OPT_SERIAL:
		ch->serial = optarg;
		break;
	case OPT_IMAGE:
		ch->image = optarg;
		break;
	case OPT_NO_IMAGE:
		ch->no_image = true;
		break;
	case OPT_CHANNEL:
		ch->channel = optarg;
		break;
	case OPT_NO_CHANNEL:
		ch->no_channel = true;
		break;
	case OPT_PROFILE:
		ch->profile = optarg;
		break;
	case OPT_NO_PROFILE:
		ch->no_profile = true;
		break;
	case OPT_IP:
		ch->ip = optarg;
		break;
	case OPT_NO_IP:
		ch->no_ip = true;
		break;
	case OPT_CLIENT_ID:
		ch->client_id = optarg;
		break;
	case OPT_CIRCUIT:
		ch->circuit = optarg;
		break;
	case OPT_OPTION:
		if (ch->n_options == CHANGE_OPTIONS_MAX)
			return ctl_usage(c, "too many options");
		ch->options[ch->n_options++] = optarg;
		break;
	case OPT_NO_OPTIONS:
		ch->no_options = true;
		break;
	case OPT_NAME:
		ch->name = optarg;
		break;
	case OPT_VALUE:
	case OPT_NO_VALUE:
		return add_value(c, ch, o == OPT_VALUE, optarg);
	case OPT_LABEL:
	case OPT_NO_LABEL:
		return add_label(c, ch, o == OPT_NO_LABEL, optarg);
	case OPT_BY:
		ch->by = optarg;
		break;
	case OPT_CSV:
		ch->csv = optarg;
		break;
	case OPT_UNDO:
		ch->undo = true;
		break;
	case OPT_FORCE:
		ch->force = true;
		break;
	case OPT_YES:
		ch->yes = true;
		break;
	case OPT_DRY_RUN:
		ch->dry_run = true;
		break;
	default:
		return ctl_usage(c, NULL);
	}
	return CTL_OK;
}

static int parse_change(struct ctl *c, int argc, char **argv, const struct option *options,
	struct change *ch, struct hostlist *names)
{
	int o, rc = CTL_OK;

	while (!rc && (o = getopt_long(argc, argv, "", options, NULL)) != -1)
		rc = take_option(c, ch, o);
	if (rc)
		return rc;
	if (ch->csv)
		return optind < argc ? ctl_usage(c, "names or --csv, not both") : CTL_OK;
	if (optind == argc)
		return ctl_usage(c, "which host?");
	if (options == approve_options || options == reject_options)
		return hosts_resolve_codes(c, argc - optind, argv + optind, names);
	return hosts_resolve(c, argc - optind, argv + optind, names);
}

static void member(struct jw *w, const char *key, const char *value)
{
	if (value)
		jw_str(w, key, value);
}

static void put_values(struct jw *w, const struct change *ch)
{
	char name[64];

	if (!ch->n_values)
		return;
	jw_obj(w, "values");
	for (size_t i = 0; i < ch->n_values; i++) {
		const char *word = ch->values[i], *equals = strchr(word, '=');

		snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
		jw_str(w, name, equals ? equals + 1 : NULL);
	}
	jw_end_obj(w);
}

static void put_labels(struct jw *w, const struct change *ch)
{
	char name[64];

	if (!ch->n_labels)
		return;
	jw_obj(w, "labels");
	for (size_t i = 0; i < ch->n_labels; i++) {
		const char *word = ch->labels[i].word, *equals = strchr(word, '=');

		snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
		jw_str(w, name, ch->labels[i].gone ? NULL : equals ? equals + 1 : "");
	}
	jw_end_obj(w);
}

/* The JSON body of a change; free() it. NULL without memory. */
static char *change_body(const struct change *ch, const char *name)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	member(&w, "name", name);
	member(&w, "mac", ch->mac);
	member(&w, "uuid", ch->uuid);
	member(&w, "serial", ch->serial);
	member(&w, "image", ch->image);
	member(&w, "channel", ch->channel);
	member(&w, "profile", ch->profile);
	member(&w, "ip", ch->ip);
	member(&w, "client_id", ch->client_id);
	member(&w, "circuit", ch->circuit);
	put_values(&w, ch);
	put_labels(&w, ch);
	if (ch->no_image)
		jw_null(&w, "image");
	if (ch->no_channel)
		jw_null(&w, "channel");
	if (ch->no_profile)
		jw_null(&w, "profile");
	if (ch->no_ip)
		jw_null(&w, "ip");
	if (ch->no_options)
		jw_null(&w, "options");
	if (ch->n_options) {
		jw_arr(&w, "options");
		for (size_t i = 0; i < ch->n_options; i++)
			jw_str(&w, NULL, ch->options[i]);
		jw_end_arr(&w);
	}
	if (ch->admitted)
		jw_bool(&w, "admitted", true);
	if (ch->reject)
		jw_bool(&w, "rejected", !ch->undo);
	jw_end_obj(&w);
	if (w.bad) {
		jw_fini(&w);
		return NULL;
	}
	return w.buf;
}

static void say_sent(const char *method, const char *path, const char *body)
{
	printf("would send: %s %s%s%s\n", method, path, body ? " " : "", body ? body : "");
}

/* Send one change; with --dry-run the server only tries it, and what would be sent is said. */
static int send_body(
	struct ctl *c, const char *method, const char *path, const char *body, bool dry)
{
	struct answer a = { 0 };
	char tried[160];
	int rc;

	snprintf(tried, sizeof tried, "%s%s", path, dry ? "?dry_run=1" : "");
	rc = client_call(c, method, tried, body, &a);
	if (!rc && dry)
		say_sent(method, path, body);
	answer_fini(&a);
	return rc;
}

static int send_change(struct ctl *c, const char *method, const char *path, const struct change *ch,
	const char *name)
{
	char *body = strcmp(method, "DELETE") ? change_body(ch, name) : NULL;
	int rc = send_body(c, method, path, body, ch->dry_run);

	free(body);
	return rc;
}

/* The calls of a batch; free each. NULL where memory has ended. */
static char *batch_call(const char *method, const char *name, const struct change *ch)
{
	char *body = strcmp(method, "DELETE") ? change_body(ch, ch->name) : NULL, path[128];
	struct jw w = { 0 };

	snprintf(path, sizeof path, "/api/v1/hosts/%s", name);
	jw_obj(&w, NULL);
	jw_str(&w, "method", method);
	jw_str(&w, "path", path);
	if (body)
		jw_raw(&w, "body", body);
	jw_end_obj(&w);
	free(body);
	if (w.bad)
		jw_fini(&w);
	return w.buf;
}

static void say_each(const char *method, const struct change *ch, const struct hostlist *names)
{
	char *body = strcmp(method, "DELETE") ? change_body(ch, ch->name) : NULL, path[128];

	for (size_t i = 0; i < names->n; i++) {
		snprintf(path, sizeof path, "/api/v1/hosts/%s", names->names[i]);
		say_sent(method, path, body);
	}
	free(body);
}

/* All or none of them. */
static int send_batch(
	struct ctl *c, const char *method, const struct change *ch, const struct hostlist *names)
{
	char **calls = calloc(names->n, sizeof *calls);
	int rc = calls ? CTL_OK : ctl_fail(CTL_FAILED, "out of memory");

	for (size_t i = 0; !rc && i < names->n; i++) {
		calls[i] = batch_call(method, names->names[i], ch);
		rc = calls[i] ? CTL_OK : ctl_fail(CTL_FAILED, "out of memory");
	}
	if (!rc)
		rc = batch_send(c, calls, names->n, ch->dry_run);
	if (!rc && ch->dry_run)
		say_each(method, ch, names);
	for (size_t i = 0; calls && i < names->n; i++)
		free(calls[i]);
	free(calls);
	return rc;
}

/* One is a change as any; several are made in a batch. */
static int send_all(
	struct ctl *c, const char *method, const struct change *ch, const struct hostlist *names)
{
	char path[128];

	snprintf(path, sizeof path, "/api/v1/hosts/%s", names->names[0]);
	return names->n > 1 ? send_batch(c, method, ch, names)
			    : send_change(c, method, path, ch, ch->name);
}

static void take_name(struct hostlist *l, const char *name)
{
	if (hostlist_add_name(l, name))
		errx(CTL_FAILED, "out of memory");
}

/* Leave those in *names that are not admitted, and say who is; CTL_CONFLICT when all are. */
static int leave_waiting(struct hostlist *names, const struct hosts *have)
{
	struct hostlist wait = { 0 }, in = { 0 };
	char folded[FOLDED_MAX];
	int rc = CTL_OK;

	for (size_t i = 0; i < names->n; i++) {
		const struct json *h = hosts_find(have, names->names[i]);

		take_name(json_bool(host_value(h, HOST_ADMITTED), false) ? &in : &wait,
			names->names[i]);
	}
	if (in.n)
		rc = ctl_fail(wait.n ? CTL_OK : CTL_CONFLICT, "%s %s admitted already",
			hostlist_fold(&in, folded, sizeof folded), in.n == 1 ? "is" : "are");
	if (rc)
		ctl_hint("muster host set changes hosts that are admitted");
	hostlist_fini(&in);
	hostlist_fini(names);
	*names = wait;
	return rc;
}

/*
 * The same change for each host, all or none. Then says which hosts have it, as "n[01-03]: WHAT";
 * with --dry-run what would be sent.
 */
static int change_all(struct ctl *c, const char *method, const struct change *ch,
	struct hostlist *names, const char *what)
{
	char folded[FOLDED_MAX];
	struct hosts have = { 0 };
	int rc;

	if (!names->n)
		return CTL_OK;
	rc = hosts_brief(c, names, &have);
	if (!rc)
		rc = missing(names, &have);
	if (!rc && (ch->admitted || ch->undo))
		rc = leave_waiting(names, &have);
	hosts_fini(&have);
	if (!rc)
		rc = send_all(c, method, ch, names);
	if (!rc && !ch->dry_run)
		printf("%s: %s\n", hostlist_fold(names, folded, sizeof folded), what);
	return rc;
}

int verb_host_add(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	struct hostlist names = { 0 };
	int rc = parse_change(c, argc, argv, add_options, &ch, &names);

	if (!rc && names.n != 1)
		rc = ctl_usage(c, "one host at a time, each has its own identity");
	if (!rc && !ch.mac && !ch.uuid && !ch.serial && !ch.client_id && !ch.circuit)
		rc = ctl_usage(
			c, "how is it known? --mac, --uuid, --serial, --client-id or --circuit");
	if (!rc)
		rc = send_change(c, "POST", "/api/v1/hosts", &ch, names.names[0]);
	if (!rc && !ch.dry_run)
		printf("%s: added\n", names.names[0]);
	hostlist_fini(&names);
	return rc;
}

static int check_set(struct ctl *c, const struct change *ch, const struct hostlist *names)
{
	if (!ch->image && !ch->no_image && !ch->channel && !ch->no_channel && !ch->profile &&
		!ch->no_profile && !ch->ip && !ch->no_ip && !ch->n_options && !ch->no_options &&
		!ch->name && !ch->n_values && !ch->n_labels)
		return ctl_usage(c,
			"what shall change? --image, --channel, --profile, --ip, --option, --value, "
			"--label, --no-image, --no-channel, --no-profile, --no-ip, --no-options, --no-value, --no-label or "
			"--name");
	if ((ch->image && ch->no_image) || (ch->channel && ch->no_channel) ||
		(ch->profile && ch->no_profile) || (ch->ip && ch->no_ip) ||
		(ch->n_options && ch->no_options))
		return ctl_usage(c,
			"--image and --no-image, --channel and --no-channel, --profile and "
			"--no-profile, --ip and "
			"--no-ip, --option and --no-options exclude each other");
	if ((ch->name || ch->ip) && names->n != 1)
		return ctl_usage(c, "--name and --ip are for one host");
	return CTL_OK;
}

/* What has been set, for people: "image kvm, address 10.77.0.7, now n08". */
static void say_set(const struct change *ch, char *out, size_t size)
{
	char options[16];
	const struct {
		bool set;
		const char *what, *value;
	} parts[] = {
		{ ch->image, "image ", ch->image },
		{ ch->no_image, "image of the server's default", "" },
		{ ch->channel, "channel ", ch->channel },
		{ ch->no_channel, "the default channel", "" },
		{ ch->profile, "profile ", ch->profile },
		{ ch->no_profile, "no profile of its own", "" },
		{ ch->ip, "address ", ch->ip },
		{ ch->no_ip, "no reserved address", "" },
		{ ch->n_options, "DHCP options ", options },
		{ ch->no_options, "no DHCP options of its own", "" },
		{ ch->name, "now ", ch->name },
		{ ch->n_values, "values", "" },
		{ ch->n_labels, "labels", "" },
	};
	struct text t = { .out = out, .size = size };

	snprintf(options, sizeof options, "%zu", ch->n_options);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (parts[i].set)
			text_put(&t, "%s%s%s", t.len ? ", " : "", parts[i].what, parts[i].value);
	}
}

int verb_host_set(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	struct hostlist names = { 0 };
	char what[256];
	int rc = parse_change(c, argc, argv, set_options, &ch, &names);

	if (!rc)
		rc = check_set(c, &ch, &names);
	if (!rc) {
		say_set(&ch, what, sizeof what);
		rc = change_all(c, "PATCH", &ch, &names, what);
	}
	hostlist_fini(&names);
	return rc;
}

int verb_host_approve(struct ctl *c, int argc, char **argv)
{
	struct change ch = { .admitted = true };
	struct hostlist names = { 0 };
	int rc = parse_change(c, argc, argv, approve_options, &ch, &names);

	if (!rc && ch.csv)
		rc = host_approve_csv(c, ch.csv, ch.dry_run);
	else if (!rc)
		rc = change_all(c, "PATCH", &ch, &names, "approved");
	hostlist_fini(&names);
	return rc;
}

int verb_host_reject(struct ctl *c, int argc, char **argv)
{
	struct change ch = { .reject = true };
	struct hostlist names = { 0 };
	int rc = parse_change(c, argc, argv, reject_options, &ch, &names);

	if (!rc)
		rc = change_all(c, "PATCH", &ch, &names, ch.undo ? "waits again" : "rejected");
	hostlist_fini(&names);
	return rc;
}

int verb_host_replace(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	struct hostlist names = { 0 };
	struct jw w = { 0 };
	char path[128];
	int rc = parse_change(c, argc, argv, replace_options, &ch, &names);

	if (!rc && (names.n != 1 || !ch.by))
		rc = ctl_usage(c, "which host, and --by which box?");
	if (!rc) {
		snprintf(path, sizeof path, "/api/v1/hosts/%s/replace", names.names[0]);
		jw_obj(&w, NULL);
		jw_str(&w, "by", ch.by);
		if (ch.force)
			jw_bool(&w, "force", true);
		jw_end_obj(&w);
		rc = w.bad ? ctl_fail(CTL_FAILED, "out of memory")
			   : send_body(c, "POST", path, w.buf, ch.dry_run);
	}
	if (!rc && !ch.dry_run)
		printf("%s: its role has the box %s now\n", names.names[0], ch.by);
	jw_fini(&w);
	hostlist_fini(&names);
	return rc;
}

static int confirm_rm(struct hostlist *names)
{
	char folded[FOLDED_MAX];

	return ctl_confirm("Forget %zu host%s, %s, and their record", names->n,
		names->n == 1 ? "" : "s", hostlist_fold(names, folded, sizeof folded));
}

int verb_host_rm(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	struct hostlist names = { 0 };
	int rc = parse_change(c, argc, argv, rm_options, &ch, &names);

	if (!rc && !ch.yes && !ch.dry_run && names.n)
		rc = confirm_rm(&names);
	if (!rc)
		rc = change_all(c, "DELETE", &ch, &names, "forgotten");
	hostlist_fini(&names);
	return rc;
}
