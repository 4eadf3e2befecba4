/* test_stream.c: a stream puts the bytes of a file into a socket in order, whatever that takes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/http/stream.h"

#define SIZE (3 * 1024 * 1024 + 77)

struct file {
	int fd;
	uint8_t *data; /* mapped */
};

static int make_file(void **state)
{
	static struct file f;

	f.fd = memfd_create("blob", MFD_CLOEXEC);
	if (f.fd < 0 || ftruncate(f.fd, SIZE) < 0)
		return -1;
	f.data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0);
	if (f.data == MAP_FAILED)
		return -1;
	for (size_t i = 0; i < SIZE; i++)
		f.data[i] = (uint8_t)(i * 2654435761u >> 13);
	*state = &f;
	return 0;
}

static int drop_file(void **state)
{
	const struct file *f = *state;

	munmap(f->data, SIZE);
	return close(f->fd);
}

static void make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
}

/* What can be read now, appended. */
static size_t drain(int fd, uint8_t *out, size_t n, size_t max)
{
	ssize_t got;

	while (n < max && (got = read(fd, out + n, max - n)) > 0)
		n += (size_t)got;
	return n;
}

/* As libmicrohttpd does: a piece, then that piece into the socket as soon as there is room. */
static size_t pump(struct stream *s, int reader, size_t piece_max, uint8_t *out, size_t max)
{
	char piece[4096];
	size_t n = 0;
	ssize_t got;

	while ((got = stream_next(s, piece, piece_max)) > 0) {
		const char *p = piece;

		assert_true((size_t)got <= piece_max);
		while (got > 0) {
			ssize_t sent = write(s->sock, p, (size_t)got);

			if (sent < 0) {
				assert_int_equal(errno, EAGAIN);
				n = drain(reader, out, n, max);
				continue;
			}
			p += sent;
			got -= sent;
		}
	}
	assert_int_equal(got, 0);
	return drain(reader, out, n, max);
}

static void test_order(void **state)
{
	static const struct {
		const char *name;
		uint64_t first, len;
		size_t piece;
	} rows[] = {
		{ "all of it", 0, SIZE, 512 },
		{ "in pieces of one byte", 0, SIZE, 1 },
		{ "a part that is not aligned", 4097, 2000003, 4096 },
		{ "the last byte", SIZE - 1, 1, 512 },
		{ "nothing", 100, 0, 512 },
	};
	const struct file *f = *state;
	uint8_t *out = malloc(SIZE + 1);

	assert_non_null(out);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stream s = { .file = f->fd, .at = rows[i].first };
		int pair[2];

		print_message("row: %s\n", rows[i].name);
		make_pair(pair);
		s.sock = pair[0];
		s.end = rows[i].first + rows[i].len;
		assert_int_equal(pump(&s, pair[1], rows[i].piece, out, SIZE + 1), rows[i].len);
		assert_memory_equal(out, f->data + rows[i].first, rows[i].len);
		close(pair[0]);
		close(pair[1]);
	}
	free(out);
}

static void test_failures(void **state)
{
	const struct file *f = *state;
	struct stream s = { .file = f->fd, .at = SIZE, .end = SIZE + 10 };
	char piece[16];
	int pair[2];

	make_pair(pair);
	s.sock = pair[0];
	assert_int_equal(stream_next(&s, piece, sizeof piece), -ENODATA); /* the file is shorter */
	s = (struct stream){ .sock = pair[0], .file = f->fd, .end = SIZE };
	close(pair[1]);
	assert_int_equal(stream_next(&s, piece, sizeof piece), -EPIPE);
	close(pair[0]);
}

/* The client has asked for more: closing must not throw away what it has not got yet. */
static void test_unread_input(void **state)
{
	const struct file *f = *state;
	struct stream s = { .file = f->fd, .at = SIZE - 10, .end = SIZE };
	char piece[16];
	int pair[2];

	make_pair(pair);
	s.sock = pair[0];
	assert_int_equal(write(pair[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
	assert_int_equal(stream_next(&s, piece, sizeof piece), 0);
	assert_int_equal(read(pair[0], piece, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(read(pair[1], piece, sizeof piece), 10);
	close(pair[0]);
	close(pair[1]);
}

static int ignore_sigpipe(void **state)
{
	(void)state;
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, make_file, drop_file),
		cmocka_unit_test_setup_teardown(test_failures, make_file, drop_file),
		cmocka_unit_test_setup_teardown(test_unread_input, make_file, drop_file),
	};

	return cmocka_run_group_tests(tests, ignore_sigpipe, NULL);
}
