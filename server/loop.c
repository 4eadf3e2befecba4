#include "server/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct watch {
	struct watch *next;
	loop_fn *fn;
	void *arg;
	int fd;
	bool timer; /* ours: read the expiry count, close at the end */
	bool dead;  /* unwatched during this round: freed after it */
};

struct loop {
	int epoll;
	bool stop;
	struct watch *watches;
	loop_fn *after_fn;
	void *after_arg;
};

int loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		int rc = -errno;

		free(l);
		return rc;
	}
	*out = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (struct watch *w = l->watches, *next; w; w = next) {
		next = w->next;
		if (w->timer)
			close(w->fd);
		free(w);
	}
	close(l->epoll);
	free(l);
}

static struct watch *watch_of(struct loop *l, int fd)
{
	for (struct watch *w = l->watches; w; w = w->next) {
		if (w->fd == fd && !w->dead)
			return w;
	}
	return NULL;
}

int loop_watch(struct loop *l, int fd, uint32_t events, loop_fn *fn, void *arg)
{
	struct watch *w = calloc(1, sizeof *w);
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (!w)
		return -ENOMEM;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		int rc = -errno;

		free(w);
		return rc;
	}
	*w = (struct watch){ .next = l->watches, .fn = fn, .arg = arg, .fd = fd };
	l->watches = w;
	return 0;
}

int loop_change(struct loop *l, int fd, uint32_t events)
{
	struct watch *w = watch_of(l, fd);
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (!w)
		return -ENOENT;
	return epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &e) < 0 ? -errno : 0;
}

void loop_unwatch(struct loop *l, int fd)
{
	struct watch *w = watch_of(l, fd);

	if (!w)
		return;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
	w->dead = true;
}

int loop_timer(struct loop *l, unsigned period_ms, loop_fn *fn, void *arg)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = loop_timer_set(fd, period_ms, period_ms);
	if (!rc)
		rc = loop_watch(l, fd, EPOLLIN, fn, arg);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	watch_of(l, fd)->timer = true;
	return fd;
}

int loop_timer_set(int timer, unsigned first_ms, unsigned period_ms)
{
	const struct itimerspec t = {
		.it_value = { first_ms / 1000, first_ms % 1000 * 1000000L },
		.it_interval = { period_ms / 1000, period_ms % 1000 * 1000000L },
	};

	return timerfd_settime(timer, 0, &t, NULL) < 0 ? -errno : 0;
}

void loop_after(struct loop *l, loop_fn *fn, void *arg)
{
	l->after_fn = fn;
	l->after_arg = arg;
}

static void sweep(struct loop *l)
{
	for (struct watch **p = &l->watches; *p;) {
		struct watch *w = *p;

		if (!w->dead) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		if (w->timer)
			close(w->fd);
		free(w);
	}
}

static void dispatch(struct watch *w, uint32_t events)
{
	uint64_t expiries;

	if (w->dead)
		return;
	if (w->timer && read(w->fd, &expiries, sizeof expiries) < 0)
		return; /* set anew since epoll saw it */
	w->fn(w->arg, events);
}

int loop_run(struct loop *l)
{
	struct epoll_event e[64];

	l->stop = false;
	while (!l->stop) {
		int n = epoll_wait(l->epoll, e, (int)(sizeof e / sizeof e[0]), -1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (int i = 0; i < n; i++)
			dispatch(e[i].data.ptr, e[i].events);
		if (l->after_fn)
			l->after_fn(l->after_arg, 0);
		sweep(l);
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

static void on_term(void *arg, uint32_t events)
{
	(void)events;
	loop_stop(arg);
}

int loop_term(struct loop *l)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : loop_watch(l, fd, EPOLLIN, on_term, l);
}

static uint64_t clock_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t now_mono_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t now_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}
