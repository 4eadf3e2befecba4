/*
 * simulate_report.h: what came of a rehearsal, in numbers: pure; and as a table or JSON on standard
 * output.
 */
#ifndef MUSTER_SERVER_CTL_SIMULATE_REPORT_H
#define MUSTER_SERVER_CTL_SIMULATE_REPORT_H

#include "server/ctl/ctl.h"
#include "server/simulate/simulate.h"

/* How long hosts took for a stage, or (whole) for everything. Milliseconds; n 0: nobody did it. */
struct simulate_spread {
	unsigned n;
	int64_t p50_ms, p90_ms, p99_ms, max_ms;
};

struct simulate_numbers {
	unsigned n, finished, failed;
	uint64_t repeats;
	struct simulate_spread stages[STAGES], whole; /* of hosts that finished */
	struct simulate_spread queue; /* of those among them that waited for their turn */
	double fairness;	      /* slowest / median, 0: nobody finished */
};

/* Sorts a copy. Returns 0 or -ENOMEM. */
int simulate_count(const struct simulate_outcome *o, unsigned n, struct simulate_numbers *out);

/* As c->format says; the reasons of failures with how many and who was the first. */
void simulate_print(const struct ctl *c, const struct simulate_outcome *o, unsigned n,
	const struct simulate_now *now);

#endif
