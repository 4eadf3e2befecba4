/*
 * fuzz_dhcp_core.c: the whole of a DHCP server under a fake clock: up to 16 packets of a few
 * clients, each decoded, decided by core, stored, committed, and its answer encoded and read again.
 * What the clients were told is kept apart, and must hold:
 *
 *   - no address for two hosts at once, none outside the ranges or in a hole of them but a reserved
 *     one, none of those never to be given; each with the mask and the router of its own subnet;
 *   - a reserved address only for its host, or at its relay circuit; and for that one whenever it
 *     is free;
 *   - a client gets its ACK when the store has the lease, and the store keeps it as it was told
 *     until the client gives it up or its time has ended;
 *   - an address that its owner declines rests, and is given to nobody meanwhile;
 *   - the pool that a restart would build from the store holds what the one in memory holds.
 *
 * Input: a byte of settings; then for each packet its wait (index in waits[]), how it came, its
 * length (two bytes, big-endian) and its bytes.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "db/sql.h"
#include "db/store_inside.h"
#include "server/bytes.h"
#include "server/core/core.h"
#include "server/log.h"
#include "server/net/dhcp_msg.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/reading.h"
#include "tests/support/dhcp_packet.h"

#define SERVER	    0x0a4d0001u
#define RELAY	    0x0a090001u
#define START_MS    1000000000000u
#define PACKETS_MAX 16
#define HEAD	    4 /* bytes before each packet */
#define TABLES_MAX  48

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
	uint8_t *out, size_t max_size, unsigned int seed);

/*
 * Few addresses, so that the clients collide: a network of two subnets, in the first of which lie a
 * hole and the addresses of the router and of a DNS server; and one behind a relay.
 */
static const char conf[] = "[dhcp]\n"
			   "relays = 10.9.0.1\n"
			   "lease-time = 1h\n"
			   "rapid-commit = yes\n"
			   "probe = no\n"
			   "[subnet 10.77.0.0/24]\n"
			   "network = lab\n"
			   "range = 10.77.0.100-10.77.0.103\n"
			   "range = 10.77.0.104-10.77.0.106\n"
			   "exclude = 10.77.0.103-10.77.0.104\n"
			   "router = 10.77.0.100\n"
			   "dns = 10.77.0.105\n"
			   "[subnet 10.78.0.0/16]\n"
			   "network = lab\n"
			   "range = 10.78.1.1-10.78.1.2\n"
			   "router = 10.78.0.1\n"
			   "[subnet 10.9.0.0/24]\n"
			   "range = 10.9.0.100-10.9.0.102\n";

static const struct subnet {
	uint32_t mask, router;
	unsigned network;
} lab = { 0xffffff00, 0x0a4d0064, 1 }, wide = { 0xffff0000, 0x0a4e0001, 1 },
  far = { 0xffffff00, 0, 2 };

/* What may be given; the first and the second only when they are reserved. */
static const struct {
	uint32_t addr;
	const struct subnet *subnet;
} addrs[] = {
	{ 0x0a4d0032, &lab }, /* outside the ranges */
	{ 0x0a4d0067, &lab }, /* in the hole */
	{ 0x0a4d0065, &lab },
	{ 0x0a4d0066, &lab },
	{ 0x0a4d006a, &lab },
	{ 0x0a4e0101, &wide },
	{ 0x0a4e0102, &wide },
	{ 0x0a090064, &far },
	{ 0x0a090065, &far },
	{ 0x0a090066, &far },
};
#define RESERVED_ONLY 2

/* Client 1 may have an address of its own near the server, client 2 one at a circuit. */
static const uint32_t own_addrs[] = { 0x0a4d0032, 0x0a4d0067, 0x0a4d0066, 0x0a4e0101 };
#define CIRCUIT_ADDR 0x0a090066u
#define CIRCUIT	     "\x67\x65\x31"

static struct store_reservation reserved[2]; /* addr 0: not reserved */

/* What the clients were told about each address that may be given. */
struct told {
	uint8_t lease_mac[6], offer_mac[6];
	uint64_t lease_until_ms, offer_until_ms;
	uint64_t rest_until_ms; /* as the store has it */
	bool shall_rest;	/* its owner has just declined it */
};

