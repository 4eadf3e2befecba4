/*
 * host.h: what a host is, wherever it is spoken of. Pure.
 *
 * A host is known by its SMBIOS UUID, its serial number and its MAC addresses, each of which may
 * be missing, junk, or change: a swapped card or board keeps its host (store_host_find weighs).
 * People may also name a DHCP client identifier, which is then as good; it is never learned, since
 * firmware, loader and operating system send different ones.
 */
#ifndef MUSTER_DB_HOST_H
#define MUSTER_DB_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_MACS_MAX  16
#define HOST_TEXT_MAX  64 /* name, serial, vendor, product: bytes with NUL */
#define HOST_MAC_TEXT  18
#define HOST_UUID_TEXT 37
#define HOST_BYTES_MAX 255 /* of a client identifier or a relay's circuit or remote identifier */

struct host_identity {
	int64_t id; /* its number where that is known already: then nothing is weighed; 0 else */
	bool has_uuid;
	uint8_t uuid[16]; /* in the order in which it is printed */
	char serial[HOST_TEXT_MAX];
	size_t n_macs;
	uint8_t macs[HOST_MACS_MAX][6];
	uint8_t client_id_len; /* DHCP option 61; 0: none */
	uint8_t client_id[HOST_BYTES_MAX];
};

/* SMBIOS and option 97 store the first three fields little-endian: swap to and from that. */
void host_uuid_swap(const uint8_t in[16], uint8_t out[16]);

/* "4c4c4544-…" either case. Returns 0, or -EBADMSG; -ENODATA for all zeros or all ones. */
int host_uuid_parse(const char *text, uint8_t out[16]);
void host_uuid_print(const uint8_t uuid[16], char out[HOST_UUID_TEXT]);

/* "52:54:00:00:00:01" or with '-'. Returns 0, or -EBADMSG; -ENODATA for zero or multicast. */
int host_mac_parse(const char *text, uint8_t out[6]);
void host_mac_print(const uint8_t mac[6], char out[HOST_MAC_TEXT]);

/*
 * Pairs of hex digits, with or without ':' between them, into at most HOST_BYTES_MAX bytes. Returns
 * their number, at least 1, or -EBADMSG.
 */
int host_bytes_parse(const char *text, uint8_t out[HOST_BYTES_MAX]);

/* Add a MAC address unless it is there or the table is full. */
void host_mac_add(struct host_identity *id, const uint8_t mac[6]);

/* 1 for a serial number that tells hosts apart; 0 for "", "None", "To Be Filled By O.E.M." … */
int host_serial_ok(const char *serial);

/* 1 when it is stored as it is: at most HOST_TEXT_MAX - 1 bytes, no control characters. */
int host_serial_fits(const char *serial);

/* 1 for a name that a host may have: letters, digits, '-', '.', 1 to 63 bytes, no '-' or '.' first.
 */
int host_name_ok(const char *name);

/*
 * 1 for "all", in any case: lists of hosts own that word, so no host may have it for a name. With a
 * sentence for who is told so.
 */
int host_name_is_word(const char *name);
#define HOST_NAME_IS_WORD "%s is no name of a host: in a list of hosts it stands for every one"

#endif
