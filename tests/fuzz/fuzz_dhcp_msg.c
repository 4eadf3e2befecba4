/*
 * fuzz_dhcp_msg.c: the codec. A packet is decoded and must mean what a second reader finds in it;
 * then it is decided on, and the encoded reply must mean what was decided.
 *
 * Input: 4 bytes (settings, lengths of boot file, host name and NAK message), a packet.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/store.h"
#include "server/bytes.h"
#include "server/core/dhcp_policy.h"
#include "server/net/dhcp_msg.h"
#include "server/net/dhcp_path.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/reading.h"
#include "tests/support/dhcp_packet.h"

#define PACKET_AT   4
#define SERVER	    0x0a4d0001u
#define LIMIT_OF(q) ((size_t)(q)->max_size - 28)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* One option is sent in pieces, to those that take long packets. */
#define TEN	"0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const char conf[] = "[dhcp]\n"
			   "relays = 10.9.0.1\n"
			   "rapid-commit = yes\n"
			   "option = 224 text " HUNDRED HUNDRED HUNDRED "\n"
			   "[subnet 10.77.0.0/24]\n"
			   "range = 10.77.0.100-10.77.0.110\n"
			   "router = 10.77.0.1\n"
			   "dns = 10.77.0.1 10.77.0.2 10.77.0.3\n"
			   "domain = example\n"
			   "option = 43 hex 0102030405\n"
			   "option = 252 text http://10.77.0.1/a/long/address/of/a/proxy/file\n"
			   "search = a.example b.example c.example\n"
			   "route = 10.9.0.0/16 via 10.77.0.254\n"
			   "ntp = 10.77.0.1\n"
			   "[subnet 10.9.0.0/24]\n"
			   "range = 10.9.0.100-10.9.0.110\n";
static struct config config;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[200];

	(void)argc;
	(void)argv;
	config_defaults(&config);
	must(config_parse(conf, strlen(conf), "conf", &config, err, sizeof err) == 0);
	return 0;
}

static uint32_t u32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* ---- what was asked ---- */

static bool addr_option_good(const struct reading *r, uint8_t tag)
{
	return !r->there[tag] || r->total[tag] == 4;
}

/* Option 82 is the relay's alone, and a list of options itself. */
static bool relay_good(const uint8_t *b, const struct reading *r)
{
	uint8_t val[READING_MAX];
	const int len = reading_get(r, 82, val);
	int i = 0;

	if (len < 0)
		return true;
	while (i + 1 < len && val[i] != 82 && val[i + 1] <= len - i - 2)
		i += 2 + val[i + 1];
	return len > 0 && len <= DHCP_RELAY_MAX && u32(b + 24) && i == len;
}

/* Is this a message that a server must not refuse to read? */
static bool readable(const uint8_t *b, size_t len, struct reading *r)
{
	static const uint8_t no_mac[6];
	uint8_t type[READING_MAX];

	if (len < 240 || b[0] != 1 || b[1] != 1 || b[2] != 6 || b[3] > 16 ||
		u32(b + 236) != 0x63825363 || b[28] & 1 || !memcmp(b + 28, no_mac, 6))
		return false;
	if (u32(b + 24) && (b[24] == 0 || b[24] == 127 || b[24] >= 224))
		return false; /* no relay has such an address: RFC 1122, 3.2.1.3 */
	if (!reading_of(b + 240, len - 240, b + 108, b + 44, r))
		return false;
	if (reading_get(r, 53, type) != 1 || !memchr("\1\3\4\7\10", type[0], 5))
		return false;
	return addr_option_good(r, 50) && addr_option_good(r, 54) && addr_option_good(r, 118) &&
	       relay_good(b, r);
}

/* Each code once, in the client's order; PAD and END are none. */
static void check_wants(const struct dhcp_query *q, const struct reading *r)
{
	uint8_t codes[READING_MAX];
	bool seen[256] = { [0] = true, [255] = true };
	const int len = reading_get(r, 55, codes);
	unsigned n = 0;

	for (int i = 0; i < len; i++) {
		if (seen[codes[i]])
			continue;
		seen[codes[i]] = true;
		must(n < q->n_wants && q->wants[n] == codes[i]);
		n++;
	}
	must(n == q->n_wants);
}

static void check_printable(const char *text, size_t size)
{
	must(memchr(text, 0, size) != NULL);
	for (; *text; text++)
		must(*text >= ' ' && *text <= '~');
}

