#include "tests/fuzz/mutate.h"

#include <stdbool.h>
#include <string.h>

#include "server/bytes.h"

#define OPTIONS_AT 240
#define PIECES_MAX 64

/* Options of an area as they stand one after the other; the last piece is END and what follows, or
 * what is no option any more. */
struct pieces {
	size_t n;
	struct {
		size_t at, len;
	} of[PIECES_MAX];
};

uint32_t mutate_below(uint32_t *rng, uint32_t n)
{
	*rng ^= *rng << 13; /* xorshift32; a seed of 0 would stay 0 */
	*rng ^= *rng >> 17;
	*rng ^= *rng << 5;
	if (!*rng)
		*rng = 1;
	return (uint32_t)((uint64_t)*rng * n >> 32);
}

uint32_t mutate_addr(uint32_t *rng)
{
	static const uint32_t other[] = { 0, 0x0a4d0001, 0x0a4d0002, 0x0a090001, 0x08080808,
		0xffffffff };
	static const uint32_t also[] = { 0x0a4d0032, 0x0a4e0101, 0x0a4e0102 };

	switch (mutate_below(rng, 8)) {
	case 0:
		return other[mutate_below(rng, ARRAY_LEN(other))];
	case 1:
		return 0x0a090064 + mutate_below(rng, 4); /* behind the relay */
	case 2:
		return also[mutate_below(rng, ARRAY_LEN(also))]; /* the network's other subnet */
	default:
		return 0x0a4d0063 + mutate_below(rng, 8); /* the range, and one more at each end */
	}
}

static void put_u32(uint8_t *b, uint32_t v)
{
	struct wr w = { b, b + 4, false };

	wr_u32(&w, v);
}

static void split(const uint8_t *b, size_t len, struct pieces *p)
{
	size_t i = 0, n;

	for (p->n = 0; i < len && p->n < PIECES_MAX; i += n) {
		n = b[i] == 0 ? 1 : len - i;
		if (b[i] && b[i] != 255 && len - i >= 2 && b[i + 1] <= len - i - 2)
			n = 2u + b[i + 1];
		p->of[p->n].at = i;
		p->of[p->n++].len = n;
	}
}

/* Replace `cut` bytes at `at` by n others. What does not fit stays as it was. */
static size_t splice(
	uint8_t *b, size_t len, size_t max, size_t at, size_t cut, const uint8_t *put, size_t n)
{
	if (len - cut + n > max)
		return len;
	memmove(b + at + n, b + at + cut, len - at - cut);
	if (n)
		memcpy(b + at, put, n);
	return len - cut + n;
}

static size_t some_len(uint32_t *rng)
{
	static const uint8_t edges[] = { 0, 1, 2, 3, 4, 5, 15, 16, 17, 18, 63, 64, 65, 127, 128,
		129, 252, 253, 254, 255 };

	return mutate_below(rng, 2) ? edges[mutate_below(rng, ARRAY_LEN(edges))]
				    : mutate_below(rng, 256);
}

/* Tags that somebody reads or writes, with a value as clients send it, and its length. */
static const struct usual {
	uint8_t tag, len;
	const char *val;
} usual[] = {
	{ 12, 3, "n01" },
	{ 50, 4, "\x0a\x4d\x00\x65" },
	{ 52, 1, "\x03" },
	{ 53, 1, "\x01" },
	{ 53, 1, "\x03" },
	{ 54, 4, "\x0a\x4d\x00\x01" },
	{ 55, 4, "\x01\x03\x06\x43" },
	{ 57, 2, "\x05\xc0" },
	{ 60, 32, "PXEClient:Arch:00007:UNDI:003010" },
	{ 60, 33, "HTTPClient:Arch:00016:UNDI:003000" },
	{ 60, 12, "muster-agent" },
	{ 61, 7, "\x01\x52\x54\x00\x00\x00\x01" },
	{ 77, 4, "iPXE" },
	{ 77, 5, "\x04iPXE" },
	{ 80, 0, "" },
	{ 82, 12, "\x05\x04\x0a\x09\x00\x01\x0b\x04\x0a\x09\x00\x01" },
	{ 82, 10, "\x01\x03\x67\x65\x31\x02\x03\x61\x62\x63" },
	{ 82, 5, "\x01\x03\x67\x65\x32" },
	{ 82, 7, "\x13\x00\x01\x03\x67\x65\x31" },
	{ 93, 2, "\x00\x00" },
	{ 93, 2, "\x00\x07" },
	{ 93, 2, "\x00\x10" },
	{ 97, 17, "\x00\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff" },
	{ 118, 4, "\x0a\x09\x00\x00" },
	{ 175, 6, "\x13\x01\x01\x24\x01\x01" },
};

