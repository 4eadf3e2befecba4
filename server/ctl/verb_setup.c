/*
 * verb_setup.c: `muster setup`: from a machine that has muster installed to one whose server can be
 * started. It asks what it cannot know, writes one file of its own, makes the server's user, and
 * leaves everything else as it is; what is done already is not done again.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/manifest.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/setup.h"
#include "server/ctl/setup_machine.h"
#include "server/ctl/verbs.h"

#define ETC	   "/etc/muster"
#define FILE_NAME  "muster.conf"
#define USER	   "muster"
#define ANSWER_MAX 128

struct asking {
	struct ctl *c;
	struct setup s;
	const char *etc;
	bool yes, dry, force, start;
	struct setup_nic nics[SETUP_NICS];
	size_t n_nics;
	bool router_said, dns_said; /* "none", too, is an answer */
	int former;		    /* enum former */
	char former_text[SETUP_TEXT_MAX];
};

static const char *addr_text(uint32_t addr, char out[INET_ADDRSTRLEN])
{
	const struct in_addr a = { htonl(addr) };

	return addr ? inet_ntop(AF_INET, &a, out, INET_ADDRSTRLEN) : "none";
}

/* ---- the file that is there ---- */

enum former { FORMER_NONE, FORMER_OURS, FORMER_OTHER };

/* What it says, in `text`; what it said is the answer to what is not asked. */
static int read_former(struct asking *k)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/" FILE_NAME, k->etc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return CTL_OK;
	n = fd < 0 ? -1 : read(fd, k->former_text, sizeof k->former_text - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
	k->former_text[n] = '\0';
	k->former = setup_read(k->former_text, &k->s) == 0 ? FORMER_OURS : FORMER_OTHER;
	k->router_said = k->dns_said = k->former == FORMER_OURS && k->s.first;
	return CTL_OK;
}

/* ---- asking ---- */

/* "QUESTION [DEFAULT]: ", and what was said, or the default. */
static int ask(const char *question, const char *def, char out[ANSWER_MAX])
{
	fprintf(stderr, "%s [%s]: ", question, def);
	if (!fgets(out, ANSWER_MAX, stdin))
		return ctl_fail(CTL_FAILED, "nothing was changed");
	out[strcspn(out, "\r\n")] = '\0';
	if (!*out)
		snprintf(out, ANSWER_MAX, "%s", def);
	return CTL_OK;
}

static const struct setup_nic *nic_named(const struct asking *k, const char *name)
{
	for (size_t i = 0; i < k->n_nics; i++) {
		if (!strcmp(k->nics[i].name, name))
			return &k->nics[i];
	}
	return NULL;
}

static int take_interface(struct asking *k, const char *name)
{
	const struct setup_nic *n = nic_named(k, name);
	int rc;

	if (!n) {
		rc = ctl_fail(
			CTL_NOT_FOUND, "there is no interface '%s' with an IPv4 address", name);
		ctl_hint("ip addr add 10.77.0.1/24 dev %s", name);
		return rc;
	}
	snprintf(k->s.interface, sizeof k->s.interface, "%s", n->name);
	k->s.addr = n->addr;
	k->s.mask = n->mask;
	return CTL_OK;
}

static int take_range(struct setup *s, const char *word)
{
	char copy[ANSWER_MAX], *minus;
	struct in_addr a, b;

	snprintf(copy, sizeof copy, "%s", word);
	minus = strchr(copy, '-');
	if (minus)
		*minus++ = '\0';
	if (!minus || inet_pton(AF_INET, copy, &a) != 1 || inet_pton(AF_INET, minus, &b) != 1)
		return ctl_fail(CTL_USAGE, "a range is FIRST-LAST, not '%s'", word);
	s->first = ntohl(a.s_addr);
	s->last = ntohl(b.s_addr);
	return CTL_OK;
}

static int take_address(uint32_t *out, const char *word)
{
	struct in_addr a;

	if (!strcmp(word, "none")) {
		*out = 0;
		return CTL_OK;
	}
	if (inet_pton(AF_INET, word, &a) != 1)
		return ctl_fail(CTL_USAGE, "'%s' is no IPv4 address", word);
	*out = ntohl(a.s_addr);
	return CTL_OK;
}

static int take_one_of(char *out, size_t size, const char *word, const char *const *words)
{
	for (size_t i = 0; words[i]; i++) {
		if (!strcmp(words[i], word)) {
			snprintf(out, size, "%s", word);
			return CTL_OK;
		}
	}
	return ctl_fail(CTL_USAGE, "'%s' is none of the answers", word);
}

