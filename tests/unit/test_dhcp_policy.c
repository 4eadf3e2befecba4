#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/dhcp_policy.h"

#define SERVER	 0x0a4d0001u /* 10.77.0.1 */
#define NET(n)	 (0x0a4d0000u + (n))
#define FAR(n)	 (0x0a090000u + (n)) /* 10.9.0.0/24, behind the relay 10.9.0.1 */
#define ANNEX(n) (0x0a090100u + (n)) /* 10.9.1.0/24 on the same link */
#define OTHER	 0x0a4d0002u	     /* another server */
#define URL	 "http://10.77.0.1"
#define SCRIPT	 URL "/boot.ipxe"
#define UKI	 URL "/efi/agent.efi"
#define START	 1000000000000u

/* Ascending, as config.h wants them. */
static struct config_subnet subnets[] = {
	{ .net = FAR(0),
		.mask = 0xffffff00,
		.prefix = 24,
		.n_ranges = 1,
		.network = "branch",
		.ranges = { { FAR(100), FAR(199) } },
		.told.router = FAR(1) },
	{ .net = ANNEX(0),
		.mask = 0xffffff00,
		.prefix = 24,
		.network = "branch",
		.told.router = ANNEX(1) },
	{ .net = NET(0),
		.mask = 0xffffff00,
		.prefix = 24,
		.n_ranges = 1,
		.ranges = { { NET(100), NET(199) } },
		.told.router = SERVER },
};
static uint32_t relays[] = { FAR(1) };

static struct config cfg_of(enum dhcp_mode mode)
{
	return (struct config){ .told.lease_s = 3600,
		.authoritative = true,
		.dhcp_mode = mode,
		.n_subnets = ARRAY_LEN(subnets),
		.subnets = subnets,
		.n_relays = ARRAY_LEN(relays),
		.relays = relays };
}

/* A packet of host `host`; the tests say what else is in it. */
static struct dhcp_query query(enum dhcp_type type, enum dhcp_client client, unsigned host)
{
	struct dhcp_query q = { .type = (uint8_t)type,
		.client = (uint8_t)client,
		.arch = DHCP_ARCH_NONE,
		.max_size = 576,
		.mac = { 0x52, 0x54, 0, 0, 0, (uint8_t)host } };

	memcpy(q.chaddr, q.mac, sizeof q.mac);
	if (client == DHCP_CLIENT_PXE || client == DHCP_CLIENT_IPXE)
		q.arch = 7;
	if (client == DHCP_CLIENT_HTTP)
		q.arch = 16;
	return q;
}

/* As core's boot plan would fill it. */
static struct dhcp_env env_of(const struct config *cfg, enum dhcp_client client)
{
	static const struct dhcp_boot plans[DHCP_CLIENTS] = {
		[DHCP_CLIENT_PXE] = { .file = "snponly.efi" },
		[DHCP_CLIENT_HTTP] = { .file = UKI, .http_url = true },
		[DHCP_CLIENT_IPXE] = { .file = SCRIPT, .http_url = true },
	};

	return (struct dhcp_env){ .cfg = cfg,
		.addr = SERVER,
		.mask = 0xffffff00,
		.url = URL,
		.boot = plans[client],
		.known = true,
		.hostname = "n01" };
}

struct world {
	struct config_subnet subnets[ARRAY_LEN(subnets)]; /* cfg's, in the order FAR, ANNEX, NET */
	struct config cfg;
	struct pool *pool;
	uint64_t now;
	bool known;
	int64_t host;
	const struct config_told *told; /* the host alone */
};

static void world_init(struct world *w, enum dhcp_mode mode)
{
	const uint32_t own[] = { SERVER, NET(5) };

	w->cfg = cfg_of(mode);
	memcpy(w->subnets, subnets, sizeof w->subnets);
	w->cfg.subnets = w->subnets;
	w->now = START;
	w->known = true;
	w->host = 0;
	w->told = NULL;
	assert_int_equal(pool_new(&w->cfg, own, 2, &w->pool), 0);
}

static struct dhcp_decision ask(struct world *w, const struct dhcp_query *q)
{
	struct dhcp_env env = env_of(&w->cfg, q->client);
	struct dhcp_decision d;
	int rc;

	env.known = w->known;
	env.host = w->host;
	env.told = w->told;
	rc = dhcp_decide(&env, w->pool, q, w->now, &d);
	assert_int_equal(rc, d.answer);
	return d;
}

/* ---- address decisions: a story of packets, one row each ---- */

enum {
	NO = 0,
	D = DHCP_DISCOVER,
	R = DHCP_REQUEST,
	DECL = DHCP_DECLINE,
	REL = DHCP_RELEASE,
	INF = DHCP_INFORM,
	OFFER = DHCP_OFFER,
	ACK = DHCP_ACK,
	NAK = DHCP_NAK
};

struct packet_row {
	const char *name;
	unsigned wait_s; /* before it */
	unsigned host;
	int type;
	uint32_t server_id, requested, ciaddr, giaddr;
	int want; /* reply's type or NO */
	enum dhcp_reason reason;
	uint32_t addr; /* yiaddr, or the changed address */
	enum dhcp_change_op change;
};

static void play(struct world *w, const struct packet_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct packet_row *r = &rows[i];
		struct dhcp_query q = query((enum dhcp_type)r->type, DHCP_CLIENT_OTHER, r->host);
		struct dhcp_decision d;

		print_message("row: %s\n", r->name);
		w->now += (uint64_t)r->wait_s * 1000;
		q.server_id = r->server_id;
		q.requested = r->requested;
		q.ciaddr = r->ciaddr;
		q.giaddr = r->giaddr;
		d = ask(w, &q);
		assert_string_equal(dhcp_reason_text(d.reason), dhcp_reason_text(r->reason));
		assert_int_equal(d.answer ? d.reply.type : NO, r->want);
		assert_int_equal(d.change.op, r->change);
		if (d.change.op) {
			assert_int_equal(d.change.addr, r->addr);
			assert_memory_equal(d.change.mac, q.mac, 6);
		}
		if (d.answer) {
			assert_int_equal(d.reply.server_id, SERVER);
			assert_int_equal(d.reply.yiaddr, r->want == NAK ? 0 : r->addr);
			assert_int_equal(!d.reply.lease_s, !d.reply.yiaddr);
			assert_int_equal(!d.reply.message[0], r->want != NAK);
			assert_int_equal(!d.reply.mask, r->want == NAK);
			assert_int_equal(!d.reply.options_len, r->want == NAK);
		}
	}
}

