/*
 * host_values.h: what a list shows of a host, whether the server gave it whole, as an object, or as
 * the array of a brief list (docs/openapi.yaml, Host and HostBrief). Pure.
 */
#ifndef MUSTER_SERVER_CTL_HOST_VALUES_H
#define MUSTER_SERVER_CTL_HOST_VALUES_H

#include "images/json.h"

enum host_value {
	HOST_NAME,
	HOST_STAGE,
	HOST_ADMITTED,
	HOST_IMAGE,
	HOST_BOOTED,
	HOST_BOOT,
	HOST_ADDR,
	HOST_SEEN,
	HOST_VALUES
};

/* NULL where the server gave none. */
const struct json *host_value(const struct json *host, enum host_value which);

const char *hosts_name(const struct json *host);

#endif
