#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/net/dhcp_msg.h"
#include "server/net/dhcp_path.h"
#include "tests/support/dhcp_packet.h"

static int decode(const struct packet *p, size_t len, struct dhcp_query *q)
{
	uint8_t *b = exact_copy(p->b, len);
	const int rc = dhcp_msg_decode(b, len, q);

	free(b);
	return rc;
}

/* ---- what is refused: rows {name, header bytes to change {offset, value}, options, result} ----
 */

static const struct refused {
	const char *name;
	struct {
		uint8_t at, value;
	} edit[3];
	const char *options;
	size_t len;
	int want;
} refused[] = {
	{ "as it is", { { 0, 1 } }, BYTES(T_DISCOVER END), 0 },
	{ "P02 a server's reply", { { 0, 2 } }, BYTES(T_DISCOVER END), -EPROTO },
	{ "op 0", { { 0, 0 } }, BYTES(T_DISCOVER END), -EBADMSG },
	{ "P03 InfiniBand", { { 1, 32 }, { 2, 0 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "P03 hlen 0", { { 2, 0 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "P03 hlen 7", { { 2, 7 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "P03 hlen 17", { { 2, 17 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "P03 hlen 255", { { 2, 255 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "P04 wrong cookie", { { 236, 0 } }, BYTES(T_DISCOVER END), -EBADMSG },
	{ "P05 no END", { { 0, 1 } }, BYTES(T_DISCOVER), -EBADMSG },
	{ "P05 no length", { { 0, 1 } }, BYTES(T_DISCOVER "\x0c"), -EBADMSG },
	{ "P05 length past the end", { { 0, 1 } },
		BYTES(T_DISCOVER "\x0c\x09"
				 "ab" END),
		-EBADMSG },
	{ "P06 no options", { { 0, 1 } }, BYTES(END), -EOPNOTSUPP },
	{ "P07 type of length 0", { { 0, 1 } }, BYTES("\x35\x00" END), -EBADMSG },
	{ "P07 type of length 2", { { 0, 1 } }, BYTES("\x35\x02\x01\x01" END), -EBADMSG },
	{ "P07 type 0", { { 0, 1 } }, BYTES("\x35\x01\x00" END), -EOPNOTSUPP },
	{ "P07 type 255", { { 0, 1 } }, BYTES("\x35\x01\xff" END), -EOPNOTSUPP },
	{ "P07 two types", { { 0, 1 } }, BYTES(T_DISCOVER T_REQUEST END), -EBADMSG },
	{ "a server's type", { { 0, 1 } }, BYTES("\x35\x01\x02" END), -EOPNOTSUPP },
	{ "P31 FORCERENEW", { { 0, 1 } }, BYTES("\x35\x01\x09" END), -EOPNOTSUPP },
	{ "P31 LEASEQUERY", { { 0, 1 } }, BYTES("\x35\x01\x0a" END), -EOPNOTSUPP },
	{ "P14 relay option without a relay", { { 0, 1 } },
		BYTES(T_DISCOVER "\x52\x04\x01\x02xy" END), -EBADMSG },
	{ "P14 relay option overrun", { { 24, 10 } }, BYTES(T_DISCOVER "\x52\x04\x01\x03xy" END),
		-EBADMSG },
	{ "P14 empty relay option", { { 24, 10 } }, BYTES(T_DISCOVER "\x52\x00" END), -EBADMSG },
	{ "P16 17 hops", { { 3, 17 } }, BYTES(T_DISCOVER END), -ELOOP },
	{ "P16 16 hops", { { 3, 16 } }, BYTES(T_DISCOVER END), 0 },
	{ "P29 no MAC", { { 28, 0 }, { 29, 0 }, { 33, 0 } }, BYTES(T_DISCOVER END),
		-EADDRNOTAVAIL },
	{ "P29 multicast MAC", { { 28, 1 } }, BYTES(T_DISCOVER END), -EADDRNOTAVAIL },
	{ "requested address of 3 bytes", { { 0, 1 } }, BYTES(T_REQUEST "\x32\x03xyz" END),
		-EBADMSG },
	{ "server id of 5 bytes", { { 0, 1 } }, BYTES(T_REQUEST "\x36\x05vwxyz" END), -EBADMSG },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		const struct refused *r = &refused[i];
		struct dhcp_query q;
		struct packet p;

		print_message("row: %s\n", r->name);
		packet_make(&p, r->options, r->len);
		for (size_t k = 0; k < ARRAY_LEN(r->edit); k++)
			if (r->edit[k].at || r->edit[k].value)
				p.b[r->edit[k].at] = r->edit[k].value;
		if (r->edit[0].at == 0)
			p.b[0] = r->edit[0].value;
		assert_int_equal(decode(&p, p.len, &q), r->want);
	}
}

/* P01, P06 */
static void test_short_and_empty(void **state)
{
	static const size_t short_lens[] = { 0, 1, 239, 240 };
	struct packet p;
	struct dhcp_query q;

	(void)state;
	packet_make(&p, BYTES(T_DISCOVER END));
	for (size_t i = 0; i < ARRAY_LEN(short_lens); i++)
		assert_int_equal(decode(&p, short_lens[i], &q), -EBADMSG);
	packet_make(&p, BYTES(""));
	assert_int_equal(decode(&p, 240 + 1200, &q), -EBADMSG);
}

/* ---- what is read: the fields that differ from a bare DISCOVER's, as one line ---- */

static void describe(const struct dhcp_query *q, char *out, size_t size)
{
	static const char *const clients[] = { "", "pxe ", "http ", "ipxe ", "agent " };
	size_t n = (size_t)snprintf(out, size, "%s", clients[q->client]);

#define ADD(...) n += (size_t)snprintf(out + n, size - n, __VA_ARGS__)
	if (q->arch != DHCP_ARCH_NONE)
		ADD("arch=%u ", q->arch);
	if (q->ipxe_features)
		ADD("features=%u ", q->ipxe_features);
	if (q->echo_uuid)
		ADD("uuid%s ", q->has_uuid ? "" : "?");
	if (q->client_id_len)
		ADD("id=%u ", q->client_id_len);
	if (q->relay_len)
		ADD("relay=%u ", q->relay_len);
	if (q->link_select)
		ADD("link=%08x ", q->link_select);
	if (q->id_override)
		ADD("override=%08x ", q->id_override);
	if (q->max_size != 576)
		ADD("max=%u ", q->max_size);
	if (q->requested)
		ADD("requested=%08x ", q->requested);
	if (q->server_id)
		ADD("server=%08x ", q->server_id);
	if (q->hostname[0])
		ADD("host='%s' ", q->hostname);
	if (n)
		out[n - 1] = '\0';
#undef ADD
}

static const struct read {
	const char *name;
	bool relayed;
	const char *options;
	size_t len;
	const char *want;
} reads[] = {
	{ "nothing more", false, BYTES(T_DISCOVER END), "" },
	{ "OVMF PXE", false, BYTES(T_DISCOVER "\x39\x02\x05\xc0" UUID_97 ARCH_X64 CLASS_PXE END),
		"pxe arch=7 uuid max=1472" },
	{ "OVMF HTTP boot", false, BYTES(T_DISCOVER ARCH_HTTP CLASS_HTTP END), "http arch=16" },
	{ "BIOS ROM", false, BYTES(T_DISCOVER ARCH_BIOS CLASS_BIOS END), "pxe arch=0" },
	{ "iPXE", false,
		BYTES(T_DISCOVER ARCH_X64 CLASS_PXE IPXE_77 IPXE_175
			"\x3d\x07\x01\x52\x54\x00\x00\x00\x01" END),
		"ipxe arch=7 features=3 id=7" },
	{ "iPXE, user class as a list", false, BYTES(T_DISCOVER "\x4d\x07\x01x\x04iPXE" END),
		"ipxe" },
	{ "user class of somebody else", false, BYTES(T_DISCOVER "\x4d\x04gPXE" END), "" },
	{ "user class list overrun", false, BYTES(T_DISCOVER "\x4d\x06\x09iPXE\x00" END), "" },
	{ "iPXE options overrun", false, BYTES(T_DISCOVER "\xaf\x03\x13\x02\x01" END), "" },
	{ "agent", false, BYTES(T_DISCOVER CLASS_AGENT END), "agent" },
	{ "agent's class with more behind", false, BYTES(T_DISCOVER "\x3c\x0dmuster-agentx" END),
		"" },
	{ "PXE class without an architecture", false, BYTES(T_DISCOVER CLASS_PXE END), "" },
	{ "PXE class alone", false, BYTES(T_DISCOVER ARCH_X64 "\x3c\x09PXEClient" END),
		"pxe arch=7" },
	{ "P18 impossible class", false,
		BYTES(T_DISCOVER ARCH_X64 "\x3c\x20PXEClient:Arch:99999:UNDI:003000" END),
		"arch=7" },
	{ "P18 class without a number", false,
		BYTES(T_DISCOVER ARCH_X64 "\x3c\x0fPXEClient:Arch:" END), "arch=7" },
	{ "P18 class is not text", false, BYTES(T_DISCOVER ARCH_X64 "\x3c\x0aPXEClient\x01" END),
		"arch=7" },
	{ "P19 odd architecture", false, BYTES(T_DISCOVER CLASS_PXE "\x5d\x03\x00\x07\x00" END),
		"" },
	{ "P19 empty architecture", false, BYTES(T_DISCOVER CLASS_PXE "\x5d\x00" END), "" },
	{ "several architectures", false, BYTES(T_DISCOVER "\x5d\x04\x00\x07\x00\x09" END),
		"arch=7" },
	{ "P11 client id of 1 byte", false, BYTES(T_DISCOVER "\x3d\x01x" END), "" },
	{ "P11 empty client id", false, BYTES(T_DISCOVER "\x3d\x00" END), "" },
	{ "P12 host name", false, BYTES(T_DISCOVER "\x0c\x06n01.ab" END), "host='n01.ab'" },
	{ "P12 NUL in it", false, BYTES(T_DISCOVER "\x0c\x05n01\0x" END), "host='n01'" },
	{ "P12 a path", false, BYTES(T_DISCOVER "\x0c\x0d../etc/passwd" END), "host='etcpasswd'" },
	{ "P12 a command", false, BYTES(T_DISCOVER "\x0c\x09$(reboot)" END), "host='reboot'" },
	{ "P12 an escape", false, BYTES(T_DISCOVER "\x0c\x05\x1b[31m" END), "host='31m'" },
	{ "P12 nothing good in it", false, BYTES(T_DISCOVER "\x0c\x04..--" END), "" },
	{ "P17 vendor options are not read", false, BYTES(T_DISCOVER "\x2b\x02\x06\xff" END), "" },
	{ "P20 16 bytes of UUID", false,
		BYTES(T_DISCOVER "\x61\x10\x00"
				 "123456789abcdef" END),
		"" },
	{ "P20 type 1", false,
		BYTES(T_DISCOVER "\x61\x11\x01"
				 "0123456789abcdef" END),
		"" },
	{ "P20 zeros", false, BYTES(T_DISCOVER "\x61\x11\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" END),
		"uuid?" },
	{ "P20 ones", false,
		BYTES(T_DISCOVER
			"\x61\x11\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
			"\xff\xff" END),
		"uuid?" },
	{ "P22 size 0", false, BYTES(T_DISCOVER "\x39\x02\x00\x00" END), "" },
	{ "P22 size 575", false, BYTES(T_DISCOVER "\x39\x02\x02\x3f" END), "" },
	{ "P22 size 577", false, BYTES(T_DISCOVER "\x39\x02\x02\x41" END), "max=577" },
	{ "P22 size 65535", false, BYTES(T_DISCOVER "\x39\x02\xff\xff" END), "max=1472" },
	{ "P22 size of one byte", false, BYTES(T_DISCOVER "\x39\x01\xff" END), "" },
	{ "addresses", false,
		BYTES(T_REQUEST "\x32\x04\x0a\x4d\x00\x64\x36\x04\x0a\x4d\x00\x01" END),
		"requested=0a4d0064 server=0a4d0001" },
	{ "relay", true, BYTES(T_DISCOVER "\x52\x04\x01\x02xy" END), "relay=4" },
	{ "relay's link selection and identifier", true,
		BYTES(T_DISCOVER "\x52\x0c\x05\x04\x0a\x09\x00\x00\x0b\x04\x0a\x09\x00\x01" END),
		"relay=12 link=0a090000 override=0a090001" },
	{ "relay's options of a wrong length", true,
		BYTES(T_DISCOVER "\x52\x05\x05\x03\x0a\x09\x00" END), "relay=5" },
};

static void make_read(const struct read *r, struct packet *p)
{
	packet_make(p, r->options, r->len);
	if (r->relayed)
		memcpy(p->b + 24, "\x0a\x09\x00\x01", 4);
}

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		struct dhcp_query q;
		struct packet p;
		char line[300] = "";

		print_message("row: %s\n", reads[i].name);
		make_read(&reads[i], &p);
		assert_int_equal(decode(&p, p.len, &q), 0);
		assert_true(dhcp_query_ok(&q));
		describe(&q, line, sizeof line);
		assert_string_equal(line, reads[i].want);
		assert_int_equal(q.xid, 0xdeadbeef);
		assert_memory_equal(q.mac, "\x52\x54\x00\x00\x00\x01", 6);
	}
}

static void test_every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		struct dhcp_query q;
		struct packet p;

		make_read(&reads[i], &p);
		for (size_t len = 0; len < p.len; len++)
			assert_int_equal(decode(&p, len, &q), -EBADMSG);
	}
}

/* P11, P12, P18, P19, P21: values that fill their option. */
static void test_long_values(void **state)
{
	static const struct {
		uint8_t tag, len, fill;
		const char *want;
	} rows[] = {
		{ 61, 255, 'A', "id=255" },
		{ 12, 255, 'A',
			"host='AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'" },
		{ 60, 255, 'P', "" },
		{ 93, 254, 0, "arch=0" },
		{ 55, 255, 3, "" },
		{ 77, 255, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q;
		struct packet p;
		char line[300] = "";

		print_message("row: option %u\n", rows[i].tag);
		packet_make(&p, BYTES(T_DISCOVER));
		p.b[p.len++] = rows[i].tag;
		p.b[p.len++] = rows[i].len;
		memset(p.b + p.len, rows[i].fill, rows[i].len);
		p.len += rows[i].len;
		p.b[p.len++] = 255;
		assert_int_equal(decode(&p, p.len, &q), 0);
		describe(&q, line, sizeof line);
		assert_string_equal(line, rows[i].want);
	}
}

static void test_query_ok(void **state)
{
	struct dhcp_query q, bad;
	struct packet p;

	(void)state;
	packet_make(&p, BYTES(T_DISCOVER END));
	assert_int_equal(decode(&p, p.len, &q), 0);
	assert_true(dhcp_query_ok(&q));
#define SPOIL(field, value)                                                                        \
	bad = q;                                                                                   \
	memset(&bad.field, value, sizeof bad.field);                                               \
	assert_false(dhcp_query_ok(&bad))
	SPOIL(type, DHCP_OFFER);
	SPOIL(client, DHCP_CLIENTS);
	SPOIL(mac, 0);
	SPOIL(mac, 1);
	SPOIL(chaddr, 2);
	SPOIL(max_size, 0xff);
	SPOIL(max_size, 0);
	SPOIL(hostname, 'x');
	SPOIL(vendor_class, 'x');
	SPOIL(port4011, 2);
	SPOIL(echo_uuid, 0xff);
	SPOIL(has_uuid, 2);
#undef SPOIL
}

/* ---- what is written ---- */

static void base_query(struct dhcp_query *q)
{
	struct packet p;

	packet_make(&p, BYTES(T_DISCOVER ARCH_X64 CLASS_PXE UUID_97
				"\x3d\x07\x01\x52\x54\x00\x00\x00\x01" END));
	assert_int_equal(decode(&p, p.len, q), 0);
}

static struct dhcp_reply base_reply(void)
{
	return (struct dhcp_reply){ .type = DHCP_OFFER,
		.yiaddr = 0x0a4d0064,
		.siaddr = 0x0a4d0001,
		.server_id = 0x0a4d0001,
		.lease_s = 3600,
		.t1_s = 1800,
		.t2_s = 3150,
		.mask = 0xffffff00,
		.router = 0x0a4d0001,
		.broadcast = 0x0a4d00ff,
		.n_dns = 2,
		.dns = { 0x0a4d0001, 0x08080808 },
		.domain = "example",
		.hostname = "n01",
		.file = "snponly.efi" };
}

/* Compare an option with bytes, or with absence. */
static void want_option(
	const uint8_t *b, size_t len, uint8_t tag, const char *want, size_t want_len)
{
	const uint8_t *val = NULL;
	const int got = reply_option(b, len, tag, &val);

	if (!want) {
		assert_int_equal(got, -1);
		return;
	}
	assert_int_equal(got, (int)want_len);
	assert_memory_equal(val, want, want_len);
}

static void test_encode(void **state)
{
	static const struct {
		uint8_t tag;
		const char *bytes;
		size_t len;
	} want[] = {
		{ 53, BYTES("\x02") },
		{ 54, BYTES("\x0a\x4d\x00\x01") },
		{ 51, BYTES("\x00\x00\x0e\x10") },
		{ 58, BYTES("\x00\x00\x07\x08") },
		{ 59, BYTES("\x00\x00\x0c\x4e") },
		{ 1, BYTES("\xff\xff\xff\x00") },
		{ 3, BYTES("\x0a\x4d\x00\x01") },
		{ 6, BYTES("\x0a\x4d\x00\x01\x08\x08\x08\x08") },
		{ 12, BYTES("n01") },
		{ 15, BYTES("example") },
		{ 28, BYTES("\x0a\x4d\x00\xff") },
		{ 61, BYTES("\x01\x52\x54\x00\x00\x00\x01") },
		{ 66, BYTES("10.77.0.1") },
		{ 67, BYTES("snponly.efi\0") },
		{ 97, BYTES("\x00\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff") },
		{ 43, NULL, 0 },
		{ 60, NULL, 0 },
		{ 82, NULL, 0 },
		{ 175, NULL, 0 },
		{ 56, NULL, 0 },
	};
	const struct dhcp_reply r = base_reply();
	const uint8_t *mask = NULL, *router = NULL;
	uint8_t b[DHCP_PACKET_MAX];
	struct dhcp_query q;
	size_t len = 0;

	(void)state;
	base_query(&q);
	q.flags = 0x8000;
	q.ciaddr = 0x0a4d0063;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		want_option(b, len, want[i].tag, want[i].bytes, want[i].len);
	assert_memory_equal(b, "\x02\x01\x06\x00\xde\xad\xbe\xef\x00\x00\x80\x00", 12);
	assert_memory_equal(b + 12, "\0\0\0\0\x0a\x4d\x00\x64\x0a\x4d\x00\x01\0\0\0\0", 16);
	assert_memory_equal(b + 28, "\x52\x54\x00\x00\x00\x01\0\0\0\0\0\0\0\0\0\0", 16);
	assert_string_equal((const char *)b + 108, "snponly.efi");
	reply_option(b, len, 1, &mask);
	reply_option(b, len, 3, &router);
	assert_true(mask < router);
}

static void test_encode_kinds(void **state)
{
	uint8_t b[DHCP_PACKET_MAX];
	struct dhcp_reply r = base_reply();
	struct dhcp_query q;
	size_t len = 0;

	(void)state;
	base_query(&q);

	print_message("row: proxy for BIOS\n");
	r.vendor_pxe = r.pxe_bypass = true;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	want_option(b, len, 60, BYTES("PXEClient"));
	want_option(b, len, 43, BYTES("\x06\x01\x08\xff"));

	print_message("row: iPXE, the name of the TFTP server is not for it\n");
	r = base_reply();
	q.client = DHCP_CLIENT_IPXE;
	r.ipxe_no_proxy = true;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	want_option(b, len, 175, BYTES("\xb0\x01\x01"));
	want_option(b, len, 66, NULL, 0);

	print_message("row: UEFI HTTP boot, a URL too long for the header\n");
	r = base_reply();
	q.client = DHCP_CLIENT_HTTP;
	q.max_size = 1472;
	r.vendor_http = true;
	memset(r.file, 'u', DHCP_FILE_MAX);
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	want_option(b, len, 60, BYTES("HTTPClient"));
	want_option(b, len, 67, r.file, DHCP_FILE_MAX + 1);
	assert_int_equal(b[108], 0);

	print_message("row: a file of 127 fits the header, of 128 does not\n");
	r.file[127] = '\0';
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	assert_string_equal((const char *)b + 108, r.file);
	memset(r.file, 'u', 128);
	r.file[128] = '\0';
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	assert_int_equal(b[108], 0);

	print_message("row: NAK through a relay is to be broadcast\n");
	base_query(&q);
	q.giaddr = 0x0a090001;
	q.ciaddr = 0x0a090002;
	r = (struct dhcp_reply){ .type = DHCP_NAK, .server_id = 0x0a4d0001, .message = "no" };
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	assert_int_equal(b[10], 0x80);
	assert_memory_equal(b + 12, "\0\0\0\0\0\0\0\0\0\0\0\0\x0a\x09\x00\x01", 16);
	want_option(b, len, 56, BYTES("no"));
	want_option(b, len, 51, NULL, 0);
	assert_int_equal(len, DHCP_PACKET_MIN);

	print_message("row: ACK repeats the client's address\n");
	r.type = DHCP_ACK;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	assert_memory_equal(b + 12, "\x0a\x09\x00\x02", 4);

	print_message("row: only what was asked for, of what a client can do without\n");
	base_query(&q);
	q.wants[0] = 1 << 6;
	r = base_reply();
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	want_option(b, len, 6, BYTES("\x0a\x4d\x00\x01\x08\x08\x08\x08"));
	want_option(b, len, 12, NULL, 0);
	want_option(b, len, 1, BYTES("\xff\xff\xff\x00"));
}

/* Option 82 comes last, and goes when it does not fit; boot data never go. */
static void test_encode_full(void **state)
{
	uint8_t b[DHCP_PACKET_MAX];
	struct dhcp_reply r = base_reply();
	struct dhcp_query q;
	const uint8_t *val = NULL;
	size_t len = 0;

	(void)state;
	base_query(&q);
	q.giaddr = 0x0a090001;
	q.relay_len = 200;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	assert_true(len <= 548);
	assert_int_equal(reply_option(b, len, 82, &val), 200);
	assert_int_equal(val[200], 255);
	assert_int_equal(reply_option(b, len, 67, &val), 12);

	memset(r.file, 'u', 200);
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 1);
	assert_true(len <= 548);
	assert_int_equal(reply_option(b, len, 82, &val), -1);
	assert_int_equal(reply_option(b, len, 67, &val), 201);

	memset(r.file, 'u', DHCP_FILE_MAX);
	r.vendor_pxe = r.pxe_bypass = r.ipxe_no_proxy = true;
	memset(r.message, 'm', sizeof r.message - 1);
	len = 7;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), -ENOSPC);
	assert_int_equal(len, 7);

	q.max_size = 0xffff; /* dhcp_query_ok refuses it; the encoder stays inside all the same */
	q.relay_len = 255;
	q.client_id_len = 255;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len), 0);
	assert_true(len <= DHCP_PACKET_MAX);
	assert_int_equal(reply_option(b, len, 61, &val), 255);
}

static void test_path(void **state)
{
	enum { HERE = 0x0a4d0001, NEAR = 0x0a4d0064, FAR = 0x0a090005, RELAY = 0x0a090001 };
	static const struct {
		const char *name;
		uint8_t ask, type;
		bool port4011;
		uint16_t flags;
		uint32_t giaddr, ciaddr, yiaddr;
		struct dhcp_path want;
	} rows[] = {
		{ "relayed", 1, 2, 0, 0x8000, RELAY, 0, FAR, { false, 67, RELAY } },
		{ "relayed NAK", 3, 6, 0, 0, RELAY, FAR, 0, { false, 67, RELAY } },
		{ "NAK", 3, 6, 0, 0, 0, 0, 0, { false, 68, DHCP_BROADCAST } },
		{ "NAK to a host here", 3, 6, 0, 0, 0, NEAR, 0, { false, 68, DHCP_BROADCAST } },
		{ "NAK to a host behind a router", 3, 6, 0, 0, 0, FAR, 0, { false, 68, FAR } },
		{ "renewal", 3, 5, 0, 0, 0, NEAR, NEAR, { false, 68, NEAR } },
		{ "renewal, flag set", 3, 5, 0, 0x8000, 0, NEAR, NEAR, { false, 68, NEAR } },
		{ "flag set", 1, 2, 0, 0x8000, 0, 0, NEAR, { false, 68, DHCP_BROADCAST } },
		{ "flag clear", 1, 2, 0, 0, 0, 0, NEAR, { true, 68, NEAR } },
		{ "proxy offer, flag clear", 1, 2, 0, 0, 0, 0, 0, { false, 68, DHCP_BROADCAST } },
		{ "INFORM", 8, 5, 0, 0, 0, NEAR, 0, { false, 68, NEAR } },
		{ "INFORM without ciaddr", 8, 5, 0, 0, 0, 0, 0, { false, 68, 0x0a4d0033 } },
		{ "port 4011", 3, 5, 1, 0x8000, 0, NEAR, 0, { false, 1234, 0x0a4d0033 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_answer a = { 0 };
		struct dhcp_path to;

		print_message("row: %s\n", rows[i].name);
		a.query.type = rows[i].ask;
		a.query.port4011 = rows[i].port4011;
		a.query.flags = rows[i].flags;
		a.query.giaddr = rows[i].giaddr;
		a.query.ciaddr = rows[i].ciaddr;
		a.query.src_addr = 0x0a4d0033;
		a.query.src_port = 1234;
		a.reply.type = rows[i].type;
		a.reply.yiaddr = rows[i].yiaddr;
		to = dhcp_path_of(&a, HERE, 0xffffff00);
		assert_int_equal(to.frame, rows[i].want.frame);
		assert_int_equal(to.port, rows[i].want.port);
		assert_int_equal(to.addr, rows[i].want.addr);
	}
}

static void test_answer_ok(void **state)
{
	struct dhcp_answer a = { .reply = base_reply() }, bad;

	(void)state;
	base_query(&a.query);
	assert_true(dhcp_answer_ok(&a));
#define SPOIL(field, value)                                                                        \
	bad = a;                                                                                   \
	memset(&bad.field, value, sizeof bad.field);                                               \
	assert_false(dhcp_answer_ok(&bad))
	SPOIL(query.type, DHCP_ACK);
	SPOIL(reply.type, DHCP_DISCOVER);
	SPOIL(reply.type, 0);
	SPOIL(reply.n_dns, DHCP_DNS_MAX + 1);
	SPOIL(reply.server_id, 0);
	SPOIL(reply.vendor_pxe, 2);
	SPOIL(reply.vendor_http, 2);
	SPOIL(reply.pxe_bypass, 2);
	SPOIL(reply.ipxe_no_proxy, 2);
	SPOIL(reply.domain, 'x');
	SPOIL(reply.hostname, 'x');
	SPOIL(reply.file, 'x');
	SPOIL(reply.message, 'x');
#undef SPOIL
}

/* Where the client is plugged in: rows {name, value of option 82, circuit, remote}. */
static void test_relay_place(void **state)
{
	static const struct {
		const char *name, *relay;
		size_t len;
		const char *circuit, *remote;
	} rows[] = {
		{ "no relay", BYTES(""), NULL, NULL },
		{ "both",
			BYTES("\x01\x04"
			      "sw1/"
			      "\x02\x03"
			      "abc"),
			"sw1/", "abc" },
		{ "the other order",
			BYTES("\x02\x03"
			      "abc"
			      "\x05\x04\x0a\x09\x00\x00"
			      "\x01\x01"
			      "7"),
			"7", "abc" },
		{ "empty ones", BYTES("\x01\x00\x02\x00"), NULL, NULL },
		{ "the first of two",
			BYTES("\x01\x01"
			      "a"
			      "\x01\x01"
			      "b"),
			"a", NULL },
		{ "cut short",
			BYTES("\x01\x02"
			      "a"),
			NULL, NULL },
		{ "cut after the first",
			BYTES("\x01\x01"
			      "a"
			      "\x02\x09"
			      "b"),
			"a", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q = { .relay_len = (uint8_t)rows[i].len };
		const char *want[2] = { rows[i].circuit, rows[i].remote };
		const uint8_t *got[2];
		uint8_t len[2] = { 99, 99 };

		print_message("row: %s\n", rows[i].name);
		memcpy(q.relay, rows[i].relay, rows[i].len);
		got[0] = dhcp_query_circuit(&q, &len[0]);
		got[1] = dhcp_query_remote(&q, &len[1]);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(len[k], want[k] ? strlen(want[k]) : 0);
			assert_int_equal(!got[k], !want[k]);
			if (want[k])
				assert_memory_equal(got[k], want[k], len[k]);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_short_and_empty),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_query_ok),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_encode_kinds),
		cmocka_unit_test(test_encode_full),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_answer_ok),
		cmocka_unit_test(test_relay_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
