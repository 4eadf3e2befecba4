/* The frame is drawn in frame.c, the DHCP message in dhcp_msg.c. */
#include "server/net/dhcp_seen.h"

#include <errno.h>
#include <string.h>

#include "server/bytes.h"
#include "server/net/dhcp_opt.h"
#include "server/net/dhcp_path.h"

#define ETH_TYPE_IP    0x0800
#define IP_FRAGMENT    0x3fff /* more fragments, or not the first one */
#define IP_UDP	       17
#define OP_ASK	       1
#define OP_REPLY       2
#define ETHERNET       1
#define ETHERNET_LEN   6
#define FLAG_BROADCAST 0x8000
#define COOKIE	       0x63825363u
#define OVERLOAD_FILE  1

/* Cut r down to the UDP payload. False when it is no whole datagram to a DHCP client. */
static bool read_udp(struct rd *r, struct dhcp_seen *s)
{
	const uint8_t *mac, *ip;
	size_t head, total;

	rd_take(r, 6);
	mac = rd_take(r, 6);
	if (rd_u16(r) != ETH_TYPE_IP)
		return false;
	ip = r->p;
	head = (rd_u8(r) & 15) * 4u;
	rd_u8(r);
	total = rd_u16(r);
	rd_u16(r);
	if (rd_u16(r) & IP_FRAGMENT)
		return false;
	rd_u8(r);
	if (rd_u8(r) != IP_UDP)
		return false;
	rd_u16(r);
	s->src_addr = rd_u32(r);
	if (r->bad || ip[0] >> 4 != 4 || head < 20 || total > (size_t)(r->end - ip) ||
		total < head + 8)
		return false;
	memcpy(s->src_mac, mac, sizeof s->src_mac);
	*r = (struct rd){ ip + head, ip + total, false }; /* Ethernet's padding is cut off */
	rd_u16(r);
	if (rd_u16(r) != DHCP_PORT_CLIENT)
		return false;
	rd_take(r, 4);
	return !r->bad;
}

/* The boot file's name, as far as it can be printed. */
static void read_file(const struct dhcp_opts *o, const uint8_t file[128], struct dhcp_seen *s)
{
	uint8_t overload = 0;
	int len = dhcp_opts_get(o, DHCP_OPT_FILE, s->file, sizeof s->file - 1);

	dhcp_opts_get(o, DHCP_OPT_OVERLOAD, &overload, 1);
	if (len <= 0 && !(overload & OVERLOAD_FILE))
		memcpy(s->file, file, sizeof s->file - 1);
	for (size_t i = 0; s->file[i]; i++)
		if (s->file[i] < ' ' || s->file[i] > '~')
			s->file[i] = '?';
}

/* False when it is none of the messages that servers send, or malformed. */
static bool read_message(struct rd *r, struct dhcp_seen *s)
{
	const uint8_t op = rd_u8(r), htype = rd_u8(r), hlen = rd_u8(r);
	const uint8_t *mac, *sname, *file;
	uint8_t server_id[4], type;
	struct dhcp_opts o;

	rd_take(r, 13); /* to yiaddr */
	s->yiaddr = rd_u32(r);
	s->siaddr = rd_u32(r);
	rd_u32(r);
	mac = rd_take(r, 16);
	sname = rd_take(r, 64);
	file = rd_take(r, 128);
	if (rd_u32(r) != COOKIE || op != OP_REPLY || htype != ETHERNET || hlen != ETHERNET_LEN)
		return false;
	if (dhcp_opts_scan(r->p, rd_left(r), file, sname, &o))
		return false;
	memcpy(s->mac, mac, sizeof s->mac);
	if (dhcp_opts_get(&o, DHCP_OPT_TYPE, &type, 1) != 1 ||
		(type != DHCP_OFFER && type != DHCP_ACK && type != DHCP_NAK))
		return false;
	s->type = type;
	if (dhcp_opts_get(&o, DHCP_OPT_SERVER_ID, server_id, 4) == 4)
		s->server_id = (uint32_t)server_id[0] << 24 | (uint32_t)server_id[1] << 16 |
			       (uint32_t)server_id[2] << 8 | server_id[3];
	read_file(&o, file, s);
	return true;
}

int dhcp_seen_decode(const uint8_t *frame, size_t len, struct dhcp_seen *out)
{
	struct rd r = { frame, frame + len, false };
	struct dhcp_seen s = { 0 };

	if (!read_udp(&r, &s) || !read_message(&r, &s))
		return -EBADMSG;
	*out = s;
	return 0;
}

void dhcp_seek_build(const uint8_t mac[6], uint32_t xid, uint8_t packet[DHCP_SEEK_LEN])
{
	static const uint8_t discover = DHCP_DISCOVER;
	static const uint8_t wants[] = { DHCP_OPT_MASK, DHCP_OPT_ROUTER, DHCP_OPT_DNS,
		DHCP_OPT_DOMAIN, DHCP_OPT_TFTP_NAME, DHCP_OPT_FILE };
	struct wr w = { packet, packet + DHCP_SEEK_LEN, false };

	wr_u8(&w, OP_ASK);
	wr_u8(&w, ETHERNET);
	wr_u8(&w, ETHERNET_LEN);
	wr_u8(&w, 0);
	wr_u32(&w, xid);
	wr_u16(&w, 0);
	wr_u16(&w, FLAG_BROADCAST);
	wr_put(&w, NULL, 16); /* no addresses */
	wr_put(&w, mac, ETHERNET_LEN);
	wr_put(&w, NULL, 10 + 64 + 128);
	wr_u32(&w, COOKIE);
	dhcp_opt_put(&w, DHCP_OPT_TYPE, &discover, 1);
	dhcp_opt_put(&w, DHCP_OPT_WANTS, wants, sizeof wants);
	wr_u8(&w, DHCP_OPT_END);
	wr_put(&w, NULL, wr_left(&w));
}
