/*
 * progress.h: how far a long work is, its rate and how long it will take, on stderr: one line that
 * changes on a terminal, a line each second where that was asked for, else nothing.
 */
#ifndef MUSTER_SERVER_CTL_PROGRESS_H
#define MUSTER_SERVER_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* borrowed */
	bool terminal, lines;
	uint64_t total, done; /* bytes */
	uint64_t work;	      /* of done: what took time */
	int64_t started_ms, shown_ms;
};

void progress_begin(struct progress *p, const char *what, uint64_t total, bool lines);
/* `work`: they took time, so they count for the rate. */
void progress_add(struct progress *p, uint64_t bytes, bool work);
void progress_end(struct progress *p);

#endif
