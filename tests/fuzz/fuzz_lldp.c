/*
 * fuzz_lldp.c: a frame behind its EtherType. What is read ends within its room and is printable;
 * cut behind its own end it reads the same.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lldp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(const char s[LLDP_TEXT_MAX])
{
	const size_t n = strnlen(s, LLDP_TEXT_MAX);

	must(n < LLDP_TEXT_MAX);
	for (size_t i = 0; i < n; i++)
		must(s[i] >= ' ' && s[i] < 0x7f);
}

/* Where the TLVs end, by another reader: behind the end TLV, or at the end of the bytes. */
static size_t end_of(const uint8_t *p, size_t len)
{
	size_t at = 0;

	while (len - at >= 2) {
		const unsigned head = (unsigned)p[at] << 8 | p[at + 1];

		at += 2 + (head & 0x1ff);
		if (head >> 9 == 0 || at >= len)
			return at;
	}
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lldp l = { .vlan = 4711 }, again = { 0 };
	int rc = lldp_read(data, size, &l);
	uint8_t *exact;
	size_t end;

	must(rc == 0 || rc == -EBADMSG || rc == -ENODATA);
	must(rc == 0 || l.vlan == 4711);
	if (rc)
		return 0;
	check_text(l.chassis);
	check_text(l.port);
	check_text(l.port_description);
	check_text(l.system);
	must(l.vlan <= 0xffff);
	end = end_of(data, size);
	must(end <= size);
	exact = malloc(end ? end : 1);
	must(exact != NULL);
	memcpy(exact, data, end);
	must(lldp_read(exact, end, &again) == 0 && !memcmp(&l, &again, sizeof l));
	free(exact);
	return 0;
}
