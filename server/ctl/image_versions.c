/* image_versions.c: `muster image list|show|channels|log`: what the server has, and who changed it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "images/json.h"
#include "images/manifest.h"
#include "server/bytes.h"
#include "server/ctl/client.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/hostlist.h"
#include "server/ctl/image_ref.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"

#define LOG_FEW 50 /* lines without --limit */
#define LOG_MAX 1000

/* The one word after the options, or NULL having said so; no options of our own. */
static const char *take_word(const struct ctl *c, int argc, char **argv, const char *what)
{
	static const struct option options[] = { { 0 } };

	if (getopt_long(argc, argv, "", options, NULL) != -1) {
		ctl_usage(c, NULL);
		return NULL;
	}
	if (argc - optind != 1) {
		ctl_usage(c, "which %s?", what);
		return NULL;
	}
	return argv[optind];
}

/* Rows of the array `key` of an answer, or the server's own text. */
static int print_rows(struct ctl *c, const char *path, const char *key, const struct column *cols,
	size_t n_cols, void (*row)(struct table *t, const struct json *o), const char *hint)
{
	const struct json *rows;
	struct table t;
	struct answer a;
	int rc = client_get(c, path, &a);

	if (rc)
		return rc;
	rows = json_get(a.doc, key);
	table_init(&t, c, cols, n_cols);
	for (size_t i = 0; i < json_len(rows); i++)
		row(&t, json_at(rows, i));
	if (c->format == CTL_JSON)
		puts(a.text);
	else
		table_print(&t);
	if (json_len(rows) == 0)
		ctl_hint("%s", hint);
	table_fini(&t);
	answer_fini(&a);
	return CTL_OK;
}

/* ---- list ---- */

static const struct column columns[] = {
	{ "NAME", COL_LEFT, COL_ALWAYS },
	{ "VERSION", COL_LEFT, COL_ALWAYS },
	{ "CHANNEL", COL_LEFT, COL_ALWAYS },
	{ "RELEASE", COL_RIGHT, COL_ALWAYS },
	{ "CURRENT", COL_LEFT, COL_ALWAYS },
	{ "PINNED", COL_RIGHT, COL_ALWAYS },
	{ "KIND", COL_LEFT, COL_ALWAYS },
	{ "SIZE", COL_RIGHT, COL_ALWAYS },
	{ "EXPIRES", COL_LEFT, COL_ALWAYS },
	{ "CREATED", COL_LEFT, COL_WIDE },
	{ "MANIFEST", COL_LEFT, COL_WIDE },
};

static void number_cell(struct table *t, const char *people, int64_t n)
{
	char machine[24];

	snprintf(machine, sizeof machine, "%" PRId64, n);
	table_cell(t, people ? people : machine, machine);
}

static bool is_true(const struct json *o, const char *key)
{
	return json_bool(json_get(o, key), false);
}

static void list_row(struct table *t, const struct json *image)
{
	const int64_t bytes = json_get_int(image, "bytes", 0);
	const int64_t expires = json_get_int(image, "expires", 0);
	const int64_t created = json_get_int(image, "created", 0);
	const int64_t pinned = json_get_int(image, "pinned", 0);
	char size[FORMAT_MAX], day[FORMAT_MAX];

	table_cell(t, json_get_str(image, "name", "?"), NULL);
	table_cell(t, json_get_str(image, "version", "?"), NULL);
	table_cell(t, json_get_str(image, "channel", "?"), NULL);
	number_cell(t, NULL, json_get_int(image, "release", 0));
	table_cell(
		t, is_true(image, "current") ? "*" : "", is_true(image, "current") ? "yes" : "no");
	number_cell(t, pinned ? NULL : "-", pinned);
	table_cell(t, json_get_str(image, "kind", "?"), NULL);
	number_cell(t, format_bytes(bytes > 0 ? (uint64_t)bytes : 0, size), bytes);
	number_cell(t, format_date((uint64_t)expires, day), expires);
	number_cell(t, format_date((uint64_t)created, day), created);
	table_cell(t, json_get_str(image, "manifest", "?"), NULL);
}

int verb_image_list(struct ctl *c, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return ctl_usage(c, "it takes no arguments");
	return print_rows(c, "/api/v1/images", "images", columns, ARRAY_LEN(columns), list_row,
		"no images yet: muster image import DIR");
}

/* ---- show ---- */

static const struct column file_columns[] = {
	{ "FILE", COL_LEFT, COL_ALWAYS },
	{ "ROLE", COL_LEFT, COL_ALWAYS },
	{ "SIZE", COL_RIGHT, COL_ALWAYS },
	{ "SHA256", COL_LEFT, COL_ALWAYS },
};