/* An option as clients send it, or of any tag and length, filled with one byte. */
static size_t some_option(uint8_t out[257], uint32_t *rng)
{
	const struct usual *u = &usual[mutate_below(rng, ARRAY_LEN(usual))];
	size_t len = u->len;

	out[0] = u->tag;
	memcpy(out + 2, u->val, len);
	if (mutate_below(rng, 3) == 0) {
		len = some_len(rng);
		memset(out + 2, (int)mutate_below(rng, 256), len);
	}
	if (mutate_below(rng, 8) == 0)
		out[0] = (uint8_t)mutate_below(rng, 256);
	if ((out[0] == 50 || out[0] == 54) && len == 4)
		put_u32(out + 2, mutate_addr(rng));
	out[1] = (uint8_t)len;
	return 2 + len;
}

/* Grow or shrink an option, its length byte with it. */
static size_t resize(uint8_t *b, size_t len, size_t max, size_t at, size_t piece_len, uint32_t *rng)
{
	uint8_t option[257];
	const size_t n = some_len(rng);

	memset(option, (int)mutate_below(rng, 256), sizeof option);
	memcpy(option, b + at, piece_len < 2 + n ? piece_len : 2 + n);
	option[1] = (uint8_t)n;
	return splice(b, len, max, at, piece_len, option, 2 + n);
}

/* A relay's option, and iPXE's, is a list of options itself. */
static size_t change_inside(uint8_t *b, size_t len, size_t max, size_t at, size_t n, uint32_t *rng)
{
	uint8_t option[257];

	memcpy(option, b + at, n);
	option[1] = (uint8_t)mutate_options(option + 2, n - 2, 255, rng);
	return splice(b, len, max, at, n, option, 2u + option[1]);
}

/* Take a piece out, repeat it elsewhere, cut everything short, let its length lie, ... */
static size_t change_piece(
	uint8_t *b, size_t len, size_t max, const struct pieces *p, uint32_t *rng)
{
	const size_t k = mutate_below(rng, (uint32_t)p->n), at = p->of[k].at, n = p->of[k].len;
	const size_t to = p->of[mutate_below(rng, (uint32_t)p->n)].at;
	uint8_t option[257];

	switch (mutate_below(rng, 8)) {
	case 0:
		return splice(b, len, max, at, n, NULL, 0);
	case 1:
		if (n > sizeof option)
			return len;
		memcpy(option, b + at, n);
		return splice(b, len, max, to, 0, option, n);
	case 2:
		return at; /* END is gone, too */
	case 3:
		return splice(b, len, max, to, 0, (const uint8_t *)"\xff", 1);
	case 4:
		if (n >= 2)
			b[at + 1] = (uint8_t)some_len(rng);
		return len;
	case 5:
		if (n >= 2 && n <= sizeof option && (b[at] == 82 || b[at] == 175))
			return change_inside(b, len, max, at, n, rng);
		if (n > 2)
			LLVMFuzzerMutate(b + at + 2, n - 2, n - 2);
		return len;
	default:
		return n >= 2 && n <= 257 ? resize(b, len, max, at, n, rng) : len;
	}
}

size_t mutate_options(uint8_t *b, size_t len, size_t max, uint32_t *rng)
{
	struct pieces p;
	uint8_t option[257];
	size_t at, n;

	split(b, len, &p);
	if (p.n && mutate_below(rng, 4))
		return change_piece(b, len, max, &p, rng);
	at = p.n ? p.of[mutate_below(rng, (uint32_t)p.n)].at : 0;
	n = some_option(option, rng);
	return splice(b, len, max, at, 0, option, n);
}

/* Give the option a value, or take the option out (NULL), wherever it stands. */
static size_t set_option(
	uint8_t *b, size_t len, size_t max, uint8_t tag, const uint8_t *val, size_t val_len)
{
	uint8_t option[257] = { tag, (uint8_t)val_len };
	struct pieces p;

	split(b + OPTIONS_AT, len - OPTIONS_AT, &p);
	for (size_t k = p.n; k-- > 0;)
		if (b[OPTIONS_AT + p.of[k].at] == tag)
			len = splice(b, len, max, OPTIONS_AT + p.of[k].at, p.of[k].len, NULL, 0);
	if (!val)
		return len;
	memcpy(option + 2, val, val_len);
	return splice(b, len, max, OPTIONS_AT, 0, option, 2 + val_len);
}

static size_t set_addr(uint8_t *b, size_t len, size_t max, uint8_t tag, uint32_t addr)
{
	uint8_t val[4];

	put_u32(val, addr);
	return set_option(b, len, max, tag, addr ? val : NULL, sizeof val);
}

