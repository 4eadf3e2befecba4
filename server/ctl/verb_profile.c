/* verb_profile.c: `muster profile list|show|add|set|rm`, and `muster host show --told`. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/batch.h"
#include "server/ctl/client.h"
#include "server/ctl/format.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"

#define WORDS_MAX 64 /* options of one change */

/* Names go into a path as they are. */
static bool name_ok(const char *name)
{
	return *name && strlen(name) < 64 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") ==
		       strlen(name);
}

/* ---- list, show ---- */

int verb_profile_list(struct ctl *c, int argc, char **argv)
{
	static const struct column columns[] = {
		{ "PROFILE", COL_LEFT, COL_ALWAYS },
		{ "HOSTS", COL_RIGHT, COL_ALWAYS },
		{ "RULES", COL_RIGHT, COL_ALWAYS },
		{ "VALUES", COL_RIGHT, COL_ALWAYS },
		{ "FILES", COL_RIGHT, COL_ALWAYS },
		{ "ARGS", COL_LEFT, COL_ALWAYS },
	};
	const struct json *profiles;
	struct answer a = { 0 };
	struct table t;
	char number[FORMAT_MAX];
	int rc;

	(void)argv;
	if (argc > 1)
		return ctl_usage(c, "this takes no arguments");
	rc = client_get(c, "/api/v1/profiles", &a);
	if (rc)
		return rc;
	profiles = json_get(a.doc, "profiles");
	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < json_len(profiles); i++) {
		const struct json *p = json_at(profiles, i);
		const uint64_t numbers[] = { (uint64_t)json_get_int(p, "hosts", 0),
			(uint64_t)json_get_int(p, "rules", 0), json_len(json_get(p, "values")),
			json_len(json_get(p, "files")) };

		table_cell(&t, json_get_str(p, "name", "?"), NULL);
		for (size_t n = 0; n < ARRAY_LEN(numbers); n++)
			table_cell(&t, format_count(numbers[n], number), NULL);
		table_cell(&t, json_get_str(p, "args", "-"), json_get_str(p, "args", ""));
	}
	if (c->format == CTL_JSON)
		puts(a.text);
	else
		table_print(&t);
	table_fini(&t);
	answer_fini(&a);
	return CTL_OK;
}

/* Text of people, line by line, each one clean. */
static void put_text(const char *text)
{
	char *copy = strdup(text), *rest = copy, *line;

	while (copy && (line = strsep(&rest, "\n"))) {
		for (char *s = line; *s; s++)
			*s = *s == '\t' ? ' ' : *s;
		if (rest || *line) /* the last LF begins no line */
			printf("    %s\n", format_clean(line));
	}
	free(copy);
}

static void put_file(const char *path, const struct json *f)
{
	printf("  file         %s, mode %s\n", path, json_get_str(f, "mode", "?"));
	put_text(json_get_str(f, "content", ""));
}

static void show_profile(const struct json *p)
{
	const struct json *values = json_get(p, "values"), *files = json_get(p, "files"), *v;
	const char *key;

	printf("%s  of %" PRId64 " hosts and %" PRId64 " rules\n", json_get_str(p, "name", "?"),
		json_get_int(p, "hosts", 0), json_get_int(p, "rules", 0));
	if (*json_get_str(p, "args", ""))
		printf("  args         %s\n", json_get_str(p, "args", ""));
	for (size_t i = 0; (v = json_member(values, i, &key)); i++)
		printf("  %-12s %s%s%s\n", i ? "" : "values", key, json_bool(v, false) ? "" : "=",
			json_bool(v, false) ? ": each host's own" : json_str(v, "(not shown)"));
	for (size_t i = 0; (v = json_member(files, i, &key)); i++)
		put_file(key, v);
}

static void show_told(const struct json *told)
{
	const struct json *files = json_get(told, "files");
	const char *profile = json_get_str(told, "profile", ""),
		   *rule = json_get_str(told, "rule", "");

	if (!*profile) {
		printf("%s  is told nothing: it has no profile\n", json_get_str(told, "host", "?"));
		return;
	}
	printf("%s  profile %s%s%s%s\n", json_get_str(told, "host", "?"), profile,
		*rule ? " (rule " : "", rule, *rule ? ")" : "");
	if (*json_get_str(told, "args", ""))
		printf("  args         %s\n", json_get_str(told, "args", ""));
	for (size_t i = 0; i < json_len(files); i++)
		put_file(json_get_str(json_at(files, i), "path", "?"), json_at(files, i));
}

/* GET the path and show it by fn. */
static int show(struct ctl *c, const char *path, void (*fn)(const struct json *doc))
{
	struct answer a = { 0 };
	int rc = client_get(c, path, &a);

	if (!rc && c->format == CTL_JSON)
		puts(a.text);
	else if (!rc)
		fn(a.doc);
	answer_fini(&a);
	return rc;
}

