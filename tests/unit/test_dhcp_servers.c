/* dhcp_servers.h: the other DHCP servers that were heard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/dhcp_servers.h"

#define START 1000000000000
#define MIN   60000

static struct dhcp_seen seen(unsigned number, uint32_t yiaddr, const char *file)
{
	struct dhcp_seen s = { .type = DHCP_OFFER,
		.src_mac = { 0x52, 0x54, 0, 0, 0, (uint8_t)number },
		.src_addr = 0x0a4d0000 + number,
		.server_id = 0x0a4d0000 + number,
		.yiaddr = yiaddr };

	snprintf(s.file, sizeof s.file, "%s", file);
	return s;
}

static void a_story(void **state)
{
	static const struct {
		const char *name;
		int64_t at_ms;
		unsigned number;
		uint32_t yiaddr;
		const char *ifname, *file;
		bool news, addresses;
		int64_t count;
		const char *want_file;
	} rows[] = {
		{ "the first", 0, 1, 0, "eth1", "", true, false, 1, "" },
		{ "again, with an address", 1, 1, 7, "eth1", "", false, true, 2, "" },
		{ "then with a boot file", 2, 1, 0, "eth1", "a.0", false, true, 3, "a.0" },
		{ "what it said once stays", 3, 1, 0, "eth1", "", false, true, 4, "a.0" },
		{ "on another link", 4, 1, 0, "eth2", "", true, false, 1, "" },
		{ "another one", 5, 2, 7, "eth1", "", true, true, 1, "" },
		{ "silent for an hour", 3 + 60 * MIN, 1, 0, "eth1", "", false, true, 5, "a.0" },
		{ "and for more", 4 + 121 * MIN, 1, 0, "eth1", "", true, true, 6, "a.0" },
	};
	static struct dhcp_servers s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct dhcp_seen said = seen(rows[i].number, rows[i].yiaddr, rows[i].file);
		const struct store_dhcp_server *r;
		bool news;

		print_message("row: %s\n", rows[i].name);
		r = dhcp_servers_heard(&s, &said, rows[i].ifname, START + rows[i].at_ms, &news);
		assert_int_equal(news, rows[i].news);
		assert_int_equal(r->addresses, rows[i].addresses);
		assert_int_equal(r->count, rows[i].count);
		assert_int_equal(r->last_ms, START + rows[i].at_ms);
		assert_string_equal(r->ifname, rows[i].ifname);
		assert_string_equal(r->file, rows[i].want_file);
	}
}

/* How many rows are written at that moment. */
static unsigned writes(struct dhcp_servers *s, int64_t now_ms)
{
	unsigned n = 0;

	while (dhcp_servers_to_write(s, now_ms))
		n++;
	return n;
}

static void writes_little(void **state)
{
	static struct dhcp_servers s;
	const struct dhcp_seen one = seen(1, 0, ""), two = seen(2, 0, "");
	bool news;

	(void)state;
	assert_int_equal(writes(&s, START), 0);
	dhcp_servers_heard(&s, &one, "eth1", START, &news);
	assert_int_equal(writes(&s, START), 1);
	assert_int_equal(writes(&s, START + 2 * MIN), 0); /* nothing new */
	for (int64_t t = START; t < START + 10 * MIN; t += 1000)
		dhcp_servers_heard(&s, &one, "eth1", t, &news);
	dhcp_servers_heard(&s, &two, "eth1", START + 1000, &news);
	assert_int_equal(writes(&s, START + MIN - 1), 1); /* the second one */
	assert_int_equal(writes(&s, START + MIN), 1);
	assert_int_equal(writes(&s, START + MIN), 0);
}

static void the_longest_silent_gives_way(void **state)
{
	static struct dhcp_servers s, again;
	struct store_dhcp_server out_of_range = { .place = STORE_DHCP_SERVERS_MAX, .count = 1 };
	const struct store_dhcp_server *r;
	unsigned place;
	bool news;

	(void)state;
	for (unsigned i = 1; i <= STORE_DHCP_SERVERS_MAX; i++) {
		const struct dhcp_seen said = seen(i, 0, "");

		dhcp_servers_heard(&s, &said, "eth1", START + i, &news);
	}
	r = dhcp_servers_heard(
		&s, &(struct dhcp_seen){ .server_id = 99 }, "eth1", START + 100, &news);
	assert_true(news);
	assert_int_equal(r->count, 1);
	place = r->place;
	r = dhcp_servers_heard(&s, &(struct dhcp_seen){ .server_id = 1 }, "eth1", START + 101,
		&news); /* 1 had gone, 2 goes */
	assert_int_not_equal(r->place, place);
	/* stored rows come back to their places, and to nothing else */
	dhcp_servers_load(&again, r);
	dhcp_servers_load(&again, &out_of_range);
	dhcp_servers_heard(
		&again, &(struct dhcp_seen){ .server_id = 1 }, "eth1", START + 200, &news);
	assert_false(news);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_story),
		cmocka_unit_test(writes_little),
		cmocka_unit_test(the_longest_silent_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
