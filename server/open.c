#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "images/blobs.h"
#include "server/listen.h"
#include "server/server.h"
#include "server/sign/sign.h"
#include "server/tls_cert.h"

/* A rack that powers on at once sends thousands of packets before we run: keep them all. */
#define UDP_BUFFER (4 * 1024 * 1024)

struct errbuf {
	char *text;
	size_t size;
};

static int fail(const struct errbuf *e, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int fail(const struct errbuf *e, int rc, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	snprintf(e->text, e->size, "%s: %s", what, strerror(-rc));
	return rc;
}

static int set_on(int fd, int level, int option)
{
	const int on = 1;

	return setsockopt(fd, level, option, &on, sizeof on);
}

/* ---- folders and keys ---- */

/* mkdir -p for one level, owned by the server's user. */
static int make_dir(const char *path, mode_t mode, const struct passwd *owner)
{
	if (mkdir(path, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	if (chmod(path, mode) < 0)
		return -errno;
	if (geteuid() == 0 && owner && chown(path, owner->pw_uid, owner->pw_gid) < 0)
		return -errno;
	return 0;
}

/* A folder made by hand is root's, and core could not write its database there. */
static bool belongs_to(const char *path, const struct passwd *owner)
{
	struct stat st;

	return geteuid() != 0 || !owner || (stat(path, &st) == 0 && st.st_uid == owner->pw_uid);
}

/* The parent alone has it open, until its end: then nobody else begins there meanwhile. */
static int lock_state(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* No link is followed: root does this in a folder that is another user's. */
static int make_private(const char *path, int flags, const struct passwd *owner)
{
	const int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);
	int rc = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fchmod(fd, 0600) < 0 ||
		(geteuid() == 0 && owner && fchown(fd, owner->pw_uid, owner->pw_gid) < 0))
		rc = -errno;
	close(fd);
	return rc;
}

/* The database, and what SQLite puts beside it: secrets of disks are in it. */
static int private_database(const char *state_dir, const struct passwd *owner)
{
	static const struct {
		const char *name;
		int flags;
	} files[] = { { "", O_CREAT }, { "-wal", 0 }, { "-shm", 0 } };
	char path[CONFIG_TEXT_MAX + 32];
	int rc = 0;

	for (size_t i = 0; i < sizeof files / sizeof files[0] && !rc; i++) {
		snprintf(path, sizeof path, "%s/muster.db%s", state_dir, files[i].name);
		rc = make_private(path, files[i].flags, owner);
	}
	return rc;
}

static int open_folders(struct server *s, const struct errbuf *e)
{
	static const struct {
		const char *name;
		mode_t mode;
	} inside[] = { { "", 0755 }, { "/keys", 0755 }, { "/keys/trust", 0755 } };
	const struct passwd *owner = getpwnam(s->cfg.user);
	char path[CONFIG_TEXT_MAX + 32];
	int rc;

	if (!owner && geteuid() == 0)
		return fail(e, -ENOENT,
			"user '%s' ([server] user); create it with: adduser --system --group %s",
			s->cfg.user, s->cfg.user);
	for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
		snprintf(path, sizeof path, "%s%s", s->cfg.state_dir, inside[i].name);
		rc = make_dir(path, inside[i].mode, owner);
		if (rc < 0)
			return fail(e, rc, "%s", path);
	}
	if (!belongs_to(s->cfg.state_dir, owner))
		return fail(e, -EACCES, "%s does not belong to '%s'; chown %s %s", s->cfg.state_dir,
			s->cfg.user, s->cfg.user, s->cfg.state_dir);
	rc = lock_state(s->cfg.state_dir);
	if (rc < 0)
		return fail(e, rc, "%s is in use, by another musterd or by muster restore",
			s->cfg.state_dir);
	rc = private_database(s->cfg.state_dir, owner);
	if (rc < 0)
		return fail(e, rc, "%s/muster.db", s->cfg.state_dir);
	rc = make_dir(s->cfg.run_dir, 0755, owner);
	if (rc < 0)
		return fail(e, rc, "%s", s->cfg.run_dir);
	snprintf(path, sizeof path, "%s/blobs", s->cfg.state_dir);
	rc = blobs_init(path, geteuid() == 0 ? owner->pw_uid : (uid_t)-1,
		geteuid() == 0 ? owner->pw_gid : (gid_t)-1);
	if (rc < 0)
		return fail(e, rc, "%s", path);
	s->blob_dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->blobs = openat(s->blob_dir, "sha256", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->blob_dir < 0 || s->blobs < 0)
		return fail(e, -errno, "%s", path);
	snprintf(path, sizeof path, "%s/keys", s->cfg.state_dir);
	s->site_key = sign_key_open(path);
	return s->site_key < 0 ? fail(e, s->site_key, "%s/site.key", path) : 0;
}

/* ---- interfaces ---- */

static int first_address(struct endpoint *ep)
{
	struct ifaddrs *all, *a;
	int rc = -EADDRNOTAVAIL;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (a = all; a && rc; a = a->ifa_next) {
		if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET ||
			strcmp(a->ifa_name, ep->ifname))
			continue;
		ep->addr = ntohl(
			((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr.s_addr);
		ep->mask = ntohl(((const struct sockaddr_in *)(const void *)a->ifa_netmask)
					 ->sin_addr.s_addr);
		rc = 0;
	}
	freeifaddrs(all);
	return rc;
}

/* A UDP socket that hears and speaks on one interface only. Returns it or -errno. */
static int udp_open(const char *ifname, uint16_t port)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int size = UDP_BUFFER;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	/* No SO_REUSEADDR: with it another DHCP server could take the port beside us, unnoticed. */
	if (set_on(fd, SOL_SOCKET, SO_BROADCAST) == 0 && set_on(fd, IPPROTO_IP, IP_PKTINFO) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname,
			(socklen_t)strlen(ifname) + 1) == 0 &&
		bind(fd, (const struct sockaddr *)&any, sizeof any) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* For frames to hosts that have no address yet. Protocol 0: it never receives. */
static int packet_open(int ifindex)
{
	const struct sockaddr_ll here = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&here, sizeof here) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

/* Where the interface has no IPv6 nothing is opened, and nobody is told of routers. */
static int open_ipv6(struct endpoint *ep, const struct errbuf *e)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/forwarding", ep->ifname);
	ep->ipv6_forwarding = open(path, O_RDONLY | O_CLOEXEC);
	if (ep->ipv6_forwarding < 0)
		return errno == ENOENT ? 0 : fail(e, -errno, "%s", path);
	ep->ipv6_group = listen_as_ipv6_router(ep);
	if (ep->ipv6_group < 0)
		return fail(e, ep->ipv6_group, "IPv6 group of all routers on %s", ep->ifname);
	ep->listen[LISTEN_IPV6] = listen_open(LISTEN_IPV6, ep);
	if (ep->listen[LISTEN_IPV6] < 0)
		return fail(e, ep->listen[LISTEN_IPV6], "IPv6 packet socket on %s", ep->ifname);
	return 0;
}

static int open_listens(struct endpoint *ep, const struct errbuf *e)
{
	ep->listen[LISTEN_DHCP] = listen_open(LISTEN_DHCP, ep);
	if (ep->listen[LISTEN_DHCP] < 0)
		return fail(e, ep->listen[LISTEN_DHCP], "packet socket on %s", ep->ifname);
	ep->listen[LISTEN_ARP] = listen_open(LISTEN_ARP, ep);
	if (ep->listen[LISTEN_ARP] < 0)
		return fail(e, ep->listen[LISTEN_ARP], "ARP socket on %s", ep->ifname);
	return open_ipv6(ep, e);
}

static int endpoint_open(struct endpoint *ep, const char *ifname, bool dhcp, const struct errbuf *e)
{
	struct ifreq ifr = { 0 };
	int rc;

	*ep = (struct endpoint){ .udp67 = -1,
		.udp4011 = -1,
		.packet = -1,
		.listen = { -1, -1, -1 },
		.ipv6_group = -1,
		.ipv6_forwarding = -1 };
	snprintf(ep->ifname, sizeof ep->ifname, "%s", ifname);
	ep->ifindex = (int)if_nametoindex(ifname);
	if (!ep->ifindex)
		return fail(e, -errno, "interface %s", ifname);
	rc = first_address(ep);
	if (rc < 0)
		return fail(e, rc, "interface %s has no IPv4 address", ifname);
	if (!dhcp)
		return 0;
	ep->packet = packet_open(ep->ifindex);
	if (ep->packet < 0)
		return fail(e, ep->packet, "packet socket on %s", ifname);
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", ifname);
	if (ioctl(ep->packet, SIOCGIFHWADDR, &ifr) < 0)
		return fail(e, -errno, "MAC address of %s", ifname);
	memcpy(ep->mac, ifr.ifr_hwaddr.sa_data, 6);
	ep->udp67 = udp_open(ifname, 67);
	if (ep->udp67 < 0)
		return fail(e, ep->udp67, "UDP port 67 on %s (another DHCP server?)", ifname);
	ep->udp4011 = udp_open(ifname, 4011);
	if (ep->udp4011 < 0)
		return fail(e, ep->udp4011, "UDP port 4011 on %s", ifname);
	return open_listens(ep, e);
}

static int open_endpoints(struct server *s, const struct errbuf *e)
{
	for (size_t i = 0; i < s->cfg.n_interfaces; i++) {
		int rc = endpoint_open(
			&s->endpoints[i], s->cfg.interfaces[i], s->cfg.dhcp_mode != DHCP_OFF, e);

		if (rc < 0)
			return rc;
		s->n_endpoints++;
	}
	if (s->cfg.dhcp_mode == DHCP_OFF)
		return 0;
	s->ipv6_addrs = open("/proc/net/if_inet6", O_RDONLY | O_CLOEXEC); /* -1: no IPv6 */
	s->icmp = listen_icmp();
	return s->icmp < 0 ? fail(e, s->icmp, "ICMP socket") : 0;
}

/* ---- HTTP ---- */

static int tcp_listen(const struct config_listen *l)
{
	const struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(l->port),
		.sin_addr.s_addr = htonl(l->addr),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (set_on(fd, SOL_SOCKET, SO_REUSEADDR) == 0 &&
		bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 4096) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* A socket in the file system that replaces what an earlier run left there. */
static int unix_bind(int type, const char *path, mode_t mode)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t n = strlen(path) + 1;
	int fd, rc;

	if (n > sizeof a.sun_path)
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, n);
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	if (bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 && chmod(path, mode) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* The group whose members may use the API's socket: [server] group, else the user's own. */
static int find_group(struct server *s, const struct errbuf *e)
{
	const struct passwd *pw = getpwnam(s->cfg.user);
	const struct group *g;

	s->api_gid = pw ? pw->pw_gid : getegid();
	g = s->cfg.group[0] ? getgrnam(s->cfg.group) : getgrgid(s->api_gid);
	if (!g && s->cfg.group[0])
		return fail(e, -ENOENT,
			"group '%s' ([server] group); create it with: addgroup --system %s",
			s->cfg.group, s->cfg.group);
	if (g)
		s->api_gid = g->gr_gid;
	snprintf(s->api_group, sizeof s->api_group, "%s", g ? g->gr_name : "");
	return 0;
}

/* Root and the group may connect; who they are, http asks the kernel for each connection. */
static int api_socket(const char *path, gid_t group)
{
	int fd = unix_bind(SOCK_STREAM, path, 0660);

	if (fd < 0)
		return fd;
	if (listen(fd, 128) == 0 && (geteuid() != 0 || chown(path, 0, group) == 0))
		return fd;
	close(fd);
	return -errno;
}

/* What hosts are told when the configuration does not say: the first interface, the first port. */
static void default_url(struct server *s)
{
	const struct config_listen *l = &s->cfg.listen[0];
	uint32_t addr = l->addr ? l->addr : s->n_endpoints ? s->endpoints[0].addr : INADDR_LOOPBACK;
	struct in_addr a = { htonl(addr) };
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &a, text, sizeof text);
	if (l->port == 80)
		snprintf(s->url, sizeof s->url, "http://%s", text);
	else
		snprintf(s->url, sizeof s->url, "http://%s:%u", text, l->port);
}

static int open_pem(const char *path, const char *key, int *out, const struct errbuf *e)
{
	*out = open(path, O_RDONLY | O_CLOEXEC);
	return *out < 0 ? fail(e, -errno, "%s ([http] %s)", path, key) : 0;
}

static int open_https(struct server *s, const struct errbuf *e)
{
	int rc;

	if (!s->cfg.n_tls_listen)
		return 0;
	for (size_t i = 0; i < s->cfg.n_tls_listen; i++) {
		s->https[i] = tcp_listen(&s->cfg.tls_listen[i]);
		if (s->https[i] < 0)
			return fail(e, s->https[i], "TCP port %u ([http] tls-listen)",
				s->cfg.tls_listen[i].port);
		s->n_https++;
	}
	rc = open_pem(s->cfg.tls_cert, "tls-cert", &s->tls_cert, e);
	if (rc < 0)
		return rc;
	rc = tls_cert_expires(s->tls_cert, &s->tls_expires_s);
	if (rc < 0)
		return fail(e, rc, "%s ([http] tls-cert) is no certificate", s->cfg.tls_cert);
	return open_pem(s->cfg.tls_key, "tls-key", &s->tls_key, e);
}

static int open_http(struct server *s, const struct errbuf *e)
{
	char path[CONFIG_TEXT_MAX + 16];
	int rc;

	if (!s->cfg.n_listen)
		s->cfg.listen[s->cfg.n_listen++] = (struct config_listen){ 0, 80 };
	for (size_t i = 0; i < s->cfg.n_listen; i++) {
		s->http[i] = tcp_listen(&s->cfg.listen[i]);
		if (s->http[i] < 0)
			return fail(e, s->http[i], "TCP port %u ([http] listen)",
				s->cfg.listen[i].port);
		s->n_http++;
	}
	/* without TFTP nobody may need a loader, so the folder may be missing */
	s->loaders = open(s->cfg.loader_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof path, "%s/muster.sock", s->cfg.run_dir);
	rc = find_group(s, e);
	if (rc < 0)
		return rc;
	s->http_unix = api_socket(path, s->api_gid);
	if (s->http_unix < 0)
		return fail(e, s->http_unix, "%s", path);
	if (s->cfg.url[0])
		memcpy(s->url, s->cfg.url, sizeof s->url);
	else
		default_url(s);
	return 0;
}

/* ---- TFTP ---- */

static int open_tftp(struct server *s, const struct errbuf *e)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(69) };
	char path[CONFIG_TEXT_MAX + 16];

	if (!s->cfg.tftp)
		return 0;
	if (access(s->cfg.tftp_program, X_OK) < 0)
		return fail(e, -errno, "%s (apt-get install tftpd-hpa, or [tftp] enabled = no)",
			s->cfg.tftp_program);
	if (access(s->cfg.loader_dir, X_OK) < 0)
		return fail(e, -errno, "%s (apt-get install ipxe, or [tftp] loaders = DIR)",
			s->cfg.loader_dir);
	s->tftp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->tftp < 0 || bind(s->tftp, (const struct sockaddr *)&any, sizeof any) < 0)
		return fail(e, -errno, "UDP port 69 (another TFTP server?)");
	snprintf(path, sizeof path, "%s/tftp-log", s->cfg.run_dir);
	s->tftp_log = unix_bind(SOCK_DGRAM, path, 0666);
	return s->tftp_log < 0 ? fail(e, s->tftp_log, "%s", path) : 0;
}