static void test_lease_life(void **state)
{
	static const struct packet_row rows[] = {
		{ "DISCOVER", 0, 1, D, 0, 0, 0, 0, OFFER, DHCP_REASON_OFFERED, NET(100), 0 },
		{ "again", 0, 1, D, 0, 0, 0, 0, OFFER, DHCP_REASON_OFFERED, NET(100), 0 },
		{ "SELECTING", 0, 1, R, SERVER, NET(100), 0, 0, ACK, DHCP_REASON_LEASED, NET(100),
			DHCP_CHANGE_PUT },
		{ "another of our addresses", 0, 1, R, NET(5), NET(100), 0, 0, ACK,
			DHCP_REASON_LEASED, NET(100), DHCP_CHANGE_PUT },
		{ "the loader discovers: the same", 1, 1, D, 0, 0, 0, 0, OFFER, DHCP_REASON_OFFERED,
			NET(100), 0 },
		{ "another server chosen: the lease is no offer", 1, 1, R, OTHER, NET(44), 0, 0, NO,
			DHCP_REASON_OTHER_SERVER, 0, 0 },
		{ "so it is kept", 0, 2, R, 0, 0, NET(100), 0, NAK, DHCP_REASON_ADDRESS_TAKEN, 0,
			0 },
		{ "RENEWING", 1800, 1, R, 0, 0, NET(100), 0, ACK, DHCP_REASON_RENEWED, NET(100),
			DHCP_CHANGE_PUT },
		{ "INIT-REBOOT", 10, 1, R, 0, NET(100), 0, 0, ACK, DHCP_REASON_RENEWED, NET(100),
			DHCP_CHANGE_PUT },
		{ "INIT-REBOOT after its end", 9000, 1, R, 0, NET(100), 0, 0, ACK,
			DHCP_REASON_RENEWED, NET(100), DHCP_CHANGE_PUT },
		{ "INIT-REBOOT, not its address", 0, 1, R, 0, NET(101), 0, 0, NAK,
			DHCP_REASON_OTHER_ADDRESS, 0, 0 },
		{ "RELEASE by another", 0, 2, REL, SERVER, 0, NET(100), 0, NO,
			DHCP_REASON_FOREIGN_LEASE, 0, 0 },
		{ "DECLINE by another", 0, 2, DECL, SERVER, NET(100), 0, 0, NO,
			DHCP_REASON_FOREIGN_LEASE, 0, 0 },
		{ "RELEASE to another server", 0, 1, REL, OTHER, 0, NET(100), 0, NO,
			DHCP_REASON_OTHER_SERVER, 0, 0 },
		{ "renewal of another's lease", 0, 2, R, 0, 0, NET(100), 0, NAK,
			DHCP_REASON_ADDRESS_TAKEN, 0, 0 },
		{ "it is still there", 0, 1, R, 0, 0, NET(100), 0, ACK, DHCP_REASON_RENEWED,
			NET(100), DHCP_CHANGE_PUT },
		{ "RELEASE", 0, 1, REL, SERVER, 0, NET(100), 0, NO, DHCP_REASON_RELEASED, NET(100),
			DHCP_CHANGE_RELEASE },
		{ "RELEASE of nothing", 0, 1, REL, SERVER, 0, 0, 0, NO, DHCP_REASON_FOREIGN_LEASE,
			0, 0 },
		{ "DECLINE of nothing", 0, 1, DECL, SERVER, 0, 0, 0, NO, DHCP_REASON_FOREIGN_LEASE,
			0, 0 },
		{ "RELEASE again", 0, 1, REL, SERVER, 0, NET(100), 0, NO, DHCP_REASON_FOREIGN_LEASE,
			0, 0 },
		{ "back again", 0, 1, D, 0, 0, 0, 0, OFFER, DHCP_REASON_OFFERED, NET(100), 0 },
		{ "taken up", 0, 1, R, SERVER, NET(100), 0, 0, ACK, DHCP_REASON_LEASED, NET(100),
			DHCP_CHANGE_PUT },
		{ "DECLINE to another server", 0, 1, DECL, OTHER, NET(100), 0, 0, NO,
			DHCP_REASON_OTHER_SERVER, 0, 0 },
		{ "DECLINE", 0, 1, DECL, SERVER, NET(100), 0, 0, NO, DHCP_REASON_DECLINED, NET(100),
			DHCP_CHANGE_DECLINE },
		{ "another address then", 0, 1, D, 0, NET(100), 0, 0, OFFER, DHCP_REASON_OFFERED,
			NET(101), 0 },
	};
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	play(&w, rows, ARRAY_LEN(rows));
	pool_free(w.pool);
}

static void test_requests(void **state)
{
	static const struct packet_row rows[] = {
		{ "offer", 0, 1, D, 0, 0, 0, 0, OFFER, DHCP_REASON_OFFERED, NET(100), 0 },
		{ "another server chosen", 0, 1, R, OTHER, NET(44), 0, 0, NO,
			DHCP_REASON_OTHER_SERVER, 0, 0 },
		{ "the offer is free", 0, 2, D, 0, NET(100), 0, 0, OFFER, DHCP_REASON_OFFERED,
			NET(100), 0 },
		{ "our id, no range of ours", 0, 3, R, SERVER, NET(44), 0, 0, NAK,
			DHCP_REASON_NOT_IN_RANGE, 0, 0 },
		{ "our id, our own address", 0, 3, R, SERVER, SERVER, 0, 0, NAK,
			DHCP_REASON_NOT_IN_RANGE, 0, 0 },
		{ "our id, offered to another", 0, 3, R, SERVER, NET(100), 0, 0, NAK,
			DHCP_REASON_ADDRESS_TAKEN, 0, 0 },
		{ "our id, offer forgotten, address free", 0, 3, R, SERVER, NET(103), 0, 0, ACK,
			DHCP_REASON_LEASED, NET(103), DHCP_CHANGE_PUT },
		{ "our id, network address", 0, 3, R, SERVER, NET(0), 0, 0, NAK,
			DHCP_REASON_NOT_IN_RANGE, 0, 0 },
		{ "our id, broadcast address", 0, 3, R, SERVER, NET(255), 0, 0, NAK,
			DHCP_REASON_NOT_IN_RANGE, 0, 0 },
		{ "our id, another subnet's address", 0, 3, R, SERVER, FAR(100), 0, 0, NAK,
			DHCP_REASON_NOT_IN_RANGE, 0, 0 },
		{ "our id, no address but its own", 0, 3, R, SERVER, 0, NET(103), 0, ACK,
			DHCP_REASON_LEASED, NET(103), DHCP_CHANGE_PUT },
		{ "our id, another host's ciaddr", 0, 4, R, SERVER, 0, NET(103), 0, NAK,
			DHCP_REASON_ADDRESS_TAKEN, 0, 0 },
		{ "no address at all", 0, 4, R, 0, 0, 0, 0, NO, DHCP_REASON_NO_ADDRESS, 0, 0 },
		{ "INIT-REBOOT, wrong network", 0, 4, R, 0, FAR(100), 0, 0, NAK,
			DHCP_REASON_WRONG_NETWORK, 0, 0 },
		{ "INIT-REBOOT, no record", 0, 4, R, 0, NET(104), 0, 0, NAK, DHCP_REASON_NO_RECORD,
			0, 0 },
		{ "renewal that we forgot", 0, 5, R, 0, 0, NET(105), 0, ACK, DHCP_REASON_RENEWED,
			NET(105), DHCP_CHANGE_PUT },
		{ "renewal of a second address", 0, 5, R, 0, 0, NET(106), 0, NAK,
			DHCP_REASON_OTHER_ADDRESS, 0, 0 },
		{ "renewal outside the ranges", 0, 6, R, 0, 0, NET(20), 0, NAK,
			DHCP_REASON_NOT_IN_RANGE, 0, 0 },
		{ "renewal of an unknown subnet", 0, 6, R, 0, 0, 0xc0a80001, 0, NO,
			DHCP_REASON_NO_SUBNET, 0, 0 },
		{ "INFORM of an unknown subnet", 0, 6, INF, 0, 0, 0xc0a80001, 0, NO,
			DHCP_REASON_NO_SUBNET, 0, 0 },
		{ "INFORM", 0, 6, INF, 0, 0, NET(20), 0, ACK, DHCP_REASON_INFORMED, 0, 0 },
		{ "DISCOVER with an address of elsewhere", 0, 7, D, 0, 0, FAR(100), 0, OFFER,
			DHCP_REASON_OFFERED, NET(101), 0 },
		{ "relayed", 0, 8, D, 0, 0, 0, FAR(1), OFFER, DHCP_REASON_OFFERED, FAR(100), 0 },
		{ "relayed REQUEST", 0, 8, R, SERVER, FAR(100), 0, FAR(1), ACK, DHCP_REASON_LEASED,
			FAR(100), DHCP_CHANGE_PUT },
		{ "renewal past the relay", 0, 8, R, 0, 0, FAR(100), 0, ACK, DHCP_REASON_RENEWED,
			FAR(100), DHCP_CHANGE_PUT },
		{ "REBINDING through the relay", 0, 8, R, 0, 0, FAR(100), FAR(1), ACK,
			DHCP_REASON_RENEWED, FAR(100), DHCP_CHANGE_PUT },
		{ "INIT-REBOOT through the relay", 0, 8, R, 0, FAR(100), 0, FAR(1), ACK,
			DHCP_REASON_RENEWED, FAR(100), DHCP_CHANGE_PUT },
		{ "INIT-REBOOT, not the relay's network", 0, 8, R, 0, NET(100), 0, FAR(1), NAK,
			DHCP_REASON_WRONG_NETWORK, 0, 0 },
		{ "relay of an unknown subnet", 0, 9, D, 0, 0, 0, 0xc0a80001, NO,
			DHCP_REASON_NO_SUBNET, 0, 0 },
	};
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	play(&w, rows, ARRAY_LEN(rows));
	pool_free(w.pool);
}

