/*
 * batch.h: many changes, all of them or none: POST /api/v1/batch.
 */
#ifndef MUSTER_SERVER_CTL_BATCH_H
#define MUSTER_SERVER_CTL_BATCH_H

#include "server/ctl/client.h"

/* A file's text, at most 16 MiB, "-" is standard input; free() it. NULL, having said why. */
char *batch_file(const char *file, size_t *len);

/* calls: JSON, as the server takes them. With dry_run they are only tried. An exit code. */
int batch_send(struct ctl *c, char *const *calls, size_t n, bool dry_run);

#endif
