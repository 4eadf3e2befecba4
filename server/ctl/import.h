/*
 * import.h: reservations of other DHCP servers -> one neutral list. Pure but for the list's own
 * memory.
 *
 * Four formats: the reservations of dnsmasq (configuration or dhcp-hostsfile), ISC dhcpd and Kea
 * (configuration), and CSV. Nothing is dropped in silence: what muster cannot take over becomes a
 * note with its line and the reason, and what the format does not allow ends the import with its
 * line. Texts in notes and errors hold what stands in the file: clean them before a terminal.
 */
#ifndef MUSTER_SERVER_CTL_IMPORT_H
#define MUSTER_SERVER_CTL_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/host.h"

#define IMPORT_MACS_MAX 8	       /* network cards of one host */
#define IMPORT_ROWS_MAX 1000000	       /* hosts of one file */
#define IMPORT_ID_MAX	HOST_BYTES_MAX /* bytes of a client identifier or circuit */

enum import_format { IMPORT_DNSMASQ, IMPORT_ISC, IMPORT_KEA, IMPORT_CSV, IMPORT_FORMATS };

/* One host to be. Zero, "" and NULL: not said. */
struct import_row {
	unsigned line;		/* of the file, where it begins */
	unsigned clash_line;	/* import_check: an earlier row has the same ... */
	const char *clash_what; /* ... "MAC address"; or NULL */
	char name[HOST_TEXT_MAX];
	char serial[HOST_TEXT_MAX];
	size_t n_macs;
	uint8_t macs[IMPORT_MACS_MAX][6];
	uint32_t ip; /* host order */
	bool has_uuid;
	uint8_t uuid[16];
	char *client_id, *circuit; /* pairs of hex digits, lower case; allocated */
};

/* Something that is not taken over. */
struct import_note {
	unsigned line;
	char *text;
};

struct import {
	struct import_row *rows;
	size_t n_rows, rows_size;
	struct import_note *notes;
	size_t n_notes, notes_size;
	bool no_memory; /* sticky */
	unsigned err_line;
	char err[200]; /* one sentence, after -EBADMSG */
};

/* The name of a format ("dnsmasq", "isc", "kea", "csv") -> its number, or -ENOENT. */
int import_format_of(const char *word);

/* What the text looks like, or -ENOENT. */
int import_guess(const char *text, size_t len);

/*
 * Read a file's text. Returns 0; -EBADMSG with err_line and err filled; -ENOMEM. *im starts zeroed
 * and is to be ended with import_fini in each case; on failure its rows mean nothing.
 */
int import_parse(struct import *im, enum import_format format, const char *text, size_t len);
void import_fini(struct import *im);

/*
 * Mark the rows that share a MAC address, address, name, client identifier, UUID or serial number
 * with an earlier row (a circuit is told apart by its relay, which only the server knows). Returns
 * how many, or -ENOMEM.
 */
int import_check(struct import *im);

/* ---- for the parsers ---- */

typedef int import_parser(struct import *im, const char *text, size_t len);
import_parser import_dnsmasq, import_isc, import_kea, import_csv;

/* Returns -EBADMSG, so that a parser can `return import_fail(...)`. */
int import_fail(struct import *im, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void import_note(struct import *im, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Append the row, or note that nothing says who the host is. Takes over its allocated members. */
void import_add(struct import *im, struct import_row *row);
/* Give up a row that is not added. */
void import_drop(struct import_row *row);

/*
 * The value into the row. 0; -EBADMSG for what is none; -ENODATA for a MAC address that no host
 * has; -ENOSPC for one network card too many; -ENOMEM. MAC addresses: 6 groups of 1 or 2 digits
 * with ':' or '-', 3 of 4 with '.', or 12 digits.
 */
int import_put_mac(struct import_row *row, const char *text);
int import_put_ip(struct import_row *row, const char *text);
/* Hex digits with or without ':' and "0x", to one of the row's allocated members. */
int import_put_hex(char **out, const char *text);
int import_put_bytes(char **out, const void *bytes, size_t len);
/* Any text: what is no host's name is made one, and noted. */
void import_put_name(struct import *im, struct import_row *row, const char *text);

#endif
