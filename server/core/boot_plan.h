/*
 * boot_plan.h: (who asks over DHCP, how far its boot is, configuration) -> what it shall load.
 * Pure.
 */
#ifndef MUSTER_SERVER_CORE_BOOT_PLAN_H
#define MUSTER_SERVER_CORE_BOOT_PLAN_H

#include <stdbool.h>

#include "server/config.h"
#include "server/core/dhcp_policy.h"
#include "server/net/dhcp.h"

/*
 * Loader by architecture (option 93): 0 undionly.kpxe; 7 and 9 snponly.efi; 16 the URL of the
 * agent's UKI; iPXE that can do HTTP the URL of its script. A quirk that matches chooses another
 * loader, which even an iPXE ROM gets unless loader_sent says that it runs already. Nothing for
 * unknown architectures, for operating systems, and for PXE while TFTP is off.
 */
void boot_plan(const struct config *cfg, const char *url, const struct dhcp_query *q,
	bool loader_sent, struct dhcp_boot *out);

#endif
