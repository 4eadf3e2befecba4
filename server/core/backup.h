/*
 * backup.h: GET /api/v1/backup: what a server needs to begin anew elsewhere, as a tar archive.
 *
 *   backup.json   what it is of, and when
 *   config/       muster.conf and conf.d/ as the server read them
 *   keys/         public keys: the site's, and those whose signatures are taken (keys/trust/)
 *   blobs/sha256/ manifests, channels, roots and signatures; no file of an image
 *   muster.db     a copy at one moment, made by SQLite (VACUUM INTO)
 *   SHA256SUMS    of all of these, as sha256sum -c reads them
 *
 * No private key: none is where this role could read it. There is no mark of the archive's end, so
 * that more can be put behind it. http asks for a piece at a time; one backup is made at a time,
 * and one that nobody fetches any more makes place.
 */
#ifndef MUSTER_SERVER_CORE_BACKUP_H
#define MUSTER_SERVER_CORE_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"

struct core;

struct backup_bytes {
	uint8_t *p;
	size_t len, size;
	bool bad; /* there was no memory */
};

struct backup {
	uint64_t serial;    /* of the one that is being fetched; 0: none */
	uint64_t at, total; /* bytes of the archive */
	int64_t asked_ms;   /* monotonic: when a piece of it was asked for last */
	int db;		    /* the copy, which has no name any more */
	uint64_t db_len;
	struct digest_ctx *hash; /* of the copy, up to `at` */
	struct backup_bytes head, sums,
		tail; /* before the copy; text of SHA256SUMS; behind the copy */
	char who[64], from[24];
};

/* The role begins. 0 or -errno. */
int backup_start(struct core *c);

#endif
