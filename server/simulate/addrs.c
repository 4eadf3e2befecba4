#include "server/simulate/addrs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
	struct nlmsghdr head;
	struct ifaddrmsg what;
	struct rtattr attr;
	uint32_t addr;
};

struct reply {
	struct nlmsghdr head;
	struct nlmsgerr err;
	uint8_t rest[512];
};

int addrs_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

/* A /32 brings no route to a subnet with it, so removing one never removes others. */
static int change(int fd, uint16_t type, uint16_t flags, int ifindex, uint32_t addr)
{
	struct request q = {
		.head = { sizeof q, type, (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags), 0, 0 },
		.what = { .ifa_family = AF_INET,
			.ifa_prefixlen = 32,
			.ifa_index = (unsigned)ifindex },
		.attr = { sizeof q.attr + sizeof q.addr, IFA_LOCAL },
		.addr = htonl(addr),
	};
	struct reply r;
	ssize_t n;

	if (send(fd, &q, sizeof q, 0) < 0)
		return -errno;
	n = recv(fd, &r, sizeof r, 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof r.head + sizeof r.err || r.head.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return r.err.error;
}

int addrs_put(int fd, int ifindex, uint32_t addr)
{
	return change(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, addr);
}

int addrs_remove(int fd, int ifindex, uint32_t addr)
{
	return change(fd, RTM_DELADDR, 0, ifindex, addr);
}