static void show_files(const struct ctl *c, const struct json *files)
{
	char size[FORMAT_MAX];
	struct table t;

	table_init(&t, c, file_columns, ARRAY_LEN(file_columns));
	for (size_t i = 0; i < json_len(files); i++) {
		const struct json *f = json_at(files, i);
		int64_t len = json_get_int(f, "length", 0);

		table_cell(&t, json_get_str(f, "name", "?"), NULL);
		table_cell(&t, json_get_str(f, "role", "?"), NULL);
		number_cell(&t, format_bytes(len > 0 ? (uint64_t)len : 0, size), len);
		table_cell(&t, json_get_str(f, "sha256", "?"), NULL);
	}
	table_print(&t);
	table_fini(&t);
}

static void show_text(const char *label, const struct json *image, const char *key)
{
	char text[MANIFEST_ARGS_MAX];

	snprintf(text, sizeof text, "%s", json_get_str(image, key, "?"));
	printf("%-9s %s\n", label, format_clean(text));
}

static void show_pins(const struct json *pins)
{
	struct hostlist names = { 0 };
	char folded[400];

	for (size_t i = 0; i < json_len(pins); i++)
		hostlist_add_name(&names, json_str(json_at(pins, i), "?"));
	if (names.n)
		printf("pinned    %s\n", hostlist_fold(&names, folded, sizeof folded));
	hostlist_fini(&names);
}

static void show_image(const struct json *image)
{
	int64_t bytes = json_get_int(image, "bytes", 0);
	char size[FORMAT_MAX], day[FORMAT_MAX];

	show_text("name", image, "name");
	show_text("version", image, "version");
	show_text("kind", image, "kind");
	show_text("manifest", image, "manifest");
	show_text("channel", image, "channel");
	printf("release   %" PRId64 "%s%s\n", json_get_int(image, "release", 0),
		is_true(image, "current") ? ", current" : "",
		is_true(image, "named") ? ", the one that the channel names" : "");
	show_pins(json_get(image, "pins"));
	printf("created   %s\n", format_date((uint64_t)json_get_int(image, "created", 0), day));
	printf("expires   %s\n", format_date((uint64_t)json_get_int(image, "expires", 0), day));
	printf("size      %s\n\n", format_bytes(bytes > 0 ? (uint64_t)bytes : 0, size));
}

int verb_image_show(struct ctl *c, int argc, char **argv)
{
	const char *word = take_word(c, argc, argv, "image");
	char path[sizeof "/api/v1/images/" + MANIFEST_NAME_MAX + IMAGE_REF_QUERY];
	char query[IMAGE_REF_QUERY];
	struct image_ref ref;
	struct answer a;
	int rc;

	if (!word)
		return CTL_USAGE;
	if (image_ref_parse(word, &ref) < 0)
		return ctl_fail(CTL_NOT_FOUND, "there is no image '%s'", word);
	snprintf(path, sizeof path, "/api/v1/images/%s?%s", ref.name, image_ref_query(&ref, query));
	rc = client_get(c, path, &a);
	if (rc)
		return rc;
	if (c->format == CTL_JSON) {
		puts(a.text);
	} else {
		if (c->format == CTL_TABLE || c->format == CTL_WIDE)
			show_image(a.doc);
		show_files(c, json_get(a.doc, "files"));
	}
	answer_fini(&a);
	return CTL_OK;
}

/* ---- channels ---- */

static const struct column channel_columns[] = {
	{ "IMAGE", COL_LEFT, COL_ALWAYS },
	{ "CHANNEL", COL_LEFT, COL_ALWAYS },
	{ "RELEASE", COL_RIGHT, COL_ALWAYS },
	{ "FLOOR", COL_RIGHT, COL_ALWAYS },
	{ "VERSION", COL_LEFT, COL_ALWAYS },
	{ "CURRENT", COL_LEFT, COL_ALWAYS },
	{ "EXPIRES", COL_LEFT, COL_ALWAYS },
	{ "ISSUED", COL_LEFT, COL_WIDE },
	{ "HOSTS", COL_RIGHT, COL_WIDE },
	{ "MANIFEST", COL_LEFT, COL_WIDE },
};

/* "1.2 (release 7)", or nothing. */
static void version_cell(struct table *t, const struct json *version)
{
	char text[128] = "";

	if (json_is_object(version))
		snprintf(text, sizeof text, "%.80s (release %" PRId64 ")",
			json_get_str(version, "version", "?"), json_get_int(version, "release", 0));
	table_cell(t, *text ? text : "-", text);
}

static void channel_row(struct table *t, const struct json *ch)
{
	const int64_t expires = json_get_int(ch, "expires", 0);
	const int64_t issued = json_get_int(ch, "issued", 0);
	char day[FORMAT_MAX];

	table_cell(t, json_get_str(ch, "image", "?"), NULL);
	table_cell(t, json_get_str(ch, "name", "?"), NULL);
	number_cell(t, NULL, json_get_int(ch, "release", 0));
	number_cell(t, NULL, json_get_int(ch, "floor", 0));
	table_cell(t, json_get_str(ch, "version", "(not here)"), json_get_str(ch, "version", ""));
	version_cell(t, json_get(ch, "current"));
	number_cell(t, format_date((uint64_t)expires, day), expires);
	number_cell(t, format_date((uint64_t)issued, day), issued);
	number_cell(t, NULL, json_get_int(ch, "hosts", 0));
	table_cell(t, json_get_str(ch, "manifest", "?"), NULL);
}

