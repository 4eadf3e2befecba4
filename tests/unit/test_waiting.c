/* waiting.h: hosts between DISCOVER and what they take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/waiting.h"

static struct waiting *make(void)
{
	struct waiting *w = calloc(1, sizeof *w);

	assert_non_null(w);
	return w;
}

static void mac_of(uint32_t n, uint8_t mac[6])
{
	const uint8_t m[6] = { 2, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
		(uint8_t)n };

	memcpy(mac, m, 6);
}

static void finds_and_forgets(void **state)
{
	struct waiting *w = make();
	struct waiting_host *h;
	uint8_t mac[6];

	(void)state;
	mac_of(1, mac);
	assert_null(waiting_find(w, mac, 1000));
	h = waiting_discover(w, mac, 50, 1000);
	assert_ptr_equal(waiting_discover(w, mac, 60, 2000), h);
	assert_int_equal(h->discovers, 2);
	assert_int_equal(h->discover_mono_ms, 1000);
	assert_int_equal(h->newest_mono_ms, 2000);
	assert_ptr_equal(waiting_find(w, mac, 1000 + WAITING_LIVE_MS - 1), h);
	assert_null(waiting_find(w, mac, 1000 + WAITING_LIVE_MS));
	waiting_forget(h);
	assert_null(waiting_find(w, mac, 2000));
	waiting_forget(NULL);
	free(w);
}

static void finds_by_address(void **state)
{
	struct waiting *w = make();
	struct waiting_host *h;
	uint8_t mac[6];

	(void)state;
	mac_of(1, mac);
	h = waiting_discover(w, mac, 50, 1000);
	assert_null(waiting_by_addr(w, 0, 1000)); /* no address is nobody's */
	h->addr = 0x0a4d0032;
	assert_ptr_equal(waiting_by_addr(w, 0x0a4d0032, 1000), h);
	assert_null(waiting_by_addr(w, 0x0a4d0033, 1000));
	assert_null(waiting_by_addr(w, 0x0a4d0032, 1000 + WAITING_LIVE_MS));
	free(w);
}

/* A flood leaves the newest, and never asks for memory. */
static void the_oldest_gives_way(void **state)
{
	struct waiting *w = make();
	size_t found = 0;
	uint8_t mac[6];

	(void)state;
	for (uint32_t n = 0; n < 4 * WAITING_MAX; n++) {
		mac_of(n * 2654435761u, mac);
		waiting_discover(w, mac, n, 1 + n);
	}
	assert_non_null(waiting_find(w, mac, 4 * WAITING_MAX));
	for (uint32_t n = 0; n < 4 * WAITING_MAX; n++) {
		mac_of(n * 2654435761u, mac);
		found += waiting_find(w, mac, 4 * WAITING_MAX) != NULL;
	}
	assert_true(found <= WAITING_MAX);
	assert_true(found > WAITING_MAX / 2);
	free(w);
}

static void knows_who_ignores(void **state)
{
	static const struct {
		const char *name;
		unsigned discovers;
		int64_t newest_ms, now_ms;
		bool begins, loader_spoke;
		const char *offered;
		bool want;
	} rows[] = {
		{ "ignores", 3, 13000, 33000, true, false, "snponly.efi", true },
		{ "too early to say", 3, 13000, 32999, true, false, "snponly.efi", false },
		{ "two packets are none", 2, 13000, 33000, true, false, "snponly.efi", false },
		{ "its loader runs", 3, 13000, 33000, true, true, "snponly.efi", false },
		{ "iPXE looks for its script", 3, 13000, 33000, false, false, "", false },
		{ "nothing was offered", 3, 13000, 33000, true, false, "", false },
		{ "too long ago", 3, 13000, 1000 + WAITING_LIVE_MS, true, false, "snponly.efi",
			false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct waiting_host h = { .discover_mono_ms = 1000,
			.newest_mono_ms = rows[i].newest_ms,
			.discovers = rows[i].discovers,
			.begins = rows[i].begins,
			.loader_spoke = rows[i].loader_spoke };

		print_message("row: %s\n", rows[i].name);
		strcpy(h.offered.loader, rows[i].offered);
		assert_int_equal(waiting_ignores(&h, rows[i].now_ms), rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_and_forgets),
		cmocka_unit_test(finds_by_address),
		cmocka_unit_test(the_oldest_gives_way),
		cmocka_unit_test(knows_who_ignores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
