/* host_values.c: objects and arrays of hosts, read alike. */
#include "server/ctl/host_values.h"

static const char *const keys[HOST_VALUES] = { "name", "stage", "admitted", "image", "booted_image",
	"boot", "addr", "seen" };

const struct json *host_value(const struct json *host, enum host_value which)
{
	return json_is_array(host) ? json_at(host, which) : json_get(host, keys[which]);
}

const char *hosts_name(const struct json *host)
{
	return json_str(host_value(host, HOST_NAME), "");
}
