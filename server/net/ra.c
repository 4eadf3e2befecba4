/*
 *   0  destination MAC (6)    source MAC (6)    type 86dd                      Ethernet
 *  14  60 00 00 00   length (2)   next header 3a   hop limit ff                IPv6, RFC 8200
 *  22  source (16)   destination (16)
 *  54  type (1): 133 solicitation, 134 advertisement   code 0   checksum (2)   ICMPv6, RFC 4861
 *  58  reserved (4)                                                            solicitation
 *  58  hop limit (1)   flags (1)   router lifetime (2)                         advertisement
 *  62  reachable time (4)   retransmission timer (4)
 *      options: type (1), length in units of 8 bytes (1), ...
 */
#include "server/net/ra.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/bytes.h"
#include "server/net/checksum.h"

#define ETH_TYPE_IPV6	  0x86dd
#define ICMPV6		  58
#define HOP_LIMIT	  255 /* proves that no router has forwarded it */
#define SOLICITATION	  133
#define SOLICITATION_LEN  8
#define ADVERTISEMENT	  134
#define ADVERTISEMENT_LEN 16
#define ADDRS_AT	  22
#define ICMP_AT		  54
#define FLAG_DADFAILED	  0x08 /* of linux/if_addr.h */
#define FLAG_TENTATIVE	  0x40
#define OPT_SOURCE_MAC	  1

static const uint8_t no_addr[16];

bool ra_is_link_local(const uint8_t addr[16])
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

/* Over the pseudo header of RFC 8200 section 8.1: both addresses (in place), length, protocol. */
static uint16_t checksum(const uint8_t *frame, size_t icmp_len)
{
	const uint32_t sum =
		checksum_add(ICMPV6 + (uint32_t)icmp_len, frame + ADDRS_AT, ICMP_AT - ADDRS_AT);

	return checksum_of(checksum_add(sum, frame + ICMP_AT, icmp_len));
}

/* The rest of the message is options, none of them empty. */
static bool options_ok(struct rd r, bool mac_allowed)
{
	while (rd_left(&r)) {
		const uint8_t type = rd_u8(&r), units = rd_u8(&r);

		if (!units || (type == OPT_SOURCE_MAC && !mac_allowed))
			return false;
		rd_take(&r, units * 8u - 2);
		if (r.bad)
			return false;
	}
	return !r.bad;
}

/* The message itself; r is behind its checksum. */
static bool message_ok(struct rd *r, uint8_t type, struct ra_heard *h)
{
	const bool has_addr = memcmp(h->addr, no_addr, sizeof no_addr) != 0;

	h->solicits = type == SOLICITATION;
	if (h->solicits) {
		rd_take(r, SOLICITATION_LEN - 4);
		return !r->bad && options_ok(*r, has_addr);
	}
	if (type != ADVERTISEMENT || !ra_is_link_local(h->addr))
		return false;
	rd_take(r, 2);
	h->lifetime_s = rd_u16(r);
	rd_take(r, ADVERTISEMENT_LEN - 8);
	return !r->bad && options_ok(*r, true);
}

int ra_decode(const uint8_t *frame, size_t len, struct ra_heard *out)
{
	struct rd r = { frame, frame + len, false };
	struct ra_heard h = { 0 };
	const uint8_t *mac, *addr;
	uint16_t icmp_len;
	uint8_t type;

	if (len < ICMP_AT)
		return -EBADMSG;
	rd_take(&r, 6);
	mac = rd_take(&r, 6);
	if (rd_u16(&r) != ETH_TYPE_IPV6 || rd_u32(&r) >> 28 != 6)
		return -EBADMSG;
	icmp_len = rd_u16(&r);
	if (rd_u8(&r) != ICMPV6 || rd_u8(&r) != HOP_LIMIT || icmp_len > len - ICMP_AT ||
		checksum(frame, icmp_len))
		return -EBADMSG;
	addr = rd_take(&r, 16);
	memcpy(h.mac, mac, sizeof h.mac);
	memcpy(h.addr, addr, sizeof h.addr);
	r = (struct rd){ frame + ICMP_AT, frame + ICMP_AT + icmp_len, false };
	type = rd_u8(&r);
	if (rd_u8(&r) || !rd_take(&r, 2) || h.mac[0] & 1 || h.addr[0] == 0xff ||
		!message_ok(&r, type, &h))
		return -EBADMSG;
	*out = h;
	return 0;
}

void ra_build(const struct ra_heard *to, const uint8_t mac[6], const uint8_t addr[16],
	uint8_t frame[RA_FRAME])
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	const bool alone = memcmp(to->addr, no_addr, sizeof no_addr) != 0;
	struct wr w = { frame, frame + RA_FRAME, false };
	uint16_t sum;

	wr_put(&w, alone ? to->mac : all_nodes_mac, 6);
	wr_put(&w, mac, 6);
	wr_u16(&w, ETH_TYPE_IPV6);
	wr_u32(&w, 0x60000000);
	wr_u16(&w, ADVERTISEMENT_LEN);
	wr_u8(&w, ICMPV6);
	wr_u8(&w, HOP_LIMIT);
	wr_put(&w, addr, 16);
	wr_put(&w, alone ? to->addr : all_nodes, 16);
	wr_u8(&w, ADVERTISEMENT);
	wr_put(&w, NULL, ADVERTISEMENT_LEN - 1); /* all else is "unspecified", "no", 0 */
	sum = checksum(frame, ADVERTISEMENT_LEN);
	frame[ICMP_AT + 2] = (uint8_t)(sum >> 8);
	frame[ICMP_AT + 3] = (uint8_t)sum;
}

/* fe80000000000000505400fffe000001 02 40 20 80     br0: address, index, prefix, scope, flags, name
 */
bool ra_own_address(const char *lines, int ifindex, uint8_t addr[16])
{
	for (const char *line = lines; line && *line; line = strchr(line, '\n')) {
		char hex[33];
		unsigned index, flags;
		uint8_t a[16];

		line += *line == '\n';
		if (sscanf(line, "%32[0-9a-f] %x %*x %*x %x", hex, &index, &flags) != 3 ||
			strlen(hex) != 32 || index != (unsigned)ifindex ||
			flags & (FLAG_DADFAILED | FLAG_TENTATIVE))
			continue;
		for (int i = 0; i < 16; i++)
			sscanf(hex + 2 * i, "%2hhx", &a[i]);
		if (!ra_is_link_local(a))
			continue;
		memcpy(addr, a, sizeof a);
		return true;
	}
	return false;
}
