/*
 * pace.h: time and patience. A pace spaces repeated tries by 1, 2, 4, 8 and then 15 seconds, each
 * lengthened by up to a quarter at random so that a rack of hosts does not ask in step, and gives
 * up when nothing has gone well for a given time.
 */
#ifndef MUSTER_AGENT_PACE_H
#define MUSTER_AGENT_PACE_H

#include <stdint.h>

#define PACE_PATIENCE_S 600 /* how long a server may be away */

struct pace {
	unsigned patience_s, pause_s;
	int64_t give_up_ms;
};

int64_t pace_now_ms(void); /* monotonic, counts suspended time too */
void pace_sleep_ms(int64_t ms);

void pace_start(struct pace *p, unsigned patience_s);
void pace_good(struct pace *p); /* something went well: patience and pauses begin anew */
/* Sleep before the next try. Returns 0, or -ETIMEDOUT at once when patience is over. */
int pace_wait(struct pace *p);

#endif
