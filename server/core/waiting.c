#include "server/core/waiting.h"

#include <string.h>

#define PROBES		  8 /* places that an entry may be in */
#define IGNORED_DISCOVERS 3
#define IGNORED_MS	  20000

static unsigned place(const uint8_t mac[6])
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (int i = 0; i < 6; i++)
		h = (h ^ mac[i]) * 16777619u;
	return (h ^ h >> 15) & (WAITING_MAX - 1);
}

static int lives(const struct waiting_host *h, int64_t mono_ms)
{
	return h->discover_mono_ms && mono_ms - h->discover_mono_ms < WAITING_LIVE_MS;
}

struct waiting_host *waiting_find(struct waiting *w, const uint8_t mac[6], int64_t mono_ms)
{
	unsigned at = place(mac);

	for (unsigned i = 0; i < PROBES; i++) {
		struct waiting_host *h = &w->hosts[(at + i) & (WAITING_MAX - 1)];

		if (!memcmp(h->mac, mac, 6) && lives(h, mono_ms))
			return h;
	}
	return NULL;
}

const struct waiting_host *waiting_last(const struct waiting *w, const uint8_t mac[6])
{
	unsigned at = place(mac);

	for (unsigned i = 0; i < PROBES; i++) {
		const struct waiting_host *h = &w->hosts[(at + i) & (WAITING_MAX - 1)];

		if (!memcmp(h->mac, mac, 6) && h->discover_mono_ms)
			return h;
	}
	return NULL;
}

struct waiting_host *waiting_discover(
	struct waiting *w, const uint8_t mac[6], int64_t wall_ms, int64_t mono_ms)
{
	struct waiting_host *h = waiting_find(w, mac, mono_ms), *oldest;
	unsigned at = place(mac);

	if (h) {
		h->looked_at = false;
		h->discovers++;
		h->newest_mono_ms = mono_ms;
		return h;
	}
	oldest = &w->hosts[at];
	for (unsigned i = 1; i < PROBES; i++) {
		h = &w->hosts[(at + i) & (WAITING_MAX - 1)];
		if (h->discover_mono_ms < oldest->discover_mono_ms)
			oldest = h;
	}
	*oldest = (struct waiting_host){
		.discover_ms = wall_ms,
		.discover_mono_ms = mono_ms,
		.newest_mono_ms = mono_ms,
		.discovers = 1,
	};
	memcpy(oldest->mac, mac, 6);
	return oldest;
}

struct waiting_host *waiting_by_addr(struct waiting *w, uint32_t addr, int64_t mono_ms)
{
	for (size_t i = 0; i < WAITING_MAX; i++) {
		if (addr && w->hosts[i].addr == addr && lives(&w->hosts[i], mono_ms))
			return &w->hosts[i];
	}
	return NULL;
}

bool waiting_ignores(const struct waiting_host *h, int64_t mono_ms)
{
	return lives(h, mono_ms) && h->begins && !h->loader_spoke && h->offered.loader[0] &&
	       h->discovers >= IGNORED_DISCOVERS && mono_ms - h->newest_mono_ms >= IGNORED_MS;
}

bool waiting_gave_up(const struct waiting_host *h, int64_t mono_ms, int64_t silence_ms)
{
	return lives(h, mono_ms) && h->begins && !h->loader_spoke && !h->looked_at &&
	       mono_ms - h->newest_mono_ms >= silence_ms;
}

void waiting_forget(struct waiting_host *h)
{
	if (h)
		*h = (struct waiting_host){ 0 };
}
