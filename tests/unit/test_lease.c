#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/lease.h"

#define NET   0x0a4d0000u /* 10.77.0.0/24 */
#define HOUR  3600000u
#define START 1000000000000u /* a wall clock: 2001 */

/* Subnet 0: 10.77.0.100-199, with router, server and DNS inside; subnet 1: 10.78.0.10-13. */
static const struct config_subnet two_subnets[2] = {
	{ .net = NET,
		.mask = 0xffffff00,
		.prefix = 24,
		.n_ranges = 1,
		.ranges = { { NET + 100, NET + 199 } },
		.told.router = NET + 100,
		.told.options = { 7, { DHCP_OPT_DNS, 0, 4, 10, 77, 0, 102 } } },
	{ .net = 0x0a4e0000,
		.mask = 0xffffff00,
		.prefix = 24,
		.n_ranges = 1,
		.ranges = { { 0x0a4e000a, 0x0a4e000d } } },
};

static struct config cfg_of(struct config_subnet subnets[2])
{
	memcpy(subnets, two_subnets, sizeof two_subnets);
	return (struct config){
		.told.lease_s = 3600, .authoritative = true, .n_subnets = 2, .subnets = subnets
	};
}

struct fixture {
	struct config_subnet subnets[2];
	struct config cfg;
	struct pool *pool;
};

static int setup(void **state)
{
	static struct fixture f;
	const uint32_t own[] = { NET + 1, NET + 101 };

	f.cfg = cfg_of(f.subnets);
	*state = &f;
	return pool_new(&f.cfg, own, 2, &f.pool);
}

static int teardown(void **state)
{
	pool_free(((struct fixture *)*state)->pool);
	return 0;
}

static struct pool_ask ask_of(unsigned host, bool known, uint32_t requested)
{
	return (struct pool_ask){ .mac = { 0x52, 0x54, 0, (uint8_t)(host >> 16),
					  (uint8_t)(host >> 8), (uint8_t)host },
		.known = known,
		.requested = requested };
}

/* Offer an address; 0 when there is none. */
static uint32_t offer(struct pool *p, unsigned host, bool known, uint32_t requested, uint64_t now)
{
	const struct pool_ask a = ask_of(host, known, requested);
	uint32_t addr = 0;

	pool_offer(p, &a, now, &addr);
	return addr;
}

static int commit(struct pool *p, unsigned host, bool known, uint32_t addr, uint64_t now)
{
	const struct pool_ask a = ask_of(host, known, addr);
	uint32_t left[POOL_LEFT_MAX];

	return pool_commit(p, &a, now + HOUR, now, left);
}

/* DNS servers that every subnet is told of are not given either. */
static void test_dns_of_all(void **state)
{
	struct config_subnet subnets[2];
	struct config c = cfg_of(subnets);
	struct pool *p;

	(void)state;
	c.told.options = (struct dhcp_options){ 7, { DHCP_OPT_DNS, 0, 4, 10, 77, 0, 111 } };
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	assert_int_equal(commit(p, 1, true, NET + 110, START), 0);
	assert_int_equal(commit(p, 2, true, NET + 111, START), -ENOENT);
	pool_free(p);
}

static int release(struct pool *p, unsigned host, uint32_t addr, uint64_t now)
{
	return pool_release(p, addr, ask_of(host, true, 0).mac, now);
}

/* The order of choice: own lease, own ended lease, the requested one, the least recently used. */
static void test_choose(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	uint64_t now = START;

	assert_int_equal(offer(p, 1, true, 0, now), NET + 103); /* 100-102 are taken */
	assert_int_equal(offer(p, 1, true, 0, now), NET + 103);
	assert_int_equal(offer(p, 1, true, NET + 150, now), NET + 103);
	assert_int_equal(commit(p, 1, true, NET + 103, now), 0);
	assert_int_equal(offer(p, 2, true, NET + 103, now), NET + 104);
	assert_int_equal(offer(p, 3, true, NET + 150, now), NET + 150);
	now += 2 * HOUR;
	assert_int_equal(offer(p, 1, true, NET + 160, now), NET + 103);
	assert_int_equal(offer(p, 4, true, 0, now), NET + 105);
	assert_int_equal(offer(p, 5, true, NET + 105, now), NET + 106);	 /* just offered */
	assert_int_equal(offer(p, 6, true, 0x0a4e000a, now), NET + 107); /* another subnet's */
	assert_int_equal(offer(p, 7, true, NET, now), NET + 108);
	assert_int_equal(offer(p, 8, true, NET + 255, now), NET + 109);
	assert_int_equal(offer(p, 9, true, NET + 101, now), NET + 110);
}