/* The address that a packet is about: in ciaddr or option 50; 0 when it names none. */
static uint32_t named_addr(const uint8_t *b, size_t len)
{
	struct rd r = { b + 12, b + 16, false };
	const uint32_t ciaddr = rd_u32(&r);
	struct pieces p;

	split(b + OPTIONS_AT, len - OPTIONS_AT, &p);
	for (size_t k = 0; k < p.n && !ciaddr; k++) {
		r = (struct rd){ b + OPTIONS_AT + p.of[k].at, b + len, false };
		if (p.of[k].len == 6 && rd_u16(&r) == (50 << 8 | 4))
			return rd_u32(&r);
	}
	return ciaddr;
}

size_t mutate_message(uint8_t *b, size_t len, size_t max, uint32_t *rng)
{
	/* RFC 2131, tables 4 and 5: which message names its address and its server where */
	static const struct {
		uint8_t type;
		bool requested, server, ciaddr;
	} messages[] = {
		{ 1, false, false, false }, /* DISCOVER */
		{ 1, true, false, false },
		{ 3, true, true, false }, /* REQUEST: selecting, twice as often as the others */
		{ 3, true, true, false }, { 3, true, false, false }, /* after a reboot */
		{ 3, false, false, true },			     /* renewing */
		{ 4, true, true, false },			     /* DECLINE */
		{ 7, false, true, true },			     /* RELEASE */
		{ 8, false, false, true },			     /* INFORM */
	};
	const unsigned m = mutate_below(rng, ARRAY_LEN(messages));
	const uint32_t named = mutate_below(rng, 2) ? named_addr(b, len) : 0;
	const uint32_t addr = named ? named : mutate_addr(rng);
	const uint32_t server = mutate_below(rng, 8) ? 0x0a4d0001 : mutate_addr(rng);

	put_u32(b + 12, messages[m].ciaddr ? addr : 0);
	len = set_addr(b, len, max, 54, messages[m].server ? server : 0);
	len = set_addr(b, len, max, 50, messages[m].requested ? addr : 0);
	return set_option(b, len, max, 53, &messages[m].type, 1);
}

void mutate_client(uint8_t *b, uint32_t *rng)
{
	memcpy(b + 28, "\x52\x54\x00\x00\x00", 5);
	b[33] = (uint8_t)(1 + mutate_below(rng, MUTATE_CLIENTS));
}

size_t mutate_place(uint8_t *b, size_t len, size_t max, uint32_t *rng)
{
	static const struct {
		uint32_t giaddr;
		uint8_t len; /* of option 82 */
		const char *relay;
	} places[] = {
		{ 0, 0, "" }, { 0x0a090001, 0, "" }, { 0x0a090001, 5, "\x01\x03ge1" },
		{ 0x0a090001, 5, "\x01\x03ge2" },
		{ 0x0a090001, 6, "\x05\x04\x0a\x4d\x00\x00" }, /* speaks for the near network */
	};
	const unsigned i = mutate_below(rng, ARRAY_LEN(places));
	const uint8_t *relay = (const uint8_t *)places[i].relay;

	put_u32(b + 24, places[i].giaddr);
	return set_option(b, len, max, 82, places[i].len ? relay : NULL, places[i].len);
}

static void mutate_header(uint8_t *b, uint32_t *rng)
{
	static const uint8_t addrs[] = { 12, 16, 20, 24 }; /* ciaddr, yiaddr, siaddr, giaddr */

	switch (mutate_below(rng, 6)) {
	case 0:
		LLVMFuzzerMutate(b, 12, 12);
		break;
	case 1:
		b[10] ^= 0x80; /* broadcast, please */
		break;
	case 2:
		put_u32(b + 24, mutate_below(rng, 2) ? 0x0a090001 : 0);
		break;
	case 3:
		put_u32(b + addrs[mutate_below(rng, ARRAY_LEN(addrs))], mutate_addr(rng));
		break;
	case 4:
		mutate_options(b + 108, 128, 128, rng);
		break;
	default:
		mutate_options(b + 44, 64, 64, rng);
		break;
	}
}

size_t mutate_packet(uint8_t *b, size_t len, size_t max, uint32_t *rng)
{
	if (len <= OPTIONS_AT) {
		if (max <= OPTIONS_AT)
			return len;
		memset(b, 0, OPTIONS_AT + 1);
		memcpy(b, "\x01\x01\x06", 3);
		memcpy(b + 236, "\x63\x82\x53\x63\xff", 5);
		mutate_client(b, rng);
		return mutate_message(b, OPTIONS_AT + 1, max, rng);
	}
	switch (mutate_below(rng, 10)) {
	case 0:
		mutate_header(b, rng);
		return len;
	case 1:
		mutate_client(b, rng);
		return len;
	case 2:
		return mutate_message(b, len, max, rng);
	case 3:
		return mutate_place(b, len, max, rng);
	default:
		return OPTIONS_AT +
		       mutate_options(b + OPTIONS_AT, len - OPTIONS_AT, max - OPTIONS_AT, rng);
	}
}
