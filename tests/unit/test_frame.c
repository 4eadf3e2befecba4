#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/net/frame.h"

static const struct frame_path path = { .src_mac = { 0x52, 0x54, 0, 0, 0, 0xfe },
	.dst_mac = { 0x52, 0x54, 0, 0, 0, 0x01 },
	.src = 0x0a4d0001,
	.dst = 0x0a4d0064,
	.src_port = 67,
	.dst_port = 68 };

/* One's complement sum of big-endian words, zero padded: 0xffff over data with its checksum. */
static uint32_t folded(const uint8_t *p, size_t len, uint32_t start)
{
	uint32_t s = start;

	for (size_t i = 0; i < len; i += 2)
		s += (uint32_t)(p[i] << 8 | (i + 1 < len ? p[i + 1] : 0));
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void test_headers(void **state)
{
	static const uint8_t want[] = {
		0x52, 0x54, 0, 0, 0, 0x01, 0x52, 0x54, 0, 0, 0, 0xfe, 0x08, 0x00, /* Ethernet */
		0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17,				  /* IP */
	};
	static const uint8_t behind_checksum[] = {
		10, 77, 0, 1, 10, 77, 0, 100, /* IP */
		0, 67, 0, 68, 0, 11,	      /* UDP */
	};
	uint8_t b[FRAME_MAX];

	(void)state;
	assert_int_equal(frame_build(&path, "abc", 3, b), FRAME_HEAD + 3);
	assert_memory_equal(b, want, sizeof want);
	assert_memory_equal(b + 26, behind_checksum, sizeof behind_checksum);
	assert_memory_equal(b + FRAME_HEAD, "abc", 3);
}

static void test_checksums(void **state)
{
	static const size_t lens[] = { 0, 1, 2, 3, 300, 301, 1471, 1472 };
	uint8_t payload[1472], b[FRAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 7 + 3);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		const size_t udp_len = 8 + lens[i];

		print_message("row: %zu bytes\n", lens[i]);
		assert_int_equal(frame_build(&path, payload, lens[i], b), FRAME_HEAD + lens[i]);
		assert_int_equal(folded(b + 14, 20, 0), 0xffff);
		assert_int_equal(folded(b + 26, 8 + udp_len, 17 + (uint32_t)udp_len), 0xffff);
		assert_int_equal(b[16] << 8 | b[17], 20 + udp_len);
	}
}

/* A sum that comes out as zero is sent as all ones: zero means "no checksum" (RFC 768). */
static void test_zero_checksum(void **state)
{
	uint8_t b[FRAME_MAX], payload[2] = { 0, 0 };

	(void)state;
	frame_build(&path, payload, 2, b);
	payload[0] = b[40];
	payload[1] = b[41];
	frame_build(&path, payload, 2, b);
	assert_int_equal(b[40] << 8 | b[41], 0xffff);
}

static void test_too_long(void **state)
{
	static const uint8_t payload[1473];
	uint8_t b[FRAME_MAX];

	(void)state;
	assert_int_equal(frame_build(&path, payload, sizeof payload, b), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_zero_checksum),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
