/* key.c: signing keys in minisign's format: generate, list, show. Needs no server. */
#include "server/ctl/key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/json.h"
#include "images/manifest.h"
#include "server/bytes.h"
#include "server/ctl/ctl.h"
#include "server/ctl/table.h"
#include "server/ctl/text.h"
#include "server/ctl/verbs.h"

#define SECRET ".key"
#define PUBLIC ".pub"

/* ---- the key folder ---- */

static int find_dir(char out[PATH_MAX])
{
	const char *dir = getenv("MUSTER_KEYS"), *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	int n;

	if (dir && *dir)
		n = snprintf(out, PATH_MAX, "%s", dir);
	else if (config && *config)
		n = snprintf(out, PATH_MAX, "%s/muster/keys", config);
	else if (home && *home)
		n = snprintf(out, PATH_MAX, "%s/.config/muster/keys", home);
	else
		return -ENOENT;
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int default_dir(char out[PATH_MAX])
{
	int rc = find_dir(out);

	if (rc == -ENOENT)
		return ctl_fail(CTL_USAGE, "no HOME: give the key folder by --dir or MUSTER_KEYS");
	return rc ? ctl_fail(CTL_FAILED, "the key folder's path is too long") : CTL_OK;
}

int key_make_dirs(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s", dir);
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
		*p = c;
		if (!c)
			return CTL_OK;
	}
}

static int join(const char *dir, const char *name, const char *suffix, char out[PATH_MAX])
{
	if (snprintf(out, PATH_MAX, "%s/%s%s", dir, name, suffix) >= PATH_MAX)
		return ctl_fail(CTL_FAILED, "%s/%s%s: too long", dir, name, suffix);
	return CTL_OK;
}

/* ---- reading ---- */

/* The whole file with a NUL, at most MINISIG_TEXT_MAX bytes. Returns its length or -errno. */
static ssize_t read_small(const char *path, char out[MINISIG_TEXT_MAX + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, out, MINISIG_TEXT_MAX + 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n > MINISIG_TEXT_MAX)
		return -EFBIG;
	if (n >= 0)
		out[n] = '\0';
	return n;
}

/* The file itself, else the key of that name in the key folder. `path` is what was read. */
static int read_key_text(const char *arg, const char *suffix, char path[PATH_MAX],
	char text[MINISIG_TEXT_MAX + 1], size_t *len)
{
	char dir[PATH_MAX];
	ssize_t n;
	int rc;

	snprintf(path, PATH_MAX, "%s", arg);
	n = read_small(path, text);
	if (n == -ENOENT && manifest_name_ok(arg)) {
		rc = default_dir(dir);
		if (!rc)
			rc = join(dir, arg, suffix, path);
		if (rc)
			return rc;
		n = read_small(path, text);
	}
	if (n == -ENOENT) {
		rc = ctl_fail(CTL_NOT_FOUND, "there is no key %s", arg);
		ctl_hint("muster key generate %s", manifest_name_ok(arg) ? arg : "NAME");
		return rc;
	}
	if (n < 0)
		return ctl_fail(CTL_FAILED, "%s: %s", path, strerror((int)-n));
	*len = (size_t)n;
	return CTL_OK;
}

int key_read_secret(const char *arg, struct minisig_secret *out)
{
	char path[PATH_MAX], text[MINISIG_TEXT_MAX + 1];
	size_t len;
	int rc = read_key_text(arg, SECRET, path, text, &len);

	if (rc)
		return rc;
	rc = minisig_secret_parse(text, len, out);
	explicit_bzero(text, sizeof text);
	if (!rc)
		return CTL_OK;
	if (rc == -ENOTSUP) {
		rc = ctl_fail(CTL_FAILED, "%s: locked with a pass phrase", path);
		ctl_hint(
			"sign with `minisign -S` itself, or remove the pass phrase: minisign -C -W -s %s",
			path);
		return rc;
	}
	return ctl_fail(CTL_FAILED, "%s: not a secret key, or a damaged one", path);
}

int key_read_public(const char *arg, struct minisig_public *out)
{
	char path[PATH_MAX], text[MINISIG_TEXT_MAX + 1];
	size_t len;
	int rc = read_key_text(arg, PUBLIC, path, text, &len);

	if (rc)
		return rc;
	rc = minisig_public_parse(text, len, out);
	explicit_bzero(text, sizeof text); /* it may be a secret key, given by mistake */
	return rc ? ctl_fail(CTL_FAILED, "%s: not a public key", path) : CTL_OK;
}

