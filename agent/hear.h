/*
 * hear.h: which switches this host's network cards hang on, heard while it waits anyway: a switch
 * says so every 30 s. Nothing is sent, and a boot is never made longer by it.
 */
#ifndef MUSTER_AGENT_HEAR_H
#define MUSTER_AGENT_HEAR_H

#include <stdbool.h>

#include "agent/lldp.h"
#include "images/json.h"

#define HEAR_MAX 16 /* network cards */

struct hear {
	int fd;	   /* -1: listening is not possible here */
	bool news; /* the server has not been told yet */
	size_t n;
	struct {
		char nic[16];
		struct lldp l;
	} of[HEAR_MAX];
};

/* Never fails: where there is no right to it, nothing will be heard. */
void hear_open(struct hear *h);
void hear_close(struct hear *h);

/* Listen for so long; 0: take what has come. */
void hear_for(struct hear *h, int64_t ms);

/* The body of POST /v1/agent/neighbours. */
void hear_json(const struct hear *h, struct jw *w);

#endif
