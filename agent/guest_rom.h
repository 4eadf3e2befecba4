/*
 * guest_rom.h: two guests of a few dozen bytes, whose only work is to say a line that the machine
 * around them could not have said: the line is stored XOR-ed with GUEST_XOR, and only the guest's
 * own instructions turn it back. Pure.
 */
#ifndef MUSTER_AGENT_GUEST_ROM_H
#define MUSTER_AGENT_GUEST_ROM_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_XOR	0x5a
#define GUEST_WORD	"muster-guest " /* then the nonce, CR, LF */
#define GUEST_NONCE_LEN 32		/* hex digits */
#define GUEST_ROM_LEN	65536
#define GUEST_ELF_LEN	256

/* 1 when it is exactly GUEST_NONCE_LEN lower-case hex digits, else 0. */
int guest_nonce_ok(const char *nonce);

/*
 * A PC's 64 KiB BIOS: says the line on the first serial port (0x3f8), then leaves through QEMU's
 * isa-debug-exit at 0xf4 with value 0x10, which QEMU turns into exit status 33. 0 or -EINVAL.
 */
int guest_rom_bios(const char *nonce, uint8_t out[GUEST_ROM_LEN]);

/*
 * A Xen PVH kernel, ELF32 at 1 MiB: says the line on Xen's debug port (0xe9), then halts for good.
 * 0 or -EINVAL.
 */
int guest_rom_pvh(const char *nonce, uint8_t out[GUEST_ELF_LEN]);

/*
 * Find the line in what was written. Returns 0 with the nonce (GUEST_NONCE_LEN digits and NUL) and
 * the line itself (without CR and LF; line_size >= 64 holds it), or -ENOENT.
 */
int guest_line_find(
	const char *text, char nonce[GUEST_NONCE_LEN + 1], char *line, size_t line_size);

#endif
