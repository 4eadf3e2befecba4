/*
 * setup.h: the configuration that `muster setup` writes. Pure.
 */
#ifndef MUSTER_SERVER_CTL_SETUP_H
#define MUSTER_SERVER_CTL_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETUP_TEXT_MAX 4096
#define SETUP_MARK     "; made by muster setup"

/* What was asked, or said by options. Addresses in host order. */
struct setup {
	char name[64];
	char interface[16];
	uint32_t addr, mask;  /* of the interface */
	bool proxy;	      /* another DHCP server gives the addresses */
	uint32_t first, last; /* the range, in full mode */
	uint32_t router;      /* 0: none */
	uint32_t dns;	      /* 0: none */
	char admission[16];
	char image[64]; /* "": none */
};

/* An interface of this machine, or any network that it is on. Host order. */
struct setup_nic {
	char name[16];
	uint32_t addr, mask;
};

/* A range within the interface's subnet that leaves its own address out: its upper half. */
void setup_guess_range(struct setup *s);

/*
 * Can hosts of this interface reach a DNS server that this machine uses? 1; or 0 with the reason
 * in why. It must not be on this machine's loopback, nor on another of its networks, and be behind
 * the hosts' router when it is not beside them.
 */
#define SETUP_WHY_MAX 160
int setup_dns_reachable(const struct setup *s, uint32_t dns, const struct setup_nic *nics, size_t n,
	char why[SETUP_WHY_MAX]);

/*
 * Is it consistent? 0, or -EINVAL with a sentence in err.
 */
int setup_check(const struct setup *s, char *err, size_t err_size);

/*
 * What a file says that setup_print has made, for a second run; addr and mask stay as they are.
 * 0, or -EINVAL: it begins with another line.
 */
int setup_read(const char *text, struct setup *out);

/* The file, beginning with SETUP_MARK. Returns its length. */
size_t setup_print(const struct setup *s, char out[SETUP_TEXT_MAX]);

#endif
