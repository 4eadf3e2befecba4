/*
 * fuzz_channel.c: any bytes. What is accepted must print, and the printed text must parse to the
 * same channel.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[STRICT_MAX];
	struct channel ch, again;
	char err[160];
	int len;

	if (channel_parse((const char *)data, size, &ch, err, sizeof err))
		return 0;
	if (ch.floor > ch.release || ch.issued_s >= ch.expires_s)
		abort();
	len = channel_print(&ch, text, sizeof text);
	if (len < 0 || channel_parse(text, (size_t)len, &again, err, sizeof err) ||
		memcmp(&ch, &again, sizeof ch) != 0)
		abort();
	return 0;
}
