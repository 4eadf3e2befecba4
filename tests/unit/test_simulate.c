/* What simulated hosts say is what the server hears, they read what it says, and the sums are
 * right. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/simulate_report.h"
#include "server/net/dhcp_msg.h"
#include "server/simulate/dhcp_client.h"
#include "tests/support/dhcp_packet.h"

static const uint8_t mac[6] = { 0x02, 0x6d, 0x73, 0, 0, 7 };

static struct dhcp_client_ask asked(uint8_t type, uint8_t client)
{
	struct dhcp_client_ask a = { .type = type,
		.client = client,
		.xid = 0x01020304,
		.giaddr = 0x0a410001,
		.requested = 0x0a410107,
		.server_id = 0x0a400001,
		.uuid = "muster-sim" };

	memcpy(a.mac, mac, sizeof mac);
	return a;
}

static void test_the_server_hears_it(void **state)
{
	static const struct {
		const char *name;
		uint8_t type, client;
		uint16_t arch;
		uint8_t features;
	} rows[] = {
		{ "firmware", DHCP_DISCOVER, DHCP_CLIENT_PXE, 7, 0 },
		{ "firmware takes it", DHCP_REQUEST, DHCP_CLIENT_PXE, 7, 0 },
		{ "iPXE", DHCP_DISCOVER, DHCP_CLIENT_IPXE, 7, DHCP_IPXE_HTTP | DHCP_IPXE_EFI },
		{ "agent", DHCP_REQUEST, DHCP_CLIENT_AGENT, DHCP_ARCH_NONE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct dhcp_client_ask a = asked(rows[i].type, rows[i].client);
		const bool takes = a.type == DHCP_REQUEST;
		uint8_t b[DHCP_CLIENT_PACKET_MAX];
		struct dhcp_query q;

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(dhcp_msg_decode(b, dhcp_client_build(&a, b), &q), 0);
		assert_int_equal(q.type, rows[i].type);
		assert_int_equal(q.client, rows[i].client);
		assert_int_equal(q.arch, rows[i].arch);
		assert_int_equal(q.ipxe_features, rows[i].features);
		assert_memory_equal(q.mac, mac, sizeof mac);
		assert_int_equal(q.xid, a.xid);
		assert_int_equal(q.giaddr, a.giaddr);
		assert_int_equal(q.requested, takes ? a.requested : 0);
		assert_int_equal(q.server_id, takes ? a.server_id : 0);
		assert_int_equal(q.has_uuid, rows[i].client != DHCP_CLIENT_AGENT);
	}
}

static void test_a_host_without_a_relay_asks_for_a_broadcast(void **state)
{
	struct dhcp_client_ask a = asked(DHCP_DISCOVER, DHCP_CLIENT_PXE);
	uint8_t b[DHCP_CLIENT_PACKET_MAX];
	struct dhcp_query q;

	(void)state;
	a.giaddr = 0;
	assert_int_equal(dhcp_msg_decode(b, dhcp_client_build(&a, b), &q), 0);
	assert_int_equal(q.flags, 0x8000);
}

/* The server's answer to a question of ours; returns its length. */
static size_t answer(const char *file, uint8_t in, uint8_t b[DHCP_PACKET_MAX])
{
	const struct dhcp_client_ask a = asked(DHCP_DISCOVER, DHCP_CLIENT_IPXE);
	struct dhcp_reply r = { .type = DHCP_OFFER,
		.yiaddr = 0x0a410107,
		.siaddr = 0x0a400001,
		.server_id = 0x0a400001,
		.lease_s = 3600,
		.file_in = in };
	struct dhcp_left_out left_out = { 0 };
	uint8_t question[DHCP_CLIENT_PACKET_MAX];
	struct dhcp_query q;
	size_t len = 0;

	snprintf(r.file, sizeof r.file, "%s", file);
	assert_int_equal(dhcp_msg_decode(question, dhcp_client_build(&a, question), &q), 0);
	assert_int_equal(dhcp_msg_encode(&q, &r, b, &len, &left_out), 0);
	return len;
}

