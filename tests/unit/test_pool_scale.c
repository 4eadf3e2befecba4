/*
 * The pool with many addresses, subnets, reservations and strangers: what it costs, and what it
 * promises then. The limits are far above what is measured here, and are printed beside it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/lease.h"

#define START 1000000000000u
#define HOUR  3600000u
#define MIB   (1024 * 1024L)

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* others load the machine, too */
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static struct pool_ask ask_of(unsigned host, bool known)
{
	return (struct pool_ask){ .mac = { 0x52, 0x54, (uint8_t)(host >> 24), (uint8_t)(host >> 16),
					  (uint8_t)(host >> 8), (uint8_t)host },
		.known = known };
}

/* 0 when there is none. */
static uint32_t offer(struct pool *p, const struct pool_ask *a, uint64_t now)
{
	uint32_t addr = 0;

	pool_offer(p, a, now, &addr);
	return addr;
}

static int commit(
	struct pool *p, const struct pool_ask *from, uint32_t addr, uint64_t expires, uint64_t now)
{
	struct pool_ask a = *from;
	uint32_t left[POOL_LEFT_MAX];

	a.requested = addr;
	return pool_commit(p, &a, expires, now, left);
}

static void a_slash_14(void **state)
{
	enum { N = 262142 };
	struct config_subnet subnet = { .net = 0x0a000000,
		.mask = 0xfffc0000,
		.n_ranges = 1,
		.ranges = { { 0x0a000001, 0x0a03fffe } } };
	const struct config c = { .n_subnets = 1, .subnets = &subnet };
	const long before = resident();
	const double start = now_s();
	struct pool *p;
	double built;
	long fresh;

	(void)state;
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	built = now_s() - start;
	fresh = resident() - before;
	for (unsigned i = 0; i < N; i++) {
		const struct pool_ask a = ask_of(i, true);

		assert_int_equal(commit(p, &a, 0x0a000001 + i, START + HOUR + i, START), 0);
	}
	print_message("built in %.6f s, resident %ld bytes; %ld bytes for each used address\n",
		built, fresh, (resident() - before) / N);
	assert_true(built < 0.1);
	assert_true(fresh < 2 * MIB);
	assert_true(resident() - before < 96L * N);
	for (unsigned i = 0; i < N; i++) {
		const struct pool_ask a = ask_of(i, true);

		assert_int_equal(offer(p, &a, START), 0x0a000001 + i);
	}
	pool_free(p);
}

/* 1,024 branch offices with 16 ranges each. */
static void many_subnets(void **state)
{
	enum { SUBNETS = 1024, RANGES = CONFIG_RANGES_MAX };
	struct config_subnet *subnets = calloc(SUBNETS, sizeof *subnets);
	const struct config c = { .n_subnets = SUBNETS, .subnets = subnets };
	double start, built, asked;
	struct pool *p;

	(void)state;
	assert_non_null(subnets);
	for (uint32_t i = 0; i < SUBNETS; i++) {
		subnets[i].net = 0x0a000000 + (i << 8);
		subnets[i].mask = 0xffffff00;
		subnets[i].n_ranges = RANGES;
		snprintf(subnets[i].network, sizeof subnets[i].network, "n%u", i / 2 * 7 % 512);
		for (uint32_t k = 0; k < RANGES; k++) /* not in order */
			subnets[i].ranges[(k * 5) % RANGES] =
				(struct config_range){ subnets[i].net + 4 + k * 12,
					subnets[i].net + 10 + k * 12 };
	}
	start = now_s();
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	built = now_s() - start;
	start = now_s();
	for (uint32_t n = 0; n < 2u * RANGES * 7; n++) {
		for (uint32_t i = 0; i < SUBNETS; i += 2) {
			struct pool_ask a = ask_of(n << 16 | i, true);
			const uint32_t nth = n % (RANGES * 7); /* of its subnet, ascending */

			a.subnet = i + n % 2;
			assert_int_equal(offer(p, &a, START),
				subnets[i + n / (RANGES * 7)].net + 4 + nth / 7 * 12 + nth % 7);
			if (n % 8 == 0) /* offers are few */
				assert_int_equal(
					commit(p, &a, offer(p, &a, START), START + HOUR, START), 0);
			else
				assert_int_equal(
					commit(p, &a, offer(p, &a, START), START + 1, START), 0);
		}
	}
	asked = now_s() - start;
	print_message("built in %.6f s, %.3f us for two offers and a lease\n", built,
		asked * 1e6 / (SUBNETS * RANGES * 7));
	assert_true(built < 0.2);
	pool_free(p);
	free(subnets);
}

