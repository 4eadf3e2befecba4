/*
 * loop.h: epoll with timers, signals and child processes as descriptors; the only place that waits.
 *
 * One loop per role, one thread per loop. Callbacks do bounded work. A callback may unwatch any
 * descriptor, its own too, and may stop the loop.
 */
#ifndef MUSTER_SERVER_LOOP_H
#define MUSTER_SERVER_LOOP_H

#include <stdint.h>

struct loop;
typedef void loop_fn(void *arg, uint32_t events);

/* Returns 0, -ENOMEM or the errno of epoll_create1. */
int loop_new(struct loop **out);
/* Closes timers made by loop_timer; other descriptors stay the caller's. Accepts NULL. */
void loop_free(struct loop *l);

/* Call fn(arg, events) whenever fd has one of EPOLLIN, EPOLLOUT. One watch per fd. */
int loop_watch(struct loop *l, int fd, uint32_t events, loop_fn *fn, void *arg);
int loop_change(struct loop *l, int fd, uint32_t events);
void loop_unwatch(struct loop *l, int fd);

/* Call fn every period_ms, first after period_ms. Returns the timer's descriptor or -errno. */
int loop_timer(struct loop *l, unsigned period_ms, loop_fn *fn, void *arg);
/* Change a timer: next expiry and period in ms; 0 stops it. */
int loop_timer_set(int timer, unsigned first_ms, unsigned period_ms);

/* Call fn(arg, 0) after every round of callbacks, before waiting again: core commits there. */
void loop_after(struct loop *l, loop_fn *fn, void *arg);

/* SIGTERM ends the loop, after the round in which it is seen. 0 or -errno. */
int loop_term(struct loop *l);

/* Returns 0 after loop_stop, or -errno when waiting itself failed. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Monotonic and wall clock in milliseconds. */
uint64_t now_mono_ms(void);
uint64_t now_wall_ms(void);

#endif
