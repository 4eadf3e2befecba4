/*
 * values.h: what an image's arguments may ask for by @{name}: the values that people gave to the
 * host, and some that every host has (host, server, url, report, san-lun, san-initiator). The
 * secret of a disk is none of them.
 */
#ifndef MUSTER_SERVER_CORE_VALUES_H
#define MUSTER_SERVER_CORE_VALUES_H

#include "server/core/core.h"
#include "server/core/script.h"

#define VALUES_REPORT	   "/v1/boot/" /* and the boot's token: where it reports */
#define VALUES_REPORT_MAX  (CONFIG_TEXT_MAX + 64)
#define VALUES_BUILTIN_MAX 8
#define VALUES_ARGS_MAX	   (MANIFEST_ARGS_MAX + STORE_VALUE_MAX)
#define VALUES_WHY_MAX	   200
#define VALUES_IQN	   "iqn.2010-04.org.ipxe:" /* as iPXE calls itself when nobody tells it */

struct values {
	char report[VALUES_REPORT_MAX], initiator[sizeof VALUES_IQN + HOST_TEXT_MAX];
	const char *secret; /* of its disk, or NULL */
	struct store_value own[STORE_VALUES_MAX];
	struct script_value v[STORE_VALUES_MAX + VALUES_BUILTIN_MAX];
	size_t n;
};

/* All of the host's, for a boot with that token. *v must not be moved. */
void values_load(struct core *c, const struct store_host *h, const char *token, struct values *v);

/* One of them, or NULL. */
const char *values_get(const struct values *v, const char *name);

/*
 * The image's arguments, filled in, into out (VALUES_ARGS_MAX bytes). 0; or -1 with one sentence in
 * why (VALUES_WHY_MAX bytes): a value is missing, or what comes out could be taken for a command.
 */
int values_args(struct core *c, const struct store_host *h, const struct values *v,
	const struct store_image *image, char *out, char *why);

/* 1 for the name of a value: a letter, then letters, digits and '-', all lower case. */
int values_name_ok(const char *name);

#endif
