/*
 * parking.h: DISCOVERs whose answer waits until nobody has said that the address is in use.
 *
 * A bounded table in memory. Messages name a place by index and generation, so that the answer to
 * an earlier question is never taken for that of a later one. When more hosts come in one window
 * than there are places, that is a rush: then nobody waits. Times are monotonic. Pure.
 */
#ifndef MUSTER_SERVER_CORE_PARKING_H
#define MUSTER_SERVER_CORE_PARKING_H

#include <stdbool.h>
#include <stdint.h>

#include "server/net/dhcp.h"

#define PARKING_PLACES	  8
#define PARKING_WINDOW_MS 300 /* how long an address is asked for */
#define PARKING_TRIES_MAX 4   /* addresses that are asked for one DISCOVER while it waits */

struct parked {
	uint64_t probe;	  /* id of the question to net; 0: the place is free */
	int64_t until_ms; /* monotonic: end of the window */
	uint32_t addr;	  /* that is asked for */
	unsigned tries;	  /* addresses asked for so far */
	uint64_t id;	  /* of net's message with the query */
	struct dhcp_query query;
};

struct parking {
	struct parked places[PARKING_PLACES];
	uint64_t generation;
	int64_t window_ms; /* the present window's start */
	unsigned n_hosts;  /* that came in it */
	bool rush;	   /* now, because of this window or the one before */
};

/* One more host wants an address that must be asked for. True in a rush; then all are due. */
bool parking_rush(struct parking *p, int64_t now_ms);

/* Take a free place. NULL: there is none. The caller fills addr, tries, id and query. */
struct parked *parking_take(struct parking *p, int64_t now_ms);
void parking_leave(struct parked *p);

/* The place whose question has this id and is for this address, or NULL: it is over. */
struct parked *parking_of(struct parking *p, uint64_t probe, uint32_t addr);
/* Where this host's DISCOVER waits, or NULL. */
struct parked *parking_by_mac(struct parking *p, const uint8_t mac[6]);
/* One whose window has ended, or NULL. */
struct parked *parking_due(struct parking *p, int64_t now_ms);
/* Milliseconds until the first window ends, at least 1; 0 when nobody waits. */
unsigned parking_next_ms(const struct parking *p, int64_t now_ms);

#endif
