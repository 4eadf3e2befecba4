#include "server/simulate/simulate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/bytes.h"
#include "server/loop.h"
#include "server/simulate/addrs.h"
#include "server/simulate/sim_host.h"

#define TICK_MS	       20
#define SOCKET_BUFFER  (8 << 20)
#define PACKETS_ONCE   64
#define FILES_PER_HOST 3 /* two connections and, at another time, TFTP */
#define FILES_BESIDE   64
#define SERVER_PORT    67
#define CLIENT_PORT    68

struct run {
	const struct simulate_plan *plan;
	struct sim sim;
	struct sim_host *hosts;
	unsigned n_started;
	uint64_t began_ms, told_ms;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

void simulate_mac(const uint8_t prefix[3], unsigned i, uint8_t mac[6])
{
	memcpy(mac, prefix, 3);
	i++;
	mac[3] = (uint8_t)(i >> 16);
	mac[4] = (uint8_t)(i >> 8);
	mac[5] = (uint8_t)i;
}

/* ---- packets ---- */

static struct sim_host *host_of(struct run *r, const uint8_t mac[6])
{
	const unsigned i = (unsigned)(mac[3] << 16 | mac[4] << 8 | mac[5]) - 1;

	return memcmp(mac, r->plan->prefix, 3) || i >= r->plan->n ? NULL : &r->hosts[i];
}

static void on_dhcp(struct run *r)
{
	struct dhcp_client_told t;
	uint8_t b[2048];

	for (int i = 0; i < PACKETS_ONCE; i++) {
		ssize_t n = recv(r->sim.dhcp, b, sizeof b, MSG_DONTWAIT);
		struct sim_host *h;

		if (n < 0)
			return; /* nothing more, or an ICMP error of an earlier packet */
		if (dhcp_client_read(b, (size_t)n, &t) == 0 && (h = host_of(r, t.mac)))
			sim_host_on_dhcp(h, &t);
	}
}

/* A descriptor that closes leaves the set by itself, but not what was reported of it already. */
static void on_urgent(void *arg, uint32_t events)
{
	struct run *r = arg;
	struct epoll_event e[PACKETS_ONCE];
	const int n = epoll_wait(r->sim.urgent, e, PACKETS_ONCE, 0);

	(void)events;
	r->sim.now_ms = now_mono_ms();
	for (int i = 0; i < n; i++) {
		struct sim_host *h = e[i].data.ptr;

		if (!h)
			on_dhcp(r);
		else if (h->tftp.fd >= 0)
			sim_host_on_tftp(h);
	}
}

/* ---- time ---- */

static unsigned due(const struct run *r)
{
	const uint64_t ms = r->sim.now_ms - r->began_ms;
	const uint64_t n = r->plan->per_s ? ms * r->plan->per_s / 1000 + 1 : r->plan->n;

	return n < r->plan->n ? (unsigned)n : r->plan->n;
}

static void stop_all(struct run *r, const char *reason)
{
	for (unsigned i = 0; i < r->n_started; i++)
		sim_host_stop(&r->hosts[i], reason);
	for (; r->n_started < r->plan->n; r->n_started++) {
		struct simulate_outcome *o = r->hosts[r->n_started].out;

		o->state = SIMULATE_FAILED;
		snprintf(o->reason, sizeof o->reason, "did not begin: %s", reason);
		r->sim.now.failed++;
	}
}

static void on_tick(void *arg, uint32_t events)
{
	struct run *r = arg;
	struct simulate_now *now = &r->sim.now;

	(void)events;
	r->sim.now_ms = now_mono_ms();
	now->ms = (int64_t)(r->sim.now_ms - r->began_ms);
	for (const unsigned n = due(r); r->n_started < n; r->n_started++)
		sim_host_start(&r->hosts[r->n_started]);
	for (unsigned i = 0; i < r->n_started; i++)
		sim_host_on_tick(&r->hosts[i]);
	if (interrupted)
		stop_all(r, "interrupted");
	else if (now->ms > r->plan->limit_ms)
		stop_all(r, "it was not ready in the time that it was given");
	now->waiting = r->plan->n - r->n_started;
	if (r->plan->on_second && r->sim.now_ms - r->told_ms >= 1000) {
		r->told_ms = r->sim.now_ms;
		r->plan->on_second(r->plan->arg, now);
		now->last_place = 0;
	}
	if (now->finished + now->failed == r->plan->n)
		loop_stop(r->sim.loop);
}

/* ---- opening ---- */

static int bind_to(int fd, uint32_t addr, uint16_t port)
{
	const struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)
	};

	return bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
}

