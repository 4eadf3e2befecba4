/* store_inside.h: what the files of db/ share about a store. */
#ifndef MUSTER_DB_STORE_INSIDE_H
#define MUSTER_DB_STORE_INSIDE_H

#include "db/sql.h"

struct store {
	struct sql *q;
};

#endif
