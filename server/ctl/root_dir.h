/*
 * root_dir.h: a folder of roots, root.1.json, root.2.json and so on without a gap, each with its
 * signature files. It may begin later than with 1: that root is then where trust starts.
 *
 * Functions return enum ctl_exit and have said why when it is not CTL_OK.
 */
#ifndef MUSTER_SERVER_CTL_ROOT_DIR_H
#define MUSTER_SERVER_CTL_ROOT_DIR_H

#include <limits.h>
#include <stdint.h>

#include "images/judge.h"

void root_dir_file(uint64_t version, char out[NAME_MAX + 1]); /* "root.2.json" */
/* The version of a file of such a name, 0: another name. */
uint64_t root_dir_version(const char *file);

/* Versions of the first and the last root; both 0 where there is none, or no folder. */
int root_dir_range(const char *dir, uint64_t *first, uint64_t *last);

/* Walk from the first root to the last; every one of them must be good. Expiry is not judged. */
int root_dir_walk(const char *dir, struct root_walk *out);

/* The same up to root `version` only. */
int root_dir_walk_to(const char *dir, uint64_t version, struct root_walk *out);

#endif
