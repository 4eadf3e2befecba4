# server/net/dhcp_opt.c
# The overloaded `sname` is walked as if it were as long as `file`.
/^int dhcp_opts_scan(/,/^}/ s/sname + 64/sname + 128/
