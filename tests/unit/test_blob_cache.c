/* test_blob_cache.c: blobs that http has mapped, and what may become of their files meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/http/blob.h"
#include "server/loop.h"

#define HEX  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define PAGE 4096

struct place {
	char path[64];
	int dir;
	struct digest d;
	struct blob_cache *cache;
};

static int dropped;

static void drop(void *response)
{
	(void)response;
	dropped++;
}

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	strcpy(p->path, "/tmp/muster-test-XXXXXX");
	if (!mkdtemp(p->path) || digest_parse(HEX, &p->d) < 0)
		return -1;
	p->dir = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	p->cache = blob_cache_new(p->dir, 2, drop);
	dropped = 0;
	*state = p;
	return p->dir < 0 || !p->cache;
}

static int drop_place(void **state)
{
	struct place *p = *state;
	char cmd[128];
	int rc;

	blob_cache_free(p->cache);
	close(p->dir);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", p->path);
	rc = system(cmd);
	free(p);
	return rc;
}

/* A new file of that name, in the place of an older one: three pages of one letter. */
static void put_file(const struct place *p, char letter)
{
	char bytes[3 * PAGE];
	int fd = openat(p->dir, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	memset(bytes, letter, sizeof bytes);
	assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
	close(fd);
	assert_int_equal(renameat(p->dir, "new", p->dir, HEX), 0);
}

static const struct blob *get(const struct place *p)
{
	const struct blob *b;

	assert_int_equal(blob_get(p->cache, &p->d, &b), 0);
	return b;
}

static void test_replaced(void **state)
{
	struct place *p = *state;
	const uint64_t end = now_mono_ms() + 5000;
	const struct blob *old, *b;
	int response;

	put_file(p, 'a');
	old = get(p);
	assert_int_equal(old->data[0], 'a');
	assert_ptr_equal(blob_attach(p->cache, old, &response), &response);
	put_file(p, 'b');
	do {
		b = get(p);
		if (b == old) {
			blob_put(p->cache, b);
			usleep(20000);
		}
	} while (b == old && now_mono_ms() < end);
	assert_ptr_not_equal(b, old);
	assert_int_equal(b->data[0], 'b');
	/* whoever has the old one still reads it, up to the last */
	assert_int_equal(old->data[2 * PAGE], 'a');
	assert_int_equal(dropped, 0);
	blob_put(p->cache, old);
	assert_int_equal(dropped, 1);
	blob_put(p->cache, b);
}

static void test_removed(void **state)
{
	struct place *p = *state;
	const uint64_t end = now_mono_ms() + 5000;
	const struct blob *b;
	int rc;

	put_file(p, 'a');
	blob_put(p->cache, get(p));
	assert_int_equal(unlinkat(p->dir, HEX, 0), 0);
	while ((rc = blob_get(p->cache, &p->d, &b)) == 0 && now_mono_ms() < end) {
		blob_put(p->cache, b);
		usleep(20000);
	}
	assert_int_equal(rc, -ENOENT);
}

static void test_shortened(void **state)
{
	struct place *p = *state;
	const struct blob *b;
	int fd;

	/* cmocka has put a handler of its own in the place of the cache's */
	blob_cache_free(p->cache);
	p->cache = blob_cache_new(p->dir, 2, drop);
	put_file(p, 'a');
	b = get(p);
	assert_int_equal(b->data[0], 'a');
	fd = openat(p->dir, HEX, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	close(fd);
	assert_int_equal(blob_holes(), 0);
	assert_int_equal(((const volatile uint8_t *)b->data)[2 * PAGE + 5], 0);
	assert_int_equal(((const volatile uint8_t *)b->data)[PAGE - 1], 'a');
	assert_int_equal(blob_holes(), 1);
	assert_int_equal(blob_holes(), 0);
	blob_put(p->cache, b);
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_replaced),
		IN_PLACE(test_removed),
		IN_PLACE(test_shortened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
