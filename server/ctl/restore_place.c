/*
 * restore_place.c: a new state folder is made beside its place, made durable, and put there by one
 * rename, which swaps it with what is there; so is the configuration, before it: a restore that was
 * killed in between finds it in place when it is run again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/digest.h"
#include "server/bytes.h"
#include "server/ctl/ctl.h"
#include "server/ctl/restore.h"

#define CONFIG_MAX (4 * 1024 * 1024)

static int failed(const char *path, int rc)
{
	return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(-rc));
}

/* "/var/lib" of "/var/lib/muster". */
static void folder_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(out, PATH_MAX, "%.*s", slash > path ? (int)(slash - path) : 1, slash ? path : ".");
}

static int join(char out[PATH_MAX], const char *a, const char *b)
{
	return snprintf(out, PATH_MAX, "%s%s", a, b) < PATH_MAX ? CTL_OK : failed(a, -ENAMETOOLONG);
}

static int below(char out[PATH_MAX], const char *dir, const char *name)
{
	return snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return rc ? failed(path, rc) : CTL_OK;
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *f)
{
	(void)st, (void)what, (void)f;
	return remove(path);
}

void place_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* ---- one thing in the place of another ---- */

static int no_swap(const char *target, int rc)
{
	if (rc == -EBUSY)
		return ctl_fail(CTL_FAILED,
			"%s is a file system of its own, which cannot be kept "
			"aside; unmount it and mount it again behind the restore, or --state-dir",
			target);
	return failed(target, rc);
}

/* Under the name that the old one will have: then the swap is all that is left to do. */
static int go_aside(const char *fresh, const char *target, const char *stamp, char aside[PATH_MAX])
{
	int rc = -EEXIST;

	/* several within one second are numbered */
	for (int i = 1; rc == -EEXIST && i < 100; i++) {
		int n = i == 1 ? snprintf(aside, PATH_MAX, "%s.before-%s", target, stamp)
			       : snprintf(aside, PATH_MAX, "%s.before-%s-%d", target, stamp, i);

		if (n >= PATH_MAX)
			return -ENAMETOOLONG;
		rc = renameat2(AT_FDCWD, fresh, AT_FDCWD, aside, RENAME_NOREPLACE) < 0 ? -errno : 0;
	}
	return rc;
}

/*
 * Rename `fresh` to `target`. What is there is swapped with it, and is then called
 * TARGET.before-STAMP, which is then in `kept`; "" otherwise. An empty folder is not worth keeping.
 */
static int swap_in(const char *fresh, const char *target, const char *stamp, char kept[PATH_MAX])
{
	char aside[PATH_MAX], folder[PATH_MAX];
	int rc;

	*kept = 0;
	folder_of(target, folder);
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, target, RENAME_NOREPLACE) == 0)
		return sync_folder(folder);
	if (errno != EEXIST)
		return no_swap(target, -errno);
	rc = go_aside(fresh, target, stamp, aside);
	if (rc)
		return failed(target, rc);
	if (renameat2(AT_FDCWD, aside, AT_FDCWD, target, RENAME_EXCHANGE) < 0) {
		rc = -errno;
		rename(aside, fresh);
		return no_swap(target, rc);
	}
	if (rmdir(aside) < 0)
		memcpy(kept, aside, sizeof aside);
	return sync_folder(folder);
}

/* ---- the configuration ---- */

enum is_there { ABSENT, SAME, OTHER };

static bool read_digest(const char *path, struct digest *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && digest_fd(fd, out, NULL) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

static enum is_there compare(const char *path, const char *with)
{
	struct digest a, b;

	if (access(path, F_OK) < 0)
		return ABSENT;
	return read_digest(path, &a) && read_digest(with, &b) && digest_equal(&a, &b) ? SAME
										      : OTHER;
}

static int is_conf(const struct dirent *d)
{
	const size_t n = strlen(d->d_name);

	return n > 5 && !strcmp(d->d_name + n - 5, ".conf");
}

static int count_conf(const char *dir)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_conf, NULL);

	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return n;
}

/* Both folders have the same files of configuration. */
static enum is_there compare_conf_d(const char *dir, const char *with)
{
	struct dirent **names = NULL;
	const int here = count_conf(dir);
	int n = scandir(with, &names, is_conf, NULL);
	enum is_there is = here < 0 ? ABSENT : here == n ? SAME : OTHER;
	char a[PATH_MAX], b[PATH_MAX];

	for (int i = 0; i < n; i++) {
		if (is == SAME &&
			(below(a, dir, names[i]->d_name) || below(b, with, names[i]->d_name) ||
				compare(a, b) != SAME))
			is = OTHER;
		free(names[i]);
	}
	free(names);
	if (is == ABSENT && n == 0)
		is = SAME;
	return is;
}

