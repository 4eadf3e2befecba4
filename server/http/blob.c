#include "server/http/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/loop.h"

#define CHECK_MS   1000 /* a file's name is looked up again after this */
#define RANGES_MAX 512	/* mappings at a time that are guarded */

/* ---- a file that becomes shorter while it is mapped ---- */

/* Mappings of blobs, for a signal handler: end is set last and cleared first. */
static struct range {
	_Atomic(uintptr_t) start, end;
} ranges[RANGES_MAX];
static atomic_uint holes;

/* The rest of the mapping becomes zeros: the digest will tell. Any other such fault is a bug. */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	const uintptr_t page = 4096, at = (uintptr_t)info->si_addr & ~(page - 1);

	(void)context;
	for (size_t i = 0; i < RANGES_MAX; i++) {
		const uintptr_t end = atomic_load(&ranges[i].end);
		const uintptr_t start = atomic_load(&ranges[i].start);

		if (at < start || at >= end)
			continue;
		if (mmap((void *)at, end - at, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			    -1, 0) == MAP_FAILED)
			break;
		atomic_fetch_add(&holes, 1);
		return;
	}
	signal(sig, SIG_DFL); /* and it comes again */
}

unsigned blob_holes(void)
{
	return atomic_exchange(&holes, 0);
}

/* The caller has the cache's lock; one process has one cache. */
static void guard(const void *p, size_t size)
{
	for (size_t i = 0; i < RANGES_MAX; i++) {
		if (atomic_load(&ranges[i].end))
			continue;
		atomic_store(&ranges[i].start, (uintptr_t)p);
		atomic_store(&ranges[i].end, (uintptr_t)p + size);
		return;
	}
}

static void unguard(const void *p)
{
	for (size_t i = 0; i < RANGES_MAX; i++) {
		if (atomic_load(&ranges[i].end) && atomic_load(&ranges[i].start) == (uintptr_t)p)
			atomic_store(&ranges[i].end, 0);
	}
}

/* ---- the cache ---- */

struct entry {
	struct blob blob; /* first: a blob is handed out as its entry */
	bool copied;	  /* data is on the heap, not mapped */
	bool stale;	  /* its name leads elsewhere now: it is not in the list any more */
	ino_t inode;
	uint64_t checked_ms; /* when its name was looked up last */
	unsigned users;
	uint64_t used_at; /* on the cache's own clock, which counts gets */
	void *response;
};

struct blob_cache {
	pthread_mutex_t lock; /* of all below */
	int dir;
	void (*drop)(void *response);
	uint64_t clock;
	size_t n, max;
	struct entry *entries[];
};

struct blob_cache *blob_cache_new(int dir, size_t max, void (*drop)(void *response))
{
	struct blob_cache *c = calloc(1, sizeof *c + max * sizeof(struct entry *));
	struct sigaction a = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	if (!c)
		return NULL;
	sigaction(SIGBUS, &a, NULL);
	pthread_mutex_init(&c->lock, NULL);
	c->dir = dir;
	c->max = max;
	c->drop = drop;
	return c;
}

static void entry_free(const struct blob_cache *c, struct entry *e)
{
	if (e->response)
		c->drop(e->response);
	if (e->copied)
		free((void *)(uintptr_t)e->blob.data);
	else if (e->blob.size) {
		unguard(e->blob.data);
		munmap((void *)(uintptr_t)e->blob.data, e->blob.size);
	}
	if (e->blob.fd >= 0)
		close(e->blob.fd);
	free(e);
}

