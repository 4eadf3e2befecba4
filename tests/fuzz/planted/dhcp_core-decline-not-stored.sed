# server/core/dhcp.c
# The pool takes a DECLINE, the store does not hear of it: after a restart the address is given out.
/^static void store_change(/,/^}/ s/change->op == DHCP_CHANGE_NONE/& || change->op == DHCP_CHANGE_DECLINE/