/* A wish that cannot be granted is no reason for silence (RFC 2131 section 4.3.1). */
static void test_impossible_wishes(void **state)
{
	static const struct packet_row rows[] = {
		{ "network", 0, 1, D, 0, NET(0), 0, 0, OFFER, DHCP_REASON_OFFERED, NET(100), 0 },
		{ "broadcast", 0, 1, D, 0, NET(255), 0, 0, OFFER, DHCP_REASON_OFFERED, NET(100),
			0 },
		{ "the server's own", 0, 1, D, 0, SERVER, 0, 0, OFFER, DHCP_REASON_OFFERED,
			NET(100), 0 },
		{ "outside the ranges", 0, 1, D, 0, NET(20), 0, 0, OFFER, DHCP_REASON_OFFERED,
			NET(100), 0 },
		{ "another subnet", 0, 1, D, 0, FAR(100), 0, 0, OFFER, DHCP_REASON_OFFERED,
			NET(100), 0 },
		{ "elsewhere", 0, 1, D, 0, 0xffffffff, 0, 0, OFFER, DHCP_REASON_OFFERED, NET(100),
			0 },
		{ "another host's", 0, 2, D, 0, NET(100), 0, 0, OFFER, DHCP_REASON_OFFERED,
			NET(101), 0 },
		{ "possible", 0, 3, D, 0, NET(150), 0, 0, OFFER, DHCP_REASON_OFFERED, NET(150), 0 },
	};
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	play(&w, rows, ARRAY_LEN(rows));
	pool_free(w.pool);
}

/* RFC 2131 section 4.3.1: what an ACK says agrees with its offer. */
static void test_ack_agrees(void **state)
{
	struct dhcp_query q = query(DHCP_DISCOVER, DHCP_CLIENT_PXE, 1);
	struct dhcp_decision offer, ack;
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	offer = ask(&w, &q);
	q.type = DHCP_REQUEST;
	q.server_id = SERVER;
	q.requested = offer.reply.yiaddr;
	ack = ask(&w, &q);
	assert_int_equal(offer.reply.type, DHCP_OFFER);
	assert_int_equal(ack.reply.type, DHCP_ACK);
	offer.reply.type = DHCP_ACK;
	assert_memory_equal(&offer.reply, &ack.reply, sizeof ack.reply);
	pool_free(w.pool);
}

/* Only an address that the client never had is asked for before it is offered. */
static void test_probe(void **state)
{
	enum act { ASK, TAKE, LEAVE, REST };
	static const struct {
		const char *name;
		unsigned wait_s, host;
		enum act act;
		uint32_t addr;
		bool probe;
	} rows[] = {
		{ "the first time", 0, 1, ASK, NET(100), true },
		{ "asked again at once", 0, 1, ASK, NET(100), false },
		{ "not taken up in its time", 61, 1, ASK, NET(100), true },
		{ "somebody uses it", 0, 1, REST, NET(100), false },
		{ "then another one", 0, 1, ASK, NET(101), true },
		{ "taken", 0, 1, TAKE, NET(101), false },
		{ "its own", 0, 1, ASK, NET(101), false },
		{ "its own after the lease", 9000, 1, ASK, NET(101), false },
		{ "taken", 0, 1, TAKE, NET(101), false },
		{ "given up", 0, 1, LEAVE, NET(101), false },
		{ "its own after that", 0, 1, ASK, NET(101), false },
		{ "another host, which wishes for it later", 90, 2, ASK, NET(101), true },
		{ "the former owner gets another one", 0, 1, ASK, NET(100), true },
	};
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	w.cfg.probe = true;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const enum dhcp_type types[] = { DHCP_DISCOVER, DHCP_REQUEST, DHCP_RELEASE };
		struct dhcp_query q = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, rows[i].host);
		struct dhcp_decision d;

		print_message("row: %s\n", rows[i].name);
		w.now += (uint64_t)rows[i].wait_s * 1000;
		if (rows[i].act == REST) {
			assert_int_equal(pool_rest(w.pool, rows[i].addr, w.now), 0);
			continue;
		}
		q.type = (uint8_t)types[rows[i].act];
		q.server_id = rows[i].act == ASK ? 0 : SERVER;
		q.requested = rows[i].act == LEAVE ? 0 : rows[i].addr;
		q.ciaddr = rows[i].act == LEAVE ? rows[i].addr : 0;
		d = ask(&w, &q);
		assert_int_equal(d.probe, rows[i].probe);
		if (rows[i].act == ASK)
			assert_int_equal(d.reply.yiaddr, rows[i].addr);
		w.cfg.probe = false;
		if (rows[i].act == ASK)
			assert_false(ask(&w, &q).probe);
		w.cfg.probe = true;
	}
	pool_free(w.pool);
}

/* Beside another server of the same network nothing is refused that it may know better. */
static void test_not_authoritative(void **state)
{
	static const struct packet_row rows[] = {
		{ "INIT-REBOOT, wrong network", 0, 4, R, 0, FAR(100), 0, 0, NO,
			DHCP_REASON_WRONG_NETWORK, 0, 0 },
		{ "INIT-REBOOT, no record", 0, 4, R, 0, NET(104), 0, 0, NO, DHCP_REASON_NO_RECORD,
			0, 0 },
		{ "renewal without a record", 0, 4, R, 0, 0, NET(104), 0, NO, DHCP_REASON_NO_RECORD,
			0, 0 },
		{ "a lease", 0, 4, R, SERVER, NET(104), 0, 0, ACK, DHCP_REASON_LEASED, NET(104),
			DHCP_CHANGE_PUT },
		{ "renewal", 0, 4, R, 0, 0, NET(104), 0, ACK, DHCP_REASON_RENEWED, NET(104),
			DHCP_CHANGE_PUT },
		{ "renewal of another's", 0, 5, R, 0, 0, NET(104), 0, NO, DHCP_REASON_NO_RECORD, 0,
			0 },
		{ "not its address: that we know", 0, 4, R, 0, NET(105), 0, 0, NAK,
			DHCP_REASON_OTHER_ADDRESS, 0, 0 },
	};
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	w.cfg.authoritative = false;
	play(&w, rows, ARRAY_LEN(rows));
	pool_free(w.pool);
}