static const char *const modes[] = { "full", "proxy", NULL };
static const char *const admissions[] = { "open", "registered", "approve", NULL };

static int ask_interface(struct asking *k)
{
	char answer[ANSWER_MAX], addr[INET_ADDRSTRLEN];

	if (!k->n_nics)
		return ctl_fail(CTL_FAILED, "no interface has an IPv4 address");
	for (size_t i = 0; i < k->n_nics; i++)
		fprintf(stderr, "  %-12s %s/%d\n", k->nics[i].name,
			addr_text(k->nics[i].addr, addr), __builtin_popcount(k->nics[i].mask));
	if (ask("On which interface do hosts boot?", k->nics[k->n_nics - 1].name, answer))
		return CTL_FAILED;
	return take_interface(k, answer);
}

/* The machine's own resolver, where hosts can reach it, too. */
static void guess_dns(struct asking *k)
{
	char why[SETUP_WHY_MAX] = "";

	if (k->dns_said)
		return;
	k->s.dns = setup_machine_resolver(&k->s, k->nics, k->n_nics, why);
	if (*why)
		fprintf(stderr, "  No DNS server is proposed: %s.\n", why);
}

static void guess(struct asking *k)
{
	if (!k->s.first)
		setup_guess_range(&k->s);
	if (!k->router_said)
		k->s.router = setup_machine_gateway(&k->s);
}

static int ask_addresses(struct asking *k)
{
	char answer[ANSWER_MAX], def[2 * INET_ADDRSTRLEN], a[INET_ADDRSTRLEN], b[INET_ADDRSTRLEN];
	struct setup *s = &k->s;
	int rc;

	snprintf(def, sizeof def, "%s-%s", addr_text(s->first, a), addr_text(s->last, b));
	rc = ask("Which addresses may it give?", def, answer);
	if (!rc)
		rc = take_range(s, answer);
	if (!rc)
		rc = ask("The hosts' default router?", addr_text(s->router, a), answer);
	if (!rc)
		rc = take_address(&s->router, answer);
	if (rc)
		return rc;
	guess_dns(k);
	rc = ask("Their DNS server?", addr_text(s->dns, a), answer);
	return rc ? rc : take_address(&s->dns, answer);
}

static int take_image(struct setup *s, const char *word)
{
	if (!strcmp(word, "none")) {
		s->image[0] = '\0';
		return CTL_OK;
	}
	if (!manifest_name_ok(word))
		return ctl_fail(CTL_USAGE, "'%s' is no name of an image", word);
	snprintf(s->image, sizeof s->image, "%s", word);
	return CTL_OK;
}

/* Any name may be said: the image can be imported later. */
static int ask_image(struct asking *k)
{
	char answer[ANSWER_MAX], names[SETUP_NAMES_MAX];

	if (!setup_machine_running(k->c))
		fprintf(stderr,
			"  No server runs yet, so no image is known: muster image import DIR "
			"brings one.\n");
	else if (!setup_machine_images(k->c, names))
		fprintf(stderr, "  No image is here yet: muster image import DIR brings one.\n");
	else
		fprintf(stderr, "  Images that are here: %s\n", names);
	if (ask("Which image do hosts get that have none assigned? A name, or none",
		    k->s.image[0] ? k->s.image : "none", answer))
		return CTL_FAILED;
	return take_image(&k->s, answer);
}

static int ask_all(struct asking *k)
{
	char answer[ANSWER_MAX], mode[8];
	int rc = CTL_OK;

	if (!k->s.interface[0])
		rc = ask_interface(k);
	if (!rc)
		rc = ask("Does another DHCP server stay there? full: no, proxy: yes",
			k->s.proxy ? "proxy" : "full", answer);
	if (!rc)
		rc = take_one_of(mode, sizeof mode, answer, modes);
	if (rc)
		return rc;
	k->s.proxy = !strcmp(mode, "proxy");
	guess(k);
	if (!k->s.proxy)
		rc = ask_addresses(k);
	if (!rc)
		rc = ask("Who may boot? open: everybody, registered: known hosts, approve: ask me",
			k->s.admission, answer);
	if (!rc)
		rc = take_one_of(k->s.admission, sizeof k->s.admission, answer, admissions);
	return rc ? rc : ask_image(k);
}

/* ---- doing ---- */

