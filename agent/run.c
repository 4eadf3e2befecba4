#include "agent/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/pace.h"

/* execvpe wants char *const[]; it changes neither the array nor the texts. */
union argv {
	const char *const *borrowed;
	char *const *exec;
};

static char env_path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
static char env_term[] = "TERM=vt102";
static char *const env[] = { env_path, env_term, NULL };

/* In the child, with its output going to out_fd (-1: to /dev/null). */
_Noreturn static void child_exec(const char *const argv[], int out_fd)
{
	union argv a = { .borrowed = argv };
	int null_fd = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (out_fd < 0)
		out_fd = null_fd;
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0)
		_exit(127);
	execvpe(argv[0], a.exec, env);
	_exit(127);
}

/* Read until the end of the output or the deadline. Returns 0 or -ETIMEDOUT. */
static int drain(int fd, int64_t deadline_ms, char *out, size_t size)
{
	char scrap[512];
	size_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left_ms = deadline_ms - pace_now_ms();
		ssize_t n;

		out[len] = '\0';
		if (left_ms <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left_ms) <= 0)
			continue;
		n = len < size - 1 ? read(fd, out + len, size - 1 - len)
				   : read(fd, scrap, sizeof scrap);
		if (n <= 0)
			return 0;
		if (len < size - 1)
			len += (size_t)n;
	}
}

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run_capture(const char *const argv[], int timeout_ms, char *out, size_t size)
{
	int fds[2];
	pid_t pid;
	int rc, status;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child_exec(argv, fds[1]);
	rc = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (rc == 0) {
		rc = drain(fds[0], pace_now_ms() + timeout_ms, out, size);
		if (rc < 0)
			kill(pid, SIGKILL);
		status = reap(pid);
		rc = rc < 0 ? rc : status;
	}
	close(fds[0]);
	return rc;
}

pid_t run_spawn(const char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0)
		child_exec(argv, -1);
	return pid < 0 ? -errno : pid;
}

int run_alive(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

void run_stop(pid_t pid)
{
	kill(pid, SIGTERM);
	for (int i = 0; i < 20; i++) {
		if (!run_alive(pid))
			return;
		pace_sleep_ms(50);
	}
	kill(pid, SIGKILL);
	reap(pid);
}

void run_shell(void)
{
	static char sh[] = "/bin/sh";
	char *const argv[] = { sh, NULL };
	pid_t pid = fork();
	int fd;

	if (pid == 0) {
		setsid();
		fd = open("/dev/console", O_RDWR);
		if (fd >= 0) {
			ioctl(fd, TIOCSCTTY, 0);
			dup2(fd, 0);
			dup2(fd, 1);
			dup2(fd, 2);
		}
		execve(sh, argv, env);
		_exit(127);
	}
	if (pid > 0)
		reap(pid);
}
