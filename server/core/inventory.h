/*
 * inventory.h: what machines are made of, boot by boot: kept whenever it has changed.
 */
#ifndef MUSTER_SERVER_CORE_INVENTORY_H
#define MUSTER_SERVER_CORE_INVENTORY_H

#include "images/json.h"
#include "server/core/core.h"

#define INVENTORY_KEPT	   32 /* reports of a host */
#define INVENTORY_STRANGER 2  /* and of one that is not admitted: it may be anything */

/*
 * The agent of this boot has said what its machine is. When that has changed it is kept, and an
 * event of the boot says what it was.
 */
void inventory_take(
	struct core *c, const struct store_host *h, struct store_boot *b, const struct json *facts);

/* The agent has heard which switch ports its cards hang on; an event says what is new of it. */
void inventory_neighbours(
	struct core *c, const struct store_host *h, struct store_boot *b, const struct json *body);

#endif
