/* approve_csv.c: `muster host approve --csv FILE`: hosts let in by their serial numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/ctl/batch.h"
#include "server/ctl/csv.h"
#include "server/ctl/hosts.h"
#include "server/ctl/verbs.h"

static const char *const columns[] = { "serial", "name", "image", NULL };

static const struct json *by_serial(const struct hosts *h, const char *serial)
{
	for (size_t i = 0; i < h->n; i++) {
		if (!strcasecmp(json_get_str(h->nodes[i], "serial", ""), serial))
			return h->nodes[i];
	}
	return NULL;
}

static void member(struct jw *w, const char *key, const char *value)
{
	if (value && *value)
		jw_str(w, key, value);
}

/* The call for one row; free() it. *known: the host is there, and is let in. */
static char *call_of(const struct csv *csv, size_t row, const struct hosts *h, bool *known)
{
	const char *serial = csv_cell(csv, row, "serial");
	const struct json *host = by_serial(h, serial);
	struct jw w = { 0 };
	char path[128] = "/api/v1/hosts";

	*known = host != NULL;
	if (host)
		snprintf(path, sizeof path, "/api/v1/hosts/%s", hosts_name(host));
	jw_obj(&w, NULL);
	jw_str(&w, "method", host ? "PATCH" : "POST");
	jw_str(&w, "path", path);
	jw_obj(&w, "body");
	member(&w, "serial", host ? NULL : serial);
	member(&w, "name", csv_cell(csv, row, "name"));
	member(&w, "image", csv_cell(csv, row, "image"));
	jw_bool(&w, "admitted", true);
	jw_end_obj(&w);
	jw_end_obj(&w);
	return w.bad ? NULL : w.buf;
}

static int send_rows(struct ctl *c, const char *file, const struct csv *csv, bool dry_run)
{
	char **calls = calloc(csv->n_rows + 1, sizeof *calls);
	size_t n = 0, seen = 0;
	struct hosts h = { 0 };
	bool known = false;
	int rc = calls ? hosts_fetch(c, NULL, &h) : ctl_fail(CTL_FAILED, "out of memory");

	for (size_t i = 0; !rc && i < csv->n_rows; i++) {
		const char *serial = csv_cell(csv, i, "serial");

		if (!serial || !*serial)
			rc = ctl_fail(
				CTL_FAILED, "%s: line %u: no serial number", file, csv->lines[i]);
		else if (!(calls[n++] = call_of(csv, i, &h, &known)))
			rc = ctl_fail(CTL_FAILED, "out of memory");
		seen += !rc && known;
	}
	if (!rc && n)
		rc = batch_send(c, calls, n, dry_run);
	if (!rc)
		printf("%s%zu approved, %zu expected\n", dry_run ? "would be: " : "", seen,
			n - seen);
	for (size_t i = 0; i < n; i++)
		free(calls[i]);
	free(calls);
	hosts_fini(&h);
	return rc;
}

int host_approve_csv(struct ctl *c, const char *file, bool dry_run)
{
	struct csv csv = { 0 };
	char *text, err[160] = "out of memory";
	size_t len;
	int rc;

	text = batch_file(file, &len);
	if (!text)
		return CTL_FAILED;
	if (csv_read(text, len, columns, &csv, err, sizeof err) < 0)
		rc = ctl_fail(CTL_FAILED, "%s: %s", file, err);
	else if (csv_twice(&csv, "serial", err, sizeof err))
		rc = ctl_fail(CTL_FAILED, "%s: %s", file, err);
	else
		rc = send_rows(c, file, &csv, dry_run);
	csv_fini(&csv);
	free(text);
	return rc;
}
