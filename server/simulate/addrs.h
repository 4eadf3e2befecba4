/*
 * addrs.h: put addresses that simulated hosts were given on an interface of this machine, and take
 * them off again (rtnetlink). Needs CAP_NET_ADMIN.
 */
#ifndef MUSTER_SERVER_SIMULATE_ADDRS_H
#define MUSTER_SERVER_SIMULATE_ADDRS_H

#include <stdint.h>

/* A socket for the two functions below, or -errno; close() it. */
int addrs_open(void);

/* Returns 0; -EEXIST: this machine had the address already and keeps it; or another -errno. */
int addrs_put(int fd, int ifindex, uint32_t addr);
int addrs_remove(int fd, int ifindex, uint32_t addr);

#endif
