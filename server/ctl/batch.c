#include "server/ctl/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PART_MAX (48 * 1024) /* bytes of one request, about: the server takes 64 KiB */
#define FILE_MAX (16 * 1024 * 1024)

char *batch_file(const char *file, size_t *len)
{
	FILE *f = strcmp(file, "-") ? fopen(file, "re") : stdin;
	char *text = f ? malloc(FILE_MAX + 1) : NULL;

	if (!text) {
		ctl_fail(CTL_FAILED, "%s: %s", file, strerror(errno));
		if (f && f != stdin)
			fclose(f);
		return NULL;
	}
	*len = fread(text, 1, FILE_MAX + 1, f);
	if (ferror(f) || *len > FILE_MAX) {
		ctl_fail(CTL_FAILED, "%s: %s", file,
			ferror(f) ? strerror(errno) : "it is longer than 16 MiB");
		free(text);
		text = NULL;
	}
	if (f != stdin)
		fclose(f);
	return text;
}

/* Those of one batch. */
struct parts {
	struct ctl *c;
	const char *id, *path;
	int64_t n; /* that were sent */
	bool goes_on;
};

/* One request with the calls from *at on, as many as fit. */
static int send_part(struct parts *p, char *const *calls, size_t n, size_t *at)
{
	struct answer a = { 0 };
	struct jw w = { 0 };
	int rc;

	jw_obj(&w, NULL);
	jw_str(&w, "id", p->id);
	jw_int(&w, "part", p->n++);
	jw_arr(&w, "calls");
	for (bool first = true; *at < n && (first || w.len + strlen(calls[*at]) < PART_MAX);
		first = false)
		jw_raw(&w, NULL, calls[(*at)++]);
	jw_end_arr(&w);
	jw_bool(&w, "more", *at < n);
	jw_end_obj(&w);
	rc = w.bad ? ctl_fail(CTL_FAILED, "out of memory")
		   : client_call(p->c, "POST", p->path, w.buf, &a);
	p->goes_on = *at < n || a.status == 202;
	answer_fini(&a);
	jw_fini(&w);
	return rc;
}

int batch_send(struct ctl *c, char *const *calls, size_t n, bool dry_run)
{
	unsigned char raw[16];
	char id[2 * sizeof raw + 1];
	struct parts p = { .c = c,
		.id = id,
		.path = dry_run ? "/api/v1/batch?dry_run=1" : "/api/v1/batch",
		.goes_on = n > 0 };
	size_t at = 0;
	int rc = CTL_OK;

	if (getrandom(raw, sizeof raw, 0) != sizeof raw)
		return ctl_fail(CTL_FAILED, "the kernel gives no random numbers");
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(id + 2 * i, 3, "%02x", raw[i]);
	while (!rc && p.goes_on)
		rc = send_part(&p, calls, n, &at);
	return rc;
}
