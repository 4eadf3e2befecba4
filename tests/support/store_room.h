/* store_room.h: a real database in a temporary folder, as setup and teardown of a unit test. */
#ifndef MUSTER_TESTS_STORE_ROOM_H
#define MUSTER_TESTS_STORE_ROOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/store.h"
#include "server/bytes.h"

struct store_room {
	char dir[64], file[80];
	struct store *s;
};

static inline int room_again(struct store_room *f)
{
	char err[200];

	store_close(f->s);
	f->s = NULL;
	return store_open(f->file, &f->s, err, sizeof err);
}

static inline int room_open(void **state)
{
	struct store_room *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/tmp/muster-test-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->file, sizeof f->file, "%s/muster.db", f->dir);
	*state = f;
	return room_again(f);
}

static inline int room_close(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	struct store_room *f = *state;
	char path[100];

	store_close(f->s);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		snprintf(path, sizeof path, "%s%s", f->file, ends[i]);
		unlink(path);
	}
	rmdir(f->dir);
	free(f);
	return 0;
}

#endif
