/* config_load.c: the configuration's files. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"

#define FILE_MAX (4 * 1024 * 1024) /* bytes of one file */

/* Takes the text over, also when there is no memory for it. */
static int keep(struct config *c, const char *name, char *text, size_t len)
{
	struct config_file *more = realloc(c->files, (c->n_files + 1) * sizeof *more);
	char *fits = more ? realloc(text, len + 1) : NULL;

	if (more)
		c->files = more;
	if (!fits) {
		free(text);
		return -ENOMEM;
	}
	c->files[c->n_files] = (struct config_file){ .text = fits, .len = len };
	snprintf(c->files[c->n_files].name, sizeof c->files->name, "%s", name);
	c->n_files++;
	return 0;
}

static int load_one(
	const char *file, const char *name, struct config *c, char *err, size_t err_size)
{
	FILE *f = fopen(file, "re");
	char *text = NULL;
	size_t n;
	int rc = 0;

	if (!f) {
		rc = -errno;
		snprintf(err, err_size, "%s: %s", file, strerror(errno));
		return rc;
	}
	text = malloc(FILE_MAX + 1);
	n = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
	if (!text)
		rc = -ENOMEM;
	else if (ferror(f) || n > FILE_MAX)
		rc = -EINVAL;
	if (rc)
		snprintf(err, err_size, "%s: cannot be read, or is above 4 MiB", file);
	else
		rc = config_parse(text, n, file, c, err, err_size);
	fclose(f);
	if (rc) {
		free(text);
		return rc;
	}
	rc = keep(c, name, text, n);
	if (rc)
		snprintf(err, err_size, "%s: %s", file, strerror(-rc));
	return rc;
}

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && !strcmp(d->d_name + n - 5, ".conf");
}

static int load_conf_d(const char *file, struct config *c, char *err, size_t err_size)
{
	const char *slash = strrchr(file, '/');
	int dir_len = slash ? (int)(slash - file) : 1;
	char dir[PATH_MAX], path[PATH_MAX + 256], name[256 + 8];
	struct dirent **names;
	int n, rc = 0;

	snprintf(dir, sizeof dir, "%.*s/conf.d", dir_len, slash ? file : ".");
	n = scandir(dir, &names, is_conf, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
		snprintf(name, sizeof name, "conf.d/%s", names[i]->d_name);
		if (!rc)
			rc = load_one(path, name, c, err, err_size);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return rc;
}

int config_load(const char *file, struct config *c, char *err, size_t err_size)
{
	int rc;

	config_defaults(c);
	rc = load_one(file, "muster.conf", c, err, err_size);
	if (!rc)
		rc = load_conf_d(file, c, err, err_size);
	if (!rc)
		rc = config_check(c, file, err, err_size);
	if (rc)
		config_fini(c);
	return rc;
}
