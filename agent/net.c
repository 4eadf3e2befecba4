#include "agent/net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/pace.h"
#include "agent/run.h"
#include "agent/screen.h"

#define IFS_MAX	      16
#define LINK_WAIT_MS  8000  /* copper needs a few seconds to agree on a speed */
#define LEASE_WAIT_MS 12000 /* then the next interface has its turn */
#define POLL_MS	      50

/* ---- interfaces, by ioctl ---- */

static struct ifreq request(const char *ifname)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", ifname);
	return r;
}

static int set_addr(int fd, const char *ifname, unsigned long op, uint32_t addr)
{
	struct ifreq r = request(ifname);
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(addr) };

	memcpy(&r.ifr_addr, &sin, sizeof sin);
	return ioctl(fd, op, &r) < 0 ? -errno : 0;
}

static int set_up(int fd, const char *ifname, int up)
{
	struct ifreq r = request(ifname);

	if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		return -errno;
	r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
	return ioctl(fd, SIOCSIFFLAGS, &r) < 0 ? -errno : 0;
}

static int add_default_route(int fd, uint32_t router)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct sockaddr_in via = any;
	struct rtentry rt = { .rt_flags = RTF_UP | RTF_GATEWAY };

	via.sin_addr.s_addr = htonl(router);
	memcpy(&rt.rt_dst, &any, sizeof any);
	memcpy(&rt.rt_genmask, &any, sizeof any);
	memcpy(&rt.rt_gateway, &via, sizeof via);
	return ioctl(fd, SIOCADDRT, &rt) < 0 && errno != EEXIST ? -errno : 0;
}

/* ---- udhcpc's script ---- */

static const char *env_lookup(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

static void lease_path(const char *ifname, char *out, size_t size)
{
	snprintf(out, size, NET_RUN_DIR "/lease.%.15s", ifname);
}

static int save_lease(const char *ifname, const struct lease *l)
{
	char text[LEASE_TEXT_MAX], path[64];
	int n = lease_print(l, text, sizeof text);

	lease_path(ifname, path, sizeof path);
	return n < 0 ? n : file_write(path, text, (size_t)n, 0600);
}

static void save_dns(uint32_t dns)
{
	struct in_addr a = { htonl(dns) };
	char text[64];
	int n = snprintf(text, sizeof text, "nameserver %s\n", inet_ntoa(a));

	if (dns)
		file_write("/etc/resolv.conf", text, (size_t)n, 0644);
}

static int configure(int fd, const char *ifname)
{
	struct lease l;
	int rc = lease_from_env(env_lookup, NULL, &l);

	if (rc == 0)
		rc = set_addr(fd, ifname, SIOCSIFADDR, l.ip);
	if (rc == 0)
		rc = set_addr(fd, ifname, SIOCSIFNETMASK, l.mask);
	if (rc == 0)
		rc = set_up(fd, ifname, 1);
	if (rc == 0 && l.router)
		rc = add_default_route(fd, l.router);
	if (rc < 0)
		return rc;
	save_dns(l.dns);
	return save_lease(ifname, &l);
}

int net_event(const char *event)
{
	const char *ifname = getenv("interface");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0 || !ifname || strlen(ifname) >= IFNAMSIZ)
		rc = -EINVAL;
	else if (strcmp(event, "bound") == 0 || strcmp(event, "renew") == 0)
		rc = configure(fd, ifname);
	else if (strcmp(event, "deconfig") == 0)
		rc = set_addr(fd, ifname, SIOCSIFADDR, 0);
	if (fd >= 0)
		close(fd);
	return rc == 0 ? 0 : 1;
}

/* ---- finding the interface ---- */

struct port {
	char name[16], mac[18];
	int boot;
};

static int port_link(const char *name)
{
	char path[64], text[8];

	snprintf(path, sizeof path, "/sys/class/net/%.15s/carrier", name);
	return file_text(path, text, sizeof text) > 0 && text[0] == '1';
}

static int is_real(const struct dirent *d)
{
	char path[320];

	snprintf(path, sizeof path, "/sys/class/net/%s/device", d->d_name);
	return access(path, F_OK) == 0 && strlen(d->d_name) < IFNAMSIZ;
}

/* Real network cards, the one that the loader used first. Returns their number. */
static int ports_find(const char *boot_mac, struct port ports[IFS_MAX])
{
	struct dirent **names = NULL;
	int n = scandir("/sys/class/net", &names, is_real, versionsort);
	int found = 0;

	for (int i = 0; i < n; i++) {
		struct port p = { 0 };
		char path[64];

		snprintf(p.name, sizeof p.name, "%.15s", names[i]->d_name);
		snprintf(path, sizeof path, "/sys/class/net/%s/address", p.name);
		file_text(path, p.mac, sizeof p.mac);
		p.boot = boot_mac[0] && strcmp(p.mac, boot_mac) == 0;
		free(names[i]);
		if (found == IFS_MAX)
			continue;
		if (p.boot) {
			memmove(ports + 1, ports, (size_t)found * sizeof *ports);
			ports[0] = p;
		} else {
			ports[found] = p;
		}
		found++;
	}
	free(names);
	return found;
}

