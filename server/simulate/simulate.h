/*
 * simulate.h: a rehearsal: many hosts boot from a real server, and nothing of them is real but
 * their packets. One thread, one loop; memory is bounded by the number of hosts.
 *
 * A host does all that firmware, iPXE and agent say to the server: DHCP, the loader by TFTP, its
 * script, the agent's files, facts, ticket, manifest, every file of its image, hand-off and `up`.
 * It checks signatures and digests as the agent does and throws the bytes away. It speaks from the
 * address that it was given, which is on this machine for as long as the run takes.
 */
#ifndef MUSTER_SERVER_SIMULATE_SIMULATE_H
#define MUSTER_SERVER_SIMULATE_SIMULATE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/verify.h"
#include "db/stage.h"

#define SIMULATE_HOSTS_MAX 20000
#define SIMULATE_REASON	   160

enum simulate_state { SIMULATE_WAITS, SIMULATE_RUNS, SIMULATE_FINISHED, SIMULATE_FAILED };

/* What became of one host. */
struct simulate_outcome {
	uint8_t mac[6];
	enum simulate_state state;
	enum boot_stage stage;	 /* where it is, or ended */
	int64_t took_ms[STAGES]; /* of each stage that it finished; -1: it had none */
	int64_t whole_ms;	 /* from its first packet to its end */
	int64_t queued_ms;	 /* of `image`: until it was its turn; -1: it was at once */
	unsigned repeats;	 /* what it had to do again: lost packets, broken connections */
	char reason[SIMULATE_REASON]; /* failed: one sentence, worded alike for all hosts */
};

/* How things stand. */
struct simulate_now {
	int64_t ms;
	unsigned waiting, at[STAGES], finished, failed;
	unsigned queued,
		last_place; /* wait for their turn; the largest position of the last second */
	uint64_t bytes;	    /* of loaders, agent and images */
};

struct simulate_plan {
	unsigned n;
	unsigned per_s;		/* begin so many in a second; 0: all at once */
	unsigned tftp_percent;	/* of them read a loader; the others have iPXE in their cards */
	uint8_t prefix[3];	/* of their MAC addresses; the rest counts from 1 */
	uint32_t server, relay; /* through a relay at this address of this machine */
	const char *interface;	/* or by broadcast on this interface */
	const struct trust *trust;
	int64_t limit_ms; /* who is not ready then has failed */
	void (*on_second)(void *arg, const struct simulate_now *now); /* or NULL */
	void *arg;
};

/* The MAC address of host i (from 0). */
void simulate_mac(const uint8_t prefix[3], unsigned i, uint8_t mac[6]);

/*
 * Run it; SIGINT and SIGTERM end it early. out has plan->n places. Returns 0 with all of out and
 * *now filled, or -errno with one sentence in err when it could not be tried.
 */
int simulate_run(const struct simulate_plan *plan, struct simulate_outcome *out,
	struct simulate_now *now, char *err, size_t err_size);

#endif