/* What the next hosts will get is known before they come. */
static void test_next(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	uint32_t next[4] = { 0 };

	assert_int_equal(offer(p, 1, true, NET + 104, START), NET + 104);
	assert_int_equal(pool_reserve(p, 7, NET + 106, NULL, 0, START), 0);
	assert_int_equal(pool_next(p, 0, next, 4), 4);
	assert_int_equal(next[0], NET + 103);
	assert_int_equal(next[1], NET + 105);
	assert_int_equal(next[2], NET + 107);
	assert_int_equal(next[3], NET + 108);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(offer(p, 10 + i, true, 0, START), next[i]);
	assert_int_equal(pool_next(p, 0, next, 1), 1);
	assert_int_equal(next[0], NET + 109);
	/* the other network has four addresses */
	assert_int_equal(pool_next(p, 1, next, 4), 4);
	assert_int_equal(next[3], 0x0a4e000d);
	for (unsigned i = 0; i < 96; i++)
		offer(p, 100 + i, true, 0, START);
	assert_int_equal(pool_next(p, 0, next, 4), 0);
}

static void test_least_recently_used(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	uint64_t now = START;

	for (unsigned i = 0; i < 97; i++) {
		assert_int_equal(offer(p, i, true, 0, now + i), NET + 103 + i);
		assert_int_equal(commit(p, i, true, NET + 103 + i, now + i), 0);
	}
	assert_int_equal(offer(p, 200, true, 0, now), 0);
	assert_int_equal(release(p, 50, NET + 153, now + 1000), 0);
	assert_int_equal(release(p, 40, NET + 143, now + 2000), 0);
	assert_int_equal(offer(p, 200, true, 0, now + 3000), NET + 153);
	assert_int_equal(offer(p, 40, true, 0, now + 3001), NET + 143); /* its owner comes back */
	assert_int_equal(offer(p, 201, true, 0, now + 3000), 0);
	now += HOUR + 10; /* the first eleven have ended */
	assert_int_equal(offer(p, 201, true, 0, now + 65000), NET + 153); /* not taken up */
	assert_int_equal(offer(p, 202, true, 0, now + 65000), NET + 143);
	assert_int_equal(offer(p, 203, true, 0, now + 65000), NET + 103);
}

static void test_commit(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	const struct pool_ask move = ask_of(1, true, NET + 120);
	uint32_t left[POOL_LEFT_MAX] = { 7, 7 };

	assert_int_equal(commit(p, 1, true, NET + 110, START), 0);
	assert_int_equal(commit(p, 1, true, NET + 110, START + 5), 0);
	assert_int_equal(pool_by_addr(p, NET + 110)->expires_ms, START + 5 + HOUR);
	assert_int_equal(commit(p, 2, true, NET + 110, START), -EBUSY);
	assert_int_equal(commit(p, 2, true, NET + 100, START), -ENOENT); /* router */
	assert_int_equal(commit(p, 2, true, NET + 101, START), -ENOENT); /* our own */
	assert_int_equal(commit(p, 2, true, NET + 102, START), -ENOENT); /* DNS */
	assert_int_equal(commit(p, 2, true, NET + 99, START), -ENOENT);
	assert_int_equal(commit(p, 2, true, 0x0a4e000a, START), -ENOENT);
	assert_int_equal(pool_commit(p, &move, START + HOUR, START, left), 0);
	assert_int_equal(left[0], NET + 110); /* a host has one address of a subnet */
	assert_int_equal(commit(p, 2, true, NET + 110, START), 0);
	assert_int_equal(pool_by_mac(p, 0, ask_of(1, true, 0).mac)->addr, NET + 120);
	assert_null(pool_by_mac(p, 1, ask_of(1, true, 0).mac));
	assert_null(pool_by_addr(p, NET + 99));
}

