#include "agent/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/cpio.h"
#include "agent/file.h"

#define BASE_PATHS    "/etc/muster/base.paths"
#define PATHS_MAX     (1024 * 1024) /* bytes of that list */
#define CPIO_OVERHEAD 1024	    /* an entry's head, its name and padding */
#define OPEN_DIRS_MAX 16

/* ---- what is known ---- */

static bool parse_line(const char *text, const char *key, struct digest *out)
{
	const char *at = strstr(text, key);
	char hex[DIGEST_HEX] = "";

	if (!at || strlen(at) < strlen(key) + DIGEST_HEX - 1)
		return false;
	memcpy(hex, at + strlen(key), DIGEST_HEX - 1);
	return digest_parse(hex, out) == 0;
}

void shared_parse(const char *text, struct shared *out)
{
	struct shared s = { .known = true };

	if (!parse_line(text, "kernel ", &s.kernel) || !parse_line(text, "base ", &s.base))
		s = (struct shared){ 0 };
	*out = s;
}

void shared_read(const char *path, struct shared *out)
{
	char text[512];

	file_text(path, text, sizeof text);
	shared_parse(text, out);
}

bool shared_has(const struct shared *s, const struct manifest_file *f)
{
	return s->known && f->role == FILE_INITRD && digest_equal(&f->sha256, &s->base);
}

/* ---- switch or kexec ---- */

static bool has_word(const char *line, const char *word, size_t len)
{
	for (const char *at = line; *at; at += strspn(at, " \n")) {
		size_t n = strcspn(at, " \n");

		if (n == len && memcmp(at, word, n) == 0)
			return true;
		at += n;
	}
	return false;
}

static bool in_force(const char *args, const char *cmdline)
{
	for (const char *at = args + strspn(args, " "); *at; at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");

		if (!has_word(cmdline, at, n))
			return false;
		at += n;
	}
	return true;
}

bool shared_can_switch(const struct shared *s, const struct manifest *m, const char *cmdline)
{
	const struct manifest_file *kernel = manifest_file(m, FILE_KERNEL);
	const struct manifest_file *first = manifest_file(m, FILE_INITRD);

	return s->known && m->kind == IMAGE_LINUX && kernel && first &&
	       digest_equal(&kernel->sha256, &s->kernel) && shared_has(s, first) &&
	       in_force(m->args, cmdline);
}

/* ---- the tree ---- */

/* The paths of the base, sorted, one a line. free() it; NULL without. */
static char *read_paths(void)
{
	char *text = malloc(PATHS_MAX);
	ssize_t n = text ? file_read(BASE_PATHS, text, PATHS_MAX) : -ENOMEM;

	if (n <= 0 || n == PATHS_MAX - 1) {
		free(text);
		return NULL;
	}
	return text;
}

static int read_whole(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t at = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (at < len && (n = read(fd, buf + at, len - at)) > 0)
		at += (size_t)n;
	close(fd);
	return n < 0 ? -EIO : at < len ? -ENODATA : 0;
}

/* One path of the running system as an entry. 0 or -errno. */
static int add_path(struct cpio *c, const char *name, const struct stat *st, char *content)
{
	char path[PATH_MAX], target[PATH_MAX];
	const size_t len = (size_t)st->st_size;
	ssize_t n;
	int rc;

	snprintf(path, sizeof path, "/%s", name);
	if (S_ISDIR(st->st_mode)) {
		cpio_dir(c, name, st->st_mode & 07777);
	} else if (S_ISLNK(st->st_mode)) {
		n = readlink(path, target, sizeof target - 1);
		if (n < 0)
			return -errno;
		cpio_link(c, name, target, (size_t)n);
	} else {
		rc = read_whole(path, content, len);
		if (rc < 0)
			return rc;
		cpio_file(c, name, st->st_mode & 07777, content, len);
	}
	return c->bad ? -ENOSPC : 0;
}

static int put_path(int to, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	struct cpio c = { 0 };
	char *content;
	int rc = -ENOMEM;

	if (snprintf(path, sizeof path, "/%s", name) >= (int)sizeof path)
		return -ENAMETOOLONG;
	if (lstat(path, &st) < 0)
		return -errno;
	c.size = (size_t)st.st_size + CPIO_OVERHEAD;
	c.buf = malloc(c.size);
	content = malloc((size_t)st.st_size + 1);
	if (c.buf && content)
		rc = add_path(&c, name, &st, content);
	if (rc == 0)
		rc = file_put(to, c.buf, c.len);
	free(content);
	free(c.buf);
	return rc;
}

static int put_end(int to)
{
	uint8_t buf[CPIO_OVERHEAD];
	struct cpio c = { .buf = buf, .size = sizeof buf };

	cpio_end(&c);
	return file_put(to, c.buf, c.len);
}

int shared_put_base(int to)
{
	char *paths = read_paths(), *save = NULL;
	int rc = paths ? 0 : -ENOENT;

	for (char *p = paths ? strtok_r(paths, "\n", &save) : NULL; p && rc == 0;
		p = strtok_r(NULL, "\n", &save))
		rc = put_path(to, p);
	free(paths);
	return rc < 0 ? rc : put_end(to);
}

/* nftw gives its callback nothing of the caller's. */
static const char *kept_paths;

static bool is_kept(const char *path)
{
	const size_t len = strlen(path);

	for (const char *at = kept_paths; *at; at += at[0] == '\n') {
		size_t n = strcspn(at, "\n");

		if (n == len && memcmp(at, path, n) == 0)
			return true;
		at += n;
	}
	return false;
}

static int remove_foreign(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	if (at->level == 0 || is_kept(path + 1))
		return 0;
	/* A folder that has something mounted in it stays, and so do its parents. */
	if (type == FTW_DP)
		rmdir(path);
	else if (unlink(path) < 0)
		return -errno;
	return 0;
}

int shared_strip(void)
{
	char *paths = read_paths();
	int rc;

	if (!paths)
		return -ENOENT;
	kept_paths = paths;
	rc = nftw("/", remove_foreign, OPEN_DIRS_MAX, FTW_DEPTH | FTW_MOUNT | FTW_PHYS);
	kept_paths = NULL;
	free(paths);
	return rc;
}
