# server/core/lease.c
# A restart takes the holder of a reserved address for somebody whose lease has to end.
/^static void load_reserved(/,/^}/ s/if (!r->host)/if (r->circuit)/