static void test_release_and_decline(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	struct pool_ask one = ask_of(1, true, 0), two = ask_of(2, true, 0);
	uint64_t now = START;

	assert_int_equal(commit(p, 1, true, NET + 110, now), 0);
	assert_int_equal(pool_release(p, NET + 110, two.mac, now), -ENOENT); /* not its own */
	assert_int_equal(pool_decline(p, NET + 110, two.mac, now), -ENOENT);
	assert_int_equal(pool_release(p, NET + 111, one.mac, now), -ENOENT);
	assert_int_equal(pool_release(p, 0x01020304, one.mac, now), -ENOENT);
	assert_true(lease_held(pool_by_addr(p, NET + 110), now));
	assert_int_equal(pool_release(p, NET + 110, one.mac, now), 0);
	assert_int_equal(pool_release(p, NET + 110, one.mac, now), -ENOENT);
	assert_false(lease_held(pool_by_addr(p, NET + 110), now));
	assert_int_equal(offer(p, 1, true, 0, now), NET + 110); /* remembered */

	assert_int_equal(pool_decline(p, NET + 110, one.mac, now), 0);
	assert_int_equal(pool_decline(p, NET + 110, one.mac, now), -ENOENT);
	assert_int_equal(offer(p, 1, true, NET + 110, now), NET + 103);
	assert_int_equal(commit(p, 1, true, NET + 110, now), -EBUSY);
	now += POOL_DECLINE_MS;
	assert_int_equal(commit(p, 1, true, NET + 110, now), 0);
}

static void test_withdraw(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	struct pool_ask one = ask_of(1, true, 0);

	assert_int_equal(offer(p, 1, true, NET + 110, START), NET + 110);
	pool_withdraw(p, 0, one.mac, START);
	assert_int_equal(offer(p, 2, true, NET + 110, START), NET + 110);
	assert_int_equal(commit(p, 1, true, NET + 120, START), 0);
	pool_withdraw(p, 0, one.mac, START); /* a lease is not an offer */
	assert_true(lease_held(pool_by_addr(p, NET + 120), START));
}

/* 97 addresses can be given: unknown hosts get 24 of them, offers included. */
static void test_guests(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	struct pool_ask late = ask_of(99, false, 0);
	uint64_t now = START;
	uint32_t addr;

	for (unsigned i = 0; i < 12; i++)
		assert_int_not_equal(offer(p, i, false, 0, now), 0);
	for (unsigned i = 12; i < 24; i++)
		assert_int_equal(commit(p, i, false, NET + 110 + i, now), 0);
	assert_int_equal(pool_offer(p, &late, now, &addr), -EDQUOT);
	assert_int_equal(commit(p, 99, false, NET + 190, now), -EDQUOT);
	assert_int_equal(commit(p, 12, false, NET + 122, now), 0); /* renewal */
	assert_int_not_equal(offer(p, 5, false, 0, now), 0);
	assert_int_equal(commit(p, 200, true, NET + 190, now), 0);
	assert_int_equal(commit(p, 13, true, NET + 123, now), 0); /* admitted: one place is free */
	assert_int_equal(pool_offer(p, &late, now, &addr), 0);
	now += POOL_OFFER_MS; /* the other offers end */
	assert_int_equal(commit(p, 98, false, NET + 191, now), 0);
}

static void test_small_subnet(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	struct pool_ask a = ask_of(1, false, 0), b = ask_of(2, false, 0);
	uint32_t addr;

	a.subnet = b.subnet = 1;
	assert_int_equal(pool_offer(p, &a, START, &addr), 0);
	assert_int_equal(addr, 0x0a4e000a);
	assert_int_equal(pool_offer(p, &b, START, &addr), -EDQUOT);
	b.known = true;
	assert_int_equal(pool_offer(p, &b, START, &addr), 0);
	assert_int_equal(addr, 0x0a4e000b);
}

