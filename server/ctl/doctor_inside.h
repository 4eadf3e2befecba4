/*
 * doctor_inside.h: what the checks of the doctor share.
 */
#ifndef MUSTER_SERVER_CTL_DOCTOR_INSIDE_H
#define MUSTER_SERVER_CTL_DOCTOR_INSIDE_H

#include "server/ctl/doctor.h"

struct exam {
	const struct doctor_input *in;
	const struct json *dhcp, *boot, *keys; /* of in->setup */
	const char *mode;		       /* of DHCP */
	const char *check;		       /* that runs */
	struct doctor_findings *out;
};

/* One finding; with DOCTOR_OK there is no fix. */
void doctor_find(struct exam *e, enum doctor_result result, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

typedef void doctor_check(struct exam *e);

/* doctor_site.c: the machine, what expires, hosts and what is assigned to them. */
doctor_check doctor_link, doctor_url, doctor_tftp, doctor_tls, doctor_tokens, doctor_token_ends,
	doctor_disk, doctor_database, doctor_audit, doctor_clock, doctor_probe, doctor_images,
	doctor_assigned, doctor_rules, doctor_failed, doctor_waiting, doctor_archs;

#endif