/* Both sides of what ends by time: an offer, a rest, a guest's lease, half a lease, a lease. */
static const uint32_t waits_ms[] = { 0, 1, 1000, 59999, 60000, 60001, 119999, 120000, 120001,
	599999, 600000, 600001, 1800000, 3599999, 3600000, 3600001, 86400000 };

static struct server server;
static struct core core, restarted;
static int net_side;
static char empty_store[TABLES_MAX][80];

/* ---- once ---- */

/* Statements that empty every table, whatever the schema is. */
static void list_tables(void)
{
	struct sql_row *r = sql_start(core.store->q,
		"SELECT 'DELETE FROM ' || name FROM sqlite_master WHERE type = 'table'", "");
	size_t n = 0;

	while (sql_next(r) > 0 && n < TABLES_MAX)
		sql_text(r, 0, empty_store[n++], sizeof empty_store[0]);
	sql_end(r);
	must(n > 0 && n < TABLES_MAX);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int pair[2];
	char err[300];

	(void)argc;
	(void)argv;
	log_level(LOG_LEVEL_ERROR);
	config_defaults(&server.cfg);
	must(config_parse(conf, strlen(conf), "conf", &server.cfg, err, sizeof err) == 0);
	server.n_endpoints = 1;
	server.endpoints[0] = (struct endpoint){ .ifname = "eth1",
		.addr = SERVER,
		.mask = 0xffffff00,
		.mac = { 0x52, 0x54, 0, 0, 0, 0xfe } };
	snprintf(server.url, sizeof server.url, "http://10.77.0.1");
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	for (int i = 0; i < LINKS; i++)
		server.core_side[i] = -1;
	server.core_side[LINK_NET] = pair[0];
	net_side = pair[1];
	must(store_open(":memory:", &core.store, err, sizeof err) == 0);
	must(loop_new(&core.loop) == 0);
	list_tables();
	return 0;
}

/* ---- what the clients know ---- */

/* Outside the ranges, or never to be given: there is none. */
static size_t index_of(uint32_t addr)
{
	size_t i = 0;

	while (i < ARRAY_LEN(addrs) && addrs[i].addr != addr)
		i++;
	must(i < ARRAY_LEN(addrs));
	return i;
}

static const struct store_reservation *reservation_of(uint32_t addr)
{
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (reserved[i].addr == addr)
			return &reserved[i];
	return NULL;
}

/*
 * A client has one address of the ranges of a network: with a new one the others are free again.
 * A reserved one comes to it beside the one that it has.
 */
static void forget_others(struct told told[], size_t given, const uint8_t mac[6])
{
	if (reservation_of(addrs[given].addr))
		return;
	for (size_t i = 0; i < ARRAY_LEN(addrs); i++) {
		struct told *t = &told[i];

		if (i == given || addrs[i].subnet->network != addrs[given].subnet->network)
			continue;
		if (!memcmp(t->lease_mac, mac, 6))
			t->lease_until_ms = 0;
		if (!memcmp(t->offer_mac, mac, 6))
			t->offer_until_ms = 0;
	}
}

/* How many addresses may rest is limited, but not so that none may. */
static bool one_rests(const struct told told[], size_t of, uint64_t now_ms)
{
	for (size_t i = 0; i < ARRAY_LEN(addrs); i++)
		if (addrs[i].subnet->network == addrs[of].subnet->network &&
			told[i].rest_until_ms > now_ms)
			return true;
	return false;
}

/* What a client gives up by what it says. Whether the server has to believe it is another matter:
 * here it only may no longer count on the address. */
static void give_up(struct told told[], const struct dhcp_query *q, uint64_t now_ms)
{
	const bool ours = !q->port4011 && (!q->server_id || q->server_id == SERVER);

	for (size_t i = 0; i < ARRAY_LEN(addrs); i++) {
		struct told *t = &told[i];
		const bool leased = !memcmp(t->lease_mac, q->mac, 6) && t->lease_until_ms > now_ms;

		if (q->type == DHCP_REQUEST && q->server_id && !memcmp(t->offer_mac, q->mac, 6))
			t->offer_until_ms = 0; /* accepted, or another server's was */
		if (!(q->type == DHCP_RELEASE && q->ciaddr == addrs[i].addr) &&
			!(q->type == DHCP_DECLINE && q->requested == addrs[i].addr))
			continue;
		t->shall_rest =
			q->type == DHCP_DECLINE && leased && ours && !one_rests(told, i, now_ms);
		if (leased)
			t->lease_until_ms = 0;
		if (!memcmp(t->offer_mac, q->mac, 6))
			t->offer_until_ms = 0;
	}
}

