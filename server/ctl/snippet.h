/*
 * snippet.h: what another DHCP server has to be told, so that its hosts find this server: text to
 * paste, by the kind of that server. The templates are snippets/NAME.in, with @{addr} and @{url};
 * the name of another snippet stands for its text. Pure.
 */
#ifndef MUSTER_SERVER_CTL_SNIPPET_H
#define MUSTER_SERVER_CTL_SNIPPET_H

#include <stddef.h>

#define SNIPPET_MAX 4096 /* bytes of a text, NUL included */

/* Names with blanks between them, for people. */
extern const char snippet_names[];

/*
 * Fill the template with this server's URL, "http://ADDR[:PORT]". Returns 0; -ENOENT for an unknown
 * name; -EINVAL for a URL of another form; -ENOSPC. *out is a string on success only.
 */
int snippet_render(const char *name, const char *url, char *out, size_t size);

#endif
