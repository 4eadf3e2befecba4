/*
 * metrics.h: what is counted, for GET /metrics (Prometheus text format 0.0.4).
 *
 * Core counts in memory and writes what has changed to the database every few seconds, so that
 * counters go on after a restart and view, which answers, can read them. What is no count (hosts by
 * stage, what expires when) view takes from the tables.
 */
#ifndef MUSTER_SERVER_CORE_METRICS_H
#define MUSTER_SERVER_CORE_METRICS_H

#include "server/core/core.h"
#include "server/core/dhcp_policy.h"

/* From core's start on. 0, or -EIO. */
int metrics_load(struct core *c);
/* Write what has changed. */
void metrics_write(struct core *c);

void metrics_dhcp(const struct dhcp_query *q, const struct dhcp_decision *d);
/* A boot went on from this stage, in which it was for so long. */
void metrics_stage(enum boot_stage stage, int64_t ms);
/* "" for a boot without a reason. */
void metrics_boot(enum boot_state state, const char *reason);
void metrics_blob(const struct blob_event *e);
/* What became of the question for a boot ticket: "signed", "unsigned", "turn", "refused". */
void metrics_ticket(const char *result);

/* GET /metrics. */
void metrics_handle(struct core *c, const struct request *q, struct answer *a);

#endif
