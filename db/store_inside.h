/* store_inside.h: what the files of db/ share about a store. */
#ifndef MUSTER_DB_STORE_INSIDE_H
#define MUSTER_DB_STORE_INSIDE_H

#include "db/sql.h"
#include "db/store.h"

#include "db/stage.h"

#define STORE_SILENCES_LEN (4 * STAGE_FAILED)

/* The column `silence` of a boot. */
void store_read_silences(struct sql_row *r, int col, uint32_t ms[STAGE_FAILED]);

struct store {
	struct sql *q;
	size_t copied; /* of a copy: tables that are there, and rows of the next one */
	int64_t copied_rows;
};

/* Of the image i: the columns that store_read_image reads, the first of a statement's. */
#define IMAGE_COLUMNS "i.manifest, i.name, i.version, i.channel, i.kind, i.release, i.expires_s"

void store_read_image(struct sql_row *r, struct store_image *out);
/* The first row of a statement, which is ended: 0 or -ENOENT. */
int store_one_image(struct sql_row *r, struct store_image *out);
/* Up to max rows of it, which is ended; returns their number. */
int store_some_images(struct sql_row *r, struct store_image *out, int max);

/* A statement for a number and a list of names, which is ended; returns the number. */
#define STORE_NAMES(from)                                                                          \
	"SELECT count(*), group_concat(name, ', ') FROM (SELECT DISTINCT " from ")"
int store_count_names(struct sql_row *r, char *names, size_t size);

#endif
