#include "server/http/problem.h"

#include <stdio.h>

static const struct problem problems[PROBLEM_KINDS] = {
	[PROBLEM_MALFORMED] = { 400, 0, "Bad Request", "malformed",
		"The request is not well-formed HTTP.", NULL },
	[PROBLEM_NOT_FOUND] = { 404, 0, "Not Found", "not-found", "There is nothing at this path.",
		"docs/openapi.yaml lists the paths" },
	[PROBLEM_METHOD] = { 405, 0, "Method Not Allowed", "method",
		"This path does not take this method.", "the Allow header lists the methods" },
	[PROBLEM_LENGTH_REQUIRED] = { 411, 0, "Length Required", "length-required",
		"A request body must come with a Content-Length.", "do not send it chunked" },
	[PROBLEM_PRECONDITION] = { 412, 0, "Precondition Failed", "precondition",
		"The file does not have the entity tag of If-Match.", NULL },
	[PROBLEM_TOO_LARGE] = { 413, 0, "Content Too Large", "too-large",
		"The request body is larger than this path takes.", NULL },
	[PROBLEM_TARGET_TOO_LONG] = { 414, 0, "URI Too Long", "uri-too-long",
		"The path is longer than 255 or the query longer than 2047 bytes.", NULL },
	[PROBLEM_ENCODING] = { 415, 0, "Unsupported Media Type", "content-encoding",
		"Request bodies must not be compressed.", "leave Content-Encoding out" },
	[PROBLEM_RANGE] = { 416, 0, "Range Not Satisfiable", "range",
		"The range starts behind the end of the file.",
		"the Content-Range header has its length" },
	[PROBLEM_CONTENT_RANGE] = { 400, 0, "Bad Request", "content-range",
		"The Content-Range header does not fit the body.",
		"it is: bytes FIRST-LAST/ALL, or left out for the whole" },
	[PROBLEM_HEADERS] = { 431, 0, "Request Header Fields Too Large", "headers",
		"The request has more than 64 header fields or 8 KiB of them.", NULL },
	[PROBLEM_INTERNAL] = { 500, 0, "Internal Server Error", "internal",
		"The server could not make an answer.", "its log says more" },
	[PROBLEM_UNKNOWN_METHOD] = { 501, 0, "Not Implemented", "unknown-method",
		"The server does not know this method.", NULL },
	[PROBLEM_BUSY] = { 503, 1, "Service Unavailable", "busy",
		"The server has more requests than it can take at this moment.", "ask again" },
	[PROBLEM_NO_ANSWER] = { 503, 1, "Service Unavailable", "no-answer",
		"The deciding part of the server did not answer in time.", "ask again" },
};

const struct problem *problem_of(enum problem_kind kind)
{
	return &problems[kind];
}

size_t problem_text(const struct problem *p, char out[PROBLEM_TEXT_MAX])
{
	int n = snprintf(out, PROBLEM_TEXT_MAX,
		"{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"code\":\"%s\","
		"\"detail\":\"%s\"%s%s%s}\n",
		p->title, p->status, p->code, p->detail, p->hint ? ",\"hint\":\"" : "",
		p->hint ? p->hint : "", p->hint ? "\"" : "");

	return (size_t)n;
}
