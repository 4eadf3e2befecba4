/* nearest.c: which known word did they mean? */
#include "server/nearest.h"

#include <string.h>

#define WORD_MAX 31 /* bytes */

static unsigned min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned nearest_distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1];
	size_t len_a = strlen(a), len_b = strlen(b);

	if (len_a > WORD_MAX || len_b > WORD_MAX)
		return 99;
	for (unsigned j = 0; j <= len_b; j++)
		row[j] = j;
	for (unsigned i = 1; i <= len_a; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= len_b; j++) {
			unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = min(replaced, min(diagonal, row[j - 1]) + 1);
		}
	}
	return row[len_b];
}

void nearest_try(
	const char *word, const char *candidate, const char **best, unsigned *best_distance)
{
	unsigned d = nearest_distance(word, candidate);

	if (d < *best_distance) {
		*best_distance = d;
		*best = candidate;
	}
}