int verb_image_channels(struct ctl *c, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return ctl_usage(c, "it takes no arguments");
	return print_rows(c, "/api/v1/channels", "channels", channel_columns,
		ARRAY_LEN(channel_columns), channel_row,
		"no channels yet: muster image import DIR or CHANNEL.json");
}

/* ---- log ---- */

static const struct column log_columns[] = {
	{ "WHEN", COL_LEFT, COL_ALWAYS },
	{ "WHO", COL_LEFT, COL_ALWAYS },
	{ "WHAT", COL_LEFT, COL_ALWAYS },
	{ "IMAGE", COL_LEFT, COL_ALWAYS },
	{ "CHANNEL", COL_LEFT, COL_ALWAYS },
	{ "HOST", COL_LEFT, COL_ALWAYS },
	{ "FROM", COL_LEFT, COL_ALWAYS },
	{ "TO", COL_LEFT, COL_ALWAYS },
	{ "WHY", COL_LEFT, COL_ALWAYS },
	{ "FLOOR", COL_RIGHT, COL_WIDE },
	{ "MANIFEST", COL_LEFT, COL_WIDE },
};

static void time_cell(struct table *t, int64_t at_ms)
{
	const time_t at_s = (time_t)(at_ms / 1000);
	char text[FORMAT_MAX] = "", exact[FORMAT_MAX];
	struct tm tm;

	if (localtime_r(&at_s, &tm))
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(exact, sizeof exact, "%" PRId64, at_ms);
	table_cell(t, text, exact);
}

/* A user's name, or the number of one that has none. */
static void who_cell(struct table *t, const struct json *line)
{
	const struct json *uid = json_get(line, "uid");
	char number[FORMAT_MAX] = "";

	if (json_is_int(uid))
		snprintf(number, sizeof number, "uid %" PRId64, json_int(uid, 0));
	table_cell(t, json_get_str(line, "user", *number ? number : "-"),
		json_get_str(line, "user", number));
}

static void text_cell(struct table *t, const struct json *o, const char *key)
{
	const char *s = json_get_str(o, key, "");

	table_cell(t, *s ? s : "-", s);
}

/* People see the floor that came with a channel. */
static void why_cell(struct table *t, const char *why, const char *floor)
{
	char text[FORMAT_MAX + 8];

	snprintf(text, sizeof text, "floor %s", floor);
	table_cell(t, *why ? why : *floor ? text : "-", why);
}

static void log_row(struct table *t, const struct json *line)
{
	const struct json *floor = json_get(line, "floor");
	char number[FORMAT_MAX];

	time_cell(t, json_get_int(line, "at", 0));
	who_cell(t, line);
	text_cell(t, line, "what");
	text_cell(t, line, "image");
	text_cell(t, line, "channel");
	text_cell(t, line, "host");
	version_cell(t, json_get(line, "from"));
	version_cell(t, json_get(line, "to"));
	snprintf(number, sizeof number, "%" PRId64, json_int(floor, 0));
	why_cell(t, json_get_str(line, "why", ""), json_is_int(floor) ? number : "");
	table_cell(t, json_is_int(floor) ? number : "-", json_is_int(floor) ? number : "");
	text_cell(t, line, "manifest");
}

int verb_image_log(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "limit", required_argument, NULL, 'l' },
		{ 0 },
	};
	char path[sizeof "/api/v1/images/log?image=&limit=" + MANIFEST_NAME_MAX + 24];
	char name[3 * MANIFEST_NAME_MAX];
	uint64_t limit = LOG_FEW;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'l')
			return ctl_usage(c, NULL);
		if (!format_parse_number(optarg, LOG_MAX, &limit))
			return ctl_usage(c, "--limit takes a number from 1 to %d", LOG_MAX);
	}
	if (argc - optind > 1)
		return ctl_usage(c, "one image, or none for all");
	if (optind < argc && !manifest_name_ok(argv[optind]))
		return ctl_fail(CTL_NOT_FOUND, "there is no image '%s'", argv[optind]);
	snprintf(path, sizeof path, "/api/v1/images/log?limit=%" PRIu64 "%s%.150s", limit,
		optind < argc ? "&image=" : "",
		optind < argc ? image_ref_escape(argv[optind], name, sizeof name) : "");
	return print_rows(c, path, "log", log_columns, ARRAY_LEN(log_columns), log_row,
		"nothing was changed yet");
}
