/*
 * doctor.h: judge what a server says about itself: what keeps hosts from booting, what soon will,
 * and what to do about each. Pure.
 */
#ifndef MUSTER_SERVER_CTL_DOCTOR_H
#define MUSTER_SERVER_CTL_DOCTOR_H

#include <stdint.h>

#include "images/json.h"

#define DOCTOR_FINDINGS_MAX 256 /* the last one says when there are more */
#define DOCTOR_TEXT_MAX	    320

enum doctor_result { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

/* Of the server's machine, when that is this one. */
enum doctor_clock { DOCTOR_CLOCK_UNKNOWN, DOCTOR_CLOCK_SYNCED, DOCTOR_CLOCK_ALONE };

struct doctor_input {
	const struct json *setup;    /* GET /api/v1/setup */
	const struct json *servers;  /* GET /api/v1/dhcp/servers, NULL: this server cannot tell */
	const struct json *roots;    /* GET /api/v1/roots, or NULL */
	const struct json *channels; /* GET /api/v1/channels, or NULL */
	const struct json *images, *rules, *status; /* GET /api/v1/..., or NULL */
	const struct json *const *hosts; /* all that are known, objects or of a brief list */
	size_t n_hosts;
	const struct json *tokens; /* GET /api/v1/tokens, which only admins may; or NULL */
	enum doctor_clock clock;
	int64_t now_ms;
	const char *audit;     /* what is wrong with the audit log; "" nothing, NULL: not asked */
	const char *keys_here; /* the key folder of this machine when it is the server's, or NULL */
	const char *secret_here; /* the secret keys found there, for people; "" none */
};

struct doctor_finding {
	enum doctor_result result;
	const char *check; /* "ranges" */
	char text[DOCTOR_TEXT_MAX];
	char fix[DOCTOR_TEXT_MAX]; /* "" with DOCTOR_OK */
};

struct doctor_findings {
	size_t n;
	enum doctor_result worst;
	struct doctor_finding of[DOCTOR_FINDINGS_MAX];
};

void doctor_examine(const struct doctor_input *in, struct doctor_findings *out);

const char *doctor_result_name(enum doctor_result r); /* "ok", "warn", "fail" */

#endif
