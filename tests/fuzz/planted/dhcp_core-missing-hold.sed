# server/core/lease.c
# An offered address is not held: the next host may be offered it as well.
/^bool lease_held(/,/^}/ s/l->state != LEASE_FREE/l->state > LEASE_OFFERED/
