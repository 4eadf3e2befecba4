#include "server/net/rate.h"

#include "server/net/dhcp_opt.h"

#define OPT82_CIRCUIT 1

void rate_init(struct rate *r, uint32_t per_mac, uint32_t per_circuit)
{
	*r = (struct rate){ .per_mac = per_mac, .per_circuit = per_circuit };
	r->macs = (struct recent){ r->mac_slots, RATE_MACS };
	r->circuits = (struct recent){ r->circuit_slots, RATE_CIRCUITS };
}

/*
 * Take one token. The slot's value is when, in microseconds, the bucket will be full again; each
 * token moves that by the time it takes to grow, and a bucket is empty when it is a burst away.
 */
static bool take(
	struct recent *buckets, uint64_t key, uint32_t per_s, uint32_t burst_s, uint64_t now_ms)
{
	const uint64_t now_us = now_ms * 1000, token_us = 1000000 / per_s;
	struct recent_slot *s = recent_use(buckets, key, now_ms);
	const uint64_t full_us = s->value > now_us ? s->value : now_us;

	if (full_us + token_us - now_us > (uint64_t)burst_s * per_s * token_us)
		return false;
	s->value = full_us + token_us;
	return true;
}

/* FNV-1a over relay and circuit; 0 without a circuit. */
static uint64_t circuit_key(const struct dhcp_query *q)
{
	struct rd r = { q->relay, q->relay + q->relay_len, false };
	uint64_t h = 14695981039346656037u;
	struct dhcp_opt o;

	if (!q->giaddr)
		return 0;
	while (dhcp_tlv_next(&r, &o) > 0) {
		if (o.tag != OPT82_CIRCUIT || !o.len)
			continue;
		for (int shift = 24; shift >= 0; shift -= 8)
			h = (h ^ (q->giaddr >> shift & 255)) * 1099511628211u;
		for (unsigned i = 0; i < o.len; i++)
			h = (h ^ o.val[i]) * 1099511628211u;
		return h;
	}
	return 0;
}

enum rate_verdict rate_check(struct rate *r, const struct dhcp_query *q, uint64_t now_ms)
{
	uint64_t circuit;

	/* First the host: what it has too much is not its neighbours' loss. */
	if (r->per_mac && !take(&r->macs, recent_mac(q->mac), r->per_mac, RATE_MAC_BURST_S, now_ms))
		return RATE_MAC;
	circuit = r->per_circuit ? circuit_key(q) : 0;
	if (circuit && !take(&r->circuits, circuit, r->per_circuit, RATE_CIRCUIT_BURST_S, now_ms))
		return RATE_CIRCUIT;
	return RATE_PASS;
}
