/*
 * msg.h: what the roles say to each other, over SOCK_SEQPACKET pairs; one message per datagram.
 *
 * A message is a struct msg_head followed by one fixed struct and, where the struct says so, by
 * `body_len` bytes. Every reader treats every message as hostile, whoever sent it: msg_recv checks
 * size and type, and each reader checks every field again (text fields are NUL-terminated within
 * their array, enums are in range, lengths fit). A message never carries a pointer.
 *
 * Links: core is in the middle. net, http, sign and tftp each have one pair to core; http has one
 * with import and one with view beside it.
 * When a role is started anew it keeps the same pair; it first sends MSG_HELLO, so that its peer
 * asks again what was lost with the old process.
 */
#ifndef MUSTER_SERVER_MSG_H
#define MUSTER_SERVER_MSG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "images/extra.h"
#include "server/net/dhcp.h"

#define MSG_MAX (96 * 1024) /* bytes on the wire, head included; fits a socket's send buffer */

enum msg_type {
	MSG_HELLO = 1,	    /* both ways: no body; the sender has just started */
	MSG_DHCP_QUERY,	    /* net -> core: struct dhcp_query */
	MSG_DHCP_ANSWER,    /* core -> net: struct dhcp_answer; silence is no message */
	MSG_PROBE,	    /* core -> net: struct probe */
	MSG_PROBE_ANSWER,   /* net -> core: struct probe_answer; silence is no message */
	MSG_DHCP_SEEN,	    /* net -> core: struct dhcp_seen */
	MSG_DHCP_SEEK,	    /* core -> net: no body; look for other DHCP servers on every link */
	MSG_HTTP_REQUEST,   /* http -> core, view: struct http_request + body */
	MSG_HTTP_ANSWER,    /* core, view -> http: struct http_answer + a piece of the body */
	MSG_BLOB_EVENT,	    /* http -> core: struct blob_event */
	MSG_IMPORT_REQUEST, /* http -> import: struct import_request + body; struct http_answer */
	MSG_TFTP_READ,	    /* tftp -> core: struct tftp_read */
	MSG_SIGN_REQUEST,   /* core -> sign: struct sign_request */
	MSG_SIGN_ANSWER,    /* sign -> core: struct sign_answer */
	MSG_TYPES
};

struct msg_head {
	uint32_t type; /* enum msg_type */
	uint32_t len;  /* bytes after this head */
	uint64_t id;   /* chosen by the asker, echoed in the answer */
};

/* ---- core <-> net, beside DHCP's own messages ---- */

/* Is this address in use? Whoever answers within the window is told once, by the same id. */
struct probe {
	uint32_t addr;	  /* host order */
	uint8_t endpoint; /* the interface it was asked for on */
	uint8_t relayed;  /* 1: the client is behind a relay */
	uint16_t pad;
};

struct probe_answer {
	uint32_t addr;
	uint8_t has_mac; /* 0: the answer came from behind a router */
	uint8_t mac[6];	 /* of who answered */
	uint8_t pad;
};

/* What another DHCP server said to a client. */
struct dhcp_seen {
	uint8_t endpoint;
	uint8_t type;	    /* DHCP_OFFER, DHCP_ACK or DHCP_NAK */
	uint8_t src_mac[6]; /* the frame's source */
	uint8_t mac[6];	    /* the client's (chaddr) */
	uint16_t pad;
	uint32_t src_addr;  /* the packet's source, host order */
	uint32_t server_id; /* option 54, 0 without */
	uint32_t yiaddr;    /* address that it gives, 0: a proxy's offer, or a refusal */
	uint32_t siaddr;    /* server to boot from, 0: none */
	char file[128];	    /* boot file, printable; "" without */
};

/* ---- http <-> core ---- */

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_METHODS
};
enum http_peer { HTTP_PEER_TCP, HTTP_PEER_UNIX };

#define HTTP_BODY_MAX	(64 * 1024)	   /* a request's body */
#define HTTP_LOADER_MAX (16 * 1024 * 1024) /* what http sends of the loader folder */
#define HTTP_ANSWER_MAX (16 * 1024 * 1024) /* an answer's body, over all pieces */

/* What a request id is made of. */
#define HTTP_REQUEST_ID "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

struct http_request {
	uint8_t method;	  /* enum http_method */
	uint8_t peer;	  /* enum http_peer */
	uint16_t port;	  /* of the client, TCP only */
	uint32_t addr;	  /* of the client, host order, TCP only */
	uint32_t uid;	  /* of the client, unix socket only */
	uint8_t in_group; /* 1: the client is in [server] group, unix socket only */
	uint8_t tls;	  /* 1: it came over TLS */
	uint8_t is_new;	  /* 1: If-None-Match: *, nothing shall be there yet */
	uint8_t pad;
	uint32_t body_len;   /* bytes after this struct, <= HTTP_BODY_MAX */
	char host[80];	     /* Host header, or "" */
	char request_id[40]; /* X-Request-Id: theirs, or made by http; of the API only */
	char if_match[80];   /* If-Match, or "" */
	char bearer[80];     /* Authorization: Bearer token, or "" */
	char path[256];	     /* decoded, starts with '/', no NUL, no "..", no "//" */
	char query[2048];    /* raw, without '?', still percent-encoded */
};

