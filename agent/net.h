/*
 * net.h: an address for this host. busybox's udhcpc speaks DHCP; its "script" is the agent itself
 * under the name NET_SCRIPT, so that no shell ever sees what a DHCP server sent. udhcpc stays and
 * renews the lease until net_down or the agent's end.
 */
#ifndef MUSTER_AGENT_NET_H
#define MUSTER_AGENT_NET_H

#include <sys/types.h>

#include "agent/fault.h"
#include "agent/lease.h"

#define NET_RUN_DIR "/run/muster"
#define NET_SCRIPT  "udhcpc-script"

struct net {
	char ifname[16]; /* that has the address */
	char mac[18];
	struct lease lease;
	pid_t udhcpc;
};

/*
 * Try the interface with boot_mac (may be "") first, then every one with a link, until one has a
 * lease; when need_url is set, one whose server also says where to boot from. Returns 0, or
 * -ETIMEDOUT with the fault after PACE_PATIENCE_S.
 */
int net_up(const char *boot_mac, int need_url, struct net *out, struct fault *fault);

/* Stop udhcpc and take all interfaces down, so that no card writes into the next kernel. */
void net_down(struct net *n);

/* The script's side: event is udhcpc's ("bound", "renew", "deconfig", ...). An exit status. */
int net_event(const char *event);

#endif
