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
#include "server/net/dhcp_opt.h"
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
	{ "a server's reply", { { 0, 2 } }, BYTES(T_DISCOVER END), -EPROTO },
	{ "op 0", { { 0, 0 } }, BYTES(T_DISCOVER END), -EBADMSG },
	{ "hardware 0", { { 1, 0 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "hardware 6", { { 1, 6 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "InfiniBand", { { 1, 32 }, { 2, 0 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "hlen 0", { { 2, 0 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "hlen 7", { { 2, 7 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "hlen 17", { { 2, 17 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "hlen 255", { { 2, 255 } }, BYTES(T_DISCOVER END), -EAFNOSUPPORT },
	{ "wrong cookie", { { 236, 0 } }, BYTES(T_DISCOVER END), -EBADMSG },
	{ "no END", { { 0, 1 } }, BYTES(T_DISCOVER), -EBADMSG },
	{ "no length", { { 0, 1 } }, BYTES(T_DISCOVER "\x0c"), -EBADMSG },
	{ "length past the end", { { 0, 1 } },
		BYTES(T_DISCOVER "\x0c\x09"
				 "ab" END),
		-EBADMSG },
	{ "no options", { { 0, 1 } }, BYTES(END), -EOPNOTSUPP },
	{ "type of length 0", { { 0, 1 } }, BYTES("\x35\x00" END), -EBADMSG },
	{ "type of length 2", { { 0, 1 } }, BYTES("\x35\x02\x01\x01" END), -EBADMSG },
	{ "type 0", { { 0, 1 } }, BYTES("\x35\x01\x00" END), -EOPNOTSUPP },
	{ "type 255", { { 0, 1 } }, BYTES("\x35\x01\xff" END), -EOPNOTSUPP },
	{ "the same type twice", { { 0, 1 } }, BYTES(T_DISCOVER T_DISCOVER END), -EBADMSG },
	{ "overload into a file without END", { { 0, 1 } }, BYTES(T_DISCOVER "\x34\x01\x01" END),
		-EBADMSG },
	{ "overload into a name without END", { { 0, 1 } }, BYTES(T_DISCOVER "\x34\x01\x02" END),
		-EBADMSG },
	{ "overload that says nothing", { { 0, 1 } }, BYTES(T_DISCOVER "\x34\x01\x00" END),
		-EBADMSG },
	{ "two types", { { 0, 1 } }, BYTES(T_DISCOVER T_REQUEST END), -EBADMSG },
	{ "a server's type", { { 0, 1 } }, BYTES("\x35\x01\x02" END), -EOPNOTSUPP },
	{ "FORCERENEW", { { 0, 1 } }, BYTES("\x35\x01\x09" END), -EOPNOTSUPP },
	{ "LEASEQUERY", { { 0, 1 } }, BYTES("\x35\x01\x0a" END), -EOPNOTSUPP },
	{ "relay option without a relay", { { 0, 1 } }, BYTES(T_DISCOVER "\x52\x04\x01\x02xy" END),
		-EBADMSG },
	{ "relay option overrun", { { 24, 10 } }, BYTES(T_DISCOVER "\x52\x04\x01\x03xy" END),
		-EBADMSG },
	{ "relay option in itself", { { 24, 10 } },
		BYTES(T_DISCOVER "\x52\x06\x52\x04\x01\x02xy" END), -EBADMSG },
	{ "relay is this network", { { 24, 0 }, { 27, 1 } }, BYTES(T_DISCOVER END), -EBADMSG },
	{ "relay is loopback", { { 24, 127 }, { 27, 1 } }, BYTES(T_DISCOVER END), -EBADMSG },
	{ "relay is a group", { { 24, 224 }, { 27, 1 } }, BYTES(T_DISCOVER END), -EBADMSG },
	{ "relay is everybody", { { 24, 255 }, { 27, 255 } }, BYTES(T_DISCOVER END), -EBADMSG },
	{ "relay is a host", { { 24, 223 }, { 27, 1 } }, BYTES(T_DISCOVER END), 0 },
	{ "empty relay option", { { 24, 10 } }, BYTES(T_DISCOVER "\x52\x00" END), -EBADMSG },
	{ "17 hops", { { 3, 17 } }, BYTES(T_DISCOVER END), -ELOOP },
	{ "16 hops", { { 3, 16 } }, BYTES(T_DISCOVER END), 0 },
	{ "no MAC", { { 28, 0 }, { 29, 0 }, { 33, 0 } }, BYTES(T_DISCOVER END), -EADDRNOTAVAIL },
	{ "multicast MAC", { { 28, 1 } }, BYTES(T_DISCOVER END), -EADDRNOTAVAIL },
	{ "requested address of 3 bytes", { { 0, 1 } }, BYTES(T_REQUEST "\x32\x03xyz" END),
		-EBADMSG },
	{ "subnet selection of 5 bytes", { { 0, 1 } }, BYTES(T_DISCOVER "\x76\x05vwxyz" END),
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

/* Nothing, less than a header, a header alone; then nothing but padding. */
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
	if (q->user_class[0])
		ADD("user='%s' ", q->user_class);
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
	if (q->relay_port)
		ADD("relay-port ");
	if (q->subnet_select)
		ADD("subnet=%08x ", q->subnet_select);
	if (q->rapid_commit)
		ADD("rapid ");
	if (q->n_wants)
		ADD("wants=%u ", q->n_wants);
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
		"ipxe arch=7 features=3 user='iPXE' id=7" },
	{ "iPXE, user class as a list", false, BYTES(T_DISCOVER "\x4d\x07\x01x\x04iPXE" END),
		"ipxe user='x iPXE'" },
	{ "user class of somebody else", false, BYTES(T_DISCOVER "\x4d\x04gPXE" END),
		"user='gPXE'" },
	{ "user class as a C string", false, BYTES(T_DISCOVER "\x4d\x04lab\x00" END),
		"user='lab'" },
	{ "user class that is not text", false, BYTES(T_DISCOVER "\x4d\x04\x03l\nb" END), "" },
	{ "user class of a list of nothing", false, BYTES(T_DISCOVER "\x4d\x01\x00" END), "" },
	{ "longest user class", false,
		BYTES(T_DISCOVER
			"\x4d\x3f"
			"123456789012345678901234567890123456789012345678901234567890123" END),
		"user='123456789012345678901234567890123456789012345678901234567890123'" },
	{ "user class too long", false,
		BYTES(T_DISCOVER
			"\x4d\x40"
			"1234567890123456789012345678901234567890123456789012345678901234" END),
		"" },
	{ "user class list overrun", false, BYTES(T_DISCOVER "\x4d\x06\x09iPXE\x00" END), "" },
	{ "iPXE options overrun", false, BYTES(T_DISCOVER "\xaf\x03\x13\x02\x01" END), "" },
	{ "agent", false, BYTES(T_DISCOVER CLASS_AGENT END), "agent" },
	{ "agent's class with more behind", false, BYTES(T_DISCOVER "\x3c\x0dmuster-agentx" END),
		"" },
	{ "PXE class without an architecture", false, BYTES(T_DISCOVER CLASS_PXE END), "" },
	{ "PXE class alone", false, BYTES(T_DISCOVER ARCH_X64 "\x3c\x09PXEClient" END),
		"pxe arch=7" },
	{ "PXE class with an impossible number", false,
		BYTES(T_DISCOVER ARCH_X64 "\x3c\x20PXEClient:Arch:99999:UNDI:003000" END),
		"arch=7" },
	{ "PXE class without a number", false,
		BYTES(T_DISCOVER ARCH_X64 "\x3c\x0fPXEClient:Arch:" END), "arch=7" },
	{ "PXE class that is not text", false,
		BYTES(T_DISCOVER ARCH_X64 "\x3c\x0aPXEClient\x01" END), "arch=7" },
	{ "odd architecture", false, BYTES(T_DISCOVER CLASS_PXE "\x5d\x03\x00\x07\x00" END), "" },
	{ "empty architecture", false, BYTES(T_DISCOVER CLASS_PXE "\x5d\x00" END), "" },
	{ "unknown architecture", false, BYTES(T_DISCOVER CLASS_PXE "\x5d\x02\x03\xe7" END),
		"pxe arch=999" },
	{ "several architectures", false, BYTES(T_DISCOVER "\x5d\x04\x00\x07\x00\x09" END),
		"arch=7" },
	{ "client id of 1 byte", false, BYTES(T_DISCOVER "\x3d\x01x" END), "" },
	{ "empty client id", false, BYTES(T_DISCOVER "\x3d\x00" END), "" },
	{ "host name", false, BYTES(T_DISCOVER "\x0c\x06n01.ab" END), "host='n01.ab'" },
	{ "host name: NUL in it", false, BYTES(T_DISCOVER "\x0c\x05n01\0x" END), "host='n01'" },
	{ "host name: a path", false, BYTES(T_DISCOVER "\x0c\x0d../etc/passwd" END),
		"host='etcpasswd'" },
	{ "host name: a command", false, BYTES(T_DISCOVER "\x0c\x09$(reboot)" END),
		"host='reboot'" },
	{ "host name: an escape", false, BYTES(T_DISCOVER "\x0c\x05\x1b[31m" END), "host='31m'" },
	{ "host name: nothing good in it", false, BYTES(T_DISCOVER "\x0c\x04..--" END), "" },
	{ "host name: hidden behind its full name", false,
		BYTES(T_DISCOVER "\x51\x07\x01\x00\x00\x03n01" END), "" },
	{ "full name with a label of 64", false,
		BYTES(T_DISCOVER "\x51\x45\x04\x00\x00\x40"
				 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
				 "\x00" END),
		"" },
	{ "full name with a label cut short", false,
		BYTES(T_DISCOVER "\x51\x05\x04\x00\x00\x09n" END), "" },
	{ "full name with a pointer to itself", false,
		BYTES(T_DISCOVER "\x51\x05\x04\x00\x00\xc0\x03" END), "" },
	{ "full name without flags", false, BYTES(T_DISCOVER "\x51\x01\x04" END), "" },
	{ "vendor options overrun", false, BYTES(T_DISCOVER "\x2b\x02\x06\xff" END), "" },
	{ "vendor options without END", false,
		BYTES(T_DISCOVER ARCH_X64 CLASS_PXE "\x2b\x03\x06\x01\x08" END), "pxe arch=7" },
	{ "more boot servers than there are", false,
		BYTES(T_DISCOVER ARCH_X64 CLASS_PXE
			"\x2b\x09\x08\x07\x00\x01\xff\x0a\x4d\x00\x01" END),
		"pxe arch=7" },
	{ "a boot item that nobody offered", false,
		BYTES(T_REQUEST ARCH_X64 CLASS_PXE "\x2b\x07\x47\x04\x80\x09\x00\x00\xff" END),
		"pxe arch=7" },
	{ "UUID of 15 bytes", false,
		BYTES(T_DISCOVER "\x61\x10\x00"
				 "123456789abcdef" END),
		"" },
	{ "UUID of 17 bytes", false,
		BYTES(T_DISCOVER "\x61\x12\x00"
				 "0123456789abcdefg" END),
		"" },
	{ "UUID of type 1", false,
		BYTES(T_DISCOVER "\x61\x11\x01"
				 "0123456789abcdef" END),
		"" },
	{ "UUID of zeros", false,
		BYTES(T_DISCOVER "\x61\x11\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" END), "uuid?" },
	{ "UUID of ones", false,
		BYTES(T_DISCOVER
			"\x61\x11\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
			"\xff\xff" END),
		"uuid?" },
	{ "size 0", false, BYTES(T_DISCOVER "\x39\x02\x00\x00" END), "" },
	{ "size 1", false, BYTES(T_DISCOVER "\x39\x02\x00\x01" END), "" },
	{ "size 575", false, BYTES(T_DISCOVER "\x39\x02\x02\x3f" END), "" },
	{ "size 577", false, BYTES(T_DISCOVER "\x39\x02\x02\x41" END), "max=577" },
	{ "size 65535", false, BYTES(T_DISCOVER "\x39\x02\xff\xff" END), "max=1472" },
	{ "size of one byte", false, BYTES(T_DISCOVER "\x39\x01\xff" END), "" },
	{ "addresses", false,
		BYTES(T_REQUEST "\x32\x04\x0a\x4d\x00\x64\x36\x04\x0a\x4d\x00\x01" END),
		"requested=0a4d0064 server=0a4d0001" },
	{ "relay", true, BYTES(T_DISCOVER "\x52\x04\x01\x02xy" END), "relay=4" },
	{ "relay's link selection and identifier", true,
		BYTES(T_DISCOVER "\x52\x0c\x05\x04\x0a\x09\x00\x00\x0b\x04\x0a\x09\x00\x01" END),
		"relay=12 link=0a090000 override=0a090001" },
	{ "relay's options of a wrong length", true,
		BYTES(T_DISCOVER "\x52\x08\x05\x03\x0a\x09\x00\x13\x01x" END), "relay=8" },
	{ "relay's source port", true, BYTES(T_DISCOVER "\x52\x02\x13\x00" END),
		"relay=2 relay-port" },
	{ "subnet selection", false, BYTES(T_DISCOVER "\x76\x04\x0a\x09\x00\x00" END),
		"subnet=0a090000" },
	{ "rapid commit", false, BYTES(T_DISCOVER "\x50\x00" END), "rapid" },
	{ "rapid commit with a value", false, BYTES(T_DISCOVER "\x50\x01\x01" END), "" },
	{ "what is wanted, each once, no padding, no end", false,
		BYTES(T_DISCOVER "\x37\x07\x03\x00\x01\x03\xff\x06\x01" END), "wants=3" },
};

/* Rows {name, option 82, circuit id, remote id}: NULL is none. */
static void test_place(void **state)
{
	static const struct {
		const char *name, *relay;
		size_t len;
		const char *circuit, *remote;
	} rows[] = {
		{ "no relay", BYTES(""), NULL, NULL },
		{ "both",
			BYTES("\x01\x04"
			      "eth1\x02\x03sw7"),
			"eth1", "sw7" },
		{ "behind others", BYTES("\x0b\x04xxxx\x02\x03sw7"), NULL, "sw7" },
		{ "empty circuit", BYTES("\x01\x00\x02\x03sw7"), NULL, "sw7" },
		{ "the first counts",
			BYTES("\x01\x01"
			      "a\x01\x01"
			      "b"),
			"a", NULL },
		{ "cut short",
			BYTES("\x02\x03sw7\x01\x05"
			      "eth1"),
			NULL, "sw7" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q = { .relay_len = (uint8_t)rows[i].len };
		const char *const want[] = { rows[i].circuit, rows[i].remote };
		uint8_t len[2] = { 99, 99 };
		const uint8_t *got[2];

		print_message("row: %s\n", rows[i].name);
		memcpy(q.relay, rows[i].relay, rows[i].len);
		got[0] = dhcp_query_circuit(&q, &len[0]);
		got[1] = dhcp_query_remote(&q, &len[1]);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(len[k], want[k] ? strlen(want[k]) : 0);
			assert_int_equal(!got[k], !want[k]);
			assert_memory_equal(
				got[k] ? (const char *)got[k] : "", want[k] ? want[k] : "", len[k]);
		}
	}
}

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

/* 255 codes, forwards and backwards: each is kept once, where it came first. */
static void test_wants_in_order(void **state)
{
	struct dhcp_query q;
	struct packet p;

	(void)state;
	packet_make(&p, BYTES(T_DISCOVER));
	for (int piece = 0; piece < 2; piece++) {
		p.b[p.len++] = 55;
		p.b[p.len++] = 255;
		for (int i = 0; i < 255; i++)
			p.b[p.len++] = (uint8_t)(piece ? i : 255 - i);
	}
	p.b[p.len++] = 255;
	assert_int_equal(decode(&p, p.len, &q), 0);
	assert_true(dhcp_query_ok(&q));
	assert_int_equal(q.n_wants, 254);
	for (int i = 0; i < 254; i++)
		assert_int_equal(q.wants[i], 254 - i);
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

/* Values that fill their option: they begin with some bytes and go on with one. */
static void test_long_values(void **state)
{
	static const struct {
		uint8_t tag, len;
		const char *begin;
		uint8_t fill;
		const char *want;
	} rows[] = {
		{ 61, 255, "", 'A', "arch=7 id=255" },
		{ 12, 255, "", 'A',
			"arch=7 "
			"host='AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'" },
		{ 60, 255, "PXEClient", 'P', "arch=7" },
		{ 60, 255, "PXEClient:Arch:00007:UNDI:003000", 0, "arch=7" },
		{ 55, 255, "", 3, "arch=7 wants=1" },
		{ 77, 255, "", 0, "arch=7" },
		{ 77, 255, "iPXE", 0, "arch=7" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q;
		struct packet p;
		char line[300] = "";

		print_message("row: option %u\n", rows[i].tag);
		packet_make(&p, BYTES(T_DISCOVER ARCH_X64));
		p.b[p.len++] = rows[i].tag;
		p.b[p.len++] = rows[i].len;
		memset(p.b + p.len, rows[i].fill, rows[i].len);
		memcpy(p.b + p.len, rows[i].begin, strlen(rows[i].begin));
		p.len += rows[i].len;
		p.b[p.len++] = 255;
		assert_int_equal(decode(&p, p.len, &q), 0);
		describe(&q, line, sizeof line);
		assert_string_equal(line, rows[i].want);
	}
}

/* 127 architectures: the first counts. A client id of 256 bytes in two pieces: none. */
static void test_many_bytes(void **state)
{
	struct dhcp_query q;
	struct packet p;

	(void)state;
	packet_make(&p, BYTES(T_DISCOVER CLASS_PXE "\x3d\x01x\x5d\xfe"));
	for (unsigned i = 0; i < 127; i++) {
		p.b[p.len++] = 0;
		p.b[p.len++] = (uint8_t)(9 + i);
	}
	p.b[p.len++] = 61;
	p.b[p.len++] = 255;
	memset(p.b + p.len, 'A', 255);
	p.len += 255;
	p.b[p.len++] = 255;
	assert_int_equal(decode(&p, p.len, &q), 0);
	assert_int_equal(q.arch, 9);
	assert_int_equal(q.client, DHCP_CLIENT_PXE);
	assert_int_equal(q.client_id_len, 0);
}

/* Servers' types, a lease query's, and those that nobody has given a meaning. */
static void test_types_of_others(void **state)
{
	static const uint8_t clients[] = { DHCP_DISCOVER, DHCP_REQUEST, DHCP_DECLINE, DHCP_RELEASE,
		DHCP_INFORM };

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		struct dhcp_query q;
		struct packet p;

		packet_make(&p, BYTES(T_DISCOVER END));
		p.b[242] = (uint8_t)type;
		assert_int_equal(decode(&p, p.len, &q),
			memchr(clients, (int)type, sizeof clients) ? 0 : -EOPNOTSUPP);
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
	SPOIL(n_wants, 0xff);
	SPOIL(hostname, 'x');
	SPOIL(vendor_class, 'x');
	SPOIL(user_class, 'x');
	SPOIL(port4011, 2);
	SPOIL(echo_uuid, 0xff);
	SPOIL(has_uuid, 2);
	SPOIL(rapid_commit, 2);
	SPOIL(relay_port, 2);
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

/* A further option of a reply. */
static void add(struct dhcp_reply *r, uint8_t tag, const void *val, size_t len)
{
	struct wr w = { r->options + r->options_len, r->options + sizeof r->options, false };

	assert_true(dhcp_options_put(&w, tag, val, len));
	r->options_len = (uint16_t)(w.p - r->options);
}

static struct dhcp_reply base_reply(void)
{
	struct dhcp_reply r = { .type = DHCP_OFFER,
		.yiaddr = 0x0a4d0064,
		.siaddr = 0x0a4d0001,
		.server_id = 0x0a4d0001,
		.lease_s = 3600,
		.t1_s = 1800,
		.t2_s = 3150,
		.mask = 0xffffff00,
		.router = 0x0a4d0001,
		.file = "snponly.efi" };

	add(&r, DHCP_OPT_BROADCAST, BYTES("\x0a\x4d\x00\xff"));
	add(&r, DHCP_OPT_HOSTNAME, BYTES("n01"));
	add(&r, DHCP_OPT_DNS, BYTES("\x0a\x4d\x00\x01\x08\x08\x08\x08"));
	add(&r, DHCP_OPT_DOMAIN, BYTES("example"));
	return r;
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
	struct dhcp_left_out left;
	struct dhcp_query q;
	size_t len = 0;

	(void)state;
	base_query(&q);
	q.flags = 0x8000;
	q.ciaddr = 0x0a4d0063;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
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

static void test_where_the_file_is(void **state)
{
	static const struct {
		const char *name;
		enum dhcp_file_in in;
		size_t file_len;
		bool header, option;
	} rows[] = {
		{ "both", DHCP_FILE_BOTH, 127, true, true },
		{ "both, too long for the header", DHCP_FILE_BOTH, 128, false, true },
		{ "option", DHCP_FILE_OPTION, 11, false, true },
		{ "header", DHCP_FILE_HEADER, 127, true, false },
		{ "header, too long for it", DHCP_FILE_HEADER, 128, false, true },
		{ "header, no file", DHCP_FILE_HEADER, 0, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_reply r = base_reply();
		uint8_t b[DHCP_PACKET_MAX];
		struct dhcp_left_out left;
		struct dhcp_query q;
		size_t len = 0, n = rows[i].file_len;

		print_message("row: %s\n", rows[i].name);
		base_query(&q);
		memset(r.file, 0, sizeof r.file);
		memset(r.file, 'f', n);
		r.file_in = (uint8_t)rows[i].in;
		assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
		want_option(b, len, 67, rows[i].option ? r.file : NULL, n + 1);
		assert_string_equal((const char *)b + 108, rows[i].header ? r.file : "");
	}
}

static void test_encode_kinds(void **state)
{
	uint8_t b[DHCP_PACKET_MAX];
	struct dhcp_left_out left;
	struct dhcp_reply r = base_reply();
	struct dhcp_query q;
	size_t len = 0;

	(void)state;
	base_query(&q);

	print_message("row: proxy for BIOS\n");
	r.vendor_pxe = r.pxe_bypass = true;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	want_option(b, len, 60, BYTES("PXEClient"));
	want_option(b, len, 43, BYTES("\x06\x01\x08\xff"));

	print_message("row: iPXE, the name of the TFTP server is not for it\n");
	r = base_reply();
	q.client = DHCP_CLIENT_IPXE;
	r.ipxe_no_proxy = true;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	want_option(b, len, 175, BYTES("\xb0\x01\x01"));
	want_option(b, len, 66, NULL, 0);

	print_message("row: UEFI HTTP boot, a URL too long for the header\n");
	r = base_reply();
	q.client = DHCP_CLIENT_HTTP;
	q.max_size = 1472;
	r.vendor_http = true;
	memset(r.file, 'u', DHCP_FILE_MAX);
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	want_option(b, len, 60, BYTES("HTTPClient"));
	want_option(b, len, 67, r.file, DHCP_FILE_MAX + 1);
	assert_int_equal(b[108], 0);

	print_message("row: a file of 127 fits the header, of 128 does not\n");
	r.file[127] = '\0';
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	assert_string_equal((const char *)b + 108, r.file);
	memset(r.file, 'u', 128);
	r.file[128] = '\0';
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	assert_int_equal(b[108], 0);

	print_message("row: subnet selection and rapid commit are repeated, whatever is wanted\n");
	base_query(&q);
	r = base_reply();
	q.n_wants = 1;
	q.wants[0] = 6;
	q.subnet_select = 0x0a090000;
	r.type = DHCP_ACK;
	r.rapid_commit = true;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	want_option(b, len, 118, BYTES("\x0a\x09\x00\x00"));
	want_option(b, len, 80, BYTES(""));

	print_message("row: but not in a NAK\n");
	r = (struct dhcp_reply){ .type = DHCP_NAK, .server_id = 0x0a4d0001, .message = "no" };
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	want_option(b, len, 118, NULL, 0);

	print_message("row: NAK through a relay is to be broadcast\n");
	base_query(&q);
	q.giaddr = 0x0a090001;
	q.ciaddr = 0x0a090002;
	r = (struct dhcp_reply){ .type = DHCP_NAK, .server_id = 0x0a4d0001, .message = "no" };
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	assert_int_equal(b[10], 0x80);
	assert_memory_equal(b + 12, "\0\0\0\0\0\0\0\0\0\0\0\0\x0a\x09\x00\x01", 16);
	want_option(b, len, 56, BYTES("no"));
	want_option(b, len, 51, NULL, 0);
	assert_int_equal(len, DHCP_PACKET_MIN);

	print_message("row: ACK repeats the client's address\n");
	r.type = DHCP_ACK;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	assert_memory_equal(b + 12, "\x0a\x09\x00\x02", 4);

	print_message("row: only what was asked for, of what a client can do without\n");
	base_query(&q);
	q.n_wants = 1;
	q.wants[0] = 6;
	r = base_reply();
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	want_option(b, len, 6, BYTES("\x0a\x4d\x00\x01\x08\x08\x08\x08"));
	want_option(b, len, 12, NULL, 0);
	want_option(b, len, 1, BYTES("\xff\xff\xff\x00"));
}

/* Option 82 comes last, and goes when it does not fit; boot data never go. */
static void test_encode_full(void **state)
{
	uint8_t b[DHCP_PACKET_MAX];
	struct dhcp_left_out left;
	struct dhcp_reply r = base_reply();
	struct dhcp_query q;
	const uint8_t *val = NULL;
	size_t len = 0;

	(void)state;
	base_query(&q);
	q.giaddr = 0x0a090001;
	q.relay_len = 180;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	assert_true(len <= 548);
	assert_int_equal(reply_option(b, len, 82, &val), 180);
	assert_int_equal(val[180], 255);
	assert_int_equal(reply_option(b, len, 67, &val), 12);
	assert_int_equal(left.n, 0);

	memset(r.file, 'u', 200);
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	assert_true(len <= 548);
	assert_int_equal(reply_option(b, len, 82, &val), -1);
	assert_int_equal(reply_option(b, len, 67, &val), 201);
	assert_int_equal(left.n, 2); /* a time to rebind is no need either */
	assert_int_equal(left.tags[0], 59);
	assert_int_equal(left.tags[1], 82);

	memset(r.file, 'u', DHCP_FILE_MAX);
	r.vendor_pxe = r.pxe_bypass = r.ipxe_no_proxy = true;
	memset(r.message, 'm', sizeof r.message - 1);
	len = 7;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), -ENOSPC);
	assert_int_equal(len, 7);
	assert_int_equal(left.n, 2);

	q.max_size = 0xffff; /* dhcp_query_ok refuses it; the encoder stays inside all the same */
	q.relay_len = 255;
	q.client_id_len = 255;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	assert_true(len <= DHCP_PACKET_MAX);
	assert_int_equal(reply_option(b, len, 61, &val), 255);
}

/* The codes of a reply's options field, in their order, as text. */
static void list_codes(const uint8_t *b, size_t len, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 240; i < len && b[i] != 255; i += 2u + b[i + 1])
		n += (size_t)snprintf(out + n, size - n, "%s%u", n ? " " : "", b[i]);
}

/* Rows {name, client, option 55, codes of the reply}: what is sent to whom, and in which order. */
static void test_encode_order(void **state)
{
	static const struct {
		const char *name;
		enum dhcp_client client;
		const char *wants;
		size_t n_wants;
		const char *want;
	} rows[] = {
		{ "no option 55: everything", DHCP_CLIENT_OTHER, BYTES(""),
			"53 54 51 1 3 67 61 97 28 12 6 15 43 66 58 59" },
		{ "only what was asked for", DHCP_CLIENT_OTHER, BYTES("\x0f"),
			"53 54 51 1 3 67 61 97 15 58 59" },
		{ "in the client's order", DHCP_CLIENT_OTHER, BYTES("\x42\x0f\x2b\x06"),
			"53 54 51 1 3 67 61 97 66 15 43 6 58 59" },
		{ "once, whoever names it; the router after the mask", DHCP_CLIENT_OTHER,
			BYTES("\x03\x01\x3b\x33\x36\x3d\x61\x52\x34"),
			"53 54 51 1 3 67 61 97 58 59" },
		{ "nothing that we have", DHCP_CLIENT_OTHER, BYTES("\x77\xfc"),
			"53 54 51 1 3 67 61 97 58 59" },
		{ "PXE: its boot data are ours", DHCP_CLIENT_PXE, BYTES("\x2b\x42\x43\x06"),
			"53 54 51 1 3 66 67 61 97 6 58 59" },
		{ "HTTP boot: as well", DHCP_CLIENT_HTTP, BYTES("\x2b\x42\x43\x06"),
			"53 54 51 1 3 67 61 97 6 58 59" },
		{ "iPXE: as well", DHCP_CLIENT_IPXE, BYTES(""),
			"53 54 51 1 3 67 61 97 28 12 6 15 58 59" },
	};
	struct dhcp_reply r = base_reply();

	(void)state;
	add(&r, DHCP_OPT_VENDOR, BYTES("vendor"));
	add(&r, DHCP_OPT_TFTP_NAME, BYTES("phones"));
	add(&r, DHCP_OPT_FILE, BYTES("phone.cfg"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t b[DHCP_PACKET_MAX];
		struct dhcp_left_out left;
		struct dhcp_query q;
		char codes[200];
		size_t len = 0;

		print_message("row: %s\n", rows[i].name);
		base_query(&q);
		q.client = (uint8_t)rows[i].client;
		q.n_wants = (uint8_t)rows[i].n_wants;
		memcpy(q.wants, rows[i].wants, rows[i].n_wants);
		assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
		list_codes(b, len, codes, sizeof codes);
		assert_string_equal(codes, rows[i].want);
		assert_int_equal(left.n, 0);
	}
}

/* The codes of one field that are above 200, less 200; it must end with END and zeros. */
static size_t describe_area(const uint8_t *b, size_t len, char *out, size_t size)
{
	size_t n = 0, i = 0;

	for (; i < len && b[i] != 255; i += 2u + b[i + 1])
		if (b[i] > 200)
			n += (size_t)snprintf(out + n, size - n, " %u", b[i] - 200u);
	assert_true(i < len);
	while (++i < len)
		assert_int_equal(b[i], 0);
	return n;
}

/* "1 2 | 3 | 4, left 5": options field, then `file` and `sname` where they are overloaded. */
static void describe_areas(
	const uint8_t *b, size_t len, const struct dhcp_left_out *left, char *out, size_t size)
{
	const uint8_t *val = NULL;
	const uint8_t overload = reply_option(b, len, 52, &val) == 1 ? *val : 0;
	size_t n = describe_area(b + 240, len - 240, out, size);

	if (overload)
		n += (size_t)snprintf(out + n, size - n, " |");
	if (overload & 1)
		n += describe_area(b + 108, 128, out + n, size - n);
	if (overload & 2)
		n += (size_t)snprintf(out + n, size - n, " |");
	if (overload & 2)
		n += describe_area(b + 44, 64, out + n, size - n);
	for (unsigned i = 0; i < left->n; i++)
		n += (size_t)snprintf(out + n, size - n, ", left %u", left->tags[i] - 200u);
}

/*
 * Rows {name, client, boot file, lengths of options 201, 202, ...}: where they go when the options
 * field of the smallest client (255 bytes are left in it here) is full.
 */
static void test_encode_overload(void **state)
{
	static const struct {
		const char *name;
		enum dhcp_client client;
		const char *file;
		uint16_t lens[4];
		const char *want; /* options field, file and sname; what was left out */
	} rows[] = {
		{ "all fit", DHCP_CLIENT_OTHER, "", { 100, 149 }, "1 2" },
		{ "file", DHCP_CLIENT_OTHER, "", { 100, 149, 125 }, "1 2 | 3" },
		{ "sname", DHCP_CLIENT_OTHER, "", { 100, 149, 125, 61 }, "1 2 | 3 | 4" },
		{ "sname alone", DHCP_CLIENT_OTHER, "f", { 100, 145, 125, 61 },
			"1 2 | | 4, left 3" },
		{ "too long for file", DHCP_CLIENT_OTHER, "", { 100, 149, 126 }, "1 2, left 3" },
		{ "too long for sname", DHCP_CLIENT_OTHER, "", { 100, 149, 125, 62 },
			"1 2 | 3, left 4" },
		{ "the second does not fit, the third does", DHCP_CLIENT_OTHER, "", { 100, 255, 1 },
			"1 3, left 2" },
		{ "a split option is never torn between fields", DHCP_CLIENT_OTHER, "",
			{ 100, 256, 120 }, "1 3, left 2" },
		{ "the agent's URL stays in file", DHCP_CLIENT_AGENT, "http://a", { 230, 60 },
			"1 | | 2" },
		{ "never for PXE", DHCP_CLIENT_PXE, "", { 100, 151, 10 }, "1 2, left 3" },
		{ "never for HTTP boot", DHCP_CLIENT_HTTP, "", { 100, 152, 1 }, "1 2, left 3" },
		{ "never for iPXE", DHCP_CLIENT_IPXE, "", { 100, 152, 1 }, "1 2, left 3" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_reply r = {
			.type = DHCP_ACK, .server_id = 1, .lease_s = 60, .mask = 1
		};
		uint8_t b[DHCP_PACKET_MAX], value[300];
		struct dhcp_left_out left;
		struct dhcp_query q;
		struct packet p;
		const uint8_t *val = NULL;
		char got[100] = "";
		size_t len = 0;

		print_message("row: %s\n", rows[i].name);
		packet_make(&p, BYTES(T_DISCOVER END));
		assert_int_equal(decode(&p, p.len, &q), 0);
		q.client = (uint8_t)rows[i].client;
		q.giaddr = 0x0a090001;
		q.relay_len = 28;
		strcpy(r.file, rows[i].file);
		for (size_t k = 0; k < ARRAY_LEN(rows[i].lens) && rows[i].lens[k]; k++) {
			memset(value, (int)k + 1, sizeof value);
			add(&r, (uint8_t)(201 + k), value, rows[i].lens[k]);
		}
		assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
		assert_true(len <= 548);
		describe_areas(b, len, &left, got, sizeof got);
		assert_string_equal(got + 1, rows[i].want);
		assert_int_equal(reply_option(b, len, 82, &val), 28);
		assert_int_equal(val[28], 255);
	}
}

/* RFC 3396: 600 bytes are three pieces, one behind the other, and come back as they were. */
static void test_encode_long(void **state)
{
	static const uint8_t pieces[] = { 255, 255, 90 };
	struct dhcp_reply r = base_reply();
	uint8_t b[DHCP_PACKET_MAX], sent[600], back[600];
	struct dhcp_left_out left;
	struct dhcp_opts opts;
	struct dhcp_query q;
	size_t len = 0, n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (uint8_t)(i * 7);
	add(&r, 201, sent, sizeof sent);
	base_query(&q);
	q.max_size = 1472;
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	assert_int_equal(left.n, 0);
	for (size_t i = 240; b[i] != 255; i += 2u + b[i + 1])
		if (b[i] == 201)
			assert_int_equal(b[i + 1], pieces[n++]);
	assert_int_equal(n, 3);
	assert_int_equal(dhcp_opts_scan(b + 240, len - 240, b + 108, b + 44, &opts), 0);
	assert_int_equal(dhcp_opts_get(&opts, 201, back, sizeof back), sizeof sent);
	assert_memory_equal(back, sent, sizeof sent);
}

/* A client that wants every code, in a packet that holds little: each once, within its limit. */
static void test_everything_wanted(void **state)
{
	struct dhcp_reply r = base_reply();
	uint8_t b[DHCP_PACKET_MAX], seen[256] = { 0 };
	struct dhcp_left_out left;
	struct dhcp_query q;
	size_t len = 0, i;

	(void)state;
	for (unsigned tag = 200; tag < 230; tag++)
		add(&r, (uint8_t)tag, BYTES("fourteen bytes"));
	base_query(&q);
	q.client = DHCP_CLIENT_OTHER;
	for (unsigned tag = 1; tag < 255; tag++)
		q.wants[q.n_wants++] = (uint8_t)(255 - tag);
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left), 0);
	assert_true(len <= 548 && left.n);
	for (i = 240; b[i] != 255; i += 2u + b[i + 1])
		assert_int_equal(seen[b[i]]++, 0);
	for (i = 0; i < left.n; i++)
		assert_int_equal(seen[left.tags[i]]++, 0);
}

static void test_path(void **state)
{
	enum { HERE = 0x0a4d0001, NEAR = 0x0a4d0064, FAR = 0x0a090005, RELAY = 0x0a090001 };
	static const struct {
		const char *name;
		uint8_t ask, type;
		bool port4011;
		uint16_t flags;
		bool relay_port;
		uint32_t giaddr, ciaddr, yiaddr;
		struct dhcp_path want;
	} rows[] = {
		{ "relayed", 1, 2, 0, 0x8000, 0, RELAY, 0, FAR, { false, 67, RELAY } },
		{ "relayed from another port", 1, 2, 0, 0, 1, RELAY, 0, FAR,
			{ false, 1234, RELAY } },
		{ "relayed NAK from another port", 3, 6, 0, 0, 1, RELAY, FAR, 0,
			{ false, 1234, RELAY } },
		{ "relayed NAK", 3, 6, 0, 0, 0, RELAY, FAR, 0, { false, 67, RELAY } },
		{ "NAK", 3, 6, 0, 0, 0, 0, 0, 0, { false, 68, DHCP_BROADCAST } },
		{ "NAK to a host here", 3, 6, 0, 0, 0, 0, NEAR, 0, { false, 68, DHCP_BROADCAST } },
		{ "NAK to a host behind a router", 3, 6, 0, 0, 0, 0, FAR, 0, { false, 68, FAR } },
		{ "renewal", 3, 5, 0, 0, 0, 0, NEAR, NEAR, { false, 68, NEAR } },
		{ "renewal, flag set", 3, 5, 0, 0x8000, 0, 0, NEAR, NEAR, { false, 68, NEAR } },
		{ "flag set", 1, 2, 0, 0x8000, 0, 0, 0, NEAR, { false, 68, DHCP_BROADCAST } },
		{ "flag clear", 1, 2, 0, 0, 0, 0, 0, NEAR, { true, 68, NEAR } },
		{ "proxy offer, flag clear", 1, 2, 0, 0, 0, 0, 0, 0,
			{ false, 68, DHCP_BROADCAST } },
		{ "proxy offer, relayed", 1, 2, 0, 0, 0, RELAY, 0, 0, { false, 67, RELAY } },
		{ "INFORM", 8, 5, 0, 0, 0, 0, NEAR, 0, { false, 68, NEAR } },
		{ "INFORM without ciaddr", 8, 5, 0, 0, 0, 0, 0, 0, { false, 68, 0x0a4d0033 } },
		{ "port 4011", 3, 5, 1, 0x8000, 0, 0, NEAR, 0, { false, 1234, 0x0a4d0033 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_answer a = { 0 };
		struct dhcp_path to;

		print_message("row: %s\n", rows[i].name);
		a.query.type = rows[i].ask;
		a.query.port4011 = rows[i].port4011;
		a.query.flags = rows[i].flags;
		a.query.relay_port = rows[i].relay_port;
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
	SPOIL(reply.server_id, 0);
	SPOIL(reply.vendor_pxe, 2);
	SPOIL(reply.vendor_http, 2);
	SPOIL(reply.pxe_bypass, 2);
	SPOIL(reply.rapid_commit, 2);
	SPOIL(reply.ipxe_no_proxy, 2);
	SPOIL(reply.file_in, DHCP_FILE_INS);
	SPOIL(reply.file, 'x');
	SPOIL(reply.message, 'x');
	SPOIL(reply.options_len, 0xff);
	SPOIL(reply.options, DHCP_OPT_END);
#undef SPOIL
	bad = a;
	bad.reply.options_len--; /* the last option is cut */
	assert_false(dhcp_answer_ok(&bad));
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
		cmocka_unit_test(test_wants_in_order),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_many_bytes),
		cmocka_unit_test(test_types_of_others),
		cmocka_unit_test(test_query_ok),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_where_the_file_is),
		cmocka_unit_test(test_encode_kinds),
		cmocka_unit_test(test_encode_full),
		cmocka_unit_test(test_encode_order),
		cmocka_unit_test(test_encode_overload),
		cmocka_unit_test(test_encode_long),
		cmocka_unit_test(test_everything_wanted),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_answer_ok),
		cmocka_unit_test(test_relay_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