static int open_dhcp(struct run *r, char *err, size_t size)
{
	const struct simulate_plan *p = r->plan;
	const int on = 1, room = SOCKET_BUFFER;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return snprintf(err, size, "no socket: %s", strerror(errno)), -errno;
	r->sim.dhcp = fd;
	r->sim.giaddr = p->relay;
	r->sim.dhcp_to = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(SERVER_PORT),
		.sin_addr.s_addr = p->relay ? htonl(p->server) : INADDR_BROADCAST };
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	if (p->relay) {
		rc = bind_to(fd, p->relay, SERVER_PORT);
	} else {
		const socklen_t len = (socklen_t)strlen(p->interface) + 1;

		rc = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, p->interface, len) < 0 ||
				     setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) < 0
			     ? -errno
			     : bind_to(fd, INADDR_ANY, CLIENT_PORT);
	}
	if (rc < 0)
		snprintf(err, size, "the DHCP port cannot be opened %s %s: %s",
			p->relay ? "at the relay's" : "on", p->relay ? "address" : p->interface,
			strerror(-rc));
	return rc;
}

/* Sockets for all hosts at once. */
static int room_for_sockets(unsigned n, char *err, size_t size)
{
	const rlim_t want = (rlim_t)n * FILES_PER_HOST + FILES_BESIDE;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < want) {
		l.rlim_cur = want;
		l.rlim_max = l.rlim_max < want ? want : l.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &l) < 0) {
			snprintf(err, size,
				"%u hosts need %llu open files and this process may not have as many: ulimit -n",
				n, (unsigned long long)want);
			return -EMFILE;
		}
	}
	return 0;
}

static int open_all(struct run *r, char *err, size_t size)
{
	const struct simulate_plan *p = r->plan;
	struct sim *s = &r->sim;
	struct epoll_event dhcp = { .events = EPOLLIN, .data.ptr = NULL };
	int rc = room_for_sockets(p->n, err, size);

	if (rc == 0)
		rc = open_dhcp(r, err, size);
	if (rc < 0)
		return rc;
	s->ifindex = (int)if_nametoindex(p->relay ? "lo" : p->interface);
	rc = s->netlink = addrs_open();
	if (rc >= 0)
		rc = loop_new(&s->loop);
	if (rc == 0) {
		s->urgent = epoll_create1(EPOLL_CLOEXEC);
		rc = s->urgent < 0 || epoll_ctl(s->urgent, EPOLL_CTL_ADD, s->dhcp, &dhcp) < 0
			     ? -errno
			     : 0;
	}
	if (rc == 0)
		rc = loop_watch(s->loop, s->urgent, EPOLLIN, on_urgent, r);
	if (rc == 0)
		rc = loop_timer(s->loop, TICK_MS, on_tick, r);
	if (rc >= 0)
		loop_after(s->loop, on_urgent, r);
	if (rc >= 0 && !(s->web = web_new(s->loop, 2 * (size_t)p->n)))
		rc = -ENOMEM;
	if (rc < 0)
		snprintf(err, size, "the run cannot be prepared: %s", strerror(-rc));
	return rc < 0 ? rc : 0;
}

static void close_all(struct run *r)
{
	for (unsigned i = 0; r->hosts && i < r->plan->n; i++)
		sim_host_fini(&r->hosts[i]);
	web_free(r->sim.web);
	loop_free(r->sim.loop);
	if (r->sim.dhcp >= 0)
		close(r->sim.dhcp);
	if (r->sim.netlink >= 0)
		close(r->sim.netlink);
	if (r->sim.urgent >= 0)
		close(r->sim.urgent);
	free(r->hosts);
}

static void catch_signals(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	interrupted = 0;
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Every so many read a loader, spread evenly over the run. */
static bool reads_loader(unsigned i, unsigned percent)
{
	return (uint64_t)(i + 1) * percent / 100 > (uint64_t)i * percent / 100;
}

int simulate_run(const struct simulate_plan *plan, struct simulate_outcome *out,
	struct simulate_now *now, char *err, size_t err_size)
{
	struct run r = { .plan = plan,
		.sim = { .dhcp = -1, .netlink = -1, .urgent = -1, .trust = plan->trust } };
	int rc;

	r.hosts = calloc(plan->n, sizeof *r.hosts);
	if (!r.hosts)
		return snprintf(err, err_size, "out of memory"), -ENOMEM;
	r.sim.hosts = r.hosts;
	r.sim.n_hosts = plan->n;
	rc = open_all(&r, err, err_size);
	if (rc == 0) {
		for (unsigned i = 0; i < plan->n; i++) {
			out[i] = (struct simulate_outcome){ 0 };
			simulate_mac(plan->prefix, i, out[i].mac);
			sim_host_init(
				&r.hosts[i], &r.sim, &out[i], !reads_loader(i, plan->tftp_percent));
		}
		catch_signals();
		r.began_ms = r.told_ms = now_mono_ms();
		rc = loop_run(r.sim.loop);
		if (rc < 0)
			snprintf(err, err_size, "waiting failed: %s", strerror(-rc));
		*now = r.sim.now;
	} else {
		free(r.hosts);
		r.hosts = NULL;
	}
	close_all(&r);
	return rc;
}