static void test_unknown_hosts(void **state)
{
	struct world w;
	struct dhcp_query q;
	struct dhcp_decision d;

	(void)state;
	world_init(&w, DHCP_FULL);
	w.known = false;
	for (unsigned host = 1; host <= 25; host++) {
		q = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, host);
		d = ask(&w, &q);
		assert_true(d.answer);
		assert_int_equal(d.reply.lease_s, DHCP_GUEST_LEASE_S);
	}
	q = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, 26);
	d = ask(&w, &q);
	assert_false(d.answer);
	assert_int_equal(d.reason, DHCP_REASON_GUESTS_FULL);
	w.known = true;
	d = ask(&w, &q);
	assert_int_equal(d.reply.lease_s, 3600);
	pool_free(w.pool);
}

/* Rows {name, admitted, subnet's lease, renewal, rebinding -> lease, T1, T2}; [dhcp]: one hour. */
static void test_times(void **state)
{
	static const struct {
		const char *name;
		bool known;
		uint32_t lease_s, renew_s, rebind_s, want[3];
		struct config_told host;
	} rows[] = {
		{ "by the rule", true, 0, 0, 0, { 3600, 1800, 3150 }, { 0 } },
		{ "the subnet's lease", true, 800, 0, 0, { 800, 400, 700 }, { 0 } },
		{ "all three", true, 900, 100, 200, { 900, 100, 200 }, { 0 } },
		{ "a guest's is short", false, 900, 500, 800, { 120, 60, 105 }, { 0 } },
		{ "a guest's is not longer than others'", false, 60, 20, 50, { 60, 20, 50 },
			{ 0 } },
		{ "the host's lease, by the rule", true, 900, 100, 200, { 80, 40, 70 },
			{ .lease_s = 80 } },
		{ "all three of the host", true, 900, 100, 200, { 80, 7, 9 },
			{ .lease_s = 80, .renew_s = 7, .rebind_s = 9 } },
		{ "a host without times", true, 900, 100, 200, { 900, 100, 200 }, { .router = 1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, 1);
		struct dhcp_decision d;
		struct world w;

		print_message("row: %s\n", rows[i].name);
		world_init(&w, DHCP_FULL);
		w.known = rows[i].known;
		w.told = &rows[i].host;
		w.subnets[2].told.lease_s = rows[i].lease_s;
		w.subnets[2].told.renew_s = rows[i].renew_s;
		w.subnets[2].told.rebind_s = rows[i].rebind_s;
		d = ask(&w, &q);
		assert_int_equal(d.reply.lease_s, rows[i].want[0]);
		assert_int_equal(d.reply.t1_s, rows[i].want[1]);
		assert_int_equal(d.reply.t2_s, rows[i].want[2]);
		q.type = DHCP_REQUEST;
		q.server_id = SERVER;
		q.requested = d.reply.yiaddr;
		d = ask(&w, &q);
		assert_int_equal(d.change.expires_ms, START + rows[i].want[0] * 1000u);
		pool_free(w.pool);
	}
}

static void test_pool_full(void **state)
{
	struct world w;
	struct dhcp_decision d;
	struct dhcp_query q;

	(void)state;
	world_init(&w, DHCP_FULL);
	for (unsigned host = 1; host <= 101; host++) {
		q = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, host);
		d = ask(&w, &q);
		assert_int_equal(
			d.reason, host <= 100 ? DHCP_REASON_OFFERED : DHCP_REASON_POOL_FULL);
	}
	pool_free(w.pool);
}

/* ---- boot data: rows {name, mode, port, client, arch, type, ...} -> a line ---- */

static void describe(const struct dhcp_decision *d, char *out, size_t size)
{
	static const char *const types[] = {
		[DHCP_OFFER] = "offer", [DHCP_ACK] = "ack", [DHCP_NAK] = "nak"
	};
	const struct dhcp_reply *r = &d->reply;

	if (d->answer)
		snprintf(out, size, "%s%s%s%s%s%s%s%s%s", types[r->type],
			r->yiaddr ? " address" : "", r->mask ? " network" : "",
			r->siaddr ? " siaddr" : "", r->vendor_pxe ? " PXEClient" : "",
			r->vendor_http ? " HTTPClient" : "", r->pxe_bypass ? " bypass" : "",
			r->ipxe_no_proxy ? " no-proxy" : "", r->file[0] ? " " : "");
	else
		snprintf(out, size, "%s", dhcp_reason_text(d->reason));
	if (d->answer)
		strncat(out, r->file, size - strlen(out) - 1);
}

