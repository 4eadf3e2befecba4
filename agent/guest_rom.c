#include "agent/guest_rom.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MSG_MAX_LEN 64
#define ROM_CODE_AT 0xff00 /* within the ROM, and offset in its segment 0xf000 */
#define ROM_MSG_AT  0xff40
#define RESET_AT    0xfff0 /* where an x86 processor begins */

#define ELF_NOTE_AT 0x74 /* after the ELF header and two program headers */
#define ELF_CODE_AT 0x90
#define ELF_MSG_AT  0xb0
#define ELF_BASE    0x100000u

int guest_nonce_ok(const char *nonce)
{
	return strlen(nonce) == GUEST_NONCE_LEN &&
	       strspn(nonce, "0123456789abcdef") == GUEST_NONCE_LEN;
}

/* The line with its final NUL, hidden. */
static void hide_line(const char *nonce, uint8_t out[MSG_MAX_LEN])
{
	char line[MSG_MAX_LEN] = "";

	snprintf(line, sizeof line, GUEST_WORD "%s\r\n", nonce);
	for (size_t i = 0; i < MSG_MAX_LEN; i++)
		out[i] = (uint8_t)line[i] ^ GUEST_XOR;
}

int guest_rom_bios(const char *nonce, uint8_t out[GUEST_ROM_LEN])
{
	static const uint8_t code[] = {
		0xfa,		  /*       cli */
		0xbe, 0x40, 0xff, /*       mov si, ROM_MSG_AT */
		0x2e, 0xac,	  /* next: lodsb cs:[si] */
		0x34, GUEST_XOR,  /*       xor al, GUEST_XOR */
		0x74, 0x12,	  /*       jz leave */
		0x88, 0xc4,	  /*       mov ah, al */
		0xba, 0xfd, 0x03, /*       mov dx, 0x3fd (line status) */
		0xec,		  /* busy: in al, dx */
		0xa8, 0x20,	  /*       test al, 0x20 (transmitter empty) */
		0x74, 0xfb,	  /*       jz busy */
		0xba, 0xf8, 0x03, /*       mov dx, 0x3f8 (data) */
		0x88, 0xe0,	  /*       mov al, ah */
		0xee,		  /*       out dx, al */
		0xeb, 0xe8,	  /*       jmp next */
		0xb0, 0x10,	  /* leave: mov al, 0x10 */
		0xe6, 0xf4,	  /*       out 0xf4, al */
		0xf4,		  /* stop: hlt */
		0xeb, 0xfd,	  /*       jmp stop */
	};
	static const uint8_t reset[] = {
		0xea, 0x00, 0xff, 0x00, 0xf0, /* jmp 0xf000:ROM_CODE_AT */
	};

	if (!guest_nonce_ok(nonce))
		return -EINVAL;
	memset(out, 0xff, GUEST_ROM_LEN);
	memcpy(out + ROM_CODE_AT, code, sizeof code);
	hide_line(nonce, out + ROM_MSG_AT);
	memcpy(out + RESET_AT, reset, sizeof reset);
	return 0;
}

static void put_le(uint8_t *p, uint32_t v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void put_words(uint8_t *p, const uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_le(p + 4 * i, v[i], 4);
}

/* ELF header and two program headers: everything is loaded at ELF_BASE, and there is a note. */
static void elf_headers(uint8_t *out)
{
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 1 /* 32 bits */,
		1 /* little-endian */, 1 };
	const uint32_t where[] = { 1 /* version */, ELF_BASE + ELF_CODE_AT,
		52 /* program headers */ };
	/* type, offset, virtual, physical, length in file, in memory, flags, alignment */
	const uint32_t load[] = { 1, 0, ELF_BASE, ELF_BASE, GUEST_ELF_LEN, GUEST_ELF_LEN, 7, 4096 };
	const uint32_t note[] = { 4, ELF_NOTE_AT, ELF_BASE + ELF_NOTE_AT, ELF_BASE + ELF_NOTE_AT,
		20, 20, 4, 4 };

	memcpy(out, ident, sizeof ident);
	put_le(out + 16, 2, 2); /* executable */
	put_le(out + 18, 3, 2); /* i386 */
	put_words(out + 20, where, 3);
	put_le(out + 40, 52, 2); /* this header's length */
	put_le(out + 42, 32, 2); /* a program header's length */
	put_le(out + 44, 2, 2);	 /* two of them */
	put_words(out + 52, load, 8);
	put_words(out + 84, note, 8);
}

int guest_rom_pvh(const char *nonce, uint8_t out[GUEST_ELF_LEN])
{
	/* name length, description length, XEN_ELFNOTE_PHYS32_ENTRY, "Xen", entry address */
	const uint32_t note[] = { 4, 4, 18, 0x006e6558, ELF_BASE + ELF_CODE_AT };
	static const uint8_t code[] = {
		0xfa,			      /*       cli */
		0xbe, ELF_MSG_AT, 0, 0x10, 0, /*       mov esi, the line */
		0xfc,			      /*       cld */
		0xac,			      /* next: lodsb */
		0x34, GUEST_XOR,	      /*       xor al, GUEST_XOR */
		0x74, 0x04,		      /*       jz stop */
		0xe6, 0xe9,		      /*       out 0xe9, al */
		0xeb, 0xf7,		      /*       jmp next */
		0xf4,			      /* stop: hlt */
		0xeb, 0xfd,		      /*       jmp stop */
	};

	if (!guest_nonce_ok(nonce))
		return -EINVAL;
	memset(out, 0, GUEST_ELF_LEN);
	elf_headers(out);
	put_words(out + ELF_NOTE_AT, note, 5);
	memcpy(out + ELF_CODE_AT, code, sizeof code);
	hide_line(nonce, out + ELF_MSG_AT);
	return 0;
}

int guest_line_find(const char *text, char nonce[GUEST_NONCE_LEN + 1], char *line, size_t line_size)
{
	const char *at = text;
	char n[GUEST_NONCE_LEN + 1];

	while ((at = strstr(at, GUEST_WORD))) {
		snprintf(n, sizeof n, "%s", at + sizeof GUEST_WORD - 1);
		if (guest_nonce_ok(n)) {
			memcpy(nonce, n, sizeof n);
			snprintf(line, line_size, GUEST_WORD "%s", n);
			return 0;
		}
		at++;
	}
	return -ENOENT;
}