/* ---- links ---- */

/* A pair of roles, with room for a good number of messages. */
static int open_link(int pair[2])
{
	const int size = UDP_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	for (int end = 0; end < 2; end++) {
		if (setsockopt(pair[end], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
			setsockopt(pair[end], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	}
	return 0;
}

static int open_links(struct server *s, const struct errbuf *e)
{
	int pair[2], rc = 0;

	for (int i = 0; i < LINKS && !rc; i++) {
		rc = open_link(pair);
		if (!rc) {
			s->core_side[i] = pair[0];
			s->role_side[i] = pair[1];
		}
	}
	for (int i = 0; i < HTTP_LINKS && !rc; i++) {
		rc = open_link(pair);
		if (!rc) {
			s->http_side[i] = pair[0];
			s->asked_side[i] = pair[1];
		}
	}
	return rc ? fail(e, rc, "socket pair") : 0;
}

int server_open(struct server *s, char *err, size_t err_size)
{
	const struct errbuf e = { err, err_size };
	int rc;

	s->tftp = s->tftp_log = s->http_unix = s->blobs = s->blob_dir = s->loaders = s->site_key =
		-1;
	s->tls_cert = s->tls_key = s->icmp = s->ipv6_addrs = -1;
	rc = open_folders(s, &e);
	if (!rc)
		rc = open_endpoints(s, &e);
	if (!rc)
		rc = open_http(s, &e);
	if (!rc)
		rc = open_https(s, &e);
	if (!rc)
		rc = open_tftp(s, &e);
	if (!rc)
		rc = open_links(s, &e);
	return rc;
}
