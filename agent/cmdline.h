/*
 * cmdline.h: what the kernel command line and DHCP tell the agent about where to ask. All of it
 * came over the network unsigned, so every value is checked for what it will be used as. Pure.
 */
#ifndef MUSTER_AGENT_CMDLINE_H
#define MUSTER_AGENT_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX 128 /* "http://" + host name + ":65535", with NUL */

struct cmdline {
	char url[URL_MAX]; /* muster.url, or "" */
	char boot_mac[18]; /* of BOOTIF, aa:bb:cc:dd:ee:ff in lower case, or "" */
	bool debug;	   /* muster.debug */
};

/* Read the words that concern us; a wrong value counts as absent, the last good one wins. */
void cmdline_parse(const char *text, struct cmdline *out);

/*
 * The server's address of a URL: scheme and authority, without a path. Only http, only host names
 * and IPv4 addresses. `out` has URL_MAX bytes. Returns 0, or -EBADMSG.
 */
int cmdline_url(const char *text, char *out);

#endif
