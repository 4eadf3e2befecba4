/*
 * audit.h: the log of changes through the API: who did what from where, and what it changed. A row
 * is in the transaction of its change, and its hash in a line of the log, so that rows which are
 * cut off at the end can be missed: everything else the chain of hashes tells (db/store_audit.c).
 */
#ifndef MUSTER_SERVER_CORE_AUDIT_H
#define MUSTER_SERVER_CORE_AUDIT_H

#include "server/core/api.h"

/*
 * The change that *k->a answers was made. `before` and `after` are what its object looks like to
 * GET, as JSON text, or NULL; what differs is written.
 */
void audit_write(struct call *k, const char *before, const char *after);

/* Core begins: say where the log stands. */
void audit_start(struct core *c);
/* What was written is on the disk, and not before that goes into the server's log: each row's hash.
 */
void audit_committed(struct core *c);

/*
 * The members of `a` that are not the same in `b`, as compact text to free(), long ones by their
 * length alone; NULL without any. Pure.
 */
char *audit_difference(const struct json *a, const struct json *b);

#endif
