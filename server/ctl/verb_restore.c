/* verb_restore.c: `muster restore FILE`: offline; what a backup holds becomes a server's state. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/bytes.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/restore.h"
#include "server/ctl/verbs.h"

#define CONFIG "/etc/muster/muster.conf"

enum { OPT_CHECK = 256, OPT_REPLACE, OPT_STATE, OPT_CONFIG, OPT_KEEP, OPT_AUDIT };

static const struct option options[] = {
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "replace", no_argument, NULL, OPT_REPLACE },
	{ "state-dir", required_argument, NULL, OPT_STATE },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "keep-config", no_argument, NULL, OPT_KEEP },
	{ "any-audit", no_argument, NULL, OPT_AUDIT },
	{ 0 },
};

struct wish {
	const char *file, *state, *config;
	bool check, replace, keep_config, any_audit;
};

static int read_wish(struct ctl *c, int argc, char **argv, struct wish *w)
{
	int o;

	*w = (struct wish){ .config = CONFIG };
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case OPT_CHECK:
			w->check = true;
			break;
		case OPT_REPLACE:
			w->replace = true;
			break;
		case OPT_STATE:
			w->state = optarg;
			break;
		case OPT_CONFIG:
			w->config = optarg;
			break;
		case OPT_KEEP:
			w->keep_config = true;
			break;
		case OPT_AUDIT:
			w->any_audit = true;
			break;
		default:
			return ctl_usage(c, NULL);
		}
	}
	if (optind + 1 != argc)
		return ctl_usage(c, optind == argc ? "which file?" : "one file only");
	w->file = argv[optind];
	return CTL_OK;
}

/* ---- what it holds ---- */

struct missing {
	const char *blobs; /* the folder of those that are here, or NULL */
	const struct json *image;
	struct jw *json;
	uint64_t files, bytes; /* of that image */
	size_t images;
};

static void end_image(struct missing *m)
{
	const char *name = json_get_str(m->image, "name", "?"),
		   *version = json_get_str(m->image, "version", "?");
	char size[FORMAT_MAX], text[400];

	if (!m->files)
		return;
	m->images++;
	if (m->json) {
		jw_obj(m->json, NULL);
		jw_str(m->json, "name", name);
		jw_str(m->json, "version", version);
		jw_int(m->json, "files", (int64_t)m->files);
		jw_int(m->json, "bytes", (int64_t)m->bytes);
		jw_end_obj(m->json);
	} else {
		if (m->images == 1)
			printf("import    files of images are not in it: muster image import, for\n");
		snprintf(text, sizeof text, "%s@%s: %" PRIu64 " file%s, %s", name, version,
			m->files, m->files == 1 ? "" : "s", format_bytes(m->bytes, size));
		printf("          %s\n", format_clean(text));
	}
	m->files = m->bytes = 0;
}

static void on_image_file(void *arg, const struct json *image, const struct json *file)
{
	struct missing *m = arg;
	char path[PATH_MAX];

	if (image != m->image)
		end_image(m);
	m->image = image;
	snprintf(path, sizeof path, "%s/%s", m->blobs ? m->blobs : "",
		json_get_str(file, "digest", ""));
	if (m->blobs && access(path, F_OK) == 0)
		return;
	m->files++;
	m->bytes += (uint64_t)json_get_int(file, "length", 0);
}

/* Images whose files have to be imported again. */
static size_t put_missing(const struct backup_file *b, const char *blobs, struct jw *json)
{
	struct missing m = { .blobs = blobs, .json = json };

	backup_image_files(b, on_image_file, &m);
	end_image(&m);
	return m.images;
}

static void put_held(const struct backup_file *b)
{
	static const struct {
		const char *key, *one, *many;
	} what[] = { { "hosts", "host", "hosts" }, { "leases", "lease", "leases" },
		{ "boots", "boot", "boots" }, { "tokens", "token", "tokens" },
		{ "roots", "root", "roots" }, { "channels", "channel", "channels" },
		{ "audit", "change in the audit log", "changes in the audit log" } };

	printf("holds     ");
	for (size_t i = 0; i < ARRAY_LEN(what); i++) {
		const int64_t n = json_get_int(b->held, what[i].key, 0);

		printf("%s%" PRId64 " %s", i ? ", " : "", n, n == 1 ? what[i].one : what[i].many);
	}
	putchar('\n');
	if (json_get_str(b->held, "audit_damage", NULL))
		printf("damaged   %s\n", json_get_str(b->held, "audit_damage", ""));
}

static void put_about(const struct backup_file *b)
{
	const time_t made = (time_t)(json_get_int(b->about, "made_at", 0) / 1000);
	char name[80], version[80], date[64];
	struct tm tm;

	strftime(date, sizeof date, "%F %T UTC", gmtime_r(&made, &tm));
	snprintf(name, sizeof name, "%s", json_get_str(b->about, "server", "?"));
	snprintf(version, sizeof version, "%s", json_get_str(b->about, "muster", "?"));
	printf("server    %s, of %s, by muster %s, schema %" PRId64 "\n", format_clean(name), date,
		format_clean(version), json_get_int(b->held, "schema", 0));
	put_held(b);
	printf("key       the site's private key is %sin it\n", b->has_key ? "" : "not ");
}

