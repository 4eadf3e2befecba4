/* test_tftp_get.c: what a server may answer to a read, over a socket of this machine. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/simulate/tftp_get.h"

#define HERE  INADDR_LOOPBACK
#define NOW   1000
#define BLOCK 1468

/* The server's end: a port of its own for the transfer, as a TFTP server has it. */
struct room {
	struct tftp_get get;
	int server;
};

static int make(void **state)
{
	struct room *m = calloc(1, sizeof *m);
	const struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(HERE) };
	struct sockaddr_in to;
	socklen_t len = sizeof to;

	if (!m || tftp_get_open(&m->get, HERE, HERE, "snponly.efi", NOW) < 0)
		return -1;
	m->server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	*state = m;
	return bind(m->server, (const struct sockaddr *)&here, sizeof here) ||
	       getsockname(m->get.fd, (struct sockaddr *)&to, &len) ||
	       connect(m->server, (const struct sockaddr *)&to, len);
}

static int drop(void **state)
{
	struct room *m = *state;

	tftp_get_close(&m->get);
	close(m->server);
	free(m);
	return 0;
}

/* What comes of a packet from the server. */
static int hears(struct room *m, const void *p, size_t len)
{
	struct pollfd there = { .fd = m->get.fd, .events = POLLIN };

	assert_int_equal(send(m->server, p, len, 0), len);
	assert_int_equal(poll(&there, 1, 5000), 1);
	return tftp_get_on_input(&m->get, NOW + 1);
}

static int hears_data(struct room *m, unsigned block, size_t len)
{
	uint8_t b[BLOCK + 64] = { 0, 3, (uint8_t)(block >> 8), (uint8_t)block };

	return hears(m, b, len + 4);
}

static int hears_options(struct room *m)
{
	static const char oack[] = "\0\6tsize\0"
				   "3000\0BLKSIZE\0"
				   "1468";

	return hears(m, oack, sizeof oack);
}

/* The next packet that the server got acknowledges this block; or there is none. */
static void server_got_ack(const struct room *m, unsigned block)
{
	uint8_t b[16];

	assert_int_equal(recv(m->server, b, sizeof b, 0), 4);
	assert_int_equal(b[0] << 8 | b[1], 4);
	assert_int_equal(b[2] << 8 | b[3], block);
}

static void server_got_nothing(const struct room *m)
{
	uint8_t b[16];

	assert_int_equal(recv(m->server, b, sizeof b, 0), -1);
}

static void test_the_question(void **state)
{
	static const char want[] = "\0\1snponly.efi\0octet\0tsize\0"
				   "0\0blksize\0"
				   "1468";
	const struct room *m = *state;

	assert_int_equal(m->get.sent_len, sizeof want);
	assert_memory_equal(m->get.sent, want, sizeof want);
}

static void test_a_file(void **state)
{
	struct room *m = *state;

	assert_int_equal(hears_options(m), 0);
	server_got_ack(m, 0);
	assert_int_equal(hears_data(m, 1, BLOCK), 0);
	server_got_ack(m, 1);
	assert_int_equal(hears_data(m, 1, BLOCK), 0); /* once more */
	server_got_nothing(m);
	assert_int_equal(hears_options(m), 0); /* an old one */
	server_got_nothing(m);
	assert_int_equal(hears_data(m, 2, BLOCK), 0);
	server_got_ack(m, 2);
	assert_int_equal(hears_data(m, 3, 3000 - 2 * BLOCK), 1);
	server_got_ack(m, 3);
	assert_int_equal(m->get.bytes, 3000);
}

/* More than 65535 blocks: their numbers begin again at 0. */
static void test_blocks_begin_again(void **state)
{
	struct room *m = *state;

	for (unsigned i = 1; i <= 65536; i++) {
		assert_int_equal(hears_data(m, i & 0xffff, 512), 0);
		server_got_ack(m, i & 0xffff);
	}
	assert_int_equal(hears_data(m, 1, 0), 1);
	assert_int_equal(m->get.bytes, 65536ull * 512);
}

