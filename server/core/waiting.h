/*
 * waiting.h: hosts that have been offered an address, or boot data, and have not taken it yet.
 *
 * A DISCOVER costs its sender nothing, so it may cost the disk nothing: when it came and when it
 * was answered is kept here, in a bounded table, and is written with the first thing that is
 * committed for that host. The oldest gives way. Pure.
 */
#ifndef MUSTER_SERVER_CORE_WAITING_H
#define MUSTER_SERVER_CORE_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "db/store.h"
#include "server/core/boot_plan.h"

#define WAITING_MAX	4096 /* a power of two */
#define WAITING_LIVE_MS 300000

/* What another DHCP server said to a host, as it is written into the record of its boot. */
struct other_server {
	uint8_t type;	       /* DHCP_OFFER, DHCP_ACK, DHCP_NAK; 0: nothing was heard */
	uint32_t server, addr; /* who; and the address that it gives, or 0 */
	int64_t at_ms, mono_ms;
};

struct waiting_host {
	uint8_t mac[6];
	bool begins;	   /* firmware itself asks, not a loader that it started */
	bool looked_at;	   /* it has given up, and whoever that concerns knows */
	bool loader_spoke; /* that loader has asked since, so the offer was taken */
	bool has_uuid;
	uint8_t uuid[16]; /* as printed */
	uint16_t arch;
	char firmware[16];		       /* "bios", "uefi", "uefi-http" */
	int64_t discover_ms, discover_mono_ms; /* first DISCOVER; mono 0: free */
	int64_t newest_mono_ms;		       /* newest DISCOVER */
	int64_t offer_ms, offer_mono_ms;       /* newest OFFER; mono 0: none yet */
	unsigned discovers;
	struct other_server other; /* heard since then */
	uint8_t refused; /* enum dhcp_reason of the newest that was not answered with an address */
	int64_t refused_ms;
	uint8_t endpoint;	     /* that heard it */
	uint32_t relay;		     /* it came through, or 0 */
	uint32_t addr, server;	     /* what another server gave it, and who; 0: nothing seen */
	struct store_loader offered; /* "" = none */
	char why[BOOT_WHY_MAX];	     /* that was offered */
};

struct waiting {
	struct waiting_host hosts[WAITING_MAX];
};

/* A DISCOVER came: find or make the host's entry. Never NULL. */
struct waiting_host *waiting_discover(
	struct waiting *w, const uint8_t mac[6], int64_t wall_ms, int64_t mono_ms);
/* The host's entry, if it is younger than WAITING_LIVE_MS, or NULL. */
struct waiting_host *waiting_find(struct waiting *w, const uint8_t mac[6], int64_t mono_ms);
/* However old it is, as long as no other host has taken its place; for people. */
const struct waiting_host *waiting_last(const struct waiting *w, const uint8_t mac[6]);
/* The host that another server gave this address, or NULL. */
struct waiting_host *waiting_by_addr(struct waiting *w, uint32_t addr, int64_t mono_ms);
/*
 * Its firmware has not reacted to what it was offered: several DISCOVERs, then nothing, for longer
 * than any firmware waits between two.
 */
bool waiting_ignores(const struct waiting_host *h, int64_t mono_ms);
/* Firmware that has asked in vain and was silent for so long since. */
bool waiting_gave_up(const struct waiting_host *h, int64_t mono_ms, int64_t silence_ms);
void waiting_forget(struct waiting_host *h); /* accepts NULL */

#endif
