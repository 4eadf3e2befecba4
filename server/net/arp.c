/*
 *   0  destination MAC (6)    source MAC (6)    type 0806                      Ethernet
 *  14  0001  0800  06 04  operation (2): 1 who has, 2 here                     ARP, RFC 826
 *  22  sender MAC (6)  sender IP (4)  target MAC (6)  target IP (4)
 */
#include "server/net/arp.h"

#include <errno.h>
#include <string.h>

#include "server/bytes.h"

#define ETH_TYPE_ARP	0x0806
#define ARP_IP_ON_ETHER 0x0001080006040000u /* all before the operation, which is added */
#define ARP_WHO_HAS	1
#define ARP_HERE	2

static uint64_t rd_u64(struct rd *r)
{
	const uint64_t high = rd_u32(r);

	return high << 32 | rd_u32(r);
}

static bool names_a_host(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, sizeof zero);
}

void arp_probe(const uint8_t mac[6], uint32_t addr, uint8_t frame[ARP_FRAME])
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct wr w = { frame, frame + ARP_FRAME, false };

	wr_put(&w, everybody, 6);
	wr_put(&w, mac, 6);
	wr_u16(&w, ETH_TYPE_ARP);
	wr_u32(&w, ARP_IP_ON_ETHER >> 32);
	wr_u32(&w, (uint32_t)ARP_IP_ON_ETHER | ARP_WHO_HAS);
	wr_put(&w, mac, 6);
	wr_u32(&w, 0);
	wr_put(&w, NULL, 6);
	wr_u32(&w, addr);
}

int arp_decode(const uint8_t *frame, size_t len, const uint8_t mac[6], struct arp_answer *out)
{
	struct rd r = { frame, frame + len, false };
	const uint8_t *sender, *target;
	uint32_t addr;

	rd_take(&r, 12);
	if (rd_u16(&r) != ETH_TYPE_ARP || rd_u64(&r) != (ARP_IP_ON_ETHER | ARP_HERE))
		return -EBADMSG;
	sender = rd_take(&r, 6);
	addr = rd_u32(&r);
	target = rd_take(&r, 6);
	if (rd_u32(&r) || r.bad || !addr || !names_a_host(sender) || memcmp(target, mac, 6) ||
		!memcmp(sender, mac, 6))
		return -EBADMSG;
	out->addr = addr;
	memcpy(out->mac, sender, 6);
	return 0;
}
