/*
 * order.h: what a hypervisor that runs is told to do in the answer to a heartbeat. It is believed
 * only when the site's key has signed it over that heartbeat's nonce, for this boot of this host:
 * the line is plain HTTP.
 */
#ifndef MUSTER_AGENT_ORDER_H
#define MUSTER_AGENT_ORDER_H

#include "agent/fault.h"
#include "agent/nonce.h"
#include "agent/trust.h"

/* What orders are judged by, as the agent that booted this image handed it over (handoff.h). */
struct orders {
	struct minisig_public site[TRUST_KEYS_MAX];
	size_t n_site;
	struct ticket ticket; /* whose host and boot this is */
	struct nonce nonce;   /* of the last heartbeat */
};

/* 0, or -ENOKEY with the fault: this hypervisor takes no orders. */
int orders_open(const char *ticket, const char *trust_dir, struct orders *out, struct fault *fault);

/* May this be obeyed? 0, or -EBADMSG with the fault: its code and a sentence. */
int orders_judge(const struct orders *o, const char *text, const char *sig, struct fault *fault);

#endif
