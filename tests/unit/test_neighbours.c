/* arp.h, icmp.h, ra.h, dhcp_seen.h: what is asked of the link, and what is heard there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/net/arp.h"
#include "server/net/checksum.h"
#include "server/net/dhcp_msg.h"
#include "server/net/dhcp_seen.h"
#include "server/net/frame.h"
#include "server/net/icmp.h"
#include "server/net/ra.h"
#include "tests/support/dhcp_packet.h"

#define ADDR 0x0a4d0064u

static const uint8_t ours[6] = { 0x52, 0x54, 0, 0, 0, 0xfe };
static const uint8_t theirs[6] = { 0x52, 0x54, 0, 0, 0, 0x01 };

/* ---- ARP ---- */

#define ARP_ETH	 "\x52\x54\x00\x00\x00\xfe\x52\x54\x00\x00\x00\x01\x08\x06"
#define ARP_HEAD "\x00\x01\x08\x00\x06\x04"
#define ARP_OURS "\x52\x54\x00\x00\x00\xfe"
#define ARP_HOST "\x52\x54\x00\x00\x00\x01\x0a\x4d\x00\x64"
#define ARP_GOOD ARP_ETH ARP_HEAD "\x00\x02" ARP_HOST ARP_OURS "\0\0\0\0"

static void arp_asks(void **state)
{
	static const uint8_t want[] =
		"\xff\xff\xff\xff\xff\xff\x52\x54\x00\x00\x00\xfe\x08\x06" ARP_HEAD
		"\x00\x01" ARP_OURS "\0\0\0\0"
		"\0\0\0\0\0\0"
		"\x0a\x4d\x00\x64";
	uint8_t frame[ARP_FRAME];

	(void)state;
	arp_probe(ours, ADDR, frame);
	assert_int_equal(sizeof want - 1, ARP_FRAME);
	assert_memory_equal(frame, want, ARP_FRAME);
}

