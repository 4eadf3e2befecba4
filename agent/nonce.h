/*
 * nonce.h: a random number for one request; what is signed over it answers that request and no
 * other.
 */
#ifndef MUSTER_AGENT_NONCE_H
#define MUSTER_AGENT_NONCE_H

#include <stdint.h>

#include "images/digest.h"

struct nonce {
	char hex[DIGEST_HEX];
	int64_t made_ms; /* by pace_now_ms */
};

/* A new one. 0, or -EIO: the kernel gives no random numbers. */
int nonce_make(struct nonce *n);
uint64_t nonce_age_s(const struct nonce *n);

#endif