static void note_reply(
	struct told told[], const struct dhcp_query *q, const struct reply_view *v, uint64_t now_ms)
{
	const uint32_t lease_s = reading_u32(&v->options, 51);
	const size_t given = index_of(v->yiaddr);
	struct told *t = &told[given];

	must(given >= RESERVED_ONLY || reservation_of(v->yiaddr));
	must(reading_u32(&v->options, 1) == addrs[given].subnet->mask);
	must(reading_u32(&v->options, 3) == addrs[given].subnet->router);
	must(lease_s && lease_s <= server.cfg.told.lease_s);
	must(t->lease_until_ms <= now_ms || !memcmp(t->lease_mac, q->mac, 6));
	must(t->offer_until_ms <= now_ms || !memcmp(t->offer_mac, q->mac, 6));
	must(t->rest_until_ms <= now_ms);
	forget_others(told, given, q->mac);
	if (v->type == DHCP_ACK) {
		memcpy(t->lease_mac, q->mac, 6);
		t->lease_until_ms = now_ms + (uint64_t)lease_s * 1000;
		t->offer_until_ms = 0;
	} else if (t->lease_until_ms <= now_ms) { /* its own lease is not held longer by this */
		memcpy(t->offer_mac, q->mac, 6);
		t->offer_until_ms = now_ms + POOL_OFFER_MS;
	}
}

/* ---- what the store knows ---- */

struct rows {
	size_t n;
	struct store_lease of[ARRAY_LEN(addrs)];
};

static int add_row(void *arg, const struct store_lease *l)
{
	struct rows *rows = arg;

	must(rows->n < ARRAY_LEN(addrs));
	rows->of[rows->n++] = *l;
	return 0;
}

/* What a client counts on is on record as it was told, and so is what shall rest. */
static void check_row(const struct store_lease *row, struct told *t, uint64_t now_ms)
{
	const bool leased = row && row->state == LEASE_LEASED;
	const bool rests = row && row->state == LEASE_DECLINED;

	if (t->lease_until_ms > now_ms) {
		must(leased && !memcmp(row->mac, t->lease_mac, 6));
		must(row->expires_ms == t->lease_until_ms);
	}
	must(rests || !t->shall_rest);
	t->rest_until_ms = rests ? row->expires_ms : 0;
	t->shall_rest = false;
}

/* Two addresses of one network's ranges for the same client: one of them it does not know of. */
static bool twice(const struct store_lease *a, const struct store_lease *b, uint64_t now_ms)
{
	return a->state == LEASE_LEASED && b->state == LEASE_LEASED && a->expires_ms > now_ms &&
	       b->expires_ms > now_ms && !memcmp(a->mac, b->mac, 6) && !reservation_of(a->addr) &&
	       !reservation_of(b->addr) &&
	       addrs[index_of(a->addr)].subnet->network == addrs[index_of(b->addr)].subnet->network;
}

static void check_store(struct told told[], uint64_t now_ms)
{
	struct rows rows = { 0 };

	must(!core.in_transaction);
	must(store_lease_each(core.store, add_row, &rows) == 0);
	for (size_t i = 0; i < ARRAY_LEN(addrs); i++) {
		const struct store_lease *row = NULL;

		for (size_t k = 0; k < rows.n; k++)
			if (rows.of[k].addr == addrs[i].addr)
				row = &rows.of[k];
		check_row(row, &told[i], now_ms);
	}
	for (size_t i = 0; i < rows.n; i++)
		for (size_t k = 0; k < i; k++)
			must(!twice(&rows.of[i], &rows.of[k], now_ms));
}

/* Leased or at rest. An address that was never used may have no record. */
static bool lasting(const struct lease *l, uint64_t now_ms)
{
	return l && lease_held(l, now_ms) && l->state != LEASE_OFFERED;
}

