#include "server/simulate/dhcp_client.h"

#include <errno.h>

#include "server/net/dhcp_opt.h"

#define COOKIE	   0x63825363
#define HEADER_LEN 240 /* with the cookie */
#define BOOTP_MIN  300 /* RFC 1542 section 2.1 */
#define BROADCAST  0x8000

/* Who is asking: options 60, 77, 93, 94, 97 and 175 as UEFI, iPXE and the agent send them. */
static void put_client(struct wr *w, const struct dhcp_client_ask *a)
{
	static const char pxe[] = "PXEClient:Arch:00007:UNDI:003016", agent[] = "muster-agent";
	/* port, HTTP, EFI */
	static const uint8_t features[] = { 0xb1, 1, 0, 0x13, 1, 1, 0x24, 1, 1 };
	uint8_t uuid[17] = { 0 };

	if (a->client == DHCP_CLIENT_AGENT) {
		dhcp_opt_put(w, 60, agent, sizeof agent - 1);
		return;
	}
	memcpy(uuid + 1, a->uuid, sizeof a->uuid);
	dhcp_opt_put(w, 97, uuid, sizeof uuid);
	dhcp_opt_put(w, 93, "\0\7", 2);
	dhcp_opt_put(w, 94, "\1\3\x10", 3);
	dhcp_opt_put(w, 60, pxe, sizeof pxe - 1);
	if (a->client == DHCP_CLIENT_IPXE) {
		dhcp_opt_put(w, 77, "iPXE", 4);
		dhcp_opt_put(w, 175, features, sizeof features);
	}
}

size_t dhcp_client_build(const struct dhcp_client_ask *a, uint8_t buf[DHCP_CLIENT_PACKET_MAX])
{
	static const uint8_t wanted[] = { 1, 3, 6, 12, 15, 43, 51, 54, 60, 66, 67, 175 };
	const uint8_t head[] = { 1, 1, 6, a->giaddr != 0 }; /* a request, Ethernet, relays */
	struct wr w = { buf, buf + DHCP_CLIENT_PACKET_MAX, false };

	wr_put(&w, head, sizeof head);
	wr_u32(&w, a->xid);
	wr_u16(&w, 0); /* secs */
	wr_u16(&w, a->giaddr ? 0 : BROADCAST);
	wr_put(&w, NULL, 12); /* ciaddr, yiaddr, siaddr */
	wr_u32(&w, a->giaddr);
	wr_put(&w, a->mac, sizeof a->mac);
	wr_put(&w, NULL, 10 + 64 + 128); /* rest of chaddr, sname, file */
	wr_u32(&w, COOKIE);
	dhcp_opt_put(&w, 53, &a->type, 1);
	if (a->type == DHCP_REQUEST) {
		dhcp_opt_put_u32(&w, 50, a->requested);
		dhcp_opt_put_u32(&w, 54, a->server_id);
	}
	dhcp_opt_put(&w, 57, "\x05\xc0", 2); /* 1472 bytes are welcome */
	dhcp_opt_put(&w, 55, wanted, sizeof wanted);
	put_client(&w, a);
	wr_u8(&w, DHCP_OPT_END);
	if (w.p - buf < BOOTP_MIN)
		wr_put(&w, NULL, (size_t)(BOOTP_MIN - (w.p - buf)));
	return (size_t)(w.p - buf);
}

/* ---- answers ---- */

static uint32_t get_u32(const struct dhcp_opts *o, uint8_t tag)
{
	uint8_t b[4];
	struct rd r = { b, b + sizeof b, false };

	return dhcp_opts_get(o, tag, b, sizeof b) == (int)sizeof b ? rd_u32(&r) : 0;
}

static void get_file(const struct dhcp_opts *o, const uint8_t header[128], char *out)
{
	int n = dhcp_opts_get(o, 67, out, DHCP_FILE_MAX);

	if (n <= 0 && !o->there[DHCP_OPT_OVERLOAD]) {
		memcpy(out, header, 128);
		n = 128;
	}
	out[n < 0 ? 0 : n > DHCP_FILE_MAX ? DHCP_FILE_MAX : n] = '\0';
	for (const char *p = out; *p; p++)
		if (*p <= ' ' || *p > '~')
			out[0] = '\0';
}

int dhcp_client_read(const uint8_t *buf, size_t len, struct dhcp_client_told *out)
{
	struct rd r = { buf, buf + len, false };
	const uint8_t *head = rd_take(&r, 4), *mac, *sname, *file;
	struct dhcp_client_told t = { 0 };
	struct dhcp_opts o;

	t.xid = rd_u32(&r);
	rd_take(&r, 8); /* secs, flags, ciaddr */
	t.yiaddr = rd_u32(&r);
	t.siaddr = rd_u32(&r);
	rd_take(&r, 4); /* giaddr */
	mac = rd_take(&r, 16);
	sname = rd_take(&r, 64);
	file = rd_take(&r, 128);
	if (rd_u32(&r) != COOKIE || !head || !mac || !sname || !file)
		return -EBADMSG;
	if (head[0] != 2 || head[1] != 1 || head[2] != 6 ||
		dhcp_opts_scan(r.p, rd_left(&r), file, sname, &o) < 0 ||
		dhcp_opts_get(&o, 53, &t.type, 1) != 1)
		return -EBADMSG;
	memcpy(t.mac, mac, sizeof t.mac);
	t.server_id = get_u32(&o, 54);
	t.lease_s = get_u32(&o, 51);
	get_file(&o, file, t.file);
	*out = t;
	return 0;
}