static void test_load(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	struct lease l = { .addr = NET + 110,
		.mac = { 0x52, 0x54, 0, 0, 0, 1 },
		.state = LEASE_LEASED,
		.known = true,
		.expires_ms = START + HOUR };

	assert_int_equal(pool_load(p, &l, 0, START), 0);
	assert_int_equal(offer(p, 2, true, NET + 110, START), NET + 103);
	assert_int_equal(offer(p, 1, true, 0, START), NET + 110);
	l.addr = NET + 111;
	l.expires_ms--;
	assert_int_equal(pool_load(p, &l, 0, START), -EEXIST);
	l.expires_ms += 2;
	assert_int_equal(pool_load(p, &l, 0, START), 0);
	assert_int_equal(offer(p, 1, true, 0, START), NET + 111);
	l.addr = NET + 100;
	assert_int_equal(pool_load(p, &l, 0, START), -ENOENT);
	l.addr = 1;
	assert_int_equal(pool_load(p, &l, 0, START), -ENOENT);
	l.addr = NET + 112;
	l.state = LEASE_OFFERED;
	assert_int_equal(pool_load(p, &l, 0, START), -EINVAL);
	l.state = LEASE_DECLINED;
	assert_int_equal(pool_load(p, &l, 0, START), 0);
	assert_int_equal(commit(p, 3, true, NET + 112, START), -EBUSY);
	l = (struct lease){
		.addr = NET + 113, .mac = { 0x52, 0x54, 0, 0, 0, 9 }, .expires_ms = START - 1
	};
	assert_int_equal(pool_load(p, &l, 0, START), 0);
	assert_int_equal(offer(p, 9, true, 0, START), NET + 113);
}

/* Ranges that overlap give an address once; those outside their subnet none. */
static void test_odd_ranges(void **state)
{
	struct config_subnet subnets[2];
	struct config c = cfg_of(subnets);
	struct pool *p;
	unsigned given = 0;

	(void)state;
	c.subnets[0].n_ranges = 3;
	c.subnets[0].ranges[0] = (struct config_range){ NET + 103, NET + 106 };
	c.subnets[0].ranges[1] = (struct config_range){ NET + 100, NET + 110 };
	c.subnets[0].ranges[2] = (struct config_range){ NET + 250, NET + 260 };
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	while (offer(p, given, true, 0, START))
		given++;
	assert_int_equal(given, 9 + 5); /* 101, 103-110; 250-254 */
	pool_free(p);

	c.subnets[0].net = 0x0a000000;
	c.subnets[0].mask = 0xff000000;
	c.subnets[0].ranges[0] = (struct config_range){ 0, 0xffffffff };
	assert_int_equal(pool_new(&c, NULL, 0, &p), -E2BIG);
	c.subnets[0].ranges[0] = (struct config_range){ 2, 1 };
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	pool_free(p);
	c.n_subnets = 0;
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	assert_null(pool_by_addr(p, NET + 103));
	pool_free(p);
	pool_free(NULL);
}

/* An administrator ends what holds an address, and may have the owner forgotten. */
static void test_end(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	static const uint8_t nobody[6];
	uint64_t now = START;

	assert_int_equal(pool_end(p, NET + 103, false, now), -ENOENT); /* nobody's */
	assert_int_equal(pool_end(p, NET + 100, true, now), -ENOENT);  /* the router's */
	assert_int_equal(pool_end(p, NET + 9, true, now), -ENOENT);    /* in no range */
	assert_int_equal(commit(p, 1, true, NET + 103, now), 0);
	assert_int_equal(pool_end(p, NET + 103, false, now + 1), 0);
	assert_false(lease_held(pool_by_addr(p, NET + 103), now + 1));
	assert_int_equal(pool_end(p, NET + 103, false, now + 1), -ENOENT);
	assert_int_equal(offer(p, 1, true, 0, now + 2), NET + 103);  /* remembered */
	assert_int_equal(pool_end(p, NET + 103, false, now + 2), 0); /* an offer */
	assert_int_equal(pool_end(p, NET + 103, true, now + 2), 0);
	assert_memory_equal(pool_by_addr(p, NET + 103)->mac, nobody, 6);
	assert_int_equal(pool_end(p, NET + 103, true, now + 2), -ENOENT);
	assert_int_equal(offer(p, 1, true, 0, now + 3), NET + 104);
	assert_int_equal(commit(p, 1, true, NET + 104, now + 3), 0);
	assert_int_equal(pool_decline(p, NET + 104, ask_of(1, true, 0).mac, now + 4), 0);
	assert_int_equal(pool_end(p, NET + 104, false, now + 5), 0); /* it need not rest */
	assert_memory_equal(pool_by_addr(p, NET + 104)->mac, nobody, 6);
	assert_int_equal(offer(p, 2, true, NET + 104, now + 6), NET + 104);
}

