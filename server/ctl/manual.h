/*
 * manual.h: the manual pages and the completion of the command, made of the table of verbs.
 */
#ifndef MUSTER_SERVER_CTL_MANUAL_H
#define MUSTER_SERVER_CTL_MANUAL_H

/* muster(1), or muster-NOUN(1), in man(7)'s language, on standard output. */
void manual_page(const char *noun);
/* For bash, on standard output. */
void manual_completion(void);

#endif