/* Offers are forgotten by a restart; leases and rests are not, and nothing else appears. */
static void check_restart(uint64_t now_ms)
{
	restarted.server = &server;
	restarted.cfg = &server.cfg;
	restarted.store = core.store;
	restarted.wall_ms = (int64_t)now_ms;
	must(core_open_pool(&restarted) == 0);
	for (size_t i = 0; i < ARRAY_LEN(addrs); i++) {
		const struct lease *was = pool_by_addr(core.pool, addrs[i].addr);
		const struct lease *is = pool_by_addr(restarted.pool, addrs[i].addr);

		must(lasting(is, now_ms) == lasting(was, now_ms));
		if (!lasting(was, now_ms))
			continue;
		must(is->state == was->state && is->expires_ms == was->expires_ms);
		if (was->state == LEASE_LEASED)
			must(is->known == was->known && !memcmp(is->mac, was->mac, 6));
	}
	pool_free(restarted.pool);
}

/* ---- whose address is reserved ---- */

struct asker {
	int64_t host; /* by what it says of itself; 0: nobody that is known */
	bool at_circuit, names_circuit;
	bool free[ARRAY_LEN(reserved)];	  /* was nobody's when it asked */
	bool leased[ARRAY_LEN(reserved)]; /* was its own then */
};

static void asker_of(const struct dhcp_query *q, uint64_t now_ms, struct asker *out)
{
	struct host_identity id = { .has_uuid = q->has_uuid, .client_id_len = q->client_id_len };
	struct store_host h = { 0 };
	uint8_t len;
	const uint8_t *circuit = dhcp_query_circuit(q, &len);

	host_uuid_swap(q->uuid, id.uuid);
	host_mac_add(&id, q->mac);
	memcpy(id.client_id, q->client_id, q->client_id_len);
	*out = (struct asker){ .names_circuit = circuit != NULL };
	if (store_host_find(core.store, &id, &h) == 0)
		out->host = h.id;
	out->at_circuit = circuit && len == strlen(CIRCUIT) && !memcmp(circuit, CIRCUIT, len);
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		const struct lease *l = pool_by_addr(core.pool, reserved[i].addr);
		const bool held = l && lease_held(l, now_ms);

		out->free[i] = reserved[i].addr && !held;
		out->leased[i] = held && l->state == LEASE_LEASED && !memcmp(l->mac, q->mac, 6);
	}
}

/*
 * An address at a circuit is also renewed past the relay, which then cannot name the circuit: as
 * long as the server counts it as leased, whatever its client has said to others.
 */
static bool is_for(size_t i, const struct asker *asker)
{
	if (!reserved[i].circuit_len)
		return asker->host == reserved[i].host;
	return asker->at_circuit || (!asker->names_circuit && asker->leased[i]);
}

static void check_reserved(const struct asker *asker, const struct dhcp_query *q, uint32_t addr)
{
	const size_t given = index_of(addr);

	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		const struct store_reservation *r = &reserved[i];

		if (r->addr == addr)
			must(is_for(i, asker));
		else if (q->type == DHCP_DISCOVER && asker->free[i] &&
			 addrs[index_of(r->addr)].subnet->network == addrs[given].subnet->network)
			must(r->circuit_len ? !asker->at_circuit : asker->host != r->host);
	}
}

/* ---- one packet ---- */

/* Core's answer as net would send it. False: silence. */
static bool take_answer(const struct dhcp_query *q, struct reply_view *v)
{
	static _Alignas(8) uint8_t buf[MSG_MAX];
	static uint8_t packet[DHCP_PACKET_MAX];
	const struct dhcp_answer *a;
	struct dhcp_left_out left_out;
	struct msg_head head;
	const void *body;
	size_t len = 0;
	int rc = msg_recv(net_side, buf, &head, &body);

	if (!rc)
		return false;
	must(rc == 1 && head.type == MSG_DHCP_ANSWER);
	a = msg_fixed(&head, body, sizeof *a, 1);
	must(a && dhcp_answer_ok(a) && !memcmp(&a->query, q, sizeof *q));
	must(dhcp_msg_encode(q, &a->reply, packet, &len, &left_out) == 0);
	reply_must(packet, len, v);
	must(msg_recv(net_side, buf, &head, &body) == 0);
	return true;
}

/* As net takes it from the socket: what is no message, or came by a relay that is not listed, is
 * dropped. */
static bool receive(const uint8_t *b, size_t len, uint8_t how, struct dhcp_query *q)
{
	uint8_t *packet = exact_copy(b, len);
	const int rc = dhcp_msg_decode(packet, len, q);

	free(packet);
	if (rc || (q->giaddr && q->giaddr != RELAY))
		return false;
	q->port4011 = how & 1;
	q->src_addr = q->giaddr ? q->giaddr : q->ciaddr;
	if (q->port4011 || how & 2)
		q->src_addr = SERVER + 99;
	q->src_port = 68;
	return true;
}

