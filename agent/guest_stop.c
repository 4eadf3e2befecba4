#include "agent/guest_stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/guest.h"
#include "agent/pace.h"
#include "agent/run.h"
#include "agent/screen.h"

#define ARGS_MAX   16384
#define ANSWER_MS  1000
#define POLL_MS	   250
#define KILLED_MS  5000 /* for a QEMU to write what it has */
#define GUESTS_MAX 256

/* ---- kvm ---- */

/* "unix:PATH,server=on" */
static bool take_path(const char *value, struct guest_monitor *out)
{
	static const char scheme[] = "unix:";
	const char *path = value + sizeof scheme - 1;
	size_t n;

	if (strncmp(value, scheme, sizeof scheme - 1) != 0)
		return false;
	n = strcspn(path, ",");
	if (n == 0 || n >= sizeof out->path)
		return false;
	memcpy(out->path, path, n);
	out->path[n] = '\0';
	return true;
}

bool guest_monitor_find(const char *args, size_t len, struct guest_monitor *out)
{
	const char *end = args + len, *last = "";
	struct guest_monitor m = { 0 };

	while (args < end) {
		size_t n = strnlen(args, (size_t)(end - args));
		const char *option = last + (strncmp(last, "--", 2) == 0);

		if (args + n == end)
			return false; /* cut short */
		m.qmp = strcmp(option, "-qmp") == 0;
		if ((m.qmp || strcmp(option, "-monitor") == 0) && take_path(args, &m)) {
			*out = m;
			return true;
		}
		last = args;
		args += n + 1;
	}
	return false;
}

static int dial(pid_t pid, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char whole[300];
	int fd;

	/* as that process sees it */
	snprintf(whole, sizeof whole, "/proc/%d/%s%s", (int)pid, path[0] == '/' ? "root" : "cwd/",
		path);
	if (strlen(whole) >= sizeof sa.sun_path)
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, whole, strlen(whole) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* The line stays open until it has been silent for a moment: it may not be read before that. */
static void hear_out(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const int64_t until_ms = pace_now_ms() + 3 * ANSWER_MS;
	char scrap[512];

	while (pace_now_ms() < until_ms && poll(&p, 1, ANSWER_MS) > 0)
		if (read(fd, scrap, sizeof scrap) <= 0)
			return;
}

static bool press_power(pid_t pid)
{
	static const char qmp[] =
		"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"system_powerdown\"}\n";
	static const char hmp[] = "system_powerdown\n";
	struct guest_monitor m;
	char path[64], args[ARGS_MAX];
	ssize_t len;
	const char *say;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	len = file_read(path, args, sizeof args);
	if (len <= 0 || !guest_monitor_find(args, (size_t)len, &m))
		return false;
	fd = dial(pid, m.path);
	if (fd < 0)
		return false;
	say = m.qmp ? qmp : hmp;
	len = send(fd, say, strlen(say), MSG_NOSIGNAL);
	if (len == (ssize_t)strlen(say))
		hear_out(fd);
	close(fd);
	return len == (ssize_t)strlen(say);
}

static void wait_for_none(int timeout_ms)
{
	const int64_t until_ms = pace_now_ms() + timeout_ms;

	while (guest_count() > 0 && pace_now_ms() < until_ms)
		pace_sleep_ms(POLL_MS);
}

static void kvm_stop(int timeout_ms)
{
	pid_t pids[GUESTS_MAX];
	size_t n = guest_qemus(pids, GUESTS_MAX);

	for (size_t i = 0; i < n; i++)
		if (!press_power(pids[i]))
			kill(pids[i], SIGTERM);
	wait_for_none(timeout_ms);
	n = guest_qemus(pids, GUESTS_MAX);
	if (n > 0)
		screen_say("%zu guests did not end by themselves", n);
	for (size_t i = 0; i < n; i++)
		kill(pids[i], SIGTERM);
	wait_for_none(KILLED_MS);
}

/* ---- both ---- */

void guest_stop_all(int timeout_ms)
{
	static const char *const shutdown_all[] = { "xl", "shutdown", "-a", "-w", NULL };
	char said[1024];
	int n = guest_count();

	if (n == 0)
		return;
	screen_say("asking %d guests to switch off, for at most %d s", n, timeout_ms / 1000);
	if (guest_on_xen())
		run_capture(shutdown_all, timeout_ms, said, sizeof said);
	else
		kvm_stop(timeout_ms);
}
