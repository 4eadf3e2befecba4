/*
 * sandbox.h: the system calls that a role may make; every other one fails with EPERM. The only
 * module that includes seccomp.h.
 */
#ifndef MUSTER_SERVER_SANDBOX_H
#define MUSTER_SERVER_SANDBOX_H

enum sandbox {
	SANDBOX_NONE,
	SANDBOX_MESSAGES, /* open descriptors and messages only: no file, no socket, no process */
	SANDBOX_HTTP,	  /* and accepting connections, threads, opening blobs */
	SANDBOX_BLOBS,	  /* messages, and files below an open folder */
	SANDBOX_DATABASE, /* and files: but no socket and no process */
};

/* Lock this process in, for good. Needs no_new_privs. Returns 0 or -errno. */
int sandbox_enter(enum sandbox kind);

#endif
