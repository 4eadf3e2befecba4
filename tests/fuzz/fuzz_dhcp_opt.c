/*
 * fuzz_dhcp_opt.c: the option walker, against a second reader. Every area, value and output is a
 * heap block of exactly its size, so that ASan sees one byte too many.
 *
 * Input: 4 bytes (two numbers that choose sizes), `file` of 128 bytes, `sname` of 64, options.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/dhcp_opt.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/reading.h"
#include "tests/support/dhcp_packet.h"

#define FILE_AT	   4
#define SNAME_AT   (FILE_AT + 128)
#define OPTIONS_AT (SNAME_AT + 64)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* Each step lands where it should; the end is the end, or malformed, as the bytes say. */
static void walk(const uint8_t *b, size_t len, bool tlv)
{
	struct rd r = { b, b + len, false };
	struct dhcp_opt o;
	size_t i = 0;
	int rc;

	while ((rc = (tlv ? dhcp_tlv_next : dhcp_opt_next)(&r, &o)) > 0) {
		while (!tlv && b[i] == 0)
			i++;
		must(len - i >= 2u + o.len);
		must(o.tag == b[i] && o.len == b[i + 1] && o.val == b + i + 2);
		i += 2u + o.len;
		must(r.p == b + i);
	}
	while (!tlv && i < len && b[i] == 0)
		i++;
	if (tlv ? i == len : i < len && b[i] == 255)
		must(rc == 0);
	else
		must(rc == -EBADMSG && (len - i < 2 || len - i - 2 < b[i + 1]));
}

/* The whole value, the first bytes of it, and a buffer that is larger. */
static void get(const struct dhcp_opts *o, const struct reading *want, uint8_t tag, size_t size)
{
	uint8_t val[READING_MAX];
	const int len = reading_get(want, tag, val);
	uint8_t *buf = malloc(size ? size : 1);

	must(buf != NULL);
	memset(buf, 0xa5, size);
	must(dhcp_opts_get(o, tag, buf, size) == (len < 0 ? -ENOENT : len));
	for (size_t i = 0; i < size; i++)
		must(buf[i] == (len > 0 && i < (size_t)len ? val[i] : 0xa5));
	free(buf);
}

static void scan(const uint8_t *data, const uint8_t *options, size_t len, size_t some_size)
{
	uint8_t *file = exact_copy(data + FILE_AT, 128), *sname = exact_copy(data + SNAME_AT, 64);
	struct reading want;
	struct dhcp_opts o;
	const bool good = reading_of(options, len, file, sname, &want);
	const int rc = dhcp_opts_scan(options, len, file, sname, &o);

	must(rc == (good ? 0 : -EBADMSG));
	for (unsigned tag = 1; good && tag < 255; tag++) {
		if (!want.there[tag] && tag != 12)
			continue;
		get(&o, &want, (uint8_t)tag, want.total[tag]);
		get(&o, &want, (uint8_t)tag, some_size);
	}
	free(file);
	free(sname);
}

/* Append val; whole or not at all, in pieces of 255 bytes. Returns their number. */
static size_t put(struct wr *w, uint8_t tag, const uint8_t *val, size_t len)
{
	const struct wr before = *w;
	const size_t pieces = len <= 255 ? 1 : (len + 254) / 255, need = len + 2 * pieces;
	const bool fits = need <= wr_left(w);

	must(dhcp_opt_put(w, tag, val, len) == fits && !w->bad);
	must(w->end == before.end && w->p == before.p + (fits ? need : 0));
	for (size_t i = 0; fits && i < pieces; i++) {
		const uint8_t *piece = before.p + i * 257;
		const size_t n = i + 1 < pieces ? 255 : len - i * 255;

		must(piece[0] == tag && piece[1] == n && !memcmp(piece + 2, val + i * 255, n));
	}
	return fits ? pieces : 0;
}

/* Write the options anew as long as they fit, one of some length after them; and walk what came of
 * it. */
static void write_again(const uint8_t *options, size_t len, size_t room, size_t some_len)
{
	static const uint8_t zeros[1024];
	uint8_t *buf = malloc(room ? room : 1);
	struct wr w = { buf, buf + room, false };
	struct rd r = { options, options + len, false };
	struct dhcp_opt o;
	size_t n = 0;

	must(buf != NULL);
	while (dhcp_opt_next(&r, &o) > 0)
		n += put(&w, o.tag, o.val, o.len);
	n += put(&w, DHCP_OPT_VENDOR, zeros, some_len);
	if (wr_left(&w)) {
		wr_u8(&w, DHCP_OPT_END);
		r = (struct rd){ buf, w.p, false };
		while (dhcp_opt_next(&r, &o) > 0)
			n--;
		must(n == 0 && !r.bad && r.p == w.p);
	}
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t len = size < OPTIONS_AT ? 0 : size - OPTIONS_AT;
	uint8_t *options;
	size_t a, b;

	if (size < OPTIONS_AT)
		return 0;
	a = (size_t)(data[0] << 8 | data[1]) % 2048;
	b = (size_t)(data[2] << 8 | data[3]) % 1024;
	options = exact_copy(data + OPTIONS_AT, len);
	walk(options, len, false);
	walk(options, len, true);
	scan(data, options, len, a);
	write_again(options, len, a, b);
	free(options);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	uint32_t rng = seed | 1;

	if (max_size <= OPTIONS_AT)
		return size;
	if (size < OPTIONS_AT) {
		memset(data + size, 0, OPTIONS_AT - size);
		size = OPTIONS_AT;
	}
	switch (mutate_below(&rng, 8)) {
	case 0:
		LLVMFuzzerMutate(data, FILE_AT, FILE_AT);
		return size;
	case 1:
		mutate_options(data + FILE_AT, 128, 128, &rng);
		return size;
	case 2:
		mutate_options(data + SNAME_AT, 64, 64, &rng);
		return size;
	case 3:
		return OPTIONS_AT + LLVMFuzzerMutate(data + OPTIONS_AT, size - OPTIONS_AT,
					    max_size - OPTIONS_AT);
	default:
		return OPTIONS_AT + mutate_options(data + OPTIONS_AT, size - OPTIONS_AT,
					    max_size - OPTIONS_AT, &rng);
	}
}
