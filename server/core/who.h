/*
 * who.h: what the user of a process is called, by /etc/passwd alone: no name service is asked.
 */
#ifndef MUSTER_SERVER_CORE_WHO_H
#define MUSTER_SERVER_CORE_WHO_H

#include <stddef.h>
#include <stdint.h>

/* "" where the file has no such user. Returns out. */
const char *who_name(uint32_t uid, char *out, size_t size);

#endif
