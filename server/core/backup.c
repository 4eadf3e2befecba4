#include "server/core/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/blobs.h"
#include "server/bytes.h"
#include "server/core/api.h"
#include "server/log.h"
#include "server/tar.h"

#define FORMAT	    1
#define TYPE	    "application/x-tar"
#define PIECE	    (256 * 1024)
#define PAPER_MAX   (1024 * 1024) /* bytes of a manifest, a root, a signature ... */
#define KEY_MAX	    4096
#define SERIAL_BITS 20
#define AT_BITS	    40	   /* of the number that http asks after: serial, and bytes */
#define IDLE_MS	    15000  /* from then on another one may take its place */
#define GONE_MS	    600000 /* and from then on nobody fetches it */
#define SWEEP_MS    10000
#define DB_NAME	    "muster.db"
#define SUMS_NAME   "SHA256SUMS"

/* ---- bytes that grow ---- */

static void add(struct backup_bytes *b, const void *p, size_t len)
{
	uint8_t *more;

	if (len > b->size - b->len) {
		b->size = 2 * b->size > b->len + len ? 2 * b->size : b->len + len;
		more = realloc(b->p, b->size);
		if (!more) {
			b->bad = true;
			b->size = b->len;
			return;
		}
		b->p = more;
	}
	if (len)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

static void add_padding(struct backup_bytes *b, uint64_t of)
{
	static const uint8_t zeros[TAR_BLOCK];

	add(b, zeros, tar_padding(of));
}

static void drop(struct backup_bytes *b)
{
	free(b->p);
	*b = (struct backup_bytes){ 0 };
}

/* ---- the archive ---- */

static int add_head(struct backup_bytes *b, const struct core *c, const char *name, uint64_t size)
{
	uint8_t head[TAR_BLOCK];
	int rc = tar_head(name, size, c->wall_ms / 1000, head);

	if (rc)
		log_error("backup: file=%s %s", name, strerror(-rc));
	else
		add(b, head, sizeof head);
	return rc;
}

static void add_sum(struct backup_bytes *b, const struct digest *d, const char *name)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	add(b, hex, DIGEST_HEX - 1);
	add(b, "  ", 2);
	add(b, name, strlen(name));
	add(b, "\n", 1);
}

static int add_file(struct core *c, const char *name, const void *p, size_t len)
{
	struct backup *b = c->backup;
	struct digest d;
	int rc = digest_bytes(p, len, &d);

	if (!rc)
		rc = add_head(&b->head, c, name, len);
	if (rc)
		return rc;
	add(&b->head, p, len);
	add_padding(&b->head, len);
	add_sum(&b->sums, &d, name);
	return 0;
}

static int add_about(struct core *c)
{
	struct jw w = { 0 };
	int rc;

	jw_obj(&w, NULL);
	jw_int(&w, "format", FORMAT);
	jw_str(&w, "server", c->cfg->name);
	jw_int(&w, "made_at", c->wall_ms);
	jw_str(&w, "muster", MUSTER_VERSION);
	jw_str(&w, "state_dir", c->cfg->state_dir);
	jw_str(&w, "user", c->cfg->user);
	jw_int(&w, "database_bytes", (int64_t)c->backup->db_len);
	jw_end_obj(&w);
	rc = w.bad ? -ENOMEM : add_file(c, "backup.json", w.buf, w.len);
	jw_fini(&w);
	return rc;
}

static int add_config(struct core *c)
{
	char name[sizeof c->cfg->files->name + 16];
	int rc = 0;

	for (size_t i = 0; i < c->cfg->n_files && !rc; i++) {
		const struct config_file *f = &c->cfg->files[i];

		snprintf(name, sizeof name, "config/%s", f->name);
		rc = add_file(c, name, f->text, f->len);
	}
	return rc;
}

static bool is_public_key(const char *name)
{
	const size_t n = strlen(name);

	return n > 4 && !strcmp(name + n - 4, ".pub") && name[0] != '.';
}

/* One that cannot be read is none that the server could use. */
static int add_key(struct core *c, int dir, const char *folder, const char *file)
{
	char text[KEY_MAX], name[NAME_MAX + 32];
	int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

	if (fd >= 0)
		close(fd);
	if (n < 0) {
		log_warn("backup: file=%s/%s %s", folder, file, strerror(errno));
		return 0;
	}
	snprintf(name, sizeof name, "%s/%s", folder, file);
	return add_file(c, name, text, (size_t)n);
}

static int add_keys(struct core *c, const char *folder)
{
	char path[CONFIG_TEXT_MAX + 32];
	struct dirent *e;
	DIR *d;
	int rc = 0;

	snprintf(path, sizeof path, "%s/%s", c->cfg->state_dir, folder);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (!rc && (e = readdir(d))) {
		if (is_public_key(e->d_name))
			rc = add_key(c, dirfd(d), folder, e->d_name);
	}
	closedir(d);
	return rc;
}

