/*
 * verb_support.c: `muster support FILE`: what somebody who helps from afar needs to see, in one
 * file that can be read before it is sent. No secret is in what the server tells, and what else is
 * read here is cleaned of what looks like one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "server/bytes.h"
#include "server/ctl/client.h"
#include "server/ctl/doctor.h"
#include "server/ctl/support.h"
#include "server/ctl/verbs.h"

#define CONFIG	   "/etc/muster/muster.conf"
#define LOG_LINES  "2000"
#define FAILED_MAX 20 /* hosts of which `why` is asked */

static void section(FILE *f, const char *name)
{
	fprintf(f, "\n======== %s\n", name);
}

/* All of it at once, which is some MiB at most, without what may be a secret. */
static void put_clean(FILE *to, FILE *from)
{
	char *text = NULL;
	size_t size = 0;

	while (getdelim(&text, &size, 0, from) > 0) {
		support_clean(text);
		fputs(text, to);
	}
	free(text);
}

static void put_text(FILE *f, char *text)
{
	support_clean(text);
	fprintf(f, "%s\n", text);
}

static void put_command(FILE *f, const char *command)
{
	FILE *from = popen(command, "re");

	section(f, command);
	if (!from)
		return;
	put_clean(f, from);
	pclose(from);
}

static void put_file(FILE *f, const char *path)
{
	FILE *from = fopen(path, "re");

	section(f, path);
	if (!from) {
		fprintf(f, "%s\n", strerror(errno));
		return;
	}
	put_clean(f, from);
	fclose(from);
}

/* What the server says, whatever its status: a refusal is of interest, too. */
static int put_answer(struct ctl *c, FILE *f, const char *path)
{
	struct answer a;
	int rc = client_ask(c, "GET", path, NULL, &a);

	section(f, path);
	if (rc) {
		fprintf(f, "no answer\n");
		return rc;
	}
	fprintf(f, "status %ld\n", a.status);
	put_text(f, a.text);
	answer_fini(&a);
	return CTL_OK;
}

/* Why each host is not up that has failed, as far as there are not too many. */
static void put_whys(struct ctl *c, FILE *f)
{
	const struct json *hosts;
	struct answer a;
	char path[160];
	int n = 0;

	if (client_get(c, "/api/v1/hosts", &a))
		return;
	hosts = json_get(a.doc, "hosts");
	for (size_t i = 0; i < json_len(hosts) && n < FAILED_MAX; i++) {
		const struct json *h = json_at(hosts, i);

		if (strcmp(json_get_str(h, "stage", ""), "failed") != 0)
			continue;
		snprintf(path, sizeof path, "/api/v1/hosts/%s/why", json_get_str(h, "name", ""));
		put_answer(c, f, path);
		n++;
	}
	answer_fini(&a);
}

static void put_machine(FILE *f)
{
	char date[64];
	struct utsname u;
	time_t now = time(NULL);
	struct tm tm;

	strftime(date, sizeof date, "%F %T UTC", gmtime_r(&now, &tm));
	fprintf(f, "muster " MUSTER_VERSION ", made %s\n", date);
	if (uname(&u) == 0)
		fprintf(f, "%s %s %s %s\n", u.sysname, u.release, u.version, u.machine);
	put_file(f, "/etc/os-release");
	put_command(f, "ip -br addr 2>&1");
	put_command(f, "ip route 2>&1");
	put_command(f, "ss -lntup 2>&1");
	put_command(f, "df -h / /var 2>&1");
}

static void put_all(struct ctl *c, FILE *f)
{
	static const char *const paths[] = { "/api/v1/status", "/api/v1/setup",
		"/api/v1/dhcp/servers", "/api/v1/hosts", "/api/v1/images", "/api/v1/channels",
		"/api/v1/roots", "/api/v1/images/log", "/api/v1/rules", "/api/v1/events?limit=500",
		"/metrics" };

	put_machine(f);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		if (put_answer(c, f, paths[i]))
			break; /* the server is away: its log says why */
	}
	put_whys(c, f);
	put_file(f, CONFIG);
	put_command(f, "cat /etc/muster/conf.d/*.conf 2>&1");
	put_command(f, "systemctl status --no-pager musterd 2>&1");
	put_command(f, "journalctl --no-pager -u musterd -n " LOG_LINES " 2>&1");
}

int verb_support(struct ctl *c, int argc, char **argv)
{
	FILE *f;
	int fd;

	if (argc != 2)
		return ctl_usage(c, "into which file?");
	fd = open(argv[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return ctl_fail(errno == EEXIST ? CTL_CONFLICT : CTL_FAILED, "%s: %s", argv[1],
			strerror(errno));
	f = fdopen(fd, "w");
	if (!f)
		return ctl_fail(CTL_FAILED, "out of memory");
	put_all(c, f);
	if (fclose(f))
		return ctl_fail(CTL_FAILED, "%s: %s", argv[1], strerror(errno));
	printf("%s: read it before you send it: names, addresses and serial numbers of your hosts "
	       "are in it, keys and tokens are not\n",
		argv[1]);
	return CTL_OK;
}
