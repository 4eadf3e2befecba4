# server/net/dhcp_msg.c
# A client identifier is copied as long as it comes.
/^static void get_client_id(/,/^}/ s/q->client_id, sizeof q->client_id)/q->client_id, DHCP_OPT_JOINED_MAX)/
/^static void get_client_id(/,/^}/ s/ && len <= DHCP_ID_MAX//
