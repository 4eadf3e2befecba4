# server/net/dhcp_msg.c
# A relay's option that came in pieces may be longer than where it is kept.
/^static int get_relay(/,/^}/ s/ || len > DHCP_RELAY_MAX//
