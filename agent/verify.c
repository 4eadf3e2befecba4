#include "agent/verify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "images/json.h"

/* What the hand-off needs beside the files: page tables, the next kernel's first steps, us. */
#define MEMORY_RESERVE (64ULL << 20)

static const char *signature_problem(int rc)
{
	switch (rc) {
	case -ENOKEY:
		return "is by a key that this agent does not trust";
	case -EKEYREJECTED:
		return "does not match the bytes";
	default:
		return "is malformed";
	}
}

static int is_hex(const char *s, size_t len)
{
	return s && strlen(s) == len && strspn(s, "0123456789abcdef") == len;
}

/* Exactly the seven keys, each of its type. */
static int ticket_fields(const struct json *doc, struct ticket *out)
{
	static const char *const texts[] = { "type", "nonce", "host", "manifest" };
	static const char *const numbers[] = { "boot", "issued", "ttl" };

	if (!json_is_object(doc) || json_len(doc) != 7)
		return -EBADMSG;
	for (size_t i = 0; i < 4; i++)
		if (!json_is_str(json_get(doc, texts[i])))
			return -EBADMSG;
	for (size_t i = 0; i < 3; i++)
		if (json_get_int(doc, numbers[i], -1) < 0)
			return -EBADMSG;
	if (strcmp(json_get_str(doc, "type", ""), "ticket") != 0 ||
		!is_hex(json_get_str(doc, "nonce", ""), VERIFY_NONCE_LEN))
		return -EBADMSG;
	out->issued_s = (uint64_t)json_get_int(doc, "issued", 0);
	return digest_parse(json_get_str(doc, "manifest", ""), &out->manifest);
}

static int ticket_about(const struct json *doc, const struct ticket_want *want, struct fault *fault)
{
	const char *host = json_get_str(doc, "host", "");

	if (strcmp(json_get_str(doc, "nonce", ""), want->nonce) != 0)
		return fault_set(fault, -EBADMSG, "verify", "ticket-nonce",
			"The ticket answers another request: it may have been recorded and replayed.");
	if (strcmp(host, want->host) != 0 || json_get_int(doc, "boot", -1) != want->boot)
		return fault_set(fault, -EBADMSG, "verify", "ticket-host",
			"The ticket is for host %.64s and not for this boot of %.64s.", host,
			want->host);
	return 0;
}

int verify_ticket(const struct trust *trust, const char *text, const char *sig,
	const struct ticket_want *want, struct ticket *out, struct fault *fault)
{
	size_t len = strnlen(text, VERIFY_TICKET_MAX + 1);
	struct ticket t = { 0 };
	struct json *doc;
	char err[128];
	int rc = minisig_verify(
		trust->site, trust->n_site, text, len, sig, strnlen(sig, MINISIG_TEXT_MAX + 1));

	if (rc < 0)
		return fault_set(fault, -EBADMSG, "verify", "ticket-signature",
			"The signature of the boot ticket %s.", signature_problem(rc));
	doc = len <= VERIFY_TICKET_MAX ? json_read(text, len, err, sizeof err) : NULL;
	if (!doc || ticket_fields(doc, &t) < 0)
		rc = fault_set(fault, -EBADMSG, "verify", "ticket-malformed",
			"The boot ticket is signed but is no ticket that this agent understands.");
	else
		rc = ticket_about(doc, want, fault);
	json_free(doc);
	if (rc < 0)
		return rc;
	*out = t;
	return 0;
}

static int digest_check(const struct digest *want, const void *p, size_t len, const char *code,
	const char *what, struct fault *fault)
{
	struct digest found;

	if (digest_bytes(p, len, &found) < 0)
		return fault_set(fault, -EBADMSG, "verify", code,
			"The digest of %s could not be computed.", what);
	if (digest_equal(want, &found))
		return 0;
	fault_set(fault, -EBADMSG, "verify", code, "The server sent %s with another digest.", what);
	fault_digests(fault, NULL, want, &found);
	return -EBADMSG;
}

int verify_manifest_digest(
	const struct ticket *ticket, const void *p, size_t len, struct fault *fault)
{
	return digest_check(&ticket->manifest, p, len, "manifest-digest", "a manifest", fault);
}

int verify_signature_digest(
	const struct digest *want, const void *p, size_t len, struct fault *fault)
{
	return digest_check(want, p, len, "signature-digest", "a signature of the manifest", fault);
}

int verify_manifest_signature(const struct trust *trust, const void *p, size_t len,
	const char *const sigs[], size_t n, struct fault *fault)
{
	int rc = -ENOKEY, worst = -ENOKEY;

	for (size_t i = 0; i < n; i++) {
		rc = minisig_verify(trust->release, trust->n_release, p, len, sigs[i],
			strnlen(sigs[i], MINISIG_TEXT_MAX + 1));
		if (rc >= 0)
			return 0;
		if (rc != -ENOKEY)
			worst = rc;
	}
	if (n == 0)
		return fault_set(fault, -EBADMSG, "verify", "manifest-signature",
			"The image's manifest is not signed.");
	return fault_set(fault, -EBADMSG, "verify", "manifest-signature",
		"The signature of the image's manifest %s.", signature_problem(worst));
}

/* While the next kernel is loaded each file is there twice: as received, and where it will run. */
static uint64_t memory_needed(const struct manifest *m)
{
	return 2 * manifest_total(m) + MEMORY_RESERVE;
}

int verify_manifest(const char *text, size_t len, const struct ticket *ticket,
	const struct verify_host *host, struct manifest *out, struct fault *fault)
{
	char err[160];

	if (manifest_parse(text, len, out, err, sizeof err) < 0)
		return fault_set(fault, -EBADMSG, "verify", "manifest-malformed",
			"The manifest is signed but this agent does not understand it: %s.", err);
	if (!host->kind_ok[out->kind])
		return fault_set(fault, -EBADMSG, "verify", "manifest-kind",
			"This host cannot be handed over to an image of kind %s%s.",
			image_kind_name(out->kind),
			out->kind == IMAGE_XEN ? ": Secure Boot locks its kernel down" : "");
	if (out->expires_s < ticket->issued_s)
		return fault_set(fault, -EBADMSG, "verify", "manifest-expired",
			"Image %s %s has expired: sign it again or assign a newer one.", out->name,
			out->version);
	if (memory_needed(out) > host->memory_free)
		return fault_set(fault, -EBADMSG, "verify", "memory",
			"Image %s needs %llu MiB of free memory to start and this host has %llu MiB.",
			out->name, (unsigned long long)(memory_needed(out) >> 20),
			(unsigned long long)(host->memory_free >> 20));
	return 0;
}