/* All interfaces up; wait until the boot interface has a link, or any when it is not known. */
static void links_up(const struct port *ports, int n)
{
	int64_t give_up_ms = pace_now_ms() + LINK_WAIT_MS;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ready = n == 0;

	for (int i = 0; i < n; i++)
		set_up(fd, ports[i].name, 1);
	set_up(fd, "lo", 1);
	close(fd);
	while (!ready && pace_now_ms() < give_up_ms) {
		for (int i = 0; i < (ports[0].boot ? 1 : n); i++)
			ready |= port_link(ports[i].name);
		if (!ready)
			pace_sleep_ms(POLL_MS);
	}
}

/* The agent under its other name, for udhcpc to call. */
static int make_script(char *path, size_t size)
{
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n < 0)
		return -errno;
	self[n] = '\0';
	snprintf(path, size, NET_RUN_DIR "/" NET_SCRIPT);
	if (mkdir(NET_RUN_DIR, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return symlink(self, path) < 0 ? -errno : 0;
}

/* Wait until the script has written the lease. Returns 0, or -ETIMEDOUT with udhcpc stopped. */
static int await_lease(pid_t udhcpc, const char *path, struct lease *out)
{
	int64_t give_up_ms = pace_now_ms() + LEASE_WAIT_MS;
	char text[LEASE_TEXT_MAX];

	while (run_alive(udhcpc)) {
		if (file_text(path, text, sizeof text) > 0 && lease_parse(text, out) == 0)
			return 0;
		if (pace_now_ms() > give_up_ms) {
			run_stop(udhcpc);
			break;
		}
		pace_sleep_ms(POLL_MS);
	}
	return -ETIMEDOUT;
}

/* One interface: start udhcpc and leave it running when it has a lease that serves. */
static int port_try(const struct port *p, int need_url, struct net *out)
{
	char script[64], path[64];
	const char *argv[] = { "/bin/busybox", "udhcpc", "-f", "-i", p->name, "-s", script, "-V",
		"muster-agent", "-O", "bootfile", "-t", "4", "-T", "2", "-A", "5", NULL };
	struct net n = { 0 };
	int rc = make_script(script, sizeof script);

	if (rc < 0)
		return rc;
	lease_path(p->name, path, sizeof path);
	unlink(path);
	n.udhcpc = run_spawn(argv);
	if (n.udhcpc < 0)
		return (int)n.udhcpc;
	rc = await_lease(n.udhcpc, path, &n.lease);
	if (rc < 0)
		return rc;
	if (need_url && !n.lease.url[0]) {
		run_stop(n.udhcpc);
		return -ENOENT;
	}
	memcpy(n.ifname, p->name, sizeof n.ifname);
	memcpy(n.mac, p->mac, sizeof n.mac);
	*out = n;
	return 0;
}

/* One round over all interfaces. */
static int ports_try(const char *boot_mac, int need_url, struct net *out, struct fault *fault)
{
	struct port ports[IFS_MAX];
	int n = ports_find(boot_mac, ports);
	int links = 0;

	links_up(ports, n);
	for (int i = 0; i < n; i++) {
		int rc;

		if (!port_link(ports[i].name))
			continue;
		links++;
		rc = port_try(&ports[i], need_url, out);
		if (rc == 0)
			return 0;
		if (rc == -ENOENT)
			fault_set(fault, rc, "agent", "network",
				"DHCP gave %s an address, but nothing says where the muster server is.",
				ports[i].name);
		else
			fault_set(fault, rc, "agent", "network",
				"No DHCP server answered on %s (%s).", ports[i].name, ports[i].mac);
	}
	if (n == 0)
		fault_set(fault, -ENODEV, "agent", "network",
			"Linux found no network card: its driver may be missing from the agent.");
	else if (links == 0)
		fault_set(fault, -ENETDOWN, "agent", "network",
			"None of the %d network cards has a link: check cable and switch port.", n);
	return -ETIMEDOUT;
}

int net_up(const char *boot_mac, int need_url, struct net *out, struct fault *fault)
{
	struct pace pace;

	pace_start(&pace, PACE_PATIENCE_S);
	while (ports_try(boot_mac, need_url, out, fault) < 0) {
		screen_say("%s Trying again.", fault->message);
		if (pace_wait(&pace) < 0)
			return -ETIMEDOUT;
	}
	return 0;
}

void net_down(struct net *n)
{
	struct port ports[IFS_MAX];
	int count = ports_find("", ports);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (n->udhcpc > 0)
		run_stop(n->udhcpc);
	n->udhcpc = 0;
	for (int i = 0; i < count; i++)
		set_up(fd, ports[i].name, 0);
	close(fd);
}
