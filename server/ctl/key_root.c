/*
 * key_root.c: who may sign. `muster key root` makes the first root, `rotate` the next one, `verify`
 * walks all of a folder. They sign nothing: that is `muster key sign`, on the machine of each
 * signer. All of it needs no server.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "images/json.h"
#include "server/bytes.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/key.h"
#include "server/ctl/root_dir.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"

#define VALID_S (730 * 86400ULL)
#define PUBLIC	".pub"

/* Names of keys, as they were given. */
struct names {
	const char *v[ROOT_KEYS_MAX];
	size_t n;
};

struct change {
	const char *dir;
	struct names add, remove, lost;
	uint64_t threshold, valid_s; /* 0: not given */
};

/* ---- arguments; long options' values are places in `lists` from 0 on ---- */

static int take_change_args(
	const struct ctl *c, int argc, char **argv, const struct option *options, struct change *ch)
{
	struct names *const lists[] = { &ch->add, &ch->remove, &ch->lost };
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 't' && !format_parse_number(optarg, ROOT_KEYS_MAX, &ch->threshold))
			return ctl_usage(c, "--threshold takes 1 to %d", ROOT_KEYS_MAX);
		if (opt == 'v' && !format_parse_validity(optarg, &ch->valid_s))
			return ctl_usage(c, "--valid takes days or hours, as in 730d or 12h");
		if (opt == '?')
			return ctl_usage(c, NULL);
		if (opt >= (int)ARRAY_LEN(lists))
			continue;
		if (lists[opt]->n == ROOT_KEYS_MAX)
			return ctl_usage(c, "at most %d keys", ROOT_KEYS_MAX);
		lists[opt]->v[lists[opt]->n++] = optarg;
	}
	if (argc - optind != 1)
		return ctl_usage(c, "which folder of roots?");
	ch->dir = argv[optind];
	return minisig_init() ? ctl_fail(CTL_FAILED, "libsodium does not start") : CTL_OK;
}

/* ---- a changed set of keys ---- */

/* The key's name in the root is its file's, without folder and ending. */
static int add_key(const char *arg, struct root *r)
{
	const char *slash = strrchr(arg, '/'), *base = slash ? slash + 1 : arg;
	size_t len = strlen(base), end = strlen(PUBLIC);
	char name[STRICT_NAME_MAX + 4];

	if (r->n_keys == ROOT_KEYS_MAX)
		return ctl_fail(CTL_CONFLICT, "a root has at most %d keys", ROOT_KEYS_MAX);
	if (len > end && strcmp(base + len - end, PUBLIC) == 0)
		len -= end;
	snprintf(name, sizeof name, "%.*s", (int)len, base);
	if (!strict_name_ok(name))
		return ctl_fail(CTL_FAILED, "'%s' is no name for a key: A-Z a-z 0-9 . _ + -", name);
	if (key_read_public(arg, &r->keys[r->n_keys]))
		return CTL_FAILED;
	memcpy(r->names[r->n_keys++], name, strlen(name) + 1);
	return CTL_OK;
}

static int remove_key(const char *name, struct root *r)
{
	for (size_t i = 0; i < r->n_keys; i++) {
		if (strcmp(r->names[i], name) != 0)
			continue;
		r->n_keys--;
		memmove(r->names[i], r->names[i + 1], (r->n_keys - i) * sizeof r->names[0]);
		memmove(&r->keys[i], &r->keys[i + 1], (r->n_keys - i) * sizeof r->keys[0]);
		memset(r->names[r->n_keys], 0, sizeof r->names[0]);
		memset(&r->keys[r->n_keys], 0, sizeof r->keys[0]);
		return CTL_OK;
	}
	return ctl_fail(CTL_NOT_FOUND, "root %" PRIu64 " has no key %s", r->version, name);
}

static int change_keys(const struct change *ch, struct root *r)
{
	int rc = CTL_OK;

	for (size_t i = 0; !rc && i < ch->lost.n; i++)
		rc = remove_key(ch->lost.v[i], r);
	if (!rc && r->version && r->n_keys < r->threshold) {
		ctl_fail(CTL_CONFLICT,
			"root %" PRIu64 " wants %zu signatures and only %zu of its keys are left",
			r->version, r->threshold, r->n_keys);
		ctl_hint("nothing can follow it: make a new first root in another folder, and "
			 "agents that carry it");
		return CTL_CONFLICT;
	}
	for (size_t i = 0; !rc && i < ch->remove.n; i++)
		rc = remove_key(ch->remove.v[i], r);
	for (size_t i = 0; !rc && i < ch->add.n; i++)
		rc = add_key(ch->add.v[i], r);
	return rc;
}

static int write_root(const struct change *ch, struct root *r, struct image_text *t)
{
	char file[NAME_MAX + 1], err[160];
	struct root back;
	int n, rc;

	if (ch->threshold)
		r->threshold = ch->threshold;
	r->version++;
	r->expires_s = (uint64_t)time(NULL) + (ch->valid_s ? ch->valid_s : VALID_S);
	n = root_print(r, t->text, sizeof t->text);
	if (n < 0)
		return ctl_fail(CTL_FAILED, "the root would be too long");
	t->len = (size_t)n;
	if (root_parse(t->text, t->len, &back, err, sizeof err))
		return ctl_fail(CTL_CONFLICT, "this would be no root: %s", err);
	rc = key_make_dirs(ch->dir);
	root_dir_file(r->version, file);
	if (!rc)
		rc = image_dir_drop_signatures(ch->dir, file);
	return rc ? rc : image_dir_write(ch->dir, file, t->text, t->len);
}