void blob_cache_free(struct blob_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		entry_free(c, c->entries[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* The file's bytes; an empty file needs no mapping, and mmap would refuse it. */
static int map_file(int fd, struct entry *e)
{
	struct blob *b = &e->blob;
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	e->inode = st.st_ino;
	e->checked_ms = now_mono_ms();
	if (st.st_size == 0) {
		b->data = (const uint8_t *)"";
		return 0;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	guard(p, (size_t)st.st_size);
	b->data = p;
	b->size = (size_t)st.st_size;
	return 0;
}

static void name_blob(struct blob *b, const struct digest *d)
{
	char hex[DIGEST_HEX];

	b->digest = *d;
	digest_hex(d, hex);
	snprintf(b->etag, sizeof b->etag, "\"sha256-%s\"", hex);
}

static int entry_open(int dir, const struct digest *d, struct entry **out)
{
	struct entry *e = calloc(1, sizeof *e);
	char hex[DIGEST_HEX];
	int fd, rc;

	if (!e)
		return -ENOMEM;
	digest_hex(d, hex);
	fd = openat(dir, hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		rc = -errno;
		goto err_free;
	}
	rc = map_file(fd, e);
	if (rc < 0)
		goto err_fd;
	e->blob.fd = fd;
	name_blob(&e->blob, d);
	*out = e;
	return 0;
err_fd:
	close(fd);
err_free:
	free(e);
	return rc;
}

/* A regular file of that size at most. Returns its descriptor with *size filled, or -errno. */
static int open_regular(int dir, const char *name, size_t size_max, size_t *size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int rc;

	if (fd < 0)
		return errno == ELOOP ? -ENOENT : -errno;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else
		rc = S_ISREG(st.st_mode) && (size_t)st.st_size <= size_max ? 0 : -ENOENT;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	*size = (size_t)st.st_size;
	return fd;
}

static int read_all(int fd, uint8_t *data, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, data + n, size - n);

		if (got <= 0)
			return got < 0 ? -errno : -EIO; /* it became shorter */
		n += (size_t)got;
	}
	return 0;
}

static int entry_copy(int dir, const char *name, size_t size_max, struct entry **out)
{
	struct entry *e = calloc(1, sizeof *e);
	struct digest d;
	uint8_t *data;
	int fd, rc;

	if (!e)
		return -ENOMEM;
	rc = fd = open_regular(dir, name, size_max, &e->blob.size);
	if (fd < 0)
		goto err_free;
	data = malloc(e->blob.size + 1);
	rc = data ? read_all(fd, data, e->blob.size) : -ENOMEM;
	close(fd);
	if (!rc)
		rc = digest_bytes(data, e->blob.size, &d);
	if (rc < 0)
		goto err_data;
	e->blob.data = data;
	e->blob.fd = -1;
	e->copied = true;
	name_blob(&e->blob, &d);
	*out = e;
	return 0;
err_data:
	free(data);
err_free:
	free(e);
	return rc;
}

static struct entry *find(const struct blob_cache *c, const struct digest *d)
{
	for (size_t i = 0; i < c->n; i++) {
		if (digest_equal(&c->entries[i]->blob.digest, d))
			return c->entries[i];
	}
	return NULL;
}

/* Does the digest's name still lead to the file that is mapped? */
static bool is_current(const struct blob_cache *c, struct entry *e)
{
	const uint64_t now = now_mono_ms();
	char hex[DIGEST_HEX];
	struct stat st;

	if (e->copied || now - e->checked_ms < CHECK_MS)
		return true;
	digest_hex(&e->blob.digest, hex);
	e->checked_ms = now;
	return fstatat(c->dir, hex, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == e->inode &&
	       (size_t)st.st_size == e->blob.size;
}

/* Who borrows it keeps it; nobody else gets it. */
static void retire(struct blob_cache *c, struct entry *e)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->entries[i] == e)
			c->entries[i] = c->entries[--c->n];
	}
	e->stale = true;
	if (e->users == 0)
		entry_free(c, e);
}

/* The place for one more entry: a new one, or that of the longest unused blob. */
static int make_room(struct blob_cache *c, size_t *out)
{
	size_t oldest = c->max;

	if (c->n < c->max) {
		*out = c->n++;
		return 0;
	}
	for (size_t i = 0; i < c->n; i++) {
		if (c->entries[i]->users == 0 &&
			(oldest == c->max || c->entries[i]->used_at < c->entries[oldest]->used_at))
			oldest = i;
	}
	if (oldest == c->max)
		return -EBUSY;
	entry_free(c, c->entries[oldest]);
	*out = oldest;
	return 0;
}

/* The file is opened under the lock: rare, short, and so nobody maps a blob twice. */
static int find_or_open(struct blob_cache *c, const struct digest *d, struct entry **out)
{
	struct entry *e = find(c, d);
	size_t place;
	int rc;

	if (e && !is_current(c, e)) {
		retire(c, e);
		e = NULL;
	}
	if (e) {
		*out = e;
		return 0;
	}
	rc = entry_open(c->dir, d, &e);
	if (rc < 0)
		return rc;
	rc = make_room(c, &place);
	if (rc < 0) {
		entry_free(c, e);
		return rc;
	}
	*out = c->entries[place] = e;
	return 0;
}

static void lend(struct blob_cache *c, struct entry *e, const struct blob **out)
{
	e->users++;
	e->used_at = ++c->clock;
	*out = &e->blob;
}

int blob_get(struct blob_cache *c, const struct digest *d, const struct blob **out)
{
	struct entry *e;
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = find_or_open(c, d, &e);
	if (rc == 0)
		lend(c, e, out);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

/* Read and hashed each time, without the lock: a millisecond, and never an old file. */
int blob_get_file(
	struct blob_cache *c, int dir, const char *name, size_t size_max, const struct blob **out)
{
	struct entry *copy, *e;
	size_t place;
	int rc = entry_copy(dir, name, size_max, &copy);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&c->lock);
	e = find(c, &copy->blob.digest);
	if (!e)
		rc = make_room(c, &place);
	if (!e && rc == 0) {
		e = c->entries[place] = copy;
		copy = NULL;
	}
	if (rc == 0)
		lend(c, e, out);
	pthread_mutex_unlock(&c->lock);
	if (copy)
		entry_free(c, copy);
	return rc;
}

static struct entry *entry_of(const struct blob *b)
{
	return (struct entry *)(uintptr_t)b;
}

void blob_put(struct blob_cache *c, const struct blob *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&c->lock);
	if (--entry_of(b)->users == 0 && entry_of(b)->stale)
		entry_free(c, entry_of(b));
	pthread_mutex_unlock(&c->lock);
}

void *blob_response(struct blob_cache *c, const struct blob *b)
{
	void *response;

	pthread_mutex_lock(&c->lock);
	response = entry_of(b)->response;
	pthread_mutex_unlock(&c->lock);
	return response;
}

void *blob_attach(struct blob_cache *c, const struct blob *b, void *response)
{
	struct entry *e = entry_of(b);
	void *loser = NULL;

	pthread_mutex_lock(&c->lock);
	if (e->response)
		loser = response;
	else
		e->response = response;
	response = e->response;
	pthread_mutex_unlock(&c->lock);
	if (loser)
		c->drop(loser);
	return response;
}
