/*
 * handoff.h: give the machine to an image whose files have been verified. Nothing here is undone
 * by a failure except the kernel's loaded image; the host is rebooted then.
 */
#ifndef MUSTER_AGENT_HANDOFF_H
#define MUSTER_AGENT_HANDOFF_H

#include <stdbool.h>

#include "agent/fault.h"
#include "agent/shared.h"
#include "agent/trust.h"
#include "images/manifest.h"

/* With this status the agent asks process 1, its parent, to switch to the image's own start-up. */
#define HANDOFF_SWITCH_STATUS 42

/* What this boot of this host is by the site's own word; the agent has verified it. */
#define HANDOFF_TICKET "/etc/muster/ticket"

struct handoff {
	const struct manifest *m;
	const int *fds; /* sealed files, in the manifest's order; -1: shared, or of no use here */
	const struct shared *shared;
	bool by_switch; /* what shared_can_switch said: no kexec, the kernel runs already */
	int extra; /* sealed archive of files that this host is told, over the image's; or -1 */
	const char *boot_json; /* becomes /etc/muster/boot.json */
	const char *boot_mac;  /* of the card that reached the server: /etc/muster/boot-nic */
	/* By which orders are judged then (order.h): HANDOFF_TICKET, TRUST_DIR/site-N.pub. */
	const struct ticket *ticket;
	const struct trust *trust;
	bool uefi;
};

/*
 * Load the image into the kernel, and for Xen on UEFI make low memory ready; or, by switch, make
 * this ramdisk the image's. Returns 0, or -errno with the fault, code `kexec`, `memory` or
 * `unpack`.
 */
int handoff_load(const struct handoff *h, struct fault *fault);

/* Jump, or end with HANDOFF_SWITCH_STATUS. Returns only when the kernel refuses: -errno with the
 * fault. */
int handoff_go(const struct handoff *h, struct fault *fault);

/*
 * For process 1, when its child ended so: end all other processes, unmount everything, and become
 * /init, as after a start of the kernel. Returns only when that fails: -errno.
 */
int handoff_become_init(void);

#endif
