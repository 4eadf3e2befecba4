/* main.c: the `muster` command: global options, the verb's name, help. */
#include <ctype.h>
#include <err.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "images/json.h"
#include "server/bytes.h"
#include "server/ctl/client.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/manual.h"
#include "server/nearest.h"
#include "server/ctl/verbs.h"

#define SOCKET_DEFAULT "/run/muster/muster.sock"
#define WATCH_MS       2000
#define FAR_WORD       4 /* edits from which a word is no longer a slip of the finger */

/* ---- talking ---- */

static void say(const char *start, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof text, fmt, ap);
	fprintf(stderr, "%s%s\n", start, format_clean(text));
}

int ctl_fail(enum ctl_exit exit, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("muster: ", fmt, ap);
	va_end(ap);
	return (int)exit;
}

int ctl_print_json(struct jw *w)
{
	int rc = CTL_OK;

	if (w->bad)
		rc = ctl_fail(CTL_FAILED, "out of memory");
	else
		puts(w->buf);
	jw_fini(w);
	return rc;
}

void ctl_hint(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("  hint: ", fmt, ap);
	va_end(ap);
}

/* "muster host add NAME --mac MAC" without the blanks of empty parts. */
static void put_usage(FILE *f, const struct verb *v)
{
	fprintf(f, "usage: muster%s%s %s%s%s\n", *v->noun ? " " : "", v->noun, v->name,
		*v->args ? " " : "", v->args);
}

int ctl_usage(const struct ctl *c, const char *fmt, ...)
{
	va_list ap;

	if (fmt) {
		va_start(ap, fmt);
		say("muster: ", fmt, ap);
		va_end(ap);
	}
	put_usage(stderr, c->verb);
	return CTL_USAGE;
}

int ctl_confirm(const char *fmt, ...)
{
	char text[1024], answer[16];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	format_clean(text);
	if (!isatty(STDIN_FILENO))
		return ctl_fail(CTL_USAGE, "%s? needs --yes where nobody can be asked", text);
	fprintf(stderr, "%s? [y/N] ", text);
	if (!fgets(answer, sizeof answer, stdin) || (*answer != 'y' && *answer != 'Y'))
		return ctl_fail(CTL_FAILED, "nothing was changed");
	return CTL_OK;
}

