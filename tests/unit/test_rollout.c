/* The rules of a staged rollout: waves, the gate, what becomes of a host. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/why.h"
#include "server/core/rollout.h"

static void waves_are_read(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{ "1,10%,50%,100%", 0 },
		{ "100%", 0 },
		{ "1,2,3,100%", 0 },
		{ "", -EINVAL },
		{ "1", -EINVAL },
		{ "1,50%", -EINVAL },
		{ "100", -EINVAL },
		{ "0,100%", -EINVAL },
		{ "0%,100%", -EINVAL },
		{ "101%", -EINVAL },
		{ "1,,100%", -EINVAL },
		{ "1,100%,", -EINVAL },
		{ "-1,100%", -EINVAL },
		{ "1 ,100%", -EINVAL },
		{ "%", -EINVAL },
		{ "1%%", -EINVAL },
		{ "9999999,100%", -EINVAL },
		{ "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,100%", 0 },
		{ "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,100%", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rollout_waves w = { 77, { { 0 } } };
		char err[120] = "";

		print_message("row: '%s'\n", rows[i].text);
		assert_int_equal(
			rollout_waves_read(rows[i].text, &w, err, sizeof err), rows[i].want);
		assert_int_equal(*err != 0, rows[i].want != 0);
		if (rows[i].want)
			assert_int_equal(w.n, 77); /* untouched */
	}
}

