/* Which switch port: frames whole, cut and wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/lldp.h"
#include "server/bytes.h"

#define CHASSIS "\x02\x07\x04\x00\x1b\x21\xaa\xbb\xcc" /* a MAC address */
#define PORT                                                                                       \
	"\x04\x08\x05"                                                                             \
	"Gi1/0/7"
#define TTL "\x06\x02\x00\x78"
#define NAME                                                                                       \
	"\x0a\x05"                                                                                 \
	"sw-r3"
#define DESCR                                                                                      \
	"\x08\x06"                                                                                 \
	"to n12"
#define VLAN "\xfe\x06\x00\x80\xc2\x01\x00\x0a"
#define END  "\x00\x00"

static void frames(void **state)
{
	static const struct {
		const char *name, *p;
		size_t len;
		int rc;
		const char *chassis, *port, *description, *system;
		unsigned vlan;
	} rows[] = {
#define ROW(name, bytes, ...) { name, bytes, sizeof bytes - 1, __VA_ARGS__ }
		ROW("a switch", CHASSIS PORT TTL NAME DESCR VLAN END, 0, "00:1b:21:aa:bb:cc",
			"Gi1/0/7", "to n12", "sw-r3", 10),
		ROW("the least", CHASSIS PORT TTL END, 0, "00:1b:21:aa:bb:cc", "Gi1/0/7", "", "",
			0),
		ROW("without an end", CHASSIS PORT TTL NAME, 0, "00:1b:21:aa:bb:cc", "Gi1/0/7", "",
			"sw-r3", 0),
		ROW("what comes behind the end", CHASSIS PORT TTL END NAME, 0, "00:1b:21:aa:bb:cc",
			"Gi1/0/7", "", "", 0),
		ROW("by address",
			"\x02\x06\x05\x01\x0a\x4d\x00\x01"
			"\x04\x07\x03\x52\x54\x00\x00\x00\x01" TTL,
			0, "10.77.0.1", "52:54:00:00:00:01", "", "", 0),
		ROW("no text",
			"\x02\x03\x07\x01\x1b"
			"\x04\x03\x07 \xff" TTL,
			0, "??", " ?", "", "", 0),
		ROW("what it does not know",
			CHASSIS PORT TTL "\x0c\x03Lin"
					 "\xfe\x02\x00\x80" END,
			0, "00:1b:21:aa:bb:cc", "Gi1/0/7", "", "", 0),
		ROW("good-bye", CHASSIS PORT "\x06\x02\x00\x00" END, -ENODATA, NULL, NULL, NULL,
			NULL, 0),
		ROW("nothing", "", -EBADMSG, NULL, NULL, NULL, NULL, 0),
		ROW("another order", PORT CHASSIS TTL END, -EBADMSG, NULL, NULL, NULL, NULL, 0),
		ROW("no time to live", CHASSIS PORT END, -EBADMSG, NULL, NULL, NULL, NULL, 0),
		ROW("an empty chassis", "\x02\x01\x04" PORT TTL END, -EBADMSG, NULL, NULL, NULL,
			NULL, 0),
		ROW("past its end",
			CHASSIS PORT TTL "\x0a\xff"
					 "sw",
			-EBADMSG, NULL, NULL, NULL, NULL, 0),
		ROW("half a head", CHASSIS PORT TTL "\x0a", -EBADMSG, NULL, NULL, NULL, NULL, 0),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lldp l = { .vlan = 4711 };

		print_message("%s\n", rows[i].name);
		assert_int_equal(
			lldp_read((const uint8_t *)rows[i].p, rows[i].len, &l), rows[i].rc);
		if (rows[i].rc) {
			assert_int_equal(l.vlan, 4711); /* untouched */
			continue;
		}
		assert_string_equal(l.chassis, rows[i].chassis);
		assert_string_equal(l.port, rows[i].port);
		assert_string_equal(l.port_description, rows[i].description);
		assert_string_equal(l.system, rows[i].system);
		assert_int_equal(l.vlan, rows[i].vlan);
	}
}

static void every_prefix(void **state)
{
	static const char whole[] = CHASSIS PORT TTL NAME DESCR VLAN END;

	(void)state;
	for (size_t len = 0; len < sizeof whole; len++) {
		uint8_t *exact = malloc(len ? len : 1);
		struct lldp l;
		int rc;

		assert_non_null(exact);
		memcpy(exact, whole, len);
		rc = lldp_read(exact, len, &l);
		assert_true(rc == 0 || rc == -EBADMSG);
		free(exact);
	}
}

static void text_that_is_long(void **state)
{
	uint8_t frame[600] = CHASSIS PORT TTL;
	size_t at = sizeof(CHASSIS PORT TTL) - 1;
	struct lldp l;

	(void)state;
	frame[at] = 5 << 1 | 1; /* 300 bytes */
	frame[at + 1] = 300 - 256;
	memset(frame + at + 2, 'x', 300);
	assert_int_equal(lldp_read(frame, at + 2 + 300, &l), 0);
	assert_int_equal(strlen(l.system), LLDP_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(every_prefix),
		cmocka_unit_test(text_that_is_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
