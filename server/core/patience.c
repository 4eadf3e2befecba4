#include "server/core/patience.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int64_t patience_median(int64_t *v, size_t n)
{
	if (!n)
		return 0;
	qsort(v, n, sizeof *v, compare);
	return v[n / 2];
}

int64_t patience_of(
	const struct patience_limits *l, int64_t *own, size_t n_own, int64_t *image, size_t n_image)
{
	const int64_t mine = patience_median(own, n_own), theirs = patience_median(image, n_image);
	const int64_t usual = mine > theirs ? mine : theirs;

	if (!n_own && !n_image)
		return l->max_ms;
	if (usual > l->max_ms / (int64_t)l->factor)
		return l->max_ms;
	return usual * l->factor > l->min_ms ? usual * l->factor : l->min_ms;
}
