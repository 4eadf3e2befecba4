#include "server/net/hear.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "server/net/frame.h"

#define BATCH 32 /* before others get their turn */

static void on_frames(void *arg, uint32_t events)
{
	const struct hearing *h = arg;
	uint8_t bytes[FRAME_MAX];

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		const ssize_t n = recv(h->fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0)
			return; /* none waits, or the interface went down: it may come back */
		if ((size_t)n <= sizeof bytes)
			h->fn(h->arg, h->endpoint, bytes, (size_t)n);
	}
}

int hear(struct loop *loop, struct hearing *h)
{
	return h->fd < 0 ? 0 : loop_watch(loop, h->fd, EPOLLIN, on_frames, h);
}