static int run(const char *const argv[])
{
	pid_t pid;
	int status;

	fflush(stdout); /* what we said comes before what it says */
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void say(const struct asking *k, const char *what)
{
	printf("%s%s\n", k->dry ? "would " : "", what);
}

static int make_user(const struct asking *k)
{
	static const char *const useradd[] = { "useradd", "--system", "--user-group",
		"--no-create-home", "--shell", "/usr/sbin/nologin", USER, NULL };

	if (getpwnam(USER))
		return CTL_OK;
	say(k, "make the system user " USER);
	if (k->dry)
		return CTL_OK;
	if (run(useradd) != 0)
		return ctl_fail(CTL_FAILED, "cannot make the user " USER);
	return CTL_OK;
}

static int set_aside(const struct asking *k)
{
	char from[PATH_MAX], to[PATH_MAX];

	snprintf(from, sizeof from, "%s/" FILE_NAME, k->etc);
	snprintf(to, sizeof to, "%s/" FILE_NAME ".old", k->etc);
	printf("%skeep the former file as %s\n", k->dry ? "would " : "", to);
	if (!k->dry && rename(from, to) < 0)
		return ctl_fail(CTL_FAILED, "%s: %s", to, strerror(errno));
	return CTL_OK;
}

static int write_file(const struct asking *k)
{
	char text[SETUP_TEXT_MAX];
	const size_t len = setup_print(&k->s, text);
	int rc = CTL_OK;

	if (k->former && !strcmp(text, k->former_text)) {
		printf("%s/" FILE_NAME " is as it shall be\n", k->etc);
		return CTL_OK;
	}
	if (k->former == FORMER_OTHER && !k->force) {
		ctl_fail(CTL_CONFLICT, "%s/" FILE_NAME " was not made by muster setup, and stays",
			k->etc);
		ctl_hint("--force keeps it as " FILE_NAME ".old and writes a new one");
		return CTL_CONFLICT;
	}
	if (k->former == FORMER_OTHER)
		rc = set_aside(k);
	if (rc)
		return rc;
	printf("%swrite %s/" FILE_NAME ":\n%s\n", k->dry ? "would " : "", k->etc, text);
	if (k->dry)
		return CTL_OK;
	if (mkdir(k->etc, 0755) < 0 && errno != EEXIST)
		return ctl_fail(CTL_FAILED, "%s: %s", k->etc, strerror(errno));
	return image_dir_write(k->etc, FILE_NAME, text, len);
}

/*
 * The server is the judge of its configuration: it also opens what it will need, but for the ports
 * that one which runs already has.
 */
static int check_file(const struct asking *k)
{
	char path[PATH_MAX], self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - sizeof "../sbin/musterd");
	const char *argv[] = { "musterd", setup_machine_running(k->c) ? "-t" : "-T", "-c", path,
		NULL };
	int rc;

	if (k->dry)
		return CTL_OK;
	snprintf(path, sizeof path, "%s/" FILE_NAME, k->etc);
	if (n > 0) { /* beside us, where it was built; else in our prefix's sbin, or in the path */
		self[n] = '\0';
		slash = strrchr(self, '/');
		strcpy(slash + 1, "musterd");
		if (access(self, X_OK) < 0)
			strcpy(slash + 1, "../sbin/musterd");
		if (access(self, X_OK) == 0)
			argv[0] = self;
	}
	rc = run(argv);
	if (rc == 127)
		return ctl_fail(CTL_FAILED, "musterd is not installed");
	if (rc) {
		ctl_fail(CTL_FAILED, "musterd would not start with this configuration");
		ctl_hint("when that is mended: muster setup once more");
	}
	return rc ? CTL_FAILED : CTL_OK;
}

static int start_service(const struct asking *k)
{
	static const char *const enable[] = { "systemctl", "enable", "musterd", NULL };
	static const char *const restart[] = { "systemctl", "restart", "musterd", NULL };

	if (!k->start || access("/run/systemd/system", F_OK) < 0)
		return CTL_OK;
	say(k, "enable and start the service musterd");
	if (k->dry)
		return CTL_OK;
	if (run(enable) || run(restart))
		return ctl_fail(CTL_FAILED,
			"musterd does not start: musterd -T or journalctl -u musterd says why");
	return CTL_OK;
}

static void next_steps(const struct asking *k)
{
	if (k->dry)
		return;
	printf("Next:\n");
	if (!k->start || access("/run/systemd/system", F_OK) < 0)
		printf("  musterd                              start the server, which makes its own key\n");
	printf("  muster key generate release          the key that signs images; keep it off this\n"
	       "                                       machine where you can\n"
	       "  muster image build agent|kvm|xen     then sign and import them: see README.md\n"
	       "  muster doctor                        what is still missing\n");
}