/* What WWW-Authenticate says (RFC 6750 section 3). */
enum http_challenge {
	CHALLENGE_NONE,
	CHALLENGE_TOKEN,   /* a token is needed */
	CHALLENGE_INVALID, /* not this one */
	CHALLENGE_SCOPE,   /* one that may do this */
	CHALLENGES
};

struct http_answer {
	uint64_t feed; /* not 0: this is not the end, ask again for what is after number feed - 1 */
	uint16_t status;
	uint8_t more;	      /* 1: another piece with the same id follows */
	uint8_t challenge;    /* enum http_challenge */
	uint32_t retry_after; /* seconds, 0 = no header */
	uint32_t body_len;    /* bytes after this struct */
	char type[48];	      /* Content-Type */
	char etag[24];	      /* ETag, with its quotes; "" = no header */
	uint8_t allow;	      /* Allow: bits 1 << enum http_method; 0 = no header */
	uint8_t pad[3];
};

/* A status that view answers with to what core alone can answer (RFC 9110: misdirected). */
#define HTTP_ASK_CORE 421

enum blob_phase { BLOB_STARTED, BLOB_FINISHED, BLOB_ABORTED, BLOB_PHASES };

/* One transfer of a blob, of /efi/agent.efi or of a loader, to a client of the TCP port. */
struct blob_event {
	uint8_t phase;	/* enum blob_phase */
	uint8_t loader; /* 1: asked by that name or by iPXE/UEFI firmware (User-Agent) */
	uint16_t pad;
	uint32_t addr; /* client, host order */
	uint8_t digest[32];
	uint64_t bytes;	   /* body bytes sent so far */
	uint64_t total;	   /* bytes asked for, at most MANIFEST_FILE_MAX */
	uint64_t transfer; /* names this transfer; the same in all its phases */
	char name[64];	   /* of a file of the loader folder, else "" */
};

/* ---- http -> import: a blob comes in; MSG_HTTP_ANSWER comes back ---- */

enum import_op {
	IMPORT_CHECK, /* what is there of it, and is that good? It is needed, in any case */
	IMPORT_WRITE, /* bytes of it */
	IMPORT_OPS
};

struct import_request {
	uint8_t op; /* enum import_op */
	uint8_t pad[3];
	uint32_t body_len; /* bytes after this struct, <= HTTP_BODY_MAX */
	uint8_t digest[32];
	uint64_t offset; /* of these bytes within the blob */
	uint64_t total;	 /* bytes of the blob */
};

/* ---- tftp -> core ---- */

struct tftp_read {
	uint32_t addr;	/* client, host order */
	char file[128]; /* as asked */
};

/* ---- core <-> sign: what is signed is built by sign itself from these fields ---- */

enum sign_kind {
	SIGN_TICKET, /* images/ticket.h */
	SIGN_ORDER,  /* images/order.h */
	SIGN_KINDS
};

struct sign_request {
	uint32_t kind; /* enum sign_kind */
	uint32_t pad;
	uint8_t nonce[32];    /* chosen by the agent */
	uint8_t manifest[32]; /* of a ticket: SHA-256 of the manifest that the host shall run */
	uint64_t boot;	      /* boot row */
	uint64_t issued_s;    /* seconds since 1970 */
	char host[64];	      /* host's name */
	/* what it is told beside its image; extra_len 0: nothing */
	uint8_t extra[32];
	uint64_t extra_len;
	char args[EXTRA_ARGS_MAX];
};

struct sign_answer {
	uint32_t error;	      /* 0, or an errno: no key */
	uint32_t text_len;    /* bytes in text */
	uint32_t minisig_len; /* bytes in minisig */
	char text[1024];      /* JSON, see docs/agent-protocol.md */
	char minisig[512];    /* its signature file */
};

/*
 * Send one message: head, then two pieces (either may be NULL with length 0). Never blocks;
 * may be called by any thread. Returns 0, -EAGAIN when the peer does not keep up, -EMSGSIZE
 * above MSG_MAX, or -errno.
 */
int msg_send(int fd, enum msg_type type, uint64_t id, const void *a, size_t a_len, const void *b,
	size_t b_len);

/*
 * Receive one message into buf (MSG_MAX bytes). Returns 1 with *head and *body (borrowed from buf,
 * suitably aligned when buf is) filled; 0 when nothing waits; -EPIPE when the peer is gone for
 * good; -EBADMSG for a message that is malformed (it is consumed); or -errno.
 */
int msg_recv(int fd, void *buf, struct msg_head *head, const void **body);

/*
 * The body as a fixed struct of `size` bytes, or NULL when it is shorter; with `exact`, longer is
 * refused too.
 */
const void *msg_fixed(const struct msg_head *head, const void *body, size_t size, int exact);

/* 1 when the array holds a NUL. */
int msg_text_ok(const char *s, size_t size);

#endif
