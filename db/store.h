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
#include "images/extra.h"
#include "images/manifest.h"

struct store;

/*
 * Open or create FILE and bring its schema up to date. -EPROTO when a newer muster wrote it;
 * -EIO otherwise; one sentence in err.
 */
int store_open(const char *file, struct store **out, char *err, size_t err_size);
/* The same for one that only reads. -ENOENT: there is no database of this schema yet. */
int store_open_reader(const char *file, struct store **out, char *err, size_t err_size);
void store_close(struct store *s); /* accepts NULL */

/* Why the last call returned -EIO, in words. Borrowed until the next call. */
const char *store_error(struct store *s);

int store_begin(struct store *s);
int store_commit(struct store *s);

/* What is written between the two, inside of store_begin and store_commit, is not written. */
int store_try(struct store *s);
int store_untry(struct store *s);
int store_keep(struct store *s); /* or it is, after all */

/*
 * A copy of the database to try changes on, store_copy.c: nobody else sees what is written to it,
 * and store_close forgets it. store_copy_step makes it bit by bit: 1 while there is more, 0 when
 * all is there, negative when it failed. It has what changes of hosts and rules need; other tables
 * can only be read. Its transaction is open already. -ENOENT: no database.
 */
int store_copy_open(const char *file, struct store **out, char *err, size_t err_size);
int store_copy_step(struct store *copy);

/*
 * For what takes more than one transaction, store_undo.c: between store_watch and store_unwatch is
 * written down what would take back what is written, in the same transaction; without `keep`
 * nothing is. The audit log and the metrics are left out: they are true all the same.
 * store_undo_step takes back the newest of them: 1; 2 when that could not be done, and its
 * row is gone; 0: there was none. What somebody else has changed since stays. store_undo_forget:
 * all is done, and none is to be taken back.
 */
int store_watch(struct store *s);
int store_unwatch(struct store *s, bool keep);
int store_undo_step(struct store *s);
int store_undo_forget(struct store *s);

/* ---- hosts ---- */

