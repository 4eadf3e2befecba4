/*
 * other_clock: a clock that is wrong by OTHER_CLOCK seconds (of the environment, also below zero).
 * Loaded into agent or musterd by LD_PRELOAD; only the time of day is another one.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int64_t wrong_by(void)
{
	const char *s = getenv("OTHER_CLOCK");

	return s ? strtoll(s, NULL, 10) : 0;
}

/* The C library's own, which needs no system call: musterd's roles are not allowed one. */
static int real_clock(clockid_t id, struct timespec *t)
{
	static int (*real)(clockid_t, struct timespec *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	return real(id, t);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = real_clock(id, t);

	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += wrong_by();
	return rc;
}

time_t time(time_t *out)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	*out = (struct timeval){ .tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000 };
	return 0;
}