/* ---- the verb ---- */

static int take_option(struct asking *k, int opt)
{
	char mode[8];

	switch (opt) {
	case 'i':
		return take_interface(k, optarg);
	case 'm':
		k->s.proxy = !strcmp(optarg, "proxy");
		return take_one_of(mode, sizeof mode, optarg, modes);
	case 'r':
		return take_range(&k->s, optarg);
	case 'g':
		k->router_said = true;
		return take_address(&k->s.router, optarg);
	case 'd':
		k->dns_said = true;
		return take_address(&k->s.dns, optarg);
	case 'a':
		return take_one_of(k->s.admission, sizeof k->s.admission, optarg, admissions);
	case 'I':
		return take_image(&k->s, optarg);
	case 'N':
		snprintf(k->s.name, sizeof k->s.name, "%s", optarg);
		return CTL_OK;
	case 'e':
		k->etc = optarg;
		return CTL_OK;
	case 'n':
		k->dry = true;
		return CTL_OK;
	case 'y':
		k->yes = true;
		return CTL_OK;
	case 'f':
		k->force = true;
		return CTL_OK;
	case 's':
		k->start = false;
		return CTL_OK;
	default:
		return ctl_usage(k->c, NULL);
	}
}

static int take_options(struct asking *k, int argc, char **argv)
{
	static const struct option options[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "mode", required_argument, NULL, 'm' },
		{ "range", required_argument, NULL, 'r' },
		{ "router", required_argument, NULL, 'g' },
		{ "dns", required_argument, NULL, 'd' },
		{ "admission", required_argument, NULL, 'a' },
		{ "image", required_argument, NULL, 'I' },
		{ "name", required_argument, NULL, 'N' },
		{ "etc", required_argument, NULL, 'e' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "yes", no_argument, NULL, 'y' },
		{ "force", no_argument, NULL, 'f' },
		{ "no-start", no_argument, NULL, 's' },
		{ 0 },
	};
	int opt, rc = CTL_OK;

	while (!rc && (opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		rc = take_option(k, opt);
	if (!rc && optind != argc)
		rc = ctl_usage(k->c, "'%s' is too much", argv[optind]);
	return rc;
}

/* Where the former file is has to be known before what else is said is put over it. */
static void take_etc(struct asking *k, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--etc=", 6))
			k->etc = argv[i] + 6;
		else if (!strcmp(argv[i], "--etc") && i + 1 < argc)
			k->etc = argv[i + 1];
	}
}

/* From options, or by questions where somebody can be asked. */
static int find_out(struct asking *k)
{
	char err[160];
	int rc = CTL_OK;

	if (!k->yes && isatty(STDIN_FILENO)) {
		rc = ask_all(k);
	} else if (!k->s.interface[0] && k->n_nics == 1) {
		rc = take_interface(k, k->nics[0].name);
	} else if (!k->s.interface[0]) {
		rc = ctl_usage(k->c, "which --interface? this machine has %zu", k->n_nics);
	}
	if (rc)
		return rc;
	if (k->yes || !isatty(STDIN_FILENO)) {
		guess(k);
		if (!k->s.proxy)
			guess_dns(k);
	}
	if (setup_check(&k->s, err, sizeof err))
		return ctl_fail(CTL_USAGE, "%s", err);
	return CTL_OK;
}

int verb_setup(struct ctl *c, int argc, char **argv)
{
	struct asking *k = calloc(1, sizeof *k);
	int rc;

	if (!k)
		errx(CTL_FAILED, "out of memory");
	k->c = c;
	c->url = NULL; /* it is about this machine */
	k->etc = ETC;
	k->start = true;
	snprintf(k->s.admission, sizeof k->s.admission, "approve");
	if (gethostname(k->s.name, sizeof k->s.name - 1) < 0 || !k->s.name[0])
		snprintf(k->s.name, sizeof k->s.name, "muster");
	k->s.name[strcspn(k->s.name, ".")] = '\0';
	rc = setup_machine_nics(k->nics, &k->n_nics);
	take_etc(k, argc, argv);
	if (!rc)
		rc = read_former(k);
	if (!rc && k->s.interface[0])
		rc = take_interface(k, k->s.interface);
	if (!rc)
		rc = take_options(k, argc, argv);
	if (!rc)
		rc = find_out(k);
	if (!rc)
		rc = write_file(k);
	if (!rc)
		rc = make_user(k);
	if (!rc)
		rc = check_file(k);
	if (!rc)
		rc = start_service(k);
	if (!rc)
		next_steps(k);
	free(k);
	return rc;
}