static void test_boot_data(void **state)
{
	enum {
		X = DHCP_CLIENT_OTHER,
		P = DHCP_CLIENT_PXE,
		H = DHCP_CLIENT_HTTP,
		I = DHCP_CLIENT_IPXE,
		A = DHCP_CLIENT_AGENT
	};
	enum plan { PLAN, NO_PLAN, URL_PLAN, NAME_PLAN };
	static const struct {
		const char *name;
		enum dhcp_mode mode;
		bool port4011;
		int client;
		uint16_t arch;
		int type;
		enum plan plan;
		const char *want;
	} rows[] = {
		{ "full: BIOS", DHCP_FULL, 0, P, 0, D, PLAN,
			"offer address network siaddr snponly.efi" },
		{ "full: UEFI", DHCP_FULL, 0, P, 7, D, PLAN,
			"offer address network siaddr snponly.efi" },
		{ "full: HTTP boot", DHCP_FULL, 0, H, 16, D, PLAN,
			"offer address network siaddr HTTPClient " UKI },
		{ "full: iPXE", DHCP_FULL, 0, I, 7, D, PLAN,
			"offer address network siaddr no-proxy " SCRIPT },
		{ "full: iPXE that cannot do HTTP", DHCP_FULL, 0, I, 0, D, NAME_PLAN,
			"offer address network siaddr no-proxy undionly.kpxe" },
		{ "full: agent", DHCP_FULL, 0, A, 0xffff, D, PLAN,
			"offer address network siaddr " URL },
		{ "full: anything else", DHCP_FULL, 0, X, 0xffff, D, PLAN,
			"offer address network" },
		{ "full: unknown architecture", DHCP_FULL, 0, P, 999, D, NO_PLAN,
			"offer address network" },
		{ "full: nothing to boot", DHCP_FULL, 0, P, 7, D, NO_PLAN,
			"offer address network" },
		{ "full: HTTP boot, nothing to boot", DHCP_FULL, 0, H, 16, D, NO_PLAN,
			"offer address network" },
		{ "full: PXE cannot load a URL", DHCP_FULL, 0, P, 7, D, URL_PLAN,
			"offer address network" },
		{ "full: HTTP boot cannot load a name", DHCP_FULL, 0, H, 16, D, NAME_PLAN,
			"offer address network" },
		{ "full: INFORM by the agent", DHCP_FULL, 0, A, 0xffff, INF, PLAN,
			"ack network siaddr " URL },
		{ "full: INFORM by iPXE", DHCP_FULL, 0, I, 7, INF, PLAN,
			"ack network siaddr no-proxy " SCRIPT },
		{ "full: port 4011", DHCP_FULL, 1, P, 7, R, PLAN,
			"ack siaddr PXEClient snponly.efi" },
		{ "proxy: BIOS", DHCP_PROXY, 0, P, 0, D, PLAN,
			"offer siaddr PXEClient bypass snponly.efi" },
		{ "proxy: UEFI goes to 4011", DHCP_PROXY, 0, P, 7, D, PLAN,
			"offer siaddr PXEClient" },
		{ "proxy: UEFI at 4011", DHCP_PROXY, 1, P, 7, R, PLAN,
			"ack siaddr PXEClient snponly.efi" },
		{ "proxy: BIOS at 4011", DHCP_PROXY, 1, P, 0, R, PLAN,
			"ack siaddr PXEClient snponly.efi" },
		{ "proxy: iPXE at 4011", DHCP_PROXY, 1, I, 7, R, PLAN,
			"ack siaddr PXEClient " SCRIPT },
		{ "proxy: iPXE", DHCP_PROXY, 0, I, 7, D, PLAN,
			"offer siaddr PXEClient bypass " SCRIPT },
		{ "proxy: HTTP boot", DHCP_PROXY, 0, H, 16, D, PLAN,
			"offer siaddr HTTPClient " UKI },
		{ "proxy: anything else", DHCP_PROXY, 0, X, 0xffff, D, PLAN,
			"proxy mode answers network boot only" },
		{ "proxy: the agent asks another server", DHCP_PROXY, 0, A, 0xffff, D, PLAN,
			"proxy mode answers network boot only" },
		{ "proxy: INFORM by the agent", DHCP_PROXY, 0, A, 0xffff, INF, PLAN,
			"ack siaddr " URL },
		{ "proxy: REQUEST is the other server's", DHCP_PROXY, 0, P, 7, R, PLAN,
			"message is for an address server" },
		{ "proxy: nothing to boot", DHCP_PROXY, 0, P, 7, D, NO_PLAN,
			"nothing to boot for this client" },
		{ "4011: UEFI without an offer before", DHCP_PROXY, 1, P, 7, INF, PLAN,
			"ack siaddr PXEClient snponly.efi" },
		{ "4011: unknown architecture", DHCP_PROXY, 1, P, 999, R, NO_PLAN,
			"nothing to boot for this client" },
		{ "4011: nothing to boot", DHCP_PROXY, 1, P, 7, R, NO_PLAN,
			"nothing to boot for this client" },
		{ "4011: DISCOVER", DHCP_PROXY, 1, P, 7, D, PLAN,
			"message is for an address server" },
		{ "4011: no firmware", DHCP_PROXY, 1, X, 0xffff, R, PLAN,
			"proxy mode answers network boot only" },
		{ "off: DISCOVER", DHCP_OFF, 0, P, 7, D, PLAN, "message is for an address server" },
		{ "off: 4011", DHCP_OFF, 1, P, 7, R, PLAN, "message is for an address server" },
		{ "off: INFORM by the agent", DHCP_OFF, 0, A, 0xffff, INF, PLAN,
			"ack siaddr " URL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q =
			query((enum dhcp_type)rows[i].type, (enum dhcp_client)rows[i].client, 1);
		struct world w;
		struct dhcp_env env;
		struct dhcp_decision d;
		char line[400] = "";

		print_message("row: %s\n", rows[i].name);
		world_init(&w, rows[i].mode);
		env = env_of(&w.cfg, (enum dhcp_client)rows[i].client);
		if (rows[i].plan != PLAN)
			env.boot = (struct dhcp_boot){ 0 };
		if (rows[i].plan == URL_PLAN)
			env.boot = (struct dhcp_boot){ .file = SCRIPT, .http_url = true };
		if (rows[i].plan == NAME_PLAN)
			env.boot = (struct dhcp_boot){ .file = "undionly.kpxe" };
		q.arch = rows[i].arch;
		q.port4011 = rows[i].port4011;
		if (rows[i].type == INF || rows[i].port4011)
			q.ciaddr = NET(20);
		dhcp_decide(&env, w.pool, &q, w.now, &d);
		describe(&d, line, sizeof line);
		assert_string_equal(line, rows[i].want);
		pool_free(w.pool);
	}
}

/* Firmware that needs another form of offer (protocol: PXE 2.1 section 2.2, and what was seen). */
static void test_forms(void **state)
{
	enum { P = DHCP_CLIENT_PXE, H = DHCP_CLIENT_HTTP, I = DHCP_CLIENT_IPXE };
	static const struct {
		const char *name;
		enum dhcp_mode mode;
		bool port4011;
		int client;
		uint16_t arch;
		int type;
		struct config_form form;
		const char *want;
		int file_in;
	} rows[] = {
		{ "full: EDK2 with 60 and without 43 asks 4011 for the file", DHCP_FULL, 0, P, 7, D,
			{ .option_60 = CHOICE_YES },
			"offer address network siaddr PXEClient snponly.efi", DHCP_FILE_BOTH },
		{ "full: and is answered there", DHCP_FULL, 1, P, 7, R, { .option_60 = CHOICE_YES },
			"ack siaddr PXEClient snponly.efi", DHCP_FILE_BOTH },
		{ "full: 43 keeps EDK2 from 4011", DHCP_FULL, 0, P, 7, D,
			{ .option_43 = CHOICE_YES },
			"offer address network siaddr PXEClient bypass snponly.efi",
			DHCP_FILE_BOTH },
		{ "full: a BIOS ROM that wants 60 gets 43 with it", DHCP_FULL, 0, P, 0, D,
			{ .option_60 = CHOICE_YES },
			"offer address network siaddr PXEClient bypass snponly.efi",
			DHCP_FILE_BOTH },
		{ "full: unless it chokes on it", DHCP_FULL, 0, P, 0, D,
			{ .option_60 = CHOICE_YES, .option_43 = CHOICE_NO },
			"offer address network siaddr PXEClient snponly.efi", DHCP_FILE_BOTH },
		{ "full: iPXE never gets 60, or it waits for 4011", DHCP_FULL, 0, I, 7, D,
			{ .option_60 = CHOICE_YES, .option_43 = CHOICE_YES },
			"offer address network siaddr no-proxy " SCRIPT, DHCP_FILE_BOTH },
		{ "full: HTTP boot has a class of its own", DHCP_FULL, 0, H, 16, D,
			{ .option_60 = CHOICE_NO }, "offer address network siaddr HTTPClient " UKI,
			DHCP_FILE_BOTH },
		{ "full: an old ROM that reads the header alone", DHCP_FULL, 0, P, 0, D,
			{ .boot_file = DHCP_FILE_HEADER },
			"offer address network siaddr snponly.efi", DHCP_FILE_HEADER },
		{ "proxy: UEFI that honours 43 needs no 4011", DHCP_PROXY, 0, P, 7, D,
			{ .option_43 = CHOICE_YES }, "offer siaddr PXEClient bypass snponly.efi",
			DHCP_FILE_BOTH },
		{ "proxy: a BIOS ROM without 43 is sent to 4011", DHCP_PROXY, 0, P, 0, D,
			{ .option_43 = CHOICE_NO }, "offer siaddr PXEClient", DHCP_FILE_BOTH },
		{ "proxy: and is answered there", DHCP_PROXY, 1, P, 0, R,
			{ .option_43 = CHOICE_NO, .boot_file = DHCP_FILE_OPTION },
			"ack siaddr PXEClient snponly.efi", DHCP_FILE_OPTION },
		{ "proxy: IA32 UEFI goes to 4011 too", DHCP_PROXY, 0, P, 6, D, { 0 },
			"offer siaddr PXEClient", DHCP_FILE_BOTH },
		{ "proxy: iPXE takes the file from the offer, 43 or not", DHCP_PROXY, 0, I, 7, D,
			{ 0 }, "offer siaddr PXEClient bypass " SCRIPT, DHCP_FILE_BOTH },
		{ "proxy: HTTP boot has no 4011", DHCP_PROXY, 0, H, 16, D,
			{ .option_43 = CHOICE_NO }, "offer siaddr HTTPClient " UKI,
			DHCP_FILE_BOTH },
		{ "proxy: HTTP boot at 4011 is none of ours", DHCP_PROXY, 1, H, 16, R, { 0 },
			"proxy mode answers network boot only", DHCP_FILE_BOTH },
		{ "proxy: who calls himself iPXE and names no machine", DHCP_PROXY, 0, I,
			DHCP_ARCH_NONE, D, { 0 }, "proxy mode answers network boot only",
			DHCP_FILE_BOTH },
		{ "proxy: INFORM on 4011", DHCP_PROXY, 1, P, 0, INF, { 0 },
			"ack siaddr PXEClient snponly.efi", DHCP_FILE_BOTH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q =
			query((enum dhcp_type)rows[i].type, (enum dhcp_client)rows[i].client, 1);
		struct world w;
		struct dhcp_env env;
		struct dhcp_decision d;
		char line[400] = "";

		print_message("row: %s\n", rows[i].name);
		world_init(&w, rows[i].mode);
		env = env_of(&w.cfg, (enum dhcp_client)rows[i].client);
		env.boot.form = rows[i].form;
		q.arch = rows[i].arch;
		q.port4011 = rows[i].port4011;
		q.ciaddr = rows[i].port4011 ? NET(20) : 0;
		dhcp_decide(&env, w.pool, &q, w.now, &d);
		describe(&d, line, sizeof line);
		assert_string_equal(line, rows[i].want);
		assert_int_equal(d.reply.file_in, rows[i].file_in);
		pool_free(w.pool);
	}
}

/*
 * A proxy behind a relay: the offer goes where the relay is, and names us as its sender, since iPXE
 * compares that with the answer from port 4011, which no relay passes on.
 */
static void test_proxy_behind_a_relay(void **state)
{
	struct dhcp_query q = query(DHCP_DISCOVER, DHCP_CLIENT_IPXE, 1);
	struct dhcp_decision d;
	struct world w;

	(void)state;
	world_init(&w, DHCP_PROXY);
	q.giaddr = FAR(1);
	q.id_override = FAR(1);
	d = ask(&w, &q);
	assert_int_equal(d.reply.type, DHCP_OFFER);
	assert_int_equal(d.reply.server_id, SERVER);
	assert_int_equal(d.reply.siaddr, SERVER);

	q = query(DHCP_REQUEST, DHCP_CLIENT_IPXE, 1);
	q.port4011 = true;
	q.server_id = SERVER;
	q.ciaddr = q.src_addr = FAR(20);
	d = ask(&w, &q);
	assert_int_equal(d.reply.type, DHCP_ACK);
	assert_int_equal(d.reply.server_id, SERVER);

	q.server_id = OTHER;
	d = ask(&w, &q);
	assert_string_equal(dhcp_reason_text(d.reason), dhcp_reason_text(DHCP_REASON_OTHER_SERVER));
	pool_free(w.pool);
}

static void set(struct dhcp_options *o, const char *key, const char *text)
{
	char err[200];

	assert_int_equal(dhcp_options_set(o, key, text, err, sizeof err), 0);
}

/* What is set for the host comes before the subnet's, and that before everybody's. */
static void test_network_data(void **state)
{
	static const char want[] = "\x1c\x00\x04\x0a\x4d\x00\xff\x0c\x00\x03n01"
				   "\x2a\x00\x04\x0a\x4d\x00\x03\x0f\x00\x03lab"
				   "\x79\x00\x0b\x08\x0b\x0a\x4d\x00\x02\x00\x0a\x4d\x00\x08"
				   "\x06\x00\x04\x0a\x4d\x00\x01";
	struct dhcp_query q = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, 1);
	struct config_told host = { .router = 0x0a4d0008 };
	struct dhcp_decision d;
	struct dhcp_env env;
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	set(&host.options, "ntp", "10.77.0.3");
	set(&w.subnets[2].told.options, "ntp", "10.77.0.2");
	set(&w.subnets[2].told.options, "domain", "lab");
	set(&w.subnets[2].told.options, "route", "11.0.0.0/8 via 10.77.0.2");
	set(&w.subnets[0].told.options, "mtu", "1400");
	set(&w.cfg.told.options, "dns", "10.77.0.1");
	set(&w.cfg.told.options, "domain", "all");
	env = env_of(&w.cfg, DHCP_CLIENT_OTHER);
	env.told = &host;
	dhcp_decide(&env, w.pool, &q, w.now, &d);
	assert_int_equal(d.reply.mask, 0xffffff00);
	assert_int_equal(d.reply.router, 0x0a4d0008);
	assert_int_equal(d.reply.options_len, sizeof want - 1);
	assert_memory_equal(d.reply.options, want, sizeof want - 1);
	assert_int_equal(d.reply.t1_s, 1800);
	assert_int_equal(d.reply.t2_s, 3150);
	pool_free(w.pool);
}

/* Rows {name, 82.5, 118, giaddr, ciaddr of a renewal -> the subnet of the address}; NO: none. */
static void test_which_subnet(void **state)
{
	enum { ELSEWHERE = 0xc0a80001 };
	static const struct {
		const char *name;
		uint32_t link_select, subnet_select, giaddr, ciaddr, want;
	} rows[] = {
		{ "interface", 0, 0, 0, 0, NET(0) },
		{ "ciaddr", 0, 0, 0, FAR(100), FAR(0) },
		{ "relay before ciaddr", 0, 0, FAR(1), NET(100), NO },
		{ "relay", 0, 0, FAR(1), 0, FAR(0) },
		{ "subnet selection before the interface", 0, FAR(0), 0, 0, FAR(0) },
		{ "subnet selection before the relay", 0, NET(0), FAR(1), 0, NET(0) },
		{ "subnet selection before ciaddr", 0, NET(0), 0, FAR(100), NO },
		{ "link selection before subnet selection", FAR(0), NET(0), NET(1), 0, FAR(0) },
		{ "unknown subnet selection", 0, ELSEWHERE, FAR(1), 0, NO },
		{ "unknown link selection", ELSEWHERE, FAR(0), FAR(1), 0, NO },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q =
			query(rows[i].ciaddr ? DHCP_REQUEST : DHCP_DISCOVER, DHCP_CLIENT_OTHER, 1);
		struct dhcp_decision d;
		struct world w;

		print_message("row: %s\n", rows[i].name);
		world_init(&w, DHCP_FULL);
		q.link_select = rows[i].link_select;
		q.subnet_select = rows[i].subnet_select;
		q.giaddr = rows[i].giaddr;
		q.ciaddr = rows[i].ciaddr;
		d = ask(&w, &q);
		assert_int_equal(d.reply.yiaddr & 0xffffff00, rows[i].want);
		pool_free(w.pool);
	}
}

/* RFC 4039: rows {name, configured, asked for, client -> reply}. */
static void test_rapid_commit(void **state)
{
	static const struct {
		const char *name;
		bool configured, asked;
		enum dhcp_client client;
		int want;
	} rows[] = {
		{ "an operating system", true, true, DHCP_CLIENT_OTHER, ACK },
		{ "the agent", true, true, DHCP_CLIENT_AGENT, ACK },
		{ "not asked for", true, false, DHCP_CLIENT_OTHER, OFFER },
		{ "not configured", false, true, DHCP_CLIENT_OTHER, OFFER },
		{ "PXE", true, true, DHCP_CLIENT_PXE, OFFER },
		{ "HTTP boot", true, true, DHCP_CLIENT_HTTP, OFFER },
		{ "iPXE", true, true, DHCP_CLIENT_IPXE, OFFER },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q = query(DHCP_DISCOVER, rows[i].client, 1);
		struct dhcp_decision d;
		struct world w;

		print_message("row: %s\n", rows[i].name);
		world_init(&w, DHCP_FULL);
		w.cfg.rapid_commit = rows[i].configured;
		q.rapid_commit = rows[i].asked;
		d = ask(&w, &q);
		assert_int_equal(d.reply.type, rows[i].want);
		assert_int_equal(d.reply.yiaddr, NET(100));
		assert_int_equal(d.reply.rapid_commit, rows[i].want == ACK);
		assert_int_equal(
			d.change.op, rows[i].want == ACK ? DHCP_CHANGE_PUT : DHCP_CHANGE_NONE);
		assert_int_equal(pool_by_addr(w.pool, NET(100))->state,
			rows[i].want == ACK ? LEASE_LEASED : LEASE_OFFERED);
		pool_free(w.pool);
	}
}

/* RFC 5107: what the relay wants to be called is given, and taken back in a REQUEST. */
static void test_relay_options(void **state)
{
	struct dhcp_query q = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, 1);
	struct dhcp_decision d;
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	q.giaddr = 0x0a0a0a0a; /* of no subnet: the link selection says which (RFC 3527) */
	q.link_select = FAR(0);
	q.id_override = FAR(1);
	d = ask(&w, &q);
	assert_int_equal(d.reply.yiaddr, FAR(100));
	assert_int_equal(d.reply.server_id, FAR(1));
	q.type = DHCP_REQUEST;
	q.server_id = FAR(1);
	q.requested = FAR(100);
	d = ask(&w, &q);
	assert_int_equal(d.reply.type, DHCP_ACK);
	pool_free(w.pool);
}

