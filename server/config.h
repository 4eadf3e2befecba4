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

#define CONFIG_INTERFACES_MAX 16
#define CONFIG_LISTEN_MAX     8
#define CONFIG_SUBNETS_MAX    4096
#define CONFIG_RANGES_MAX     16 /* of one subnet */
#define CONFIG_EXCLUDES_MAX   32 /* of one subnet */
#define CONFIG_RELAYS_MAX     4096
#define CONFIG_QUIRKS_MAX     64
#define CONFIG_TEXT_MAX	      256 /* bytes of a name, a path or a URL, NUL included */
#define CONFIG_DNS_MAX	      3
#define CONFIG_ARCH_ANY	      0xffff

enum admission { ADMISSION_OPEN, ADMISSION_REGISTERED, ADMISSION_APPROVE };
enum dhcp_mode { DHCP_FULL, DHCP_PROXY, DHCP_OFF };

struct config_range {
	uint32_t first, last; /* host order, inclusive */
};

struct config_subnet {
	uint32_t net, mask; /* host order */
	uint8_t prefix;
	char network[32]; /* subnets of one name share a link; "": a network of its own */
	size_t n_ranges, n_excludes, n_dns;
	struct config_range ranges[CONFIG_RANGES_MAX];	   /* in the order of the file */
	struct config_range excludes[CONFIG_EXCLUDES_MAX]; /* holes in the ranges */
	uint32_t router;				   /* 0: none */
	uint32_t dns[CONFIG_DNS_MAX];
	char domain[64];
};

/* [quirk NAME]: firmware that needs something else. All given matches must hold. */
struct config_quirk {
	char name[32];
	uint8_t mac[6]; /* match-mac, a prefix of mac_len bytes */
	uint8_t mac_len;
	uint16_t arch;	 /* match-arch (option 93), CONFIG_ARCH_ANY: any */
	char loader[64]; /* file of the loader folder to send; an iPXE ROM gets it once a boot, too
			  */
};

struct config_listen {
	uint32_t addr; /* host order, 0 = any */
	uint16_t port;
};

struct config {
	/* [server] */
	char name[64];
	char state_dir[CONFIG_TEXT_MAX], run_dir[CONFIG_TEXT_MAX];
	char user[32];
	size_t n_interfaces;
	char interfaces[CONFIG_INTERFACES_MAX][16];
	enum admission admission;
	char image[64]; /* image of hosts that have none assigned */
	/* [dhcp] */
	enum dhcp_mode dhcp_mode;
	uint32_t lease_s;
	bool authoritative;
	size_t n_relays;
	uint32_t *relays; /* ascending */
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
	char url[CONFIG_TEXT_MAX]; /* what hosts are told; "" = from the interface's address */
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

/* The subnet that holds addr, or NULL. */
const struct config_subnet *config_subnet_of(const struct config *c, uint32_t addr);
/* True when both are on one link: the same subnet, or the same name of a network. */
bool config_same_network(const struct config_subnet *a, const struct config_subnet *b);
/* True for the address of a relay that is answered. */
bool config_has_relay(const struct config *c, uint32_t addr);

#endif
