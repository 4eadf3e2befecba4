#include "server/role.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/bytes.h"
#include "server/log.h"

#define CAP(c) (1ULL << (c))

/* To become another user, to give in.tftpd its namespaces and chroot, to end roles of any user. */
#define PARENT_CAPS                                                                                \
	(CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_SYS_CHROOT) | CAP(CAP_SYS_ADMIN) |            \
		CAP(CAP_KILL) | CAP(CAP_SETPCAP))
#define TFTP_CAPS                                                                                  \
	(CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_SYS_CHROOT) | CAP(CAP_SYS_ADMIN) |            \
		CAP(CAP_SETPCAP))

/* Leave only `keep` in the bounding set: nothing executed later can have more. Needs CAP_SETPCAP.
 */
static void caps_bound(uint64_t keep)
{
	for (unsigned c = 0; c < 64; c++) {
		if (!(keep & CAP(c)) && prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1)
			prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
	}
}

/* Leave only `keep` in the permitted and effective sets, nothing in the inheritable one. */
static int caps_keep(uint64_t keep)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		uint32_t half = (uint32_t)(keep >> (32 * i));

		data[i].permitted &= half;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int role_parent_rights(void)
{
	if (geteuid() != 0)
		return 0;
	setpriority(PRIO_PROCESS, 0, ROLE_URGENT); /* where it may not, it works without */
	caps_bound(PARENT_CAPS);
	return caps_keep(PARENT_CAPS);
}

static int become(const char *user)
{
	struct passwd *pw;

	if (geteuid() != 0)
		return 0; /* started by a plain user: there is nothing to give up */
	pw = getpwnam(user);
	if (!pw)
		return -ENOENT;
	caps_bound(0);
	if (pw->pw_uid == 0)
		return caps_keep(0);
	if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
		setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return -errno;
	return caps_keep(0);
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Close all descriptors above stderr but those in fds. */
static void close_others(int *fds, size_t n)
{
	unsigned from = STDERR_FILENO + 1;

	qsort(fds, n, sizeof *fds, by_value);
	for (size_t i = 0; i < n; i++) {
		if (fds[i] < (int)from)
			continue;
		if (fds[i] > (int)from)
			close_range(from, (unsigned)fds[i] - 1, 0);
		from = (unsigned)fds[i] + 1;
	}
	close_range(from, ~0U, 0);
}

static void default_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* reload is the parent's */
}

/* in.tftpd changes its user by itself, for each transfer. */
static int become_tftp(void)
{
	if (geteuid() != 0)
		return 0;
	caps_bound(TFTP_CAPS);
	return caps_keep(TFTP_CAPS);
}

static int lock_in(const struct role *r, const struct server *s)
{
	const struct rlimit no_core = { 0, 0 };
	int rc = r->own_namespaces ? become_tftp() : become(s->cfg.user);

	if (rc < 0)
		return rc;
	setrlimit(RLIMIT_CORE, &no_core);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	/* After the change of user, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static void role_child(const struct role *r, const struct server *s, pid_t parent)
{
	int fds[ROLE_FDS_MAX], rc;
	char title[16];

	snprintf(title, sizeof title, "musterd-%s", r->name);
	prctl(PR_SET_NAME, title, 0, 0, 0); /* what ps, top and kill -9 by hand see */
	log_role(r->name);
	default_signals();
	close_others(fds, r->fds(s, fds));
	setpriority(PRIO_PROCESS, 0, r->nice);
	rc = lock_in(r, s);
	if (rc < 0) {
		log_error("cannot give up rights: user=%s %s", s->cfg.user, strerror(-rc));
		_exit(ROLE_EXIT_CONFIG);
	}
	/* The parent may have ended before PDEATHSIG was set; in a new namespace it shows as 0. */
	if (!r->own_namespaces && getppid() != parent)
		_exit(1);
	rc = sandbox_enter(r->sandbox);
	if (rc < 0) {
		log_error("cannot lock itself in: %s", strerror(-rc));
		_exit(ROLE_EXIT_CONFIG);
	}
	_exit(r->main(s));
}

/*
 * fork() into new namespaces. The C library does not know of it, which only matters to threads:
 * the role that asks for this has none.
 */
static pid_t fork_apart(void)
{
	return (pid_t)syscall(
		SYS_clone, SIGCHLD | CLONE_NEWNS | CLONE_NEWPID, NULL, NULL, NULL, NULL);
}

pid_t role_spawn(const struct role *r, const struct server *s)
{
	pid_t parent = getpid();
	pid_t pid = r->own_namespaces ? fork_apart() : fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		role_child(r, s, parent);
	return pid;
}
