/*
 * fuzz_dhcp_policy.c: up to 16 packets from 4 clients under a fake clock, decided one after the
 * other, in a network of two subnets where one address is reserved for a host that any client may
 * claim to be. No address may be leased to two hosts at once, none outside the ranges but the
 * reserved one, that one to nobody else, and each reply must be one that net would send.
 *
 * Input: a byte of settings; then for each packet 6 bytes: client and type, how the server
 * identifier, the requested address and ciaddr are chosen, seconds to wait before it, kind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/dhcp_policy.h"
#include "server/net/dhcp_msg.h"
#include "tests/support/dhcp_packet.h"

#define SERVER	 0x0a4d0001u
#define ROUTER	 0x0a4d0064u
#define OUTSIDE	 0x0a4d0032u /* of the ranges */
#define RESERVED 1	     /* the host that has a reservation */
#define CLIENTS	 4
#define PACKETS	 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the clients were told: who may use which address until when. */
struct told {
	unsigned client;
	uint64_t until_ms; /* 0: nobody */
};

static void must(bool good)
{
	if (!good)
		abort();
}

/* Few addresses, so that the clients collide. */
static struct config_subnet subnets[] = {
	{ .net = 0x0a4d0000,
		.mask = 0xffffff00,
		.prefix = 24,
		.network = "lab",
		.n_ranges = 1,
		.ranges = { { ROUTER, ROUTER + 4 } },
		.n_excludes = 1,
		.excludes = { { ROUTER + 2, ROUTER + 2 } },
		.router = ROUTER },
	{ .net = 0x0a4e0000,
		.mask = 0xffff0000,
		.prefix = 16,
		.network = "lab",
		.n_ranges = 1,
		.ranges = { { 0x0a4e0101, 0x0a4e0102 } },
		.router = 0x0a4e0001 },
};

/* What may be given, and then what is asked for and may not. */
static const uint32_t addrs[] = { ROUTER + 1, ROUTER + 3, ROUTER + 4, 0x0a4e0101, 0x0a4e0102,
	OUTSIDE, ROUTER, ROUTER + 2, SERVER, 0x0a4e0001, 0, 0x08080808 };
#define GIVEN 6

static struct config config_of(uint8_t settings)
{
	return (struct config){ .lease_s = 3600,
		.authoritative = settings & 1,
		.dhcp_mode = settings & 2 ? DHCP_PROXY : DHCP_FULL,
		.n_subnets = ARRAY_LEN(subnets),
		.subnets = subnets };
}

static uint32_t reserved_of(uint8_t settings)
{
	return settings & 8 ? OUTSIDE : ROUTER + 3;
}

static unsigned index_of(uint32_t addr)
{
	unsigned i = 0;

	while (i < GIVEN && addrs[i] != addr)
		i++;
	must(i < GIVEN);
	return i;
}

static uint32_t some_addr(uint8_t pick)
{
	return addrs[pick % ARRAY_LEN(addrs)];
}

static struct dhcp_query query_of(const uint8_t b[6])
{
	static const uint8_t types[] = { DHCP_DISCOVER, DHCP_REQUEST, DHCP_DECLINE, DHCP_RELEASE,
		DHCP_INFORM };
	static const uint32_t ids[] = { 0, SERVER, 0x0a4d0002, SERVER };
	struct dhcp_query q = {
		.arch = b[5] % 20, .max_size = 576, .mac = { 0x52, 0x54, 0, 0, 0, b[0] % CLIENTS }
	};

	memcpy(q.chaddr, q.mac, sizeof q.mac);
	q.type = types[b[0] / CLIENTS % ARRAY_LEN(types)];
	q.client = b[5] / 20 % DHCP_CLIENTS;
	q.port4011 = b[5] > 240;
	q.server_id = ids[b[1] % 4];
	q.requested = b[2] & 0x80 ? 0 : some_addr(b[2]);
	q.ciaddr = b[3] & 0x80 ? 0 : some_addr(b[3]);
	return q;
}

static void check_reply(const struct dhcp_env *env, const struct dhcp_query *q,
	const struct dhcp_reply *r, uint32_t reserved)
{
	const struct dhcp_answer a = { *q, *r };
	uint8_t b[DHCP_PACKET_MAX];
	const uint8_t *val;
	size_t len;

	must(dhcp_answer_ok(&a));
	must(dhcp_msg_encode(q, r, b, &len) == 0);
	must(reply_option(b, len, 53, &val) == 1 && reply_option(b, len, 54, &val) == 4);
	if (r->yiaddr) {
		const struct config_subnet *s = config_subnet_of(env->cfg, r->yiaddr);

		must(index_of(r->yiaddr) < GIVEN && r->lease_s);
		must(r->mask == s->mask && r->router == s->router);
		must(r->yiaddr != OUTSIDE || reserved == OUTSIDE);
		must(r->yiaddr != reserved || env->host == RESERVED);
	}
	must(!r->pxe_bypass || r->vendor_pxe);
}

static void check_lease(
	struct told told[GIVEN], const struct dhcp_decision *d, unsigned client, uint64_t now_ms)
{
	struct told *t;

	if (!d->change.op)
		return;
	t = &told[index_of(d->change.addr)];
	must(t->until_ms <= now_ms || t->client == client);
	*t = (struct told){ client, d->change.op == DHCP_CHANGE_PUT ? d->change.expires_ms : 0 };
	if (d->change.left)
		told[index_of(d->change.left)].until_ms = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config cfg = config_of(size ? data[0] : 0);
	const uint32_t own = SERVER;
	struct dhcp_env env = { .cfg = &cfg,
		.addr = SERVER,
		.mask = 0xffffff00,
		.url = "http://10.77.0.1",
		.boot = { "snponly.efi", false } };
	const uint32_t reserved = reserved_of(size ? data[0] : 0);
	struct told told[GIVEN] = { 0 };
	struct dhcp_decision d;
	uint64_t now_ms = 1000000000000;
	struct pool *pool;

	if (pool_new(&cfg, &own, 1, &pool))
		return 0;
	must(pool_reserve(pool, RESERVED, reserved, NULL, 0, now_ms) == 0);
	for (size_t i = 0; i < PACKETS && (i + 1) * 6 < size; i++) {
		const uint8_t *b = data + 1 + i * 6;
		const struct dhcp_query q = query_of(b);

		now_ms += (uint64_t)b[4] * b[4] * 100;
		env.known = data[0] & 4 || b[1] & 8;
		env.host = b[1] & 0x30 ? 0 : RESERVED;
		must(dhcp_query_ok(&q));
		if (dhcp_decide(&env, pool, &q, now_ms, &d))
			check_reply(&env, &q, &d.reply, reserved);
		check_lease(told, &d, b[0] % CLIENTS, now_ms);
	}
	pool_free(pool);
	return 0;
}
