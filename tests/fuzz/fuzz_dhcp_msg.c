/*
 * fuzz_dhcp_msg.c: bytes from the network, decoded; then a reply for what they say, encoded. The
 * reply must be well-formed, within the client's limit, and carry what it has to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/dhcp_msg.h"
#include "server/net/dhcp_path.h"
#include "tests/support/dhcp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Host name, domain, and one that is sent in pieces to those that take long packets. */
#define TEN	"0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define OPTIONS "\x0c\0\x03n01\x0f\0\x03lab\xfc\x01\x2c" HUNDRED HUNDRED HUNDRED

static void must(bool good)
{
	if (!good)
		abort();
}

static void encode(const struct dhcp_query *q, const struct dhcp_reply *r)
{
	uint8_t b[DHCP_PACKET_MAX];
	const uint8_t *val = NULL;
	size_t len = 0;
	struct dhcp_left_out left;
	bool relay = q->relay_len > 0;

	/* these replies are short enough for the smallest client */
	must(dhcp_msg_encode(q, r, b, &len, &left) == 0);
	for (unsigned i = 0; i < left.n; i++)
		relay = relay && left.tags[i] != 82;
	must(len >= DHCP_PACKET_MIN && len <= (size_t)q->max_size - 28);
	must(reply_option(b, len, 53, &val) == 1 && val[0] == r->type);
	must(reply_option(b, len, 54, &val) == 4);
	must(reply_option(b, len, 67, &val) == (int)strlen(r->file) + 1 || !r->file[0]);
	must(reply_option(b, len, 82, &val) == (relay ? q->relay_len : -1));
	must(!memcmp(b + 28, q->chaddr, 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dhcp_answer a = { .reply = { .type = DHCP_OFFER,
					 .server_id = 0x0a4d0001,
					 .yiaddr = 0x0a4d0064,
					 .siaddr = 0x0a4d0001,
					 .mask = 0xffffff00,
					 .router = 0x0a4d0001,
					 .lease_s = 3600,
					 .t1_s = 1800,
					 .t2_s = 3150,
					 .file = "http://10.77.0.1/boot.ipxe",
					 .options_len = sizeof OPTIONS - 1,
					 .options = OPTIONS } };

	if (dhcp_msg_decode(data, size, &a.query))
		return 0;
	must(dhcp_query_ok(&a.query) && dhcp_answer_ok(&a));
	encode(&a.query, &a.reply);
	dhcp_path_of(&a, 0x0a4d0001, 0xffffff00);
	a.reply.vendor_pxe = a.reply.pxe_bypass = a.reply.ipxe_no_proxy = true;
	encode(&a.query, &a.reply);
	a.reply = (struct dhcp_reply){ .type = DHCP_NAK,
		.server_id = 0x0a4d0001,
		.message = "address does not belong to this network" };
	encode(&a.query, &a.reply);
	return 0;
}
