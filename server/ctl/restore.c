/* restore.c: what is in a backup. Its bytes may be anybody's: they are sealed, not signed. */
#include "server/ctl/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/check.h"
#include "images/digest.h"
#include "server/bytes.h"
#include "server/ctl/backup_pack.h"
#include "server/ctl/ctl.h"
#include "server/sandbox.h"

#define FORMAT	   1
#define SUMS_MAX   (8 * 1024 * 1024)
#define RESULT_MAX (32 * 1024 * 1024)
#define DB_NAME	   "muster.db"
#define SUMS_NAME  "SHA256SUMS"
#define KEY_NAME   "private/site.key"
#define KEY_SUMS   "private/SHA256SUMS"

static int refuse(const struct backup_file *b, const char *what)
{
	return ctl_fail(CTL_FAILED, "%s: %s", b->file, what);
}

/* ---- the seal ---- */

static int check_seal(const struct backup_file *b)
{
	int fd = open(b->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc = fd < 0 ? -errno : 0;

	if (rc)
		return ctl_fail(rc == -ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "%s: %s", b->file,
			strerror(-rc));
	rc = pack_check(fd);
	close(fd);
	if (rc == -ENOENT)
		return refuse(b, "no backup that `muster backup` made, or its end is missing");
	if (rc == -EBADMSG)
		return refuse(b, "damaged: its bytes are not those that `muster backup` wrote");
	return rc ? refuse(b, strerror(-rc)) : CTL_OK;
}

/* ---- names ---- */

static bool is_below(const char *path, const char *folder, const char *end)
{
	const size_t n = strlen(folder), len = strlen(path), m = strlen(end);

	return !strncmp(path, folder, n) && !strchr(path + n, '/') && len > n + m &&
	       !strcmp(path + len - m, end) && path[n] != '.';
}

static bool is_blob(const char *path)
{
	const char *folder = "blobs/sha256/";
	struct digest d;

	return !strncmp(path, folder, strlen(folder)) &&
	       digest_parse(path + strlen(folder), &d) == 0;
}

/* What a backup has in it, and nothing else. */
static bool is_known(const char *path)
{
	static const char *const names[] = { "backup.json", "config/muster.conf", DB_NAME,
		SUMS_NAME, KEY_NAME, KEY_SUMS };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!strcmp(path, names[i]))
			return true;
	}
	return is_below(path, "config/conf.d/", ".conf") || is_below(path, "keys/", ".pub") ||
	       is_below(path, "keys/trust/", ".pub") || is_blob(path);
}

static int check_names(const struct backup_file *b)
{
	if (b->m.others)
		return refuse(b, "refused: links, folders or devices are in it, as in no backup");
	for (size_t i = 0; i < b->m.n; i++) {
		if (!is_known(b->m.files[i].path))
			return ctl_fail(CTL_FAILED, "%s: refused: no backup has a file '%s'",
				b->file, b->m.files[i].path);
	}
	return CTL_OK;
}

static int read_about(struct backup_file *b)
{
	const struct medium_file *f = &b->m.files[0];
	char why[160];
	int64_t format;

	if (strcmp(f->path, "backup.json") != 0 || f->size != f->head_len)
		return refuse(b, "it does not begin with backup.json: no backup");
	b->about = json_read((const char *)f->head, f->head_len, why, sizeof why);
	if (!b->about)
		return ctl_fail(CTL_FAILED, "%s: backup.json: %s", b->file, why);
	format = json_get_int(b->about, "format", 0);
	if (format != FORMAT)
		return ctl_fail(CTL_FAILED,
			"%s: of format %lld, and this program knows %d: a newer "
			"muster made it",
			b->file, (long long)format, FORMAT);
	return CTL_OK;
}

int backup_open(const char *file, struct backup_file *b)
{
	int rc;

	*b = (struct backup_file){ .file = file, .m = { .fd = -1 } };
	rc = check_seal(b);
	if (!rc)
		rc = medium_open(file, &b->m);
	if (!rc)
		rc = check_names(b);
	return rc ? rc : read_about(b);
}

void backup_fini(struct backup_file *b)
{
	json_free(b->held);
	json_free(b->about);
	medium_fini(&b->m);
}

/* ---- digests ---- */

static int digest_of(const char *dir, const char *name, struct digest *out)
{
	char path[PATH_MAX];
	int fd, rc;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = digest_fd(fd, out, NULL);
	close(fd);
	return rc;
}

/* "HEX  NAME\n" at *line, which moves on. */
static bool takes_line(const char **line, const struct digest *d, const char *name)
{
	char want[DIGEST_HEX + MEDIUM_PATH_MAX + 4], hex[DIGEST_HEX];
	int n;

	digest_hex(d, hex);
	n = snprintf(want, sizeof want, "%s  %s\n", hex, name);
	if (strncmp(*line, want, (size_t)n) != 0)
		return false;
	*line += n;
	return true;
}

/* The whole of a file, with a NUL, to free(). NULL: it cannot be read, or is too long. */
static char *read_text(const char *dir, const char *name)
{
	char path[PATH_MAX], *text = NULL;
	struct stat st;
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= SUMS_MAX)
		text = calloc(1, (size_t)st.st_size + 1);
	if (text && read(fd, text, (size_t)st.st_size) != (ssize_t)st.st_size) {
		free(text);
		text = NULL;
	}
	if (fd >= 0)
		close(fd);
	return text;
}

