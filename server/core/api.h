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
	const struct caller *who;
};

/* A handler makes *k->a. */
typedef void api_fn(struct call *k);

/* api_hosts.c */
api_fn api_get_hosts, api_get_host, api_post_host, api_patch_host, api_delete_host;
/* api_inventory.c */
api_fn api_get_diff;
/* api_put.c */
api_fn api_put_host;
/* api_replace.c */
api_fn api_post_replace;
/* api_import.c */
api_fn api_post_import;
/* api_boots.c */
api_fn api_get_boots, api_get_all_boots, api_get_boot, api_get_events;
/* api_feed.c */
api_fn api_get_feed;
/* backup.c */
api_fn api_get_backup;
/* api_why.c */
api_fn api_get_why;
/* api_leases.c */
api_fn api_get_leases, api_get_lease, api_delete_lease;
/* api_dhcp.c */
api_fn api_get_dhcp_servers, api_post_dhcp_probe;
/* api_setup.c */
api_fn api_get_setup;
/* api_images.c */
api_fn api_get_images, api_post_image;
/* api_versions.c */
api_fn api_get_image, api_get_image_log, api_post_rollback, api_delete_image;
/* api_blobs.c */
api_fn api_get_blobs, api_post_gc;
/* api_pin.c */
api_fn api_post_pin;
/* api_reboot.c */
api_fn api_post_reboot, api_delete_reboot;
/* api_sd.c */
api_fn api_get_sd;
/* api_batch.c */
api_fn api_post_batch;
/* api_rules.c */
api_fn api_get_rules, api_post_rule, api_patch_rule, api_delete_rule, api_post_rule_test;
/* api_profiles.c */
api_fn api_get_profiles, api_get_profile, api_post_profile, api_put_profile, api_patch_profile,
	api_delete_profile;
api_fn api_get_told;
/* api_trust.c */
api_fn api_get_roots, api_post_root, api_get_channels, api_post_channel;

/* api_rollouts.c */
api_fn api_get_rollouts, api_get_rollout, api_post_rollout, api_post_rollout_pause,
	api_post_rollout_resume, api_post_rollout_abort;
/* api_audit.c */
api_fn api_get_audit, api_get_audit_check;
/* api_tokens.c */
api_fn api_get_tokens, api_get_token, api_post_token, api_delete_token;

/* "hosts,leases": the families of the table's routes, which are what a token's scope names. */
void api_families(char *out, size_t size);

/* The store's JSON as the answer; -ENOENT becomes 404. */
void api_answer_store(struct call *k, int rc, char *json, const char *what);

/* A call within a call, by the same caller: its answer is *a, to be freed by whoever asked. */
void api_call(struct call *k, const struct request *q, struct answer *a);

/* For what takes its role call by call: true with the answer made for who may change nothing. */
bool api_is_only_viewer(struct call *k);

/* Does the query say 1 or true for the flag? */
bool api_query_flag(const struct call *k, const char *key);
/*
 * Does the query say that nothing shall change (?dry_run=1)? What a handler then writes to the
 * store is taken back behind it, so its answer says what would be; what is in memory, on the disk
 * or on the wire it has to leave alone itself.
 */
bool api_is_dry_run(const struct call *k);

/* The text as a number that is not negative, or the default. */
int64_t api_number(const char *text, int64_t def);
/* A number of the query that is not negative, or the default. */
int64_t api_query_int(const struct call *k, const char *key, int64_t def);
/* ?limit=: 1 to max; max where nothing, or more, is said. */
int api_limit(const struct call *k, int max);

#define API_Q_MAX 64 /* bytes of ?q=, with NUL */

/* What of the query a page has to do with; its texts are those of *room. */
struct api_page {
	char host[HOST_TEXT_MAX], stage[16], state[16], image[MANIFEST_NAME_MAX], q[API_Q_MAX];
};
struct store_page api_read_page(const struct call *k, int limit, struct api_page *room);

/* mac, uuid and serial of the body. false with the answer made when one is wrong. */
bool api_read_identity(struct call *k, struct host_identity *id);

/* ---- api_check.c: may the request say what it says? ---- */

#define API_KEY_MAX    24 /* bytes of a parameter's name, with NUL */
#define API_WHO_MAX    64 /* of ?who= */
#define API_OBJECT_MAX 128

/*
 * Does the query have what the route of that method and path knows, each once, and as it can be?
 * false with the answer made, which names the parameter and says what it may be.
 */
bool api_check_query(struct call *k, enum http_method method, const char *path);

/* What a member of a body may be: bits. */
enum api_type {
	API_TEXT = 1,
	API_BOOL = 2,
	API_INT = 4,
	API_TEXTS = 8, /* a list of them */
	API_LIST = 16, /* of what the handler looks at */
	API_OBJECT = 32,
	API_NULL = 64,
	API_NEEDED = 128, /* it may not be missing */
};

struct api_member {
	const char *name; /* NULL ends a list of them */
	unsigned type;
};

/*
 * Has the object these members only, each of its type? false with the answer made, which names the
 * member and says what it should be.
 */
bool api_check_members(struct call *k, const struct json *obj, const struct api_member *known);
bool api_check_body(struct call *k, const struct api_member *known);

/* ---- api_values.c: values of a host ---- */

/* Is what the body says of them good? false with the answer made. host 0: a new one. */
bool api_check_values(struct call *k, int64_t host);
/* Is this name and value good: text, or null? false with the answer made. */
bool api_value_ok(struct call *k, const char *name, const struct json *v);
/*
 * Has a host, as the body makes it, the values that its profile requires? h: with its profile as it
 * will be; id 0: a new one. false with the answer made.
 */
bool api_check_required(struct call *k, const struct store_host *h);
/* Make it so, inside of core_write. */
void api_apply_values(struct call *k, int64_t host);

/* ---- api_profiles.c ---- */

/* Is there a profile of that name? "": none is wanted. false with the answer made. */
bool api_check_profile(struct call *k, const char *name);

/* ---- api_inventory.c ---- */

/* GET /hosts?where=MATCH: true with the answer made; false without such a query. */
bool api_hosts_where(struct call *k);

/* ---- api_labels.c: labels of a host, as with values ---- */

bool api_check_labels(struct call *k, int64_t host);
void api_apply_labels(struct call *k, int64_t host);

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