/* ---- generate ---- */

/* A new file, on disk before this returns; an existing one is never touched. */
static int write_new(const char *path, const char *text, mode_t mode)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	int rc = CTL_OK;

	if (fd < 0 && errno == EEXIST)
		return ctl_fail(CTL_CONFLICT, "%s exists already", path);
	if (fd < 0)
		return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
	errno = ENOSPC; /* what a short write means */
	if (write(fd, text, len) != (ssize_t)len || fsync(fd) < 0) {
		rc = ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
		unlink(path);
	}
	close(fd);
	return rc;
}

/* Both files or none. */
static int write_pair(const char *sec_path, const char *pub_path, const struct minisig_secret *sec,
	const struct minisig_public *pub)
{
	char text[MINISIG_TEXT_MAX];
	int rc;

	minisig_secret_print(sec, text);
	rc = write_new(sec_path, text, 0600);
	explicit_bzero(text, sizeof text);
	if (rc)
		return rc;
	minisig_public_print(pub, text);
	rc = write_new(pub_path, text, 0644);
	if (rc)
		unlink(sec_path);
	return rc;
}

static int generate(const struct ctl *c, const char *dir, const char *name)
{
	char sec_path[PATH_MAX], pub_path[PATH_MAX], id[17];
	struct minisig_secret sec;
	struct minisig_public pub;
	int rc = join(dir, name, SECRET, sec_path);

	if (!rc)
		rc = join(dir, name, PUBLIC, pub_path);
	if (!rc)
		rc = key_make_dirs(dir);
	if (rc)
		return rc;
	minisig_generate(&sec, &pub);
	rc = write_pair(sec_path, pub_path, &sec, &pub);
	minisig_wipe(&sec);
	if (rc)
		return rc;
	minisig_id_hex(pub.id, id);
	if (c->format == CTL_NAME)
		puts(id);
	else
		printf("key %s\nsecret  %s\npublic  %s\n", id, sec_path, pub_path);
	fprintf(stderr, "Keep the secret file off the server and safe: it is not encrypted.\n");
	return CTL_OK;
}

/* --dir, and exactly so many other arguments. */
static int take_args(const struct ctl *c, int argc, char **argv, int want, char dir[PATH_MAX])
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ 0 },
	};
	bool given = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'd')
			return ctl_usage(c, NULL);
		if (!*optarg || snprintf(dir, PATH_MAX, "%s", optarg) >= PATH_MAX)
			return ctl_usage(c, "--dir takes a folder");
		given = true;
	}
	if (argc - optind != want)
		return ctl_usage(c, argc - optind < want ? "something is missing" : "too much");
	return given ? CTL_OK : default_dir(dir);
}

static int start_sodium(void)
{
	return minisig_init() ? ctl_fail(CTL_FAILED, "libsodium does not start") : CTL_OK;
}

int verb_key_generate(struct ctl *c, int argc, char **argv)
{
	char dir[PATH_MAX];
	int rc = take_args(c, argc, argv, 1, dir);

	if (!rc)
		rc = start_sodium();
	if (rc)
		return rc;
	if (!manifest_name_ok(argv[optind]))
		return ctl_usage(c, "'%s' is no name: A-Z a-z 0-9 . _ + -", argv[optind]);
	return generate(c, dir, argv[optind]);
}

/* ---- list and show ---- */

static const struct column columns[] = {
	{ "NAME", COL_LEFT, COL_ALWAYS },
	{ "ID", COL_LEFT, COL_ALWAYS },
	{ "SECRET", COL_LEFT, COL_ALWAYS },
	{ "PUBLIC KEY", COL_LEFT, COL_WIDE },
};

/* One row for NAME.pub; a file that is no key is skipped with a word. */
static int list_one(const char *dir, const char *file, struct table *t, struct jw *w)
{
	char path[PATH_MAX], name[NAME_MAX + 1], id[17], b64[MINISIG_LINE];
	struct minisig_public pub;
	bool secret;

	if (join(dir, file, "", path) || key_read_public(path, &pub))
		return CTL_FAILED;
	snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - strlen(PUBLIC)), file);
	secret = !join(dir, name, SECRET, path) && access(path, F_OK) == 0;
	minisig_id_hex(pub.id, id);
	minisig_line_print(&pub, b64);
	table_cell(t, name, NULL);
	table_cell(t, id, NULL);
	table_cell(t, secret ? "yes" : "no", NULL);
	table_cell(t, b64, NULL);
	jw_obj(w, NULL);
	jw_str(w, "name", name);
	jw_str(w, "id", id);
	jw_bool(w, "secret", secret);
	jw_str(w, "public", b64);
	jw_end_obj(w);
	return CTL_OK;
}

