/* Reservations in the pool: who gets the address that is kept for one host, and who does not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/lease.h"
#include "server/core/reserve.h"

#define NET	0x0a4d0000u /* 10.77.0.0/24, in one network with 10.78.0.0/24 */
#define BESIDE	0x0a4e0000u
#define FAR	0x0a4f0000u /* another network */
#define ROUTER	(NET + 1)
#define HOUR	3600000u
#define START	1000000000000u
#define PORT(s) (const uint8_t *)(s), (uint8_t)strlen(s)

static struct config_subnet subnets[] = {
	{ .net = NET,
		.mask = 0xffffff00,
		.network = "lab",
		.n_ranges = 1,
		.ranges = { { NET + 100, NET + 109 } },
		.told.router = ROUTER },
	{ .net = BESIDE, .mask = 0xffffff00, .network = "lab" },
	{ .net = FAR, .mask = 0xffffff00, .n_ranges = 1, .ranges = { { FAR + 100, FAR + 109 } } },
};
static const struct config config = { .n_subnets = 3, .subnets = subnets };

static int setup(void **state)
{
	return pool_new(&config, NULL, 0, (struct pool **)state);
}

static int teardown(void **state)
{
	pool_free(*state);
	return 0;
}

/* The machine with MAC address number `card`, which the inventory has as `host`. */
static struct pool_ask ask_of(unsigned card, int64_t host)
{
	return (struct pool_ask){
		.mac = { 0x52, 0x54, 0, 0, 0, (uint8_t)card }, .known = true, .host = host
	};
}

static struct pool_ask plugged(unsigned card, int64_t host, const char *port)
{
	struct pool_ask a = ask_of(card, host);

	a.circuit = (const uint8_t *)port;
	a.circuit_len = (uint8_t)strlen(port);
	return a;
}

static int offer(struct pool *p, const struct pool_ask *a, uint64_t now, uint32_t *addr)
{
	*addr = 0;
	return pool_offer(p, a, now, addr);
}

static int commit(struct pool *p, const struct pool_ask *from, uint32_t addr, uint64_t now)
{
	struct pool_ask a = *from;
	uint32_t left[POOL_LEFT_MAX];

	a.requested = addr;
	return pool_commit(p, &a, now + HOUR, now, left);
}

static void offers(struct pool *p, const struct pool_ask *a, uint64_t now, uint32_t want)
{
	uint32_t addr;

	assert_int_equal(offer(p, a, now, &addr), 0);
	assert_int_equal(addr, want);
}

/* Inside of a range, outside of it, in another subnet of the network: it is its host's alone. */
static void reserved_is_for_one(void **state)
{
	static const uint32_t addrs[] = { NET + 100, NET + 50, BESIDE + 7 };
	struct pool *p = *state;

	for (unsigned i = 0; i < 3; i++) {
		const struct pool_ask mine = ask_of(10 + i, 100 + i), other = ask_of(20 + i, 0);
		struct pool_ask greedy = other;

		assert_int_equal(pool_reserve(p, 100 + i, addrs[i], NULL, 0, START), 0);
		greedy.requested = addrs[i];
		offers(p, &greedy, START, NET + 101 + i);
		assert_int_equal(commit(p, &other, addrs[i], START), -EACCES);
		offers(p, &mine, START, addrs[i]);
		assert_int_equal(commit(p, &other, addrs[i], START), -EACCES);
		assert_int_equal(commit(p, &mine, addrs[i], START), 0);
		offers(p, &mine, START + HOUR, addrs[i]); /* and again for ever */
		offers(p, &mine, START + 900 * (uint64_t)HOUR, addrs[i]);
		assert_int_equal(pool_mine(p, &mine, START + 900 * (uint64_t)HOUR)->addr, addrs[i]);
	}
	/* in another network the host is as any other */
	struct pool_ask away = ask_of(10, 100);

	away.subnet = 2;
	offers(p, &away, START, FAR + 100);
	assert_int_equal(commit(p, &away, NET + 100, START), -ENOENT);
}