static int copy_file(const char *from, const char *to)
{
	char *buf = malloc(CONFIG_MAX);
	int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), out = -1, rc = 0;
	const ssize_t n = in >= 0 && buf ? read(in, buf, CONFIG_MAX) : -1;

	if (n < 0)
		rc = buf ? -errno : -ENOMEM;
	if (!rc)
		out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (!rc && out < 0)
		rc = -errno;
	if (!rc && (write(out, buf, (size_t)n) != n || fsync(out) < 0))
		rc = errno ? -errno : -EIO;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	free(buf);
	return rc ? failed(to, rc) : CTL_OK;
}

static int copy_conf_d(const char *from, const char *to)
{
	struct dirent **names = NULL;
	char a[PATH_MAX], b[PATH_MAX];
	int n, rc;

	place_remove(to); /* of one that was killed */
	rc = mkdir(to, 0755) < 0 ? failed(to, -errno) : CTL_OK;
	n = scandir(from, &names, is_conf, NULL);
	for (int i = 0; i < n; i++) {
		if (!rc && (below(a, from, names[i]->d_name) || below(b, to, names[i]->d_name)))
			rc = failed(to, -ENAMETOOLONG);
		if (!rc)
			rc = copy_file(a, b);
		free(names[i]);
	}
	free(names);
	return rc;
}

struct config_paths {
	char folder[PATH_MAX], conf_d[PATH_MAX], fresh[PATH_MAX], fresh_d[PATH_MAX];
	char from[PATH_MAX], from_d[PATH_MAX];
};

static int find_paths(const struct place *p, struct config_paths *c)
{
	int rc;

	folder_of(p->config, c->folder);
	rc = join(c->conf_d, c->folder, "/conf.d");
	if (!rc)
		rc = join(c->fresh, p->config, ".restoring");
	if (!rc)
		rc = join(c->fresh_d, c->folder, "/conf.d.restoring");
	if (!rc)
		rc = join(c->from, p->fresh, "/config/muster.conf");
	if (!rc)
		rc = join(c->from_d, p->fresh, "/config/conf.d");
	return rc;
}

static int refuse_config(const char *path)
{
	ctl_fail(CTL_CONFLICT, "%s is there, and not as in the backup; nothing was changed", path);
	ctl_hint("--replace keeps it as NAME.before-DATE; --keep-config leaves it alone");
	return CTL_CONFLICT;
}

/* conf.d first: without it the other file is still the old configuration's. */
static int put_config(struct place *p)
{
	struct config_paths c;
	enum is_there file, conf_d;
	char kept[PATH_MAX];
	int rc = find_paths(p, &c);

	if (rc)
		return rc;
	if (mkdir(c.folder, 0755) < 0 && errno != EEXIST)
		return failed(c.folder, -errno);
	file = compare(p->config, c.from);
	conf_d = compare_conf_d(c.conf_d, c.from_d);
	if (!p->replace && (file == OTHER || conf_d == OTHER))
		return refuse_config(file == OTHER ? p->config : c.conf_d);
	if (conf_d != SAME)
		rc = copy_conf_d(c.from_d, c.fresh_d);
	if (!rc && file != SAME)
		rc = copy_file(c.from, c.fresh);
	if (!rc && conf_d != SAME)
		rc = swap_in(c.fresh_d, c.conf_d, p->stamp, kept);
	if (!rc && file != SAME)
		rc = swap_in(c.fresh, p->config, p->stamp, kept);
	p->config_put = file != SAME || conf_d != SAME;
	return rc;
}

/* ---- the state ---- */

static const struct passwd *owner; /* nftw takes no argument */

/* Keys of the server itself stay root's, as it makes them. */
static int own_one(const char *path, const struct stat *st, int what, struct FTW *f)
{
	const bool is_key =
		f->level == 2 && f->base >= 5 && !strncmp(path + f->base - 5, "keys/", 5);

	(void)st;
	if (what == FTW_F && is_key)
		return 0;
	return lchown(path, owner->pw_uid, owner->pw_gid);
}

struct linking {
	int from, to;
	size_t linked;
};

/* Files of images that are here already: whatever they are now, each host checks them. */
static void link_one(void *arg, const struct json *image, const struct json *file)
{
	struct linking *l = arg;
	const char *hex = json_get_str(file, "digest", "");
	struct digest d;
	struct stat st;

	(void)image;
	if (digest_parse(hex, &d) == 0 && fstatat(l->from, hex, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISREG(st.st_mode) && st.st_size == json_get_int(file, "length", -1))
		l->linked += linkat(l->from, hex, l->to, hex, 0) == 0;
}

static void link_blobs(const struct place *p, const struct backup_file *b)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct linking l = { 0 };

	if (join(from, p->state, "/blobs/sha256") || join(to, p->fresh, "/blobs/sha256"))
		return;
	l.from = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	l.to = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l.from >= 0 && l.to >= 0)
		backup_image_files(b, link_one, &l);
	if (l.from >= 0)
		close(l.from);
	if (l.to >= 0)
		close(l.to);
}

