/*
 * quirk.h: which rule of the configuration fits a host's firmware. Pure.
 */
#ifndef MUSTER_SERVER_CORE_QUIRK_H
#define MUSTER_SERVER_CORE_QUIRK_H

#include "server/config.h"
#include "server/net/dhcp.h"

/* What asks, for queries of PXE and HTTP boot firmware and of iPXE. */
enum firmware quirk_firmware(const struct dhcp_query *q);
/* "bios", "uefi", "uefi-http", "ipxe" */
const char *quirk_firmware_name(enum firmware f);

/*
 * The first [quirk] whose matches all hold, or NULL. vendor and product are the host's in the
 * inventory, "" when it is not known yet: a rule that asks for them then does not fit.
 */
const struct config_quirk *quirk_find(const struct config *cfg, const struct dhcp_query *q,
	const char *vendor, const char *product);

#endif
