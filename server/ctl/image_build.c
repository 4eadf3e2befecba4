/*
 * image_build.c: `muster image build RECIPE` (without a recipe: image_media.c) runs RECIPE.sh
 * OUTDIR, which leaves the image's files and image.json there; then hashes the files and writes
 * manifest.json, unsigned. Needs no server.
 *
 *   { "name": "kvm", "version": "6.1.192-2", "kind": "linux", "channel": "stable", "args": "...",
 *     "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" } ] }
 *
 * channel ("stable"), args and xen_args ("") may be left out; nothing else is known.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/json.h"
#include "server/bytes.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/verbs.h"

#define SPEC "image.json"

#define INSTALLED "share/muster/recipes" /* below the prefix that this program is in */

struct build {
	const char *recipe, *out, *recipes; /* recipes: the folder, or NULL for the usual ones */
	char **more;			    /* for the recipe */
	int n_more;
};

/* ---- the recipe ---- */

/* What can be run is a recipe; the rest (lib.sh) helps them. */
static void list_recipes(const char *dir)
{
	DIR *d = opendir(dir);

	if (!d) {
		ctl_hint("%s: %s", dir, strerror(errno));
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		size_t len = strlen(e->d_name);

		if (len > 3 && strcmp(e->d_name + len - 3, ".sh") == 0 &&
			faccessat(dirfd(d), e->d_name, X_OK, 0) == 0)
			ctl_hint("%s has %.*s", dir, (int)len - 3, e->d_name);
	}
	closedir(d);
}

/* PREFIX/share/muster/recipes, where this program is PREFIX/bin/muster. */
static void installed_recipes(char out[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	self[n < 0 ? 0 : n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(self, '/');

		if (slash)
			*slash = '\0';
	}
	if (snprintf(out, PATH_MAX, "%s/" INSTALLED, self) >= PATH_MAX)
		snprintf(out, PATH_MAX, "/usr/" INSTALLED);
}

/* The script's path: from --recipes alone, else from the first of the usual folders that has it. */
static int find_recipe(const struct build *b, char out[PATH_MAX])
{
	const char *env = getenv("MUSTER_RECIPES");
	char installed[PATH_MAX];
	const char *const usual[] = { env && *env ? env : NULL, installed, "images/recipes" };
	const char *const *dirs = b->recipes ? &b->recipes : usual;
	size_t n = b->recipes ? 1 : ARRAY_LEN(usual);

	installed_recipes(installed);
	for (size_t i = 0; i < n; i++) {
		if (!dirs[i])
			continue;
		if (snprintf(out, PATH_MAX, "%s/%s.sh", dirs[i], b->recipe) < PATH_MAX &&
			access(out, X_OK) == 0)
			return CTL_OK;
	}
	ctl_fail(CTL_NOT_FOUND, "there is no recipe %s", b->recipe);
	for (size_t i = 0; i < n; i++)
		if (dirs[i])
			list_recipes(dirs[i]);
	return CTL_NOT_FOUND;
}

/* In the child. The recipe talks; our standard output is for data. */
static void exec_recipe(const struct build *b, char *script, char *out)
{
	size_t n = (size_t)b->n_more;
	char **argv = calloc(n + 3, sizeof *argv);

	if (!argv || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(126);
	argv[0] = script;
	argv[1] = out;
	for (size_t i = 0; i < n; i++)
		argv[2 + i] = b->more[i];
	execv(script, argv);
	_exit(127);
}

static int run_recipe(const struct build *b, char *script, char *out)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return ctl_fail(CTL_FAILED, "fork: %s", strerror(errno));
	if (pid == 0)
		exec_recipe(b, script, out);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return ctl_fail(CTL_FAILED, "waitpid: %s", strerror(errno));
	if (WIFSIGNALED(status))
		return ctl_fail(CTL_FAILED, "%s: ended by signal %d", script, WTERMSIG(status));
	if (WEXITSTATUS(status))
		return ctl_fail(
			CTL_FAILED, "%s: failed, exit status %d", script, WEXITSTATUS(status));
	return CTL_OK;
}

/* ---- image.json -> struct manifest ---- */

static int fail_spec(const char *dir, const char *what)
{
	return ctl_fail(CTL_FAILED, "%s/" SPEC ": %s", dir, what);
}

/* Copy a value that the strict parser of the finished manifest will judge. */
static bool copy(char *out, size_t size, const char *s)
{
	return (size_t)snprintf(out, size, "%s", s) < size;
}

static bool known(const struct json *obj, const char *const *keys, size_t n)
{
	const char *key;

	for (size_t i = 0; json_member(obj, i, &key); i++) {
		size_t k = 0;

		while (k < n && strcmp(keys[k], key) != 0)
			k++;
		if (k == n)
			return false;
	}
	return json_is_object(obj);
}

static int take_files(const char *dir, const struct json *files, struct manifest *m)
{
	static const char *const keys[] = { "role", "name" };
	size_t n = json_len(files);

	if (!json_is_array(files) || n > MANIFEST_FILES_MAX)
		return fail_spec(dir, "files: not a list, or too long");
	for (size_t i = 0; i < n; i++) {
		const struct json *f = json_at(files, i);
		struct manifest_file *out = &m->files[i];

		if (!known(f, keys, ARRAY_LEN(keys)))
			return fail_spec(dir, "files: an unknown key");
		if (file_role_parse(json_get_str(f, "role", ""), &out->role))
			return fail_spec(dir, "files: role: not a known one");
		if (!copy(out->name, sizeof out->name, json_get_str(f, "name", "")) ||
			!manifest_name_ok(out->name))
			return fail_spec(dir, "files: name: not a file name");
	}
	m->n_files = n;
	return CTL_OK;
}

static int take_spec(const char *dir, const struct json *doc, struct manifest *m)
{
	static const char *const keys[] = { "name", "version", "kind", "channel", "args",
		"xen_args", "files" };

	if (!known(doc, keys, ARRAY_LEN(keys)))
		return fail_spec(dir, "an unknown key, or no object");
	if (image_kind_parse(json_get_str(doc, "kind", ""), &m->kind))
		return fail_spec(dir, "kind: not a known one");
	if (!copy(m->name, sizeof m->name, json_get_str(doc, "name", "")) ||
		!copy(m->version, sizeof m->version, json_get_str(doc, "version", "")) ||
		!copy(m->channel, sizeof m->channel, json_get_str(doc, "channel", "stable")) ||
		!copy(m->args, sizeof m->args, json_get_str(doc, "args", "")) ||
		!copy(m->xen_args, sizeof m->xen_args, json_get_str(doc, "xen_args", "")))
		return fail_spec(dir, "name, version, channel, args or xen_args: too long");
	return take_files(dir, json_get(doc, "files"), m);
}

static int read_spec(const char *dir, struct manifest *m)
{
	struct image_text t;
	struct json *doc;
	char err[200];
	int rc = image_dir_text(
		dir, SPEC, "the recipe writes it beside the files: name, version, kind, files", &t);

	if (rc)
		return rc;
	doc = json_read(t.text, t.len, err, sizeof err);
	if (!doc)
		return fail_spec(dir, err);
	rc = take_spec(dir, doc, m);
	json_free(doc);
	return rc;
}

/* ---- the verb ---- */

static int build(const struct ctl *c, const struct build *b)
{
	char script[PATH_MAX], out[PATH_MAX], size[FORMAT_MAX];
	struct manifest m = { 0 };
	int rc = find_recipe(b, script);

	if (!rc)
		rc = image_dir_clear(b->out);
	if (rc)
		return rc;
	if (!realpath(b->out, out))
		return ctl_fail(CTL_FAILED, "%s: %s", b->out, strerror(errno));
	rc = run_recipe(b, script, out);
	if (!rc)
		rc = read_spec(out, &m);
	if (!rc)
		rc = image_dir_finish(out, &m);
	if (rc)
		return rc;
	if (c->format == CTL_NAME)
		puts(b->out);
	else
		printf("built %s %s: %zu files, %s, in %s\n", m.name, m.version, m.n_files,
			format_bytes(manifest_total(&m), size), b->out);
	ctl_hint("muster image sign %s --key NAME", b->out);
	return CTL_OK;
}

/*
 * If argv[*i] is the option, as in "-o DIR", "--out DIR" or "--out=DIR", fill *value and move *i to
 * its last word. Returns 1, 0 when it is another word, or -1 when the value is missing.
 */
static int take_option(const char *name, int argc, char **argv, int *i, const char **value)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len) != 0)
		return 0;
	if (argv[*i][len] == '=') {
		*value = argv[*i] + len + 1;
		return 1;
	}
	if (argv[*i][len])
		return 0;
	if (*i + 1 == argc)
		return -1;
	*value = argv[++*i];
	return 1;
}

