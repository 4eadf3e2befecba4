#include "images/quorum.h"

#include <string.h>

/* The first place of the key that stands at i: the same for all its doubles. */
static size_t first_place(const struct minisig_public *keys, size_t i)
{
	size_t first = 0;

	while (memcmp(keys[first].key, keys[i].key, sizeof keys[i].key) != 0)
		first++;
	return first;
}

size_t quorum_count(const struct minisig_public *keys, size_t n, const struct signed_text *t)
{
	uint8_t signed_by[QUORUM_KEYS_MAX] = { 0 };
	size_t count = 0;

	if (n > QUORUM_KEYS_MAX || t->n_sigs > QUORUM_SIGS_MAX)
		return 0;
	for (size_t i = 0; i < t->n_sigs; i++) {
		const struct quorum_sig *s = &t->sigs[i];
		int key = minisig_verify(keys, n, t->text, t->len, s->text, s->len);

		if (key >= 0)
			signed_by[first_place(keys, (size_t)key)] = 1;
	}
	for (size_t i = 0; i < n; i++)
		count += signed_by[i];
	return count;
}