/* The files `first` to `sums` - 1 are what the file `sums` says, in its order, and no others. */
static int check_sums(struct backup_file *b, const char *dir, size_t first, size_t sums)
{
	char *text = read_text(dir, b->m.files[sums].path);
	const char *line = text;
	struct digest d;
	int rc = text ? CTL_OK : refuse(b, "its digests cannot be read");

	for (size_t i = first; i < sums && !rc; i++) {
		const char *name = b->m.files[i].path;

		if (digest_of(dir, name, &d) < 0 || !takes_line(&line, &d, name))
			rc = ctl_fail(CTL_FAILED, "%s: %s is not what %s says", b->file, name,
				b->m.files[sums].path);
	}
	if (!rc && line && *line)
		rc = ctl_fail(CTL_FAILED, "%s: something that %s names is missing", b->file,
			b->m.files[sums].path);
	free(text);
	return rc;
}

static size_t index_of(const struct backup_file *b, const char *name)
{
	size_t i = 0;

	while (i < b->m.n && strcmp(b->m.files[i].path, name))
		i++;
	return i;
}

/* Its order is fixed: the database, the digests, and then perhaps the key and its own. */
static int check_all_sums(struct backup_file *b, const char *dir)
{
	const size_t sums = index_of(b, SUMS_NAME), last = b->m.n - 1;
	int rc;

	if (sums > last || sums == 0 || strcmp(b->m.files[sums - 1].path, DB_NAME) != 0)
		return refuse(b, "there is no database, or no " SUMS_NAME ", in it");
	b->has_key = sums != last;
	if (b->has_key && (last != sums + 2 || index_of(b, KEY_NAME) != sums + 1 ||
				  index_of(b, KEY_SUMS) != last))
		return refuse(b, "refused: its files are not in the order of a backup");
	rc = check_sums(b, dir, 0, sums);
	return !rc && b->has_key ? check_sums(b, dir, sums + 1, last) : rc;
}

/* ---- the database, in a process that can do nothing but read it ---- */

static void write_text(int fd, const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		const ssize_t n = write(fd, text, left);

		if (n < 0)
			return;
		text += n;
		left -= (size_t)n;
	}
}

static int become(const struct passwd *user)
{
	if (user && (setgroups(0, NULL) < 0 ||
			    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
			    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0))
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return sandbox_enter(SANDBOX_DATABASE);
}

__attribute__((noreturn)) static void examine(int pipe, const char *path, const struct passwd *user)
{
	char err[400] = "", *json = NULL;
	int rc = become(user);

	if (rc)
		snprintf(err, sizeof err, "the process that checks it cannot be locked in: %s",
			strerror(-rc));
	else if (check_database(path, &json, err, sizeof err) == 0)
		write_text(pipe, json);
	/* what is no JSON is why not */
	write_text(pipe, err);
	_exit(0);
}

static char *read_all(int fd)
{
	size_t len = 0, size = 64 * 1024;
	char *text = malloc(size), *more;
	ssize_t n;

	while (text && len < RESULT_MAX && (n = read(fd, text + len, size - len - 1)) > 0) {
		len += (size_t)n;
		if (len + 1 < size)
			continue;
		more = realloc(text, size *= 2);
		if (!more)
			free(text);
		text = more;
	}
	if (text)
		text[len] = 0;
	return text;
}

/* Who changed it may have changed more; but a site must not be lost with one row. */
static int check_audit(const struct backup_file *b)
{
	const char *damage = json_get_str(b->held, "audit_damage", NULL);

	if (!damage || b->any_audit)
		return CTL_OK;
	refuse(b, damage);
	ctl_hint("--any-audit takes it all the same; `muster audit verify` goes on telling of it");
	return CTL_FAILED;
}

static int check_copy(struct backup_file *b, const char *dir, const struct passwd *user)
{
	char path[PATH_MAX], why[160], *text;
	int ends[2];
	pid_t pid;
	int rc = CTL_OK;

	snprintf(path, sizeof path, "%s/" DB_NAME, dir);
	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return refuse(b, strerror(errno));
	if (pid == 0) {
		close(ends[0]);
		examine(ends[1], path, user);
	}
	close(ends[1]);
	text = read_all(ends[0]);
	close(ends[0]);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	b->held = text ? json_read(text, strlen(text), why, sizeof why) : NULL;
	if (!b->held)
		rc = refuse(b, text && *text ? text : "the process that checks it has died");
	free(text);
	return rc ? rc : check_audit(b);
}

/* ---- all of it ---- */

static int make_folders(const struct backup_file *b, const char *dir, const struct passwd *user)
{
	static const char *const names[] = { "", "config", "config/conf.d", "keys", "keys/trust",
		"blobs", "blobs/sha256", "blobs/tmp", "private" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		if (i > 0 && mkdir(path, 0755) < 0)
			return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
	}
	/* whoever checks the database has to reach it */
	if (user && chown(dir, user->pw_uid, user->pw_gid) < 0)
		return refuse(b, strerror(errno));
	return CTL_OK;
}

int backup_unpack(struct backup_file *b, const char *dir, const struct passwd *user)
{
	const char **names = calloc(b->m.n, sizeof *names);
	int rc = names ? make_folders(b, dir, user) : refuse(b, strerror(ENOMEM));

	for (size_t i = 0; i < b->m.n && names; i++)
		names[i] = b->m.files[i].path;
	if (!rc)
		rc = medium_unpack(&b->m, names, dir);
	free(names);
	if (!rc)
		rc = check_all_sums(b, dir);
	return rc ? rc : check_copy(b, dir, user);
}

void backup_image_files(const struct backup_file *b,
	void (*fn)(void *arg, const struct json *image, const struct json *file), void *arg)
{
	const struct json *images = json_get(b->held, "images");

	for (size_t i = 0; i < json_len(images); i++) {
		const struct json *image = json_at(images, i), *files = json_get(image, "files");

		for (size_t k = 0; k < json_len(files); k++)
			fn(arg, image, json_at(files, k));
	}
}
