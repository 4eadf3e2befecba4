/*
 * musterd: the parent. Reads the options and the configuration, opens what needs root, starts the
 * roles, supervises them. It never reads a byte from the network.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/bytes.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/role.h"
#include "server/server.h"

#define STABLE_MS   10000 /* a role that ran this long starts its back-off anew */
#define BACKOFF_MAX 10000 /* ms */
#define STOP_MS	    1500  /* until SIGKILL */

/* ---- what each role keeps ---- */

static size_t net_fds(const struct server *s, int *fds)
{
	size_t n = 0;

	fds[n++] = s->role_side[LINK_NET];
	fds[n++] = s->icmp;
	fds[n++] = s->ipv6_addrs;
	for (size_t i = 0; i < s->n_endpoints; i++) {
		fds[n++] = s->endpoints[i].udp67;
		fds[n++] = s->endpoints[i].udp4011;
		fds[n++] = s->endpoints[i].packet;
		for (int k = 0; k < LISTENS; k++)
			fds[n++] = s->endpoints[i].listen[k];
		fds[n++] = s->endpoints[i].ipv6_group;
		fds[n++] = s->endpoints[i].ipv6_forwarding;
	}
	return n;
}

static size_t http_fds(const struct server *s, int *fds)
{
	size_t n = 0;

	fds[n++] = s->role_side[LINK_HTTP];
	for (int i = 0; i < HTTP_LINKS; i++)
		fds[n++] = s->http_side[i];
	fds[n++] = s->http_unix;
	fds[n++] = s->blobs;
	if (s->loaders >= 0)
		fds[n++] = s->loaders;
	for (size_t i = 0; i < s->n_http; i++)
		fds[n++] = s->http[i];
	for (size_t i = 0; i < s->n_https; i++)
		fds[n++] = s->https[i];
	if (s->n_https) {
		fds[n++] = s->tls_cert;
		fds[n++] = s->tls_key;
	}
	return n;
}

static size_t core_fds(const struct server *s, int *fds)
{
	memcpy(fds, s->core_side, sizeof s->core_side);
	fds[LINKS] = s->blob_dir;
	return LINKS + 1;
}

static size_t sign_fds(const struct server *s, int *fds)
{
	fds[0] = s->role_side[LINK_SIGN];
	fds[1] = s->site_key;
	return 2;
}

static size_t import_fds(const struct server *s, int *fds)
{
	fds[0] = s->asked_side[HTTP_IMPORT];
	fds[1] = s->blob_dir;
	return 2;
}

static size_t view_fds(const struct server *s, int *fds)
{
	fds[0] = s->asked_side[HTTP_VIEW];
	return 1;
}

static size_t backup_fds(const struct server *s, int *fds)
{
	fds[0] = s->asked_side[HTTP_BACKUP];
	fds[1] = s->blob_dir;
	return 2;
}

static size_t tftp_fds(const struct server *s, int *fds)
{
	fds[0] = s->role_side[LINK_TFTP];
	fds[1] = s->tftp;
	fds[2] = s->tftp_log;
	return 3;
}

/* ---- supervision ---- */

struct child {
	struct role role;
	pid_t pid; /* 0: not running */
	uint64_t started_ms, start_at_ms;
	unsigned backoff_ms;
	bool reload; /* ended by us: start anew at once */
};

static struct child children[] = {
	{ .role = { "core", core_main, core_fds, SANDBOX_DATABASE, ROLE_URGENT, 0 } },
	{ .role = { "sign", sign_main, sign_fds, SANDBOX_MESSAGES, ROLE_URGENT, 0 } },
	{ .role = { "http", http_main, http_fds, SANDBOX_HTTP, 0, 0 } },
	{ .role = { "view", view_main, view_fds, SANDBOX_DATABASE, ROLE_IDLE, 0 } },
	{ .role = { "backup", backup_main, backup_fds, SANDBOX_DATABASE, ROLE_IDLE, 0 } },
	{ .role = { "import", import_main, import_fds, SANDBOX_BLOBS, 0, 0 } },
	{ .role = { "net", net_main, net_fds, SANDBOX_MESSAGES, ROLE_URGENT, 0 } },
	{ .role = { "tftp", tftp_main, tftp_fds, SANDBOX_NONE, 0, 1 } },
};

struct parent {
	struct server server;
	const char *config_file;
	struct loop *loop;
	int signals, timer;
	bool stopping;
	uint64_t kill_at_ms;
	int status;
};

static bool is_wanted(const struct parent *p, const struct child *c)
{
	if (c->role.main == tftp_main)
		return p->server.cfg.tftp;
	if (c->role.main == net_main)
		return p->server.cfg.dhcp_mode != DHCP_OFF;
	return true;
}

