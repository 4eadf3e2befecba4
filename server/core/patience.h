/*
 * patience.h: how long a boot may be silent at a stage before it counts as hung. Learned from how
 * long boots that came up were silent there: the host's own, and those of its image. Pure.
 */
#ifndef MUSTER_SERVER_CORE_PATIENCE_H
#define MUSTER_SERVER_CORE_PATIENCE_H

#include <stddef.h>
#include <stdint.h>

#define PATIENCE_OWN   5  /* boots of the host that count, the newest */
#define PATIENCE_IMAGE 15 /* and of its image, of whatever hosts */

struct patience_limits {
	int64_t min_ms, max_ms;
	unsigned factor; /* so many times what is usual */
};

/*
 * own and image are the longest silences of earlier boots at that stage; their order is changed.
 * The median counts, so that one odd boot does not, and of the two the longer. Where nothing is
 * known: max_ms.
 */
int64_t patience_of(const struct patience_limits *l, int64_t *own, size_t n_own, int64_t *image,
	size_t n_image);

/* Of an even number the upper one; of none 0. The order of v is changed. */
int64_t patience_median(int64_t *v, size_t n);

#endif
