/*
 * role.h: a role is a process with its own rights and descriptors, started by the parent.
 *
 * role_spawn forks, closes every descriptor but those that the role may have, gives up root and
 * all capabilities (tftp keeps those that in.tftpd needs), asks to be killed when the parent ends,
 * forbids new privileges, takes away the system calls that the role has no use for, and calls the
 * role's main.
 */
#ifndef MUSTER_SERVER_ROLE_H
#define MUSTER_SERVER_ROLE_H

#include <sys/types.h>

#include "server/sandbox.h"
#include "server/server.h"

struct role {
	const char *name;
	int (*main)(const struct server *s);
	/* Fill fds with what the role keeps; returns their number, at most ROLE_FDS_MAX. */
	size_t (*fds)(const struct server *s, int *fds);
	enum sandbox sandbox;
	int nice;	    /* setpriority(2): ROLE_URGENT, 0, ROLE_IDLE */
	int own_namespaces; /* tftp: a mount and a process namespace of its own */
};

/*
 * A host that boots waits for these some milliseconds at most, whoever else reads or works on this
 * machine; and those who only read wait for everybody.
 */
#define ROLE_URGENT (-10)
#define ROLE_IDLE   19

#define ROLE_FDS_MAX 160 /* net's: 8 for each of 16 interfaces, and a few */

/* Exit statuses that the parent understands (sysexits: 78 = EX_CONFIG: do not start again). */
#define ROLE_EXIT_CONFIG 78

/* Returns the pid, or -errno. */
pid_t role_spawn(const struct role *r, const struct server *s);

/*
 * The parent: takes the priority that urgent roles have from it, and keeps only the capabilities
 * that role_spawn needs. Does nothing without root.
 */
int role_parent_rights(void);

#endif
