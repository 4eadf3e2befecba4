/*
 * http.h: the role that speaks HTTP, with its limits as values.
 *
 * server.h's http_main runs it with http_limits_default.
 */
#ifndef MUSTER_SERVER_HTTP_HTTP_H
#define MUSTER_SERVER_HTTP_HTTP_H

#include "server/server.h"

/*
 * Deadlines are absolute: unlike an idle timeout, they end a peer that sends or reads one byte now
 * and then. The reader of an answer must take stall_bytes in every stall_ms.
 */
struct http_limits {
	unsigned head_ms; /* from the connection, or a request's first line, to the end of its head
			   */
	unsigned idle_ms; /* between two requests of a connection */
	unsigned body_ms; /* for a request's body */
	unsigned ask_ms;  /* for core's answer */
	unsigned import_ms; /* for import's, which may have to read gigabytes */
	unsigned stall_ms;  /* see above */
	unsigned stall_bytes;
	unsigned sweep_ms;	/* how often deadlines are looked at */
	unsigned least_bytes_s; /* of a whole answer, beside the first stall_ms; 0: no end */
	unsigned tcp_conns;	/* of each listening socket */
	unsigned tcp_conns_per_addr;
	unsigned unix_conns;
	unsigned pace_kib; /* KiB per second of a TCP connection; 0: as fast as it goes */
};

extern const struct http_limits http_limits_default;

/* Serve until SIGTERM or until core's end of the link is gone for good. Returns the exit status. */
int http_run(const struct server *s, const struct http_limits *limits);

#endif
