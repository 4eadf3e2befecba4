/* image_dir.c: the folder of a built image. */
#include "server/ctl/image_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/ctl/ctl.h"

#define SIGNATURE ".minisig"

static int join(const char *dir, const char *name, char out[PATH_MAX])
{
	return snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int fail_file(const char *dir, const char *name, int rc)
{
	return ctl_fail(CTL_FAILED, "%s/%s: %s", dir, name,
		rc == -ELOOP ? "not a regular file" : strerror(-rc));
}

int image_dir_open(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	int fd, rc = join(dir, name, path);

	if (rc)
		return rc;
	/* O_NONBLOCK: a planted FIFO must not make us wait. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -ELOOP;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

/* At most `size` bytes from the start; more is -EFBIG. Returns how many or -errno. */
static ssize_t read_at_most(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n;
	char more;

	while (len < size && (n = read(fd, out + len, size - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? (size_t)n : 0;
	}
	return len == size && read(fd, &more, 1) != 0 ? -EFBIG : (ssize_t)len;
}

/* The file's bytes and a NUL into out[size + 1]. Returns the length or -errno. */
static ssize_t read_file(const char *dir, const char *name, char *out, size_t size)
{
	int fd = image_dir_open(dir, name);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read_at_most(fd, out, size);
	close(fd);
	if (n >= 0)
		out[n] = '\0';
	return n;
}

int image_dir_text(const char *dir, const char *name, const char *hint, struct image_text *out)
{
	ssize_t n = read_file(dir, name, out->text, MANIFEST_MAX);

	if (n == -ENOENT || n == -ENOTDIR) {
		ctl_fail(CTL_NOT_FOUND, "%s has no %s", dir, name);
		ctl_hint("%s", hint);
		return CTL_NOT_FOUND;
	}
	if (n < 0)
		return fail_file(dir, name, (int)n);
	out->len = (size_t)n;
	return CTL_OK;
}

int image_dir_parse(const char *dir, const struct image_text *t, struct manifest *out)
{
	char err[200];

	if (manifest_parse(t->text, t->len, out, err, sizeof err))
		return ctl_fail(CTL_FAILED, "%s/" IMAGE_MANIFEST ": %s", dir, err);
	return CTL_OK;
}

static int hash_file(const char *dir, const char *name, struct digest *out, uint64_t *len)
{
	int fd = image_dir_open(dir, name), rc;

	if (fd < 0)
		return fail_file(dir, name, fd);
	rc = digest_fd(fd, out, len);
	close(fd);
	return rc ? fail_file(dir, name, rc) : CTL_OK;
}

int image_dir_hash(const char *dir, struct manifest *m)
{
	int rc = CTL_OK;

	for (size_t i = 0; !rc && i < m->n_files; i++)
		rc = hash_file(dir, m->files[i].name, &m->files[i].sha256, &m->files[i].length);
	return rc;
}

static int check_file(const char *dir, const struct manifest_file *f)
{
	char want[DIGEST_HEX], found[DIGEST_HEX];
	struct digest d;
	uint64_t len;
	int rc = hash_file(dir, f->name, &d, &len);

	if (rc)
		return rc;
	if (len == f->length && digest_equal(&d, &f->sha256))
		return CTL_OK;
	digest_hex(&f->sha256, want);
	digest_hex(&d, found);
	ctl_fail(CTL_FAILED, "%s/%s is not what the manifest says", dir, f->name);
	ctl_fail(CTL_FAILED, "  expected %" PRIu64 " bytes, sha256 %s", f->length, want);
	ctl_fail(CTL_FAILED, "  found    %" PRIu64 " bytes, sha256 %s", len, found);
	return CTL_FAILED;
}

int image_dir_check(const char *dir, const struct manifest *m)
{
	int rc = CTL_OK;

	for (size_t i = 0; i < m->n_files; i++)
		if (check_file(dir, &m->files[i]))
			rc = CTL_FAILED;
	return rc;
}

/* ---- signature files ---- */

/* Is `file` a signature of `name`? */
static bool is_signature(const char *file, const char *name)
{
	size_t n = strlen(name), end = strlen(SIGNATURE);

	return strncmp(file, name, n) == 0 && strncmp(file + n, SIGNATURE, end) == 0 &&
	       (file[n + end] == '\0' || file[n + end] == '.');
}

static int each_signature(
	const char *dir, const char *name, int (*fn)(const char *, const char *, void *), void *arg)
{
	struct dirent **files = NULL;
	int n = scandir(dir, &files, NULL, alphasort), rc = CTL_OK;

	if (n < 0)
		return ctl_fail(errno == ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "%s: %s", dir,
			strerror(errno));
	for (int i = 0; i < n; i++) {
		if (!rc && is_signature(files[i]->d_name, name))
			rc = fn(dir, files[i]->d_name, arg);
		free(files[i]);
	}
	free(files);
	return rc;
}

struct found {
	struct image_signature *out;
	size_t n;
};

static int read_signature(const char *dir, const char *name, void *arg)
{
	struct found *f = arg;
	struct image_signature *s = &f->out[f->n];
	ssize_t len;

	if (f->n == IMAGE_SIGNERS_MAX)
		return ctl_fail(CTL_FAILED, "%s: more than %d signatures", dir, IMAGE_SIGNERS_MAX);
	len = read_file(dir, name, s->text, MINISIG_TEXT_MAX);
	if (len < 0)
		return fail_file(dir, name, (int)len);
	snprintf(s->file, sizeof s->file, "%s", name);
	s->len = (size_t)len;
	f->n++;
	return CTL_OK;
}

int image_dir_signatures(const char *dir, const char *name, struct image_signature *out, size_t *n)
{
	struct found f = { out, 0 };
	int rc = each_signature(dir, name, read_signature, &f);

	if (!rc)
		*n = f.n;
	return rc;
}

static int drop_signature(const char *dir, const char *name, void *arg)
{
	char path[PATH_MAX];
	int rc = join(dir, name, path);

	(void)arg;
	if (!rc && unlink(path) < 0)
		rc = -errno;
	return rc ? fail_file(dir, name, rc) : CTL_OK;
}

int image_dir_drop_signatures(const char *dir, const char *name)
{
	return each_signature(dir, name, drop_signature, NULL);
}

int image_dir_signed(const char *dir, const char *name, const char *hint, struct image_signed *out)
{
	size_t n = 0;
	int rc = image_dir_text(dir, name, hint, &out->text);

	if (!rc)
		rc = image_dir_signatures(dir, name, out->sigs, &n);
	if (rc)
		return rc;
	out->t = (struct signed_text){ .text = out->text.text, .len = out->text.len, .n_sigs = n };
	for (size_t i = 0; i < n; i++)
		out->t.sigs[i] = (struct quorum_sig){ out->sigs[i].text, out->sigs[i].len };
	return CTL_OK;
}

int image_dir_sign(const char *dir, const char *name, const struct image_text *t,
	const struct minisig_secret *sec, const char *trusted_comment)
{
	char sig[MINISIG_TEXT_MAX], file[NAME_MAX + 1], id[17];

	minisig_id_hex(sec->id, id);
	if (snprintf(file, sizeof file, "%s" SIGNATURE ".%s", name, id) >= (int)sizeof file)
		return ctl_fail(CTL_FAILED, "%s/%s: the name is too long", dir, name);
	if (minisig_sign(sec, t->text, t->len, trusted_comment, sig))
		return ctl_fail(CTL_FAILED, "%s/%s: cannot be signed", dir, name);
	return image_dir_write(dir, file, sig, strlen(sig));
}

int image_dir_split(const char *path, char dir[PATH_MAX], char name[NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (!*base || strlen(base) > NAME_MAX || len >= PATH_MAX)
		return ctl_fail(CTL_USAGE, "%s is no file's name", path);
	snprintf(dir, PATH_MAX, "%.*s", (int)len, path);
	if (len == 0)
		snprintf(dir, PATH_MAX, "%s", slash ? "/" : ".");
	snprintf(name, NAME_MAX + 1, "%s", base);
	return CTL_OK;
}

/* ---- writing ---- */

static int write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

int image_dir_write(const char *dir, const char *name, const void *p, size_t len)
{
	char path[PATH_MAX], tmp[PATH_MAX];
	int fd, rc = join(dir, name, path);

	if (!rc)
		rc = join(dir, ".new-XXXXXX", tmp);
	if (rc)
		return fail_file(dir, name, rc);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return fail_file(dir, name, -errno);
	rc = write_all(fd, p, len);
	close(fd);
	if (!rc && rename(tmp, path) < 0)
		rc = -errno;
	if (rc) {
		unlink(tmp);
		return fail_file(dir, name, rc);
	}
	rc = sync_dir(dir);
	return rc ? fail_file(dir, name, rc) : CTL_OK;
}

int image_dir_clear(const char *dir)
{
	char path[PATH_MAX];
	int rc;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return ctl_fail(CTL_FAILED, "%s: %s", dir, strerror(errno));
	rc = image_dir_drop_signatures(dir, IMAGE_MANIFEST);
	if (!rc && join(dir, IMAGE_MANIFEST, path) == 0 && unlink(path) < 0 && errno != ENOENT)
		rc = ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
	return rc;
}

/* What was printed is read back: the parser is the judge of every value. */
int image_dir_finish(const char *dir, struct manifest *m)
{
	struct image_text t;
	struct manifest back;
	int n, rc = image_dir_hash(dir, m);

	if (rc)
		return rc;
	n = manifest_print(m, t.text, sizeof t.text);
	if (n < 0)
		return ctl_fail(CTL_FAILED, "%s: the manifest would be too long", dir);
	t.len = (size_t)n;
	rc = image_dir_parse(dir, &t, &back);
	return rc ? rc : image_dir_write(dir, IMAGE_MANIFEST, t.text, t.len);
}
