# server/core/rule.c
# There may be a condition more than there is room for.
/^static int read_cond/,/^}/ s/r->m.n == RULE_CONDS_MAX/r->m.n > RULE_CONDS_MAX/