int profile_show_told(struct ctl *c, const char *host, const char *profile)
{
	char path[220];

	if (profile && !name_ok(profile))
		return ctl_fail(CTL_NOT_FOUND, "there is no profile '%s'", profile);
	snprintf(path, sizeof path, "/api/v1/hosts/%.63s/told%s%s", host,
		profile ? "?profile=" : "", profile ? profile : "");
	return show(c, path, show_told);
}

int verb_profile_show(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "host", required_argument, NULL, 'h' }, { 0 } };
	const char *host = NULL;
	char path[128];
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'h')
			return ctl_usage(c, NULL);
		host = optarg;
	}
	if (argc - optind != 1)
		return ctl_usage(c, "which profile? One at a time");
	if (!name_ok(argv[optind]))
		return ctl_fail(CTL_NOT_FOUND, "there is no profile '%s'", argv[optind]);
	if (host && !name_ok(host))
		return ctl_fail(CTL_NOT_FOUND, "there is no host '%s'", host);
	if (host)
		return profile_show_told(c, host, argv[optind]);
	snprintf(path, sizeof path, "/api/v1/profiles/%s", argv[optind]);
	return show(c, path, show_profile);
}

/* ---- changes ---- */

enum {
	OPT_VALUE = 256,
	OPT_REQUIRE,
	OPT_NO_VALUE,
	OPT_FILE,
	OPT_NO_FILE,
	OPT_ARGS,
	OPT_NO_ARGS,
	OPT_DRY_RUN
};

struct change {
	const char *args;
	bool no_args, dry_run;
	size_t n;
	struct {
		int option;
		const char *word;
	} words[WORDS_MAX]; /* values and files, as they came */
};

#define WHAT                                                                                       \
	{ "value", required_argument, NULL, OPT_VALUE },                                           \
		{ "require", required_argument, NULL, OPT_REQUIRE },                               \
		{ "file", required_argument, NULL, OPT_FILE },                                     \
		{ "args", required_argument, NULL, OPT_ARGS },                                     \
	{                                                                                          \
		"dry-run", no_argument, NULL, OPT_DRY_RUN                                          \
	}

static const struct option add_options[] = { WHAT, { 0 } };
static const struct option set_options[] = { WHAT,
	{ "no-value", required_argument, NULL, OPT_NO_VALUE },
	{ "no-file", required_argument, NULL, OPT_NO_FILE },
	{ "no-args", no_argument, NULL, OPT_NO_ARGS }, { 0 } };

/* "NAME=VALUE" and "PATH=FILE" have both halves, the others no '='. */
static int take_word(struct ctl *c, struct change *ch, int o, const char *word)
{
	const bool pair = o == OPT_VALUE || o == OPT_FILE;
	const char *equals = strchr(word, '=');

	if (pair && (!equals || equals == word || !equals[1]))
		return ctl_usage(c, "--%s, not '%s'",
			o == OPT_VALUE ? "value takes NAME=VALUE" : "file takes PATH[:MODE]=FILE",
			word);
	if (!pair && (equals || !*word))
		return ctl_usage(c, "a name alone is wanted, not '%s'", word);
	if (ch->n == WORDS_MAX)
		return ctl_usage(c, "at most %d values and files at once", WORDS_MAX);
	ch->words[ch->n].option = o;
	ch->words[ch->n++].word = word;
	return CTL_OK;
}

static int parse(struct ctl *c, int argc, char **argv, const struct option *options,
	struct change *ch, const char **name)
{
	int o, rc = CTL_OK;

	while (!rc && (o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o < OPT_VALUE)
			return ctl_usage(c, NULL);
		if (o == OPT_ARGS)
			ch->args = optarg;
		else if (o == OPT_NO_ARGS)
			ch->no_args = true;
		else if (o == OPT_DRY_RUN)
			ch->dry_run = true;
		else
			rc = take_word(c, ch, o, optarg);
	}
	if (rc)
		return rc;
	if (argc - optind != 1)
		return ctl_usage(c, "which profile? One at a time");
	if (ch->args && ch->no_args)
		return ctl_usage(c, "--args and --no-args exclude each other");
	*name = argv[optind];
	return CTL_OK;
}

/* Is a later word of the same kind about the same thing? Then that one counts. */
static bool is_overruled(const struct change *ch, size_t i, bool files)
{
	const size_t n = strcspn(ch->words[i].word, files ? ":=" : "=");

	for (size_t k = i + 1; k < ch->n; k++) {
		const bool file =
			ch->words[k].option == OPT_FILE || ch->words[k].option == OPT_NO_FILE;

		if (file == files && strcspn(ch->words[k].word, files ? ":=" : "=") == n &&
			!memcmp(ch->words[k].word, ch->words[i].word, n))
			return true;
	}
	return false;
}

