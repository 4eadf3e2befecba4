/*
 * store.h: everything that muster remembers; one function per question asked. Nothing outside db/
 * contains SQL.
 *
 * What is written between store_begin and store_commit is on disk when store_commit has returned 0
 * (SQLite, WAL, synchronous=FULL). Every function returns 0 or the values listed with it, and
 * -EIO when the database failed: then the process must end and start anew, nothing is retried.
 * Times: *_ms are wall clock milliseconds since 1970. Text longer than its array is cut.
 * Results named JSON are allocated; free() them.
 */
#ifndef MUSTER_DB_STORE_H
#define MUSTER_DB_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "db/host.h"
#include "db/stage.h"
#include "images/channel.h"
#include "images/digest.h"
#include "images/manifest.h"

struct store;

/*
 * Open or create FILE and bring its schema up to date. -EPROTO when a newer muster wrote it;
 * -EIO otherwise; one sentence in err.
 */
int store_open(const char *file, struct store **out, char *err, size_t err_size);
void store_close(struct store *s); /* accepts NULL */

/* Why the last call returned -EIO, in words. Borrowed until the next call. */
const char *store_error(struct store *s);

int store_begin(struct store *s);
int store_commit(struct store *s);

/* ---- hosts ---- */

struct store_host {
	int64_t id;
	char name[HOST_TEXT_MAX];
	char serial[HOST_TEXT_MAX], vendor[HOST_TEXT_MAX], product[HOST_TEXT_MAX];
	char image[MANIFEST_NAME_MAX]; /* assigned by name; "" = the server's default */
	char code[8];		       /* six digits for the waiting room, "" until needed */
	bool has_uuid, admitted;
	bool has_options; /* read only, see store_host_options */
	uint8_t uuid[16];
	int64_t created_ms, seen_ms;
};

/*
 * The host that fits the identity best. A client identifier that people have named weighs most,
 * then a UUID, then a serial number, then each MAC address; each alone suffices. -ENOENT: nobody
 * fits.
 */
int store_host_find(struct store *s, const struct host_identity *id, struct store_host *out);
int store_host_by_name(struct store *s, const char *name, struct store_host *out); /* -ENOENT */
int store_host_by_id(struct store *s, int64_t id, struct store_host *out);	   /* -ENOENT */
/* The newest that shows this code while it waits. -ENOENT */
int store_host_by_code(struct store *s, const char *code, struct store_host *out);

/* Add a host; without a name it becomes nNN by its number. h->id and h->name are filled.
 * -EEXIST: the name is taken. */
int store_host_add(struct store *s, struct store_host *h);
/* Store all fields of h but id and created_ms. -EEXIST: the name is taken. */
int store_host_put(struct store *s, const struct store_host *h);
int store_host_rm(struct store *s, int64_t id);
/* The MAC address belongs to this host from now on, whoever had it. */
int store_host_mac_put(struct store *s, int64_t host, const uint8_t mac[6]);
/* Up to max of its MAC addresses; returns their number. */
int store_host_macs(struct store *s, int64_t host, uint8_t (*macs)[6], int max);
/* Length 0 removes it. -EEXIST: another host has it. */
int store_host_client_id_put(struct store *s, int64_t host, const uint8_t *client_id, size_t len);
int store_host_facts_put(struct store *s, int64_t host, const char *json, size_t len);
/* What DHCP tells this host alone: a JSON array (server/core/told.h). NULL: nothing. */
int store_host_options_put(struct store *s, int64_t host, const char *json);
int store_host_options(struct store *s, int64_t host, char **json); /* -ENOENT: nothing */

/* What is this host's alone, by name. */
#define STORE_VALUE_NAME_MAX 32 /* bytes with NUL */
#define STORE_VALUE_MAX	     256
#define STORE_VALUES_MAX     32 /* of a host */

struct store_value {
	char name[STORE_VALUE_NAME_MAX], value[STORE_VALUE_MAX];
};

