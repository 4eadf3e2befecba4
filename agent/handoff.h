/*
 * handoff.h: give the machine to an image whose files have been verified. Nothing here is undone
 * by a failure except the kernel's loaded image; the host is rebooted then.
 */
#ifndef MUSTER_AGENT_HANDOFF_H
#define MUSTER_AGENT_HANDOFF_H

#include <stdbool.h>

#include "agent/fault.h"
#include "images/manifest.h"

struct handoff {
	const struct manifest *m;
	const int *fds;	       /* sealed files, in the manifest's order */
	const char *boot_json; /* becomes /etc/muster/boot.json */
	const char
		*boot_mac; /* of the card that reached the server; becomes /etc/muster/boot-nic */
	bool uefi;
};

/*
 * Load the image into the kernel, and for Xen on UEFI make low memory ready. Returns 0, or
 * -errno with the fault, code `kexec`.
 */
int handoff_load(const struct handoff *h, struct fault *fault);

/* Jump. Returns only when the kernel refuses: -errno with the fault. */
int handoff_go(struct fault *fault);

#endif
