#include "agent/lowmem.h"

#include <stdlib.h>
#include <string.h>

#define EBDA_POINTER_AT	  0x40e
#define LOW_MEMORY_KIB_AT 0x413
#define RSDP_AT		  0x500

static void put_le(uint8_t *p, uint64_t v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* The byte that makes the sum of all len bytes zero. */
static uint8_t checksum(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	return (uint8_t)-sum;
}

static void rsdp(uint64_t xsdt, uint8_t out[LOWMEM_RSDP_LEN])
{
	memset(out, 0, LOWMEM_RSDP_LEN);
	memcpy(out, "RSD PTR ", 8);
	memcpy(out + 9, "MUSTER", 6);
	out[15] = 2;
	put_le(out + 20, LOWMEM_RSDP_LEN, 4);
	put_le(out + 24, xsdt, 8);
	out[8] = checksum(out, 20);
	out[32] = checksum(out, LOWMEM_RSDP_LEN);
}

void lowmem_patches(uint64_t xsdt, struct lowmem_patch out[LOWMEM_PATCHES])
{
	memset(out, 0, LOWMEM_PATCHES * sizeof out[0]);
	out[0].at = EBDA_POINTER_AT;
	out[0].len = 2;
	put_le(out[0].bytes, RSDP_AT >> 4, 2);
	out[1].at = LOW_MEMORY_KIB_AT;
	out[1].len = 2;
	put_le(out[1].bytes, 639, 2);
	out[2].at = RSDP_AT;
	out[2].len = LOWMEM_RSDP_LEN;
	rsdp(xsdt, out[2].bytes);
}

int lowmem_xsdt(const char *line, uint64_t *xsdt)
{
	static const char mark[] = "ACPI: XSDT 0x";
	const char *at = strstr(line, mark);
	unsigned long long v;

	if (!at)
		return 0;
	v = strtoull(at + sizeof mark - 1, NULL, 16);
	if (v == 0)
		return 0;
	*xsdt = v;
	return 1;
}
