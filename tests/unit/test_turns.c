/* test_turns.c: transfers one after the other, in the order in which hosts came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/turns.h"

#define NOW 1000000 /* monotonic clocks do not start at 0 */

static int make(void **state)
{
	*state = calloc(1, sizeof(struct turns));
	return *state ? 0 : -1;
}

static int drop(void **state)
{
	free(*state);
	return 0;
}

static bool ask(struct turns *t, int64_t boot, int64_t now_ms)
{
	struct turns_wait w = { 0 };
	bool yes = turns_ask(t, boot, now_ms, &w);

	assert_int_equal(yes, w.position == 0);
	assert_true(yes || (w.about_s >= 1 && w.ask_s >= 1 && w.ask_s <= 8));
	return yes;
}

static unsigned position(struct turns *t, int64_t boot, int64_t now_ms)
{
	struct turns_wait w = { 0 };

	return turns_ask(t, boot, now_ms, &w) ? 0 : w.position;
}

static void test_no_limit(void **state)
{
	struct turns *t = *state;

	for (int i = 0; i < 2 * TURNS_PLACES; i++)
		assert_true(ask(t, i, NOW));
	assert_int_equal(t->n, 0);
}

static void test_order(void **state)
{
	struct turns *t = *state;

	t->max = 2;
	assert_true(ask(t, 1, NOW));
	assert_true(ask(t, 2, NOW));
	for (int i = 3; i <= 9; i++)
		assert_int_equal(position(t, i, NOW), i - 2);
	assert_true(ask(t, 1, NOW)); /* asked again: it still is */
	turns_end(t, 1, true, NOW + 8000);
	assert_int_equal(position(t, 9, NOW + 8000), 7);
	assert_int_equal(position(t, 4, NOW + 8000), 2); /* the turn is kept for 3 */
	assert_true(ask(t, 3, NOW + 8000));
	turns_end(t, 2, true, NOW + 9000);
	turns_end(t, 3, true, NOW + 9000);
	assert_true(ask(t, 5, NOW + 9000)); /* two are free, 4 has the other one */
	assert_int_equal(position(t, 6, NOW + 9000), 2);
	assert_true(ask(t, 4, NOW + 9000));
	assert_int_equal(position(t, 6, NOW + 9000), 1);
}

static void test_who_leaves(void **state)
{
	struct turns *t = *state;
	int64_t now = NOW;

	t->max = 1;
	assert_true(ask(t, 1, now));
	for (int i = 2; i <= 5; i++)
		assert_false(ask(t, i, now));
	turns_end(t, 2, false, now); /* gave up */
	assert_int_equal(position(t, 3, now), 1);
	now += TURNS_WAITER_MS; /* 4 is silent, the others are not */
	turns_fetching(t, 1, now);
	assert_int_equal(position(t, 3, now), 1);
	assert_int_equal(position(t, 5, now), 3);
	assert_int_equal(position(t, 5, now + 1), 2);
	/* the one that fetches dies */
	now += TURNS_FETCHER_MS;
	turns_fetching(t, 3, now);
	turns_fetching(t, 5, now);
	assert_false(ask(t, 5, now));
	assert_false(ask(t, 5, now + 1)); /* 3 is before it */
	assert_true(ask(t, 3, now + 1));
	assert_int_equal(t->n, 2);
	turns_end(t, 77, true, now); /* was never there */
	assert_int_equal(t->n, 2);
}

/* What others let in counts, and keeps those out who come to us. */
static void test_begun_before(void **state)
{
	struct turns *t = *state;

	turns_fetching(t, 1, NOW);
	assert_int_equal(t->n, 0); /* without limits nobody is counted */
	t->max = 2;
	turns_fetching(t, 1, NOW);
	turns_fetching(t, 2, NOW);
	turns_fetching(t, 3, NOW);
	assert_int_equal(t->n_fetch, 3);
	assert_int_equal(position(t, 4, NOW), 1);
	assert_true(ask(t, 3, NOW)); /* it may ask for another ticket */
	turns_end(t, 1, true, NOW + 1000);
	assert_int_equal(position(t, 4, NOW + 1000), 1);
	turns_end(t, 2, true, NOW + 1000);
	assert_true(ask(t, 4, NOW + 1000));
}

