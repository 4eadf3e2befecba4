# server/net/dhcp_msg.c
# Options that go on in `file` are said to go on in `sname`, too.
/^static void close_overload(/,/^}/ s/overload |= i/overload |= i == 1 ? 3 : i/