struct seen {
	unsigned n[LEASE_ENDING + 1];
	unsigned calls, limit;
	uint32_t last;
};

static bool see(void *arg, const struct lease *l)
{
	struct seen *s = arg;

	assert_true(l->addr > s->last);
	s->last = l->addr;
	s->n[l->state]++;
	return ++s->calls < s->limit;
}

/* What is held, remembered or reserved is shown, in order, by pages; what was never used is not. */
static void test_each(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	struct seen s = { .limit = 100 };

	assert_int_equal(commit(p, 1, true, NET + 103, START), 0);
	assert_int_equal(commit(p, 2, true, NET + 105, START), 0);
	assert_int_equal(release(p, 2, NET + 105, START), 0);
	assert_int_equal(offer(p, 3, true, 0, START), NET + 104);
	assert_int_equal(pool_reserve(p, 9, NET + 150, NULL, 0, START), 0); /* in the range */
	assert_int_equal(pool_reserve(p, 8, NET + 20, NULL, 0, START), 0);  /* below */
	assert_int_equal(pool_reserve(p, 7, NET + 103, NULL, 0, START), 0); /* held by another */
	assert_int_equal(pool_each(p, 0, START, see, &s), 0);
	assert_int_equal(s.n[LEASE_ENDING], 1);
	assert_int_equal(s.n[LEASE_OFFERED], 1);
	assert_int_equal(s.n[LEASE_FREE], 3);
	assert_int_equal(s.calls, 5);
	assert_int_equal(s.last, NET + 150);
	s = (struct seen){ .limit = 2 };
	assert_int_equal(pool_each(p, NET + 20, START, see, &s), 0);
	assert_int_equal(s.calls, 2);
	assert_int_equal(s.last, NET + 104);
	s = (struct seen){ .limit = 2, .last = NET + 105 };
	assert_int_equal(pool_each(p, NET + 105, START, see, &s), 0);
	assert_int_equal(s.calls, 1);
	s = (struct seen){ .limit = 2 };
	assert_int_equal(pool_each(p, UINT32_MAX, START, see, &s), 0);
	assert_int_equal(s.calls, 0);
}

/* The end of a reserved address's lease leaves the reservation. */
static void test_end_reserved(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	static const uint8_t nobody[6];
	struct pool_ask a = ask_of(1, true, NET + 20);
	uint32_t left[POOL_LEFT_MAX];

	a.host = 8;
	assert_int_equal(pool_reserve(p, 8, NET + 20, NULL, 0, START), 0);
	assert_int_equal(pool_end(p, NET + 20, true, START), -ENOENT);
	assert_int_equal(pool_commit(p, &a, START + HOUR, START, left), 0);
	assert_int_equal(pool_end(p, NET + 20, false, START), 0);
	assert_memory_equal(pool_by_addr(p, NET + 20)->mac, a.mac, 6);
	assert_int_equal(pool_end(p, NET + 20, true, START), 0);
	assert_memory_equal(pool_by_addr(p, NET + 20)->mac, nobody, 6);
	assert_int_equal(pool_offer(p, &a, START, left), 0);
	assert_int_equal(left[0], NET + 20);
}

