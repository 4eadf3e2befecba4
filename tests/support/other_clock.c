/*
 * other_clock: a clock that is wrong by OTHER_CLOCK seconds (of the environment, also below zero).
 * Loaded into agent or musterd by LD_PRELOAD; only the time of day is another one. And OTHER_SPEED
 * times as fast is the clock by which the agent measures its patience, the one since the boot.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int64_t number(const char *name, int64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoll(s, NULL, 10) : otherwise;
}

static void hurry(struct timespec *t)
{
	const int64_t ns = (t->tv_sec * 1000000000 + t->tv_nsec) * number("OTHER_SPEED", 1);

	*t = (struct timespec){ ns / 1000000000, ns % 1000000000 };
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
		t->tv_sec += number("OTHER_CLOCK", 0);
	if (rc == 0 && id == CLOCK_BOOTTIME)
		hurry(t);
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
