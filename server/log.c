#include "server/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *role_name = "musterd";
static enum log_level most_verbose = LOG_LEVEL_INFO;

void log_role(const char *role)
{
	role_name = role;
}

void log_level(enum log_level level)
{
	most_verbose = level;
}

/* A stranger's text may hold control bytes: a log line is always one printable line. */
static void make_printable(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	}
}

__attribute__((format(printf, 2, 0))) static void log_line(
	enum log_level level, const char *fmt, va_list ap)
{
	/* sd-daemon(3): <3> error, <4> warning, <6> info, <7> debug */
	static const char *const priority[] = { "<3>", "<4>", "<6>", "<7>" };
	static const char *const word[] = { "error", "warn", "info", "debug" };
	char text[1024], line[1200];
	int n;

	if (level > most_verbose)
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	make_printable(text);
	n = snprintf(line, sizeof line, "%s%s %s: %s\n",
		getenv("JOURNAL_STREAM") ? priority[level] : "", word[level], role_name, text);
	/* One write: lines of several roles do not mix. A full or closed stderr must not stop us.
	 */
	if (n > 0 && write(STDERR_FILENO, line, strnlen(line, sizeof line)) < 0)
		return;
}

#define LOG_FN(name, level)                                                                        \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list ap;                                                                        \
                                                                                                   \
		va_start(ap, fmt);                                                                 \
		log_line(level, fmt, ap);                                                          \
		va_end(ap);                                                                        \
	}

LOG_FN(log_error, LOG_LEVEL_ERROR)
LOG_FN(log_warn, LOG_LEVEL_WARN)
LOG_FN(log_info, LOG_LEVEL_INFO)
LOG_FN(log_debug, LOG_LEVEL_DEBUG)

int log_allow(struct log_limit *l, unsigned long long now_ms, unsigned *missed)
{
	if (l->last_ms && now_ms - l->last_ms < 1000) {
		l->missed++;
		return 0;
	}
	*missed = l->missed;
	l->missed = 0;
	l->last_ms = now_ms;
	return 1;
}
