/*
 *   0  45 ...  source address at 12 ...                                        IPv4, RFC 791
 *  20  type (1): 8 request, 0 reply   code 0   checksum (2)                    ICMP, RFC 792
 *  24  identifier (2)   sequence number (2)   data: echoed
 */
#include "server/net/icmp.h"

#include <errno.h>

#include "server/bytes.h"
#include "server/net/checksum.h"

#define ECHO_REQUEST 0x0800 /* type and code */
#define ECHO_REPLY   0x0000

void icmp_echo(uint16_t id, uint16_t seq, uint8_t packet[ICMP_ECHO])
{
	struct wr w = { packet, packet + ICMP_ECHO, false };

	wr_u16(&w, ECHO_REQUEST);
	wr_u16(&w, checksum_of(ECHO_REQUEST + (uint32_t)id + seq));
	wr_u16(&w, id);
	wr_u16(&w, seq);
}

int icmp_decode(const uint8_t *packet, size_t len, uint16_t id, uint32_t *addr)
{
	struct rd r = { packet, packet + len, false };
	const uint8_t first = rd_u8(&r);
	const size_t head = (first & 15) * 4u;
	uint32_t from;

	rd_take(&r, 11);
	from = rd_u32(&r);
	if (r.bad || first >> 4 != 4 || head < 20 || len < head + ICMP_ECHO || !from)
		return -EBADMSG;
	r.p = packet + head;
	if (checksum_of(checksum_add(0, r.p, rd_left(&r))) || rd_u16(&r) != ECHO_REPLY)
		return -EBADMSG;
	rd_u16(&r);
	if (rd_u16(&r) != id)
		return -EBADMSG;
	*addr = from;
	return 0;
}
