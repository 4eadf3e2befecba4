/*
 * boot_plan.h: (who asks over DHCP, rules, what this host's boots came to, what the loader folder
 * holds) -> what it shall load, and why. Pure.
 *
 * Each kind of firmware has a list of loaders. The first that exists is offered; a host for which
 * another one has worked gets that. After a boot that ended before its script (the agent, where the
 * firmware starts that itself) the next of the list is tried, from its end back to its beginning.
 * PXE firmware that did not even read its loader is first told of the same one in other forms. A
 * rule of the configuration comes before all that.
 */
#ifndef MUSTER_SERVER_CORE_BOOT_PLAN_H
#define MUSTER_SERVER_CORE_BOOT_PLAN_H

#include <stdbool.h>

#include "db/store.h"
#include "server/config.h"
#include "server/core/dhcp_policy.h"
#include "server/net/dhcp.h"

#define BOOT_UKI     "agent.efi" /* among the loaders: the agent's own EFI file, by HTTP alone */
#define BOOT_WHY_MAX 160

struct boot_ask {
	const struct config *cfg;
	const char *url; /* base URL of our HTTP server */
	const struct dhcp_query *q;
	const char *vendor, *product; /* of the host in the inventory, or "" */
	struct store_loaders memory;  /* of this host and this kind of firmware */
	/* The boot loader starts the host's image by itself; where UEFI firmware can do that, too,
	 * by HTTP: "image.efi" or "image.iso", else "". */
	bool direct;
	const char *own;
	bool loader_runs; /* the iPXE that asks is the one which we sent in this boot */
	/* Is there such a file in the loader folder; with BOOT_UKI and http, an agent image? */
	bool (*exists)(void *arg, const char *loader, bool http);
	void *arg;
};

struct boot_plan {
	struct dhcp_boot boot;
	struct store_loader chosen; /* "" where no loader is offered: the script, an address only */
	bool unknown_arch;
	char why[BOOT_WHY_MAX]; /* "snponly.efi by TFTP: architecture 7"; "" for an OS */
};

void boot_plan(const struct boot_ask *a, struct boot_plan *out);

/* Firmware itself asks, not a loader that it started: this begins a boot. */
bool boot_begins(const struct dhcp_query *q);

/* The stage that a boot with this loader has to reach for the loader to have worked. */
enum boot_stage boot_goal(const struct store_loader *l);

#endif
