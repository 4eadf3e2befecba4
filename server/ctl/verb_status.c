/* verb_status.c: `muster status`. */
#include <inttypes.h>
#include <stdio.h>

#include "server/bytes.h"
#include "server/ctl/client.h"
#include "server/ctl/format.h"
#include "server/ctl/table.h"
#include "server/ctl/verbs.h"

static int64_t count(const struct json *hosts, const char *key)
{
	return json_get_int(hosts, key, 0);
}

static void print_roles(const struct json *roles)
{
	if (!json_len(roles))
		return;
	printf("  roles     ");
	for (size_t i = 0; i < json_len(roles); i++) {
		const struct json *r = json_at(roles, i);
		int64_t restarts = json_get_int(r, "restarts", 0);

		printf(" %s", json_get_str(r, "name", "?"));
		if (restarts)
			printf(" (restarted %" PRId64 " times)", restarts);
	}
	putchar('\n');
}

static void print_status(const struct json *s)
{
	const struct json *hosts = json_get(s, "hosts");
	char up[FORMAT_MAX];

	printf("%s  muster %s, running for %s\n", json_get_str(s, "server", "?"),
		json_get_str(s, "version", "?"),
		format_age(json_get_int(s, "uptime_s", 0) * 1000, up));
	printf("  url        %s\n", json_get_str(s, "url", "-"));
	printf("  dhcp       %s, admission %s\n", json_get_str(s, "dhcp_mode", "?"),
		json_get_str(s, "admission", "?"));
	printf("  hosts      %" PRId64 ": %" PRId64 " up, %" PRId64 " booting, %" PRId64
	       " failed; %" PRId64 " in the waiting room\n",
		count(hosts, "total"), count(hosts, "up"), count(hosts, "booting"),
		count(hosts, "failed"), count(hosts, "waiting"));
	printf("  images     %" PRId64 "\n", json_get_int(s, "images", 0));
	printf("  leases     %" PRId64 "\n", json_get_int(s, "leases", 0));
	if (json_get_int(s, "unknown_archs", 0))
		printf("  unknown    %" PRId64
		       " network boots of an architecture that has no loader\n",
			json_get_int(s, "unknown_archs", 0));
	printf("  state      %s\n", json_get_str(s, "state_dir", "-"));
	print_roles(json_get(s, "roles"));
}

/* csv: one row of what is a single value. */
static void print_status_csv(const struct json *s)
{
	static const char *const keys[] = { "server", "version", "uptime_s", "url", "dhcp_mode",
		"admission", "images", "leases", "total", "up", "booting", "waiting", "failed" };
	char numbers[ARRAY_LEN(keys)][FORMAT_MAX];
	const char *cells[ARRAY_LEN(keys)];

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct json *v = json_get(s, keys[i]);

		if (!v)
			v = json_get(json_get(s, "hosts"), keys[i]);
		snprintf(numbers[i], FORMAT_MAX, "%" PRId64, json_int(v, 0));
		cells[i] = json_is_int(v) ? numbers[i] : json_str(v, "");
	}
	csv_row(keys, ARRAY_LEN(keys));
	csv_row(cells, ARRAY_LEN(keys));
}

int verb_status(struct ctl *c, int argc, char **argv)
{
	struct answer a;
	int rc;

	if (argc > 1)
		return ctl_usage(c, "'%s' is too much", argv[1]);
	rc = client_get(c, "/api/v1/status", &a);
	if (rc)
		return rc;
	if (c->format == CTL_JSON)
		puts(a.text);
	else if (c->format == CTL_CSV)
		print_status_csv(a.doc);
	else if (c->format == CTL_NAME)
		puts(json_get_str(a.doc, "server", ""));
	else
		print_status(a.doc);
	answer_fini(&a);
	return CTL_OK;
}
