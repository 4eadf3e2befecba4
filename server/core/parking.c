#include "server/core/parking.h"

#include <stddef.h>
#include <string.h>

bool parking_rush(struct parking *p, int64_t now_ms)
{
	const int64_t age_ms = now_ms - p->window_ms;

	if (age_ms >= PARKING_WINDOW_MS) {
		p->rush = p->n_hosts > PARKING_PLACES && age_ms < 2 * PARKING_WINDOW_MS;
		p->window_ms = now_ms;
		p->n_hosts = 0;
	}
	if (++p->n_hosts > PARKING_PLACES)
		p->rush = true;
	for (unsigned i = 0; i < PARKING_PLACES && p->rush; i++)
		if (p->places[i].probe && p->places[i].until_ms > now_ms)
			p->places[i].until_ms = now_ms;
	return p->rush;
}

struct parked *parking_take(struct parking *p, int64_t now_ms)
{
	for (unsigned i = 0; i < PARKING_PLACES; i++) {
		if (p->places[i].probe)
			continue;
		p->places[i] = (struct parked){
			.probe = ++p->generation * PARKING_PLACES + i,
			.until_ms = now_ms + PARKING_WINDOW_MS,
		};
		return &p->places[i];
	}
	return NULL;
}

void parking_leave(struct parked *p)
{
	p->probe = 0;
}

struct parked *parking_of(struct parking *p, uint64_t probe, uint32_t addr)
{
	struct parked *at = &p->places[probe % PARKING_PLACES];

	return probe && at->probe == probe && at->addr == addr ? at : NULL;
}

struct parked *parking_by_mac(struct parking *p, const uint8_t mac[6])
{
	for (unsigned i = 0; i < PARKING_PLACES; i++)
		if (p->places[i].probe && !memcmp(p->places[i].query.mac, mac, 6))
			return &p->places[i];
	return NULL;
}

struct parked *parking_due(struct parking *p, int64_t now_ms)
{
	for (unsigned i = 0; i < PARKING_PLACES; i++)
		if (p->places[i].probe && p->places[i].until_ms <= now_ms)
			return &p->places[i];
	return NULL;
}

unsigned parking_next_ms(const struct parking *p, int64_t now_ms)
{
	unsigned next = 0;

	for (unsigned i = 0; i < PARKING_PLACES; i++) {
		const int64_t left = p->places[i].until_ms - now_ms;
		const unsigned ms = left < 1 ? 1 : (unsigned)left;

		if (p->places[i].probe && (!next || ms < next))
			next = ms;
	}
	return next;
}
