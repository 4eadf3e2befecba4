/*
 * config.h: text -> struct config. systemd-style INI: [section], key = value, comments with ; or #
 * at the start of a line or after white space. Unknown sections or keys are errors that name file,
 * line and the nearest known word. The table of keys in config.c is the reference.
 *
 * What may be long (subnets, relays) is allocated and sorted, so that a lookup by address is a
 * binary search: a struct config is copied by value, but owned once. config_fini frees it.
 */
#ifndef MUSTER_SERVER_CONFIG_H
#define MUSTER_SERVER_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/dhcp_options.h"

#define CONFIG_INTERFACES_MAX 16
#define CONFIG_LISTEN_MAX     8
#define CONFIG_SUBNETS_MAX    4096
#define CONFIG_RANGES_MAX     16 /* of one subnet */
#define CONFIG_EXCLUDES_MAX   32 /* of one subnet */
#define CONFIG_RELAYS_MAX     4096
#define CONFIG_QUIRKS_MAX     64
#define CONFIG_TEXT_MAX	      256 /* bytes of a name, a path or a URL, NUL included */
#define CONFIG_MIRRORS_MAX    4	  /* of one subnet */
#define CONFIG_MIRROR_MAX     101 /* bytes of its URL, NUL included */
#define CONFIG_ARCHS_MAX      16
#define CONFIG_TOLD_MAX	      512     /* bytes of one setting of a host, NUL included */
#define CONFIG_RATE_MAX	      1000000 /* packets per second */
#define CONFIG_TRANSFERS_MAX  1000000 /* image transfers, at a time or in a second */
#define CONFIG_PACE_MAX	      4000000 /* KiB per second */
#define CONFIG_SLOWEST_MAX    100000  /* KiB per second */
#define CONFIG_SILENCE_MIN_S  5	      /* of a boot */
#define CONFIG_SILENCE_MAX_S  86400
#define CONFIG_SILENCE_FACTOR 100
#define CONFIG_KEEP_BOOTS     100000 /* of one host */
#define CONFIG_KEEP_DAYS      36500
#define CONFIG_CONNS_MIN      16    /* one for each thread */
#define CONFIG_CONNS_MAX      32768 /* connections of one listening address */

enum admission { ADMISSION_OPEN, ADMISSION_REGISTERED, ADMISSION_APPROVE };
enum dhcp_mode { DHCP_FULL, DHCP_PROXY, DHCP_OFF };
enum router_advertisement { ROUTER_AUTO, ROUTER_YES, ROUTER_NO };

struct config_range {
	uint32_t first, last; /* host order, inclusive */
};

/* What DHCP clients are told: those of a subnet, of all subnets, or one host. */
struct config_told {
	uint32_t router;		     /* 0: none of its own */
	uint32_t lease_s, renew_s, rebind_s; /* 0: not given; see config_times_of */
	struct dhcp_options options;
};

struct config_subnet {
	uint32_t net, mask; /* host order */
	uint8_t prefix;
	char network[32]; /* subnets of one name share a link; "": a network of its own */
	size_t n_ranges, n_excludes;
	struct config_range ranges[CONFIG_RANGES_MAX];	   /* in the order of the file */
	struct config_range excludes[CONFIG_EXCLUDES_MAX]; /* holes in the ranges */
	struct config_told told;
	size_t n_mirrors; /* caches that hosts of this subnet ask for images first, in order */
	char mirrors[CONFIG_MIRRORS_MAX][CONFIG_MIRROR_MAX];
};

/* How long a lease lasts, and when it is renewed and rebound (T1 and T2). */
struct config_times {
	uint32_t lease_s, renew_s, rebind_s;
};

/* What speaks DHCP when a host is switched on. */
enum firmware { FIRMWARE_BIOS, FIRMWARE_UEFI, FIRMWARE_UEFI_HTTP, FIRMWARE_IPXE, FIRMWARES };

enum config_choice { CHOICE_AUTO, CHOICE_YES, CHOICE_NO };
enum config_transport { TRANSPORT_AUTO, TRANSPORT_TFTP, TRANSPORT_HTTP };

/* How an answer carries boot data, where firmware differs about it. Zero: as usual. */
struct config_form {
	uint8_t option_43; /* enum config_choice: "boot the file named here, no discovery" */
	uint8_t option_60; /* enum config_choice: "PXEClient" beside an address */
	uint8_t boot_file; /* enum dhcp_file_in */
};

/*
 * [quirk NAME]: firmware that needs something else. A rule fits when all of its matches hold; what
 * is empty or 0 was not given and matches all. The first rule of the file that fits is the one.
 */
struct config_quirk {
	char name[32];
	uint8_t mac_len;
	uint8_t mac[6];	  /* match-mac, a prefix of mac_len bytes */
	uint8_t firmware; /* match-firmware, bits 1 << enum firmware */
	size_t n_archs;
	uint16_t archs[CONFIG_ARCHS_MAX]; /* match-arch: one of them is option 93 */
	char uuid[33];	/* match-uuid: the first lower-case hex digits of option 97 as printed */
	char class[64]; /* match-class: option 60, a glob, or without wildcards its beginning */
	char user_class[64];	      /* match-user-class: option 77, a glob */
	char vendor[64], product[64]; /* globs of what the inventory knows from earlier boots */
	/* what it picks */
	bool no_boot;	   /* an address only */
	char loader[64];   /* file of the loader folder; an iPXE ROM gets it once a boot, too */
	uint8_t transport; /* enum config_transport */
	struct config_form form;
};

