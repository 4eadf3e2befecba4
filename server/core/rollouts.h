/*
 * rollouts.h: staged rollouts with the store: a version comes to the hosts that follow a channel of
 * an image in waves (rollout.h has the rules). Each change is part of the transaction of what it
 * follows from, the end of a boot or what people say, so a new core goes on where the last one was.
 *
 * Who takes part is found out in small steps when it starts. A wave is one number in the rollout's
 * row, so to begin one touches no host. What hosts run is choice.h's to say:
 *   - a host of a wave that has begun gets the new version while the rollout runs;
 *   - one that has come up with it keeps it, also while the rollout is paused;
 *   - one on which it failed, and every other one, gets what is current.
 * When the last wave is through, the new version is current. A host with a pin takes no part.
 */
#ifndef MUSTER_SERVER_CORE_ROLLOUTS_H
#define MUSTER_SERVER_CORE_ROLLOUTS_H

#include "server/core/core.h"
#include "server/core/rollout.h"

/* A boot came up, or was handed over to what reports nothing. */
void rollouts_up(struct core *c, const struct store_boot *b);
/* It failed: by b->reason. */
void rollouts_failed(struct core *c, const struct store_boot *b);
/* It is bound to this version: if by a rollout, a line of its record says so. */
void rollouts_note(struct core *c, struct store_boot *b, const struct store_image *image);

/* People changed what the host follows: does it still take part? Nothing more is done here, for it
 * may be a trial, or be taken back. */
void rollouts_host_changed(struct core *c, const struct store_host *h);
/* Another than a rollout made this version current: that rollout is over. */
void rollouts_overtaken(struct core *c, const struct store_image *now, const char *why);
/* The channel is another one now: a rollout to what it does not allow is over. */
void rollouts_channel(struct core *c, const struct channel *ch);

/* Begin; hosts are picked already, or all shall be that may follow it. */
void rollouts_begin(struct core *c, struct store_rollout *r);
/* What people say. `by`: who does; why: "" or a sentence. */
void rollouts_pause(struct core *c, struct store_rollout *r, const char *by, const char *why);
void rollouts_resume(struct core *c, struct store_rollout *r, bool retry);
void rollouts_abort(struct core *c, struct store_rollout *r, const char *by, const char *why);

/* Why the host has no part in it: a word; "": it has nothing to do with it; NULL: it has one. */
const char *rollouts_judge(
	struct core *c, const struct store_rollout *r, const struct store_host *h);

/* Whatever is to be done without a boot's sign; the timer calls it. */
void rollouts_due(void *arg, uint32_t events);

#endif