static bool ends_with(const struct dirent *e, const char *end)
{
	size_t len = strlen(e->d_name), n = strlen(end);

	return e->d_name[0] != '.' && len > n && strcmp(e->d_name + len - n, end) == 0;
}

static int is_public(const struct dirent *e)
{
	return ends_with(e, PUBLIC);
}

static int is_secret(const struct dirent *e)
{
	return ends_with(e, SECRET);
}

void key_secrets(char dir[PATH_MAX], char *names, size_t size)
{
	struct dirent **files = NULL;
	struct text t = { .out = names, .size = size };
	int n;

	*dir = *names = 0;
	n = find_dir(dir) < 0 ? 0 : scandir(dir, &files, is_secret, alphasort);
	for (int i = 0; i < n; i++) {
		text_put(&t, "%s%s", i ? ", " : "", files[i]->d_name);
		free(files[i]);
	}
	free(files);
}

static int list(const struct ctl *c, const char *dir)
{
	struct dirent **files = NULL;
	struct table t;
	struct jw w = { 0 };
	int n = scandir(dir, &files, is_public, alphasort), rc = CTL_OK;

	if (n < 0 && errno != ENOENT)
		return ctl_fail(CTL_FAILED, "%s: %s", dir, strerror(errno));
	table_init(&t, c, columns, ARRAY_LEN(columns));
	jw_arr(&w, NULL);
	for (int i = 0; i < n; i++) {
		int one = list_one(dir, files[i]->d_name, &t, &w);

		rc = one ? one : rc;
		free(files[i]);
	}
	free(files);
	jw_end_arr(&w);
	if (w.bad)
		rc = ctl_fail(CTL_FAILED, "out of memory");
	else if (c->format == CTL_JSON)
		puts(w.buf);
	else
		table_print(&t);
	if (n <= 0)
		ctl_hint("no keys in %s: muster key generate NAME", dir);
	jw_fini(&w);
	table_fini(&t);
	return rc;
}

int verb_key_list(struct ctl *c, int argc, char **argv)
{
	char dir[PATH_MAX];
	int rc = take_args(c, argc, argv, 0, dir);

	if (!rc)
		rc = start_sodium();
	return rc ? rc : list(c, dir);
}

/* Public or secret, whichever the file holds; only the public half is ever shown. */
static int read_either(const char *arg, struct minisig_public *pub, bool *secret)
{
	char path[PATH_MAX], text[MINISIG_TEXT_MAX + 1];
	struct minisig_secret sec;
	size_t len;
	int rc = read_key_text(arg, PUBLIC, path, text, &len);

	if (rc)
		return rc;
	*secret = false;
	if (minisig_public_parse(text, len, pub) == 0)
		return CTL_OK;
	explicit_bzero(text, sizeof text);
	rc = key_read_secret(path, &sec);
	if (rc)
		return rc;
	*secret = true;
	minisig_public_of(&sec, pub);
	minisig_wipe(&sec);
	return CTL_OK;
}

static int show_json(const char *id, const char *b64, bool secret)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "id", id);
	jw_str(&w, "public", b64);
	jw_bool(&w, "secret", secret);
	jw_end_obj(&w);
	return ctl_print_json(&w);
}

int verb_key_show(struct ctl *c, int argc, char **argv)
{
	char id[17], b64[MINISIG_LINE];
	struct minisig_public pub;
	bool secret;
	int rc;

	if (argc != 2 || argv[1][0] == '-')
		return ctl_usage(c, "a key file, or the name of a key");
	rc = start_sodium();
	if (!rc)
		rc = read_either(argv[1], &pub, &secret);
	if (rc)
		return rc;
	minisig_id_hex(pub.id, id);
	minisig_line_print(&pub, b64);
	if (c->format == CTL_JSON)
		return show_json(id, b64, secret);
	if (c->format == CTL_NAME)
		puts(id);
	else if (c->format == CTL_CSV)
		printf("id,public,secret\n%s,%s,%s\n", id, b64, secret ? "yes" : "no");
	else
		printf("id      %s\npublic  %s\nfile    %s\n", id, b64,
			secret ? "secret key" : "public key");
	return CTL_OK;
}
