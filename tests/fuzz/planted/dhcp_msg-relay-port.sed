# server/net/dhcp_msg.c
# Any word of the relay's with the number of its port option counts as one.
/^static int get_relay(/,/^}/ s/ && !sub.len)/)/