/* What is missing or damaged here a restored server would miss, too: that stops nobody. */
static int add_paper(void *arg, const struct digest *d)
{
	static uint8_t buf[PAPER_MAX];
	struct core *c = arg;
	char hex[DIGEST_HEX], name[DIGEST_HEX + 16];
	ssize_t n = blobs_read(c->server->blob_dir, d, buf, sizeof buf);

	digest_hex(d, hex);
	if (n < 0) {
		log_warn("backup: without blob=%s %s", hex, strerror((int)-n));
		return 0;
	}
	snprintf(name, sizeof name, "blobs/sha256/%s", hex);
	return add_file(c, name, buf, (size_t)n);
}

static int add_all(struct core *c, struct store *copy)
{
	struct backup *b = c->backup;
	int rc = add_about(c);

	if (!rc)
		rc = add_config(c);
	if (!rc)
		rc = add_keys(c, "keys");
	if (!rc)
		rc = add_keys(c, "keys/trust");
	if (!rc)
		rc = store_papers_each(copy, add_paper, c);
	if (!rc)
		rc = add_head(&b->head, c, DB_NAME, b->db_len);
	return rc ? rc : b->head.bad || b->sums.bad ? -ENOMEM : 0;
}

/* All of the copy has passed by: its padding, and the digests. */
static int add_tail(struct core *c)
{
	struct backup *b = c->backup;
	struct digest d;
	int rc = digest_final(b->hash, &d);

	if (rc)
		return rc;
	add_sum(&b->sums, &d, DB_NAME);
	add_padding(&b->tail, b->db_len);
	rc = add_head(&b->tail, c, SUMS_NAME, b->sums.len);
	add(&b->tail, b->sums.p, b->sums.len);
	add_padding(&b->tail, b->sums.len);
	return rc ? rc : b->sums.bad || b->tail.bad ? -ENOMEM : 0;
}

static uint64_t total_of(const struct backup *b)
{
	const uint64_t sums = b->sums.len + DIGEST_HEX - 1 + 2 + strlen(DB_NAME) + 1;

	return b->head.len + b->db_len + tar_padding(b->db_len) + TAR_BLOCK + sums +
	       tar_padding(sums);
}

/* ---- the copy ---- */

static const char *copy_path(const struct core *c, char out[CONFIG_TEXT_MAX + 16])
{
	snprintf(out, CONFIG_TEXT_MAX + 16, "%s/backup.tmp", c->cfg->state_dir);
	return out;
}

