#include "db/host.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void host_uuid_swap(const uint8_t in[16], uint8_t out[16])
{
	static const uint8_t from[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

	for (int i = 0; i < 16; i++)
		out[i] = in[from[i]];
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two digits of s, or -1. Stops at a NUL in the first. */
static int hex_byte(const char *s)
{
	int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);

	return low < 0 ? -1 : high << 4 | low;
}

static bool all_bytes(const uint8_t *p, size_t n, uint8_t v)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != v)
			return false;
	}
	return true;
}

int host_uuid_parse(const char *text, uint8_t out[16])
{
	uint8_t u[16];

	for (size_t i = 0; i < sizeof u; i++) {
		int b;

		if (i == 4 || i == 6 || i == 8 || i == 10) {
			if (*text++ != '-')
				return -EBADMSG;
		}
		b = hex_byte(text);
		if (b < 0)
			return -EBADMSG;
		u[i] = (uint8_t)b;
		text += 2;
	}
	if (*text)
		return -EBADMSG;
	if (all_bytes(u, sizeof u, 0) || all_bytes(u, sizeof u, 0xff))
		return -ENODATA;
	memcpy(out, u, sizeof u);
	return 0;
}

void host_uuid_print(const uint8_t u[16], char out[HOST_UUID_TEXT])
{
	snprintf(out, HOST_UUID_TEXT,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		u[15]);
}

int host_mac_parse(const char *text, uint8_t out[6])
{
	uint8_t m[6];

	for (size_t i = 0; i < sizeof m; i++) {
		int b;

		if (i && *text != ':' && *text != '-')
			return -EBADMSG;
		text += i > 0;
		b = hex_byte(text);
		if (b < 0)
			return -EBADMSG;
		m[i] = (uint8_t)b;
		text += 2;
	}
	if (*text)
		return -EBADMSG;
	if (all_bytes(m, sizeof m, 0) || (m[0] & 1))
		return -ENODATA;
	memcpy(out, m, sizeof m);
	return 0;
}

void host_mac_print(const uint8_t m[6], char out[HOST_MAC_TEXT])
{
	snprintf(out, HOST_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		m[5]);
}

int host_bytes_parse(const char *text, uint8_t out[HOST_BYTES_MAX])
{
	uint8_t bytes[HOST_BYTES_MAX];
	int n = 0;

	do {
		int b;

		text += n && *text == ':';
		b = hex_byte(text);
		if (b < 0 || n == HOST_BYTES_MAX)
			return -EBADMSG;
		bytes[n++] = (uint8_t)b;
		text += 2;
	} while (*text);
	memcpy(out, bytes, (size_t)n);
	return n;
}

void host_mac_add(struct host_identity *id, const uint8_t mac[6])
{
	for (size_t i = 0; i < id->n_macs; i++) {
		if (!memcmp(id->macs[i], mac, 6))
			return;
	}
	if (id->n_macs < HOST_MACS_MAX)
		memcpy(id->macs[id->n_macs++], mac, 6);
}

int host_serial_ok(const char *serial)
{
	static const char *const junk[] = { "To Be Filled By O.E.M.", "Default string",
		"System Serial Number", "Not Specified", "None", "N/A", "0123456789", "123456789" };
	bool varied = false;

	for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
		if (!strcasecmp(serial, junk[i]))
			return 0;
	}
	for (const char *s = serial; *s; s++)
		varied |= *s != serial[0];
	return varied;
}

int host_serial_fits(const char *serial)
{
	size_t n = 0;

	while ((unsigned char)serial[n] >= 0x20 && serial[n] != 0x7f)
		n++;
	return !serial[n] && n < HOST_TEXT_MAX;
}

int host_name_is_word(const char *name)
{
	return !strcasecmp(name, "all");
}

int host_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n < 1 || n > 63 || name[0] == '-' || name[0] == '.')
		return 0;
	for (const char *s = name; *s; s++) {
		if (!isalnum((unsigned char)*s) && *s != '-' && *s != '.')
			return 0;
	}
	return 1;
}