static void child_start(struct parent *p, struct child *c)
{
	pid_t pid = role_spawn(&c->role, &p->server);

	c->started_ms = now_mono_ms();
	if (pid < 0) {
		log_error("role start: role=%s %s", c->role.name, strerror(-pid));
		c->start_at_ms = c->started_ms + 1000;
		return;
	}
	c->pid = pid;
	log_debug("role started: role=%s pid=%d", c->role.name, pid);
}

/* First again at once, then after 100 ms, 200 ms ... 10 s, until it has been stable. */
static void child_ended(struct parent *p, struct child *c, int status)
{
	uint64_t now = now_mono_ms();

	c->pid = 0;
	if (p->stopping)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == ROLE_EXIT_CONFIG) {
		log_error("role refused to start: role=%s; stopping", c->role.name);
		p->status = ROLE_EXIT_CONFIG;
		p->stopping = true;
		return;
	}
	if (c->reload || now - c->started_ms > STABLE_MS)
		c->backoff_ms = 0;
	c->start_at_ms = now + c->backoff_ms;
	if (!c->reload)
		log_warn("role ended: role=%s %s=%d again_in_ms=%u", c->role.name,
			WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
			c->backoff_ms);
	c->backoff_ms = c->backoff_ms ? c->backoff_ms * 2 : 100;
	if (c->backoff_ms > BACKOFF_MAX)
		c->backoff_ms = BACKOFF_MAX;
	c->reload = false;
}

static void reap(struct parent *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < ARRAY_LEN(children); i++) {
			if (children[i].pid == pid)
				child_ended(p, &children[i], status);
		}
	}
}

static void signal_all(int sig)
{
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		const struct child *c = &children[i];

		/* tftp is process 1 of its namespace and would not see SIGTERM */
		if (c->pid)
			kill(c->pid, c->role.own_namespaces ? SIGKILL : sig);
	}
}

static bool any_running(void)
{
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		if (children[i].pid)
			return true;
	}
	return false;
}

static void begin_stop(struct parent *p)
{
	p->stopping = true;
	if (!p->kill_at_ms) {
		p->kill_at_ms = now_mono_ms() + STOP_MS;
		signal_all(SIGTERM);
	}
}

/* Start what is due, end what should be gone, and ask to be called when the next thing is due. */
static void keep_running(void *arg, uint32_t events)
{
	struct parent *p = arg;
	uint64_t now = now_mono_ms(), next = UINT64_MAX;

	(void)events;
	if (p->stopping) {
		begin_stop(p);
		if (now >= p->kill_at_ms)
			signal_all(SIGKILL);
		if (!any_running()) {
			loop_stop(p->loop);
			return;
		}
		loop_timer_set(p->timer, 50, 0);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		struct child *c = &children[i];

		if (c->pid || !is_wanted(p, c))
			continue;
		if (now >= c->start_at_ms)
			child_start(p, c);
		if (!c->pid && c->start_at_ms < next)
			next = c->start_at_ms;
	}
	if (next != UINT64_MAX)
		loop_timer_set(p->timer, next > now ? (unsigned)(next - now) : 1, 0);
}

/* ---- reload ---- */

/* The first thing that cannot change while running, or NULL. */
static const char *needs_restart(const struct config *a, const struct config *b)
{
	if (strcmp(a->state_dir, b->state_dir) || strcmp(a->run_dir, b->run_dir))
		return "state-dir or run-dir";
	if (strcmp(a->user, b->user))
		return "user";
	if (a->n_interfaces != b->n_interfaces ||
		memcmp(a->interfaces, b->interfaces, sizeof a->interfaces))
		return "interface";
	if (a->n_listen != b->n_listen || memcmp(a->listen, b->listen, sizeof a->listen))
		return "[http] listen";
	if (a->n_tls_listen != b->n_tls_listen ||
		memcmp(a->tls_listen, b->tls_listen, sizeof a->tls_listen))
		return "[http] tls-listen";
	if (a->dhcp_mode != b->dhcp_mode && (a->dhcp_mode == DHCP_OFF || b->dhcp_mode == DHCP_OFF))
		return "[dhcp] mode";
	if (a->tftp != b->tftp)
		return "[tftp] enabled";
	if (strcmp(a->loader_dir, b->loader_dir) || strcmp(a->tftp_program, b->tftp_program))
		return "[tftp] loaders or program";
	return NULL;
}

