/*
 * recent.h: a bounded table of what was seen lately, by a key of 64 bits. It takes no memory after
 * its start, and finding costs the same however many keys there are: a key has RECENT_WAYS places,
 * and the one of them that was used longest ago gives way. Pure.
 */
#ifndef MUSTER_SERVER_RECENT_H
#define MUSTER_SERVER_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECENT_WAYS 8

struct recent_slot {
	uint64_t key;
	uint64_t used_ms; /* monotonic, 0: free */
	uint64_t value;	  /* the owner's */
};

/* The caller's storage, zeroed at first; n_slots is RECENT_WAYS times a power of two. */
struct recent {
	struct recent_slot *slots;
	size_t n_slots;
};

/* The key's slot, or NULL. */
struct recent_slot *recent_find(const struct recent *r, uint64_t key);
/* The key's slot, made with value 0 when there was none; it was used at now_ms (never 0). */
struct recent_slot *recent_use(struct recent *r, uint64_t key, uint64_t now_ms);
/* Free a slot. */
void recent_forget(struct recent_slot *s);

/* A MAC address as a key. */
uint64_t recent_mac(const uint8_t mac[6]);

#endif