static void print_signers(const struct root *r)
{
	printf("%zu of these must sign it:", r->threshold);
	for (size_t i = 0; i < r->n_keys; i++)
		printf(" %s", r->names[i]);
	putchar('\n');
}

static int make_root(const struct ctl *c, const struct change *ch, struct root *r)
{
	static struct image_text t;
	const struct root before = *r;
	char file[NAME_MAX + 1], day[FORMAT_MAX];
	int rc = change_keys(ch, r);

	if (!rc)
		rc = write_root(ch, r, &t);
	if (rc)
		return rc;
	root_dir_file(r->version, file);
	if (c->format == CTL_NAME) {
		printf("%s/%s\n", ch->dir, file);
		return CTL_OK;
	}
	printf("root %" PRIu64 " is in %s/%s, valid until %s\n", r->version, ch->dir, file,
		format_date(r->expires_s, day));
	print_signers(r);
	if (before.version)
		print_signers(&before);
	ctl_hint("muster key sign %s/%s --key NAME", ch->dir, file);
	return CTL_OK;
}

int verb_key_root(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 0 },
		{ "threshold", required_argument, NULL, 't' },
		{ "valid", required_argument, NULL, 'v' },
		{ 0 },
	};
	struct root r = { .threshold = 1 };
	struct change ch = { 0 };
	uint64_t first, last;
	int rc = take_change_args(c, argc, argv, options, &ch);

	if (rc)
		return rc;
	if (!ch.add.n)
		return ctl_usage(c, "--key says whose signatures shall count");
	rc = root_dir_range(ch.dir, &first, &last);
	if (rc)
		return rc;
	if (last) {
		ctl_fail(CTL_CONFLICT, "%s has root %" PRIu64 " already", ch.dir, last);
		ctl_hint("muster key rotate %s", ch.dir);
		return CTL_CONFLICT;
	}
	return make_root(c, &ch, &r);
}

/* All roots so far must be good: nothing can follow one that is not signed yet. */
int verb_key_rotate(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "add", required_argument, NULL, 0 },
		{ "remove", required_argument, NULL, 1 },
		{ "lost", required_argument, NULL, 2 },
		{ "threshold", required_argument, NULL, 't' },
		{ "valid", required_argument, NULL, 'v' },
		{ 0 },
	};
	struct change ch = { 0 };
	struct root_walk walk;
	int rc = take_change_args(c, argc, argv, options, &ch);

	if (!rc)
		rc = root_dir_walk(ch.dir, &walk);
	return rc ? rc : make_root(c, &ch, &walk.root);
}

/* ---- verify ---- */

static const struct column columns[] = {
	{ "NAME", COL_LEFT, COL_ALWAYS },
	{ "ID", COL_LEFT, COL_ALWAYS },
	{ "PUBLIC KEY", COL_LEFT, COL_WIDE },
};

static void print_keys(const struct ctl *c, const struct root *r)
{
	struct table t;

	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < r->n_keys; i++) {
		char id[17], line[MINISIG_LINE];

		minisig_id_hex(r->keys[i].id, id);
		minisig_line_print(&r->keys[i], line);
		table_cell(&t, r->names[i], NULL);
		table_cell(&t, id, NULL);
		table_cell(&t, line, NULL);
	}
	table_print(&t);
	table_fini(&t);
}

static int print_json(const struct root *r)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_int(&w, "version", (int64_t)r->version);
	jw_int(&w, "expires", (int64_t)r->expires_s);
	jw_int(&w, "threshold", (int64_t)r->threshold);
	jw_arr(&w, "keys");
	for (size_t i = 0; i < r->n_keys; i++) {
		char line[MINISIG_LINE];

		minisig_line_print(&r->keys[i], line);
		jw_obj(&w, NULL);
		jw_str(&w, "name", r->names[i]);
		jw_str(&w, "public", line);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	return ctl_print_json(&w);
}

int verb_key_verify(struct ctl *c, int argc, char **argv)
{
	char day[FORMAT_MAX];
	struct root_walk walk;
	const struct root *r = &walk.root;
	int rc;

	if (argc != 2 || argv[1][0] == '-')
		return ctl_usage(c, "which folder of roots?");
	if (minisig_init())
		return ctl_fail(CTL_FAILED, "libsodium does not start");
	rc = root_dir_walk(argv[1], &walk);
	if (rc)
		return rc;
	if (r->expires_s <= (uint64_t)time(NULL)) {
		ctl_fail(CTL_FAILED, "%s: %s: %s, on %s", argv[1],
			verdict_code(VERDICT_ROOT_EXPIRED), verdict_text(VERDICT_ROOT_EXPIRED),
			format_date(r->expires_s, day));
		ctl_hint("muster key rotate %s", argv[1]);
		return CTL_FAILED;
	}
	if (c->format == CTL_JSON)
		return print_json(r);
	if (c->format == CTL_TABLE || c->format == CTL_WIDE)
		printf("good: root %" PRIu64 ", %zu of %zu keys must sign, valid until %s\n",
			r->version, r->threshold, r->n_keys, format_date(r->expires_s, day));
	print_keys(c, r);
	return CTL_OK;
}
