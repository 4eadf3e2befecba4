/*
 * timeline_svg.h: a boot's events -> a picture as systemd-analyze plot draws one. Pure but for the
 * memory. The SVG needs nothing from elsewhere: no font, no script, no style sheet.
 */
#ifndef MUSTER_SERVER_CTL_TIMELINE_SVG_H
#define MUSTER_SERVER_CTL_TIMELINE_SVG_H

#include "server/ctl/timeline.h"

/* The whole document, to free(); NULL without memory. */
char *timeline_svg(const struct timeline *t);

#endif
