/*
 * guest.h: prove that this hypervisor runs guests, by running one. See guest_rom.h.
 */
#ifndef MUSTER_AGENT_GUEST_H
#define MUSTER_AGENT_GUEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/fault.h"
#include "agent/guest_rom.h"

struct guest_proof {
	char nonce[GUEST_NONCE_LEN + 1]; /* as the guest said it */
	char line[64];			 /* all that it said */
	int64_t ms;			 /* from its start to its line */
	const char *hypervisor;		 /* "kvm" or "xen" */
	char version[64];		 /* "QEMU 7.2.22", "Xen 4.17.7" */
	char accelerator[32];		 /* "/dev/kvm svm", "pv pvh" */
	char detail[512];		 /* first lines of xl info, or of qemu --version */
};

/*
 * Run a guest that says nonce. cpu_virt: "svm", "vmx" or "". Returns 0, or -errno with the fault:
 * `hypervisor` there is none here, `guest` it did not say its line.
 */
int guest_prove(
	const char *nonce, const char *cpu_virt, struct guest_proof *out, struct fault *fault);

/* How many guests run now, the proof's own not counted. */
int guest_count(void);

/* Is this Xen's dom0? Else guests are QEMU's processes: up to max of them; returns their number. */
int guest_on_xen(void);
size_t guest_qemus(pid_t *pids, size_t max);

#endif
