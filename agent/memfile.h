/*
 * memfile.h: a file in memory that nobody can change once it is complete.
 */
#ifndef MUSTER_AGENT_MEMFILE_H
#define MUSTER_AGENT_MEMFILE_H

#include <stdint.h>

/* An empty file in memory, open for writing. Returns its descriptor or -errno. */
int memfile_new(const char *name);

/*
 * Seal it against every change. Takes the descriptor over, also on failure, and returns another
 * one that is open for reading only (the kernel's kexec refuses a file that anybody may write), at
 * offset 0; or -errno.
 */
int memfile_seal_take(int fd);

/* Append everything of the sealed file `from`, then zeros up to a multiple of 4. 0 or -errno. */
int memfile_append(int to, int from);

#endif
