/*
 * lowmem.h: low memory as a BIOS leaves it, for Xen on a UEFI host.
 *
 * Xen, entered through multiboot2 by kexec, sizes low memory and looks for the ACPI tables the way
 * a BIOS leaves them. Under UEFI these bytes are zero and Xen ends in a triple fault, or comes up
 * with one CPU and no ACPI. Seen with Xen 4.17 on OVMF. What it needs:
 *
 *   0x40e  u16  segment of the extended BIOS data area: 0x0050, so that Xen searches at 0x500
 *   0x413  u16  KiB of low memory: 639
 *   0x500  36   root system description pointer, ACPI 2.0 (ACPI 6.4 section 5.2.5.3):
 *               "RSD PTR " 8 | checksum of 0..19 1 | OEM id 6 | revision 2 1 | RSDT address 4 |
 *               length 36 4 | XSDT address 8 | checksum of 0..35 1 | reserved 3
 *
 * All of it is little-endian. Pure.
 */
#ifndef MUSTER_AGENT_LOWMEM_H
#define MUSTER_AGENT_LOWMEM_H

#include <stddef.h>
#include <stdint.h>

#define LOWMEM_PATCHES	3
#define LOWMEM_RSDP_LEN 36

struct lowmem_patch {
	uint32_t at;  /* physical address */
	uint32_t len; /* bytes */
	uint8_t bytes[LOWMEM_RSDP_LEN];
};

void lowmem_patches(uint64_t xsdt, struct lowmem_patch out[LOWMEM_PATCHES]);

/*
 * The address in a kernel log line like "ACPI: XSDT 0x000000003FB7D0E8 00005C (v01 ...".
 * Returns 1 with *xsdt filled, or 0 when the line is another one.
 */
int lowmem_xsdt(const char *line, uint64_t *xsdt);

#endif
