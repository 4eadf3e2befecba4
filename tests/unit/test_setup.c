/* test_setup.c: the configuration that `muster setup` writes, and reads again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/config.h"
#include "server/ctl/setup.h"

static void test_guess(void **state)
{
	static const struct {
		uint32_t addr, mask, first, last;
	} rows[] = {
		{ 0x0a4d0001, 0xffffff00, 0x0a4d0080, 0x0a4d00fe },
		{ 0x0a4d00c8, 0xffffff00, 0x0a4d0001, 0x0a4d007f },
		{ 0x0a000001, 0xff000000, 0x0a800000, 0x0afffffe },
		{ 0x0a4d0001, 0xfffffff8, 0x0a4d0004, 0x0a4d0006 },
		{ 0x0a4d0001, 0xfffffffc, 0x0a4d0002, 0x0a4d0002 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct setup s = {
			.addr = rows[i].addr, .mask = rows[i].mask, .interface = "eth1"
		};
		char err[160];

		setup_guess_range(&s);
		assert_int_equal(s.first, rows[i].first);
		assert_int_equal(s.last, rows[i].last);
		assert_int_equal(setup_check(&s, err, sizeof err), 0);
	}
}

static void test_check(void **state)
{
	static const struct {
		const char *says;
		struct setup s;
	} rows[] = {
		{ "no interface", { .addr = 1 } },
		{ "no room", { .interface = "e", .addr = 0x0a4d0001, .mask = 0xfffffffe } },
		{ "ends before", { .interface = "e",
					 .addr = 0x0a4d0001,
					 .mask = 0xffffff00,
					 .first = 0x0a4d0009,
					 .last = 0x0a4d0008 } },
		{ "not within", { .interface = "e",
					.addr = 0x0a4d0001,
					.mask = 0xffffff00,
					.first = 0x0a4d0100,
					.last = 0x0a4d0108 } },
		{ "not within", { .interface = "e",
					.addr = 0x0a4d0001,
					.mask = 0xffffff00,
					.first = 0x0a4d0010,
					.last = 0x0a4d00ff } },
		{ "own address", { .interface = "e",
					 .addr = 0x0a4d0001,
					 .mask = 0xffffff00,
					 .first = 0x0a4d0001,
					 .last = 0x0a4d0008 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char err[160] = "";

		print_message("row: %s\n", rows[i].says);
		assert_int_equal(setup_check(&rows[i].s, err, sizeof err), -EINVAL);
		assert_non_null(strstr(err, rows[i].says));
	}
}

/* What is printed is read the same, by setup and by the server. */
static void test_round(void **state)
{
	const struct setup all = { .name = "branch-042",
		.interface = "eth1",
		.addr = 0x0a4d0001,
		.mask = 0xffffff00,
		.first = 0x0a4d0064,
		.last = 0x0a4d00c8,
		.router = 0x0a4d0001,
		.dns = 0x0a4d0002,
		.admission = "registered",
		.image = "kvm" };
	struct setup bare = all, again = { .addr = all.addr, .mask = all.mask };
	char text[SETUP_TEXT_MAX], err[300];
	struct config c;

	(void)state;
	setup_print(&all, text);
	assert_int_equal(setup_read(text, &again), 0);
	assert_memory_equal(&again, &all, sizeof all);
	config_defaults(&c);
	assert_int_equal(config_parse(text, strlen(text), "f", &c, err, sizeof err), 0);
	assert_int_equal(config_check(&c, "f", err, sizeof err), 0);
	assert_string_equal(c.name, "branch-042");
	assert_int_equal(c.subnets[0].ranges[0].last, all.last);
	assert_int_equal(c.admission, ADMISSION_REGISTERED);
	config_fini(&c);
	bare.proxy = true;
	setup_print(&bare, text);
	assert_null(strstr(text, "subnet"));
	config_defaults(&c);
	assert_int_equal(config_parse(text, strlen(text), "f", &c, err, sizeof err), 0);
	assert_int_equal(c.dhcp_mode, DHCP_PROXY);
	config_fini(&c);
	assert_int_equal(setup_read("[server]\nname = other\n", &again), -EINVAL);
	assert_string_equal(again.name, "branch-042");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guess),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
