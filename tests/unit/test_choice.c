/* Which version a host is given, by channel, pin and what is current. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/choice.h"

static void a_release_within_the_channel(void **state)
{
	static const struct {
		uint64_t floor, release;
		uint8_t manifest;
		int want;
	} rows[] = {
		{ 5, 4, 1, -1 },
		{ 5, 5, 1, 0 },
		{ 5, 6, 1, 0 },
		{ 5, 7, 7, 0 }, /* the very manifest */
		{ 5, 7, 1, 1 }, /* another one of that release */
		{ 5, 8, 7, 1 },
		{ 7, 6, 1, -1 },
		{ 7, 7, 7, 0 },
		{ 0, 1, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct channel ch = {
			.release = 7, .floor = rows[i].floor, .manifest = { { 7 } }
		};
		const struct digest d = { { rows[i].manifest } };

		print_message("row %zu\n", i);
		assert_int_equal(channel_compare(&ch, &d, rows[i].release), rows[i].want);
	}
}

static void which_channel_is_older(void **state)
{
	static const struct {
		uint64_t issued_s, release;
		bool want; /* than one issued at 100 of release 7 */
	} rows[] = {
		{ 99, 7, true },
		{ 99, 9, true }, /* whoever signs anew may go back */
		{ 100, 6, true },
		{ 100, 7, false },
		{ 100, 8, false },
		{ 101, 6, false },
	};
	const struct channel other = { .issued_s = 100, .release = 7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct channel ch = { .issued_s = rows[i].issued_s,
			.release = rows[i].release };

		print_message("row %zu\n", i);
		assert_int_equal(channel_is_older(&ch, &other), rows[i].want);
	}
}

static void pin_then_rollout_then_current_then_channel(void **state)
{
	/* Releases, 0: there is none. The channel has release 7, floor 5. */
	static const struct {
		const char *name;
		bool channel;
		uint64_t pin, told, current, named;
		enum choice want;
		uint64_t release;
	} rows[] = {
		{ "as the channel says", true, 0, 0, 7, 7, CHOICE_GOOD, 7 },
		{ "rolled back", true, 0, 0, 6, 7, CHOICE_GOOD, 6 },
		{ "rolled back to the floor", true, 0, 0, 5, 7, CHOICE_GOOD, 5 },
		{ "the floor rose", true, 0, 0, 4, 7, CHOICE_GOOD, 7 },
		{ "the channel went back", true, 0, 0, 8, 7, CHOICE_GOOD, 7 },
		{ "nothing is current yet", true, 0, 0, 0, 7, CHOICE_GOOD, 7 },
		{ "the named one is not here", true, 0, 0, 6, 0, CHOICE_GOOD, 6 },
		{ "and no other may run", true, 0, 0, 4, 0, CHOICE_NOT_HERE, 0 },
		{ "nor is anything", true, 0, 0, 0, 0, CHOICE_NOT_HERE, 0 },
		{ "a pin", true, 5, 0, 7, 7, CHOICE_GOOD, 5 },
		{ "a pin of what is current", true, 7, 0, 6, 7, CHOICE_GOOD, 7 },
		{ "a pin below the floor", true, 4, 0, 7, 7, CHOICE_PIN_BELOW, 0 },
		{ "a pin above", true, 8, 0, 7, 7, CHOICE_PIN_ABOVE, 0 },
		{ "a rollout", true, 0, 7, 6, 7, CHOICE_GOOD, 7 },
		{ "to an older one", true, 0, 5, 7, 7, CHOICE_GOOD, 5 },
		{ "to what the floor has passed", true, 0, 4, 6, 7, CHOICE_GOOD, 6 },
		{ "to what the channel does not allow yet", true, 0, 8, 6, 7, CHOICE_GOOD, 6 },
		{ "a pin all the same", true, 6, 7, 5, 7, CHOICE_GOOD, 6 },
		{ "an agent without a channel", false, 0, 0, 4, 0, CHOICE_GOOD, 4 },
		{ "pinned", false, 3, 0, 4, 0, CHOICE_GOOD, 3 },
		{ "no agent", false, 0, 0, 0, 0, CHOICE_NO_IMAGE, 0 },
	};
	const struct channel ch = { .release = 7, .floor = 5, .manifest = { { 7 } } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct store_image pin = { .release = rows[i].pin,
			.manifest = { { (uint8_t)rows[i].pin } } };
		const struct store_image told = { .release = rows[i].told,
			.manifest = { { (uint8_t)rows[i].told } } };
		const struct store_image current = { .release = rows[i].current,
			.manifest = { { (uint8_t)rows[i].current } } };
		const struct store_image named = { .release = rows[i].named,
			.manifest = { { (uint8_t)rows[i].named } } };
		const struct choice_given g = { rows[i].channel ? &ch : NULL,
			rows[i].pin ? &pin : NULL, rows[i].told ? &told : NULL,
			rows[i].current ? &current : NULL, rows[i].named ? &named : NULL };
		const struct store_image *out = NULL;

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(choice_make(&g, &out), rows[i].want);
		assert_int_equal(out ? out->release : 0, rows[i].release);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_release_within_the_channel),
		cmocka_unit_test(which_channel_is_older),
		cmocka_unit_test(pin_then_rollout_then_current_then_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