static int print_json(const struct backup_file *b, const char *blobs)
{
	static const char *const about[] = { "server", "muster", "state_dir", "user" };
	static const char *const held[] = { "schema", "hosts", "leases", "boots", "tokens", "roots",
		"channels", "audit" };
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(about); i++)
		jw_str(&w, about[i], json_get_str(b->about, about[i], NULL));
	jw_int(&w, "made_at", json_get_int(b->about, "made_at", 0));
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		jw_int(&w, held[i], json_get_int(b->held, held[i], 0));
	jw_str(&w, "audit_damage", json_get_str(b->held, "audit_damage", NULL));
	jw_bool(&w, "key", b->has_key);
	jw_arr(&w, "import");
	put_missing(b, blobs, &w);
	jw_end_arr(&w);
	jw_end_obj(&w);
	return ctl_print_json(&w);
}

/* ---- --check ---- */

static int check(struct ctl *c, const struct wish *w, struct backup_file *b)
{
	const char *tmp = getenv("TMPDIR");
	const struct passwd *nobody = geteuid() == 0 ? getpwnam("nobody") : NULL;
	char dir[PATH_MAX];
	int rc;

	snprintf(dir, sizeof dir, "%s/muster-check-XXXXXX", tmp && *tmp ? tmp : "/var/tmp");
	if (!mkdtemp(dir))
		return ctl_fail(CTL_FAILED, "%s: %s", dir, strerror(errno));
	rc = backup_unpack(b, dir, nobody);
	place_remove(dir);
	if (rc)
		return rc;
	if (c->format == CTL_JSON)
		return print_json(b, NULL);
	printf("%s: whole\n", w->file);
	put_about(b);
	put_missing(b, NULL, NULL);
	return CTL_OK;
}

/* ---- restoring ---- */

static int find_user(const struct backup_file *b, const struct passwd **out)
{
	const char *name = json_get_str(b->about, "user", "");

	*out = NULL;
	if (geteuid() != 0)
		return CTL_OK;
	*out = getpwnam(name);
	if (*out)
		return CTL_OK;
	ctl_fail(CTL_FAILED, "there is no user '%s', whom the server's files belong to", name);
	ctl_hint("adduser --system --group %s", name);
	return CTL_FAILED;
}

static int find_place(const struct wish *w, const struct backup_file *b, struct place *p)
{
	const char *state = w->state ? w->state : json_get_str(b->about, "state_dir", "");
	const time_t now = time(NULL);
	size_t n;
	struct tm tm;

	*p = (struct place){ .lock = -1, .fresh_lock = -1, .replace = w->replace };
	if (*state != '/' || strstr(state, "/../") || strlen(state) >= sizeof p->state / 2 ||
		strlen(w->config) >= sizeof p->config / 2)
		return ctl_fail(CTL_USAGE, "'%s' is no folder for a server: --state-dir", state);
	snprintf(p->state, sizeof p->state, "%s", state);
	for (n = strlen(p->state); n > 1 && p->state[n - 1] == '/'; n--)
		p->state[n - 1] = 0;
	if (!w->keep_config)
		snprintf(p->config, sizeof p->config, "%s", w->config);
	strftime(p->stamp, sizeof p->stamp, "%Y-%m-%d-%H%M%S", gmtime_r(&now, &tm));
	return find_user(b, &p->user);
}

static void say_done(const struct place *p, const struct backup_file *b)
{
	char blobs[PATH_MAX + 16];

	printf("%s: restored", p->state);
	if (*p->state_kept)
		printf("; what was there is %s", p->state_kept);
	putchar('\n');
	if (*p->config)
		printf("%s: %s\n", p->config, p->config_put ? "restored" : "is as it was");
	put_about(b);
	snprintf(blobs, sizeof blobs, "%s/blobs/sha256", p->state);
	put_missing(b, blobs, NULL);
	if (!p->has_key)
		printf("          hosts refuse a server with another key: put the old one to\n"
		       "          %s/keys/site.key before the start, or build the agent anew:\n"
		       "          muster image build agent --site %s/keys/site.pub\n",
			p->state, p->state);
	printf("next      musterd -T says what this machine lacks (interface, certificate);\n"
	       "          systemctl start musterd; muster doctor\n");
}

static int restore(struct ctl *c, const struct wish *w, struct backup_file *b)
{
	struct place p;
	char blobs[PATH_MAX + 16];
	int rc = find_place(w, b, &p);

	if (!rc)
		rc = place_open(&p);
	if (!rc)
		rc = backup_unpack(b, p.fresh, p.user);
	if (!rc)
		rc = place_put(&p, b);
	place_close(&p);
	if (rc)
		return rc;
	snprintf(blobs, sizeof blobs, "%s/blobs/sha256", p.state);
	if (c->format == CTL_JSON)
		return print_json(b, blobs);
	say_done(&p, b);
	return CTL_OK;
}

int verb_restore(struct ctl *c, int argc, char **argv)
{
	struct backup_file b;
	struct wish w;
	int rc = read_wish(c, argc, argv, &w);

	if (rc)
		return rc;
	rc = backup_open(w.file, &b);
	b.any_audit = w.any_audit;
	if (!rc)
		rc = w.check ? check(c, &w, &b) : restore(c, &w, &b);
	backup_fini(&b);
	return rc;
}
