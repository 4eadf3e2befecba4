/* api_dhcp.c: other DHCP servers that were heard. */
#include "images/json.h"
#include "server/core/api.h"
#include "server/log.h"

void api_get_dhcp_servers(struct call *k)
{
	struct jw w = { 0 };

	dhcp_servers_json(k->c, &w);
	answer_jw(k->a, 200, &w);
}

/* Who answers is heard like any other server, and appears in the list. */
void api_post_dhcp_probe(struct call *k)
{
	static const struct api_member known[] = { { NULL, 0 } };

	if (!api_check_body(k, known))
		return;
	if (k->c->cfg->dhcp_mode == DHCP_OFF) {
		answer_problem(k->a, 409, "dhcp-off", NULL, "DHCP is off on this server");
		return;
	}
	answer_text(k->a, 202, "application/json", "{}\n");
	if (api_is_dry_run(k))
		return;
	core_send(k->c, LINK_NET, MSG_DHCP_SEEK, 0, NULL, 0, NULL, 0);
	log_info("looking for other DHCP servers");
}
