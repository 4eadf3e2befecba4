#include "server/recent.h"

/* The first of the key's places. */
static struct recent_slot *row(const struct recent *r, uint64_t key)
{
	/* Knuth's multiplicative hash: the high bits are the mixed ones */
	const uint64_t mixed = key * 0x9e3779b97f4a7c15u >> 32;

	return &r->slots[(mixed & (r->n_slots / RECENT_WAYS - 1)) * RECENT_WAYS];
}

struct recent_slot *recent_find(const struct recent *r, uint64_t key)
{
	struct recent_slot *s = row(r, key);

	for (unsigned i = 0; i < RECENT_WAYS; i++, s++)
		if (s->used_ms && s->key == key)
			return s;
	return NULL;
}

struct recent_slot *recent_use(struct recent *r, uint64_t key, uint64_t now_ms)
{
	struct recent_slot *s = recent_find(r, key), *first;

	if (!s) {
		s = first = row(r, key);
		for (unsigned i = 1; i < RECENT_WAYS; i++)
			if (first[i].used_ms < s->used_ms)
				s = &first[i];
		*s = (struct recent_slot){ .key = key };
	}
	s->used_ms = now_ms;
	return s;
}

void recent_forget(struct recent_slot *s)
{
	*s = (struct recent_slot){ 0 };
}

uint64_t recent_mac(const uint8_t mac[6])
{
	uint64_t key = 0;

	for (int i = 0; i < 6; i++)
		key = key << 8 | mac[i];
	return key;
}