/* Somebody else uses what was offered, and is heard late: nobody counts on an offer any more. */
static void in_use(struct told told[], uint32_t addr)
{
	const struct probe_answer a = {
		.addr = addr, .has_mac = 1, .mac = { 0x52, 0x54, 0, 0, 1 }
	};

	probe_answered(&core, 0, &a);
	core_end_round(&core);
	told[index_of(addr)].offer_until_ms = 0;
}

static void on_packet(struct told told[], const struct dhcp_query *q, uint8_t how, uint64_t now_ms)
{
	struct reply_view v;
	struct asker asker;
	bool answered;

	core.wall_ms = (int64_t)now_ms;
	core.mono_ms = (int64_t)(now_ms - START_MS + 1000); /* the machine has just started */
	must(dhcp_query_ok(q));
	asker_of(q, now_ms, &asker);
	dhcp_handle(&core, 1, q);
	core_end_round(&core);
	answered = take_answer(q, &v);
	if (answered && v.yiaddr)
		check_reserved(&asker, q, v.yiaddr);
	give_up(told, q, now_ms);
	if (answered && v.yiaddr)
		note_reply(told, q, &v, now_ms);
	if (answered && v.yiaddr && how & 4)
		in_use(told, v.yiaddr);
	check_store(told, now_ms);
}

/* ---- one run ---- */

static int64_t add_host(uint8_t client, bool admitted)
{
	const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, client };
	struct store_host h = { .admitted = admitted };

	must(store_host_add(core.store, &h) == 0);
	must(store_host_mac_put(core.store, h.id, mac) == 0);
	return h.id;
}

static void add_hosts(uint8_t settings)
{
	const bool admitted = settings & 16, own = settings & 32, circuit = settings & 64;

	memset(reserved, 0, sizeof reserved);
	if (admitted || own)
		reserved[0].host = add_host(1, admitted);
	if (circuit)
		reserved[1] = (struct store_reservation){ .host = add_host(2, true),
			.addr = CIRCUIT_ADDR,
			.circuit_len = sizeof CIRCUIT - 1,
			.circuit = CIRCUIT };
	if (own)
		reserved[0].addr = own_addrs[(settings >> 7 & 1) | (settings & 2)];
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		must(!reserved[i].addr || store_reservation_put(core.store, &reserved[i]) == 0);
}