void ctl_pause(unsigned ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

/* ---- help ---- */

const char ctl_global_help[] =
	"Everywhere:\n"
	"  -o table|wide|json|csv|name  for people, or for machines (default: table); of `host list`\n"
	"                               also ansible, an inventory\n"
	"  --watch[=SECONDS]            again and again (default 2 s), of what only shows\n"
	"  --socket PATH                the server's socket (MUSTER_SOCKET, else " SOCKET_DEFAULT
	")\n"
	"  -h, --help                   this verb's arguments\n"
	"A server on another machine: MUSTER_URL=https://..., MUSTER_TOKEN_FILE with what `token\n"
	"create` gave, MUSTER_CA with its certificate where the system does not know who signed it\n"
	"NAMES: n01,n02  n[01-40,51]  all  image=kvm  stage=failed  @rack=r3  n[01-40],-n07 (what\n"
	"follows a - is taken out of what stands before it)\n"
	"Exit: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 no server, 6 timed out\n";

static void put_verbs(FILE *f, const char *noun)
{
	for (size_t i = 0; i < n_verbs; i++) {
		const struct verb *v = &verbs[i];
		char line[96];

		if (strcmp(v->noun, noun))
			continue;
		snprintf(line, sizeof line, "%s%s%s %s", v->noun, *v->noun ? " " : "", v->name,
			v->args);
		if (strlen(line) > 34)
			fprintf(f, "  %s\n  %34s  %s\n", line, "", v->help);
		else
			fprintf(f, "  %-34s  %s\n", line, v->help);
	}
}

static void help_all(FILE *f)
{
	fputs("muster gives blank servers their hypervisor over the network, at every boot\n"
	      "usage: muster NOUN VERB [ARGUMENTS]\n\n",
		f);
	for (size_t i = 0; i < n_verbs; i++) {
		if (!i || strcmp(verbs[i].noun, verbs[i - 1].noun))
			put_verbs(f, verbs[i].noun);
	}
	fprintf(f, "\n%s", ctl_global_help);
}

static void help_verb(const struct verb *v)
{
	put_usage(stdout, v);
	printf("%c%s.\n", toupper((unsigned char)*v->help), v->help + 1);
	if (v->more)
		printf("\n%s", v->more);
	printf("\n%s", ctl_global_help);
}

/* ---- which verb ---- */

static bool is_noun(const char *word)
{
	for (size_t i = 0; i < n_verbs; i++) {
		if (*word && !strcmp(verbs[i].noun, word))
			return true;
	}
	return false;
}

static const struct verb *find_verb(const char *noun, const char *name)
{
	for (size_t i = 0; i < n_verbs; i++) {
		if (!strcmp(verbs[i].noun, noun) && !strcmp(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}

static const struct verb *under_any_noun(const char *name)
{
	for (size_t i = 0; i < n_verbs; i++) {
		if (*verbs[i].noun && !strcmp(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}

static int unknown(const char *noun, const char *word)
{
	const struct verb *other = *noun ? under_any_noun(word) : NULL;
	const char *best = NULL;
	unsigned distance = FAR_WORD;

	for (size_t i = 0; i < n_verbs; i++) {
		if (!strcmp(verbs[i].noun, noun))
			nearest_try(word, verbs[i].name, &best, &distance);
		if (!*noun && *verbs[i].noun)
			nearest_try(word, verbs[i].noun, &best, &distance);
	}
	ctl_fail(CTL_USAGE, "%s%sthere is no '%s'", noun, *noun ? ": " : "", word);
	if (other)
		ctl_hint("did you mean 'muster %s %s'?", other->noun, other->name);
	else if (best)
		ctl_hint("did you mean 'muster %s%s%s'?", noun, *noun ? " " : "", best);
	else
		ctl_hint("'muster help' shows what there is");
	return CTL_USAGE;
}

/* `muster`, `muster help ...`, and nouns that lack their verb. argv[0] is the first word. */
static int help(int argc, char **argv, FILE *f)
{
	const struct verb *v;

	if (!argc) {
		help_all(f);
		return CTL_OK;
	}
	if (!strcmp(argv[0], "--completion")) {
		manual_completion();
		return CTL_OK;
	}
	if (!strcmp(argv[0], "--man") && (argc == 1 || is_noun(argv[1]))) {
		manual_page(argc == 1 ? "" : argv[1]);
		return CTL_OK;
	}
	v = find_verb("", argv[0]);
	if (!v && argc > 1)
		v = find_verb(argv[0], argv[1]);
	if (v) {
		help_verb(v);
		return CTL_OK;
	}
	if (!is_noun(argv[0]))
		return unknown("", argv[0]);
	if (argc > 1)
		return unknown(argv[0], argv[1]);
	put_verbs(f, argv[0]);
	return CTL_OK;
}

/* ---- global options ---- */

static int take_format(struct ctl *c, const char *word)
{
	static const char *const words[] = {
		[CTL_TABLE] = "table",
		[CTL_WIDE] = "wide",
		[CTL_JSON] = "json",
		[CTL_CSV] = "csv",
		[CTL_NAME] = "name",
		[CTL_ANSIBLE] = "ansible",
	};

	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(words[i], word)) {
			c->format = (enum ctl_format)i;
			return CTL_OK;
		}
	}
	return ctl_fail(
		CTL_USAGE, "-o takes table, wide, json, csv, name or ansible, not '%s'", word);
}

/*
 * If argv[*i] is the option `name`, "--name VALUE" or "--name=VALUE" (for -o: "-oVALUE"), return
 * its value and move *i to the last word that it takes. "" when the value is missing.
 */
static const char *option_value(const char *name, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	size_t len = strlen(name);

	if (strncmp(word, name, len))
		return NULL;
	if (!word[len])
		return *i + 1 < argc ? argv[++*i] : "";
	if (word[len] == '=')
		return word + len + 1;
	return len == 2 ? word + len : NULL;
}

static bool has_word(char **argv, const char *word)
{
	while (*argv && strcmp(*argv, word))
		argv++;
	return *argv != NULL;
}

/* Has the verb, once it was read, an -o of its own? These two say by it where to. */
static bool own_o(int kept, char **argv)
{
	const struct verb *v = kept > 2 ? find_verb(argv[1], argv[2]) : NULL;

	return v && (v->fn == verb_image_build ||
			    (v->fn == verb_host_timeline && has_word(argv, "--svg")));
}

static int take_watch(struct ctl *c, const char *word)
{
	char *end;
	const double s = strtod(word, &end);

	if (*end || !(s >= 0.1 && s <= 3600))
		return ctl_fail(CTL_USAGE, "--watch takes 0.1 to 3600 seconds, not '%s'", word);
	c->watch_ms = (unsigned)(s * 1000);
	return CTL_OK;
}

/* Take the global options out of argv, wherever they stand before a "--". */
static int take_globals(struct ctl *c, int *argc, char **argv, bool *want_help)
{
	int kept = 1, i;

	for (i = 1; i < *argc && strcmp(argv[i], "--"); i++) {
		const char *value;
		int rc;

		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
			*want_help = true;
		} else if (!own_o(kept, argv) && (value = option_value("-o", *argc, argv, &i))) {
			rc = take_format(c, value);
			if (rc)
				return rc;
		} else if (!strcmp(argv[i], "--watch")) {
			c->watch_ms = WATCH_MS;
		} else if (!strncmp(argv[i], "--watch=", 8)) {
			rc = take_watch(c, argv[i] + 8);
			if (rc)
				return rc;
		} else if ((value = option_value("--socket", *argc, argv, &i))) {
			if (!*value)
				return ctl_fail(CTL_USAGE, "--socket takes a path");
			c->socket = value;
			c->url = NULL;
		} else {
			argv[kept++] = argv[i];
		}
	}
	while (i < *argc)
		argv[kept++] = argv[i++];
	argv[kept] = NULL;
	*argc = kept;
	return CTL_OK;
}

static unsigned terminal_columns(void)
{
	const char *env = getenv("COLUMNS");
	struct winsize w = { 0 };

	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col >= 40)
		return w.ws_col;
	return env && atoi(env) >= 40 && atoi(env) <= 1000 ? (unsigned)atoi(env) : 100;
}

static void init(struct ctl *c)
{
	const char *socket = getenv("MUSTER_SOCKET"), *url = getenv("MUSTER_URL"),
		   *ca = getenv("MUSTER_CA"), *no_color = getenv("NO_COLOR"),
		   *term = getenv("TERM");

	setlocale(LC_CTYPE, "");
	c->tty = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");
	c->color = c->tty && !(no_color && *no_color);
	c->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	c->columns = terminal_columns();
	c->socket = socket && *socket ? socket : SOCKET_DEFAULT;
	c->url = url && *url ? url : NULL;
	c->token_file = getenv("MUSTER_TOKEN_FILE");
	c->ca_file = ca && *ca ? ca : NULL;
}

static char program[] = "muster"; /* how getopt's messages begin */

/* getopt and the verb may move words about, so each call has a list of its own. */
static int call(struct ctl *c, const struct verb *v, int argc, char **argv)
{
	char **own = malloc(((size_t)argc + 1) * sizeof *own);
	int rc;

	if (!own)
		errx(CTL_FAILED, "out of memory");
	memcpy(own, argv, ((size_t)argc + 1) * sizeof *own);
	optind = 0; /* glibc: from the start, whatever the last call left */
	rc = v->fn(c, argc, own);
	free(own);
	return rc;
}

static bool only_shows(const struct verb *v)
{
	static const char *const names[] = { "status", "list", "show", "why", "log", "channels",
		"timeline" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!strcmp(v->name, names[i]))
			return true;
	}
	return false;
}

/* Until it is interrupted, whatever it says: a server may come back. */
static int watch(struct ctl *c, const struct verb *v, int argc, char **argv)
{
	for (;;) {
		if (c->tty)
			fputs("\033[H\033[2J", stdout);
		call(c, v, argc, argv);
		if (fflush(stdout) || ferror(stdout))
			return CTL_FAILED;
		ctl_pause(c->watch_ms);
	}
}

/* What was to be said has to get out, too. */
static int written(int rc)
{
	if (fflush(stdout) || ferror(stdout))
		return rc ? rc : ctl_fail(CTL_FAILED, "cannot write the output");
	return rc;
}

static int run(struct ctl *c, const struct verb *v, int argc, char **argv)
{
	int rc;

	c->verb = v;
	argv[0] = program;
	if (c->format == CTL_ANSIBLE && v->fn != verb_host_list)
		return ctl_usage(c, "only 'muster host list' makes an inventory for Ansible");
	if (c->watch_ms && !only_shows(v))
		return ctl_usage(c, "--watch is for verbs that only show something");
	rc = c->watch_ms ? watch(c, v, argc, argv) : call(c, v, argc, argv);
	client_free(c->client);
	return written(rc);
}

int main(int argc, char **argv)
{
	struct ctl c = { 0 };
	const struct verb *v;
	bool want_help = false;
	int rc;

	init(&c);
	rc = take_globals(&c, &argc, argv, &want_help);
	if (rc)
		return rc;
	argc--;
	argv++;
	if (argc && !strcmp(argv[0], "help"))
		return written(help(argc - 1, argv + 1, stdout));
	if (argc && (!strcmp(argv[0], "--version") || !strcmp(argv[0], "version")))
		return written(puts("muster " MUSTER_VERSION) < 0);
	if (want_help)
		return written(help(argc, argv, stdout));
	v = argc ? find_verb("", argv[0]) : NULL;
	if (v)
		return run(&c, v, argc, argv);
	if (argc > 1 && (v = find_verb(argv[0], argv[1])))
		return run(&c, v, argc - 1, argv + 1);
	rc = help(argc, argv, stderr);
	return rc ? rc : CTL_USAGE;
}
