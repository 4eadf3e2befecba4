/*
 * down.h: bring this hypervisor down in order, and start the machine anew.
 */
#ifndef MUSTER_AGENT_DOWN_H
#define MUSTER_AGENT_DOWN_H

/*
 * Guests are asked to end and get a while for it, disks are written, init takes the rest down. Each
 * step has its time; whatever hangs, the machine starts anew after DOWN_LAST_S. Does not return.
 */
_Noreturn void down_reboot(void);

#define DOWN_LAST_S 150

#endif
