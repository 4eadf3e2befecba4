# server/core/lease.c
# A host that takes another address keeps the one that it had.
/^static uint32_t own(/,/^}/ s/set_free(p, old, now_ms);//
