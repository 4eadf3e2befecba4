/*
 * fuzz_import.c: the first byte chooses a format, or that it is guessed; the rest is the file. What
 * is read holds only what a host may have, and written as CSV it is read the same again. What is
 * refused names a line of the file.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/ctl/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_lines(const struct import *im, const char *text, size_t len, int rc)
{
	unsigned lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	must(rc == 0 || (im->err_line >= 1 && im->err_line <= lines && *im->err));
	for (size_t i = 0; i < im->n_notes; i++)
		must(im->notes[i].line >= 1 && im->notes[i].line <= lines && *im->notes[i].text);
}

static void check_hex(const char *hex)
{
	const size_t len = hex ? strlen(hex) : 2;

	must(len && len % 2 == 0 && len <= 2 * IMPORT_ID_MAX &&
		(!hex || strspn(hex, "0123456789abcdef") == len));
}

static void check_row(const struct import_row *r)
{
	must(r->n_macs <= IMPORT_MACS_MAX);
	must(r->n_macs || r->has_uuid || *r->serial || r->client_id || r->circuit);
	must(!*r->name || host_name_ok(r->name));
	must(!*r->serial || host_serial_ok(r->serial));
	check_hex(r->client_id);
	check_hex(r->circuit);
}

/* ---- the same list as CSV ---- */

static void put_quoted(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++)
		fprintf(f, *s == '"' ? "\"\"" : "%c", *s);
	fputc('"', f);
}

static void put_row(FILE *f, const struct import_row *r)
{
	char mac[HOST_MAC_TEXT], uuid[HOST_UUID_TEXT] = "";

	for (size_t i = 0; i < r->n_macs; i++) {
		host_mac_print(r->macs[i], mac);
		fprintf(f, "%s%s", i ? " " : "", mac);
	}
	if (r->has_uuid)
		host_uuid_print(r->uuid, uuid);
	fputc(',', f);
	if (r->ip)
		fprintf(f, "%u.%u.%u.%u", r->ip >> 24, r->ip >> 16 & 255, r->ip >> 8 & 255,
			r->ip & 255);
	fprintf(f, ",%s,%s,%s,%s,", r->name, uuid, r->client_id ? r->client_id : "",
		r->circuit ? r->circuit : "");
	put_quoted(f, r->serial);
	fputs("\r\n", f);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void check_same(const struct import_row *a, const struct import_row *b)
{
	must(a->n_macs == b->n_macs && !memcmp(a->macs, b->macs, sizeof a->macs[0] * a->n_macs));
	must(a->ip == b->ip && !strcmp(a->name, b->name) && !strcmp(a->serial, b->serial));
	must(a->has_uuid == b->has_uuid && !memcmp(a->uuid, b->uuid, sizeof a->uuid));
	must(same_text(a->client_id, b->client_id) && same_text(a->circuit, b->circuit));
}

static void check_again(const struct import *im)
{
	struct import again = { 0 };
	char *csv = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&csv, &len);

	must(f != NULL);
	fputs("mac,ip,name,uuid,client_id,circuit,serial\r\n", f);
	for (size_t i = 0; i < im->n_rows; i++)
		put_row(f, &im->rows[i]);
	fclose(f);
	must(import_parse(&again, IMPORT_CSV, csv, len) == 0);
	must(again.n_rows == im->n_rows && again.n_notes == 0);
	for (size_t i = 0; i < im->n_rows; i++)
		check_same(&im->rows[i], &again.rows[i]);
	import_fini(&again);
	free(csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct import im = { 0 };
	const char *text = (const char *)data + 1;
	int format, rc;

	if (!size)
		return 0;
	format = data[0] % (IMPORT_FORMATS + 1);
	if (format == IMPORT_FORMATS)
		format = import_guess(text, size - 1);
	if (format < 0)
		return 0;
	rc = import_parse(&im, (enum import_format)format, text, size - 1);
	check_lines(&im, text, size - 1, rc);
	if (!rc) {
		for (size_t i = 0; i < im.n_rows; i++)
			check_row(&im.rows[i]);
		must(import_check(&im) >= 0);
		check_again(&im);
	}
	import_fini(&im);
	return 0;
}