/* Holes in the ranges: alone, at an edge, over an edge, overlapping each other, outside. */
static void test_exclusions(void **state)
{
	struct config_subnet subnets[2];
	struct config c = cfg_of(subnets);
	const struct config_range excludes[] = { { NET + 120, NET + 120 }, { NET + 90, NET + 104 },
		{ NET + 196, NET + 199 }, { NET + 119, NET + 121 }, { NET + 20, NET + 30 } };
	struct pool *p;
	unsigned given = 0;

	(void)state;
	memcpy(c.subnets[0].excludes, excludes, sizeof excludes);
	c.subnets[0].n_excludes = 5;
	c.subnets[1].excludes[0] = (struct config_range){ 0x0a4e0000, 0x0a4e00ff };
	c.subnets[1].n_excludes = 1;
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	assert_int_equal(offer(p, 0, true, NET + 120, START), NET + 105);
	assert_int_equal(commit(p, 0, true, NET + 104, START), -ENOENT);
	assert_int_equal(commit(p, 0, true, NET + 119, START), -ENOENT);
	assert_int_equal(commit(p, 0, true, NET + 122, START), 0);
	while (offer(p, given, true, 0, START))
		given++;
	assert_int_equal(given, 100 - 5 - 3 - 4);
	pool_free(p);
}

/* What is held counts, and only that; a reserved address is nobody's to count. */
static void test_fill(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;

	assert_int_equal(pool_fill_of(p, 0, START).given, 97); /* without router, DNS and own */
	assert_int_equal(pool_fill_of(p, 0, START).held, 0);
	assert_int_equal(commit(p, 1, true, NET + 103, START), 0);
	assert_int_equal(commit(p, 2, true, NET + 104, START), 0);
	assert_int_equal(release(p, 2, NET + 104, START), 0);
	offer(p, 3, true, 0, START);
	assert_int_equal(pool_fill_of(p, 0, START).held, 2);
	assert_int_equal(pool_fill_of(p, 0, START + 2 * HOUR).held, 0);
	assert_int_equal(pool_reserve(p, 7, NET + 150, NULL, 0, START), 0);
	assert_int_equal(pool_fill_of(p, 0, START).given, 96);
	assert_int_equal(pool_reserved_for(p, NET + 150), 7);
	assert_int_equal(pool_reserved_for(p, NET + 103), 0);
	assert_int_equal(pool_fill_of(p, 1, START).given, 4);
	assert_int_equal(pool_fill_of(p, 1, START).held, 0);
	assert_int_not_equal(pool_network_of(p, 0), pool_network_of(p, 1));
}

/* Two subnets on one link: every way to an address leads into both; a third network is apart. */
static void test_shared_network(void **state)
{
	static struct config_subnet subnets[] = {
		{ .net = 0x0a010000,
			.mask = 0xffffff00,
			.network = "lab",
			.n_ranges = 1,
			.ranges = { { 0x0a01000a, 0x0a01000b } } },
		{ .net = 0x0a020000,
			.mask = 0xffffff00,
			.n_ranges = 1,
			.ranges = { { 0x0a02000a, 0x0a02000b } } },
		{ .net = 0x0a030000,
			.mask = 0xffffff00,
			.network = "lab",
			.n_ranges = 1,
			.ranges = { { 0x0a03000a, 0x0a03000f } } },
	};
	const struct config c = { .n_subnets = 3, .subnets = subnets };
	struct pool_ask a = ask_of(5, true, 0), guest = ask_of(9, false, 0);
	struct pool *p;
	uint32_t addr, left[POOL_LEFT_MAX];

	(void)state;
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	assert_int_equal(offer(p, 1, true, 0, START), 0x0a01000a);
	assert_int_equal(offer(p, 2, true, 0, START), 0x0a01000b);
	assert_int_equal(offer(p, 3, true, 0, START), 0x0a03000a); /* the first subnet is full */
	assert_int_equal(offer(p, 4, true, 0x0a03000f, START), 0x0a03000f); /* requested */
	a.subnet = 2; /* the same network by its other subnet */
	a.requested = 0x0a03000b;
	assert_int_equal(pool_commit(p, &a, START + HOUR, START, left), 0);
	assert_int_equal(pool_by_addr(p, 0x0a03000b)->subnet, 2);
	a.subnet = 0;
	assert_int_equal(pool_offer(p, &a, START, &addr), 0);
	assert_int_equal(addr, 0x0a03000b); /* own lease, wherever it is in the network */
	assert_int_equal(pool_by_mac(p, 0, a.mac)->addr, 0x0a03000b);
	assert_int_equal(offer(p, 5, true, 0, START + 2 * HOUR), 0x0a03000b); /* remembered */
	a.requested = 0x0a02000a;
	assert_int_equal(pool_commit(p, &a, START + HOUR, START, left), -ENOENT);
	a.subnet = 1; /* a host has one address in each network */
	assert_int_equal(pool_commit(p, &a, START + HOUR, START, left), 0);
	assert_int_equal(left[0], 0);
	assert_int_equal(pool_by_mac(p, 0, a.mac)->addr, 0x0a03000b);
	/* a quarter of the eight addresses of both subnets */
	assert_int_equal(pool_offer(p, &guest, START, &addr), 0);
	guest.mac[5]++;
	assert_int_equal(pool_offer(p, &guest, START, &addr), 0);
	guest.mac[5]++;
	assert_int_equal(pool_offer(p, &guest, START, &addr), -EDQUOT);
	pool_free(p);
}

