/*
 * feed.h: readers that follow the events (GET /api/v1/events/stream) and have seen all there are.
 *
 * http asks again and again, after the number that it was told last; here a question waits until
 * there is something, or for FEED_HOLD_MS, when a comment shows that the line is good. A bounded
 * table: one more is told to come back. In view, so that no reader makes a host wait.
 */
#ifndef MUSTER_SERVER_CORE_FEED_H
#define MUSTER_SERVER_CORE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/host.h"

#define FEEDS_MAX    256
#define FEEDS_LOCAL  32 /* of them over the unix socket, which has few connections */
#define FEED_HOLD_MS 5000

struct feeds {
	size_t n;
	struct feed {
		uint64_t http_id;
		int64_t after;		  /* the last event that it has */
		int64_t until_ms;	  /* monotonic */
		bool local;		  /* over the unix socket */
		char host[HOST_TEXT_MAX]; /* whose alone, or "" */
	} of[FEEDS_MAX];
};

#endif
