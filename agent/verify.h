/*
 * verify.h: may these bytes run on this host? The checks of docs/agent-protocol.md in their order,
 * each with its own code: bytes are verified before they are parsed. Pure (apart from the fault's
 * text); the caller brings the bytes, keys and digests.
 */
#ifndef MUSTER_AGENT_VERIFY_H
#define MUSTER_AGENT_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/fault.h"
#include "images/digest.h"
#include "images/manifest.h"
#include "images/minisig.h"

#define TRUST_KEYS_MAX	  8
#define VERIFY_TICKET_MAX 1024
#define VERIFY_NONCE_LEN  64 /* hex digits */
#define VERIFY_SIGS_MAX	  8

struct trust {
	struct minisig_public release[TRUST_KEYS_MAX], site[TRUST_KEYS_MAX];
	size_t n_release, n_site;
};

struct ticket {
	struct digest manifest;
	uint64_t issued_s;
};

/* What the ticket must be about: this request and this host. */
struct ticket_want {
	const char *nonce; /* hex, of this request */
	const char *host;  /* as `facts` named it */
	int64_t boot;
};

/* What this host can do with an image. */
struct verify_host {
	bool kind_ok[IMAGE_KINDS];
	uint64_t memory_free; /* bytes */
};

/* Checks 1 to 4. Returns 0 with *out filled, or -EBADMSG with the fault. */
int verify_ticket(const struct trust *trust, const char *text, const char *sig,
	const struct ticket_want *want, struct ticket *out, struct fault *fault);

/* Check 5, and its like for a signature's blob: 0 or -EBADMSG. */
int verify_manifest_digest(
	const struct ticket *ticket, const void *p, size_t len, struct fault *fault);
int verify_signature_digest(
	const struct digest *want, const void *p, size_t len, struct fault *fault);

/* Check 6 over n signature files. Returns 0 when one of them is by a release key, or -EBADMSG. */
int verify_manifest_signature(const struct trust *trust, const void *p, size_t len,
	const char *const sigs[], size_t n, struct fault *fault);

/* Checks 7 to 10, after 5 and 6. Returns 0 with *out filled, or -EBADMSG with the fault. */
int verify_manifest(const char *text, size_t len, const struct ticket *ticket,
	const struct verify_host *host, struct manifest *out, struct fault *fault);

#endif