static uint64_t size_of(const struct core *c, const char *name)
{
	char path[CONFIG_TEXT_MAX + 32];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", c->cfg->state_dir, name);
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* The disk keeps room for the database, whatever is copied. */
static int has_room(const struct core *c)
{
	uint64_t room;
	int rc = blobs_room(c->server->blob_dir, &room);

	if (rc)
		return rc;
	return size_of(c, DB_NAME) + size_of(c, DB_NAME "-wal") > room ? -ENOSPC : 0;
}

/* Takes the copy's name away: whatever happens, it is gone with its descriptor. */
static int open_copy(struct core *c, const char *path, struct store **out)
{
	struct backup *b = c->backup;
	struct stat st = { 0 };
	char err[300];
	int rc = store_open_reader(path, out, err, sizeof err);

	if (rc)
		log_error("backup: %s", err);
	b->db = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	if (!rc && (b->db < 0 || fstat(b->db, &st) < 0))
		rc = -errno;
	b->db_len = (uint64_t)st.st_size;
	return rc;
}

static int make(struct core *c)
{
	char path[CONFIG_TEXT_MAX + 16];
	struct store *copy = NULL;
	uint32_t random = 0;
	int rc = has_room(c);

	unlink(copy_path(c, path));
	if (!rc && store_copy(c->store, path) < 0) {
		log_error("backup: %s", store_error(c->store));
		unlink(path);
		rc = -EIO;
	}
	if (!rc)
		rc = open_copy(c, path, &copy);
	if (!rc)
		rc = add_all(c, copy);
	store_close(copy);
	c->backup->hash = digest_new();
	if (!rc && (!c->backup->hash || getrandom(&random, sizeof random, 0) < 0))
		rc = -ENOMEM;
	c->backup->total = total_of(c->backup);
	c->backup->serial = 1 + random % ((1U << SERIAL_BITS) - 1);
	return rc;
}

static void end(struct backup *b)
{
	drop(&b->head);
	drop(&b->sums);
	drop(&b->tail);
	digest_free(b->hash);
	if (b->db >= 0)
		close(b->db);
	*b = (struct backup){ .db = -1 };
}

/* ---- what is asked for ---- */

/* Bytes of it up to `max`, or -errno. */
static ssize_t next_bytes(struct core *c, uint8_t *out, size_t max)
{
	struct backup *b = c->backup;
	const uint64_t copied = b->head.len + b->db_len;
	const uint64_t left = b->at < b->head.len ? b->head.len - b->at
			      : b->at < copied	  ? copied - b->at
						  : b->total - b->at;
	const size_t n = left < max ? (size_t)left : max;
	ssize_t got = (ssize_t)n;
	int rc;

	if (b->at < b->head.len) {
		memcpy(out, b->head.p + b->at, n);
	} else if (b->at < copied) {
		got = read(b->db, out, n);
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		digest_update(b->hash, out, (size_t)got);
	} else {
		rc = b->tail.len ? 0 : add_tail(c);
		if (rc || b->tail.len != b->total - copied)
			return rc ? rc : -EIO;
		memcpy(out, b->tail.p + (b->at - copied), n);
	}
	b->at += (uint64_t)got;
	return got;
}

static void answer_failed(struct answer *a, int rc)
{
	if (rc == -ENOSPC)
		answer_problem(a, 507, "disk-full",
			"make room there for a copy of the database: muster image gc",
			"the server's disk has no room for a backup");
	else
		answer_problem(a, 500, "backup", "the server's log says more",
			"the backup cannot be made: %s", strerror(-rc));
}

static void answer_piece(struct call *k)
{
	struct backup *b = k->c->backup;
	uint8_t *body = malloc(PIECE);
	size_t n = 0;
	ssize_t got = body ? 1 : -ENOMEM;

	while (got > 0 && n < PIECE && b->at < b->total) {
		got = next_bytes(k->c, body + n, PIECE - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		free(body);
		log_error("backup: %s", strerror((int)-got));
		end(b);
		answer_failed(k->a, (int)got);
		return;
	}
	b->asked_ms = k->c->mono_ms;
	k->a->status = 200;
	k->a->body = (char *)body;
	k->a->len = n;
	k->a->feed = (b->serial << AT_BITS | b->at) + 1;
	snprintf(k->a->type, sizeof k->a->type, TYPE);
}

static void begin(struct call *k)
{
	struct backup *b = k->c->backup;
	int rc;

	if (b->serial && k->c->mono_ms - b->asked_ms < IDLE_MS) {
		answer_problem(k->a, 409, "busy", "try it again when that is done",
			"somebody else is making a backup");
		return;
	}
	end(b);
	rc = make(k->c);
	snprintf(b->who, sizeof b->who, "%s", k->who->name);
	snprintf(b->from, sizeof b->from, "%s", k->who->from);
	if (!rc) {
		core_now(k->c); /* the copy took its time */
		answer_piece(k);
		return;
	}
	end(b);
	answer_failed(k->a, rc);
}

/* What http asks after: our own number of a piece ago, with http's mark behind it. */
static bool stands_at(const struct backup *b, const char *query)
{
	char text[32];

	if (!b->serial || !query_get(query, "after", text, sizeof text))
		return false;
	text[strcspn(text, ";")] = 0;
	return api_number(text, 0) == (int64_t)(b->serial << AT_BITS | b->at);
}

static void finish(struct call *k)
{
	struct backup *b = k->c->backup;

	log_info("backup: who=%s from=%s bytes=%" PRIu64, b->who, b->from, b->total);
	end(b);
	answer_text(k->a, 200, TYPE, "");
}

void api_get_backup(struct call *k)
{
	char again[4];

	if (!k->c->backup)
		answer_problem(k->a, 404, "path", "GET it by itself", "no backup is made here");
	else if (k->q->h->method == HTTP_HEAD)
		answer_text(k->a, 200, TYPE, "");
	else if (!query_get(k->q->h->query, "feed", again, sizeof again))
		begin(k);
	else if (!stands_at(k->c->backup, k->q->h->query))
		answer_problem(k->a, 410, "gone", "begin anew", "this backup is no longer there");
	else if (k->c->backup->at == k->c->backup->total)
		finish(k);
	else
		answer_piece(k);
}

/* ---- the role ---- */

static void on_sweep(void *arg, uint32_t events)
{
	struct core *c = arg;
	struct backup *b = c->backup;

	(void)events;
	core_now(c);
	if (!b->serial || c->mono_ms - b->asked_ms < GONE_MS)
		return;
	log_warn("backup: not fetched to its end: who=%s from=%s", b->who, b->from);
	end(b);
}

int backup_start(struct core *c)
{
	char path[CONFIG_TEXT_MAX + 16];
	int rc;

	c->backup->db = -1;
	unlink(copy_path(c, path)); /* of one that was killed */
	rc = loop_timer(c->loop, SWEEP_MS, on_sweep, c);
	return rc < 0 ? rc : 0;
}