/* NULL removes it. */
int store_host_value_put(struct store *s, int64_t host, const char *name, const char *value);
/* Up to max of them, by name; returns their number. */
int store_host_values(struct store *s, int64_t host, struct store_value *out, int max);

/*
 * Two hosts change boxes: UUID, serial number, maker, MAC addresses, client identifier, facts,
 * place, what is remembered of loaders, and the open boot. Name, image, admission, reservation,
 * values and history stay.
 */
int store_host_swap(struct store *s, int64_t a, int64_t b);

/* Where a relay saw the host. */
struct store_place {
	uint32_t relay; /* giaddr */
	uint8_t circuit_len, remote_len;
	uint8_t circuit[HOST_BYTES_MAX], remote[HOST_BYTES_MAX];
};

/* Nothing is written when it is there already. */
int store_host_place_put(struct store *s, int64_t host, const struct store_place *p);

/* Call fn for each relay that hosts were seen through, with their number; it returns 0 to go on. */
int store_relay_each(
	struct store *s, int (*fn)(void *arg, uint32_t relay, int64_t hosts), void *arg);

/* ---- reserved addresses: one for a host ---- */

struct store_reservation {
	int64_t host;
	uint32_t addr;
	uint8_t circuit_len; /* 0: wherever the host is */
	uint8_t circuit[HOST_BYTES_MAX];
};

/* In place of the host's former one. -EEXIST: the address is another host's. */
int store_reservation_put(struct store *s, const struct store_reservation *r);
int store_reservation_rm(struct store *s, int64_t host);
int store_reservation_of(
	struct store *s, int64_t host, struct store_reservation *out); /* -ENOENT */
int store_reservation_at(
	struct store *s, uint32_t addr, struct store_reservation *out); /* -ENOENT */
/* Call fn for each; it returns 0 to go on. */
int store_reservation_each(
	struct store *s, int (*fn)(void *arg, const struct store_reservation *r), void *arg);

/* ---- leases ---- */

struct store_lease {
	uint32_t addr;
	uint8_t mac[6];
	uint8_t state; /* enum lease_state of server/core/lease.h */
	bool known;
	uint32_t machine; /* struct pool_ask of server/core/lease.h */
	uint64_t expires_ms;
};

int store_lease_put(struct store *s, const struct store_lease *l);
int store_lease_rm(struct store *s, uint32_t addr); /* 0 also when there was none */
/* Call fn for each lease; it returns 0 to go on. */
int store_lease_each(struct store *s, int (*fn)(void *arg, const struct store_lease *l), void *arg);

/* ---- loaders: what gets a host's firmware to its script, or to the agent ---- */

#define LOADER_NAME_MAX 64

/* A boot loader as firmware was, or shall be, offered it. */
struct store_loader {
	char firmware[16];	      /* that asks: "bios", "uefi", "uefi-http", "ipxe" */
	char loader[LOADER_NAME_MAX]; /* "" = none */
	bool http;		      /* by HTTP, else by TFTP */
	uint8_t form; /* how the offer says it: loader_form of server/core/boot_plan.h */
};

/* What is remembered of a host with one kind of firmware; a boot of 0: nothing. */
struct store_loaders {
	struct store_loader works;
	int64_t works_boot;	  /* where it did so first */
	struct store_loader dead; /* the last offer of a boot that came to nothing since then */
	bool dead_read;		  /* its loader was read, at least */
	int64_t dead_boot;
};

/* All fields of *out are 0 when nothing is remembered. */
int store_loaders_get(
	struct store *s, int64_t host, const char *firmware, struct store_loaders *out);
/* The boot came to its script, or to the agent: l works, and what failed is forgotten. */
int store_loader_works(struct store *s, int64_t host, int64_t boot, const struct store_loader *l);
/* The boot ended before that; `read`: the loader was. */
int store_loader_died(
	struct store *s, int64_t host, int64_t boot, const struct store_loader *l, bool read);

/* ---- boots ---- */

