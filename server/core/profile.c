#include "server/core/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/cpio.h"
#include "server/bytes.h"
#include "server/core/choice.h"

#define STAND_IN "0" /* for what only a host has; may stand everywhere */

/* ---- one that people have written ---- */

/* No control characters but those that text has. */
static bool is_text(const char *s)
{
	for (; *s; s++) {
		if (((unsigned char)*s < 0x20 && !strchr("\t\n\r", *s)) || *s == 0x7f)
			return false;
	}
	return true;
}

/* Whether one file's path is the folder of another. */
static bool is_folder_of(const char *path, const char *other)
{
	const size_t n = strlen(path);

	return !strncmp(path, other, n) && other[n] == '/';
}

static int check_file(const struct store_profile *p, size_t i, char why[PROFILE_WHY_MAX])
{
	const struct store_profile_file *f = &p->files[i];
	const char *kept;

	if (!extra_path_ok(f->path, &kept)) {
		if (*kept == '/')
			snprintf(why, PROFILE_WHY_MAX,
				"%s: what is in %s belongs to the image, the kernel or muster-agent",
				f->path, kept);
		else
			snprintf(why, PROFILE_WHY_MAX, "%.100s: %s", f->path, kept);
		return -EINVAL;
	}
	for (size_t k = 0; k < p->n_files; k++) {
		if (is_folder_of(f->path, p->files[k].path)) {
			snprintf(why, PROFILE_WHY_MAX, "%s cannot be a file and the folder of %s",
				f->path, p->files[k].path);
			return -EINVAL;
		}
	}
	if (f->mode & ~0777u || !(f->mode & 0400)) {
		snprintf(why, PROFILE_WHY_MAX,
			"%s: a mode is 0400 to 0777, and its owner may read it", f->path);
		return -EINVAL;
	}
	if (!is_text(f->content)) {
		snprintf(why, PROFILE_WHY_MAX, "%s: its content is no text", f->path);
		return -EINVAL;
	}
	return 0;
}

static int check_text(
	const char *what, const char *text, const struct values *v, char why[PROFILE_WHY_MAX])
{
	char name[SCRIPT_NAME_MAX];

	if (!script_missing(text, v->v, v->n, name))
		return 0;
	if (values_name_ok(name))
		snprintf(why, PROFILE_WHY_MAX,
			"%s wants the value %s, which the profile neither has nor requires of hosts",
			what, name);
	else
		snprintf(why, PROFILE_WHY_MAX,
			"%s has a @{ that is no @{name} of lower-case letters, digits and -", what);
	return -EINVAL;
}

/* As for a host that has all that is required of it. */
static void stand_in(const struct store_profile *p, struct values *v)
{
	const char *name;

	*v = (struct values){ 0 };
	for (size_t i = 0; i < p->n_values; i++)
		v->v[v->n++] = (struct script_value){ p->values[i].name,
			p->values[i].required ? STAND_IN : p->values[i].value, false };
	for (size_t i = 0; (name = values_builtin(i)); i++)
		v->v[v->n++] = (struct script_value){ name, STAND_IN, false };
}

/* ---- with values ---- */

static int explain(const struct store_profile *p, const char *what, const char *text,
	const struct values *v, const char *host, char why[PROFILE_WHY_MAX])
{
	char name[SCRIPT_NAME_MAX];

	if (script_missing(text, v->v, v->n, name))
		snprintf(why, PROFILE_WHY_MAX,
			"%.100s of the profile %s wants the value %s, which %s does not have", what,
			p->name, name, host);
	else
		snprintf(why, PROFILE_WHY_MAX,
			"%.100s of the profile %s is too long for %s: %d bytes are allowed", what,
			p->name, host, text == p->args ? EXTRA_ARGS_MAX - 1 : PROFILE_TEXT_MAX);
	return -EINVAL;
}

static int check_required(const struct store_profile *p, const struct values *v, const char *host,
	char why[PROFILE_WHY_MAX])
{
	for (size_t i = 0; i < p->n_values; i++) {
		if (!p->values[i].required || values_get(v, p->values[i].name))
			continue;
		snprintf(why, PROFILE_WHY_MAX,
			"the profile %s requires the value %s, which %s does not have", p->name,
			p->values[i].name, host);
		return -EINVAL;
	}
	return 0;
}

static int fill_args(const struct store_profile *p, const struct values *v, const char *host,
	struct profile_told *out, char why[PROFILE_WHY_MAX])
{
	if (script_fill_text(p->args, v->v, v->n, out->args, sizeof out->args) < 0)
		return explain(p, "the kernel arguments", p->args, v, host, why);
	if (extra_args_ok(out->args))
		return 0;
	snprintf(why, PROFILE_WHY_MAX,
		"the kernel arguments of the profile %s are, for %s, not words of letters, digits and "
		"-_.,:=/@+%%*[]~ with one blank between them",
		p->name, host);
	return -EINVAL;
}

