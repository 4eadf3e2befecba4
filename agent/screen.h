/*
 * screen.h: what the person in front of the host sees: on every console of the kernel, in plain
 * ASCII. Texts may come from strangers; whatever is no printable ASCII is shown as '?'. A console
 * that does not take its bytes is skipped, it never holds the boot up.
 */
#ifndef MUSTER_AGENT_SCREEN_H
#define MUSTER_AGENT_SCREEN_H

#include <stdint.h>

#include "agent/fault.h"

/* Open the consoles; without any, stdout. */
void screen_open(void);

/* One line. */
__attribute__((format(printf, 1, 2))) void screen_say(const char *fmt, ...);

/*
 * A bar of bytes done, drawn over itself at most twice a second; drawn last, and ended, when done
 * equals total.
 */
void screen_bar(const char *what, uint64_t done, uint64_t total);

/* What went wrong, with the digests where there are two, and what will happen next. */
void screen_fault(const struct fault *f, const char *next);

#endif
