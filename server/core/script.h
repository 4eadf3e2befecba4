/*
 * script.h: fill a template of ipxe-scripts/ with checked values. Pure.
 *
 * Templates have no logic: @{name} is replaced, a name without a value is an error before anything
 * is sent. A value comes from hosts and people: it may hold only characters that mean nothing to
 * iPXE, so it can never become a command. Lines that begin with "##" are for readers of the
 * template.
 */
#ifndef MUSTER_SERVER_CORE_SCRIPT_H
#define MUSTER_SERVER_CORE_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

struct script_value {
	const char *name, *value;
	bool lines; /* made here from checked values: whole lines, iPXE settings allowed */
};

/* The templates. */
extern const char *const script_boot;	/* a host that may boot */
extern const char *const script_direct; /* a host whose image iPXE starts by itself */
extern const char *const script_hello;	/* a host that has not said who it is */
extern const char *const script_wait;	/* a host that has nothing to boot: says why, tries again */

/*
 * Returns the length of the text in out; -ENOSPC when it does not fit; -EBADMSG for a template
 * with an unknown name or an unfinished @{; -EINVAL for a value that is not allowed.
 */
int script_fill(
	const char *template, const struct script_value *values, size_t n, char *out, size_t size);

/* The same for text that is no script: all of it is kept as it is, but for @{name}. */
int script_fill_text(
	const char *text, const struct script_value *values, size_t n, char *out, size_t size);

/* The first name of the text that has no value, whatever letters it has: 1 with *name filled, ""
 * where no } ends it; 0 when all have one. */
#define SCRIPT_NAME_MAX 40
int script_missing(
	const char *text, const struct script_value *values, size_t n, char name[SCRIPT_NAME_MAX]);

/* 1 when a value may go into a script: printable ASCII without  $ ` " ' \ | & ; < >  */
int script_value_ok(const char *value);

#endif
