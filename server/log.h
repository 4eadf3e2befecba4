/*
 * log.h: one line per finished event, key=value, to stderr; the journal takes it from there.
 *
 * Under systemd (JOURNAL_STREAM set) each line starts with the <N> priority that journald knows.
 * Values that come from strangers are escaped here, so a line is always one line. Never keys,
 * tokens or raw bytes.
 */
#ifndef MUSTER_SERVER_LOG_H
#define MUSTER_SERVER_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Name this process in its lines ("core", "net", ...). The string is borrowed for ever. */
void log_role(const char *role);
void log_level(enum log_level most_verbose);

/* error: a person must act; warn: we recovered; info: a host's progress; debug: off by default. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * A limiter for lines that a stranger can provoke: at most one a second, the rest is counted.
 * log_allow returns 1 when the line may be printed and then stores in *missed how many were
 * swallowed since the last one; else 0. `now_ms` is monotonic.
 */
struct log_limit {
	unsigned long long last_ms;
	unsigned missed;
};
int log_allow(struct log_limit *l, unsigned long long now_ms, unsigned *missed);

#endif
