/* rate.h and recent.h: who may pass, and that nobody else pays for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/net/rate.h"

#define T0_MS 1000000u

static struct rate rate; /* too large for a stack */

static struct dhcp_query from(unsigned host)
{
	struct dhcp_query q = { .mac = { 0x52, 0x54, 0, (uint8_t)(host >> 16), (uint8_t)(host >> 8),
					(uint8_t)host } };

	return q;
}

/* As behind a port of a relay: option 82 with that circuit identifier, or without one. */
static struct dhcp_query behind(unsigned host, uint32_t giaddr, const char *circuit)
{
	struct dhcp_query q = from(host);

	q.giaddr = giaddr;
	if (!circuit)
		return q;
	q.relay[0] = 2; /* remote-id comes first: every sub-option is looked at */
	q.relay[1] = 1;
	q.relay[3] = 1;
	q.relay[4] = (uint8_t)strlen(circuit);
	memcpy(q.relay + 5, circuit, strlen(circuit));
	q.relay_len = (uint8_t)(5 + strlen(circuit));
	return q;
}

/* How many of n packets at one instant pass; hosts with the numbers first, first + step, ... */
static unsigned pass(unsigned n, unsigned first, unsigned step, uint32_t giaddr,
	const char *circuit, uint64_t now_ms, enum rate_verdict want_else)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct dhcp_query q = behind(first + i * step, giaddr, circuit);
		const enum rate_verdict v = rate_check(&rate, &q, now_ms);

		if (v == RATE_PASS)
			passed++;
		else
			assert_int_equal(v, want_else);
	}
	return passed;
}

/* A row is a moment after the start; all rows of a story share one table. */
static const struct row {
	const char *name;
	uint32_t per_mac, per_circuit; /* when not both 0: a story begins */
	uint64_t at_ms;
	unsigned packets, first, step;
	uint32_t giaddr;
	const char *circuit;
	unsigned passed;
	enum rate_verdict excess;
} rows[] = {
	{ "one host's burst", 5, 200, 0, 100, 1, 0, 0, NULL, 20, RATE_MAC },
	{ "another host at that moment", 0, 0, 0, 5, 2, 0, 0, NULL, 5, RATE_MAC },
	{ "the first, before a token has grown", 0, 0, 199, 5, 1, 0, 0, NULL, 0, RATE_MAC },
	{ "and after", 0, 0, 200, 5, 1, 0, 0, NULL, 1, RATE_MAC },
	{ "a second later", 0, 0, 1200, 50, 1, 0, 0, NULL, 5, RATE_MAC },
	{ "a minute later the burst is back, no more", 0, 0, 61200, 100, 1, 0, 0, NULL, 20,
		RATE_MAC },
	{ "1,000 hosts at the same instant", 5, 200, 0, 1000, 0, 1, 0, NULL, 1000, RATE_MAC },
	{ "3,000 behind one relay that names no circuit", 5, 200, 0, 3000, 0, 1, 0x0a090001, NULL,
		3000, RATE_CIRCUIT },
	{ "20,000 different ones at one instant", 5, 200, 0, 20000, 0, 1, 0, NULL, 20000,
		RATE_MAC },
	{ "one port of a relay", 5, 200, 0, 3000, 0, 1, 0x0a090001, "port1", 1000, RATE_CIRCUIT },
	{ "its neighbour", 0, 0, 0, 900, 5000, 1, 0x0a090001, "port2", 900, RATE_CIRCUIT },
	{ "the same name at another relay", 0, 0, 0, 900, 6000, 1, 0x0a090002, "port1", 900,
		RATE_CIRCUIT },
	{ "a relay's second", 0, 0, 1000, 900, 9000, 1, 0x0a090001, "port1", 200, RATE_CIRCUIT },
	{ "option 82 without a relay", 5, 200, 0, 3000, 0, 1, 0, "port1", 3000, RATE_CIRCUIT },
	{ "a host above its own limit", 5, 200, 0, 3000, 7, 0, 0x0a090001, "port1", 20, RATE_MAC },
	{ "takes nothing from its port", 0, 0, 0, 3000, 10, 1, 0x0a090001, "port1", 980,
		RATE_CIRCUIT },
	{ "circuits alone", 0, 200, 0, 3000, 7, 0, 0x0a090001, "port1", 1000, RATE_CIRCUIT },
	{ "hosts alone", 5, 0, 0, 3000, 0, 1, 0x0a090001, "port1", 3000, RATE_MAC },
	{ "the highest rates", 1000000, 1000000, 0, 50000, 7, 0, 0x0a090001, "port1", 50000,
		RATE_MAC },
};

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];

		print_message("row: %s\n", r->name);
		if (r->per_mac || r->per_circuit)
			rate_init(&rate, r->per_mac, r->per_circuit);
		assert_int_equal(pass(r->packets, r->first, r->step, r->giaddr, r->circuit,
					 T0_MS + r->at_ms, r->excess),
			r->passed);
	}
}

static void test_off(void **state)
{
	(void)state;
	rate_init(&rate, 0, 0);
	assert_int_equal(pass(5000, 1, 0, 0x0a090001, "port1", T0_MS, RATE_MAC), 5000);
}

/* A flood under ever new addresses must not give the one that repeats itself a new burst. */
static void test_flood_keeps_the_busy_one(void **state)
{
	unsigned passed = 0;

	(void)state;
	rate_init(&rate, 5, 200);
	for (unsigned i = 0; i < 100000; i++) {
		passed += pass(1, 1, 0, 0, NULL, T0_MS + i / 100, RATE_MAC);
		pass(1, 1000 + i, 0, 0, NULL, T0_MS + i / 100, RATE_MAC);
	}
	assert_int_equal(passed, 20 + 4); /* the burst, and one each at 200, 400, 600, 800 ms */
}

/* Options that lie about their length are no circuit. */
static void test_malformed_circuit(void **state)
{
	struct dhcp_query q = behind(1, 0x0a090001, "port1");
	struct dhcp_query empty = behind(1, 0x0a090001, "");

	(void)state;
	rate_init(&rate, 0, 1);
	for (int i = 0; i < 100; i++) {
		q.relay_len = (uint8_t)(i % 8); /* cut within the circuit's value or before */
		assert_int_equal(rate_check(&rate, &q, T0_MS), RATE_PASS);
		assert_int_equal(rate_check(&rate, &empty, T0_MS), RATE_PASS);
	}
}

static void test_oldest_gives_way(void **state)
{
	struct recent_slot slots[RECENT_WAYS] = { 0 };
	struct recent r = { slots, RECENT_WAYS }; /* one row: every key competes */

	(void)state;
	assert_null(recent_find(&r, 0));
	for (uint64_t key = 0; key < RECENT_WAYS; key++)
		recent_use(&r, key, 10 + key)->value = 100 + key;
	recent_use(&r, 0, 50); /* now 1 is the oldest */
	assert_int_equal(recent_use(&r, 77, 60)->value, 0);
	assert_null(recent_find(&r, 1));
	assert_int_equal(recent_find(&r, 0)->value, 100);
	assert_int_equal(recent_find(&r, 7)->value, 107);
	recent_forget(recent_find(&r, 7));
	assert_null(recent_find(&r, 7));
	recent_use(&r, 78, 61); /* takes the place that is free */
	assert_non_null(recent_find(&r, 2));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_flood_keeps_the_busy_one),
		cmocka_unit_test(test_malformed_circuit),
		cmocka_unit_test(test_oldest_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
