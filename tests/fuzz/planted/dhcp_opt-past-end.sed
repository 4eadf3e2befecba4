# server/net/dhcp_opt.c
# An option's length is believed: its value may lie behind the end of its area.
/^static int tlv_rest(/,/^}/ s/= rd_take(r, len)/= (r->p += len) - len/