int profile_fill(const struct store_profile *p, const struct values *v, const char *host,
	struct profile_told *out, char why[PROFILE_WHY_MAX])
{
	struct profile_told t = { 0 };
	size_t left = PROFILE_TEXT_MAX;
	int n, rc = check_required(p, v, host, why);

	if (!rc)
		rc = fill_args(p, v, host, &t, why);
	for (size_t i = 0; !rc && i < p->n_files; i++) {
		const struct store_profile_file *f = &p->files[i];
		char *text = malloc(left + 1);

		t.files[t.n].path = f->path;
		t.files[t.n].mode = f->mode;
		t.files[t.n++].text = text;
		if (!text) {
			rc = -ENOMEM;
			break;
		}
		n = script_fill_text(f->content, v->v, v->n, text, left + 1);
		if (n < 0)
			rc = explain(p, f->path, f->content, v, host, why);
		else
			left -= (size_t)n;
	}
	if (rc)
		profile_told_fini(&t);
	else
		*out = t;
	return rc;
}

void profile_told_fini(struct profile_told *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->files[i].text);
	t->n = 0;
}

/* ---- as an archive ---- */

/* What is root's alone stays so. */
static unsigned folder_mode(const char *path)
{
	return !strncmp(path, "root", 4) && (!path[4] || path[4] == '/') ? 0700 : 0755;
}

/* The folders of a path, but those that the one before it had as well. */
static void put_folders(struct cpio *c, const char *path, const char *before)
{
	char name[EXTRA_PATH_MAX];

	for (size_t n = 1; path[n]; n++) {
		if (path[n] != '/' || !strncmp(path, before, n + 1))
			continue;
		snprintf(name, sizeof name, "%.*s", (int)n - 1, path + 1);
		cpio_dir(c, name, folder_mode(name));
	}
}

size_t profile_archive(const struct profile_told *t, uint8_t out[EXTRA_MAX])
{
	struct cpio c = { .buf = out, .size = EXTRA_MAX };

	for (size_t i = 0; i < t->n; i++) {
		put_folders(&c, t->files[i].path, i ? t->files[i - 1].path : "");
		cpio_file(&c, t->files[i].path + 1, t->files[i].mode, t->files[i].text,
			strlen(t->files[i].text));
	}
	cpio_end(&c);
	return c.bad ? 0 : c.len;
}

static int too_large(const struct store_profile *p, char why[PROFILE_WHY_MAX])
{
	snprintf(why, PROFILE_WHY_MAX,
		"the files of the profile %s and their folders are too large", p->name);
	return -EINVAL;
}

/* ---- all checks of one that people have written ---- */

int profile_check(const struct store_profile *p, char why[PROFILE_WHY_MAX])
{
	struct profile_told told = { 0 };
	static uint8_t archive[EXTRA_MAX]; /* its length is all that counts */
	struct values v;
	int rc;

	stand_in(p, &v);
	rc = check_text("its kernel arguments", p->args, &v, why);
	for (size_t i = 0; !rc && i < p->n_files; i++) {
		rc = check_file(p, i, why);
		if (!rc)
			rc = check_text(p->files[i].path, p->files[i].content, &v, why);
	}
	if (!rc)
		rc = profile_fill(p, &v, "a host", &told, why);
	if (!rc && !profile_archive(&told, archive))
		rc = too_large(p, why);
	profile_told_fini(&told);
	return rc;
}

/* ---- of a host ---- */

bool profile_of(struct core *c, const struct store_host *h, struct store_profile *out)
{
	struct choice_wish w;
	int rc;

	choice_wish(c, h, &w);
	if (!*w.profile)
		return false;
	rc = store_profile_get(c->store, w.profile, out);
	if (rc != -ENOENT)
		core_must(c, rc, "profile");
	return rc == 0;
}

int profile_make(struct core *c, const struct store_host *h, struct profile_made *out,
	char why[PROFILE_WHY_MAX])
{
	struct store_profile p = { 0 };
	struct profile_told told = { 0 };
	struct values v;
	int rc;

	if (!profile_of(c, h, &p))
		return 0;
	values_load(c, h, &p, NULL, &v);
	rc = profile_fill(&p, &v, h->name, &told, why);
	if (!rc) {
		memcpy(out->name, p.name, sizeof out->name);
		memcpy(out->args, told.args, sizeof out->args);
		out->len = profile_archive(&told, out->archive);
		rc = out->len ? 1 : too_large(&p, why);
	}
	if (rc > 0)
		core_must(c, digest_bytes(out->archive, out->len, &out->digest), "archive digest");
	profile_told_fini(&told);
	store_profile_fini(&p);
	return rc;
}