static void test_loads(void **state)
{
	struct turns *t = *state;

	turns_load(t, 7, NOW);
	t->rate = 1;
	turns_load(t, 7, NOW); /* they begin as they like */
	assert_int_equal(t->n, 0);
	t->max = 2;
	for (uint64_t i = 0; i < 3; i++)
		turns_load(t, UINT64_MAX - i, NOW);
	turns_load(t, UINT64_MAX, NOW);
	assert_int_equal(t->n_fetch, 3);
	assert_int_equal(position(t, 1, NOW), 1);
	turns_end(t, 0, true, NOW); /* a load is no boot */
	turns_loaded(t, 7);	    /* was never there */
	turns_loaded(t, UINT64_MAX);
	assert_int_equal(position(t, 1, NOW), 1);
	turns_loaded(t, UINT64_MAX - 1);
	assert_true(ask(t, 1, NOW));
	assert_int_equal(position(t, 2, NOW), 1);
	assert_int_equal(position(t, 2, NOW + TURNS_WAITER_MS), 1);
	turns_fetching(t, 1, NOW + TURNS_FETCHER_MS);
	for (int ms = 2 * TURNS_WAITER_MS; ms <= TURNS_FETCHER_MS; ms += TURNS_WAITER_MS)
		assert_int_equal(position(t, 2, NOW + ms), 1);
	assert_true(ask(t, 2, NOW + TURNS_FETCHER_MS + 1)); /* the end of the last one is lost */
}

static void test_rate(void **state)
{
	struct turns *t = *state;
	unsigned begun = 0;

	t->rate = 5;
	for (int i = 1; i <= 100; i++)
		begun += ask(t, i, NOW);
	assert_int_equal(begun, 5); /* a second's worth at once */
	for (int ms = 10; ms <= 4000; ms += 10) {
		for (int i = 1; i <= 100; i++)
			ask(t, i, NOW + ms);
	}
	assert_int_equal(t->n_fetch, 5 + 4 * 5);
	for (int i = 1; i <= 25; i++)
		assert_true(ask(t, i, NOW + 4000)); /* and they are the first ones */
}

static void test_estimate(void **state)
{
	struct turns *t = *state;
	struct turns_wait w;

	t->max = 2;
	assert_true(ask(t, 1, NOW));
	assert_true(ask(t, 2, NOW));
	assert_false(turns_ask(t, 3, NOW, &w));
	assert_int_equal(w.about_s, TURNS_GUESS_MS / 1000 / 2);
	turns_end(t, 1, false, NOW + 500); /* a failure says nothing about the time */
	assert_true(ask(t, 3, NOW + 500));
	turns_end(t, 2, true, NOW + 12000);
	assert_true(ask(t, 4, NOW + 12000));
	for (int i = 5; i <= 11; i++)
		assert_false(turns_ask(t, i, NOW + 12000, &w));
	assert_int_equal(w.position, 7);
	assert_int_equal(w.about_s, 42);
	t->rate = 1;
	t->max = 0;
	assert_false(turns_ask(t, 11, NOW + 12000, &w));
}

static void test_full(void **state)
{
	struct turns *t = *state;

	t->max = 1;
	for (int i = 1; i <= TURNS_PLACES; i++)
		assert_int_equal(ask(t, i, NOW), i == 1);
	assert_int_equal(position(t, TURNS_PLACES + 1, NOW), TURNS_PLACES);
	assert_int_equal(t->n, TURNS_PLACES);
	turns_end(t, 1, true, NOW + 1);
	assert_true(ask(t, 2, NOW + 1));
	assert_int_equal(position(t, TURNS_PLACES + 1, NOW + 1), TURNS_PLACES - 1);
}

/* Each host is served once and in order, whoever asks when. */
static void test_everybody(void **state)
{
	enum { HOSTS = 300 };
	struct turns *t = *state;
	int64_t until[HOSTS] = { 0 }, now = NOW;
	unsigned random = 1, served = 0;
	int last = -1;

	t->max = 7;
	for (int i = 0; i < HOSTS; i++)
		ask(t, i + 1, now);
	for (; served < HOSTS; now += 100) {
		assert_true(now < NOW + 600000);
		for (int i = 0; i < HOSTS; i++) {
			random = random * 1103515245 + 12345;
			if (until[i] < 0 || (!until[i] && random >> 28))
				continue; /* done, or asks another time */
			if (!until[i] && ask(t, i + 1, now)) {
				assert_true(i <= last + 7); /* those who were let in, too */
				last = i > last ? i : last;
				until[i] = now + 1000 + (random >> 20 & 1023);
			}
			if (until[i] && now >= until[i]) {
				turns_end(t, i + 1, true, now);
				until[i] = -1;
				served++;
			}
			assert_true(t->n_fetch <= 7);
		}
	}
	assert_int_equal(t->n, 0);
	assert_int_equal(t->n_fetch, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_limit, make, drop),
		cmocka_unit_test_setup_teardown(test_order, make, drop),
		cmocka_unit_test_setup_teardown(test_who_leaves, make, drop),
		cmocka_unit_test_setup_teardown(test_begun_before, make, drop),
		cmocka_unit_test_setup_teardown(test_loads, make, drop),
		cmocka_unit_test_setup_teardown(test_rate, make, drop),
		cmocka_unit_test_setup_teardown(test_estimate, make, drop),
		cmocka_unit_test_setup_teardown(test_full, make, drop),
		cmocka_unit_test_setup_teardown(test_everybody, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