static void test_the_server_knows_no_options(void **state)
{
	struct room *m = *state;

	assert_int_equal(hears_data(m, 1, 512), 0);
	server_got_ack(m, 1);
	assert_int_equal(hears_data(m, 2, 0), 1);
	assert_int_equal(m->get.bytes, 512);
}

static void test_what_is_wrong(void **state)
{
	static const struct {
		const char *name, *packet;
		size_t len;
		int rc;
		const char *why;
	} rows[] = {
		{ "refused", "\0\5\0\1File not found", 19, -ECONNRESET,
			"the server refused: File not found (1)" },
		{ "refused without a text", "\0\5\0\2", 4, -ECONNRESET,
			"the server refused:  (2)" },
		{ "no opcode", "\0", 1, -EPROTO, "a packet that is no answer to a read" },
		{ "a question", "\0\1x\0octet", 10, -EPROTO,
			"a packet that is no answer to a read" },
		{ "data without a number", "\0\3\0", 3, -EPROTO, "a block is longer than agreed" },
		{ "larger blocks than asked for",
			"\0\6blksize\0"
			"1469",
			15, -EPROTO, "the server wants another block size than asked for" },
		{ "blocks of nothing",
			"\0\6blksize\0"
			"0",
			12, -EPROTO, "the server wants another block size than asked for" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct room *m;

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(make((void **)&m), 0);
		assert_int_equal(hears(m, rows[i].packet, rows[i].len), rows[i].rc);
		assert_string_equal(m->get.why, rows[i].why);
		drop((void **)&m);
	}
}

static void test_a_wrong_length(void **state)
{
	struct room *m = *state;

	assert_int_equal(hears_options(m), 0);
	assert_int_equal(hears_data(m, 1, 1000), -EPROTO); /* of 3000 */
	assert_string_equal(m->get.why, "the file has another length than the server said");
}

static void test_a_block_too_long(void **state)
{
	assert_int_equal(hears_data(*state, 1, 513), -EPROTO);
}

/* Another program's packet is not the server's. */
static void test_a_stranger(void **state)
{
	struct room *m = *state, *other;

	assert_int_equal(hears_data(m, 1, 512), 0);
	assert_int_equal(make((void **)&other), 0);
	close(other->server);
	other->server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	{
		struct sockaddr_in to;
		socklen_t len = sizeof to;

		assert_int_equal(getsockname(m->get.fd, (struct sockaddr *)&to, &len), 0);
		assert_int_equal(connect(other->server, (const struct sockaddr *)&to, len), 0);
	}
	assert_int_equal(send(other->server, "\0\5\0\1no", 7, 0), 7);
	assert_int_equal(hears_data(m, 2, 512), 0);
	assert_int_equal(m->get.block, 2);
	drop((void **)&other);
}

static void test_silence(void **state)
{
	struct room *m = *state;
	unsigned said = 0;
	int rc = 0;

	assert_int_equal(hears_data(m, 1, 512), 0);
	server_got_ack(m, 1);
	while ((rc = tftp_get_on_due(&m->get, m->get.due_ms)) == 0 && said < 20) {
		server_got_ack(m, 1); /* the same again */
		said++;
	}
	assert_int_equal(rc, -ETIMEDOUT);
	assert_int_equal(said, 5);
	assert_string_equal(m->get.why, "the server stopped answering");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_question, make, drop),
		cmocka_unit_test_setup_teardown(test_a_file, make, drop),
		cmocka_unit_test_setup_teardown(test_blocks_begin_again, make, drop),
		cmocka_unit_test_setup_teardown(test_the_server_knows_no_options, make, drop),
		cmocka_unit_test(test_what_is_wrong),
		cmocka_unit_test_setup_teardown(test_a_wrong_length, make, drop),
		cmocka_unit_test_setup_teardown(test_a_block_too_long, make, drop),
		cmocka_unit_test_setup_teardown(test_a_stranger, make, drop),
		cmocka_unit_test_setup_teardown(test_silence, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