static void check_texts(const struct dhcp_query *q)
{
	check_printable(q->vendor_class, sizeof q->vendor_class);
	check_printable(q->user_class, sizeof q->user_class);
	must(memchr(q->hostname, 0, sizeof q->hostname) != NULL);
	for (const char *c = q->hostname; *c; c++)
		must((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
			(*c >= 'A' && *c <= 'Z') || *c == '-' || *c == '.');
}

static void check_identity(const struct dhcp_query *q, const struct reading *r)
{
	uint8_t val[READING_MAX];
	int len = reading_get(r, 61, val);

	if (len < 2 || len > DHCP_ID_MAX)
		len = 0;
	must(q->client_id_len == len && !memcmp(q->client_id, val, (size_t)len));
	len = reading_get(r, 97, val);
	must(q->echo_uuid == (len == 17 && !val[0]));
	must(!q->echo_uuid || !memcmp(q->uuid, val + 1, 16));
	must(!q->has_uuid || q->echo_uuid);
	len = reading_get(r, 93, val);
	must(q->arch == (len < 2 || len % 2 ? DHCP_ARCH_NONE : val[0] << 8 | val[1]));
	len = reading_get(r, 82, val);
	must(q->relay_len == (len < 0 ? 0 : len) && !memcmp(q->relay, val, q->relay_len));
}

/* What the relay says in option 82, the last word counts; of its circuit the first that is one. */
static void check_relay(const struct dhcp_query *q)
{
	uint32_t link = 0, id = 0;
	bool port = false;
	uint8_t len;
	const uint8_t *circuit = NULL, *is = dhcp_query_circuit(q, &len);

	for (size_t i = 0; i < q->relay_len; i += 2u + q->relay[i + 1]) {
		const uint8_t *sub = q->relay + i;

		if (sub[0] == 5 && sub[1] == 4)
			link = u32(sub + 2);
		if (sub[0] == 11 && sub[1] == 4)
			id = u32(sub + 2);
		port = port || (sub[0] == 19 && !sub[1]);
		if (sub[0] == 1 && sub[1] && !circuit)
			circuit = sub + 2;
	}
	must(q->link_select == link && q->id_override == id && q->relay_port == port);
	must(is == circuit && (!is || len == is[-1]));
}

static void check_query(const uint8_t *b, const struct dhcp_query *q, const struct reading *r)
{
	uint8_t val[READING_MAX];
	const int len = reading_get(r, 57, val);
	const int size = len == 2 ? val[0] << 8 | val[1] : 0;

	must(dhcp_query_ok(q));
	must(q->xid == u32(b + 4) && q->flags == (b[10] << 8 | b[11]));
	must(q->ciaddr == u32(b + 12) && q->giaddr == u32(b + 24));
	must(!memcmp(q->chaddr, b + 28, 16) && !memcmp(q->mac, b + 28, 6));
	must(q->max_size == (size < 576 ? 576 : size > 1472 ? 1472 : size));
	must(reading_is(r, 53, &q->type, 1));
	must(q->requested == reading_u32(r, 50) && q->server_id == reading_u32(r, 54));
	must(q->rapid_commit == (r->there[80] && !r->total[80]));
	must(q->subnet_select == reading_u32(r, 118));
	check_wants(q, r);
	check_texts(q);
	check_identity(q, r);
	check_relay(q);
}

/* ---- what was decided ---- */

static bool wanted(const struct dhcp_query *q, uint8_t tag)
{
	return !q->n_wants || memchr(q->wants, tag, q->n_wants);
}

/* An option of len bytes that was left out must have been too long for the client's limit. */
static bool had_no_room(const struct reply_view *v, const struct dhcp_query *q, size_t len)
{
	const size_t pieces = len <= 255 ? 1 : (len + 254) / 255;

	/* 3: where the overload option could have stood */
	return 240 + v->options.area[0].end + 1 + 2 * pieces + len + 3 > LIMIT_OF(q);
}

/* There exactly when it was decided. */
static void check_number(const struct reply_view *v, uint8_t tag, uint32_t n)
{
	must(v->options.there[tag] == (n != 0) && reading_u32(&v->options, tag) == n);
}

static void check_text(const struct reply_view *v, uint8_t tag, const char *text, size_t len)
{
	if (text[0])
		must(reading_is(&v->options, tag, text, len));
	else
		must(!v->options.there[tag]);
}

/* The same for what a client can do without. */
static void check_extra(const struct reply_view *v, const struct dhcp_query *q, uint8_t tag,
	const void *val, size_t len)
{
	if (!len)
		must(!v->options.there[tag]);
	else if (v->options.there[tag])
		must(reading_is(&v->options, tag, val, len));
	else
		must(had_no_room(v, q, len));
}

static void check_extra_number(
	const struct reply_view *v, const struct dhcp_query *q, uint8_t tag, uint32_t n)
{
	const uint8_t b[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
		(uint8_t)n };

	check_extra(v, q, tag, b, n ? 4 : 0);
}

static bool in_header(const struct dhcp_reply *r)
{
	return r->file_in != DHCP_FILE_OPTION && strlen(r->file) < 128;
}

static void check_header(
	const struct reply_view *v, const struct dhcp_query *q, const struct dhcp_reply *r)
{
	const bool nak = r->type == DHCP_NAK;

	must(v->type == r->type && v->xid == q->xid && v->giaddr == q->giaddr);
	must(v->flags == (nak && q->giaddr ? q->flags | 0x8000 : q->flags));
	must(v->ciaddr == (r->type == DHCP_ACK ? q->ciaddr : 0));
	must(v->yiaddr == r->yiaddr && v->siaddr == r->siaddr);
	must(!memcmp(v->b + 28, q->chaddr, 16));
	must(v->options.there[52] || !strcmp(v->file, in_header(r) ? r->file : ""));
}

static void check_boot(
	const struct reply_view *v, const struct dhcp_query *q, const struct dhcp_reply *r)
{
	const char *class = r->vendor_pxe ? "PXEClient" : r->vendor_http ? "HTTPClient" : "";
	char addr[16] = "";

	if (q->client == DHCP_CLIENT_PXE && r->siaddr && r->file[0])
		snprintf(addr, sizeof addr, "%u.%u.%u.%u", r->siaddr >> 24, r->siaddr >> 16 & 255,
			r->siaddr >> 8 & 255, r->siaddr & 255);
	check_text(v, 60, class, strlen(class));
	if (dhcp_is_netboot(q) || r->pxe_bypass)
		check_text(v, 43, r->pxe_bypass ? "\x06\x01\x08\xff" : "", 4);
	check_text(v, 66, addr, strlen(addr));
	if (r->file_in == DHCP_FILE_HEADER && in_header(r))
		must(!v->options.there[67]);
	else /* NUL and all: EDK2 reads a C string */
		check_text(v, 67, r->file, strlen(r->file) + 1);
	check_text(v, 175, r->ipxe_no_proxy ? "\xb0\x01\x01" : "", 3);
}

/* What the administrator set, to those that ask or do not say; never in the place of boot data. */
static void check_options(
	const struct reply_view *v, const struct dhcp_query *q, const struct dhcp_reply *r)
{
	struct rd rd = { r->options, r->options + r->options_len, false };

	while (rd_left(&rd)) {
		const uint8_t tag = rd_u8(&rd);
		const uint16_t len = rd_u16(&rd);
		const uint8_t *val = rd_take(&rd, len);

		must(val != NULL);
		if (dhcp_is_netboot(q) && (tag == 43 || tag == 66 || tag == 67))
			continue;
		if (!wanted(q, tag))
			must(!v->options.there[tag]);
		else if (v->options.there[tag])
			must(reading_is(&v->options, tag, val, len));
		else
			must(had_no_room(v, q, len));
	}
}

static void check_reply(const struct reply_view *v, const struct dhcp_query *q,
	const struct dhcp_reply *r, const struct dhcp_left_out *left)
{
	uint8_t uuid[17] = { 0 };

	check_header(v, q, r);
	check_boot(v, q, r);
	check_number(v, 54, r->server_id);
	check_number(v, 51, r->lease_s);
	check_number(v, 1, r->mask);
	check_number(v, 3, r->router);
	check_number(v, 118, r->type == DHCP_NAK ? 0 : q->subnet_select);
	must(v->options.there[80] == r->rapid_commit);
	check_text(v, 56, r->message, strlen(r->message));
	check_extra_number(v, q, 58, r->t1_s);
	check_extra_number(v, q, 59, r->t2_s);
	check_extra(v, q, 61, q->client_id, q->client_id_len);
	memcpy(uuid + 1, q->uuid, 16);
	check_extra(v, q, 97, uuid, q->echo_uuid ? 17 : 0);
	check_extra(v, q, 82, q->relay, q->relay_len);
	check_options(v, q, r);
	for (unsigned i = 0; i < left->n; i++)
		must(!v->options.there[left->tags[i]]);
	must(!dhcp_is_netboot(q) || !v->options.there[52]);
}

static void encode(const struct dhcp_answer *a)
{
	const struct dhcp_query *q = &a->query;
	struct dhcp_left_out left;
	struct dhcp_path path;
	uint8_t b[DHCP_PACKET_MAX];
	struct reply_view v;
	size_t len = 0;

	must(dhcp_answer_ok(a));
	/* what is decided is short enough for the smallest client */
	must(dhcp_msg_encode(q, &a->reply, b, &len, &left) == 0);
	must(len <= LIMIT_OF(q));
	reply_must(b, len, &v);
	check_reply(&v, q, &a->reply, &left);
	path = dhcp_path_of(a, SERVER, 0xffffff00);
	if (q->giaddr && !q->port4011)
		must(path.addr == q->giaddr && path.port == (q->relay_port ? q->src_port : 67));
}

/* A text of n bytes; 0 leaves what is there. */
static void fill(char *text, uint8_t n, size_t size)
{
	const size_t len = n < size ? n : size - 1;

	if (!n)
		return;
	memset(text, 'a' + n % 26, len);
	text[len] = '\0';
}

/* What a rule may choose: option 60 or 43, not both. */
static struct config_form form_of(const uint8_t *settings)
{
	const uint8_t choice = (settings[0] >> 5 & 3) % 3;
	struct config_form f = { 0 };

	if (settings[2] & 2)
		f.option_43 = choice;
	else
		f.option_60 = choice;
	if (settings[0] >> 7)
		f.boot_file = settings[2] & 1 ? DHCP_FILE_HEADER : DHCP_FILE_OPTION;
	return f;
}

static void decide(const uint8_t *settings, const struct dhcp_query *q)
{
	struct dhcp_env env = { .cfg = &config,
		.addr = SERVER,
		.mask = 0xffffff00,
		.url = "http://10.77.0.1",
		.known = settings[0] & 1 };
	const uint32_t own = SERVER;
	struct dhcp_answer a = { .query = *q };
	struct dhcp_decision d;
	struct pool *pool;

	config.authoritative = settings[0] & 2;
	config.dhcp_mode = settings[0] & 4 ? DHCP_PROXY : DHCP_FULL;
	a.query.port4011 = settings[0] & 8;
	a.query.src_port = 1067;
	env.boot.http_url = settings[0] & 16;
	env.boot.form = form_of(settings);
	fill(env.boot.file, settings[1],
		env.boot.http_url ? sizeof env.boot.file : LOADER_NAME_MAX);
	fill(env.hostname, settings[2], sizeof env.hostname);
	must(pool_new(&config, &own, 1, &pool) == 0);
	if (dhcp_decide(&env, pool, &a.query, 1000000000000, &d)) {
		a.reply = d.reply;
		if (d.reply.type == DHCP_NAK)
			fill(a.reply.message, settings[3], sizeof a.reply.message);
		encode(&a);
	}
	pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t len = size < PACKET_AT ? 0 : size - PACKET_AT;
	struct dhcp_query q;
	struct reading r;
	uint8_t *b;

	if (size < PACKET_AT)
		return 0;
	b = exact_copy(data + PACKET_AT, len);
	if (dhcp_msg_decode(b, len, &q)) {
		must(!readable(b, len, &r));
	} else {
		must(readable(b, len, &r));
		check_query(b, &q, &r);
		decide(data, &q);
	}
	free(b);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	uint32_t rng = seed | 1;

	if (size < PACKET_AT || max_size <= PACKET_AT)
		return LLVMFuzzerMutate(data, size, max_size);
	switch (mutate_below(&rng, 8)) {
	case 0:
		LLVMFuzzerMutate(data, PACKET_AT, PACKET_AT);
		return size;
	case 1:
		return LLVMFuzzerMutate(data, size, max_size);
	default:
		return PACKET_AT + mutate_packet(data + PACKET_AT, size - PACKET_AT,
					   max_size - PACKET_AT, &rng);
	}
}
