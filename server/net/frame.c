/*
 *   0  destination MAC (6)    source MAC (6)   type 0800                      Ethernet
 *  14  45 00  length (2)  id 0000  DF 4000  TTL 40  UDP 11  checksum (2)      IPv4, RFC 791
 *  26  source (4)  destination (4)
 *  34  source port (2)  destination port (2)  length (2)  checksum (2)        UDP, RFC 768
 *  42  payload
 */
#include "server/net/frame.h"

#include "server/bytes.h"

#define ETH_TYPE_IP  0x0800
#define ETH_HEAD     14
#define IP_HEAD	     20
#define IP_DONT_FRAG 0x4000
#define IP_TTL	     64
#define IP_UDP	     17
#define UDP_HEAD     8
#define IP_CHECK_AT  (ETH_HEAD + 10)
#define UDP_AT	     (ETH_HEAD + IP_HEAD)
#define UDP_CHECK_AT (UDP_AT + 6)

/* RFC 1071: add up 16-bit words; an odd last byte counts as the high one. */
static uint32_t sum(uint32_t s, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return s;
}

static void put_checksum(uint8_t *at, uint32_t s, bool zero_means_none)
{
	s = (s & 0xffff) + (s >> 16);
	s = ~(s + (s >> 16)) & 0xffff;
	if (!s && zero_means_none)
		s = 0xffff;
	at[0] = (uint8_t)(s >> 8);
	at[1] = (uint8_t)s;
}

size_t frame_build(
	const struct frame_path *path, const void *payload, size_t len, uint8_t buf[FRAME_MAX])
{
	struct wr w = { buf, buf + FRAME_MAX, false };
	const uint16_t udp_len = (uint16_t)(UDP_HEAD + len);

	if (len > FRAME_MAX - FRAME_HEAD)
		return 0;
	wr_put(&w, path->dst_mac, 6);
	wr_put(&w, path->src_mac, 6);
	wr_u16(&w, ETH_TYPE_IP);
	wr_u16(&w, 0x4500);
	wr_u16(&w, (uint16_t)(IP_HEAD + udp_len));
	wr_u16(&w, 0);
	wr_u16(&w, IP_DONT_FRAG);
	wr_u8(&w, IP_TTL);
	wr_u8(&w, IP_UDP);
	wr_u16(&w, 0);
	wr_u32(&w, path->src);
	wr_u32(&w, path->dst);
	wr_u16(&w, path->src_port);
	wr_u16(&w, path->dst_port);
	wr_u16(&w, udp_len);
	wr_u16(&w, 0);
	wr_put(&w, payload, len);
	put_checksum(buf + IP_CHECK_AT, sum(0, buf + ETH_HEAD, IP_HEAD), false);
	/* the pseudo header: both addresses (in place, before the UDP header), protocol, length */
	put_checksum(buf + UDP_CHECK_AT,
		sum(IP_UDP + (uint32_t)udp_len, buf + UDP_AT - 8, 8 + (size_t)udp_len), true);
	return (size_t)(w.p - buf);
}
