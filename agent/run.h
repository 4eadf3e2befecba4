/*
 * run.h: other programs, started without a shell, with a fixed environment and empty input. A
 * program that was started ends when the agent does.
 */
#ifndef MUSTER_AGENT_RUN_H
#define MUSTER_AGENT_RUN_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Run argv (argv[0] is looked up in PATH) and keep the first size - 1 bytes of what it writes to
 * stdout and stderr in out, NUL-terminated. Returns the exit status (127: not there; 128 + n:
 * ended by signal n), -ETIMEDOUT when it was killed after timeout_ms, or -errno.
 */
int run_capture(const char *const argv[], int timeout_ms, char *out, size_t size);

/* Start argv and let it run. Returns its pid or -errno. */
pid_t run_spawn(const char *const argv[]);

/* 1 while the child runs; 0 when it has ended (and is reaped). */
int run_alive(pid_t pid);

/* End a child that run_spawn started: SIGTERM, after a second SIGKILL. Waits for its end. */
void run_stop(pid_t pid);

/* A shell on the console; returns when it ends. */
void run_shell(void);

#endif
