# server/net/dhcp_opt.c
# The room that an option needs is counted in a byte: 254 and 255 need next to nothing.
/^bool dhcp_opt_put(/,/^}/ s/\(len + 2[^>]*\) > wr_left/(uint8_t)(\1) > wr_left/
