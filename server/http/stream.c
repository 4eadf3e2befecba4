#include "server/http/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>

#define TURN_BYTES (4 * 1024 * 1024)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* As much as the socket takes at once: what it leaves of a turn is what it has no room for. */
static int send_turn(struct stream *s)
{
	const size_t turn = (size_t)least(TURN_BYTES, s->end - s->at);
	off_t at = (off_t)s->at;
	ssize_t n;

	if (turn == 0)
		return 0;
	do
		n = sendfile(s->sock, s->file, &at, turn);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	s->at += (uint64_t)n;
	return n == 0 ? -EIO : 0;
}

ssize_t stream_next(struct stream *s, char *buf, size_t max)
{
	int rc = send_turn(s);
	size_t n;

	if (rc < 0)
		return rc;
	n = (size_t)least(s->end - s->at, max);
	memcpy(buf, s->data + s->at, n);
	s->at += n;
	return (ssize_t)n;
}
