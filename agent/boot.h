/*
 * boot.h: from a started kernel to the assigned image: network, facts, ticket, manifest, files,
 * hand-off.
 */
#ifndef MUSTER_AGENT_BOOT_H
#define MUSTER_AGENT_BOOT_H

#include "agent/api.h"
#include "agent/cmdline.h"
#include "agent/fault.h"

/*
 * The steps of the boot ramdisk. Returns only when one failed, with the fault filled; it has been
 * reported to the server when that was possible. *reboot_s: the pause before a reboot.
 */
int boot_run(const struct cmdline *cmd, unsigned *reboot_s, struct fault *fault);

/*
 * The same steps against a given server from a machine that keeps running: no network is set up,
 * and it ends when all files are verified, before the hand-off. facts come from below sysroot.
 */
int boot_rehearse(const char *url, const char *trust_dir, const char *sysroot, struct fault *fault);

#endif
