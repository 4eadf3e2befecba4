#include "server/listen.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/bytes.h"

#define ICMP_FILTER 1 /* of linux/icmp.h, which does not go with netinet/in.h */

/* Load from a fixed offset of the frame; jump over n instructions, or go on; the two ends. */
#define BYTE(at)	  BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at)
#define HALF(at)	  BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at)
#define WORD(at)	  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define UNLESS(value, n)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, n)
#define WHEN(value, n)	  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, n, 0)
#define WHEN_ANY(bits, n) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, n, 0)
#define PASS		  BPF_STMT(BPF_RET | BPF_K, 0xffff)
#define DROP		  BPF_STMT(BPF_RET | BPF_K, 0)

static int attach(int fd, struct sock_filter *code, size_t n)
{
	const struct sock_fprog program = { (unsigned short)n, code };
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof on) < 0)
		return -errno;
	return 0;
}

/* The offsets are those of the drawings in net/frame.c, net/arp.c and net/ra.c. */
static int filter_dhcp(int fd, const struct endpoint *ep)
{
	struct sock_filter code[] = {
		BYTE(23),
		UNLESS(IPPROTO_UDP, 8),
		HALF(20),
		WHEN_ANY(0x1fff, 6), /* a later fragment has no ports */
		WORD(26),
		WHEN(ep->addr, 4),			    /* our own broadcasts come back */
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),    /* X: length of the IPv4 header */
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 14 + 2), /* destination port */
		UNLESS(68, 1),
		PASS,
		DROP,
	};

	return attach(fd, code, ARRAY_LEN(code));
}

static int filter_arp(int fd, const struct endpoint *ep)
{
	struct rd mac = { ep->mac, ep->mac + sizeof ep->mac, false };
	const uint32_t mac_high = rd_u32(&mac);
	struct sock_filter code[] = {
		HALF(20),
		UNLESS(2, 7), /* an answer */
		WORD(32),
		UNLESS(mac_high, 5), /* to us */
		HALF(36),
		UNLESS(rd_u16(&mac), 3),
		WORD(38),
		UNLESS(0, 1), /* who asked with no address */
		PASS,
		DROP,
	};

	return attach(fd, code, ARRAY_LEN(code));
}

static int filter_ipv6(int fd, const struct endpoint *ep)
{
	struct sock_filter code[] = {
		BYTE(20),
		UNLESS(IPPROTO_ICMPV6, 3),
		BYTE(54),
		WHEN(133, 2),
		WHEN(134, 1),
		DROP,
		PASS,
	};

	(void)ep;
	return attach(fd, code, ARRAY_LEN(code));
}

static const struct {
	uint16_t protocol;
	int (*filter)(int fd, const struct endpoint *ep);
} kinds[LISTENS] = {
	[LISTEN_DHCP] = { ETH_P_IP, filter_dhcp },
	[LISTEN_ARP] = { ETH_P_ARP, filter_arp },
	[LISTEN_IPV6] = { ETH_P_IPV6, filter_ipv6 },
};

int listen_filter(int fd, enum listen kind, const struct endpoint *ep)
{
	return kinds[kind].filter(fd, ep);
}

int listen_open(enum listen kind, const struct endpoint *ep)
{
	const struct sockaddr_ll here = { .sll_family = AF_PACKET,
		.sll_protocol = htons(kinds[kind].protocol),
		.sll_ifindex = ep->ifindex };
	/* Protocol 0: nothing comes in before the filter is there. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = listen_filter(fd, kind, ep);
	if (!rc && bind(fd, (const struct sockaddr *)&here, sizeof here) < 0)
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

int listen_as_ipv6_router(const struct endpoint *ep)
{
	const struct ipv6_mreq all_routers = {
		.ipv6mr_multiaddr.s6_addr = { 0xff, 0x02, [15] = 2 },
		.ipv6mr_interface = (unsigned)ep->ifindex,
	};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &all_routers, sizeof all_routers) ==
		0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int listen_icmp(void)
{
	const uint32_t refused = ~(1u << 0); /* all types but 0, the echo reply */
	int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
	int rc;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_RAW, ICMP_FILTER, &refused, sizeof refused) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}
