/*
 * hosts.h: from NAMES on the command line to hosts of the server.
 */
#ifndef MUSTER_SERVER_CTL_HOSTS_H
#define MUSTER_SERVER_CTL_HOSTS_H

#include "server/ctl/client.h"
#include "server/ctl/host_values.h"
#include "server/ctl/hostlist.h"

/*
 * Hosts as the server describes them, in order of their names; nodes borrow from the answers. Each
 * is an object, or of a brief list an array of what hosts_values() gives.
 */
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

/* The same, where a word may also be the code that a host shows while it waits: 482913. */
int hosts_resolve_codes(struct ctl *c, int argc, char **argv, struct hostlist *out);

/* Ask for these hosts, or for all with a NULL list. Unknown ones are simply not there. */
int hosts_fetch(struct ctl *c, const struct hostlist *names, struct hosts *out);

/* Those that a match fits (docs/rules.md), and of them only `names` unless that is NULL. */
int hosts_where(struct ctl *c, const char *match, const struct hostlist *names, struct hosts *out);

/* The same, of each only what a list shows. */
int hosts_brief(struct ctl *c, const struct hostlist *names, struct hosts *out);

const struct json *hosts_find(const struct hosts *h, const char *name); /* or NULL */
/* Where a relay saw it, for people: "relay 10.9.0.1, circuit 0102"; "" when none did. */
const char *hosts_place(const struct json *place, char *out, size_t size);
/* And which switch ports it hangs on: "sw-r3 Gi1/0/7". */
const char *hosts_neighbours(const struct json *neighbours, char *out, size_t size);
/* Was it asked to start anew, and what came of that: "asked 12s ago by ada: new kernel"; "": never.
 */
const char *hosts_reboot(const struct json *reboot, char *out, size_t size);
void hosts_fini(struct hosts *h);

#endif
