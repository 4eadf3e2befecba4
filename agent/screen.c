#include "agent/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/pace.h"

#define CONSOLES_MAX 4
#define BAR_WIDTH    30
#define BAR_EVERY_MS 500
#define PATIENCE_MS  1000 /* for a console that is busy: a serial line takes 11 KB in this time */

static struct {
	int fds[CONSOLES_MAX];
	int n;
	int64_t bar_ms; /* when the bar was drawn last */
	bool bar_open;	/* the cursor is at the end of a bar */
} screen = { .fds = { STDOUT_FILENO }, .n = 1 };

void screen_open(void)
{
	char names[128], path[64];
	char *rest = names;
	const char *name;
	int n = 0;

	file_text("/sys/class/tty/console/active", names, sizeof names);
	while ((name = strsep(&rest, " ")) && n < CONSOLES_MAX) {
		if (!name[0] || strchr(name, '/'))
			continue;
		snprintf(path, sizeof path, "/dev/%.40s", name);
		screen.fds[n] = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		n += screen.fds[n] >= 0;
	}
	if (n > 0)
		screen.n = n;
	else
		screen.fds[0] = STDOUT_FILENO;
}

static void put(int fd, const char *p, size_t len)
{
	while (len > 0) {
		struct pollfd wait = { .fd = fd, .events = POLLOUT };
		ssize_t n = write(fd, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return;
		} else if (poll(&wait, 1, PATIENCE_MS) == 0) {
			return;
		}
	}
}

/* `head` and `tail` are ours; the text between them is made printable. */
static void show(const char *head, char *text, const char *tail)
{
	char all[512];
	int n;

	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	n = snprintf(all, sizeof all, "%s%s%s", head, text, tail);
	if ((size_t)n >= sizeof all)
		n = sizeof all - 1;
	for (int i = 0; i < screen.n; i++)
		put(screen.fds[i], all, (size_t)n);
}

void screen_say(const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	show(screen.bar_open ? "\r\nmuster: " : "muster: ", text, "\r\n");
	screen.bar_open = false;
}

void screen_bar(const char *what, uint64_t done, uint64_t total)
{
	static const char full[] = "##############################";
	int64_t now_ms = pace_now_ms();
	unsigned percent = total ? (unsigned)(done * 100 / total) : 100;
	int width = (int)(percent * BAR_WIDTH / 100);
	char text[160];

	if (done != total && now_ms - screen.bar_ms < BAR_EVERY_MS)
		return;
	screen.bar_ms = now_ms;
	snprintf(text, sizeof text, "[%.*s%*s] %3u%%  %llu of %llu KiB  %.40s", width, full,
		BAR_WIDTH - width, "", percent, (unsigned long long)done >> 10,
		(unsigned long long)total >> 10, what);
	show("\rmuster: ", text, done == total ? "  \r\n" : "  ");
	screen.bar_open = done != total;
}

void screen_fault(const struct fault *f, const char *next)
{
	screen_say("------------------------------------------------------------");
	screen_say("THIS HOST DID NOT START (%s, %s)", f->stage, f->code);
	screen_say("%s", f->message);
	if (f->file[0])
		screen_say("  file:     %s", f->file);
	if (f->expected[0]) {
		screen_say("  expected: %s", f->expected);
		screen_say("  found:    %s", f->found);
	}
	screen_say("%s", next);
	screen_say("------------------------------------------------------------");
}
