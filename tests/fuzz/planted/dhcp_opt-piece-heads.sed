# server/net/dhcp_opt.c
# An option in pieces needs a head for each; room is looked for for one.
/^bool dhcp_opt_put(/,/^}/ s/len + 2 \* pieces/len + 2/
