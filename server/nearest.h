/*
 * nearest.h: which known word did they mean? Pure.
 */
#ifndef MUSTER_SERVER_NEAREST_H
#define MUSTER_SERVER_NEAREST_H

/* Edits (insert, delete, replace) from a to b; 99 when either is longer than 31 bytes. */
unsigned nearest_distance(const char *a, const char *b);

/*
 * Keep the better of two: when `word` is nearer to `candidate` than *best_distance, store it in
 * *best and its distance there. Start with *best_distance = one more than the farthest to accept.
 */
void nearest_try(
	const char *word, const char *candidate, const char **best, unsigned *best_distance);

#endif