/* A swapped card: the host comes with a new MAC address, and is known by its UUID. */
static void test_swapped_card(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	uint8_t others[2][6];
	struct pool_ask card = ask_of(2, true, 0);
	uint32_t addr;

	memcpy(others[0], ask_of(7, true, 0).mac, 6);
	memcpy(others[1], ask_of(1, true, 0).mac, 6);
	card.others = (const uint8_t(*)[6])others;
	card.n_others = 2;
	assert_int_equal(commit(p, 1, true, NET + 150, START), 0);
	assert_int_equal(pool_offer(p, &card, START, &addr), 0);
	assert_int_equal(addr, NET + 103); /* the old card still has it */
	pool_withdraw(p, 0, card.mac, START);
	card.mac[5] = 3;
	assert_int_equal(release(p, 1, NET + 150, START), 0);
	assert_int_equal(pool_offer(p, &card, START, &addr), 0);
	assert_int_equal(addr, NET + 150);
	assert_int_equal(commit(p, 3, true, NET + 150, START), 0);
	assert_int_equal(offer(p, 1, true, 0, START), NET + 104);
}

/* 97 addresses: nine may rest; three of one host. What rests comes back after its time. */
static void test_decline_quota(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	struct pool_ask a = ask_of(1, true, 0);
	uint64_t now = START;
	uint32_t addr;

	for (unsigned i = 0; i < 4; i++) {
		addr = offer(p, 1, true, 0, now);
		assert_int_equal(addr, NET + 103 + i);
		assert_int_equal(
			pool_decline(p, addr, a.mac, now), i < POOL_DECLINES_MAX ? 0 : -EDQUOT);
	}
	assert_int_equal(offer(p, 1, true, 0, now), NET + 106); /* not taken from it */
	for (unsigned host = 2; host < 9; host++) {
		addr = offer(p, host, true, 0, now + 1000);
		assert_int_equal(pool_decline(p, addr, ask_of(host, true, 0).mac, now + 1000),
			host < 8 ? 0 : -EDQUOT);
	}
	now += POOL_DECLINE_MS;
	assert_int_equal(offer(p, 1, true, 0, now), NET + 106);
	assert_int_equal(pool_decline(p, NET + 106, a.mac, now), 0); /* its three came back */
	assert_int_equal(commit(p, 1, true, NET + 103, now), 0);
	assert_int_equal(offer(p, 1, true, 0, now), NET + 103);
}

