/*
 * told.h: what DHCP tells one host alone: a JSON array of settings as they stand in a [subnet],
 * ["dns = 10.77.0.9", "lease-time = 8h"], read into what the policy takes. Pure.
 */
#ifndef MUSTER_SERVER_CORE_TOLD_H
#define MUSTER_SERVER_CORE_TOLD_H

#include <stddef.h>

#include "images/json.h"
#include "server/config.h"

#define TOLD_SETTINGS_MAX 64

/* Returns 0; or -EINVAL with a sentence in err: what is wrong, and what would be right. */
int told_read(const struct json *settings, struct config_told *out, char *err, size_t err_size);

#endif
