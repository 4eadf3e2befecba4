/*
 * dhcp.h: what net and core say to each other about one DHCP exchange. All fields in host order.
 *
 * net decodes a packet to a struct dhcp_query; core decides and sends the query back inside a
 * struct dhcp_answer, so that net keeps nothing between the two: a lost answer is a lost packet,
 * and the client repeats. Each side checks what it got (dhcp_query_ok, dhcp_answer_ok) before it
 * reads another field.
 */
#ifndef MUSTER_SERVER_NET_DHCP_H
#define MUSTER_SERVER_NET_DHCP_H

#include <stdbool.h>
#include <stdint.h>

#include "server/dhcp_options.h"

/* RFC 2132 section 9.6 */
enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
	DHCP_INFORM,
};

/* Who is asking, from options 60, 77, 93 and 175. Decided per packet: one boot shows several. */
enum dhcp_client {
	DHCP_CLIENT_OTHER, /* an operating system or anything else: an address only */
	DHCP_CLIENT_PXE,   /* firmware, "PXEClient" and option 93 */
	DHCP_CLIENT_HTTP,  /* UEFI HTTP boot, "HTTPClient" and option 93 */
	DHCP_CLIENT_IPXE,  /* iPXE: a ROM in a card, or the loader that we sent */
	DHCP_CLIENT_AGENT, /* option 60 is "muster-agent" */
	DHCP_CLIENTS
};

#define DHCP_ARCH_NONE	 0xffff /* no option 93 */
#define DHCP_NAME_MAX	 64
#define DHCP_CLASS_MAX	 64
#define DHCP_ID_MAX	 255 /* longer client identifiers are ignored; they are never keys */
#define DHCP_RELAY_MAX	 255 /* option 82, whole value */
#define DHCP_WANTS_MAX	 254 /* every code but PAD and END, once */
#define DHCP_FILE_MAX	 254 /* option 67 without its NUL; `file` in the header takes 127 of it */
#define DHCP_MESSAGE_MAX 128

/* Feature flags that iPXE puts into option 175 (protocol: 0x13 HTTP, 0x24 EFI). */
#define DHCP_IPXE_HTTP 0x1
#define DHCP_IPXE_EFI  0x2

struct dhcp_query {
	/* where it came from: opaque to core, checked by net when it comes back */
	uint8_t endpoint;  /* index of the interface in net's table */
	bool port4011;	   /* came to the PXE boot server port */
	uint16_t src_port; /* answer goes there for port 4011, and with relay_port */
	uint32_t src_addr;

	/* fixed header */
	uint32_t xid;
	uint16_t flags;
	uint16_t max_size; /* option 57 clamped to 576..1472 */
	uint32_t ciaddr, giaddr;
	uint8_t chaddr[16];
	uint8_t mac[6]; /* the first six bytes of chaddr: checked, unicast, not zero */

	/* options */
	uint8_t type;	       /* enum dhcp_type: one of the client's own types */
	uint8_t client;	       /* enum dhcp_client */
	uint8_t ipxe_features; /* DHCP_IPXE_* */
	bool echo_uuid;	       /* option 97 was there and well-formed: uuid is what was sent */
	bool has_uuid;	       /* and it is neither all zeros nor all ones: it names a machine */
	bool rapid_commit;     /* option 80 (RFC 4039): an ACK at once would do */
	bool relay_port;       /* option 82.19 (RFC 8357): the relay hears on src_port */
	uint16_t arch;	       /* option 93, first entry; DHCP_ARCH_NONE without */
	uint32_t requested;    /* option 50, 0 without */
	uint32_t server_id;    /* option 54, 0 without */
	uint8_t uuid[16]; /* option 97 as sent (SMBIOS order, first three fields little-endian) */
	uint8_t client_id_len;	/* option 61; 0 without */
	uint8_t relay_len;	/* option 82; 0 without */
	uint32_t subnet_select; /* option 118 (RFC 3011): the subnet to be in; 0 without */
	uint32_t link_select;	/* option 82.5 (RFC 3527): the client's subnet; 0 without */
	uint32_t id_override;	/* option 82.11 (RFC 5107): identifier to give; 0 without */
	uint8_t client_id[DHCP_ID_MAX];
	uint8_t relay[DHCP_RELAY_MAX];
	char hostname[DHCP_NAME_MAX];	   /* option 12, only [A-Za-z0-9-.]; "" without */
	char vendor_class[DHCP_CLASS_MAX]; /* option 60, printable ASCII only; "" without */
	char user_class[DHCP_CLASS_MAX];   /* option 77, a list joined by blanks, as option 60 */
	uint8_t n_wants;		   /* option 55; 0 without */
	uint8_t wants[DHCP_WANTS_MAX];	   /* its codes in the client's order, each once */
};

/* Where a reply names its boot file. Old ROMs read the header only, some UEFI the option only. */
enum dhcp_file_in { DHCP_FILE_BOTH, DHCP_FILE_OPTION, DHCP_FILE_HEADER, DHCP_FILE_INS };

/* What a reply says. Zero means: leave the option out. */
struct dhcp_reply {
	uint8_t type;	    /* DHCP_OFFER, DHCP_ACK or DHCP_NAK */
	bool vendor_pxe;    /* option 60 "PXEClient" */
	bool vendor_http;   /* option 60 "HTTPClient" */
	bool pxe_bypass;    /* option 43 = 06 01 08 ff: boot the file named here, no discovery */
	bool rapid_commit;  /* option 80: this ACK answers a DISCOVER (RFC 4039) */
	bool ipxe_no_proxy; /* option 175 = b0 01 01: do not wait for proxy offers */
	uint32_t yiaddr, siaddr, server_id;
	uint32_t lease_s, t1_s, t2_s; /* 51, 58, 59 */
	uint32_t mask, router;
	uint8_t file_in;		/* enum dhcp_file_in */
	char file[DHCP_FILE_MAX + 1];	/* `file` (when it fits) and option 67, NUL included */
	char message[DHCP_MESSAGE_MAX]; /* option 56, with a NAK */
	/* further options, for clients that ask for them: entries of dhcp_options.h */
	uint16_t options_len;
	uint8_t options[DHCP_OPTIONS_MAX];
};

struct dhcp_answer {
	struct dhcp_query query; /* as it was asked */
	struct dhcp_reply reply;
};

/* Firmware and iPXE: they load what a reply names, and their own rules hold for it. */
bool dhcp_is_netboot(const struct dhcp_query *q);

/*
 * What the relay says of the host's place: its port (circuit id, option 82.1) and itself (remote
 * id, 82.2; RFC 3046). NULL with *len 0 when it does not say or says it in no bytes. Borrows q.
 */
const uint8_t *dhcp_query_circuit(const struct dhcp_query *q, uint8_t *len);
const uint8_t *dhcp_query_remote(const struct dhcp_query *q, uint8_t *len);

/*
 * True when every field is in the range that is written above: texts end inside their array, enums
 * and lengths fit, flags are 0 or 1, options are well-formed. The messages come from another
 * process. Pure.
 */
bool dhcp_query_ok(const struct dhcp_query *q);
bool dhcp_answer_ok(const struct dhcp_answer *a);

#endif
