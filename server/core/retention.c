/* Old boots are forgotten in small steps: some hosts at each tick, a few boots of each. */
#include "server/core/core.h"

#define HOSTS_A_STEP 16
#define BOOTS_A_HOST 16
#define DAY_MS	     (24LL * 3600 * 1000)

static void thin_host(struct core *c, int64_t host)
{
	const int64_t days = c->cfg->keep_days;
	const int64_t before_ms = days ? c->wall_ms - days * DAY_MS : INT64_MIN;
	int64_t old[BOOTS_A_HOST];
	int n = core_must(c,
		store_boots_old(
			c->store, host, (int)c->cfg->keep_boots, before_ms, old, BOOTS_A_HOST),
		"old boots");

	for (int i = 0; i < n; i++) {
		core_write(c);
		core_must(c, store_boot_rm(c->store, old[i]), "boot rm");
	}
}

void retention_step(struct core *c)
{
	static int64_t last; /* host that was looked at */
	int64_t hosts[HOSTS_A_STEP];
	int n = core_must(c, store_hosts_after(c->store, last, hosts, HOSTS_A_STEP), "hosts after");

	for (int i = 0; i < n; i++)
		thin_host(c, hosts[i]);
	last = n == HOSTS_A_STEP ? hosts[n - 1] : 0; /* round again */
}