static void waves_of_so_many_hosts(void **state)
{
	static const struct {
		const char *waves;
		uint32_t hosts;
		const char *ends;
	} rows[] = {
		{ "1,10%,50%,100%", 100, "1 10 50 100 " },
		{ "1,10%,50%,100%", 11, "1 2 6 11 " }, /* up */
		{ "1,10%,50%,100%", 10, "1 5 10 " },   /* 10% brings nobody */
		{ "1,10%,50%,100%", 2, "1 2 " },
		{ "1,10%,50%,100%", 1, "1 " },
		{ "1,10%,50%,100%", 0, "" },
		{ "50%,1,100%", 10, "5 10 " }, /* as many were there before */
		{ "20,100%", 7, "7 " },
		{ "1%,100%", 10000, "100 10000 " },
		{ "99%,100%", 4000000,
			"3960000 4000000 " }, /* 100 times that is more than 32 bits */
		{ "100%", 5, "5 " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t ends[ROLLOUT_WAVES_MAX];
		struct rollout_waves w;
		char err[120], text[200] = "";
		size_t n;

		print_message("row: %s of %u\n", rows[i].waves, rows[i].hosts);
		assert_int_equal(rollout_waves_read(rows[i].waves, &w, err, sizeof err), 0);
		n = rollout_ends(&w, rows[i].hosts, ends);
		for (size_t k = 0; k < n; k++)
			snprintf(text + strlen(text), sizeof text - strlen(text), "%u ", ends[k]);
		assert_string_equal(text, rows[i].ends);
		if (n)
			assert_int_equal(ends[n - 1], rows[i].hosts);
	}
}

static void the_wave_of_a_place(void **state)
{
	static const uint32_t ends[] = { 1, 5, 10 };
	static const uint32_t want[] = { 0, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3 };

	(void)state;
	for (uint32_t place = 0; place < ARRAY_LEN(want); place++)
		assert_int_equal(rollout_wave_of(ends, 3, place), want[place]);
}

static void what_is_next(void **state)
{
	static const struct {
		const char *name;
		struct rollout_now now;
		enum rollout_step want;
	} rows[] = {
		{ "it looks who takes part", { ROLLOUT_STARTING, 0, 3, 0, 0, false, false },
			ROLLOUT_STAY },
		{ "nothing has begun", { ROLLOUT_RUNNING, 0, 3, 0, 0, false, false },
			ROLLOUT_NEXT_WAVE },
		{ "hosts are on their way", { ROLLOUT_RUNNING, 1, 3, 0, 0, true, false },
			ROLLOUT_STAY },
		{ "a wave is through", { ROLLOUT_RUNNING, 1, 3, 0, 0, false, true },
			ROLLOUT_NEXT_WAVE },
		{ "without a failure too many", { ROLLOUT_RUNNING, 1, 3, 1, 1, false, false },
			ROLLOUT_NEXT_WAVE },
		{ "one too many", { ROLLOUT_RUNNING, 1, 3, 1, 0, false, true }, ROLLOUT_PAUSE },
		{ "also while others are on their way", { ROLLOUT_RUNNING, 2, 3, 3, 2, true, true },
			ROLLOUT_PAUSE },
		{ "the last one", { ROLLOUT_RUNNING, 3, 3, 0, 0, false, true }, ROLLOUT_FINISH },
		{ "the last one is on its way", { ROLLOUT_RUNNING, 3, 3, 0, 0, true, true },
			ROLLOUT_STAY },
		{ "nobody is good", { ROLLOUT_RUNNING, 3, 3, 2, 2, false, false }, ROLLOUT_PAUSE },
		{ "paused", { ROLLOUT_PAUSED, 3, 3, 0, 0, false, true }, ROLLOUT_STAY },
		{ "paused for failures", { ROLLOUT_PAUSED, 1, 3, 5, 0, false, true },
			ROLLOUT_STAY },
		{ "done", { ROLLOUT_DONE, 3, 3, 0, 0, false, true }, ROLLOUT_STAY },
		{ "aborted", { ROLLOUT_ABORTED, 1, 3, 0, 0, false, true }, ROLLOUT_STAY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("row: %s\n", rows[i].name);
		assert_int_equal(rollout_next(&rows[i].now), rows[i].want);
	}
}

static void what_becomes_of_a_host(void **state)
{
	static const struct {
		enum rolling_state from;
		enum rollout_sign sign;
		uint32_t restarts;
		enum rolling_state want;
	} rows[] = {
		{ ROLLING_WAITING, ROLLOUT_UP, 0, ROLLING_BAKING },
		{ ROLLING_WAITING, ROLLOUT_FAILED, 0, ROLLING_FAILED },
		{ ROLLING_WAITING, ROLLOUT_SILENT, 0, ROLLING_WAITING },
		{ ROLLING_WAITING, ROLLOUT_LASTED, 0, ROLLING_WAITING },
		{ ROLLING_BAKING, ROLLOUT_UP, 1, ROLLING_BAKING },
		{ ROLLING_BAKING, ROLLOUT_UP, ROLLOUT_RESTARTS - 1, ROLLING_BAKING },
		{ ROLLING_BAKING, ROLLOUT_UP, ROLLOUT_RESTARTS, ROLLING_FAILED },
		{ ROLLING_BAKING, ROLLOUT_FAILED, 0, ROLLING_FAILED },
		{ ROLLING_BAKING, ROLLOUT_SILENT, 0, ROLLING_FAILED },
		{ ROLLING_BAKING, ROLLOUT_LASTED, 0, ROLLING_GOOD },
		{ ROLLING_GOOD, ROLLOUT_UP, 9, ROLLING_GOOD },
		{ ROLLING_GOOD, ROLLOUT_FAILED, 0, ROLLING_FAILED }, /* at a later boot */
		{ ROLLING_GOOD, ROLLOUT_SILENT, 0, ROLLING_GOOD },
		{ ROLLING_FAILED, ROLLOUT_UP, 0, ROLLING_FAILED },
		{ ROLLING_FAILED, ROLLOUT_LASTED, 0, ROLLING_FAILED },
		{ ROLLING_SKIPPED, ROLLOUT_FAILED, 0, ROLLING_SKIPPED },
		{ ROLLING_PICKED, ROLLOUT_UP, 0, ROLLING_PICKED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("row: %s, sign %d\n", rolling_state_name(rows[i].from), rows[i].sign);
		assert_int_equal(rollout_host_after(rows[i].from, rows[i].sign, rows[i].restarts),
			rows[i].want);
	}
}

#define LOST  WHY_LOST_MS
#define AGAIN (-1)

static void how_a_host_bakes(void **state)
{
	/* It came up at 1000000. */
	static const struct {
		const char *name;
		int64_t after, bake, seen_ago, listens_ago;
		bool beats, starts;
		int want;    /* a sign, or AGAIN */
		int64_t due; /* with AGAIN: in so many ms */
	} rows[] = {
		{ "a moment ago", 0, 300000, 0, LOST * 9, true, false, AGAIN, LOST },
		{ "heard, and not for long enough", 290000, 300000, 5000, LOST * 9, true, false,
			AGAIN, 10000 },
		{ "for long enough", 300000, 300000, 20000, LOST * 9, true, false, ROLLOUT_LASTED,
			0 },
		{ "silent", 150000, 300000, LOST, LOST * 9, true, false, ROLLOUT_SILENT, 0 },
		{ "silent when it is time", 300000, 300000, LOST, LOST * 9, true, false,
			ROLLOUT_SILENT, 0 },
		{ "almost", 150000, 300000, LOST - 1, LOST * 9, true, false, AGAIN, 1 },
		{ "we were away", 150000, 300000, LOST, 2000, true, false, AGAIN, 5000 },
		{ "we were away until after it was time", 900000, 300000, LOST * 5, 2000, true,
			false, AGAIN, 5000 },
		{ "and it is silent still", 900000, 300000, LOST * 5, LOST, true, false,
			ROLLOUT_SILENT, 0 },
		{ "and it spoke", 900000, 300000, 1000, 2000, true, false, ROLLOUT_LASTED, 0 },
		{ "it starts over", 300000, 300000, LOST, LOST * 9, true, true, AGAIN, 5000 },
		{ "it sends nothing", 150000, 300000, 150000, LOST * 9, false, false, AGAIN,
			150000 },
		{ "and has not started over", 300000, 300000, 300000, LOST * 9, false, false,
			ROLLOUT_LASTED, 0 },
		{ "at once", 0, 0, 0, LOST * 9, true, false, ROLLOUT_LASTED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const int64_t now = 1000000 + rows[i].after;
		const struct rollout_bake b = { .now = now,
			.since = 1000000,
			.bake = rows[i].bake,
			.seen = now - rows[i].seen_ago,
			.listens = now - rows[i].listens_ago,
			.beats = rows[i].beats,
			.starts = rows[i].starts };
		enum rollout_sign sign = ROLLOUT_UP;
		int64_t due = 0;
		int rc = rollout_bake(&b, &sign, &due);

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(rc ? (int)sign : AGAIN, rows[i].want);
		if (rows[i].want == AGAIN)
			assert_int_equal(due - now, rows[i].due);
	}
}

static void in_words(void **state)
{
	struct store_rollout r = { .name = "kvm",
		.to_version = "2",
		.from_version = "1",
		.wave = 2,
		.note = "n07 failed" };
	struct rollout_view v = { .r = &r, .waves = 4, .one = "n03" };
	char out[ROLLOUT_SENTENCE_MAX];

	(void)state;
	r.state = ROLLOUT_STARTING;
	v.picked = 12;
	assert_string_equal(rollout_sentence(&v, out), "12 hosts have yet to be looked at");
	r.state = ROLLOUT_RUNNING;
	v.told = 1;
	assert_string_equal(
		rollout_sentence(&v, out), "wave 2 of 4 waits for 1 host: 1 to start anew (n03)");
	v.told = 3;
	v.booting = 1;
	v.baking = 2;
	v.bake_left_ms = 1001;
	assert_string_equal(rollout_sentence(&v, out),
		"wave 2 of 4 waits for 6 hosts: 3 to start anew (n03, ...), 1 to come up, "
		"2 to stay up for 2 s more");
	v.told = v.booting = 0;
	assert_string_equal(rollout_sentence(&v, out),
		"wave 2 of 4 waits for 2 hosts: 2 to stay up for 2 s more");
	r.state = ROLLOUT_PAUSED;
	assert_string_equal(rollout_sentence(&v, out), "paused: n07 failed; nobody else is told");
	r.state = ROLLOUT_DONE;
	v.good = 1;
	assert_string_equal(rollout_sentence(&v, out), "kvm 2 is current: 1 host good");
	v.failed = 2;
	assert_string_equal(
		rollout_sentence(&v, out), "kvm 2 is current: 1 host good, 2 failed and stay at 1");
	r.state = ROLLOUT_ABORTED;
	assert_string_equal(rollout_sentence(&v, out), "aborted: n07 failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waves_are_read),
		cmocka_unit_test(waves_of_so_many_hosts),
		cmocka_unit_test(the_wave_of_a_place),
		cmocka_unit_test(what_is_next),
		cmocka_unit_test(what_becomes_of_a_host),
		cmocka_unit_test(how_a_host_bakes),
		cmocka_unit_test(in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
