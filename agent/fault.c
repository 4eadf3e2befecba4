#include "agent/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fault_set(struct fault *f, int err, const char *stage, const char *code, const char *fmt, ...)
{
	va_list ap;

	memset(f, 0, sizeof *f);
	f->stage = stage;
	f->code = code;
	va_start(ap, fmt);
	vsnprintf(f->message, sizeof f->message, fmt, ap);
	va_end(ap);
	return err;
}

void fault_digests(struct fault *f, const char *file, const struct digest *expected,
	const struct digest *found)
{
	snprintf(f->file, sizeof f->file, "%s", file ? file : "");
	digest_hex(expected, f->expected);
	digest_hex(found, f->found);
}
