/*
 * direct.h: images that the boot loader starts by itself: ESXi, EFI programs, CDs, disks of the
 * network. No agent runs, so nothing on the host checks signatures but what the image brings along
 * (UEFI Secure Boot, ESXi's own); the server took the image only with a good one.
 *
 * Such a boot has a token, which its script carries: GET /v1/boot/TOKEN/… is this boot speaking.
 *   handoff     the loader is about to start it
 *   up          what was started reports (?detail=TEXT); until then nobody knows
 *   boot.cfg    ESXi's, rendered for the host
 *   chap.ipxe   the secret of the disk, once
 * TOKEN may be "here" for up: the boot of the host that has the client's address.
 */
#ifndef MUSTER_SERVER_CORE_DIRECT_H
#define MUSTER_SERVER_CORE_DIRECT_H

#include "server/core/core.h"

/* The image that the host shall boot, if it is one of these: 1 with *out filled, else 0. */
int direct_image(struct core *c, const struct store_host *h, struct store_image *out);

/* The script that starts it, or one that says why not and asks again. `b` is stored. */
void direct_script(struct core *c, const struct store_host *h, struct store_boot *b,
	const struct store_image *image, struct answer *a);

/* The file that UEFI firmware of that host can boot by HTTP without a loader, or "". */
const char *direct_http_file(struct core *c, const struct store_host *h);

/* The firmware itself has read the whole program: it starts it, which nobody sees. */
void direct_was_sent(struct core *c, struct store_boot *b, enum file_role role);

/* The boot is at its end as far as we can see: silence is no failure. */
bool direct_is_silent(const struct store_boot *b);

#endif