/* 100,000 hosts, each with an address of its own, most outside of the ranges. */
static void many_reservations(void **state)
{
	enum { HOSTS = 100000 };
	struct config_subnet subnet = { .net = 0x0a000000,
		.mask = 0xff000000,
		.n_ranges = 1,
		.ranges = { { 0x0a010000, 0x0a0103ff } } };
	const struct config c = { .n_subnets = 1, .subnets = &subnet };
	struct pool_ask a, stranger = ask_of(HOSTS, true);
	const long before = resident();
	double start = now_s(), built;
	struct pool *p;

	(void)state;
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	for (unsigned i = 0; i < HOSTS; i++)
		assert_int_equal(pool_reserve(p, i + 1, 0x0a000001 + i, (const uint8_t *)&i,
					 sizeof i, START),
			0);
	built = now_s() - start;
	start = now_s();
	for (unsigned i = 0; i < HOSTS; i++) {
		a = ask_of(i, true);
		a.circuit = (const uint8_t *)&i;
		a.circuit_len = sizeof i;
		a.host = pool_host_at(p, 0, a.circuit, a.circuit_len);
		assert_int_equal(a.host, i + 1);
		assert_int_equal(offer(p, &a, START), 0x0a000001 + i);
		assert_int_equal(commit(p, &a, 0x0a000001 + i, START + HOUR, START), 0);
	}
	print_message("built in %.3f s, resident %.1f MiB, %.3f us for an offer and a lease\n",
		built, (double)(resident() - before) / MIB, (now_s() - start) * 1e6 / HOSTS);
	assert_true(built < 1);
	assert_true(resident() - before < 32 * MIB);
	assert_int_equal(offer(p, &stranger, START), 0); /* all of the range is reserved */
	for (unsigned i = 0; i < HOSTS; i++)
		pool_unreserve(p, i + 1, START + HOUR);
	assert_int_equal(offer(p, &stranger, START + HOUR), 0x0a010000);
	pool_free(p);
}

static unsigned held_by_guests(const struct pool *p, uint32_t first, uint32_t last, uint64_t now)
{
	unsigned n = 0;

	for (uint32_t addr = first; addr <= last; addr++) {
		const struct lease *l = pool_by_addr(p, addr);

		n += l && lease_held(l, now) && !l->known;
	}
	return n;
}

/*
 * A million DISCOVERs of made-up hosts, one in four followed through to a lease: they never hold
 * more than a quarter, and every registered host gets its address and keeps it, to the last one
 * of the other three quarters.
 */
static void flood_of_strangers(void **state)
{
	enum { FLOOD = 1000000, FIRST = 0x0a000001, ADDRS = 1000, HOSTS = ADDRS - ADDRS / 4 };
	struct config_subnet subnet = { .net = 0x0a000000,
		.mask = 0xfffffc00,
		.n_ranges = 1,
		.ranges = { { FIRST, FIRST + ADDRS - 1 } } };
	const struct config c = { .n_subnets = 1, .subnets = &subnet };
	uint32_t address_of[HOSTS], addr;
	unsigned hosts = 0, most = 0, n;
	uint64_t now = START;
	struct pool *p;

	(void)state;
	assert_int_equal(pool_new(&c, NULL, 0, &p), 0);
	for (unsigned i = 0; i < FLOOD; i++, now++) {
		struct pool_ask guest = ask_of(1u << 31 | (i * 2654435761u >> 1), false);

		guest.requested = FIRST + i * 7919u % ADDRS;
		addr = offer(p, &guest, now);
		if (addr && i % 4 == 0)
			assert_int_equal(commit(p, &guest, addr, now + 120000, now), 0);
		if (i % (FLOOD / HOSTS) || hosts == HOSTS)
			continue;
		const struct pool_ask host = ask_of(hosts, true);

		n = held_by_guests(p, FIRST, FIRST + ADDRS - 1, now);
		assert_true(n <= ADDRS / 4);
		most = n > most ? n : most;
		address_of[hosts] = offer(p, &host, now);
		assert_int_not_equal(address_of[hosts], 0);
		assert_int_equal(
			commit(p, &host, address_of[hosts], START + 900 * (uint64_t)HOUR, now), 0);
		hosts++;
	}
	print_message("guests held up to %u of %d\n", most, ADDRS);
	assert_int_equal(most, ADDRS / 4); /* the flood did come to the limit */
	assert_int_equal(hosts, HOSTS);
	for (unsigned i = 0; i < HOSTS; i++) {
		const struct pool_ask host = ask_of(i, true);

		assert_int_equal(offer(p, &host, now), address_of[i]);
	}
	pool_free(p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slash_14),
		cmocka_unit_test(many_subnets),
		cmocka_unit_test(many_reservations),
		cmocka_unit_test(flood_of_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
