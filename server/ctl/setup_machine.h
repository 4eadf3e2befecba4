/*
 * setup_machine.h: what `muster setup` looks up on the machine that it sets up.
 */
#ifndef MUSTER_SERVER_CTL_SETUP_MACHINE_H
#define MUSTER_SERVER_CTL_SETUP_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/ctl/ctl.h"
#include "server/ctl/setup.h"

#define SETUP_NICS	32
#define SETUP_NAMES_MAX 512

/* Interfaces with an IPv4 address, but for the loopback. CTL_FAILED, having said so. */
int setup_machine_nics(struct setup_nic nics[SETUP_NICS], size_t *n);

/* The default route's gateway when it is in the hosts' subnet, else 0. */
uint32_t setup_machine_gateway(const struct setup *s);

/* The first DNS server of this machine that hosts can reach; or 0, why not (of the first one) in
 * why, which stays as it is where the machine has none. */
uint32_t setup_machine_resolver(
	const struct setup *s, const struct setup_nic *nics, size_t n, char why[SETUP_WHY_MAX]);

/* Does a server listen at the socket? */
bool setup_machine_running(const struct ctl *c);

/* The names of the images that it has for hosts, "kvm, xen"; false: it has none, or does not say.
 */
bool setup_machine_images(struct ctl *c, char out[SETUP_NAMES_MAX]);

#endif