/* When the offers are full, the oldest of an unknown host gives way, and never a known host's. */
static void test_offers_full(void **state)
{
	struct config_subnet subnet = { .net = 0x0a000000,
		.mask = 0xffff0000,
		.n_ranges = 1,
		.ranges = { { 0x0a000001, 0x0a00fffe } } };
	const struct config c = { .n_subnets = 1, .subnets = &subnet };
	struct pool_ask guest = ask_of(900000, false, 0);
	struct pool *p;
	uint32_t addr;

	(void)state;
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	assert_int_equal(offer(p, 0, true, 0, START), 0x0a000001);
	for (unsigned i = 1; i < POOL_OFFERS_MAX; i++)
		assert_int_not_equal(offer(p, i, false, 0, START + 1), 0);
	for (unsigned i = 1; i < POOL_OFFERS_MAX; i++)
		assert_int_not_equal(offer(p, 100000 + i, i % 2, 0, START + 2), 0);
	assert_true(lease_held(pool_by_addr(p, 0x0a000001), START + 2));
	for (unsigned i = 0; i < POOL_OFFERS_MAX; i++)
		assert_int_not_equal(offer(p, 200000 + i, true, 0, START + 3), 0);
	assert_int_equal(pool_offer(p, &guest, START + 3, &addr), -ENOSPC);
	assert_int_not_equal(offer(p, 900001, true, 0, START + 3), 0);
	pool_free(p);
}

/* 60,000 hosts: offers are given up, oldest first, above the limit; each lease is found again. */
static void test_many(void **state)
{
	enum { HOSTS = 60000 };
	struct config_subnet subnet = { .net = 0x0a000000,
		.mask = 0xffff0000,
		.n_ranges = 1,
		.ranges = { { 0x0a000001, 0x0a00fffe } } };
	struct config c = { .n_subnets = 1, .subnets = &subnet };
	struct pool *p;

	(void)state;
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	for (unsigned i = 0; i < POOL_OFFERS_MAX + 10; i++)
		assert_int_equal(offer(p, i, true, 0, START + i), 0x0a000001 + i);
	assert_false(lease_held(pool_by_addr(p, 0x0a000001 + 9), START + 5000));
	assert_true(lease_held(pool_by_addr(p, 0x0a000001 + 10), START + 5000));
	for (unsigned i = 0; i < HOSTS; i++)
		assert_int_equal(commit(p, i, true, 0x0a000001 + i, START + 6000), 0);
	for (unsigned i = 0; i < HOSTS; i++)
		assert_int_equal(offer(p, i, true, 0, START + 7000), 0x0a000001 + i);
	pool_free(p);
}

/* Somebody was found to use it: whoever it was offered to, or had it before, does not get it. */
static void test_rest(void **state)
{
	struct pool *p = ((struct fixture *)*state)->pool;
	const uint32_t addr = NET + 110;
	const uint64_t later = START + POOL_DECLINE_MS;

	assert_int_equal(pool_rest(p, NET + 99, START), -ENOENT);
	assert_int_equal(pool_rest(p, NET + 101, START), -ENOENT); /* our own */
	assert_int_equal(offer(p, 1, true, addr, START), addr);
	assert_int_equal(pool_rest(p, addr, START), 0);
	assert_int_equal(commit(p, 1, true, addr, START), -EBUSY);
	assert_int_not_equal(offer(p, 1, true, addr, START), addr);
	assert_int_not_equal(offer(p, 2, true, addr, START), addr);
	assert_int_equal(pool_by_addr(p, addr)->state, LEASE_DECLINED);
	assert_int_equal(offer(p, 3, true, addr, later), addr);
	assert_int_equal(commit(p, 3, true, addr, later), 0);
	assert_int_equal(pool_rest(p, addr, later), -EBUSY);
	assert_int_equal(commit(p, 3, true, addr, later), 0);
	assert_int_equal(pool_rest(p, addr, later + HOUR), 0); /* the lease has ended */
	assert_int_not_equal(offer(p, 3, true, addr, later + HOUR), addr);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_choose, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next, setup, teardown),
		cmocka_unit_test_setup_teardown(test_least_recently_used, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commit, setup, teardown),
		cmocka_unit_test(test_dns_of_all),
		cmocka_unit_test_setup_teardown(test_release_and_decline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_withdraw, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small_subnet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_reserved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swapped_card, setup, teardown),
		cmocka_unit_test_setup_teardown(test_decline_quota, setup, teardown),
		cmocka_unit_test(test_odd_ranges),
		cmocka_unit_test(test_exclusions),
		cmocka_unit_test_setup_teardown(test_fill, setup, teardown),
		cmocka_unit_test(test_shared_network),
		cmocka_unit_test(test_offers_full),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
