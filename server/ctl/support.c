#include "server/ctl/support.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define KEY_MIN 40 /* letters of base64 that may be a key */

static void blank(char *s, size_t n)
{
	memset(s, '*', n);
}

static size_t span(const char *s, const char *more)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || (s[n] && strchr(more, s[n])))
		n++;
	return n;
}

/* Bytes between a quote and the one that ends it. */
static size_t quoted(const char *s)
{
	size_t n = 0;

	while (s[n + 1] && s[n + 1] != *s)
		n += s[n + 1] == '\\' && s[n + 2] ? 2 : 1;
	return n;
}

/*
 * The value behind a telling word: up to its closing quote; to the end of the line behind "KEY = ",
 * as configurations have it; of JSON to the next member; else the next word.
 */
static void blank_value(char *s)
{
	const char *ends = "\"' \t\r\n,}]&";
	char sep;

	s += strspn(s, "\"'");
	s += strspn(s, " \t");
	sep = *s;
	s += strspn(s, ":=");
	if (sep == ':')
		ends = "\"\r\n,}";
	else if (sep == '=' && strchr(" \t", *s))
		ends = "\r\n";
	s += strspn(s, " \t");
	if (*s && strchr("\"'", *s))
		blank(s + 1, quoted(s));
	else
		blank(s, strcspn(s, ends));
}

/* The password of "//USER:PASSWORD@". */
static void blank_login(char *s)
{
	const size_t n = strcspn(s, " /\t\r\n\"'<>");
	char *colon = memchr(s, ':', n), *at = memrchr(s, '@', n);

	if (colon && at && colon < at)
		blank(colon + 1, (size_t)(at - colon - 1));
}

/* Is what begins here what "Authorization: " says? */
static bool is_authorization(const char *text, const char *s)
{
	static const char word[] = "authorization";
	const size_t n = sizeof word - 1;

	while (s > text && strchr("\"'=: \t", s[-1]))
		s--;
	return (size_t)(s - text) >= n && !strncasecmp(s - n, word, n);
}

/*
 * What is between the lines that a private key in PEM begins and ends with; of one that is cut off
 * all that follows.
 */
static void blank_private_keys(char *text)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ", mark[] = "-----";

	for (char *s = text; (s = strstr(s, begin));) {
		char *label = s + sizeof begin - 1, *body = strstr(label, mark);
		const char *is = strstr(label, "PRIVATE KEY"), *stop;

		s = label;
		if (!body || !is || is > body)
			continue;
		body += sizeof mark - 1;
		stop = strstr(body, end);
		for (s = body; *s && s != stop; s++) {
			if (!strchr("\r\n", *s))
				*s = '*';
		}
	}
}

/* Is the word that ends here a telling one, and is something set to it? */
static bool tells(const char *text, const char *end)
{
	static const char *const words[] = { "secret", "password", "passwd", "passphrase", "token",
		"psk", "pwd", "api_key", "api-key", "apikey" };

	if (!strchr("\"'=: \t", *end) || !strpbrk(end, ":=") ||
		strcspn(end, ":=") > strspn(end, "\"' \t:="))
		return false;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		const size_t n = strlen(words[i]);

		if ((size_t)(end - text) >= n && !strncasecmp(end - n, words[i], n))
			return true;
	}
	return false;
}

void support_clean(char *text)
{
	blank_private_keys(text);
	for (char *s = text; *s;) {
		const size_t n = span(s, "_-/+");

		if (n == 0) {
			if (!strncmp(s, "://", 3))
				blank_login(s + 3);
			s++;
			continue;
		}
		if (!strncmp(s, "muster_", 7) && isdigit((unsigned char)s[7]) && n > KEY_MIN)
			blank(s, span(s, "_-/+="));
		else if (!strncmp(s, "RW", 2) && n > KEY_MIN)
			blank(s, span(s, "/+="));
		else if (n == 6 && !strncasecmp(s, "Bearer", 6))
			blank_value(s + n);
		else if (n == 5 && !strncasecmp(s, "Basic", 5) && is_authorization(text, s))
			blank_value(s + n);
		else if (tells(text, s + n))
			blank_value(s + n);
		s += n;
	}
}
