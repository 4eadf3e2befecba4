/*
 * values.h: what an image's arguments and a profile may ask for by @{name}: the values that people
 * gave to the host, else those of its profile, else what the server knows by itself: host, server,
 * url, san-lun, san-initiator, report (of a boot without an agent), and of the host's network
 * address, netmask, prefix, gateway, dns, domain, mac. The secret of a disk is none of them.
 */
#ifndef MUSTER_SERVER_CORE_VALUES_H
#define MUSTER_SERVER_CORE_VALUES_H

#include "server/core/core.h"
#include "server/core/script.h"

#define VALUES_REPORT	   "/v1/boot/" /* and the boot's token: where it reports */
#define VALUES_REPORT_MAX  (CONFIG_TEXT_MAX + 64)
#define VALUES_BUILTIN_MAX 16
#define VALUES_ARGS_MAX	   (MANIFEST_ARGS_MAX + STORE_VALUE_MAX)
#define VALUES_WHY_MAX	   200
#define VALUES_IQN	   "iqn.2010-04.org.ipxe:" /* as iPXE calls itself when nobody tells it */

struct values {
	char report[VALUES_REPORT_MAX], initiator[sizeof VALUES_IQN + HOST_TEXT_MAX];
	char address[16], netmask[16], prefix[4], gateway[16], dns[16], mac[HOST_MAC_TEXT];
	char domain[STORE_VALUE_MAX];
	const char *secret; /* of its disk, or NULL */
	struct store_value own[STORE_VALUES_MAX], profile[STORE_VALUES_MAX];
	struct script_value v[2 * STORE_VALUES_MAX + VALUES_BUILTIN_MAX];
	size_t n;
};

/*
 * All of the host's, for a boot with that token (NULL: it has an agent), and those of a profile,
 * which may be NULL. *v must not be moved.
 */
void values_load(struct core *c, const struct store_host *h, const struct store_profile *p,
	const char *token, struct values *v);

/* The same with the profile that the host has by now. */
void values_of(struct core *c, const struct store_host *h, const char *token, struct values *v);

/* The names of what a host may have without anybody's doing; NULL past the last. */
const char *values_builtin(size_t i);

/* 1 when the name ends in "secret": it is written and never shown. */
bool values_is_secret(const char *name);

/* Have a word stand for each secret, so that people may see the rest. */
void values_mask(struct values *v);

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