struct store_boot {
	int64_t id, host;
	int64_t started_ms, mono_ms; /* wall and monotonic clock of its first packet */
	int64_t seen_ms;	     /* of its last event */
	int64_t ended_ms;	     /* 0: open */
	enum boot_stage stage;	     /* the farthest one reached */
	enum boot_state state;
	uint32_t addr;		     /* of the host, 0: not seen yet */
	uint16_t arch;		     /* option 93, 0xffff: not seen */
	bool loader_sent;	     /* the host read its loader, or is known to run it */
	struct store_loader offered; /* to its firmware, "" = none */
	bool has_manifest, has_session;
	bool secret_sent;	       /* of its disk, once */
	char firmware[16];	       /* "bios", "uefi", "uefi-http", "" */
	char image[MANIFEST_NAME_MAX]; /* chosen for it */
	char version[MANIFEST_NAME_MAX];
	struct digest manifest;
	struct digest session; /* SHA-256 of the agent's token */
	char nonce[40];	       /* what the guest has to write, hex */
	char reason[32];       /* code, with BOOT_FAILED */
	char sentence[448];
};

int store_boot_add(struct store *s, struct store_boot *b); /* fills b->id */
int store_boot_put(struct store *s, const struct store_boot *b);
int store_boot_by_id(struct store *s, int64_t id, struct store_boot *out);    /* -ENOENT */
int store_boot_newest(struct store *s, int64_t host, struct store_boot *out); /* -ENOENT */
int store_boot_by_session(
	struct store *s, const struct digest *d, struct store_boot *out); /* -ENOENT */
/* The newest open boot of the host at that address. -ENOENT */
int store_boot_by_addr(struct store *s, uint32_t addr, struct store_boot *out);
/* How many boots of the host in a row have failed, the newest first; stops at 20. */
int store_boot_failures(struct store *s, int64_t host, int *out);
/* Call fn for each open boot not seen since before_ms; not for those that were handed over to what
 * is not known to report: a nonce is what a report has to give. */
int store_boot_stale(struct store *s, int64_t before_ms,
	int (*fn)(void *arg, const struct store_boot *b), void *arg);

struct store_event {
	int64_t boot;
	enum boot_stage stage;
	const char *source; /* who saw it: "net", "tftp", "http", "agent", "core" */
	const char *what;   /* "requested", "started", "progress", "finished", "aborted", "done" */
	int64_t at_ms, since_ms;
	uint64_t bytes, total;
	const char *detail; /* or NULL */
};

int store_event_add(struct store *s, const struct store_event *e);
/* One row for each transfer's progress: the newest `progress` event of that boot, stage and detail
 * is replaced instead of adding another. */
int store_event_progress(struct store *s, const struct store_event *e);

/* What was seen happening to a boot that is none of its steps ("seen"): each once, and at most
 * STORE_SEEN_MAX for a boot; others are not stored. */
#define STORE_SEEN_MAX 8
int store_event_seen(struct store *s, const struct store_event *e);

/* ---- other DHCP servers ---- */

#define STORE_DHCP_SERVERS_MAX 64

struct store_dhcp_server {
	unsigned place;		 /* key: below STORE_DHCP_SERVERS_MAX */
	uint32_t server, source; /* option 54 (0 without), and where its packets came from */
	uint8_t mac[6];		 /* of the frames */
	bool addresses;		 /* it gives addresses; else boot data or refusals only */
	uint32_t next_server;	 /* siaddr, 0: none */
	char ifname[16], file[128];
	int64_t first_ms, last_ms, count;
};

int store_dhcp_server_put(struct store *s, const struct store_dhcp_server *d);
/* Call fn for each row; it returns 0 to go on. */
int store_dhcp_server_each(
	struct store *s, int (*fn)(void *arg, const struct store_dhcp_server *d), void *arg);

/* ---- images ---- */

struct store_image {
	struct digest manifest;
	char name[MANIFEST_NAME_MAX], version[MANIFEST_NAME_MAX];
	enum image_kind kind;
	uint64_t release;
};

