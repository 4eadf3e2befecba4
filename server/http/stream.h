/*
 * stream.h: the body of a large answer, from the page cache to a socket.
 *
 * libmicrohttpd copies a buffer, and of a descriptor it hands the kernel 128 KiB at a time; either
 * costs half as much processor time again as one sendfile(2) of megabytes (docs/measurements.md).
 * So the bytes of a large blob go past libmicrohttpd, which only sends the head and waits for room:
 * whenever it asks for a piece of the body, everything that the socket takes is sent first, and the
 * piece is the little that did not fit.
 */
#ifndef MUSTER_SERVER_HTTP_STREAM_H
#define MUSTER_SERVER_HTTP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stream {
	int sock;	  /* non-blocking */
	int file;	  /* its position is not used: many streams may share it */
	uint64_t at, end; /* offsets: of the next byte, and behind the last one */
	bool corked;	  /* set by stream_next: its segments are full ones */
};

/*
 * Send what the socket takes, 4 MiB at most so that others get their turn, and put the bytes that
 * come next into buf (never more than `max`): they are to be sent before the next call. Returns how
 * many these are; 0 at the end, when the socket is fit to be closed; -ENODATA when the file ends
 * too early; or the -errno of the socket or of reading the file.
 */
ssize_t stream_next(struct stream *s, char *buf, size_t max);

#endif