static void put_values(struct jw *w, const struct change *ch)
{
	char name[128];

	jw_obj(w, "values");
	for (size_t i = 0; i < ch->n; i++) {
		const int o = ch->words[i].option;
		const char *word = ch->words[i].word;

		if (o == OPT_FILE || o == OPT_NO_FILE || is_overruled(ch, i, false))
			continue;
		snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
		if (o == OPT_REQUIRE)
			jw_bool(w, name, true);
		else
			jw_str(w, name, o == OPT_VALUE ? strchr(word, '=') + 1 : NULL);
	}
	jw_end_obj(w);
}

/* "PATH[:MODE]=FILE" */
static int put_one_file(struct jw *w, const char *word)
{
	const char *equals = strchr(word, '='), *colon = memchr(word, ':', (size_t)(equals - word));
	const char *end = colon ? colon : equals;
	char path[256], mode[16];
	size_t len;
	char *text = batch_file(equals + 1, &len);

	if (!text)
		return CTL_FAILED;
	if (len > 60 * 1024 || memchr(text, 0, len)) {
		free(text);
		return ctl_fail(CTL_FAILED, "%s is no text of at most 32 KiB", equals + 1);
	}
	text[len] = 0;
	snprintf(path, sizeof path, "%.*s", (int)(end - word), word);
	jw_obj(w, path);
	if (colon) {
		snprintf(mode, sizeof mode, "%.*s", (int)(equals - colon - 1), colon + 1);
		jw_str(w, "mode", mode);
	}
	jw_str(w, "content", text);
	jw_end_obj(w);
	free(text);
	return CTL_OK;
}

static int put_files(struct jw *w, const struct change *ch)
{
	int rc = CTL_OK;

	jw_obj(w, "files");
	for (size_t i = 0; !rc && i < ch->n; i++) {
		const int o = ch->words[i].option;

		if ((o != OPT_FILE && o != OPT_NO_FILE) || is_overruled(ch, i, true))
			continue;
		if (o == OPT_NO_FILE)
			jw_null(w, ch->words[i].word);
		else
			rc = put_one_file(w, ch->words[i].word);
	}
	jw_end_obj(w);
	return rc;
}

static int change(struct ctl *c, const char *method, const char *name, const struct change *ch)
{
	const bool add = !strcmp(method, "POST");
	struct answer a = { 0 };
	struct jw w = { 0 };
	char path[160];
	int rc;

	if (!add && !name_ok(name))
		return ctl_fail(CTL_NOT_FOUND, "there is no profile '%s'", name);
	snprintf(path, sizeof path, "/api/v1/profiles%s%s%s", add ? "" : "/", add ? "" : name,
		ch->dry_run ? "?dry_run=1" : "");
	jw_obj(&w, NULL);
	if (add)
		jw_str(&w, "name", name);
	if (ch->args || ch->no_args)
		jw_str(&w, "args", ch->args);
	put_values(&w, ch);
	rc = put_files(&w, ch);
	jw_end_obj(&w);
	if (!rc && w.bad)
		rc = ctl_fail(CTL_FAILED, "out of memory");
	if (!rc)
		rc = client_call(c, method, path, w.buf, &a);
	if (!rc)
		printf("profile %s: %s%s\n", name, ch->dry_run ? "would be " : "",
			add ? "added" : "changed");
	answer_fini(&a);
	jw_fini(&w);
	return rc;
}

int verb_profile_add(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	const char *name;
	int rc = parse(c, argc, argv, add_options, &ch, &name);

	return rc ? rc : change(c, "POST", name, &ch);
}

int verb_profile_set(struct ctl *c, int argc, char **argv)
{
	struct change ch = { 0 };
	const char *name;
	int rc = parse(c, argc, argv, set_options, &ch, &name);

	if (!rc && !ch.n && !ch.args && !ch.no_args)
		rc = ctl_usage(c,
			"what shall change? --value, --require, --args, --file, --no-value, "
			"--no-args or --no-file");
	return rc ? rc : change(c, "PATCH", name, &ch);
}

int verb_profile_rm(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "dry-run", no_argument, NULL, OPT_DRY_RUN },
		{ 0 } };
	struct change ch = { 0 };
	struct answer a = { 0 };
	const char *name;
	char path[160];
	int rc = parse(c, argc, argv, options, &ch, &name);

	if (rc)
		return rc;
	if (!name_ok(name))
		return ctl_fail(CTL_NOT_FOUND, "there is no profile '%s'", name);
	snprintf(path, sizeof path, "/api/v1/profiles/%s%s", name, ch.dry_run ? "?dry_run=1" : "");
	rc = client_call(c, "DELETE", path, NULL, &a);
	if (!rc)
		printf("profile %s: %sremoved\n", name, ch.dry_run ? "would be " : "");
	answer_fini(&a);
	return rc;
}
