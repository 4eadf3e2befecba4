#include "server/ctl/setup_machine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "images/manifest.h"
#include "server/bytes.h"
#include "server/ctl/client.h"

static uint32_t address_of(const struct sockaddr *sa)
{
	struct sockaddr_in in;

	memcpy(&in, sa, sizeof in);
	return ntohl(in.sin_addr.s_addr);
}

int setup_machine_nics(struct setup_nic nics[SETUP_NICS], size_t *n)
{
	struct ifaddrs *all;

	*n = 0;
	if (getifaddrs(&all) < 0)
		return ctl_fail(CTL_FAILED, "cannot list interfaces: %s", strerror(errno));
	for (const struct ifaddrs *a = all; a && *n < SETUP_NICS; a = a->ifa_next) {
		struct setup_nic *nic = &nics[*n];

		if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET ||
			a->ifa_flags & IFF_LOOPBACK || strlen(a->ifa_name) >= sizeof nic->name)
			continue;
		snprintf(nic->name, sizeof nic->name, "%s", a->ifa_name);
		nic->addr = address_of(a->ifa_addr);
		nic->mask = address_of(a->ifa_netmask);
		++*n;
	}
	freeifaddrs(all);
	return CTL_OK;
}

uint32_t setup_machine_gateway(const struct setup *s)
{
	FILE *f = fopen("/proc/net/route", "re");
	char line[256], name[32];
	unsigned dest, gate;
	uint32_t found = 0;

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%31s %x %x", name, &dest, &gate) == 3 && dest == 0 && gate &&
			(ntohl(gate) & s->mask) == (s->addr & s->mask))
			found = ntohl(gate);
	}
	if (f)
		fclose(f);
	return found;
}

/* ---- DNS ---- */

/* Of the servers in this file; the reason why not is kept of the first. */
static uint32_t resolver_in(const char *path, const struct setup *s, const struct setup_nic *nics,
	size_t n, char why[SETUP_WHY_MAX])
{
	FILE *f = fopen(path, "re");
	char line[256], word[64], reason[SETUP_WHY_MAX];
	struct in_addr a;
	uint32_t found = 0;

	while (f && !found && fgets(line, sizeof line, f)) {
		if (sscanf(line, "nameserver %63s", word) != 1 || inet_pton(AF_INET, word, &a) != 1)
			continue;
		if (setup_dns_reachable(s, ntohl(a.s_addr), nics, n, reason))
			found = ntohl(a.s_addr);
		else if (!*why)
			memcpy(why, reason, sizeof reason);
	}
	if (f)
		fclose(f);
	return found;
}

uint32_t setup_machine_resolver(
	const struct setup *s, const struct setup_nic *nics, size_t n, char why[SETUP_WHY_MAX])
{
	/* where systemd-resolved answers on the loopback, whom it asks stands in the second */
	static const char *const files[] = { "/etc/resolv.conf",
		"/run/systemd/resolve/resolv.conf" };
	uint32_t found = 0;

	for (size_t i = 0; i < ARRAY_LEN(files) && !found; i++)
		found = resolver_in(files[i], s, nics, n, why);
	if (found)
		*why = '\0';
	return found;
}

/* ---- the server ---- */

bool setup_machine_running(const struct ctl *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is = false;

	if (fd >= 0 && strlen(c->socket) < sizeof a.sun_path) {
		strcpy(a.sun_path, c->socket);
		is = connect(fd, (const struct sockaddr *)&a, sizeof a) == 0;
	}
	if (fd >= 0)
		close(fd);
	return is;
}

/* The list goes by name, so that versions of one stand together. */
bool setup_machine_images(struct ctl *c, char out[SETUP_NAMES_MAX])
{
	const char *last = AGENT_IMAGE;
	const struct json *images;
	struct answer a;
	size_t n = 0;

	if (client_get(c, "/api/v1/images", &a))
		return false;
	images = json_get(a.doc, "images");
	for (size_t i = 0; i < json_len(images) && n < SETUP_NAMES_MAX; i++) {
		const char *name = json_get_str(json_at(images, i), "name", "");

		if (!strcmp(name, last) || !strcmp(name, AGENT_IMAGE) || !manifest_name_ok(name))
			continue;
		n += (size_t)snprintf(out + n, SETUP_NAMES_MAX - n, "%s%s", n ? ", " : "", name);
		last = name;
	}
	answer_fini(&a);
	return n > 0;
}
