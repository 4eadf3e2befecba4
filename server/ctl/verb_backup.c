/* verb_backup.c: `muster backup FILE`: what the server says of itself, sealed, under a new name. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/digest.h"
#include "server/ctl/audit_damage.h"
#include "server/ctl/backup_pack.h"
#include "server/ctl/client.h"
#include "server/ctl/format.h"
#include "server/ctl/progress.h"
#include "server/ctl/verbs.h"
#include "server/loop.h"
#include "server/tar.h"

#define KEY_MAX	  4096
#define KEY_NAME  "private/site.key"
#define SUMS_NAME "private/SHA256SUMS"
#define HEAD_MAX  2048 /* bytes of the archive within which its first file ends */

enum { OPT_KEYS = 256 };

static const struct option options[] = {
	{ "with-keys", no_argument, NULL, OPT_KEYS },
	{ 0 },
};

/* What is being written, under a name that it has until it is whole. */
struct out {
	const char *file;
	char temporary[PATH_MAX];
	int fd;
	struct pack *pack;
	struct progress progress;
	char head[HEAD_MAX]; /* the first bytes */
	size_t head_len;
	uint64_t came;
	int error; /* -errno of writing it */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* Not with SA_RESTART: whoever waits shall hear of it. */
static void listen_to_signals(void)
{
	const struct sigaction a = { .sa_handler = on_signal };

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
}

static int write_failed(const struct out *o, int rc)
{
	return ctl_fail(CTL_FAILED, "%s: %s", o->file, strerror(-rc));
}

static int taken(const struct out *o)
{
	ctl_fail(CTL_CONFLICT, "%s is there already", o->file);
	ctl_hint("give it another name: muster backup muster-$(date +%%F).tar.zst");
	return CTL_CONFLICT;
}

static int out_open(struct out *o, const char *file)
{
	struct stat st;
	int rc;

	*o = (struct out){ .file = file, .fd = -1 };
	if (lstat(file, &st) == 0)
		return taken(o);
	if (snprintf(o->temporary, sizeof o->temporary, "%s.XXXXXX", file) >= PATH_MAX)
		return write_failed(o, -ENAMETOOLONG);
	o->fd = mkostemp(o->temporary, O_CLOEXEC); /* mode 0600 */
	if (o->fd < 0)
		return write_failed(o, -errno);
	rc = pack_open(o->fd, &o->pack);
	return rc ? write_failed(o, rc) : CTL_OK;
}

static void out_abort(struct out *o)
{
	pack_free(o->pack);
	if (o->fd < 0)
		return;
	close(o->fd);
	unlink(o->temporary);
}

/* The name itself on the disk. */
static int sync_folder(const char *file)
{
	char path[PATH_MAX];
	const char *slash = strrchr(file, '/');
	int rc, fd;

	snprintf(
		path, sizeof path, "%.*s", slash ? (int)(slash - file) + 1 : 1, slash ? file : ".");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int out_publish(struct out *o)
{
	int rc = pack_close(o->pack);

	o->pack = NULL;
	if (rc)
		return write_failed(o, rc);
	rc = renameat2(AT_FDCWD, o->temporary, AT_FDCWD, o->file, RENAME_NOREPLACE);
	if (rc < 0 && errno == EINVAL) /* a file system that cannot refuse */
		rc = rename(o->temporary, o->file);
	if (rc < 0)
		return errno == EEXIST ? taken(o) : write_failed(o, -errno);
	close(o->fd);
	o->fd = -1;
	rc = sync_folder(o->file);
	return rc ? write_failed(o, rc) : CTL_OK;
}

/* The first file of the archive says how much the database is: nearly all of what comes. */
static void learn_total(struct out *o)
{
	char err[160], *text = o->head + TAR_BLOCK, *end = memchr(text, '}', HEAD_MAX - TAR_BLOCK);
	struct json *doc = end ? json_read(text, (size_t)(end - text) + 1, err, sizeof err) : NULL;
	const int64_t total = json_get_int(doc, "database_bytes", 0);

	progress_begin(&o->progress, "backup", total > 0 ? (uint64_t)total : 0, false);
	json_free(doc);
}

static bool on_bytes(void *arg, const void *bytes, size_t len)
{
	struct out *o = arg;
	const size_t room = HEAD_MAX - o->head_len, n = len < room ? len : room;

	memcpy(o->head + o->head_len, bytes, n);
	o->head_len += n;
	if (n && o->head_len == HEAD_MAX)
		learn_total(o);
	o->came += len;
	if (o->head_len == HEAD_MAX)
		progress_add(&o->progress, len, true);
	o->error = pack_write(o->pack, bytes, len);
	return !o->error && !interrupted;
}

/* ---- private keys ---- */

static int put_file(struct out *o, const char *name, const void *bytes, size_t len)
{
	static const uint8_t zeros[TAR_BLOCK];
	uint8_t head[TAR_BLOCK];
	int rc = tar_head(name, len, (int64_t)(now_wall_ms() / 1000), head);

	if (!rc)
		rc = pack_write(o->pack, head, sizeof head);
	if (!rc)
		rc = pack_write(o->pack, bytes, len);
	if (!rc)
		rc = pack_write(o->pack, zeros, tar_padding(len));
	return rc;
}

static int put_key(struct out *o, const char *key, size_t len)
{
	char sums[256], hex[DIGEST_HEX];
	struct digest d;
	int rc = digest_bytes(key, len, &d);

	digest_hex(&d, hex);
	snprintf(sums, sizeof sums, "%s  " KEY_NAME "\n", hex);
	if (!rc)
		rc = put_file(o, KEY_NAME, key, len);
	if (!rc)
		rc = put_file(o, SUMS_NAME, sums, strlen(sums));
	return rc ? write_failed(o, rc) : CTL_OK;
}

/*
 * From its file: the key that signs tickets never passes through the API, so that no token, stolen
 * or not, can have it.
 */
static int read_key(struct ctl *c, char out[KEY_MAX], size_t *len)
{
	struct answer a;
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd, rc;

	if (c->url) {
		ctl_fail(CTL_USAGE, "--with-keys: the keys are on the server's machine only");
		ctl_hint("run it there, as root");
		return CTL_USAGE;
	}
	rc = client_get(c, "/api/v1/status", &a);
	if (rc)
		return rc;
	snprintf(path, sizeof path, "%s/keys/site.key", json_get_str(a.doc, "state_dir", ""));
	answer_fini(&a);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, out, KEY_MAX);
	if (n < 0)
		rc = ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	*len = n > 0 ? (size_t)n : 0;
	return rc;
}

/* ---- the verb ---- */

static int fetch(struct ctl *c, struct out *o)
{
	int rc = client_download(c, "/api/v1/backup", on_bytes, o);

	progress_end(&o->progress);
	if (interrupted)
		return ctl_fail(CTL_FAILED, "interrupted: there is no backup");
	if (o->error)
		return write_failed(o, o->error);
	if (!rc && (o->came == 0 || o->came % TAR_BLOCK))
		rc = ctl_fail(CTL_FAILED, "what the server sent is no backup");
	return rc;
}

static void say_done(const struct out *o, bool keys)
{
	char size[FORMAT_MAX];
	struct stat st = { 0 };

	stat(o->file, &st);
	printf("%s: %s\n", o->file, format_bytes((uint64_t)st.st_size, size));
	if (keys)
		printf("The site's private key is in it: whoever has the file can be this server.\n");
	else
		printf("The site's private key is not in it (--with-keys): without it a restored\n"
		       "server has a new one, and hosts need an agent image that knows it.\n");
}

/* Better now than on the day when it is needed. */
static void warn_of_audit(struct ctl *c)
{
	char damage[400];

	if (audit_damage(c, damage, sizeof damage) == CTL_OK && *damage)
		fprintf(stderr, "muster: warning: %s; muster restore asks for --any-audit then\n",
			format_clean(damage));
}

int verb_backup(struct ctl *c, int argc, char **argv)
{
	char key[KEY_MAX];
	size_t key_len = 0;
	bool keys = false;
	struct out out;
	int o, rc = CTL_OK;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return ctl_usage(c, NULL);
		keys = true;
	}
	if (optind + 1 != argc)
		return ctl_usage(c, optind == argc ? "into which file?" : "one file only");
	if (keys)
		rc = read_key(c, key, &key_len);
	if (rc)
		return rc;
	rc = out_open(&out, argv[optind]);
	listen_to_signals();
	if (!rc)
		rc = fetch(c, &out);
	if (!rc && keys)
		rc = put_key(&out, key, key_len);
	if (!rc)
		rc = out_publish(&out);
	out_abort(&out);
	explicit_bzero(key, sizeof key);
	if (!rc)
		say_done(&out, keys);
	if (!rc)
		warn_of_audit(c);
	return rc;
}
