/*
 * access.h: who asks the API, and whether they may.
 *
 * Through the socket the kernel says who it is: root and the server's own user are admin, members
 * of [server] group operator, nobody else anything. Two locks, because each alone can be left open
 * by mistake: the socket's own mode (0660, root and the group) keeps others from connecting, and
 * the peer's groups are looked at again for each request. They are those of the process that
 * connected, which http asks the kernel for (SO_PEERCRED has the primary one, SO_PEERGROUPS the
 * others): no name service, which a role without files could not ask, and no /etc/group, which
 * knows neither LDAP's groups nor what a running session really has.
 *
 * Over TCP a token says it (token.h). A wrong one is answered 401, and after some of them from one
 * address 429; a right one is taken even then, so that nobody can lock out a neighbour behind the
 * same router: 256 random bits need no lock against guessing, only the log and the database do.
 */
#ifndef MUSTER_SERVER_CORE_ACCESS_H
#define MUSTER_SERVER_CORE_ACCESS_H

#include "server/core/request.h"
#include "server/core/token.h"
#include "server/log.h"
#include "server/recent.h"

#define ACCESS_ADDRS 512 /* addresses whose wrong tokens are counted */

struct core;

struct access {
	struct recent
		failed; /* address -> when its first failure of this minute was, and how many */
	struct recent_slot slots[ACCESS_ADDRS];
	struct log_limit failed_log, clear_log, denied_log;
};

struct caller {
	enum role role;
	int64_t token;	 /* 0: through the socket */
	uint32_t uid;	 /* of the socket's peer */
	char name[64];	 /* the token's, or the user's; "" where it has none */
	char from[24];	 /* "socket", or an address */
	char scope[256]; /* families of routes, "hosts,leases"; "" = all */
};

/* Who is it? 0, or negative with the answer made. */
int access_who(struct core *c, const struct request *q, struct caller *out, struct answer *a);

/* They may not: a line of the log, now and then. */
void access_denied(struct core *c, const struct caller *who, const struct request *q);

/* May they, for what takes that role in a family of routes? 0, or -EACCES with the answer made. */
int access_may(const struct caller *who, enum role least, const char *family, struct answer *a);

/* Is the family one of the list "hosts,leases"? Pure. */
bool access_in_scope(const char *scope, const char *family);

#endif