struct config_listen {
	uint32_t addr; /* host order, 0 = any */
	uint16_t port;
};

/* A file of it, as it was read. */
struct config_file {
	char name[264]; /* "muster.conf" for the first, whatever it is called; "conf.d/NAME" */
	char *text;
	size_t len;
};

struct config {
	size_t n_files;
	struct config_file *files;
	/* [server] */
	char name[64];
	char state_dir[CONFIG_TEXT_MAX], run_dir[CONFIG_TEXT_MAX];
	char user[32];
	char group[32]; /* that may use the API's socket; "" = the user's own */
	size_t n_interfaces;
	char interfaces[CONFIG_INTERFACES_MAX][16];
	enum admission admission;
	char image[64]; /* image of hosts that have none assigned */
	/* [dhcp] */
	enum dhcp_mode dhcp_mode;
	struct config_told told; /* in all subnets, where they say nothing else; without a router */
	bool authoritative;
	bool rapid_commit; /* lease at a DISCOVER that allows it: for the only server of a network
			    */
	size_t n_relays;
	uint32_t *relays;		 /* ascending */
	uint32_t rate_mac, rate_circuit; /* packets per second, 0: any number */
	bool probe;			 /* ask whether an address is in use before it is offered */
	enum router_advertisement router_advertisement;
	/* [subnet A.B.C.D/N] */
	size_t n_subnets;
	struct config_subnet *subnets; /* ascending by net; they do not overlap */
	/* [quirk NAME] */
	size_t n_quirks;
	struct config_quirk quirks[CONFIG_QUIRKS_MAX];
	/* [tftp] */
	bool tftp;
	char tftp_program[CONFIG_TEXT_MAX];
	char loader_dir[CONFIG_TEXT_MAX];
	/* [http] */
	size_t n_listen;
	struct config_listen listen[CONFIG_LISTEN_MAX];
	size_t n_tls_listen;
	struct config_listen tls_listen[CONFIG_LISTEN_MAX];
	char tls_cert[CONFIG_TEXT_MAX], tls_key[CONFIG_TEXT_MAX];
	char url[CONFIG_TEXT_MAX];	/* what hosts are told; "" = from the interface's address */
	bool tokens_in_clear;		/* the API takes tokens over plain HTTP */
	uint32_t conns, conns_per_addr; /* at a time, of each address listened on */
	uint32_t transfers_max;		/* of images at the same time, 0: any number */
	uint32_t transfers_rate;	/* that begin in a second, 0: any number */
	uint32_t pace_kib;  /* KiB per second of one connection, 0: as fast as it goes */
	uint32_t least_kib; /* KiB per second that a peer must take of an answer, 0: any */
	/* [boot] */
	uint32_t silence_min_s, silence_max_s; /* of a boot that is not over; then it has failed */
	uint32_t silence_factor;	       /* so many times what is usual at its stage */
	uint32_t keep_boots;		       /* of each host, the newest */
	uint32_t keep_days; /* of each boot but the newest of its host; 0: for ever */
	/* [log] */
	int log_level;
};

/* The values of an empty file; what *c held is not freed. */
void config_defaults(struct config *c);
/* Free what is allocated. Accepts a zeroed struct, and one that was freed already. */
void config_fini(struct config *c);

/*
 * Read FILE, then the *.conf files of the folder conf.d beside it in order of their names.
 * Returns 0; or -errno for a file that cannot be read, -EINVAL for a wrong one; err then holds
 * "FILE:LINE: what is wrong, and what would be right", and *c owns nothing.
 */
int config_load(const char *file, struct config *c, char *err, size_t err_size);

/*
 * The same for text in memory, added to what *c holds, which stays the caller's to free on failure
 * too; `file` is used in messages only. Pure but for the memory.
 */
int config_parse(const char *text, size_t len, const char *file, struct config *c, char *err,
	size_t err_size);

/* What must hold over several keys (ranges inside their subnet, ...). Called by config_load. */
int config_check(const struct config *c, const char *file, char *err, size_t err_size);

/*
 * One setting of a host's own, as it stands in a [subnet]: "dns = 10.77.0.9", "lease-time = 8h";
 * taken into *told, which is zero at first. Returns 0; or -EINVAL with a sentence in err.
 */
int config_told_set(struct config_told *told, const char *line, char *err, size_t err_size);
/* What must hold over all of them. */
int config_told_check(const struct config_told *told, char *err, size_t err_size);

/*
 * The times of a host: its own, else its subnet's, else those of all, else 1/2 and 7/8 of the
 * lease; each of the three may be NULL. Who gives a lease time of its own does not take the others
 * from elsewhere.
 */
struct config_times config_times_of(
	const struct config *c, const struct config_subnet *s, const struct config_told *host);

/* The subnet that holds addr, or NULL. */
const struct config_subnet *config_subnet_of(const struct config *c, uint32_t addr);
/* True when both are on one link: the same subnet, or the same name of a network. */
bool config_same_network(const struct config_subnet *a, const struct config_subnet *b);
/* True for the address of a relay that is answered. */
bool config_has_relay(const struct config *c, uint32_t addr);

#endif