static void wrong_reservations(void **state)
{
	struct pool *p = *state;
	const struct pool_ask mine = ask_of(1, 1);

	assert_int_equal(pool_reserve(p, 1, 0x01020304, NULL, 0, START), -ENOENT);
	assert_int_equal(pool_reserve(p, 1, NET, NULL, 0, START), -EADDRNOTAVAIL);
	assert_int_equal(pool_reserve(p, 1, NET + 255, NULL, 0, START), -EADDRNOTAVAIL);
	assert_int_equal(pool_reserve(p, 1, ROUTER, NULL, 0, START), -EADDRNOTAVAIL);
	assert_int_equal(pool_reserve(p, 1, NET + 50, PORT("p1"), START), 0);
	assert_int_equal(pool_reserve(p, 2, NET + 50, NULL, 0, START), -EADDRINUSE);
	assert_int_equal(pool_reserve(p, 2, BESIDE + 50, PORT("p1"), START), -EEXIST);
	assert_int_equal(pool_reserve(p, 2, FAR + 50, PORT("p1"), START), 0); /* another network */
	assert_int_equal(pool_reserve(p, 1, NET + 255, NULL, 0, START), -EADDRNOTAVAIL);
	assert_int_equal(pool_host_at(p, 0, PORT("p1")), 1); /* as before */
	assert_int_equal(pool_host_at(p, 1, PORT("p1")), 1);
	assert_int_equal(pool_host_at(p, 2, PORT("p1")), 2);
	assert_int_equal(pool_host_at(p, 2, PORT("p2")), 0);
	assert_int_equal(pool_host_at(p, 2, NULL, 0), 0);
	pool_unreserve(p, 1, START);
	pool_unreserve(p, 1, START);
	pool_unreserve(p, 0, START);
	assert_int_equal(pool_host_at(p, 0, PORT("p1")), 0);
	offers(p, &mine, START, NET + 100);
}

/* The host moves at its next DISCOVER, and may renew where it is until then. */
static void host_moves_to_its_reservation(void **state)
{
	struct pool *p = *state;
	const struct pool_ask mine = ask_of(1, 1), other = ask_of(2, 0);
	struct pool_ask old = mine;

	assert_int_equal(commit(p, &mine, NET + 103, START), 0);
	assert_int_equal(pool_reserve(p, 1, NET + 50, NULL, 0, START), 0);
	assert_int_equal(commit(p, &mine, NET + 103, START + 1), 0);  /* renewal */
	assert_int_equal(pool_mine(p, &mine, START)->addr, NET + 50); /* INIT-REBOOT compares */
	old.requested = NET + 103;
	offers(p, &old, START, NET + 50);
	/* a DISCOVER alone, perhaps a forged one, takes nothing away */
	assert_int_equal(commit(p, &other, NET + 103, START), -EBUSY);
	assert_int_equal(commit(p, &mine, NET + 103, START + 1), 0);
	assert_int_equal(commit(p, &mine, NET + 50, START + 2), 0);
	assert_int_equal(pool_held(p, 0, mine.mac, START + 2)->addr, NET + 50);
	assert_int_equal(commit(p, &other, NET + 103, START + 2), -EBUSY);
	assert_int_equal(commit(p, &other, NET + 103, START + HOUR + 1), 0);
}

/* Whoever has the address when it becomes another's keeps it to the end of the lease. */
static void holder_of_an_address_that_becomes_reserved(void **state)
{
	static const uint32_t addrs[] = { NET + 104, NET + 60 };
	struct pool *p = *state;
	const struct pool_ask first = ask_of(5, 5);

	/* the second address is held by a reservation's host that lost it */
	assert_int_equal(commit(p, &first, addrs[0], START), 0);
	assert_int_equal(pool_reserve(p, 6, addrs[1], NULL, 0, START), 0);
	const struct pool_ask second = ask_of(6, 6);

	assert_int_equal(commit(p, &second, addrs[1], START), 0);
	pool_unreserve(p, 6, START);
	for (unsigned i = 0; i < 2; i++) {
		const struct pool_ask mine = ask_of(10 + i, 10 + i);
		const struct pool_ask *holder = i ? &second : &first;
		uint32_t addr;

		assert_int_equal(pool_reserve(p, 10 + i, addrs[i], NULL, 0, START), 0);
		assert_int_equal(pool_by_addr(p, addrs[i])->state, LEASE_ENDING);
		assert_int_equal(offer(p, &mine, START, &addr), 1);
		assert_int_not_equal(addr, addrs[i]);
		assert_int_equal(commit(p, &mine, addrs[i], START), -EBUSY);
		assert_int_equal(commit(p, holder, addrs[i], START), -EACCES); /* no renewal */
		offers(p, &mine, START + HOUR, addrs[i]);
		assert_int_equal(commit(p, &mine, addrs[i], START + HOUR), 0);
	}
}

