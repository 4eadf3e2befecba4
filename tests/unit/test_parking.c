/* parking.h: DISCOVERs that wait for an answer about their address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/parking.h"

#define NOW 5000000

static struct parked *park(struct parking *p, uint8_t host, int64_t now_ms)
{
	struct parked *at = parking_take(p, now_ms);

	if (!at)
		return NULL;
	at->addr = 100u + host;
	at->query.mac[5] = host;
	return at;
}

static void takes_no_more_than_it_has(void **state)
{
	struct parking p = { 0 };

	(void)state;
	for (uint8_t i = 0; i < PARKING_PLACES; i++)
		assert_non_null(park(&p, i, NOW));
	assert_null(park(&p, 99, NOW));
	parking_leave(parking_by_mac(&p, (const uint8_t[6]){ [5] = 3 }));
	assert_null(parking_by_mac(&p, (const uint8_t[6]){ [5] = 3 }));
	assert_non_null(park(&p, 99, NOW));
	assert_null(park(&p, 100, NOW));
}

/* A late answer must not meet whoever waits in the same place now. */
static void names_are_never_used_again(void **state)
{
	struct parking p = { 0 };
	uint64_t first;

	(void)state;
	first = park(&p, 1, NOW)->probe;
	assert_non_null(parking_of(&p, first, 101));
	assert_null(parking_of(&p, first, 102)); /* another address */
	assert_null(parking_of(&p, first + 1, 101));
	assert_null(parking_of(&p, 0, 101)); /* for whom nobody waits */
	assert_null(parking_of(&p, UINT64_MAX, 101));
	parking_leave(parking_of(&p, first, 101));
	assert_null(parking_of(&p, first, 101));
	park(&p, 1, NOW);
	assert_null(parking_of(&p, first, 101));
}

static void windows_end_in_order(void **state)
{
	struct parking p = { 0 };

	(void)state;
	assert_int_equal(parking_next_ms(&p, NOW), 0);
	park(&p, 1, NOW);
	park(&p, 2, NOW + 100);
	assert_int_equal(parking_next_ms(&p, NOW + 100), PARKING_WINDOW_MS - 100);
	assert_null(parking_due(&p, NOW + PARKING_WINDOW_MS - 1));
	assert_int_equal(parking_due(&p, NOW + PARKING_WINDOW_MS)->query.mac[5], 1);
	assert_int_equal(parking_next_ms(&p, NOW + 10000), 1); /* late: at once, but not never */
	parking_leave(parking_due(&p, NOW + PARKING_WINDOW_MS));
	assert_null(parking_due(&p, NOW + PARKING_WINDOW_MS));
	assert_int_equal(parking_next_ms(&p, NOW + PARKING_WINDOW_MS), 100);
	parking_leave(parking_due(&p, NOW + PARKING_WINDOW_MS + 100));
	assert_int_equal(parking_next_ms(&p, NOW + 10000), 0);
}

static unsigned hosts_come(struct parking *p, unsigned n, int64_t now_ms)
{
	unsigned in_a_rush = 0;

	while (n--)
		in_a_rush += parking_rush(p, now_ms);
	return in_a_rush;
}

/* More hosts than places: who waits goes on, and nobody waits until a window was quiet. */
static void nobody_waits_in_a_rush(void **state)
{
	struct parking p = { 0 };
	int64_t now_ms = NOW;

	(void)state;
	assert_int_equal(hosts_come(&p, PARKING_PLACES, now_ms), 0);
	park(&p, 1, now_ms);
	park(&p, 2, now_ms);
	assert_null(parking_due(&p, now_ms + PARKING_WINDOW_MS - 1));
	assert_int_equal(hosts_come(&p, 1, now_ms + PARKING_WINDOW_MS - 1), 1);
	for (int i = 0; i < 2; i++)
		parking_leave(parking_due(&p, now_ms + PARKING_WINDOW_MS - 1));
	now_ms += PARKING_WINDOW_MS;
	assert_int_equal(hosts_come(&p, PARKING_PLACES, now_ms), PARKING_PLACES); /* still */
	now_ms += PARKING_WINDOW_MS;
	assert_int_equal(hosts_come(&p, PARKING_PLACES, now_ms), 0); /* that window was quiet */
	assert_int_equal(hosts_come(&p, 1, now_ms), 1);
	assert_int_equal(hosts_come(&p, 1, now_ms + 2 * PARKING_WINDOW_MS), 0); /* long ago */
}

/* Hosts that come one at a time are never in a rush. */
static void a_few_are_no_rush(void **state)
{
	struct parking p = { 0 };

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(
			hosts_come(&p, 1, NOW + i * (PARKING_WINDOW_MS / PARKING_PLACES + 1)), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_no_more_than_it_has),
		cmocka_unit_test(names_are_never_used_again),
		cmocka_unit_test(windows_end_in_order),
		cmocka_unit_test(nobody_waits_in_a_rush),
		cmocka_unit_test(a_few_are_no_rush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
