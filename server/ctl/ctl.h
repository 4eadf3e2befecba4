/*
 * ctl.h: what every verb of the `muster` command gets, and how it speaks to people.
 *
 * Data goes to standard output, talk to standard error. A verb returns an exit code and has said
 * why when it is not CTL_OK. Texts printed by ctl_fail and friends are cleaned: control characters
 * that came from a host or a server never reach the terminal.
 */
#ifndef MUSTER_SERVER_CTL_CTL_H
#define MUSTER_SERVER_CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>

enum ctl_exit {
	CTL_OK,
	CTL_FAILED,
	CTL_USAGE,
	CTL_NOT_FOUND,
	CTL_CONFLICT,	 /* or a precondition that does not hold */
	CTL_UNREACHABLE, /* no server answers */
	CTL_TIMED_OUT,
};

/* CTL_ANSIBLE: an inventory, of `host list` alone. */
enum ctl_format { CTL_TABLE, CTL_WIDE, CTL_JSON, CTL_CSV, CTL_NAME, CTL_ANSIBLE };

struct verb;
struct client;
struct jw;

struct ctl {
	enum ctl_format format; /* -o */
	bool tty;		/* standard output is a terminal: redraw in place is fine */
	bool color;		/* terminal, and NO_COLOR is not set */
	bool utf8;		/* the locale says so */
	unsigned columns;	/* width of the output, 100 where unknown */
	unsigned watch_ms;	/* between two showings, 0: show once */
	bool patient;	     /* a server that is away will be asked again: nothing is said of it */
	const char *socket;  /* path of muster.sock */
	const char *url;     /* instead of the socket, or NULL */
	const char *ca_file; /* PEM certificates that url's is checked by, NULL: the system's */
	const char *token_file; /* bearer token for url, or NULL */
	const struct verb *verb;
	struct client *client; /* made by the first request, see client.h */
};

/*
 * A verb. argv[0] is "muster", argv[1..argc-1] what follows the verb's name, without the global
 * options (-o FORMAT, --socket PATH, -h, --help) and NULL-terminated; getopt_long starts afresh
 * with optind = 1. Returns enum ctl_exit.
 */
typedef int verb_fn(struct ctl *c, int argc, char **argv);

/* What holds for every verb, for people. */
extern const char ctl_global_help[];

/* "muster: TEXT" on standard error; returns `exit`, so that a verb can `return ctl_fail(...)`. */
int ctl_fail(enum ctl_exit exit, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print what was written, and free it. CTL_FAILED when there was no memory for it. */
int ctl_print_json(struct jw *w);

/* The second line of a failure: what to do next. */
void ctl_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Wrong arguments: TEXT (NULL when getopt has spoken), then the verb's usage; returns CTL_USAGE. */
int ctl_usage(const struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * "TEXT? [y/N]" on a terminal. CTL_OK on y; CTL_FAILED otherwise; CTL_USAGE where nobody can be
 * asked, because the verb's --yes is missing.
 */
int ctl_confirm(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Sleep so many milliseconds: between two questions to the server. */
void ctl_pause(unsigned ms);

#endif
