# server/net/dhcp_msg.c
# Off by one: the options may take the last byte, which is END's.
/^int dhcp_msg_encode(/,/^}/ s/buf + limit - 1/buf + limit/
