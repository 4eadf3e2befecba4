/*
 * api.h: one call of /api/v1 on its way through api.c's table to the file of its family.
 */
#ifndef MUSTER_SERVER_CORE_API_H
#define MUSTER_SERVER_CORE_API_H

#include "images/json.h"
#include "server/core/core.h"

struct call {
	struct core *c;
	const struct request *q;
	struct answer *a;
	const char *arg; /* what stood for '*' in the path, or NULL */
	struct json *body;
};

/* A handler makes *k->a. */
typedef void api_fn(struct call *k);

/* api_hosts.c */
api_fn api_get_hosts, api_get_host, api_post_host, api_patch_host, api_delete_host;
/* api_replace.c */
api_fn api_post_replace;
/* api_import.c */
api_fn api_post_import;
/* api_boots.c */
api_fn api_get_boots, api_get_boot, api_get_events;
/* api_leases.c */
api_fn api_get_leases, api_get_lease, api_delete_lease;
/* api_dhcp.c */
api_fn api_get_dhcp_servers, api_post_dhcp_probe;
/* api_setup.c */
api_fn api_get_setup;
/* api_images.c */
api_fn api_get_images, api_get_image, api_post_image;
/* api_trust.c */
api_fn api_get_roots, api_post_root, api_get_channels, api_post_channel;

/* The store's JSON as the answer; -ENOENT becomes 404. */
void api_answer_store(struct call *k, int rc, char *json, const char *what);

/* 0, or 1 with the answer made when the body has a key that is none of `known` (NULL ends it). */
int api_has_unknown_key(struct call *k, const char *const *known);

/* ---- api_values.c: values of a host ---- */

/* Is what the body says of them good? false with the answer made. host 0: a new one. */
bool api_check_values(struct call *k, int64_t host);
/* Make it so, inside of core_write. */
void api_apply_values(struct call *k, int64_t host);

/* ---- api_reserve.c: ip, circuit and client_id of a host ---- */

struct reserve_wish {
	bool changed, client_given;
	uint32_t left; /* the address that the host had, or 0 */
	struct store_reservation r;
	uint8_t client_id_len;
	uint8_t client_id[HOST_BYTES_MAX];
};

/*
 * What the body changes of that host, 0: a new one. false with the answer made when it is wrong or
 * another host has it; nothing is written yet.
 */
bool api_read_reservation(struct call *k, int64_t host, struct reserve_wish *w);
/* Make it so in pool and store, inside of core_write. */
void api_apply_reservation(struct call *k, int64_t host, const struct reserve_wish *w);
void api_end_reservation(struct call *k, int64_t host);

#endif
