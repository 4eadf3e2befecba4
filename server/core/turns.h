/*
 * turns.h: who may fetch an image now, and who waits for it, first come, first served.
 *
 * A bounded table in memory, in the order in which hosts came; a boot is named by its number.
 * Whoever waits asks again and again and so keeps its place; who is silent loses it. Nobody who
 * came later is let in while somebody before him may be. What firmware and iPXE load is not made to
 * wait, but takes a turn while it lasts. Times are monotonic milliseconds. Pure.
 */
#ifndef MUSTER_SERVER_CORE_TURNS_H
#define MUSTER_SERVER_CORE_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TURNS_PLACES	 4096
#define TURNS_WAITER_MS	 30000	/* of silence until a host that waits has lost its place */
#define TURNS_FETCHER_MS 120000 /* and one that fetches, which reports once a second, its turn */
#define TURNS_GUESS_MS	 10000	/* what a transfer takes, as long as none has ended */

struct turn {
	int64_t boot;	  /* 0: a load */
	uint64_t load;	  /* its transfer, else 0 */
	bool fetches;	  /* else it waits */
	int64_t began_ms; /* of the transfer */
	int64_t seen_ms;
};

struct turns {
	unsigned max;  /* transfers at the same time, 0: any number */
	unsigned rate; /* that begin in a second, 0: any number */
	size_t n, n_fetch;
	int64_t usual_ms;   /* what a transfer takes; 0: none has ended */
	int64_t credit;	    /* transfers that may begin now, in thousandths */
	int64_t counted_ms; /* up to when the credit was counted */
	struct turn places[TURNS_PLACES];
};

struct turns_wait {
	unsigned position; /* 1: the next one */
	unsigned about_s;  /* until its turn, at least 1 */
	unsigned ask_s;	   /* when to ask again */
};

/*
 * The host of this boot asks. True: it is its turn (also when it asks again). False: *out says how
 * long it will be; when the table is full the host has no place yet, and the position of the last.
 */
bool turns_ask(struct turns *t, int64_t boot, int64_t now_ms, struct turns_wait *out);

/* The place of a boot that waits, 1: the next one; 0: it does not wait. Changes nothing. */
unsigned turns_position(const struct turns *t, int64_t boot);

/*
 * This boot fetches: a sign of life. One that is not in the table was let in by somebody before us,
 * and has its turn.
 */
void turns_fetching(struct turns *t, int64_t boot, int64_t now_ms);

/* The transfer has ended, well or badly; or the host waits no longer. It need not be there. */
void turns_end(struct turns *t, int64_t boot, bool well, int64_t now_ms);

/*
 * Firmware or iPXE begins to load something large, or has ended. One whose end is never heard of
 * counts for TURNS_FETCHER_MS.
 */
void turns_load(struct turns *t, uint64_t transfer, int64_t now_ms);
void turns_loaded(struct turns *t, uint64_t transfer);

#endif
