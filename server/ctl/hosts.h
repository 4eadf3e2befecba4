/*
 * hosts.h: from NAMES on the command line to hosts of the server.
 */
#ifndef MUSTER_SERVER_CTL_HOSTS_H
#define MUSTER_SERVER_CTL_HOSTS_H

#include "server/ctl/client.h"
#include "server/ctl/hostlist.h"

/* Hosts as the server describes them, in order of their names; nodes borrow from the answers. */
struct hosts {
	struct answer *answers;
	size_t n_answers;
	const struct json **nodes;
	size_t n;
};

/*
 * What the words name; selectors (all, image=X, stage=X) are looked up. Returns CTL_OK or an exit
 * code, having said why.
 */
int hosts_resolve(struct ctl *c, int argc, char **argv, struct hostlist *out);

/* Ask for these hosts, or for all with a NULL list. Unknown ones are simply not there. */
int hosts_fetch(struct ctl *c, const struct hostlist *names, struct hosts *out);

const char *hosts_name(const struct json *host);
const struct json *hosts_find(const struct hosts *h, const char *name); /* or NULL */
/* Where a relay saw it, for people: "relay 10.9.0.1, circuit 0102"; "" when none did. */
const char *hosts_place(const struct json *place, char *out, size_t size);
void hosts_fini(struct hosts *h);

#endif
