#include "server/http/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>

#define TURN_BYTES (4 * 1024 * 1024)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Until the socket is full, the turn is over or all is sent. */
static int send_turn(struct stream *s)
{
	const uint64_t stop = s->at + least(TURN_BYTES, s->end - s->at);

	while (s->at < stop) {
		off_t at = (off_t)s->at;
		ssize_t n = sendfile(s->sock, s->file, &at, (size_t)(stop - s->at));

		if (n == 0)
			return -EIO;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		s->at += (uint64_t)n;
	}
	return 0;
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
