/*
 * smbios.h: memory modules, from the firmware's own table as the kernel hands it on
 * (/sys/firmware/dmi/tables/DMI; DMTF DSP0134 7.18). Pure.
 */
#ifndef MUSTER_AGENT_SMBIOS_H
#define MUSTER_AGENT_SMBIOS_H

#include <stddef.h>
#include <stdint.h>

#define SMBIOS_DIMMS_MAX 64

struct smbios_dimm {
	char slot[48];			      /* where it is: "P1 DIMM 3" */
	char maker[32], part[32], serial[32]; /* "" where the firmware does not say */
	int64_t size_mb;
	int64_t speed; /* MT/s that it can, 0: not said */
};

/*
 * The modules that are there; an empty slot is none. What is cut or not well-formed ends the table.
 * Returns their number, at most max.
 */
size_t smbios_dimms(const uint8_t *table, size_t len, struct smbios_dimm *out, size_t max);

#endif
