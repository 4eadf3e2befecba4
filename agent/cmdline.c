#include "agent/cmdline.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP	 "http://"
#define HTTP_LEN 7

/* The length of a host name or IPv4 address at s, or 0. */
static size_t host_len(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || (n > 0 && (s[n] == '.' || s[n] == '-')))
		n++;
	return n;
}

/* The length of ":PORT" at s, 0 when there is none, or SIZE_MAX when it is wrong. */
static size_t port_len(const char *s)
{
	size_t n = 1;

	if (s[0] != ':')
		return 0;
	while (isdigit((unsigned char)s[n]))
		n++;
	if (n < 2 || n > 6 || atol(s + 1) < 1 || atol(s + 1) > 65535)
		return SIZE_MAX;
	return n;
}

int cmdline_url(const char *text, char *out)
{
	size_t host, port, len;

	if (strncmp(text, HTTP, HTTP_LEN) != 0)
		return -EBADMSG;
	host = host_len(text + HTTP_LEN);
	port = port_len(text + HTTP_LEN + host);
	if (host == 0 || port == SIZE_MAX)
		return -EBADMSG;
	len = HTTP_LEN + host + port;
	if (len >= URL_MAX || (text[len] != '\0' && text[len] != '/'))
		return -EBADMSG;
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

/* "01-aa-bb-cc-dd-ee-ff": hardware type Ethernet, then the address. */
static void bootif_parse(const char *s, char *mac)
{
	char out[18];

	if (strlen(s) != 20 || strncmp(s, "01-", 3) != 0)
		return;
	for (size_t i = 0; i < 17; i++) {
		char c = s[3 + i];

		if (i % 3 == 2 ? c != '-' && c != ':' : !isxdigit((unsigned char)c))
			return;
		out[i] = i % 3 == 2 ? ':' : (char)tolower((unsigned char)c);
	}
	out[17] = '\0';
	memcpy(mac, out, sizeof out);
}

void cmdline_parse(const char *text, struct cmdline *out)
{
	char word[256];

	memset(out, 0, sizeof *out);
	while (*(text += strspn(text, " \t\n"))) {
		size_t len = strcspn(text, " \t\n");

		snprintf(word, sizeof word, "%.*s", len < sizeof word ? (int)len : 0, text);
		text += len;
		if (strncmp(word, "muster.url=", 11) == 0)
			cmdline_url(word + 11, out->url);
		else if (strncmp(word, "BOOTIF=", 7) == 0)
			bootif_parse(word + 7, out->boot_mac);
		else if (strcmp(word, "muster.debug") == 0)
			out->debug = true;
	}
}
