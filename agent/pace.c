#include "agent/pace.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#define PAUSE_MAX_S 15

int64_t pace_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void pace_sleep_ms(int64_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (ms > 0 && clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

void pace_start(struct pace *p, unsigned patience_s)
{
	p->patience_s = patience_s;
	pace_good(p);
}

void pace_good(struct pace *p)
{
	p->pause_s = 1;
	p->give_up_ms = pace_now_ms() + (int64_t)p->patience_s * 1000;
}

int pace_wait(struct pace *p)
{
	uint8_t dice = 0;

	if (pace_now_ms() >= p->give_up_ms)
		return -ETIMEDOUT;
	if (getrandom(&dice, 1, GRND_NONBLOCK) != 1)
		dice = 0;
	pace_sleep_ms((int64_t)p->pause_s * (1000 + dice));
	p->pause_s = p->pause_s * 2 > PAUSE_MAX_S ? PAUSE_MAX_S : p->pause_s * 2;
	return 0;
}
