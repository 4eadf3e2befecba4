# server/core/rule.c
# What is not known yet counts as absent: != holds, and later does not.
/^static enum rule_fit cond_fit/,/^}/ s/return RULE_UNKNOWN;/fits = false;/