/* To reserve the address that the host has already changes nothing for it. */
static void reserve_what_it_has(void **state)
{
	struct pool *p = *state;
	const struct pool_ask mine = ask_of(1, 1);

	assert_int_equal(commit(p, &mine, NET + 104, START), 0);
	assert_int_equal(pool_reserve(p, 1, NET + 104, NULL, 0, START), 0);
	offers(p, &mine, START, NET + 104);
	assert_int_equal(commit(p, &mine, NET + 104, START + 9), 0);
	assert_int_equal(pool_by_addr(p, NET + 104)->state, LEASE_LEASED);
	pool_unreserve(p, 1, START + 10);
	assert_int_equal(pool_by_addr(p, NET + 104)->state, LEASE_LEASED);
	offers(p, &mine, START + 10, NET + 104);
	assert_int_equal(commit(p, &mine, NET + 104, START + 10), 0);
	assert_int_equal(pool_by_mac(p, 0, mine.mac)->addr, NET + 104);
}

/* A cloned MAC address: the UUID tells the machines apart. */
static void cloned_mac(void **state)
{
	struct pool *p = *state;
	struct pool_ask one = ask_of(1, 1), two = one, kernel = one;
	uint32_t addr;

	one.machine = 111;
	two.machine = 222;
	assert_int_equal(pool_reserve(p, 1, NET + 50, NULL, 0, START), 0);
	offers(p, &one, START, NET + 50);
	assert_int_equal(offer(p, &two, START, &addr), 1);
	assert_int_equal(addr, NET + 100);
	assert_int_equal(commit(p, &one, NET + 50, START), 0);
	assert_int_equal(commit(p, &two, NET + 50, START), -EBUSY);
	assert_int_equal(commit(p, &two, NET + 100, START), 0);
	assert_int_equal(commit(p, &kernel, NET + 50, START + 5), 0); /* renewals name no UUID */
	assert_int_equal(commit(p, &kernel, NET + 100, START + 5), 0);
	assert_int_equal(
		offer(p, &two, START + 5, &addr), 1); /* nor do they hide the first one's */
	offers(p, &one, START + 5, NET + 50);
	offers(p, &two, START + 5 + HOUR, NET + 50);
}

/* At a relay's circuit: whoever is plugged in there, one at a time, and nobody elsewhere. */
static void circuit_decides(void **state)
{
	struct pool *p = *state;
	const struct pool_ask a = plugged(1, 7, "sw1/3"), b = plugged(2, 7, "sw1/3");
	const struct pool_ask moved = plugged(1, 7, "sw1/9"), unicast = ask_of(1, 0);
	struct pool_ask move = moved;
	uint32_t addr, left[POOL_LEFT_MAX];

	assert_int_equal(pool_reserve(p, 7, NET + 50, PORT("sw1/3"), START), 0);
	offers(p, &moved, START, NET + 100);
	pool_withdraw(p, 0, moved.mac, START);
	offers(p, &a, START, NET + 50);
	assert_int_equal(commit(p, &a, NET + 50, START), 0);
	assert_int_equal(commit(p, &unicast, NET + 50, START), 0); /* renewal past the relay */
	assert_int_equal(commit(p, &moved, NET + 50, START), -EACCES);
	/* another machine at the port while the first has it */
	assert_int_equal(offer(p, &b, START, &addr), 1);
	assert_int_equal(addr, NET + 101);
	assert_int_equal(commit(p, &b, NET + 50, START), -EBUSY);
	/* the first is seen elsewhere: its place is free */
	offers(p, &moved, START, NET + 100);
	move.requested = NET + 100;
	assert_int_equal(pool_commit(p, &move, START + HOUR, START, left), 0);
	assert_int_equal(left[1], NET + 50);
	offers(p, &b, START, NET + 50);
	assert_int_equal(commit(p, &b, NET + 50, START), 0);
	assert_int_equal(commit(p, &unicast, NET + 50, START), -EACCES);
	/* another port */
	assert_int_equal(pool_reserve(p, 7, NET + 50, PORT("sw1/4"), START), 0);
	assert_int_equal(commit(p, &b, NET + 50, START), -EACCES);
	assert_int_equal(pool_host_at(p, 0, PORT("sw1/3")), 0);
	assert_int_equal(pool_host_at(p, 0, PORT("sw1/4")), 7);
}