static void arp_answers(void **state)
{
	static const struct {
		const char *name, *frame;
		size_t len;
		int want;
	} rows[] = {
		{ "an answer", BYTES(ARP_GOOD), 0 },
		{ "padded by Ethernet", BYTES(ARP_GOOD "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 0 },
		{ "a question", BYTES(ARP_ETH ARP_HEAD "\0\1" ARP_HOST ARP_OURS "\0\0\0\0"),
			-EBADMSG },
		{ "to another question of ours",
			BYTES(ARP_ETH ARP_HEAD "\0\2" ARP_HOST ARP_OURS "\x0a\x4d\0\1"), -EBADMSG },
		{ "to somebody else",
			BYTES(ARP_ETH ARP_HEAD "\0\2" ARP_HOST "\x52\x54\0\0\0\xfd"
					       "\0\0\0\0"),
			-EBADMSG },
		{ "from ourselves",
			BYTES(ARP_ETH ARP_HEAD "\0\2" ARP_OURS "\x0a\x4d\0\x64" ARP_OURS
					       "\0\0\0\0"),
			-EBADMSG },
		{ "of a group",
			BYTES(ARP_ETH ARP_HEAD "\0\2"
					       "\1\0\x5e\0\0\1\x0a\x4d\0\x64" ARP_OURS "\0\0\0\0"),
			-EBADMSG },
		{ "of nobody",
			BYTES(ARP_ETH ARP_HEAD "\0\2"
					       "\0\0\0\0\0\0\x0a\x4d\0\x64" ARP_OURS "\0\0\0\0"),
			-EBADMSG },
		{ "for no address",
			BYTES(ARP_ETH ARP_HEAD "\0\2"
					       "\x52\x54\0\0\0\1\0\0\0\0" ARP_OURS "\0\0\0\0"),
			-EBADMSG },
		{ "other hardware",
			BYTES(ARP_ETH "\0\6\x08\0\6\4"
				      "\0\2" ARP_HOST ARP_OURS "\0\0\0\0"),
			-EBADMSG },
		{ "IPv4 in an ARP socket",
			BYTES("\x52\x54\0\0\0\xfe\x52\x54\0\0\0\1\x08\0" ARP_HEAD
			      "\0\2" ARP_HOST ARP_OURS "\0\0\0\0"),
			-EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *frame = exact_copy(rows[i].frame, rows[i].len);
		struct arp_answer a = { 0 };

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(arp_decode(frame, rows[i].len, ours, &a), rows[i].want);
		assert_int_equal(a.addr, rows[i].want ? 0 : ADDR);
		if (!rows[i].want)
			assert_memory_equal(a.mac, theirs, 6);
		free(frame);
	}
}

/* ---- ICMP ---- */

#define IP_HEAD_20 "\x45\0\0\x1c\0\0\x40\0\x40\1\0\0\x0a\x4d\0\x64\x0a\x4d\0\1"

static void icmp_asks(void **state)
{
	uint8_t p[ICMP_ECHO];

	(void)state;
	icmp_echo(0x1234, 0xfffe, p);
	assert_memory_equal(p, "\x08\x00", 2);
	assert_memory_equal(p + 4, "\x12\x34\xff\xfe", 4);
	assert_int_equal(checksum_of(checksum_add(0, p, sizeof p)), 0);
}

static void icmp_answers(void **state)
{
	static const struct {
		const char *name, *packet;
		size_t len;
		int want;
	} rows[] = {
		{ "an answer", BYTES(IP_HEAD_20 "\0\0\xed\xca\x12\x34\0\1"), 0 },
		{ "with IP options",
			BYTES("\x46\0\0\x20\0\0\x40\0\x40\1\0\0\x0a\x4d\0\x64\x0a\x4d\0\1"
			      "\1\1\1\0"
			      "\0\0\xed\xca\x12\x34\0\1"),
			0 },
		{ "with data of an odd length", BYTES(IP_HEAD_20 "\0\0\xeb\xca\x12\x34\0\1\2"), 0 },
		{ "a request", BYTES(IP_HEAD_20 "\x08\0\xe5\xca\x12\x34\0\1"), -EBADMSG },
		{ "another's identifier", BYTES(IP_HEAD_20 "\0\0\xed\xc9\x12\x35\0\1"), -EBADMSG },
		{ "wrong checksum", BYTES(IP_HEAD_20 "\0\0\xed\xcb\x12\x34\0\1"), -EBADMSG },
		{ "IPv6",
			BYTES("\x65\0\0\x1c\0\0\x40\0\x40\1\0\0\x0a\x4d\0\x64\x0a\x4d\0\1"
			      "\0\0\xed\xca\x12\x34\0\1"),
			-EBADMSG },
		{ "short header",
			BYTES("\x44\0\0\x1c\0\0\x40\0\x40\1\0\0\x0a\x4d\0\x64\x0a\x4d\0\1"
			      "\0\0\xed\xca\x12\x34\0\1"),
			-EBADMSG },
		{ "header past the end",
			BYTES("\x4f\0\0\x1c\0\0\x40\0\x40\1\0\0\x0a\x4d\0\x64\x0a"
			      "\x4d\0\1\0\0\xed\xca\x12\x34\0\1"),
			-EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *p = exact_copy(rows[i].packet, rows[i].len);
		uint32_t addr = 0;

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(icmp_decode(p, rows[i].len, 0x1234, &addr), rows[i].want);
		assert_int_equal(addr, rows[i].want ? 0 : ADDR);
		free(p);
	}
}

/* ---- IPv6 routers ---- */

#define HOST6	"\xfe\x80\0\0\0\0\0\0\x50\x54\0\xff\xfe\0\0\1"
#define ROUTER6 "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\2"
#define NONE6	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define GROUP6	"\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\2"

struct ra_row {
	const char *name, *src, *icmp;
	size_t len;
	uint8_t hop_limit, next;
	int want;
	bool solicits;
	uint16_t lifetime_s;
};

static const struct ra_row ra_rows[] = {
	{ "solicitation", HOST6, BYTES("\x85\0..\0\0\0\0"), 255, 58, 0, true, 0 },
	{ "with the host's MAC", HOST6, BYTES("\x85\0..\0\0\0\0\1\1\x52\x54\0\0\0\1"), 255, 58, 0,
		true, 0 },
	{ "without an address yet", NONE6, BYTES("\x85\0..\0\0\0\0"), 255, 58, 0, true, 0 },
	{ "no address but a MAC", NONE6, BYTES("\x85\0..\0\0\0\0\1\1\x52\x54\0\0\0\1"), 255, 58,
		-EBADMSG, false, 0 },
	{ "from a group", GROUP6, BYTES("\x85\0..\0\0\0\0"), 255, 58, -EBADMSG, false, 0 },
	{ "forwarded", HOST6, BYTES("\x85\0..\0\0\0\0"), 254, 58, -EBADMSG, false, 0 },
	{ "code 1", HOST6, BYTES("\x85\1..\0\0\0\0"), 255, 58, -EBADMSG, false, 0 },
	{ "cut short", HOST6, BYTES("\x85\0..\0\0\0"), 255, 58, -EBADMSG, false, 0 },
	{ "empty option", HOST6, BYTES("\x85\0..\0\0\0\0\1\0\x52\x54\0\0\0\1"), 255, 58, -EBADMSG,
		false, 0 },
	{ "option past the end", HOST6, BYTES("\x85\0..\0\0\0\0\1\2\x52\x54\0\0\0\1"), 255, 58,
		-EBADMSG, false, 0 },
	{ "option cut in its head", HOST6, BYTES("\x85\0..\0\0\0\0\1"), 255, 58, -EBADMSG, false,
		0 },
	{ "UDP", HOST6, BYTES("\x85\0..\0\0\0\0"), 255, 17, -EBADMSG, false, 0 },
	{ "neighbour solicitation", HOST6, BYTES("\x87\0..\0\0\0\0"), 255, 58, -EBADMSG, false, 0 },
	{ "a router", ROUTER6, BYTES("\x86\0..\x40\0\7\x08\0\0\0\0\0\0\0\0"), 255, 58, 0, false,
		1800 },
	{ "one that is none", ROUTER6, BYTES("\x86\0..\x40\0\0\0\0\0\0\0\0\0\0\0"), 255, 58, 0,
		false, 0 },
	{ "not from its own link", "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2",
		BYTES("\x86\0..\x40\0\7\x08\0\0\0\0\0\0\0\0"), 255, 58, -EBADMSG, false, 0 },
	{ "advertisement cut short", ROUTER6, BYTES("\x86\0..\x40\0\7\x08\0\0\0\0\0\0\0"), 255, 58,
		-EBADMSG, false, 0 },
};

static size_t ra_frame(const struct ra_row *row, uint8_t frame[256])
{
	struct wr w = { frame, frame + 256, false };
	uint32_t sum = 58 + (uint32_t)row->len;
	uint16_t check;

	wr_put(&w, "\x33\x33\0\0\0\2", 6);
	wr_put(&w, theirs, 6);
	wr_u16(&w, 0x86dd);
	wr_u32(&w, 0x60000000);
	wr_u16(&w, (uint16_t)row->len);
	wr_u8(&w, row->next);
	wr_u8(&w, row->hop_limit);
	wr_put(&w, row->src, 16);
	wr_put(&w, GROUP6, 16);
	wr_put(&w, row->icmp, row->len);
	memset(frame + 56, 0, 2);
	sum = checksum_add(sum, frame + 22, 32);
	check = checksum_of(checksum_add(sum, frame + 54, row->len));
	frame[56] = (uint8_t)(check >> 8);
	frame[57] = (uint8_t)check;
	return (size_t)(w.p - frame);
}

static void ra_reads(void **state)
{
	uint8_t b[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ra_rows); i++) {
		const struct ra_row *row = &ra_rows[i];
		const size_t len = ra_frame(row, b);
		uint8_t *frame = exact_copy(b, len);
		struct ra_heard h = { .lifetime_s = 7 }, broken;

		print_message("row: %s\n", row->name);
		assert_int_equal(ra_decode(frame, len, &h), row->want);
		assert_int_equal(h.lifetime_s, row->want ? 7 : row->lifetime_s);
		frame[57] ^= 1;
		assert_int_equal(ra_decode(frame, len, &broken), -EBADMSG);
		frame[57] ^= 1;
		for (size_t n = 0; n < len; n++)
			assert_int_equal(ra_decode(frame, n, &broken), -EBADMSG);
		free(frame);
		if (row->want)
			continue;
		assert_int_equal(h.solicits, row->solicits);
		assert_memory_equal(h.mac, theirs, 6);
		assert_memory_equal(h.addr, row->src, 16);
	}
}

static void ra_answers(void **state)
{
	static const struct {
		const char *name, *addr, *want_mac, *want_addr;
	} rows[] = {
		{ "to the host alone", HOST6, "\x52\x54\0\0\0\1", HOST6 },
		{ "to all nodes", NONE6, "\x33\x33\0\0\0\1", "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ra_heard to = { .solicits = true }, h;
		uint8_t frame[RA_FRAME];

		print_message("row: %s\n", rows[i].name);
		memcpy(to.mac, theirs, 6);
		memcpy(to.addr, rows[i].addr, 16);
		ra_build(&to, ours, (const uint8_t *)ROUTER6, frame);
		assert_memory_equal(frame, rows[i].want_mac, 6);
		assert_memory_equal(frame + 6, ours, 6);
		assert_memory_equal(frame + 14, "\x60\0\0\0\0\x10\x3a\xff", 8);
		assert_memory_equal(frame + 38, rows[i].want_addr, 16);
		assert_memory_equal(frame + 58, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
		assert_int_equal(ra_decode(frame, sizeof frame, &h), 0); /* its checksum too */
		assert_false(h.solicits);
		assert_int_equal(h.lifetime_s, 0);
		assert_memory_equal(h.addr, ROUTER6, 16);
	}
}

static void ra_finds_its_address(void **state)
{
#define LL     "fe80000000000000505400fffe0000fe "
#define GLOBAL "fd770000000000000000000000000009 "
	static const struct {
		const char *name, *lines;
		bool want;
	} rows[] = {
		{ "there", GLOBAL "07 40 00 80      br0\n" LL "07 40 20 80      br0\n", true },
		{ "without an end of line", LL "07 40 20 80      br0", true },
		{ "of another interface", LL "08 40 20 80      br1\n", false },
		{ "not yet its own", LL "07 40 20 c0      br0\n", false },
		{ "another's", LL "07 40 20 88      br0\n", false },
		{ "a global one", GLOBAL "07 40 00 80      br0\n", false },
		{ "nothing", "", false },
		{ "nonsense", "xyz\n\nfe80 07 40 20 80 br0\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t addr[16] = { 0 };

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(ra_own_address(rows[i].lines, 7, addr), rows[i].want);
		assert_int_equal(addr[15], rows[i].want ? 0xfe : 0);
	}
}

/* ---- other DHCP servers ---- */

#define T_OFFER "\x35\x01\x02"
#define T_NAK	"\x35\x01\x06"
#define ID	"\x36\x04\x0a\x4d\x00\x09"

static void seen_servers(void **state)
{
	static const struct {
		const char *name, *options;
		size_t len;
		const char *file_field;
		uint32_t yiaddr;
		int want;
		uint8_t type;
		uint32_t server_id;
		const char *file;
	} rows[] = {
		{ "offer", BYTES(T_OFFER ID END), "", ADDR, 0, DHCP_OFFER, 0x0a4d0009, "" },
		{ "file in the header", BYTES(T_OFFER ID END), "pxelinux.0", ADDR, 0, DHCP_OFFER,
			0x0a4d0009, "pxelinux.0" },
		{ "file in option 67",
			BYTES(T_OFFER ID "\x43\x03"
					 "a\nb" END),
			"", 0, 0, DHCP_OFFER, 0x0a4d0009, "a?b" },
		{ "options in the file field", BYTES(T_NAK "\x34\x01\x01" END), ID END, 0, 0,
			DHCP_NAK, 0x0a4d0009, "" },
		{ "no server id", BYTES(T_NAK END), "", 0, 0, DHCP_NAK, 0, "" },
		{ "a client's message", BYTES(T_DISCOVER END), "", 0, -EBADMSG, 0, 0, "" },
		{ "BOOTP", BYTES(END), "", ADDR, -EBADMSG, 0, 0, "" },
		{ "no END", BYTES(T_OFFER), "", ADDR, -EBADMSG, 0, 0, "" },
		{ "option past the end", BYTES(T_OFFER "\x36\xff" END), "", ADDR, -EBADMSG, 0, 0,
			"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct frame_path path = {
			.src = 0x0a4d0009, .dst = 0xffffffff, .src_port = 67, .dst_port = 68
		};
		struct dhcp_seen s = { 0 }, other;
		uint8_t b[FRAME_MAX], *frame;
		struct packet p;
		size_t len;

		print_message("row: %s\n", rows[i].name);
		packet_make(&p, rows[i].options, rows[i].len);
		p.b[0] = 2;
		p.b[16] = (uint8_t)(rows[i].yiaddr >> 24);
		p.b[17] = (uint8_t)(rows[i].yiaddr >> 16);
		p.b[19] = (uint8_t)rows[i].yiaddr;
		strcpy((char *)p.b + 108, rows[i].file_field);
		if (!strcmp(rows[i].file_field, ID END)) /* holds NULs */
			memcpy(p.b + 108, BYTES(ID END));
		memcpy(path.src_mac, theirs, 6);
		len = frame_build(&path, p.b, p.len, b);
		frame = exact_copy(b, len);
		assert_int_equal(dhcp_seen_decode(frame, len, &s), rows[i].want);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(dhcp_seen_decode(frame, n, &other), -EBADMSG);
		frame[37] = 67; /* to a relay or server */
		assert_int_equal(dhcp_seen_decode(frame, len, &other), -EBADMSG);
		free(frame);
		if (rows[i].want)
			continue;
		assert_int_equal(s.type, rows[i].type);
		assert_int_equal(s.server_id, rows[i].server_id);
		assert_int_equal(s.src_addr, 0x0a4d0009);
		assert_int_equal(s.yiaddr, rows[i].yiaddr);
		assert_string_equal(s.file, rows[i].file);
		assert_memory_equal(s.src_mac, theirs, 6);
		assert_memory_equal(s.mac, p.b + 28, 6);
	}
}

static void seek_is_a_discover(void **state)
{
	uint8_t *packet = calloc(1, DHCP_SEEK_LEN);
	struct dhcp_query q;

	(void)state;
	dhcp_seek_build(ours, 0x01020304, packet);
	assert_int_equal(dhcp_msg_decode(packet, DHCP_SEEK_LEN, &q), 0);
	assert_int_equal(q.type, DHCP_DISCOVER);
	assert_int_equal(q.client, DHCP_CLIENT_OTHER);
	assert_int_equal(q.xid, 0x01020304);
	assert_int_equal(q.flags, 0x8000);
	assert_memory_equal(q.mac, ours, 6);
	assert_string_equal(q.vendor_class, "");
	free(packet);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_asks),
		cmocka_unit_test(arp_answers),
		cmocka_unit_test(icmp_asks),
		cmocka_unit_test(icmp_answers),
		cmocka_unit_test(ra_reads),
		cmocka_unit_test(ra_answers),
		cmocka_unit_test(ra_finds_its_address),
		cmocka_unit_test(seen_servers),
		cmocka_unit_test(seek_is_a_discover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
