#include "agent/verify.h"

#include <errno.h>

/* What the hand-off needs beside the files: page tables, the next kernel's first steps, us. */
#define MEMORY_RESERVE (64ULL << 20)

int verify_verdict(enum verdict v, const char *err, struct fault *fault)
{
	return v ? fault_set(fault, -EBADMSG, "verify", verdict_code(v), "%s", err) : 0;
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