/*
 * RFC 5107 again: with the relay as its server, a client renews and gives up through the relay,
 * which adds the same options; and what comes past it is taken as well.
 */
static void test_renewal_through_relay(void **state)
{
	static const struct {
		const char *name;
		int type;
		bool relayed;
		uint32_t server_id, requested, ciaddr;
		int want;
		enum dhcp_reason reason;
	} rows[] = {
		{ "offer", D, true, 0, 0, 0, OFFER, DHCP_REASON_OFFERED },
		{ "lease", R, true, FAR(1), FAR(100), 0, ACK, DHCP_REASON_LEASED },
		{ "our own identifier is as good", R, true, SERVER, FAR(100), 0, ACK,
			DHCP_REASON_LEASED },
		{ "renewal through the relay", R, true, 0, 0, FAR(100), ACK, DHCP_REASON_RENEWED },
		{ "renewal past the relay", R, false, 0, 0, FAR(100), ACK, DHCP_REASON_RENEWED },
		{ "renewal of the link's other subnet", R, true, 0, 0, ANNEX(7), NAK,
			DHCP_REASON_OTHER_ADDRESS },
		{ "renewal of another link's address", R, true, 0, 0, NET(100), NAK,
			DHCP_REASON_WRONG_NETWORK },
		{ "another relay's identifier", R, true, FAR(2), FAR(100), 0, NO,
			DHCP_REASON_OTHER_SERVER },
		{ "an override that nobody made", REL, false, FAR(1), 0, FAR(100), NO,
			DHCP_REASON_OTHER_SERVER },
		{ "decline through the relay", DECL, true, FAR(1), FAR(100), 0, NO,
			DHCP_REASON_DECLINED },
		{ "another offer", D, true, 0, 0, 0, OFFER, DHCP_REASON_OFFERED },
		{ "another lease", R, true, FAR(1), FAR(101), 0, ACK, DHCP_REASON_LEASED },
		{ "release through the relay", REL, true, FAR(1), 0, FAR(101), NO,
			DHCP_REASON_RELEASED },
	};
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q = query((enum dhcp_type)rows[i].type, DHCP_CLIENT_OTHER, 1);
		struct dhcp_decision d;

		print_message("row: %s\n", rows[i].name);
		q.server_id = rows[i].server_id;
		q.requested = rows[i].requested;
		q.ciaddr = rows[i].ciaddr;
		if (rows[i].relayed) {
			q.giaddr = 0x0a0a0a0a; /* the relay's address on our side */
			q.link_select = FAR(0);
			q.id_override = FAR(1);
		}
		d = ask(&w, &q);
		assert_string_equal(dhcp_reason_text(d.reason), dhcp_reason_text(rows[i].reason));
		assert_int_equal(d.answer ? d.reply.type : NO, rows[i].want);
		if (d.answer)
			assert_int_equal(d.reply.server_id, rows[i].relayed ? FAR(1) : SERVER);
	}
	pool_free(w.pool);
}

