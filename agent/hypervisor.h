/*
 * hypervisor.h: in the image that was handed over to: network, proof by a guest, `up`, heartbeats.
 */
#ifndef MUSTER_AGENT_HYPERVISOR_H
#define MUSTER_AGENT_HYPERVISOR_H

#include "agent/fault.h"

/*
 * Returns only when a step failed, with the fault filled; it has been reported to the server when
 * that was possible. Started again after `up`, it goes on with the heartbeats.
 */
int hypervisor_run(unsigned *reboot_s, struct fault *fault);

#endif