/* Record an image. body is the manifest's exact text, sigs are digests of signature blobs. An image
 * that is there already gains the signatures. */
int store_image_add(struct store *s, const struct digest *manifest, const struct manifest *m,
	const struct digest *sigs, size_t n_sigs, int64_t now_ms);
/* The highest release of that name. -ENOENT */
int store_image_newest(struct store *s, const char *name, struct store_image *out);
int store_image_by_manifest(
	struct store *s, const struct digest *manifest, struct store_image *out); /* -ENOENT */
int store_image_file(struct store *s, const struct digest *manifest, enum file_role role,
	unsigned nth, struct manifest_file *out); /* -ENOENT past the last */
/* By its name, in either case. -ENOENT */
int store_image_file_named(struct store *s, const struct digest *manifest, const char *name,
	struct manifest_file *out);
/* The kernel arguments of the manifest. */
int store_image_args(struct store *s, const struct digest *manifest, char out[MANIFEST_ARGS_MAX]);
/* Seconds since 1970. -ENOENT */
int store_image_expires(struct store *s, const struct digest *manifest, int64_t *out);
/* Up to max digests of signatures; returns their number. */
int store_image_sigs(struct store *s, const struct digest *manifest, struct digest *out, int max);
/* A file's name by its digest, for events; image_name is the image's. -ENOENT */
int store_file_name(struct store *s, const struct digest *file, char name[MANIFEST_NAME_MAX],
	char image_name[MANIFEST_NAME_MAX], enum file_role *role);

/* ---- roots and channels (store_trust.c); their texts and signatures are blobs ---- */

struct store_sig {
	struct digest digest; /* of the signature file */
	uint8_t signer[32];   /* public key; of each the newest signature is kept */
};

struct store_root {
	uint64_t version, expires_s;
	struct digest digest;
};

/* Record a root, or further signatures of one that is there. */
int store_root_put(struct store *s, const struct store_root *r, const struct store_sig *sigs,
	size_t n_sigs, int64_t now_ms);
int store_root_last(struct store *s, struct store_root *out); /* -ENOENT: there is none */
/* The roots after that version, in order; at most max. Returns their number. */
int store_roots_after(struct store *s, uint64_t version, struct store_root *out, int max);

struct store_channel {
	struct digest digest;
	struct channel ch;
};

/* Record a channel in the place of the one of that image and name, or further signatures of it. */
int store_channel_put(struct store *s, const struct store_channel *c, const struct store_sig *sigs,
	size_t n_sigs, int64_t now_ms);
int store_channel_get(struct store *s, const char *image, const char *name,
	struct store_channel *out); /* -ENOENT */
/* The channel that hosts of that image follow: `stable`, else the one of the highest release.
 * -ENOENT */
int store_channel_of(struct store *s, const char *image, struct store_channel *out);
/* Up to max digests of signatures of a root or channel; returns their number. */
int store_trust_sigs(struct store *s, const struct digest *of, struct digest *out, int max);

int store_json_roots(struct store *s, char **out);
int store_json_channels(struct store *s, char **out);

/* ---- answers for people, made by the database itself as JSON (docs/openapi.yaml) ---- */

int store_json_hosts(struct store *s, char **out);
int store_json_host(struct store *s, const char *name, char **out); /* -ENOENT */
/* Where a relay saw the host: an object as in store_json_host. -ENOENT: no relay did. */
int store_json_place(struct store *s, int64_t host, char **out);
int store_json_boots(struct store *s, const char *host, char **out); /* of one host, newest first */
int store_json_boot(struct store *s, int64_t id, char **out);	     /* with events; -ENOENT */
int store_json_events(struct store *s, int64_t after, int limit, char **out);
int store_json_images(struct store *s, char **out);
int store_json_image(struct store *s, const char *name, char **out); /* newest; -ENOENT */
/* The counters of GET /api/v1/status: an object. now_ms decides which leases count. */
int store_json_counts(struct store *s, int64_t now_ms, char **out);

#endif
