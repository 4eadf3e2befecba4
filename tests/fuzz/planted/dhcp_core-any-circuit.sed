# server/core/lease.c
# Circuits are compared by their length alone.
/^static bool at_circuit(/,/^}/ s/!memcmp(.*));/true);/
