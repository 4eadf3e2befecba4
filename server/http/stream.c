#include "server/http/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_BYTES  (4 * 1024 * 1024)
#define INPUT_READS 16

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Else every piece that goes by libmicrohttpd ends a segment: with a thousand readers that cost a
 * third of the rate. What waits for a full one is sent when the socket is closed.
 */
static void cork(struct stream *s)
{
	if (!s->corked)
		s->corked =
			setsockopt(s->sock, IPPROTO_TCP, TCP_CORK, &(int){ 1 }, sizeof(int)) == 0;
}

/* As much as the socket takes at once: what it leaves of a turn is what it has no room for. */
static int send_turn(struct stream *s)
{
	const size_t turn = (size_t)least(TURN_BYTES, s->end - s->at);
	off_t at = (off_t)s->at;
	ssize_t n;

	if (turn == 0)
		return 0;
	cork(s);
	do
		n = sendfile(s->sock, s->file, &at, turn);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	s->at += (uint64_t)n;
	return n == 0 ? -ENODATA : 0;
}

/*
 * A client may have sent its next request meanwhile. When a socket is closed with bytes that nobody
 * has read, the kernel throws away what it still has to send.
 */
static void drop_input(int sock)
{
	char unread[4096];

	for (int i = 0; i < INPUT_READS; i++) {
		if (recv(sock, unread, sizeof unread, MSG_DONTWAIT) <= 0)
			return;
	}
}

ssize_t stream_next(struct stream *s, char *buf, size_t max)
{
	int rc = send_turn(s);
	ssize_t n;

	if (rc < 0)
		return rc;
	if (s->at == s->end) {
		drop_input(s->sock);
		return 0;
	}
	do
		n = pread(s->file, buf, (size_t)least(s->end - s->at, max), (off_t)s->at);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	s->at += (uint64_t)n;
	return n;
}