/* The site's key, where it is not in the backup and the server of it was this one. */
static bool link_key(const struct place *p)
{
	char old[PATH_MAX], old_pub[PATH_MAX], key[PATH_MAX], pub[PATH_MAX];

	return !join(old, p->state, "/keys/site.key") &&
	       !join(old_pub, p->state, "/keys/site.pub") &&
	       !join(key, p->fresh, "/keys/site.key") && !join(pub, p->fresh, "/keys/site.pub") &&
	       compare(old_pub, pub) == SAME && link(old, key) == 0;
}

/* From what was in the archive to what a server has. */
static int settle(struct place *p, const struct backup_file *b)
{
	static const char *const gone[] = { "/config", "/private", "/backup.json", "/SHA256SUMS" };
	char path[PATH_MAX], key[PATH_MAX];
	int fd, rc = 0;

	if (b->has_key && (join(path, p->fresh, "/private/site.key") ||
				  join(key, p->fresh, "/keys/site.key") || rename(path, key) < 0 ||
				  chmod(key, 0600) < 0))
		return failed(p->fresh, -errno);
	p->has_key = b->has_key || link_key(p);
	for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
		if (join(path, p->fresh, gone[i]))
			return CTL_FAILED;
		place_remove(path);
	}
	link_blobs(p, b);
	owner = p->user;
	if (owner && nftw(p->fresh, own_one, 16, FTW_PHYS))
		rc = -errno;
	if (!rc && chmod(p->fresh, 0755) < 0)
		rc = -errno;
	fd = open(p->fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!rc && (fd < 0 || syncfs(fd) < 0))
		rc = -errno;
	if (fd >= 0)
		close(fd);
	return rc ? failed(p->fresh, rc) : CTL_OK;
}

/* ---- the steps ---- */

static bool is_empty(int dir)
{
	DIR *d = fdopendir(dup(dir));
	const struct dirent *e;
	bool empty = true;

	while (d && empty && (e = readdir(d)))
		empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	if (d)
		closedir(d);
	return d && empty;
}

/* A descriptor whose lock musterd takes, too; -EWOULDBLOCK, -ENOENT, -errno. */
static int lock(const char *path)
{
	int rc, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int lock_state(struct place *p)
{
	p->lock = lock(p->state);
	if (p->lock == -ENOENT)
		return CTL_OK;
	if (p->lock == -EWOULDBLOCK) {
		ctl_fail(CTL_CONFLICT, "a server runs on %s, or another restore", p->state);
		ctl_hint("systemctl stop musterd");
		return CTL_CONFLICT;
	}
	if (p->lock < 0)
		return failed(p->state, p->lock);
	if (p->replace || is_empty(p->lock))
		return CTL_OK;
	ctl_fail(CTL_CONFLICT, "%s is not empty; nothing was changed", p->state);
	ctl_hint("--replace keeps it as %s.before-DATE", p->state);
	return CTL_CONFLICT;
}

static int make_fresh(struct place *p)
{
	if (mkdir(p->fresh, 0700) < 0) {
		p->fresh_lock = errno == EEXIST ? lock(p->fresh) : -errno;
		if (p->fresh_lock < 0)
			return failed(p->fresh, p->fresh_lock);
		place_remove(p->fresh); /* of one that was killed */
		close(p->fresh_lock);
		p->fresh_lock = -1;
		if (mkdir(p->fresh, 0700) < 0)
			return failed(p->fresh, -errno);
	}
	p->fresh_lock = lock(p->fresh);
	return p->fresh_lock < 0 ? failed(p->fresh, p->fresh_lock) : CTL_OK;
}

int place_open(struct place *p)
{
	int rc = join(p->fresh, p->state, ".restoring");

	p->fresh_lock = -1;
	if (rc)
		return rc;
	rc = lock_state(p);
	return rc ? rc : make_fresh(p);
}

int place_put(struct place *p, const struct backup_file *b)
{
	int rc = *p->config ? put_config(p) : CTL_OK;

	if (!rc)
		rc = settle(p, b);
	if (!rc)
		rc = swap_in(p->fresh, p->state, p->stamp, p->state_kept);
	if (!rc) { /* nothing has that name any more */
		close(p->fresh_lock);
		p->fresh_lock = -1;
	}
	return rc;
}

void place_close(struct place *p)
{
	if (p->fresh_lock >= 0) {
		close(p->fresh_lock);
		place_remove(p->fresh);
	}
	if (p->lock >= 0)
		close(p->lock);
	p->lock = p->fresh_lock = -1;
}
