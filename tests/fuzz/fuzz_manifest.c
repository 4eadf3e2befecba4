/*
 * fuzz_manifest.c: any bytes. What is accepted must print, and the printed text must parse to the
 * same manifest.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[MANIFEST_MAX];
	struct manifest m, again;
	char err[160];
	int len;

	if (manifest_parse((const char *)data, size, &m, err, sizeof err))
		return 0;
	len = manifest_print(&m, text, sizeof text);
	if (len < 0 || manifest_parse(text, (size_t)len, &again, err, sizeof err) ||
		memcmp(&m, &again, sizeof m) != 0)
		abort();
	return 0;
}
