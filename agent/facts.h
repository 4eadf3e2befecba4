/*
 * facts.h: what this host is: SMBIOS, processor, memory, network cards, disks, TPM, Secure Boot.
 * Read from the kernel's files below a root folder, so that a test can bring a tree of its own. A
 * value that vendors leave as they found it ("Default string") counts as absent: it is "" or 0.
 */
#ifndef MUSTER_AGENT_FACTS_H
#define MUSTER_AGENT_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/smbios.h"
#include "images/json.h"

#define FACTS_NICS_MAX	16
#define FACTS_DISKS_MAX 32

struct facts_nic {
	char name[16], mac[18], driver[32];
	char place[32]; /* of its device on the bus: "0000:03:00.0" */
	bool link, boot;
	int64_t speed; /* Mbit/s, 0: not known */
};

struct facts_disk {
	char name[32], model[64], serial[64], firmware[16];
	int64_t size; /* bytes */
	bool rotational;
};

struct facts {
	char uuid[37], serial[64], vendor[64], product[64];
	char bios[128], bios_version[40]; /* bios: with vendor and date */
	char board_serial[64], arch[16];
	char lockdown[16]; /* "none", "integrity", "confidentiality"; "" when the kernel has none */
	char cpu_model[80], cpu_virt[4]; /* cpu_virt: "svm", "vmx" or "" */
	bool uefi, secure_boot, is_virtual;
	int tpm;				   /* 0: none, 1, 2 */
	int64_t cpu_count, memory_mb, memory_free; /* memory_free: bytes */
	size_t n_nics, n_disks;
	struct facts_nic nics[FACTS_NICS_MAX];
	struct facts_disk disks[FACTS_DISKS_MAX];
	size_t n_dimms;
	struct smbios_dimm dimms[SMBIOS_DIMMS_MAX];
};

/* boot_mac marks the card that the loader used; it may be "". What cannot be read is absent. */
void facts_read(const char *sysroot, const char *boot_mac, struct facts *out);

/* The body of POST /v1/agent/facts. */
void facts_json(const struct facts *f, struct jw *w);

/* 1 when the value says nothing about the host. Pure. */
int facts_is_junk(const char *value);

#endif
