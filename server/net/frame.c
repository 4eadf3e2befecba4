/*
 *   0  destination MAC (6)    source MAC (6)   type 0800                      Ethernet
 *  14  45 00  length (2)  id 0000  DF 4000  TTL 40  UDP 11  checksum (2)      IPv4, RFC 791
 *  26  source (4)  destination (4)
 *  34  source port (2)  destination port (2)  length (2)  checksum (2)        UDP, RFC 768
 *  42  payload
 */
#include "server/net/frame.h"

#include "server/bytes.h"
#include "server/net/checksum.h"

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

static void put_checksum(uint8_t *at, uint16_t sum)
{
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

size_t frame_build(
	const struct frame_path *path, const void *payload, size_t len, uint8_t buf[FRAME_MAX])
{
	struct wr w = { buf, buf + FRAME_MAX, false };
	const uint16_t udp_len = (uint16_t)(UDP_HEAD + len);
	uint16_t udp_sum;

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
	put_checksum(buf + IP_CHECK_AT, checksum_of(checksum_add(0, buf + ETH_HEAD, IP_HEAD)));
	/* the pseudo header: both addresses (in place, before the UDP header), protocol, length */
	udp_sum = checksum_of(
		checksum_add(IP_UDP + (uint32_t)udp_len, buf + UDP_AT - 8, 8 + (size_t)udp_len));
	put_checksum(buf + UDP_CHECK_AT, udp_sum ? udp_sum : 0xffff); /* 0 means none */
	return (size_t)(w.p - buf);
}
