#include "server/ctl/root_dir.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/image_dir.h"

#define BEFORE "root."
#define AFTER  ".json"

void root_dir_file(uint64_t version, char out[NAME_MAX + 1])
{
	snprintf(out, NAME_MAX + 1, BEFORE "%" PRIu64 AFTER, version);
}

/* Written back it must be the same name, so that 01 is not 1. */
uint64_t root_dir_version(const char *file)
{
	size_t head = strlen(BEFORE), tail = strlen(AFTER), len = strlen(file);
	char digits[16], again[NAME_MAX + 1];
	uint64_t version;

	if (len <= head + tail || len - head - tail >= sizeof digits ||
		strncmp(file, BEFORE, head) != 0)
		return 0;
	snprintf(digits, sizeof digits, "%.*s", (int)(len - head - tail), file + head);
	if (!format_parse_number(digits, ROOT_VERSION_MAX, &version))
		return 0;
	root_dir_file(version, again);
	return strcmp(again, file) == 0 ? version : 0;
}

static int is_root(const struct dirent *e)
{
	return root_dir_version(e->d_name) != 0;
}

int root_dir_range(const char *dir, uint64_t *first, uint64_t *last)
{
	struct dirent **files = NULL;
	int n = scandir(dir, &files, is_root, NULL);

	if (n < 0 && errno != ENOENT)
		return ctl_fail(CTL_FAILED, "%s: %s", dir, strerror(errno));
	*first = *last = 0;
	for (int i = 0; i < n; i++) {
		uint64_t version = root_dir_version(files[i]->d_name);

		if (!*first || version < *first)
			*first = version;
		if (version > *last)
			*last = version;
		free(files[i]);
	}
	free(files);
	return CTL_OK;
}

/* One root more. The version in the file must be the one in its name. */
static int step(const char *dir, uint64_t version, bool first, struct root_walk *walk)
{
	static struct image_signed f;
	char file[NAME_MAX + 1], err[JUDGE_ERR_MAX];
	enum verdict v;
	int rc;

	root_dir_file(version, file);
	rc = image_dir_signed(dir, file, "all roots from the first one on must be here", &f);
	if (rc)
		return rc;
	v = first ? judge_root_first(&f.t, walk, err) : judge_root_next(walk, &f.t, err);
	if (v) {
		ctl_fail(CTL_FAILED, "%s/%s: %s: %s", dir, file, verdict_code(v), err);
		if (v == VERDICT_ROOT_OLD_KEYS || v == VERDICT_ROOT_NEW_KEYS)
			ctl_hint("muster key sign %s/%s --key NAME", dir, file);
		return CTL_FAILED;
	}
	if (walk->root.version != version)
		return ctl_fail(
			CTL_FAILED, "%s/%s: this is root %" PRIu64, dir, file, walk->root.version);
	return CTL_OK;
}

int root_dir_walk_to(const char *dir, uint64_t version, struct root_walk *out)
{
	struct root_walk walk = { 0 };
	uint64_t first, last;
	int rc = root_dir_range(dir, &first, &last);

	if (rc)
		return rc;
	if (!first || first > version) {
		ctl_fail(CTL_NOT_FOUND, "%s has no root", dir);
		ctl_hint("muster key root %s --key NAME", dir);
		return CTL_NOT_FOUND;
	}
	for (uint64_t v = first; !rc && v <= version; v++)
		rc = step(dir, v, v == first, &walk);
	if (!rc)
		*out = walk;
	return rc;
}

int root_dir_walk(const char *dir, struct root_walk *out)
{
	uint64_t first, last;
	int rc = root_dir_range(dir, &first, &last);

	return rc ? rc : root_dir_walk_to(dir, last, out);
}
