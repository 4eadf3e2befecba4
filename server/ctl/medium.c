/* medium.c: a folder is walked here; an archive is read from the pipe of medium_archive's process.
 */
#include "server/ctl/medium_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/manifest.h"
#include "server/ctl/ctl.h"

#define DEPTH_MAX 32

static int fail(const struct medium *m, int rc)
{
	return ctl_fail(CTL_FAILED, "%s: %s", m->name, strerror(-rc));
}

static int refuse_path(const struct medium *m, const char *path, int rc)
{
	return ctl_fail(CTL_FAILED, "%s: refused: %s: '%.120s'", m->name,
		rc == -EACCES ? "it names a file outside of itself"
		: rc == -ENAMETOOLONG
			? "a file's name is too long"
			: "a file's name has control characters, backslashes or empty parts",
		path);
}

static int too_many(const struct medium *m)
{
	return ctl_fail(CTL_FAILED, "%s: refused: more than %d files", m->name, MEDIUM_FILES_MAX);
}

/* ---- the list ---- */

static int add_file(struct medium *m, const char *path, uint64_t size)
{
	struct medium_file *f;

	if (m->n == MEDIUM_FILES_MAX)
		return too_many(m);
	if ((m->n & (m->n - 1)) == 0) { /* a power of two, or the first */
		size_t room = m->n ? 2 * m->n : 1;

		f = realloc(m->files, room * sizeof *f);
		if (!f)
			return fail(m, -ENOMEM);
		m->files = f;
	}
	f = &m->files[m->n];
	*f = (struct medium_file){ .path = strdup(path), .size = size };
	if (!f->path)
		return fail(m, -ENOMEM);
	m->n++;
	return CTL_OK;
}

static int add_head(struct medium *m, const void *p, size_t len)
{
	struct medium_file *f = &m->files[m->n - 1];
	size_t room = MEDIUM_HEAD - f->head_len, n = len < room ? len : room;
	uint8_t *head = n ? realloc(f->head, f->head_len + n) : f->head;

	if (n && !head)
		return fail(m, -ENOMEM);
	if (n)
		memcpy(head + f->head_len, p, n);
	f->head = head;
	f->head_len += n;
	return CTL_OK;
}

void medium_fini(struct medium *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->files[i].path);
		free(m->files[i].head);
	}
	free(m->files);
	if (m->name && m->fd >= 0)
		close(m->fd);
	*m = (struct medium){ .fd = -1 };
}

