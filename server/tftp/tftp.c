/*
 * The tftp role: starts tftp-hpa's in.tftpd on the socket that the parent bound (inetd mode), in a
 * mount and process namespace of its own, and turns its log lines into messages to core.
 *
 * in.tftpd says what it does by syslog only, so its /dev holds nothing but our socket as /dev/log
 * and /dev/null. We are process 1 of the namespace: when we end, for whatever reason, the kernel
 * ends in.tftpd and the child that it forked for each transfer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/log.h"
#include "server/loop.h"
#include "server/msg.h"
#include "server/server.h"
#include "server/tftp/tftp.h"

/* in.tftpd ends itself after this many idle seconds; a day, since being started anew is cheap. */
#define IDLE_S "86400"

int tftp_log_parse(const char *line, struct tftp_read *out)
{
	static const char from_word[] = "RRQ from ", file_word[] = " filename ";
	const char *from = strstr(line, from_word), *file;
	struct tftp_read r = { 0 };
	struct in_addr addr;
	char text[INET_ADDRSTRLEN];
	size_t n;

	if (!from)
		return -ENOENT;
	from += strlen(from_word);
	file = strstr(from, file_word);
	if (!file || (size_t)(file - from) >= sizeof text)
		return -EBADMSG;
	memcpy(text, from, (size_t)(file - from));
	text[file - from] = 0;
	if (inet_pton(AF_INET, text, &addr) != 1)
		return -EBADMSG;
	file += strlen(file_word);
	n = strcspn(file, "\n");
	if (n == 0 || n >= sizeof r.file)
		return -EBADMSG;
	r.addr = ntohl(addr.s_addr);
	memcpy(r.file, file, n);
	*out = r;
	return 0;
}

/* Make `to` a file and let it be what the O_PATH descriptor `from` is. */
static int bind_file(int from, const char *to)
{
	char source[32];
	int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);

	if (fd < 0)
		return -errno;
	close(fd);
	snprintf(source, sizeof source, "/proc/self/fd/%d", from);
	return mount(source, to, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* A /dev with only null and log in it. Shared with nobody: the namespace is ours. */
static int private_dev(const char *log_path)
{
	int null = open("/dev/null", O_PATH | O_CLOEXEC);
	int log = open(log_path, O_PATH | O_CLOEXEC);
	int rc;

	if (null < 0 || log < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,mode=755") < 0)
		return -errno;
	rc = bind_file(null, "/dev/null");
	if (!rc)
		rc = bind_file(log, "/dev/log");
	close(null);
	close(log);
	return rc;
}

static void exec_tftpd(const struct server *s)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(s->tftp, STDIN_FILENO) < 0)
		_exit(127);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	execl(s->cfg.tftp_program, "in.tftpd", "--verbose", "--verbosity", "1", "--secure",
		"--user", "nobody", "--blocksize", "1468", "--timeout", IDLE_S, s->cfg.loader_dir,
		(char *)NULL);
	_exit(127);
}

struct tftp {
	const struct server *s;
	struct loop *loop;
	int signals;
	pid_t tftpd;
	int status;
};

static void on_log(void *arg, uint32_t events)
{
	struct tftp *t = arg;
	char line[1024];
	ssize_t n;

	(void)events;
	while ((n = recv(t->s->tftp_log, line, sizeof line - 1, MSG_DONTWAIT)) >= 0) {
		struct tftp_read r;

		line[n] = 0;
		if (tftp_log_parse(line, &r) == 0)
			msg_send(t->s->role_side[LINK_TFTP], MSG_TFTP_READ, 0, &r, sizeof r, NULL,
				0);
		else
			log_debug("in.tftpd: %s", line);
	}
}

/* Process 1 buries everybody; only in.tftpd itself is missed. */
static void on_child(void *arg, uint32_t events)
{
	struct tftp *t = arg;
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	(void)events;
	while (read(t->signals, &info, sizeof info) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != t->tftpd)
			continue;
		t->status = status;
		loop_stop(t->loop);
	}
}

static int run(struct tftp *t)
{
	sigset_t child;
	int rc;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	t->signals = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
	if (t->signals < 0)
		return -errno;
	rc = loop_new(&t->loop);
	if (!rc)
		rc = loop_watch(t->loop, t->signals, EPOLLIN, on_child, t);
	if (!rc)
		rc = loop_watch(t->loop, t->s->tftp_log, EPOLLIN, on_log, t);
	if (rc < 0)
		return rc;
	t->tftpd = fork();
	if (t->tftpd == 0)
		exec_tftpd(t->s);
	return t->tftpd < 0 ? -errno : loop_run(t->loop);
}

int tftp_main(const struct server *s)
{
	struct tftp t = { .s = s };
	char log_path[CONFIG_TEXT_MAX + 16];
	int rc;

	/* As process 1 the default action of SIGTERM would be to ignore it; SIGKILL always works.
	 */
	snprintf(log_path, sizeof log_path, "%s/tftp-log", s->cfg.run_dir);
	rc = private_dev(log_path);
	if (rc < 0) {
		log_error("tftp: cannot make a private /dev: %s", strerror(-rc));
		return 1;
	}
	rc = run(&t);
	if (rc < 0)
		log_error("tftp: %s", strerror(-rc));
	else if (WIFEXITED(t.status) && WEXITSTATUS(t.status) == 127)
		log_error("tftp: cannot run %s", s->cfg.tftp_program);
	return rc < 0 || t.status != 0;
}
