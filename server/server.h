/*
 * server.h: what the parent opened before it forked the roles, and the roles themselves.
 */
#ifndef MUSTER_SERVER_SERVER_H
#define MUSTER_SERVER_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "server/config.h"

/* What net hears on an interface beside its own ports; see listen.h. */
enum listen { LISTEN_DHCP, LISTEN_ARP, LISTEN_IPV6, LISTENS };

/* An interface where DHCP is answered. Descriptors are -1 where not open. */
struct endpoint {
	char ifname[16];
	int ifindex;
	uint32_t addr, mask; /* host order: first IPv4 address of the interface */
	uint8_t mac[6];
	int udp67;   /* bound to the interface, broadcast allowed, IP_PKTINFO on, large buffer */
	int udp4011; /* the same */
	int packet;  /* AF_PACKET SOCK_RAW bound to the interface, sending only */
	int listen[LISTENS]; /* LISTEN_IPV6 only where the kernel has IPv6 */
	int ipv6_group;	     /* keeps the interface in the group of all routers */
	int ipv6_forwarding; /* /proc file, "1" while the kernel routes there */
};

enum link { LINK_NET, LINK_HTTP, LINK_SIGN, LINK_TFTP, LINKS };

/* Roles that http asks beside core. */
enum http_link { HTTP_IMPORT, HTTP_VIEW, HTTP_BACKUP, HTTP_LINKS };

struct server {
	struct config cfg;
	int64_t started_ms; /* monotonic: roles come and go meanwhile */
	size_t n_endpoints;
	struct endpoint endpoints[CONFIG_INTERFACES_MAX];
	int icmp;	/* raw: to ask hosts behind relays */
	int ipv6_addrs; /* /proc/net/if_inet6: they come and go with the links */
	size_t n_http;
	int http[CONFIG_LISTEN_MAX]; /* listening TCP sockets */
	size_t n_https;
	int https[CONFIG_LISTEN_MAX]; /* the same, TLS is spoken there */
	int tls_cert, tls_key;	      /* PEM files, for http alone; -1 without https */
	int64_t tls_expires_s;	      /* the certificate's end, seconds since 1970; 0: none */
	int http_unix;		      /* listening unix socket: muster.sock */
	uint32_t api_gid;	      /* whose members may use it, beside root */
	char api_group[32];	      /* its name */
	int blobs;		      /* STATE/blobs/sha256, O_PATH | O_DIRECTORY */
	int blob_dir;		      /* STATE/blobs, O_PATH | O_DIRECTORY */
	int loaders;		      /* [tftp] loaders, O_PATH | O_DIRECTORY, for http; or -1 */
	int site_key;		      /* STATE/keys/site.key, for sign alone */
	int tftp;		      /* UDP 69, or -1 */
	int tftp_log;		      /* bound datagram socket RUN/tftp-log: in.tftpd's /dev/log */
	int core_side[LINKS];	      /* core's end of each pair */
	int role_side[LINKS];	      /* the other role's end */
	int http_side[HTTP_LINKS];    /* http's end of its pairs with import, view, backup */
	int asked_side[HTTP_LINKS];   /* and theirs */
	char url[CONFIG_TEXT_MAX];    /* what hosts are told: http://ADDR[:PORT] */
};

/*
 * Open everything that needs root: folders, keys, interfaces, ports, links. Returns 0, or -errno
 * with one sentence in err; what was opened then stays open for the process's end.
 */
int server_open(struct server *s, char *err, size_t err_size);

/*
 * The roles. Each is called in a fresh process that has only its own descriptors and rights, and
 * returns the exit status. SIGTERM ends it; so does the parent's end.
 */
int net_main(const struct server *s);
int http_main(const struct server *s);
int core_main(const struct server *s);
int view_main(const struct server *s);
int backup_main(const struct server *s);
int sign_main(const struct server *s);
int tftp_main(const struct server *s);
int import_main(const struct server *s);

/* Open the database as core would, and say on stderr what is wrong with it. Exit status 0 or 78. */
int core_check(const struct server *s);

#endif
