#include "agent/verify.h"

#include <errno.h>
#include <string.h>

/* What the hand-off needs beside the files: page tables, the next kernel's first steps, us. */
#define MEMORY_RESERVE (64ULL << 20)

int verify_verdict(enum verdict v, const char *err, struct fault *fault)
{
	return v ? fault_set(fault, -EBADMSG, "verify", verdict_code(v), "%s", err) : 0;
}

int verify_named(
	const struct digest *want, const void *p, size_t len, const char *what, struct fault *fault)
{
	struct digest found;

	if (digest_bytes(p, len, &found) == 0 && digest_equal(want, &found))
		return 0;
	fault_set(fault, -EBADMSG, "verify", verdict_code(VERDICT_BLOB_DIGEST),
		"The server sent %s with another digest than it named.", what);
	if (digest_bytes(p, len, &found) == 0)
		fault_digests(fault, NULL, want, &found);
	return -EBADMSG;
}

int verify_ticket(const struct trust *trust, const struct api_ticket *offer,
	const struct ticket_want *want, struct ticket *out, struct fault *fault)
{
	const struct signed_text t = { .text = offer->ticket,
		.len = strlen(offer->ticket),
		.sigs = { { offer->ticket_sig, strlen(offer->ticket_sig) } },
		.n_sigs = 1 };
	char err[JUDGE_ERR_MAX];

	return verify_verdict(
		judge_ticket(trust->site, trust->n_site, &t, want, out, err), err, fault);
}

int verify_extra(const struct ticket *t, const void *p, size_t len, struct fault *fault)
{
	struct digest found;

	if (digest_bytes(p, len, &found) == 0 && len == t->extra_len &&
		digest_equal(&t->extra, &found))
		return 0;
	fault_set(fault, -EBADMSG, "verify", verdict_code(VERDICT_EXTRA_DIGEST), "%s (%zu bytes).",
		verdict_text(VERDICT_EXTRA_DIGEST), len);
	fault_digests(fault, NULL, &t->extra, &found);
	return -EBADMSG;
}

int verify_fresh(const struct trust *trust, uint64_t rtc_s, const struct root *root,
	const struct channel *ch, const struct ticket *ticket, uint64_t *now_s, bool *site_fresh,
	struct fault *fault)
{
	const struct judge_clock clock = { .rtc_s = rtc_s,
		.epoch_s = trust->epoch_s,
		.ticket_s = ticket->issued_s,
		.rtc_trusted = trust->rtc_trusted };
	char err[JUDGE_ERR_MAX];

	return verify_verdict(judge_fresh(root, ch, &clock, now_s, site_fresh, err), err, fault);
}

/* While the next kernel is loaded each file is there twice: as received, and where it will run. */
static uint64_t memory_needed(const struct manifest *m)
{
	return 2 * manifest_total(m) + MEMORY_RESERVE;
}

int verify_host_can(const struct manifest *m, const struct verify_host *host, struct fault *fault)
{
	if (!host->kind_ok[m->kind])
		return fault_set(fault, -EBADMSG, "verify", verdict_code(VERDICT_MANIFEST_KIND),
			"This host cannot be handed over to an image of kind %s%s.",
			image_kind_name(m->kind),
			m->kind == IMAGE_XEN ? ": Secure Boot locks its kernel down" : "");
	if (memory_needed(m) > host->memory_free)
		return fault_set(fault, -EBADMSG, "verify", verdict_code(VERDICT_MEMORY),
			"Image %s needs %llu MiB of free memory to start and this host has %llu MiB.",
			m->name, (unsigned long long)(memory_needed(m) >> 20),
			(unsigned long long)(host->memory_free >> 20));
	return 0;
}
