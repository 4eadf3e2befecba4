/*
 * reboot.h: hosts that run and were asked to start anew, so that they get what is assigned to them
 * now. An order is for the boot that ran when it was asked: no other one is given it, and it is
 * over when that boot is. The host hears of it in the answer to a heartbeat, signed
 * (images/order.h).
 */
#ifndef MUSTER_SERVER_CORE_REBOOT_H
#define MUSTER_SERVER_CORE_REBOOT_H

#include "server/core/core.h"

/* Why the boot cannot be asked: "not-up", "no-agent", "no-orders", "lost"; NULL: it can. b->id 0:
 * there is none. */
const char *reboot_cannot(const struct core *c, const struct store_boot *b);
/* Ask it, inside of core_write. `who` and `why` are cut. */
void reboot_ask(struct core *c, const struct store_boot *b, const char *who, const char *why);
/* Does this boot still have to hear of it? */
bool reboot_is_due(struct core *c, const struct store_boot *b, struct store_reboot *out);
/* Its agent obeys, or says why it does not; once. */
void reboot_taken(struct core *c, const struct store_boot *b);
void reboot_refused(struct core *c, const struct store_boot *b, const char *why);
/* This boot of the host begins: what was asked of the one before it is over, and is told. */
void reboot_is_over(struct core *c, const struct store_boot *b);

/* The reboot that this boot was asked for and that is not over; false: none. */
bool reboot_of(struct core *c, const struct store_boot *b, struct store_reboot *out);

/* "asked by ada: new kernel" as an event of the boot. */
void reboot_note(struct core *c, const struct store_boot *b, const char *source, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

#endif