static bool tells_addr(const struct dhcp_reply *r, uint8_t tag, uint32_t addr)
{
	struct dhcp_option o;
	struct rd rd;

	if (!dhcp_options_find(r->options, r->options_len, tag, &o) || o.len != 4)
		return false;
	rd = (struct rd){ o.val, o.val + o.len, false };
	return rd_u32(&rd) == addr;
}

/* Two subnets on one link: either is right, and mask, router and options are the address's own. */
static void test_shared_network(void **state)
{
	struct dhcp_query q = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, 1);
	struct dhcp_decision d;
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	q.giaddr = FAR(1);
	w.host = 1;
	assert_int_equal(pool_reserve(w.pool, 1, ANNEX(7), NULL, 0, START), 0);
	d = ask(&w, &q);
	assert_int_equal(d.reply.yiaddr, ANNEX(7));
	assert_int_equal(d.reply.router, ANNEX(1));
	assert_true(tells_addr(&d.reply, DHCP_OPT_BROADCAST, ANNEX(255)));
	q.type = DHCP_REQUEST;
	q.requested = ANNEX(7); /* INIT-REBOOT */
	assert_int_equal(ask(&w, &q).reply.type, DHCP_ACK);
	q.requested = 0;
	q.ciaddr = ANNEX(7);
	d = ask(&w, &q);
	assert_int_equal(d.reply.type, DHCP_ACK);
	assert_int_equal(d.reply.router, ANNEX(1));
	q.type = DHCP_INFORM;
	assert_int_equal(ask(&w, &q).reply.router, ANNEX(1));
	q.ciaddr = FAR(9);
	assert_int_equal(ask(&w, &q).reply.router, FAR(1));
	q.type = DHCP_REQUEST;
	q.ciaddr = 0;
	q.requested = NET(100);
	assert_int_equal(ask(&w, &q).reason, DHCP_REASON_WRONG_NETWORK);
	pool_free(w.pool);
}

