#include "server/ctl/manual.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "db/stage.h"
#include "server/ctl/ctl.h"
#include "server/ctl/verbs.h"

/* ---- pages ---- */

/* Text as it stands, whatever it means to roff. */
static void put(const char *s)
{
	bool at_start = true;

	for (; *s; s++) {
		if (at_start && (*s == '.' || *s == '\''))
			fputs("\\&", stdout);
		at_start = *s == '\n';
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
	}
}

static void put_usage(const struct verb *v)
{
	fputs(".br\n\\fBmuster", stdout);
	if (*v->noun)
		printf(" %s", v->noun);
	printf(" %s\\fR ", v->name);
	put(v->args);
	putchar('\n');
}

static void put_verb(const struct verb *v)
{
	printf(".SS %s%s%s ", v->noun, *v->noun ? " " : "", v->name);
	put(v->args);
	putchar('\n');
	putchar(toupper((unsigned char)*v->help));
	put(v->help + 1);
	puts(".");
	if (!v->more)
		return;
	puts(".PP\n.nf");
	put(v->more);
	puts(".fi");
}

static bool starts_noun(size_t i)
{
	return *verbs[i].noun && (!i || strcmp(verbs[i].noun, verbs[i - 1].noun) != 0);
}

static void put_nouns(void)
{
	puts(".SH SEE ALSO");
	for (size_t i = 0; i < n_verbs; i++) {
		if (starts_noun(i))
			printf(".BR muster\\-%s (1),\n", verbs[i].noun);
	}
	puts(".BR musterd (8),\n.BR muster.conf (5)");
}

void manual_page(const char *noun)
{
	const bool all = !*noun;

	printf(".TH MUSTER%s%s 1 \"\" \"muster " MUSTER_VERSION "\" \"muster manual\"\n",
		all ? "" : "\\-", noun);
	if (all)
		puts(".SH NAME\nmuster \\- give blank servers their hypervisor over the network");
	else
		printf(".SH NAME\nmuster\\-%s \\- the %s verbs of the muster command\n", noun,
			noun);
	puts(".SH SYNOPSIS\n.nh\n.ad l");
	for (size_t i = 0; i < n_verbs; i++) {
		if (all || !strcmp(verbs[i].noun, noun))
			put_usage(&verbs[i]);
	}
	puts(".SH DESCRIPTION");
	for (size_t i = 0; i < n_verbs; i++) {
		if (!strcmp(verbs[i].noun, noun))
			put_verb(&verbs[i]);
	}
	puts(".SH EVERYWHERE\n.nf");
	put(ctl_global_help);
	puts(".fi");
	put_nouns();
}

/* ---- completion ---- */

/* The "--words" of a text. */
static void put_options(const char *text)
{
	for (const char *s = text ? strstr(text, "--") : NULL; s; s = strstr(s, "--")) {
		const size_t n = 2 + strspn(s + 2, "abcdefghijklmnopqrstuvwxyz-");

		if (n > 2 && (s == text || !isalnum((unsigned char)s[-1])))
			printf(" %.*s", (int)n, s);
		s += n;
	}
}

static const char head[] =
	"# bash completion of muster, made by: muster help --completion\n"
	"_muster() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word choices='' words=() i\n"
	"\tlocal -A verbs options\n";

static const char tail[] =
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tcase $word in -o | --socket) ((i++)) ;; -*) ;; *) words+=(\"$word\") ;; esac\n"
	"\tdone\n"
	"\tCOMPREPLY=()\n"
	"\tcase $prev in\n"
	"\t-o) choices='table wide json csv name ansible' ;;\n"
	"\t--for) choices=$stages ;;\n"
	"\t--image) choices=$(muster -o name image list 2>/dev/null) ;;\n"
	"\t*)\n"
	"\t\tcase ${#words[@]} in\n"
	"\t\t0) choices=\"${!verbs[*]} $alone\" ;;\n"
	"\t\t1) choices=${verbs[${words[0]}]:-${options[${words[0]}]}} ;;\n"
	"\t\t*)\n"
	"\t\t\tword=${words[0]}\n"
	"\t\t\tchoices=${options[\"${words[0]} ${words[1]}\"]}\n"
	"\t\t\tcase $cur$word in\n"
	"\t\t\t-*) ;;\n"
	"\t\t\t*host) choices+=\" $(muster -o name host list 2>/dev/null)\" ;;\n"
	"\t\t\t*image) choices+=\" $(muster -o name image list 2>/dev/null)\" ;;\n"
	"\t\t\tesac ;;\n"
	"\t\tesac ;;\n"
	"\tesac\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$cur\")\n"
	"}\n"
	"complete -o default -F _muster muster\n";

void manual_completion(void)
{
	fputs(head, stdout);
	for (size_t i = 0; i < n_verbs; i++) {
		if (!starts_noun(i))
			continue;
		printf("\tverbs[%s]='", verbs[i].noun);
		for (size_t k = i; k < n_verbs && !strcmp(verbs[k].noun, verbs[i].noun); k++)
			printf("%s%s", k > i ? " " : "", verbs[k].name);
		puts("'");
	}
	for (size_t i = 0; i < n_verbs; i++) {
		printf("\toptions['%s%s%s']='-o --help", verbs[i].noun, *verbs[i].noun ? " " : "",
			verbs[i].name);
		put_options(verbs[i].args);
		put_options(verbs[i].more);
		puts("'");
	}
	fputs("\tlocal alone='help", stdout);
	for (size_t i = 0; i < n_verbs; i++) {
		if (!*verbs[i].noun)
			printf(" %s", verbs[i].name);
	}
	fputs("' stages='", stdout);
	for (int i = 0; i < STAGE_FAILED; i++)
		printf("%s%s", i ? " " : "", boot_stage_name((enum boot_stage)i));
	puts("'");
	fputs(tail, stdout);
}
