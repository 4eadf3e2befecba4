# server/core/lease.c
# A lease is free for others a minute before its owner knows.
/^bool lease_held(/,/^}/ s/l->expires_ms > now_ms/l->expires_ms > now_ms + POOL_OFFER_MS/