/* Who moves to another port and takes another address there gives up two at once. */
static void leaves_two(void **state)
{
	struct pool *p = *state;
	const struct pool_ask a = plugged(1, 7, "sw1/3");
	struct pool_ask move = plugged(1, 7, "sw1/9");
	uint32_t left[POOL_LEFT_MAX];

	assert_int_equal(pool_reserve(p, 7, NET + 50, PORT("sw1/3"), START), 0);
	offers(p, &move, START, NET + 100);
	assert_int_equal(commit(p, &move, NET + 100, START), 0);
	assert_int_equal(commit(p, &a, NET + 50, START), 0);
	move.requested = NET + 101;
	assert_int_equal(pool_commit(p, &move, START + HOUR, START, left), 0);
	assert_int_equal(left[0], NET + 100);
	assert_int_equal(left[1], NET + 50);
}

static void release_and_decline(void **state)
{
	struct pool *p = *state;
	const struct pool_ask mine = ask_of(1, 1), other = ask_of(2, 0);
	uint32_t addr;

	assert_int_equal(pool_reserve(p, 1, NET + 50, NULL, 0, START), 0);
	offers(p, &mine, START, NET + 50);
	pool_withdraw(p, 0, mine.mac, START);
	assert_false(lease_held(pool_by_addr(p, NET + 50), START));
	assert_int_equal(commit(p, &mine, NET + 50, START), 0);
	assert_int_equal(pool_release(p, NET + 50, other.mac, START), -ENOENT);
	assert_int_equal(pool_release(p, NET + 50, mine.mac, START), 0);
	assert_int_equal(pool_release(p, NET + 50, mine.mac, START), -ENOENT);
	assert_int_equal(pool_decline(p, NET + 50, mine.mac, START), -ENOENT);
	offers(p, &mine, START, NET + 50);
	assert_int_equal(pool_decline(p, NET + 50, other.mac, START), -ENOENT);
	assert_int_equal(pool_decline(p, NET + 50, mine.mac, START), 0);
	assert_int_equal(offer(p, &mine, START, &addr), 1); /* somebody sits on it */
	assert_int_equal(commit(p, &mine, NET + 50, START), -EBUSY);
	offers(p, &mine, START + POOL_DECLINE_MS, NET + 50);
}

/* Reservations and leases as they are put back at start. */
static void survives_a_restart(void **state)
{
	struct pool *p = *state;
	const struct pool_ask mine = ask_of(1, 1), next = ask_of(2, 2);
	struct pool_ask clone = mine;
	struct lease l = { .addr = NET + 50,
		.mac = { 0x52, 0x54, 0, 0, 0, 1 },
		.state = LEASE_LEASED,
		.known = true,
		.expires_ms = START + HOUR };
	uint32_t addr;

	clone.machine = 222;
	assert_int_equal(pool_reserve(p, 1, NET + 50, NULL, 0, START), 0);
	assert_int_equal(pool_load(p, &l, 111, START), 0);
	assert_int_equal(offer(p, &clone, START, &addr), 1);
	assert_int_equal(commit(p, &mine, NET + 50, START), 0);
	/* the lease of a reservation that is gone: to its end, then the address is free */
	l.addr = BESIDE + 9;
	assert_int_equal(pool_load(p, &l, 0, START), 0);
	assert_int_equal(commit(p, &mine, BESIDE + 9, START), -ENOENT);
	assert_int_equal(pool_reserve(p, 2, BESIDE + 9, NULL, 0, START), 0);
	assert_int_equal(offer(p, &next, START, &addr), 1);
	offers(p, &next, START + HOUR, BESIDE + 9);
	/* ended, or never to be given */
	l.addr = BESIDE + 10;
	assert_int_equal(pool_load(p, &l, 0, START + HOUR), -ENOENT);
	l.addr = ROUTER;
	assert_int_equal(pool_load(p, &l, 0, START), -ENOENT);
	l.addr = NET + 105;
	l.state = LEASE_ENDING; /* it became reserved, and is not any more */
	assert_int_equal(pool_load(p, &l, 0, START), 0);
	assert_int_equal(commit(p, &mine, NET + 105, START), 0);
}