struct store_host {
	int64_t id;
	char name[HOST_TEXT_MAX];
	char serial[HOST_TEXT_MAX], vendor[HOST_TEXT_MAX], product[HOST_TEXT_MAX];
	char image[MANIFEST_NAME_MAX];	 /* assigned by name; "" = the server's default */
	char channel[MANIFEST_NAME_MAX]; /* of its image that it follows; "" = as for all */
	char profile[MANIFEST_NAME_MAX]; /* what it is told; "" = what a rule says */
	char code[8];			 /* six digits for the waiting room, "" until needed */
	bool has_uuid, admitted;
	bool has_options; /* read only, see store_host_options */
	uint8_t uuid[16];
	int64_t created_ms, seen_ms;
	int64_t rejected_ms; /* read only, see store_host_reject; 0: it is not */
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

/* Labels of a host: what people, ranges of hosts and rules call it by. */
#define STORE_LABEL_NAME_MAX 32 /* bytes with NUL */
#define STORE_LABEL_MAX	     64
#define STORE_LABELS_MAX     32 /* of a host */

struct store_label {
	char name[STORE_LABEL_NAME_MAX], value[STORE_LABEL_MAX];
};

/* NULL removes it. */
int store_host_label_put(struct store *s, int64_t host, const char *name, const char *value);
/* Up to max of them, by name; returns their number. */
int store_host_labels(struct store *s, int64_t host, struct store_label *out, int max);

/* ---- what its agents said (store_inventory.c) ---- */

#define STORE_FACTS_MAX (128 * 1024) /* bytes of one report, NUL included */

/* Keep what is new from this boot on, and of the host's rows the newest `keep`. */
int store_facts_add(
	struct store *s, int64_t host, int64_t boot, int64_t at_ms, const char *json, int keep);
/* The newest. -ENOENT */
int store_facts_newest(struct store *s, int64_t host, char **json);
/* Call fn for each, oldest first; it returns 0 to go on. */
int store_facts_each(struct store *s, int64_t host,
	int (*fn)(void *arg, int64_t boot, int64_t at_ms, const char *json), void *arg);

/* Up to max hosts whose number is above `after`, by number; returns their number. */
int store_hosts_page(struct store *s, int64_t after, struct store_host *out, int max);

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

int store_host_place(struct store *s, int64_t host, struct store_place *out); /* -ENOENT */
/* Nothing is written when it is there already. */
int store_host_place_put(struct store *s, int64_t host, const struct store_place *p);

/* The switch port that one of its network cards hangs on. */
#define STORE_NEIGHBOURS_MAX 16 /* of a host */

struct store_neighbour {
	char nic[16], chassis[64], port[64], port_description[64], system[64];
	uint16_t vlan; /* 0: not said */
};

/* All that are known from now on; of one card the last counts. */
int store_neighbours_put(struct store *s, int64_t host, const struct store_neighbour *all, int n);
/* Up to max of them, by card; returns their number. */
int store_neighbours(struct store *s, int64_t host, struct store_neighbour *out, int max);

/* A host that waits is hidden from the waiting room from then on; 0: shown again. Returns 1 when
 * that is new, else 0. */
int store_host_reject(struct store *s, int64_t host, int64_t at_ms);
/*
 * The host that people have made known by this serial number alone, and that was never seen: it
 * waits for its machine. -ENOENT
 */
int store_host_expected(struct store *s, const char *serial, struct store_host *out);

/* Call fn for each relay that hosts were seen through, with their number; it returns 0 to go on. */
int store_relay_each(
	struct store *s, int (*fn)(void *arg, uint32_t relay, int64_t hosts), void *arg);

/* ---- rules (store_rules.c) ---- */

struct store_rule {
	char name[HOST_TEXT_MAX], match[512];
	char image[MANIFEST_NAME_MAX], channel[MANIFEST_NAME_MAX]; /* "": the default */
	char profile[MANIFEST_NAME_MAX];			   /* "": none */
};

/* Up to max rules in their order; returns their number. */
int store_rules(struct store *s, struct store_rule *out, int max);
/* All rules there are from now on. */
int store_rules_clear(struct store *s);
int store_rules_append(struct store *s, const struct store_rule *r);

/* ---- what a host that runs is asked to do ---- */

/* The last time that a host was asked to start anew. It is over when a newer boot has begun. */
struct store_reboot {
	int64_t host, boot; /* that shall end; no other one obeys */
	int64_t asked_ms;
	int64_t taken_ms;		   /* when its agent began to obey, 0: not yet */
	char who[HOST_TEXT_MAX], why[160]; /* "": nothing was said */
	char refused[240];		   /* why its agent does not obey, "": it did not say so */
};

int store_reboot_put(struct store *s, const struct store_reboot *r); /* in place of the former */
int store_reboot_rm(struct store *s, int64_t host);
int store_reboot_get(struct store *s, int64_t host, struct store_reboot *out); /* -ENOENT */
/* As an object of docs/openapi.yaml. -ENOENT */
int store_json_reboot(struct store *s, int64_t host, char **out);

/* ---- profiles (store_profiles.c) ---- */

struct store_profile_value {
	char name[STORE_VALUE_NAME_MAX], value[STORE_VALUE_MAX];
	bool required; /* each host has to have its own; there is no value */
};

struct store_profile_file {
	char path[EXTRA_PATH_MAX];
	unsigned mode;
	char *content; /* allocated */
};

struct store_profile {
	char name[MANIFEST_NAME_MAX], args[EXTRA_ARGS_MAX];
	size_t n_values, n_files;
	struct store_profile_value values[STORE_VALUES_MAX]; /* by name */
	struct store_profile_file files[EXTRA_FILES_MAX];    /* by path */
};

/* -ENOENT; also -ENOMEM. End *out with store_profile_fini, which accepts a zeroed one. */
int store_profile_get(struct store *s, const char *name, struct store_profile *out);
void store_profile_fini(struct store_profile *p);
int store_profile_has(struct store *s, const char *name); /* 1 or 0 */
/* In the place of the one of that name, or new. */
int store_profile_put(struct store *s, const struct store_profile *p);
int store_profile_rm(struct store *s, const char *name);
/* Hosts and rules that name it: their number, and the first names as "n01, n02". */
int store_profile_hosts(struct store *s, const char *name, char *names, size_t size);
int store_profile_rules(struct store *s, const char *name, char *names, size_t size);
int store_json_profiles(struct store *s, char **out);
int store_json_profile(struct store *s, const char *name, char **out); /* -ENOENT */

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
	int64_t due_ms; /* when somebody has to look whether it is silent for too long */
	uint32_t silence_ms[STAGE_FAILED]; /* the longest at each stage */
	enum boot_wait wait;		   /* what it waits for now, since wait_since_ms */
	int64_t wait_since_ms;
	int64_t waited_ms[BOOT_WAITS]; /* for each, before that */
	enum boot_stage stage;	       /* the farthest one reached */
	enum boot_state state;
	uint32_t addr;		     /* of the host, 0: not seen yet */
	uint16_t arch;		     /* option 93, 0xffff: not seen */
	bool loader_sent;	     /* the host read its loader, or is known to run it */
	struct store_loader offered; /* to its firmware, "" = none */
	bool has_manifest, has_agent, has_session;
	bool secret_sent;	       /* of its disk, once */
	char firmware[16];	       /* "bios", "uefi", "uefi-http", "" */
	char image[MANIFEST_NAME_MAX]; /* chosen for it */
	char version[MANIFEST_NAME_MAX];
	char rule[HOST_TEXT_MAX]; /* that chose it, "" = none did */
	struct digest manifest;
	struct digest agent;	   /* the manifest of the agent image that its loader was given */
	struct digest session;	   /* SHA-256 of the agent's token */
	char nonce[40];		   /* what the guest has to write, hex */
	char obeys[HOST_TEXT_MAX]; /* the name by which its hypervisor takes orders, "": none */
	char reason[32];	   /* code, with BOOT_FAILED */
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
#define STORE_DUE_MAX 64 /* at once */
/* Call fn for open boots that are due before now_ms, the most overdue first; at most STORE_DUE_MAX.
 */
int store_boot_due(struct store *s, int64_t now_ms,
	int (*fn)(void *arg, const struct store_boot *b), void *arg);
/*
 * The longest silence at that stage of each of the newest boots that came up: of the host, or of
 * any host with this image. At most max; returns their number.
 */
int store_host_silences(
	struct store *s, int64_t host, enum boot_stage stage, int64_t *out, int max);
/* How long the image moved in each of the newest boots with it that came up. The same way. */
int store_image_times(struct store *s, const char *image, int64_t *out_ms, int max);
int store_image_silences(
	struct store *s, const char *image, enum boot_stage stage, int64_t *out, int max);

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

/* ---- what has been (store_history.c) ---- */

/* Call fn for the newest `limit` events of the boot, in their order; it returns 0 to go on. */
int store_events_each(struct store *s, int64_t boot, int limit,
	int (*fn)(void *arg, const struct store_event *e), void *arg);

/* A boot as its successors see it. */
struct store_past {
	int64_t boot, started_ms, ended_ms; /* ended 0: open */
	int64_t waited_ms;
	enum boot_state state;
	enum boot_stage stage;
	bool loader_sent;
	char reason[32], image[MANIFEST_NAME_MAX], firmware[16];
};

/* The boots of the host before this one, newest first. Returns their number. */
int store_boots_before(
	struct store *s, int64_t host, int64_t boot, struct store_past *out, int max);

/* The next hosts by number. Returns how many. */
int store_hosts_after(struct store *s, int64_t host, int64_t *out, int max);
/*
 * Boots of the host that need not be kept: beyond its `keep` newest, or begun before before_ms; of
 * them the oldest, and never the newest of all. Returns their number.
 */
int store_boots_old(
	struct store *s, int64_t host, int keep, int64_t before_ms, int64_t *out, int max);
int store_boot_rm(struct store *s, int64_t boot); /* with its events */

/* What its agent reported last; -ENOENT: nothing yet. */
int store_host_facts(struct store *s, int64_t host, char **json);

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

/* A signature file of something signed, and whose it is. */
struct store_sig {
	struct digest digest; /* of the signature file */
	uint8_t signer[32];   /* public key; of each the newest signature is kept */
};

struct store_image {
	struct digest manifest;
	char name[MANIFEST_NAME_MAX], version[MANIFEST_NAME_MAX], channel[MANIFEST_NAME_MAX];
	enum image_kind kind;
	uint64_t release;
	int64_t expires_s;
};

/* Record an image; the manifest's text and the signatures are blobs. 1: it is new; 0: it was here,
 * and has these signatures now. */
int store_image_add(struct store *s, const struct digest *manifest, const struct manifest *m,
	const struct store_sig *sigs, size_t n_sigs, int64_t now_ms);
/* Forget it. Its blobs stay. -EEXIST: a host is pinned to it, or it is current. */
int store_image_rm(struct store *s, const struct digest *manifest);
/* Up to max versions of that name, of the highest release first; of that channel and version where
 * they are not NULL, of that release where it is not 0. Returns their number. */
int store_image_versions(struct store *s, const char *name, const char *channel,
	const char *version, uint64_t release, struct store_image *out, int max);
int store_image_by_manifest(
	struct store *s, const struct digest *manifest, struct store_image *out); /* -ENOENT */
int store_image_file(struct store *s, const struct digest *manifest, enum file_role role,
	unsigned nth, struct manifest_file *out); /* -ENOENT past the last */
/* By its name, in either case. -ENOENT */
int store_image_file_named(struct store *s, const struct digest *manifest, const char *name,
	struct manifest_file *out);
/* The kernel arguments of the manifest. */
int store_image_args(struct store *s, const struct digest *manifest, char out[MANIFEST_ARGS_MAX]);
/* Up to max digests of signatures; returns their number. */
int store_image_sigs(struct store *s, const struct digest *manifest, struct digest *out, int max);
/* A file's name by its digest, for events; image_name is the image's. -ENOENT */
int store_file_name(struct store *s, const struct digest *file, char name[MANIFEST_NAME_MAX],
	char image_name[MANIFEST_NAME_MAX], enum file_role *role);

/* Call fn for the blob and for all that come with it: files of a manifest, signatures. */
int store_blob_each(struct store *s, const struct digest *d,
	int (*fn)(void *arg, const struct digest *d), void *arg);
/* 1 when something names the blob (store_blobs.c), else 0. */
int store_blob_used(struct store *s, const struct digest *d);

/* ---- which version hosts run (store_versions.c) ---- */

/* The current version of a channel of an image. -ENOENT */
int store_current_get(
	struct store *s, const char *name, const char *channel, struct store_image *out);
/* The one of `stable`, else that of the highest release. -ENOENT */
int store_current_of(struct store *s, const char *name, struct store_image *out);
int store_current_put(struct store *s, const struct store_image *image, int64_t now_ms);
/* Forget what is current in all channels of an image, and the channels. */
int store_current_rm(struct store *s, const char *name);
/* The version that was current there last before one of that release, among older ones that are
 * here. -ENOENT */
int store_current_before(struct store *s, const char *name, const char *channel, uint64_t release,
	struct store_image *out);

/* A host's own version of an image, whatever is current. */
int store_pin_put(struct store *s, int64_t host, const struct store_image *image);
int store_pin_rm(struct store *s, int64_t host, const char *name); /* 0 also without one */
int store_pin_get(
	struct store *s, int64_t host, const char *name, struct store_image *out); /* -ENOENT */
/* Up to max of its pins, by name; returns their number. */
int store_pins(struct store *s, int64_t host, struct store_image *out, int max);

/* Who stands in the way of removing an image: their number, and the first names as "n01, n02". */
int store_image_pinned_by(struct store *s, const struct digest *manifest, char *names, size_t size);
/* Also as their agent. Not those that were handed over before that time to what never reports. */
int store_image_booted_by(struct store *s, const struct digest *manifest, int64_t before_ms,
	char *names, size_t size);
/* Channels whose current version it is, and those that name it. */
int store_image_current_in(
	struct store *s, const struct digest *manifest, char *names, size_t size);
int store_image_named_by(struct store *s, const struct digest *manifest, char *names, size_t size);
/* Hosts that an image is assigned to. */
int store_image_assigned_to(struct store *s, const char *name, char *names, size_t size);

/* A change, in the transaction of which it is a part. NULL and 0: nothing to say. */
struct store_image_log {
	int64_t at_ms;
	const char *what, *name, *channel, *host;
	const char *from_version, *to_version;
	uint64_t from_release, to_release, floor;
	const struct digest *manifest;
	bool has_uid;
	uint32_t uid;
	const char *user, *why;
};

int store_image_log_add(struct store *s, const struct store_image_log *l);
/* The newest first; of one image, or of all with NULL. */
int store_json_image_log(struct store *s, const char *name, int limit, char **out);

/* ---- rollouts: a new version comes in waves (store_rollout.c) ---- */

enum rollout_state {
	ROLLOUT_STARTING, /* hosts that were picked are looked at */
	ROLLOUT_RUNNING,
	ROLLOUT_PAUSED,
	ROLLOUT_DONE, /* this and what follows: it is over */
	ROLLOUT_ABORTED,
};

enum rolling_state {
	ROLLING_PICKED,	 /* nobody has looked whether it takes part */
	ROLLING_WAITING, /* for its wave, or for its boot of the new version */
	ROLLING_BAKING,	 /* that boot came up, and is to stay so for a while */
	ROLLING_GOOD,
	ROLLING_FAILED,
	ROLLING_SKIPPED,
};

#define STORE_WAVES_MAX 128 /* bytes of their text, with NUL */

struct store_rollout {
	int64_t id;
	char name[MANIFEST_NAME_MAX], channel[MANIFEST_NAME_MAX];
	struct digest to, from;
	char to_version[MANIFEST_NAME_MAX], from_version[MANIFEST_NAME_MAX];
	uint64_t to_release, from_release;
	enum rollout_state state;
	char waves[STORE_WAVES_MAX];
	uint32_t hosts, wave, reach, max_failures, failures;
	int64_t bake_ms, started_ms, changed_ms;
	bool named; /* people named the hosts: also those that take no part are listed */
	bool reboot, has_uid;
	uint32_t uid;
	char user[64], why[256], note[256];
};

/* A host in a rollout. */
struct store_rolling {
	int64_t rollout, host;
	uint32_t place;
	enum rolling_state state;
	int64_t since_ms, due_ms, boot;
	uint32_t restarts;
	char reason[32];
};

/* Fills r->id, and forgets all that are over but the newest `keep`. -EEXIST: one is on its way in
 * that channel of the image. */
int store_rollout_add(struct store *s, struct store_rollout *r, int keep);
int store_rollout_put(struct store *s, const struct store_rollout *r);
int store_rollout_get(struct store *s, int64_t id, struct store_rollout *out); /* -ENOENT */
/* Up to max whose number is below `before`, newest first; of those that are not over only, or of
 * all. Returns their number. */
int store_rollouts(struct store *s, int64_t before, bool open, struct store_rollout *out, int max);
/* The one that is not over. -ENOENT */
int store_rollout_of(
	struct store *s, const char *name, const char *channel, struct store_rollout *out);

/* Those that may follow that image: it is assigned to them, or nothing is. In order of names. */
int store_rolling_pick_all(struct store *s, int64_t rollout, const char *image);
/* This host, at that place. 0 also when it was picked before. */
int store_rolling_pick(struct store *s, int64_t rollout, int64_t host, uint32_t place);
int store_rolling_put(struct store *s, const struct store_rolling *h);
/* Those that failed wait again. */
int store_rolling_retry(struct store *s, int64_t rollout, int64_t now_ms);
int store_rolling_rm(struct store *s, int64_t rollout, int64_t host);
/* Up to max in that state, by place, from behind `after` up to `reach`; returns their number. */
int store_rolling_in(struct store *s, int64_t rollout, enum rolling_state state, uint32_t after,
	uint32_t reach, struct store_rolling *out, int max);
/* Up to max that bake and are due, the most overdue first; returns their number. */
int store_rolling_due(struct store *s, int64_t now_ms, struct store_rolling *out, int max);
/* The host in rollouts that are not over; returns their number. */
int store_rolling_of(struct store *s, int64_t host, struct store_rolling *out, int max);
/* The host in the one that brings this manifest and is not over. -ENOENT */
int store_rolling_by(
	struct store *s, int64_t host, const struct digest *manifest, struct store_rolling *out);
/* The version that a rollout has told the host, and which one. -ENOENT: none has. */
int store_rolling_told(struct store *s, int64_t host, const char *name, const char *channel,
	struct store_image *out, int64_t *rollout);
/* Call fn for each host, by place; it returns 0 to go on. open: its newest boot is open, and of
 * the new version. */
int store_rolling_each(struct store *s, int64_t rollout,
	int (*fn)(void *arg, const struct store_rolling *h, const char *name, bool open),
	void *arg);
/* How many are in each state. */
int store_rolling_count(struct store *s, int64_t rollout, uint32_t out[ROLLING_SKIPPED + 1]);
/* Rollouts on their way from it or to it, as "rollout 3". */
int store_image_rolled_by(struct store *s, const struct digest *manifest, char *names, size_t size);

/* ---- roots and channels (store_trust.c); their texts and signatures are blobs ---- */

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
/* Call fn with the digest of each channel of an image; it returns 0 to go on. */
int store_channel_each(struct store *s, const char *image,
	int (*fn)(void *arg, const struct digest *d), void *arg);
int store_channel_get(struct store *s, const char *image, const char *name,
	struct store_channel *out); /* -ENOENT */
/* The channel that hosts of that image follow: `stable`, else the one of the highest release.
 * -ENOENT */
int store_channel_of(struct store *s, const char *image, struct store_channel *out);
/* Up to max digests of signatures of a root or channel; returns their number. */
int store_trust_sigs(struct store *s, const struct digest *of, struct digest *out, int max);

int store_json_roots(struct store *s, char **out);
int store_json_channels(struct store *s, char **out);

/* ---- counters (store_metrics.c) ---- */

int store_metric_put(struct store *s, const char *name, int64_t value);
/* All whose names begin so. */
int store_metric_rm(struct store *s, const char *start);
/* Call fn for each counter; it returns 0 to go on. */
int store_metric_each(
	struct store *s, int (*fn)(void *arg, const char *name, int64_t value), void *arg);
/* Of these, and of what the tables say: hosts by stage and image, who waits (nobody where admission
 * is open), what expires when. */
int store_metrics(struct store *s, bool open, int (*fn)(void *arg, const char *name, int64_t value),
	void *arg);
/* When a boot had its first event of this stage. -ENOENT */
int store_event_first(struct store *s, int64_t boot, enum boot_stage stage, int64_t *at_ms);

/* ---- tokens of the API (store_token.c) ---- */

#define STORE_TOKEN_NAME_MAX  64  /* bytes with NUL */
#define STORE_TOKEN_SCOPE_MAX 256 /* the same */

struct store_token {
	int64_t id;
	char name[STORE_TOKEN_NAME_MAX];
	struct digest hash; /* of its text */
	int role;	    /* enum role of server/core/token.h */
	char scope[STORE_TOKEN_SCOPE_MAX];
	int64_t created_ms, expires_ms, used_ms, revoked_ms; /* 0: never, not */
};

/* Fills t->id; the hash comes when the text is made, by store_token_hash. -EEXIST: a token that is
 * not revoked has the name. */
int store_token_add(struct store *s, struct store_token *t);
int store_token_hash(struct store *s, int64_t id, const struct digest *hash);
int store_token_get(struct store *s, int64_t id, struct store_token *out); /* -ENOENT */
int store_token_used(struct store *s, int64_t id, int64_t now_ms, uint32_t addr);
int store_token_revoke(struct store *s, int64_t id, int64_t now_ms);
int store_json_tokens(struct store *s, int64_t now_ms, char **out);
int store_json_token(struct store *s, int64_t id, int64_t now_ms, char **out); /* -ENOENT */

/* ---- the log of changes (store_audit.c) ---- */

struct store_audit {
	int64_t id, at_ms;
	int64_t token; /* 0: through the socket, by uid */
	uint32_t uid;
	int status;
	const char *who, *source, *request, *method, *path;
	const char *why, *before, *after; /* or NULL */
};

/* Fills a->id; its hash is the head of the chain from now on. */
int store_audit_add(struct store *s, struct store_audit *a, struct digest *hash);
/* The last row and its hash; 0 and zeros before the first. */
int store_audit_head(struct store *s, int64_t *id, struct digest *hash);

/* Call fn for each row behind that one, with its hash; it returns 0 to go on. */
int store_audit_each(struct store *s, int64_t after,
	int (*fn)(void *arg, const struct store_audit *a, const struct digest *hash), void *arg);

/* Where a check of the chain has come to. */
struct store_audit_check {
	int64_t rows, last; /* that are good, and the last one of them */
	struct digest hash; /* its own */
	int64_t bad;	    /* the first that does not fit, 0: none */
	const char *why;
};

/* Up to limit rows behind that one, whose hash is taken as it is. */
int store_audit_check(struct store *s, int64_t after, int limit, struct store_audit_check *out);

struct store_audit_filter {
	const char *who, *object; /* NULL: all */
	int64_t since_ms, after;  /* after -1: the newest */
	int limit;
};

/* {"audit": [...], "next": ...}, in their order. */
int store_json_audit(struct store *s, const struct store_audit_filter *f, char **out);

/* ---- answers for people, made by the database itself as JSON (docs/openapi.yaml) ---- */

/* A page of a list, of what fits: NULL and 0 are no condition. "next" is the `after` of the next.
 */
struct store_page {
	int64_t after; /* id of the last one of the page before; -1: the first page */
	int64_t since_ms;
	int limit;
	const char *host, *stage, *state, *image, *q;
	bool brief; /* of hosts: what a list shows, and no more */
};

/* By their numbers. image: assigned, or booted last; q: a part of name, serial, product, MAC. */
int store_json_hosts(struct store *s, const struct store_page *p, char **out);
int store_json_host(struct store *s, const char *name, char **out); /* -ENOENT */
/* As it stands in store_json_hosts. -ENOENT */
int store_json_host_row(struct store *s, int64_t host, char **out);
/* Where a relay saw the host: an object as in store_json_host. -ENOENT: no relay did. */
int store_json_place(struct store *s, int64_t host, char **out);
int store_json_boots(struct store *s, const struct store_page *p, char **out); /* newest first */
int store_json_boot(struct store *s, int64_t id, char **out); /* with events; -ENOENT */
/* In their order; without `after` the newest. */
int store_json_events(struct store *s, const struct store_page *p, char **out);
/* A copy of it as it is now, in a file that is not there yet; writers go on meanwhile. */
int store_copy(struct store *s, const char *file);
/* Call fn for each blob but the files of images: manifests, channels, roots, signatures. */
int store_papers_each(struct store *s, int (*fn)(void *arg, const struct digest *d), void *arg);

/* Each blob that something names, with its names. */
int store_json_blobs(struct store *s, char **out);
/* Hosts that are up, as Prometheus's HTTP service discovery wants them, at this port. */
int store_json_targets(struct store *s, int port, char **out);
/*
 * The next events after that number as server-sent events ("id: 7\ndata: {...}\n\n"), of one host
 * or, with "", of all; at most `limit` are looked at. *last is the newest of these.
 */
int store_feed(
	struct store *s, int64_t after, const char *host, int limit, char **out, int64_t *last);
int store_event_newest(struct store *s, int64_t *out); /* its number; 0: there is none */
int store_json_images(struct store *s, char **out);
/* -ENOENT */
int store_json_image(struct store *s, const struct digest *manifest, char **out);
/* The counters of GET /api/v1/status: an object. now_ms decides which leases count; where
 * admission is open nobody waits. */
int store_json_counts(struct store *s, int64_t now_ms, bool open, char **out);

#endif