static int by_path(const void *a, const void *b)
{
	const struct medium_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* ---- a folder ---- */

static int walk(struct medium *m, int dir, const char *path, unsigned depth, unsigned *seen);

static int look_at(struct medium *m, int dir, const char *name, const char *below, unsigned depth,
	unsigned *seen)
{
	char path[MEDIUM_PATH_MAX + NAME_MAX + 2], checked[MEDIUM_PATH_MAX];
	struct stat st;
	uint8_t head[MEDIUM_HEAD];
	ssize_t n;
	int fd, rc;

	snprintf(path, sizeof path, "%s%s%s", below, *below ? "/" : "", name);
	rc = medium_path(path, checked);
	if (rc)
		return refuse_path(m, path, rc);
	if (++*seen > MEDIUM_FILES_MAX)
		return too_many(m);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ctl_fail(CTL_FAILED, "%s/%s: %s", m->name, path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return CTL_OK;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return ctl_fail(CTL_FAILED, "%s/%s: %s", m->name, path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return walk(m, fd, checked, depth + 1, seen);
	n = read(fd, head, sizeof head);
	close(fd);
	if (n < 0)
		return ctl_fail(CTL_FAILED, "%s/%s: %s", m->name, path, strerror(errno));
	rc = add_file(m, checked, (uint64_t)st.st_size);
	return rc ? rc : add_head(m, head, (size_t)n);
}

/* Takes the descriptor over. */
static int walk(struct medium *m, int dir, const char *path, unsigned depth, unsigned *seen)
{
	DIR *d = fdopendir(dir);
	struct dirent *e;
	int rc = CTL_OK;

	if (!d) {
		close(dir);
		return fail(m, -ENOMEM);
	}
	if (depth > DEPTH_MAX)
		rc = ctl_fail(CTL_FAILED, "%s: refused: folders are more than %d deep", m->name,
			DEPTH_MAX);
	while (!rc && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			rc = look_at(m, dirfd(d), e->d_name, path, depth, seen);
	}
	closedir(d);
	return rc;
}

static int open_folder(struct medium *m)
{
	unsigned seen = 0;
	int fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? fail(m, -errno) : walk(m, fd, "", 0, &seen);
}

/* ---- an archive: the process and its pipe ---- */

struct child {
	pid_t pid;
	int pipe;
};

static int start(
	struct medium *m, size_t head, const bool *wanted, size_t n_wanted, struct child *c)
{
	int ends[2];

	if (lseek(m->fd, 0, SEEK_SET) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return fail(m, -errno);
	c->pid = fork();
	if (c->pid == 0) {
		/* The archive and the pipe are all that it keeps. */
		if (dup2(m->fd, 0) < 0 || dup2(ends[1], 1) < 0 || close_range(2, UINT_MAX, 0) < 0)
			_exit(1);
		medium_archive(0, 1, head, wanted, n_wanted);
	}
	close(ends[1]);
	if (c->pid < 0) {
		close(ends[0]);
		return fail(m, -errno);
	}
	c->pipe = ends[0];
	return CTL_OK;
}

/* It ends by itself, or because nobody reads what it writes. */
static void finish(struct child *c)
{
	close(c->pipe);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static bool read_exactly(int fd, void *p, size_t len)
{
	char *c = p;

	while (len) {
		ssize_t n = read(fd, c, len);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		c += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* The next item, its bytes and a NUL in buf[MEDIUM_CHUNK + 1]. */
static int next(struct medium *m, struct child *c, struct medium_item *it, char *buf)
{
	if (!read_exactly(c->pipe, it, sizeof *it) || it->len > MEDIUM_CHUNK ||
		!read_exactly(c->pipe, buf, it->len))
		return ctl_fail(CTL_FAILED, "%s: the process that reads it has died", m->name);
	buf[it->len] = 0;
	if (it->what == MEDIUM_ERROR)
		return ctl_fail(CTL_FAILED, "%s: refused: %s", m->name, buf);
	if (it->what > MEDIUM_END)
		return ctl_fail(CTL_FAILED, "%s: the process that reads it errs", m->name);
	return CTL_OK;
}

static int take_name(struct medium *m, const struct medium_item *it, const char *name)
{
	char path[MEDIUM_PATH_MAX];
	int rc = strlen(name) == it->len ? medium_path(name, path) : -EBADMSG;

	if (rc == -ENOENT && it->what == MEDIUM_OTHER)
		return CTL_OK;
	if (rc)
		return refuse_path(m, name, rc);
	return it->what == MEDIUM_FILE ? add_file(m, path, it->size) : CTL_OK;
}

static int take_items(struct medium *m, struct child *c, char *buf)
{
	struct medium_item it = { .what = MEDIUM_OTHER };
	int rc = CTL_OK;

	while (!rc && it.what != MEDIUM_END) {
		rc = next(m, c, &it, buf);
		if (rc)
			break;
		if (it.what == MEDIUM_FILE || it.what == MEDIUM_OTHER)
			rc = take_name(m, &it, buf);
		else if (it.what == MEDIUM_BYTES && m->n)
			rc = add_head(m, buf, it.len);
		else if (it.what == MEDIUM_FORMAT)
			m->iso = strncmp(buf, "ISO9660", 7) == 0;
		m->others += it.what == MEDIUM_OTHER;
		if (!rc && m->others > MEDIUM_FILES_MAX)
			rc = too_many(m);
	}
	return rc;
}

/* The files stay in the archive's order: that is how a second pass counts them. */
static int open_archive(struct medium *m)
{
	char *buf = malloc(MEDIUM_CHUNK + 1);
	struct child c;
	int rc = buf ? start(m, MEDIUM_HEAD, NULL, 0, &c) : fail(m, -ENOMEM);

	if (!rc) {
		rc = take_items(m, &c, buf);
		finish(&c);
	}
	free(buf);
	return rc;
}

int medium_open(const char *name, struct medium *m)
{
	struct stat st;
	int rc;

	*m = (struct medium){ .name = name, .fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	if (m->fd < 0 || fstat(m->fd, &st) < 0)
		return ctl_fail(errno == ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "%s: %s", name,
			strerror(errno));
	m->folder = S_ISDIR(st.st_mode);
	if (!m->folder && !S_ISREG(st.st_mode))
		return ctl_fail(CTL_FAILED, "%s: neither a folder nor a file", name);
	rc = m->folder ? open_folder(m) : open_archive(m);
	if (!rc && m->n == 0)
		rc = ctl_fail(CTL_FAILED, "%s: there is no file in it", name);
	if (!rc && m->folder)
		qsort(m->files, m->n, sizeof m->files[0], by_path);
	return rc;
}

/* ---- taking files out ---- */

static int write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Where a file goes: into DIR/name, or into memory. */
struct sink {
	const char *dir, *name;
	int fd;
	char *text;
	uint64_t got, size;
};

static int sink_open(struct sink *s)
{
	char path[PATH_MAX];

	if (!s->dir)
		return CTL_OK;
	if (snprintf(path, sizeof path, "%s/%s", s->dir, s->name) >= PATH_MAX)
		return ctl_fail(CTL_FAILED, "%s/%s: %s", s->dir, s->name, strerror(ENAMETOOLONG));
	unlink(path); /* what was built here before */
	s->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return s->fd < 0 ? ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno)) : CTL_OK;
}

static int sink_put(struct sink *s, const char *p, size_t len)
{
	int rc = 0;

	s->got += len;
	if (s->got > s->size)
		rc = -EBADMSG; /* longer than it said */
	else if (s->dir)
		rc = write_all(s->fd, p, len);
	else
		memcpy(s->text + s->got - len, p, len);
	return rc;
}

static int sink_close(const struct medium *m, struct sink *s, int rc)
{
	if (s->dir && s->fd >= 0 && close(s->fd) < 0 && !rc)
		rc = -errno;
	s->fd = -1;
	if (!rc && s->got != s->size)
		rc = -EBADMSG;
	if (!rc)
		return CTL_OK;
	return ctl_fail(CTL_FAILED, "%s: %s: %s", m->name, s->name,
		rc == -EBADMSG ? "not as long as the medium says" : strerror(-rc));
}

/* Open each folder on the way without following links: the tree may have changed meanwhile. */
static int open_below(int dir, const char *path)
{
	int at = dir, fd = -1;

	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		char part[NAME_MAX + 1];

		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(part, p, n);
		part[n] = 0;
		p += n + (p[n] == '/');
		fd = openat(at, part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (at != dir)
			close(at);
		if (fd < 0)
			return -errno;
		at = fd;
	}
	return fd;
}

static int copy_from_folder(struct medium *m, size_t which, struct sink *s)
{
	char buf[MEDIUM_CHUNK];
	int fd = open_below(m->fd, m->files[which].path), rc = 0;
	ssize_t n;

	if (fd < 0)
		return ctl_fail(
			CTL_FAILED, "%s/%s: %s", m->name, m->files[which].path, strerror(-fd));
	rc = sink_open(s);
	if (rc) {
		close(fd);
		return rc;
	}
	while (!rc && (n = read(fd, buf, sizeof buf)) != 0)
		rc = n < 0 ? -errno : sink_put(s, buf, (size_t)n);
	close(fd);
	return sink_close(m, s, rc);
}

/* One pass over the archive; sinks[] in the order of its files, NULL for those not wanted. */
static int pass(struct medium *m, struct child *c, struct sink **sinks, char *buf)
{
	struct medium_item it = { .what = MEDIUM_OTHER };
	struct sink *s = NULL;
	size_t n = 0;
	int rc = CTL_OK;

	while (!rc && it.what != MEDIUM_END) {
		rc = next(m, c, &it, buf);
		if (rc)
			break;
		if (it.what == MEDIUM_BYTES && s) {
			int put = sink_put(s, buf, it.len);

			if (put)
				rc = sink_close(m, s, put);
		}
		if (it.what != MEDIUM_FILE && it.what != MEDIUM_END)
			continue;
		if (s && !rc)
			rc = sink_close(m, s, 0);
		s = it.what == MEDIUM_FILE && n < m->n ? sinks[n++] : NULL;
		if (s && !rc)
			rc = sink_open(s);
	}
	return rc;
}

static int copy_from_archive(struct medium *m, const size_t *which, struct sink *sinks, size_t n)
{
	struct sink **of = calloc(m->n, sizeof *of);
	bool *wanted = calloc(m->n, sizeof *wanted);
	char *buf = malloc(MEDIUM_CHUNK + 1);
	struct child c;
	int rc = of && wanted && buf ? CTL_OK : fail(m, -ENOMEM);

	for (size_t i = 0; i < n && !rc; i++) {
		of[which[i]] = &sinks[i];
		wanted[which[i]] = true;
	}
	if (!rc)
		rc = start(m, 0, wanted, m->n, &c);
	if (!rc) {
		rc = pass(m, &c, of, buf);
		finish(&c);
	}
	free(buf);
	free(wanted);
	free(of);
	return rc;
}

static int copy(
	struct medium *m, const size_t *which, const char *const *names, size_t n, const char *dir)
{
	struct sink *sinks = calloc(n ? n : 1, sizeof *sinks);
	int rc = sinks ? CTL_OK : fail(m, -ENOMEM);

	for (size_t i = 0; i < n && !rc; i++)
		sinks[i] = (struct sink){
			.dir = dir, .name = names[i], .fd = -1, .size = m->files[which[i]].size
		};
	for (size_t i = 0; i < n && !rc && m->folder; i++)
		rc = copy_from_folder(m, which[i], &sinks[i]);
	if (!rc && !m->folder)
		rc = copy_from_archive(m, which, sinks, n);
	for (size_t i = 0; i < n && sinks; i++) {
		if (sinks[i].fd >= 0)
			close(sinks[i].fd);
	}
	free(sinks);
	return rc;
}

int medium_copy(
	struct medium *m, const size_t *which, const char *const *names, size_t n, const char *dir)
{
	for (size_t i = 0; i < n; i++) {
		const struct medium_file *f = &m->files[which[i]];

		if (f->size == 0 || f->size > MANIFEST_FILE_MAX)
			return ctl_fail(CTL_FAILED, "%s: %s has %s", m->name, f->path,
				f->size ? "more than 4 GiB" : "no bytes");
	}
	return copy(m, which, names, n, dir);
}

int medium_unpack(struct medium *m, const char *const *names, const char *dir)
{
	size_t *which = calloc(m->n, sizeof *which);
	int rc = which ? CTL_OK : fail(m, -ENOMEM);

	for (size_t i = 0; i < m->n && which; i++)
		which[i] = i;
	if (!rc)
		rc = copy(m, which, names, m->n, dir);
	free(which);
	return rc;
}

int medium_read(struct medium *m, size_t which, size_t max, char **out, size_t *len)
{
	const struct medium_file *f = &m->files[which];
	struct sink s = { .name = f->path, .fd = -1, .size = f->size };
	int rc;

	if (f->size > max)
		return ctl_fail(
			CTL_FAILED, "%s: %s is longer than %zu bytes", m->name, f->path, max);
	s.text = malloc((size_t)f->size + 1);
	if (!s.text)
		return fail(m, -ENOMEM);
	rc = m->folder ? copy_from_folder(m, which, &s) : copy_from_archive(m, &which, &s, 1);
	if (rc) {
		free(s.text);
		return rc;
	}
	s.text[f->size] = 0;
	*out = s.text;
	*len = (size_t)f->size;
	return CTL_OK;
}
