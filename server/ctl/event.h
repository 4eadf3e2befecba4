/*
 * event.h: one event of a boot as one line.
 */
#ifndef MUSTER_SERVER_CTL_EVENT_H
#define MUSTER_SERVER_CTL_EVENT_H

#include "images/json.h"
#include "server/ctl/ctl.h"

/* What stands above the lines: the csv header, else nothing. */
void event_header(const struct ctl *c);
/* A line for people, JSON, csv, or the event's number (-o name). */
void event_print(const struct ctl *c, const struct json *event);

#endif
