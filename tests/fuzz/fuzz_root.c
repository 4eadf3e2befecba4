/*
 * fuzz_root.c: any bytes. What is accepted must print, and the printed text must parse to the same
 * root.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/root.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[STRICT_MAX];
	struct root r, again;
	char err[160];
	int len;

	if (root_parse((const char *)data, size, &r, err, sizeof err))
		return 0;
	if (r.threshold < 1 || r.threshold > r.n_keys || r.n_keys > ROOT_KEYS_MAX)
		abort();
	len = root_print(&r, text, sizeof text);
	if (len < 0 || root_parse(text, (size_t)len, &again, err, sizeof err) ||
		memcmp(&r, &again, sizeof r) != 0)
		abort();
	return 0;
}
