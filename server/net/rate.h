/*
 * rate.h: how many packets a host, or all hosts behind one port of a relay, may send. What is above
 * is dropped before core is asked, so that nobody's flood delays the others.
 *
 * A relay's port is its address and the circuit identifier that it adds (option 82.1, RFC 3046);
 * a relay that adds none may have a whole building behind it and is not limited as one port.
 * Each limit is a token bucket, kept as the time at which it will be full again. Pure.
 */
#ifndef MUSTER_SERVER_NET_RATE_H
#define MUSTER_SERVER_NET_RATE_H

#include <stdint.h>

#include "server/net/dhcp.h"
#include "server/recent.h"

#define RATE_MACS     8192
#define RATE_CIRCUITS 1024

/* A bucket holds so many seconds' worth of packets: 5/s a burst of 20, 200/s one of 1,000. */
#define RATE_MAC_BURST_S     4
#define RATE_CIRCUIT_BURST_S 5

enum rate_verdict { RATE_PASS, RATE_MAC, RATE_CIRCUIT };

struct rate {
	uint32_t per_mac, per_circuit; /* packets per second, at most CONFIG_RATE_MAX; 0: any */
	struct recent macs, circuits;
	struct recent_slot mac_slots[RATE_MACS], circuit_slots[RATE_CIRCUITS];
};

void rate_init(struct rate *r, uint32_t per_mac, uint32_t per_circuit);

/* May this packet pass? Else which limit it is above. now_ms is monotonic. */
enum rate_verdict rate_check(struct rate *r, const struct dhcp_query *q, uint64_t now_ms);

#endif