/*
 * Our own options may stand anywhere before a "--"; the first other word is the recipe and all
 * others are the recipe's, whose options getopt does not know. Returns enum ctl_exit.
 */
static int take_args(const struct ctl *c, int argc, char **argv, struct build *b)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		int taken = take_option("-o", argc, argv, &i, &b->out);

		if (!taken)
			taken = take_option("--out", argc, argv, &i, &b->out);
		if (!taken)
			taken = take_option("--recipes", argc, argv, &i, &b->recipes);
		if (taken < 0)
			return ctl_usage(c, "%s takes a folder", argv[i]);
		if (taken)
			continue;
		if (b->recipe)
			b->more[b->n_more++] = argv[i];
		else if (*argv[i] == '-')
			return ctl_usage(c, "'%s' comes before the recipe's name", argv[i]);
		else
			b->recipe = argv[i];
	}
	while (++i < argc)
		b->more[b->n_more++] = argv[i];
	if (!b->recipe)
		return ctl_usage(c, "which recipe?");
	if (!manifest_name_ok(b->recipe))
		return ctl_usage(c, "'%s' is no recipe's name", b->recipe);
	if (!b->out)
		b->out = b->recipe;
	return CTL_OK;
}

int verb_image_build(struct ctl *c, int argc, char **argv)
{
	struct build b = { 0 };
	int rc;

	if (image_media_wanted(argc, argv))
		return image_media_build(c, argc, argv);
	b.more = calloc((size_t)argc + 1, sizeof *b.more);
	if (!b.more)
		return ctl_fail(CTL_FAILED, "out of memory");
	rc = take_args(c, argc, argv, &b);
	if (!rc)
		rc = build(c, &b);
	free(b.more);
	return rc;
}
