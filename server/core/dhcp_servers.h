/*
 * dhcp_servers.h: the other DHCP servers that were heard, in a bounded table: the one not heard for
 * the longest time gives way. A row's place in the table is also its key on disk. Pure.
 *
 * Times are wall clock in milliseconds, because they are stored.
 */
#ifndef MUSTER_SERVER_CORE_DHCP_SERVERS_H
#define MUSTER_SERVER_CORE_DHCP_SERVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "db/store.h"
#include "server/msg.h"

#define DHCP_SERVERS_WRITE_MS 60000	    /* at most so often is a row written */
#define DHCP_SERVERS_NEWS_MS  (3600 * 1000) /* silent for so long, and back: that is news again */

struct dhcp_servers {
	struct {
		struct store_dhcp_server row; /* count 0: free */
		int64_t written_ms;	      /* 0: never */
		bool changed;
	} places[STORE_DHCP_SERVERS_MAX];
};

/* Put back a stored row, at start. Ignored when its place is out of range. */
void dhcp_servers_load(struct dhcp_servers *s, const struct store_dhcp_server *row);

/*
 * A server was heard on that interface. Returns its row, borrowed until the next change; *news is
 * set when it is new, or back after a long silence.
 */
const struct store_dhcp_server *dhcp_servers_heard(struct dhcp_servers *s,
	const struct dhcp_seen *seen, const char *ifname, int64_t now_ms, bool *news);

/* A row that is to be written, which is then taken as written; or NULL. */
const struct store_dhcp_server *dhcp_servers_to_write(struct dhcp_servers *s, int64_t now_ms);

#endif
