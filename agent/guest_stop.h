/*
 * guest_stop.h: give guests a chance to end by themselves before their hypervisor does.
 */
#ifndef MUSTER_AGENT_GUEST_STOP_H
#define MUSTER_AGENT_GUEST_STOP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Ask each guest to switch off, as its power button would, and wait for all of them, at most so
 * long; then end those that are left. A QEMU without a monitor to ask is ended at once, in order:
 * it writes what its disks have been given.
 */
void guest_stop_all(int timeout_ms);

/* The monitor of a QEMU: a unix socket. */
struct guest_monitor {
	char path[108];
	bool qmp; /* it speaks JSON; else as to people */
};

/*
 * From the arguments of a QEMU, each ended by NUL: the first `-qmp` or `-monitor` that is
 * unix:PATH. True: found. Pure.
 */
bool guest_monitor_find(const char *args, size_t len, struct guest_monitor *out);

#endif