/* Addresses that go back to the range are given again, and count again. */
static void back_to_the_range(void **state)
{
	struct pool *p = *state;
	uint32_t addr;

	for (int64_t host = 1; host <= 10; host++)
		assert_int_equal(
			pool_reserve(p, host, (uint32_t)(NET + 99 + host), NULL, 0, START), 0);
	for (unsigned card = 20; card < 22; card++) {
		const struct pool_ask a = ask_of(card, 0);

		assert_int_equal(offer(p, &a, START, &addr), -ENOSPC);
	}
	for (int64_t host = 10; host; host--)
		pool_unreserve(p, host, START);
	for (unsigned card = 20; card < 30; card++) {
		const struct pool_ask a = ask_of(card, 0);

		offers(p, &a, START, NET + 80 + card);
	}
}

/* Reservations leave the guests a quarter of what is left, not of what was there. */
static void guests_beside_reservations(void **state)
{
	struct pool *p = *state;
	struct pool_ask guest = ask_of(99, 0);
	uint32_t addr;

	guest.known = false;
	for (int64_t host = 1; host <= 8; host++)
		assert_int_equal(
			pool_reserve(p, host, (uint32_t)(NET + 99 + host), NULL, 0, START), 0);
	offers(p, &guest, START, NET + 108);
	guest.mac[5]++;
	assert_int_equal(offer(p, &guest, START, &addr), -EDQUOT);
	assert_int_equal(pool_reserve(p, 9, NET + 109, NULL, 0, START), 0);
	assert_int_equal(pool_reserve(p, 10, NET + 55, NULL, 0, START), 0);
	pool_withdraw(p, 0, (const uint8_t[6]){ 0x52, 0x54, 0, 0, 0, 99 }, START);
	assert_int_equal(offer(p, &guest, START, &addr), -EDQUOT); /* the last one is no guest's */
	guest.host = 10; /* what is reserved for it, it gets, admitted or not */
	offers(p, &guest, START, NET + 55);
}

/* The table by itself: many, each found by each key, gone when removed. */
static void table_of_many(void **state)
{
	enum { N = 5000 };
	struct reserve t = { 0 };
	struct reservation *r;

	(void)state;
	assert_int_equal(sizeof(struct lease), 24); /* there may be a million */
	assert_int_equal(sizeof(struct reservation), 64);
	assert_null(reserve_by_addr(&t, 1));
	assert_null(reserve_by_host(&t, 1));
	for (uint32_t i = 1; i <= N; i++) {
		const uint8_t circuit[2] = { (uint8_t)(i / 2 >> 8), (uint8_t)(i / 2) };
		const uint8_t mac[6] = { 2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i };

		assert_int_equal(reserve_add(&t, i, i % 2, START, &r), 0);
		assert_int_equal(reserve_give(&t, r, 7 * (int64_t)i, circuit, 2), 0);
		reserve_hold(&t, r, mac);
	}
	for (uint32_t i = 1; i <= N; i += 3)
		reserve_rm(&t, reserve_by_addr(&t, i));
	for (uint32_t i = 1; i <= N; i++) {
		const uint8_t circuit[2] = { (uint8_t)(i / 2 >> 8), (uint8_t)(i / 2) };
		const uint8_t mac[6] = { 2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i };

		r = reserve_by_addr(&t, i);
		assert_int_equal(!r, i % 3 == 1);
		assert_ptr_equal(reserve_by_host(&t, 7 * (int64_t)i), r);
		assert_ptr_equal(reserve_by_circuit(&t, i % 2, circuit, 2), r);
		assert_ptr_equal(reserve_by_holder(&t, i % 2, mac), r);
		assert_null(reserve_by_holder(&t, 2, mac));
	}
	reserve_fini(&t);
	reserve_fini(&t);
}

/* What nobody has and nobody holds gives its place to others: no growth by changing for ever. */
static void table_does_not_grow_by_changes(void **state)
{
	struct reserve t = { 0 };
	struct reservation *r;

	(void)state;
	for (uint32_t i = 1; i <= 100000; i++) {
		assert_int_equal(reserve_add(&t, i, 0, START + i, &r), 0);
		r->lease.state = LEASE_ENDING;
		r->lease.expires_ms = START + i + 10;
	}
	assert_true(t.size <= 32);
	reserve_fini(&t);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(reserved_is_for_one),
		T(wrong_reservations),
		T(host_moves_to_its_reservation),
		T(holder_of_an_address_that_becomes_reserved),
		T(reserve_what_it_has),
		T(cloned_mac),
		T(circuit_decides),
		T(leaves_two),
		T(release_and_decline),
		T(survives_a_restart),
		T(back_to_the_range),
		T(guests_beside_reservations),
		cmocka_unit_test(table_of_many),
		cmocka_unit_test(table_does_not_grow_by_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