/* A reservation through the states of RFC 2131. */
static void test_reservation(void **state)
{
	static const struct {
		const char *name;
		int64_t is; /* host in the inventory */
		unsigned card;
		int type;
		uint32_t server_id, requested, ciaddr;
		int want;
		enum dhcp_reason reason;
		uint32_t addr;
	} rows[] = {
		{ "before it is reserved", 1, 1, D, 0, 0, 0, OFFER, DHCP_REASON_OFFERED, NET(100) },
		{ "lease", 1, 1, R, SERVER, NET(100), 0, ACK, DHCP_REASON_LEASED, NET(100) },
		{ "reserve NET(50)", 1, 0, 0, 0, 0, 0, NO, 0, 0 },
		{ "another host cannot have it", 0, 2, R, SERVER, NET(50), 0, NAK,
			DHCP_REASON_ADDRESS_RESERVED, 0 },
		{ "nor reboot with it", 0, 2, R, 0, NET(50), 0, NAK, DHCP_REASON_NO_RECORD, 0 },
		{ "nor renew it", 0, 2, R, 0, 0, NET(50), NAK, DHCP_REASON_ADDRESS_RESERVED, 0 },
		{ "the old address may be renewed", 1, 1, R, 0, 0, NET(100), ACK,
			DHCP_REASON_RENEWED, NET(100) },
		{ "but not at a reboot", 1, 1, R, 0, NET(100), 0, NAK, DHCP_REASON_OTHER_ADDRESS,
			0 },
		{ "DISCOVER that asks for the old one", 1, 1, D, 0, NET(100), 0, OFFER,
			DHCP_REASON_OFFERED, NET(50) },
		{ "it still runs on the old one", 1, 1, R, 0, 0, NET(100), ACK, DHCP_REASON_RENEWED,
			NET(100) },
		{ "another server was chosen", 1, 1, R, OTHER, NET(44), 0, NO,
			DHCP_REASON_OTHER_SERVER, 0 },
		{ "SELECTING", 1, 1, R, SERVER, NET(50), 0, ACK, DHCP_REASON_LEASED, NET(50) },
		{ "INIT-REBOOT", 1, 1, R, 0, NET(50), 0, ACK, DHCP_REASON_RENEWED, NET(50) },
		{ "RENEWING", 1, 1, R, 0, 0, NET(50), ACK, DHCP_REASON_RENEWED, NET(50) },
		{ "a second machine of that host", 1, 3, D, 0, 0, 0, OFFER, DHCP_REASON_CONTESTED,
			NET(101) },
		{ "takes it all the same", 1, 3, R, SERVER, NET(50), 0, NAK,
			DHCP_REASON_ADDRESS_TAKEN, 0 },
		{ "or takes what it got", 1, 3, R, SERVER, NET(101), 0, ACK, DHCP_REASON_LEASED,
			NET(101) },
		{ "the first one goes", 1, 1, REL, SERVER, 0, NET(50), NO, DHCP_REASON_RELEASED,
			0 },
		{ "the second one follows", 1, 3, D, 0, 0, 0, OFFER, DHCP_REASON_OFFERED, NET(50) },
	};
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dhcp_query q =
			query((enum dhcp_type)rows[i].type, DHCP_CLIENT_OTHER, rows[i].card);
		struct dhcp_decision d;

		print_message("row: %s\n", rows[i].name);
		if (!rows[i].type) {
			assert_int_equal(pool_reserve(w.pool, 1, NET(50), NULL, 0, START), 0);
			continue;
		}
		w.host = rows[i].is;
		q.server_id = rows[i].server_id;
		q.requested = rows[i].requested;
		q.ciaddr = rows[i].ciaddr;
		d = ask(&w, &q);
		assert_string_equal(dhcp_reason_text(d.reason), dhcp_reason_text(rows[i].reason));
		assert_int_equal(d.answer ? d.reply.type : NO, rows[i].want);
		if (d.answer)
			assert_int_equal(d.reply.yiaddr, rows[i].addr);
	}
	pool_free(w.pool);
}

/* Two machines with one MAC address: the UUID tells them apart, whatever order its bytes have. */
static void test_cloned_mac(void **state)
{
	static const uint8_t swap[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct dhcp_query a = query(DHCP_DISCOVER, DHCP_CLIENT_PXE, 1), loader, b;
	struct dhcp_decision d;
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	w.host = 1;
	assert_int_equal(pool_reserve(w.pool, 1, NET(50), NULL, 0, START), 0);
	a.has_uuid = true;
	for (uint8_t i = 0; i < 16; i++)
		a.uuid[i] = (uint8_t)(i * 7 + 1);
	b = loader = a;
	b.uuid[15]++;
	for (int i = 0; i < 16; i++)
		loader.uuid[i] = a.uuid[swap[i]];
	assert_int_equal(ask(&w, &a).reply.yiaddr, NET(50));
	a.type = DHCP_REQUEST;
	a.server_id = SERVER;
	a.requested = NET(50);
	d = ask(&w, &a);
	assert_int_equal(d.reply.type, DHCP_ACK);
	assert_int_not_equal(d.change.machine, 0);
	assert_int_equal(ask(&w, &loader).reply.yiaddr, NET(50));
	d = ask(&w, &b);
	assert_int_equal(d.reason, DHCP_REASON_CONTESTED);
	assert_int_equal(d.reply.yiaddr, NET(100));
	pool_free(w.pool);
}

/* What rests is limited, and the server says so instead of giving its range away. */
static void test_declined_too_often(void **state)
{
	struct dhcp_query q = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, 1);
	struct dhcp_decision d;
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	for (unsigned i = 0; i <= POOL_DECLINES_MAX; i++) {
		q.type = DHCP_DISCOVER;
		q.server_id = 0;
		q.requested = ask(&w, &q).reply.yiaddr;
		q.type = DHCP_DECLINE;
		q.server_id = SERVER;
		d = ask(&w, &q);
		assert_int_equal(d.reason, i < POOL_DECLINES_MAX ? DHCP_REASON_DECLINED
								 : DHCP_REASON_DECLINED_TOO_OFTEN);
		assert_int_equal(d.change.op,
			i < POOL_DECLINES_MAX ? DHCP_CHANGE_DECLINE : DHCP_CHANGE_NONE);
	}
	pool_free(w.pool);
}

/* The answer to an agent's INFORM goes where it says: near, or where it came from. */
static void test_agent_inform(void **state)
{
	struct dhcp_query q = query(DHCP_INFORM, DHCP_CLIENT_AGENT, 1);
	struct dhcp_decision d;
	struct world w;

	(void)state;
	world_init(&w, DHCP_PROXY);
	q.ciaddr = 0x08080808;
	q.src_addr = NET(20);
	d = ask(&w, &q);
	assert_false(d.answer);
	q.src_addr = q.ciaddr;
	d = ask(&w, &q);
	assert_true(d.answer);
	assert_int_equal(d.reply.yiaddr, 0);
	assert_int_equal(d.reply.lease_s, 0);
	assert_int_equal(d.change.op, DHCP_CHANGE_NONE);
	pool_free(w.pool);
}

/* The same xid from two hosts is two hosts. A host that moves gives its old address back. */
static void test_two_hosts(void **state)
{
	struct dhcp_query a = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, 1);
	struct dhcp_query b = query(DHCP_DISCOVER, DHCP_CLIENT_OTHER, 2);
	struct dhcp_decision d;
	struct world w;

	(void)state;
	world_init(&w, DHCP_FULL);
	a.xid = b.xid = 42;
	assert_int_equal(ask(&w, &a).reply.yiaddr, NET(100));
	assert_int_equal(ask(&w, &b).reply.yiaddr, NET(101));
	a.type = DHCP_REQUEST;
	a.server_id = SERVER;
	a.requested = NET(100);
	d = ask(&w, &a);
	assert_int_equal(d.change.left[0], 0);
	assert_int_equal(d.change.expires_ms, START + 3600000);
	a.requested = NET(110);
	d = ask(&w, &a);
	assert_int_equal(d.change.addr, NET(110));
	assert_int_equal(d.change.left[0], NET(100));
	pool_free(w.pool);
}

static void test_reasons_have_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= DHCP_REASONS; i++)
		assert_non_null(dhcp_reason_text((enum dhcp_reason)i));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lease_life),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_impossible_wishes),
		cmocka_unit_test(test_ack_agrees),
		cmocka_unit_test(test_not_authoritative),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_unknown_hosts),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_pool_full),
		cmocka_unit_test(test_boot_data),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_proxy_behind_a_relay),
		cmocka_unit_test(test_network_data),
		cmocka_unit_test(test_which_subnet),
		cmocka_unit_test(test_rapid_commit),
		cmocka_unit_test(test_relay_options),
		cmocka_unit_test(test_renewal_through_relay),
		cmocka_unit_test(test_shared_network),
		cmocka_unit_test(test_reservation),
		cmocka_unit_test(test_cloned_mac),
		cmocka_unit_test(test_declined_too_often),
		cmocka_unit_test(test_agent_inform),
		cmocka_unit_test(test_two_hosts),
		cmocka_unit_test(test_reasons_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