static void begin(uint8_t settings)
{
	struct config *cfg = &server.cfg;
	struct store *store = core.store;
	struct loop *loop = core.loop;

	cfg->authoritative = settings & 1;
	cfg->dhcp_mode = (settings >> 1 & 3) == 3 ? DHCP_PROXY : DHCP_FULL;
	cfg->admission = settings & 8 ? ADMISSION_APPROVE : ADMISSION_OPEN;
	memset(&core, 0, sizeof core);
	core.server = &server;
	core.cfg = cfg;
	core.store = store;
	core.loop = loop;
	core.wall_ms = START_MS;
	for (int i = 0; i < LINKS; i++)
		core.out[i].end = &core.out[i].first;
	core.offers.end = &core.offers.first;
	for (size_t i = 0; empty_store[i][0]; i++)
		must(sql_run(store->q, empty_store[i], "") == 0);
	add_hosts(settings);
	must(core_open_pool(&core) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = { data, data + size, false };
	struct told told[ARRAY_LEN(addrs)] = { 0 };
	struct dhcp_query q;
	uint64_t now_ms = START_MS;

	if (size < 1 + HEAD)
		return 0;
	begin(rd_u8(&r));
	for (unsigned i = 0; i < PACKETS_MAX && rd_left(&r) >= HEAD; i++) {
		const uint8_t wait = rd_u8(&r), how = rd_u8(&r);
		size_t len = rd_u16(&r);

		if (len > rd_left(&r))
			len = rd_left(&r);
		now_ms += waits_ms[wait % ARRAY_LEN(waits_ms)];
		if (receive(rd_take(&r, len), len, how, &q))
			on_packet(told, &q, how, now_ms);
	}
	check_restart(now_ms);
	pool_free(core.pool);
	return 0;
}

/* ---- mutation: of a run of packets ---- */

struct run {
	uint8_t settings;
	size_t n;
	struct {
		size_t len; /* head and packet */
		uint8_t b[HEAD + 2048];
	} of[PACKETS_MAX];
};

static void run_read(struct run *run, const uint8_t *data, size_t size)
{
	struct rd r = { data, data + size, false };

	run->settings = rd_u8(&r);
	for (run->n = 0; run->n < PACKETS_MAX && rd_left(&r) >= HEAD; run->n++) {
		const uint8_t *head = r.p;
		size_t len = HEAD + (size_t)(head[2] << 8 | head[3]);

		if (len > rd_left(&r))
			len = rd_left(&r);
		if (len > sizeof run->of[0].b)
			len = sizeof run->of[0].b;
		run->of[run->n].len = len;
		memcpy(run->of[run->n].b, rd_take(&r, len), len);
	}
}

static size_t run_write(const struct run *run, uint8_t *out, size_t max_size)
{
	struct wr w = { out, out + max_size, false };

	wr_u8(&w, run->settings);
	for (size_t i = 0; i < run->n && run->of[i].len <= wr_left(&w); i++) {
		wr_put(&w, run->of[i].b, 2);
		wr_u16(&w, (uint16_t)(run->of[i].len - HEAD));
		wr_put(&w, run->of[i].b + HEAD, run->of[i].len - HEAD);
	}
	return max_size - wr_left(&w);
}

/* Say something else with the i-th packet. */
static void change(struct run *run, size_t i, uint32_t *rng)
{
	uint8_t *b = run->of[i].b + HEAD;
	const size_t max = sizeof run->of[i].b - HEAD;
	size_t len = run->of[i].len - HEAD;

	switch (len <= 240 ? 0 : mutate_below(rng, 6)) {
	case 0:
		len = mutate_packet(b, len, max, rng);
		break;
	case 1:
		len = mutate_place(b, len, max, rng);
		break;
	default:
		len = mutate_message(b, len, max, rng);
		break;
	}
	if (len > 240 && mutate_below(rng, 2))
		mutate_client(b, rng);
	run->of[i].len = HEAD + len;
}

/* A packet after the others, like one of them but saying something else: the next step. */
static void extend(struct run *run, uint32_t *rng)
{
	const size_t to = run->n < PACKETS_MAX ? run->n : mutate_below(rng, PACKETS_MAX);

	if (run->n)
		run->of[to] = run->of[mutate_below(rng, (uint32_t)run->n)];
	else
		run->of[to].len = HEAD;
	run->of[to].b[0] = 0;
	run->of[to].b[1] = 0;
	if (to == run->n)
		run->n++;
	change(run, to, rng);
}

static void drop(struct run *run, size_t i)
{
	run->n--;
	memmove(&run->of[i], &run->of[i + 1], (run->n - i) * sizeof run->of[0]);
}

static void mutate_run(struct run *run, uint32_t *rng)
{
	const size_t i = run->n ? mutate_below(rng, (uint32_t)run->n) : 0;

	if (!run->n || mutate_below(rng, 3) == 0) {
		extend(run, rng);
		return;
	}
	switch (mutate_below(rng, 8)) {
	case 0:
		drop(run, i);
		break;
	case 1:
		run->settings = (uint8_t)mutate_below(rng, 256);
		break;
	case 2:
	case 3:
		run->of[i].b[0] = (uint8_t)mutate_below(rng, ARRAY_LEN(waits_ms));
		break;
	case 4:
		run->of[i].b[1] = (uint8_t)mutate_below(rng, 8);
		break;
	default:
		change(run, i, rng);
		break;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	static struct run run;
	uint32_t rng = seed | 1;

	run_read(&run, data, size);
	do {
		mutate_run(&run, &rng);
	} while (mutate_below(&rng, 2));
	return run_write(&run, data, max_size);
}

/* The beginning of one run, then the end of another. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
	uint8_t *out, size_t max_size, unsigned int seed)
{
	static struct run run, other;
	uint32_t rng = seed | 1;

	run_read(&run, a, a_size);
	run_read(&other, b, b_size);
	if (run.n)
		run.n = 1 + mutate_below(&rng, (uint32_t)run.n);
	for (size_t i = other.n ? mutate_below(&rng, (uint32_t)other.n) : 0;
		i < other.n && run.n < PACKETS_MAX; i++)
		run.of[run.n++] = other.of[i];
	return run_write(&run, out, max_size);
}