static void reload(struct parent *p)
{
	static struct config fresh;
	char err[600];
	const char *what;

	if (config_load(p->config_file, &fresh, err, sizeof err) < 0) {
		log_error("reload refused, the old configuration stays in force: %s", err);
		return;
	}
	if (!fresh.n_listen) /* as server_open filled it in */
		memcpy(fresh.listen, p->server.cfg.listen, sizeof fresh.listen),
			fresh.n_listen = p->server.cfg.n_listen;
	what = needs_restart(&p->server.cfg, &fresh);
	if (what) {
		log_error("reload refused, the old configuration stays in force: %s has changed, "
			  "restart needed",
			what);
		config_fini(&fresh);
		return;
	}
	config_fini(&p->server.cfg);
	p->server.cfg = fresh; /* and owns what fresh had */
	if (fresh.url[0])
		memcpy(p->server.url, fresh.url, sizeof p->server.url);
	log_level((enum log_level)fresh.log_level);
	/* Roles live with their configuration: each is started anew, and asks again what it lost.
	 */
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		struct child *c = &children[i];

		if (c->pid && (c->role.main == core_main || c->role.main == view_main ||
				      c->role.main == backup_main || c->role.main == net_main)) {
			c->reload = true;
			kill(c->pid, SIGTERM);
		}
	}
	log_info("configuration reloaded: file=%s", p->config_file);
}

static void on_signal(void *arg, uint32_t events)
{
	struct parent *p = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(p->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			p->stopping = true;
		else if (info.ssi_signo == SIGHUP && !p->stopping)
			reload(p);
		else if (info.ssi_signo == SIGCHLD)
			reap(p);
	}
	keep_running(p, 0);
}

/* ---- systemd ---- */

/* sd_notify(3) in its simplest form; libsystemd would bring five libraries with it. */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (!path || !*path || strlen(path) >= sizeof a.sun_path)
		return;
	memcpy(a.sun_path, path, strlen(path));
	if (a.sun_path[0] == '@')
		a.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&a,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
	close(fd);
}

/* ---- start ---- */

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int supervise(struct parent *p)
{
	int rc = loop_new(&p->loop);

	if (rc < 0)
		return rc;
	p->server.started_ms = (int64_t)now_mono_ms();
	p->signals = block_signals();
	p->timer = loop_timer(p->loop, 1, keep_running, p);
	if (p->signals < 0 || p->timer < 0)
		return p->signals < 0 ? p->signals : p->timer;
	loop_timer_set(p->timer, 1, 0);
	rc = loop_watch(p->loop, p->signals, EPOLLIN, on_signal, p);
	if (!rc)
		rc = role_parent_rights();
	if (rc < 0)
		return rc;
	log_info("ready: name=%s url=%s dhcp=%s tftp=%s", p->server.cfg.name, p->server.url,
		(const char *const[]){ "full", "proxy", "off" }[p->server.cfg.dhcp_mode],
		p->server.cfg.tftp ? "on" : "off");
	notify("READY=1");
	rc = loop_run(p->loop);
	log_info("stopped");
	loop_free(p->loop);
	return rc;
}

/* -T: the database is opened as core would open it, with core's rights. */
static int check_database(const struct server *s)
{
	const struct role check = { "core", core_check, core_fds, SANDBOX_DATABASE, 0, 0 };
	pid_t pid = role_spawn(&check, s);
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return ROLE_EXIT_CONFIG;
	return WEXITSTATUS(status);
}

static int usage(FILE *to)
{
	fputs("usage: musterd [-c FILE] [-t | -T] [-f]\n"
	      "  -c FILE  configuration (default /etc/muster/muster.conf, with conf.d/*.conf)\n"
	      "  -t       check the configuration and end\n"
	      "  -T       also open ports, database, keys and interfaces\n"
	      "  -f       stay in the foreground\n"
	      "  -V       print the version\n",
		to);
	return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	static struct parent p = { .config_file = "/etc/muster/muster.conf" };
	bool syntax = false, check = false, foreground = getenv("NOTIFY_SOCKET") != NULL;
	char err[600];
	int opt, rc;

	while ((opt = getopt(argc, argv, "c:tTfVh")) != -1) {
		switch (opt) {
		case 'c':
			p.config_file = optarg;
			break;
		case 't':
			syntax = true;
			break;
		case 'T':
			check = true;
			break;
		case 'f':
			foreground = true;
			break;
		case 'V':
			puts("musterd " MUSTER_VERSION);
			return 0;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	if (optind != argc)
		return usage(stderr);
	if (config_load(p.config_file, &p.server.cfg, err, sizeof err) < 0) {
		fprintf(stderr, "musterd: %s\n", err);
		return ROLE_EXIT_CONFIG;
	}
	log_level((enum log_level)p.server.cfg.log_level);
	if (syntax) {
		printf("%s: good\n", p.config_file);
		return 0;
	}
	if (server_open(&p.server, err, sizeof err) < 0) {
		fprintf(stderr, "musterd: %s\n", err);
		return check ? ROLE_EXIT_CONFIG : 1;
	}
	if (check) {
		rc = check_database(&p.server);
		if (rc == 0)
			printf("%s: good; ports, keys, interfaces and database opened\n",
				p.config_file);
		return rc;
	}
	if (!foreground && daemon(0, 1) < 0) {
		fprintf(stderr, "musterd: %s\n", strerror(errno));
		return 1;
	}
	rc = supervise(&p);
	if (rc < 0)
		log_error("%s", strerror(-rc));
	return rc < 0 ? 1 : p.status;
}
