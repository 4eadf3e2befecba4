/*
 * problem.h: the refusals that http gives by itself, as RFC 9457 application/problem+json.
 *
 * The texts are constants of ours: nothing that a stranger sent is ever repeated in them. Pure.
 */
#ifndef MUSTER_SERVER_HTTP_PROBLEM_H
#define MUSTER_SERVER_HTTP_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

#define PROBLEM_TEXT_MAX 512

enum problem_kind {
	PROBLEM_NONE,
	PROBLEM_MALFORMED,
	PROBLEM_NOT_FOUND,
	PROBLEM_METHOD,
	PROBLEM_LENGTH_REQUIRED,
	PROBLEM_PRECONDITION,
	PROBLEM_TOO_LARGE,
	PROBLEM_TARGET_TOO_LONG,
	PROBLEM_ENCODING,
	PROBLEM_RANGE,
	PROBLEM_CONTENT_RANGE,
	PROBLEM_HEADERS,
	PROBLEM_INTERNAL,
	PROBLEM_UNKNOWN_METHOD,
	PROBLEM_BUSY,
	PROBLEM_NO_ANSWER,
	PROBLEM_KINDS
};

struct problem {
	uint16_t status;
	uint16_t retry_after_s;			  /* 0: no such header */
	const char *title, *code, *detail, *hint; /* hint may be NULL */
};

/* Of any kind but PROBLEM_NONE. */
const struct problem *problem_of(enum problem_kind kind);

/* Writes at most PROBLEM_TEXT_MAX bytes, no NUL counted; returns how many. */
size_t problem_text(const struct problem *p, char out[PROBLEM_TEXT_MAX]);

#endif