static void test_it_reads_the_answer(void **state)
{
	static const uint8_t places[] = { DHCP_FILE_BOTH, DHCP_FILE_OPTION, DHCP_FILE_HEADER };
	static const char url[] = "http://10.64.0.1/boot.ipxe";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		uint8_t b[DHCP_PACKET_MAX];
		struct dhcp_client_told t;

		assert_int_equal(dhcp_client_read(b, answer(url, places[i], b), &t), 0);
		assert_int_equal(t.type, DHCP_OFFER);
		assert_int_equal(t.xid, 0x01020304);
		assert_memory_equal(t.mac, mac, sizeof mac);
		assert_int_equal(t.yiaddr, 0x0a410107);
		assert_int_equal(t.siaddr, 0x0a400001);
		assert_int_equal(t.server_id, 0x0a400001);
		assert_int_equal(t.lease_s, 3600);
		assert_string_equal(t.file, url);
	}
}

/* Up to its END every prefix is refused; padding may lack. */
static void test_it_refuses_a_part_of_an_answer(void **state)
{
	uint8_t b[DHCP_PACKET_MAX];
	const size_t len = answer("http://10.64.0.1/boot.ipxe", DHCP_FILE_BOTH, b);
	size_t end = len;

	(void)state;
	while (b[end - 1] != 255)
		end--;
	for (size_t n = 0; n < len; n++) {
		uint8_t *part = exact_copy(b, n);
		struct dhcp_client_told t;

		assert_int_equal(dhcp_client_read(part, n, &t), n < end ? -EBADMSG : 0);
		free(part);
	}
}

/* Host i of 100 took i + 1 ms in all; the odd ones read a loader in twice as many; two failed. */
static void test_the_sums(void **state)
{
	struct simulate_outcome o[102] = { 0 };
	struct simulate_numbers x;

	(void)state;
	for (unsigned i = 0; i < 102; i++) {
		o[i].state = i < 100 ? SIMULATE_FINISHED : SIMULATE_FAILED;
		o[i].whole_ms = i < 100 ? 100 - i : 100000;
		o[i].repeats = i % 2;
		o[i].queued_ms = i < 10 ? (int64_t)i : -1;
		for (unsigned s = 0; s < STAGES; s++)
			o[i].took_ms[s] = -1;
		if (i % 2)
			o[i].took_ms[STAGE_LOADER] = 2 * (100 - i);
	}
	assert_int_equal(simulate_count(o, 102, &x), 0);
	assert_int_equal(x.n, 102);
	assert_int_equal(x.finished, 100);
	assert_int_equal(x.failed, 2);
	assert_int_equal(x.repeats, 51);
	assert_int_equal(x.whole.n, 100);
	assert_int_equal(x.whole.p50_ms, 50);
	assert_int_equal(x.whole.p90_ms, 90);
	assert_int_equal(x.whole.p99_ms, 99);
	assert_int_equal(x.whole.max_ms, 100);
	assert_true(x.fairness > 1.999 && x.fairness < 2.001);
	assert_int_equal(x.stages[STAGE_LOADER].n, 50);
	assert_int_equal(x.stages[STAGE_LOADER].max_ms, 198);
	assert_int_equal(x.stages[STAGE_UP].n, 0);
	assert_int_equal(x.queue.n, 10);
	assert_int_equal(x.queue.p50_ms, 4);
}

static void test_nobody_finished(void **state)
{
	struct simulate_outcome o = { .state = SIMULATE_FAILED };
	struct simulate_numbers x;

	(void)state;
	assert_int_equal(simulate_count(&o, 1, &x), 0);
	assert_int_equal(x.failed, 1);
	assert_int_equal(x.whole.n, 0);
	assert_true(x.fairness == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_server_hears_it),
		cmocka_unit_test(test_a_host_without_a_relay_asks_for_a_broadcast),
		cmocka_unit_test(test_it_reads_the_answer),
		cmocka_unit_test(test_it_refuses_a_part_of_an_answer),
		cmocka_unit_test(test_the_sums),
		cmocka_unit_test(test_nobody_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
