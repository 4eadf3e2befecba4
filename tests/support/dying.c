/*
 * dying: a process that is killed at a certain moment. Loaded by LD_PRELOAD.
 *
 * What it does to names, and what makes them durable, is counted. From the environment:
 *
 *   DYING_AT=N      at the N-th of them, the first is 1, it kills itself,
 *   DYING_WHEN=before (the default) or after
 *
 * Processes that it forks count for themselves.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static long die_at, count;
static int after;

__attribute__((constructor)) static void prepare(void)
{
	const char *at = getenv("DYING_AT"), *when = getenv("DYING_WHEN");

	die_at = at ? strtol(at, NULL, 10) : 0;
	after = when && !strcmp(when, "after");
}

static void moment(int is_after)
{
	count += !is_after;
	if (die_at && count == die_at && is_after == after)
		raise(SIGKILL);
}

#define WRAP(name, params, ...)                                                                    \
	int name params;                                                                           \
	int name params                                                                            \
	{                                                                                          \
		int(*real) params;                                                                 \
		int rc;                                                                            \
                                                                                                   \
		*(void **)&real = dlsym(RTLD_NEXT, #name);                                         \
		moment(0);                                                                         \
		rc = real(__VA_ARGS__);                                                            \
		moment(1);                                                                         \
		return rc;                                                                         \
	}

WRAP(rename, (const char *a, const char *b), a, b)
WRAP(renameat2, (int d, const char *a, int e, const char *b, unsigned f), d, a, e, b, f)
WRAP(mkdir, (const char *a, mode_t m), a, m)
WRAP(remove, (const char *a), a)
WRAP(rmdir, (const char *a), a)
WRAP(unlink, (const char *a), a)
WRAP(fsync, (int fd), fd)
WRAP(syncfs, (int fd), fd)
