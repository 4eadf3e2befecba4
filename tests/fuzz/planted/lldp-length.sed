# agent/lldp.c
# A length is compared with all that there is, not with what is left.
/^static int next/,/^}/ s/n > left - 2/n > len - 2/
