/* listen.h: each filter on a pair of sockets, with the frames that it is for and those it is not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/listen.h"
#include "server/net/arp.h"
#include "server/net/frame.h"
#include "server/net/ra.h"

static const struct endpoint ep = { .addr = 0x0a4d0001,
	.mac = { 0x52, 0x54, 0, 0xab, 0xcd, 0xfe } };

/* A frame is built whole, then some bytes of it are set: {offset, value}, up to an offset of 0. */
enum base { OFFER, ARP_QUESTION, ARP_ANSWER, ADVERTISEMENT };

static const struct row {
	const char *name;
	enum listen kind;
	enum base base;
	struct {
		uint8_t at, value;
	} set[4];
	bool passes;
} rows[] = {
	{ "another server's offer", LISTEN_DHCP, OFFER, { { 0, 0 } }, true },
	{ "ours", LISTEN_DHCP, OFFER, { { 29, 1 } }, false },
	{ "to a server", LISTEN_DHCP, OFFER, { { 37, 67 } }, false },
	{ "to port 68 + 256", LISTEN_DHCP, OFFER, { { 36, 1 } }, false },
	{ "TCP", LISTEN_DHCP, OFFER, { { 23, 6 } }, false },
	{ "a later fragment", LISTEN_DHCP, OFFER, { { 20, 0 }, { 21, 1 } }, false },
	{ "with IP options", LISTEN_DHCP, OFFER, { { 14, 0x46 }, { 37, 0 }, { 40, 0 }, { 41, 68 } },
		true },
	{ "options that hide the port", LISTEN_DHCP, OFFER, { { 14, 0x46 }, { 41, 0 } }, false },
	{ "an answer to our probe", LISTEN_ARP, ARP_ANSWER, { { 0, 0 } }, true },
	{ "a question", LISTEN_ARP, ARP_QUESTION, { { 0, 0 } }, false },
	{ "an answer to another's", LISTEN_ARP, ARP_ANSWER, { { 32, 0 } }, false },
	{ "and to one that differs at its end", LISTEN_ARP, ARP_ANSWER, { { 37, 0 } }, false },
	{ "an answer to the kernel's", LISTEN_ARP, ARP_ANSWER, { { 41, 1 } }, false },
	{ "router advertisement", LISTEN_IPV6, ADVERTISEMENT, { { 0, 0 } }, true },
	{ "router solicitation", LISTEN_IPV6, ADVERTISEMENT, { { 54, 133 } }, true },
	{ "neighbour solicitation", LISTEN_IPV6, ADVERTISEMENT, { { 54, 135 } }, false },
	{ "echo request", LISTEN_IPV6, ADVERTISEMENT, { { 54, 128 } }, false },
	{ "UDP over IPv6", LISTEN_IPV6, ADVERTISEMENT, { { 20, 17 } }, false },
};

static size_t build(enum base base, uint8_t frame[FRAME_MAX])
{
	const struct frame_path path = {
		.src = 0x0a4d0009, .dst = 0xffffffff, .src_port = 67, .dst_port = 68
	};
	const uint8_t host[6] = { 0x52, 0x54, 0, 0, 0, 1 };

	switch (base) {
	case OFFER:
		return frame_build(&path, (uint8_t[300]){ 0 }, 300, frame);
	case ADVERTISEMENT:
		ra_build(&(struct ra_heard){ 0 }, host, (const uint8_t[16]){ 0xfe, 0x80 }, frame);
		return RA_FRAME;
	default:
		arp_probe(host, 0x0a4d0064, frame);
		if (base == ARP_ANSWER) {
			frame[21] = 2;
			memcpy(frame + 32, ep.mac, 6);
			memset(frame + 38, 0, 4);
		}
		return ARP_FRAME;
	}
}

static void filters(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		uint8_t frame[FRAME_MAX], got[FRAME_MAX];
		size_t len = build(r->base, frame);
		int pair[2];

		print_message("row: %s\n", r->name);
		assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
		assert_int_equal(listen_filter(pair[1], r->kind, &ep), 0);
		for (size_t k = 0; k < ARRAY_LEN(r->set) && r->set[k].at; k++)
			frame[r->set[k].at] = r->set[k].value;
		send(pair[0], frame, len, 0); /* EPERM when the filter drops it */
		assert_int_equal(recv(pair[1], got, sizeof got, 0), r->passes ? (ssize_t)len : -1);
		for (size_t n = 0; n < 20; n++) { /* too short to tell: never passed */
			send(pair[0], frame, n, 0);
			assert_int_equal(recv(pair[1], got, sizeof got, 0), -1);
		}
		close(pair[0]);
		close(pair[1]);
	}
}

static void filters_stay(void **state)
{
	const int off = 0;

	(void)state;
	for (int kind = 0; kind < LISTENS; kind++) {
		int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

		assert_int_equal(listen_filter(fd, (enum listen)kind, &ep), 0);
		assert_int_equal(
			setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof off), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(listen_filter(fd, (enum listen)kind, &ep), -EPERM);
		close(fd);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters),
		cmocka_unit_test(filters_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
