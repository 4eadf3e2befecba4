/* test_timeline.c: a boot's events -> a picture in text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/format.h"
#include "server/ctl/timeline.h"

#define MIB (1024ULL * 1024)

static const struct timeline_style plain = { 100, 0, false, false };

/* A PXE boot with two files, as server and agent report it; both report on the first file. */
static const struct timeline_event boot[] = {
	{ STAGE_DISCOVER, TIMELINE_DONE, 0, 0, 0, "PXE" },
	{ STAGE_OFFER, TIMELINE_DONE, 500, 0, 0, NULL },
	{ STAGE_LEASE, TIMELINE_DONE, 1000, 0, 0, NULL },
	{ STAGE_LOADER, TIMELINE_REQUESTED, 1000, 0, 0, "undionly.kpxe" },
	{ STAGE_DISCOVER, TIMELINE_DONE, 2000, 0, 0, "iPXE" },
	{ STAGE_SCRIPT, TIMELINE_DONE, 4000, 0, 0, "boot.ipxe" },
	{ STAGE_AGENT, TIMELINE_DONE, 8000, 0, 0, "admitted" },
	{ STAGE_IMAGE, TIMELINE_STARTED, 10000, 0, 8 * MIB, "vmlinuz" },
	{ STAGE_IMAGE, TIMELINE_STARTED, 10001, 0, 8 * MIB, "vmlinuz" },
	{ STAGE_IMAGE, TIMELINE_PROGRESS, 11000, 4 * MIB, 8 * MIB, "vmlinuz" },
	{ STAGE_IMAGE, TIMELINE_FINISHED, 12000, 8 * MIB, 8 * MIB, "vmlinuz" },
	{ STAGE_IMAGE, TIMELINE_FINISHED, 12010, 8 * MIB, 8 * MIB, "vmlinuz" },
	{ STAGE_IMAGE, TIMELINE_STARTED, 12010, 0, 2 * MIB, "initrd" },
	{ STAGE_IMAGE, TIMELINE_FINISHED, 15000, 2 * MIB, 2 * MIB, "initrd" },
	{ STAGE_VERIFY, TIMELINE_FINISHED, 15000, 0, 0, NULL },
	{ STAGE_HANDOFF, TIMELINE_DONE, 16000, 0, 0, "kexec" },
	{ STAGE_UP, TIMELINE_DONE, 20000, 0, 0, "QEMU 7.2" },
};

static struct timeline *make(size_t n_events, enum boot_state state)
{
	struct timeline *t = calloc(1, sizeof *t);

	assert_non_null(t);
	t->boot = 17;
	t->state = state;
	strcpy(t->host, "n01");
	strcpy(t->image, "kvm 6.1");
	strcpy(t->firmware, "bios");
	for (size_t i = 0; i < n_events; i++)
		timeline_add(t, &boot[i]);
	return t;
}

static void test_whole(void **state)
{
	static const char want[] = /* as wide as the terminal: longer than this file's lines */
		"n01  boot 17  kvm 6.1  bios                                                          up after 20.0 s\n"
		"    STAGE        START     TOOK  0 s                           20.0 s\n"
		"  + discover    +0.0 s    2.5 s  |  |....                              iPXE, 2 times\n"
		"  + offer       +0.5 s    0.5 s  |.\n"
		"  + lease       +1.0 s    0.0 s   |\n"
		"  + loader      +1.0 s    1.0 s   |..                                  undionly.kpxe\n"
		"  + script      +4.0 s    4.0 s         |.......                       boot.ipxe\n"
		"  + agent       +8.0 s    2.0 s                |...                    admitted\n"
		"  + image      +10.0 s    5.0 s                    #########           10.0 MiB       2.0 MiB/s\n"
		"  + verify     +15.0 s    1.0 s                             |.\n"
		"  + handoff    +16.0 s    4.0 s                              |.......  kexec\n"
		"  + up         +20.0 s                                              |  QEMU 7.2\n";
	struct timeline *t = make(ARRAY_LEN(boot), BOOT_UP);
	char out[TIMELINE_TEXT_MAX];

	(void)state;
	assert_string_equal(timeline_draw(t, &plain, out), want);
	free(t);
}

/* The part of the picture that begins with the stage's name, up to the end of its line. */
static const char *line_of(const struct timeline *t, const char *stage)
{
	static char out[TIMELINE_TEXT_MAX];
	char *p = strstr(timeline_draw(t, &plain, out), stage);

	assert_non_null(p);
	p[strcspn(p, "\n")] = 0;
	return p - 2; /* with its mark */
}

static void assert_holds(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void test_going_on(void **state)
{
	struct timeline *t = make(10, BOOT_OPEN); /* until half of vmlinuz */

	(void)state;
	assert_int_equal(timeline_stage(t), STAGE_IMAGE);
	assert_int_equal(*line_of(t, "image"), '>');
	assert_holds(line_of(t, "image"), "4.0 MiB   50%");
	assert_holds(line_of(t, "image"), "4.0 MiB/s");
	assert_string_equal(line_of(t, "verify"), "- verify");
	t->elapsed_ms = 13000; /* two seconds without a word: the bar goes on, the rate sinks */
	assert_holds(line_of(t, "image"), "1.3 MiB/s");
	free(t);
}

/* TFTP: what was asked for is known, and how much of it was read is not. */
static void test_asked(void **state)
{
	static const struct timeline_event asked = { STAGE_LOADER, TIMELINE_REQUESTED, 2100, 0,
		300 * 1024, "snponly.efi" };
	static const struct timeline_event speaks = { STAGE_LOADER, TIMELINE_FINISHED, 3100, 0, 0,
		"inferred: the loader speaks" };
	struct timeline *t = make(3, BOOT_OPEN);

	(void)state;
	timeline_add(t, &asked);
	assert_holds(line_of(t, "loader"), "300.0 KiB asked, no end seen");
	timeline_add(t, &speaks);
	assert_holds(line_of(t, "loader"), "300.0 KiB asked, end inferred");
	free(t);
}

static void test_long_detail(void **state)
{
	struct timeline_event up = { STAGE_UP, TIMELINE_DONE, 20000, 0, 0, NULL };
	char detail[400], *end, out[TIMELINE_TEXT_MAX];

	(void)state;
	for (size_t n = 1; n < sizeof detail; n++) {
		struct timeline *t = make(16, BOOT_UP);

		memset(detail, 'x', n - 1); /* a word, then one that fits or not, whole */
		snprintf(detail + n - 1, sizeof detail - n + 1, " 0123456789");
		up.detail = detail;
		timeline_add(t, &up);
		timeline_draw(t, &plain, out);
		end = strstr(out, " 01");
		if (end && strncmp(end, " 0123456789", 11) != 0)
			fail_msg("cut: %s", out);
		assert_true(end || strstr(out, "..."));
		free(t);
	}
}

static void test_failed(void **state)
{
	static const struct timeline_event end[] = {
		{ STAGE_IMAGE, TIMELINE_ABORTED, 11500, 5 * MIB, 8 * MIB, "vmlinuz" },
		{ STAGE_FAILED, TIMELINE_DONE, 12000, 0, 0, "file-digest" },
	};
	struct timeline *t = make(10, BOOT_FAILED);
	char out[TIMELINE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(end); i++)
		timeline_add(t, &end[i]);
	strcpy(t->sentence, "The file is not what its manifest says.");
	strcpy(t->reason, "file-digest");
	assert_int_equal(*line_of(t, "image"), 'x');
	assert_holds(line_of(t, "image"), "62%");
	timeline_draw(t, &plain, out);
	assert_null(strstr(out, "verify"));
	assert_holds(out, "\n    The file is not what its manifest says.\n    (file-digest)\n");
	free(t);
}

/* Handed over to what does not report: neither up nor failed, and the sentence says so. */
static void test_over(void **state)
{
	static const struct timeline_event end = { STAGE_HANDOFF, TIMELINE_DONE, 12000, 0, 0,
		"iPXE is about to start it" };
	struct timeline *t = make(10, BOOT_OVER);
	char out[TIMELINE_TEXT_MAX];

	(void)state;
	timeline_add(t, &end);
	strcpy(t->sentence, "disk was handed over; whether it came up, nobody reported");
	timeline_draw(t, &plain, out);
	assert_holds(out, "handed over, ");
	assert_holds(out, "\n    disk was handed over; whether it came up, nobody reported\n");
	assert_null(strstr(out, "\n  up"));
	timeline_row(t, &plain, out);
	assert_holds(out, "handoff");
	free(t);
}

/* What does not fit behind the bar stands below it, whole. */
static void test_long_note(void **state)
{
	static const char why[] =
		"ipxe.efi by TFTP: snponly.efi did not reach its script at boot 12";
	const struct timeline_event offer = { STAGE_OFFER, TIMELINE_DONE, 500, 0, 0, why };
	const struct timeline_style narrow = { 60, 0, false, false };
	struct timeline *t = make(0, BOOT_OPEN);
	char out[TIMELINE_TEXT_MAX];

	(void)state;
	timeline_add(t, &offer);
	assert_holds(timeline_draw(t, &plain, out),
		"|\n             ipxe.efi by TFTP: snponly.efi did not reach its script at boot 12\n");
	assert_holds(timeline_draw(t, &narrow, out),
		"|\n             ipxe.efi by TFTP: snponly.efi did not reach its\n"
		"             script at boot 12\n");
	free(t);
}

/* A file that is fetched anew counts once; the try before it stays to be seen. */
static void test_retry(void **state)
{
	static const struct timeline_event tries[] = {
		{ STAGE_IMAGE, TIMELINE_STARTED, 0, 0, 8 * MIB, "vmlinuz" },
		{ STAGE_IMAGE, TIMELINE_ABORTED, 1000, 2 * MIB, 8 * MIB, "vmlinuz" },
		{ STAGE_IMAGE, TIMELINE_STARTED, 2000, 0, 8 * MIB, "vmlinuz" },
		{ STAGE_IMAGE, TIMELINE_FINISHED, 4000, 8 * MIB, 8 * MIB, "vmlinuz" },
	};
	struct timeline *t = make(0, BOOT_OPEN);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tries); i++)
		timeline_add(t, &tries[i]);
	assert_int_equal(t->steps[STAGE_IMAGE].n, 2);
	assert_holds(line_of(t, "image"), " 8.0 MiB ");
	free(t);
}

/* More tries than there is room for, and times that run backwards: still a picture. */
static void test_flood(void **state)
{
	static const struct timeline_style styles[] = { { 40, 0, true, true },
		{ 76, 0, true, true }, { 100, 0, false, false }, { 1000, 30, true, true } };
	struct timeline *t = make(ARRAY_LEN(boot), BOOT_OPEN);
	char out[TIMELINE_TEXT_MAX], detail[40];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct timeline_event e = { (enum boot_stage)(i % STAGES),
			(enum timeline_what)(i % TIMELINE_WHATS), 100000 - i * 21, UINT64_MAX / 2,
			UINT64_MAX / 3, detail };

		snprintf(detail, sizeof detail, "file %d", i);
		timeline_add(t, &e);
	}
	memset(t->sentence, 'x', sizeof t->sentence - 1);
	for (size_t i = 0; i < ARRAY_LEN(styles); i++) {
		for (int s = BOOT_OPEN; s <= BOOT_OVER; s++) {
			t->state = (enum boot_state)s;
			assert_true(strlen(timeline_draw(t, &styles[i], out)) < sizeof out - 1);
			assert_true(strlen(timeline_row(t, &styles[i], out)) < sizeof out - 1);
		}
	}
	free(t);
}

/* The rows of a table of hosts are as wide as their header, and no wider than the terminal. */
static void test_rows(void **state)
{
	static const unsigned columns[] = { 76, 80, 100, 140 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		struct timeline_style s = { columns[i], 0, true, false };
		char header[TIMELINE_TEXT_MAX], row[TIMELINE_TEXT_MAX];

		timeline_row_header(&s, header);
		assert_true(format_width(header) <= columns[i]);
		for (size_t n = 0; n <= ARRAY_LEN(boot); n++) {
			struct timeline *t = make(n, n < ARRAY_LEN(boot) ? BOOT_OPEN : BOOT_UP);

			timeline_row(t, &s, row);
			assert_int_equal(format_width(row), format_width(header));
			t->state = BOOT_FAILED;
			memset(t->sentence, 'x', sizeof t->sentence - 1);
			assert_true(format_width(timeline_row(t, &s, row)) <= columns[i]);
			free(t);
		}
	}
}

/* Hosts whose names begin alike are told apart, and a sentence ends with a word. */
static void test_long_names(void **state)
{
	const struct timeline_style s = { 80, 20, false, false };
	struct timeline *t = make(3, BOOT_FAILED);
	char row[TIMELINE_TEXT_MAX];

	(void)state;
	strcpy(t->host, "rack-07-chassis-2-01");
	strcpy(t->sentence, "The bytes of vmlinuz differ: 0123456789abcdef0123456789abcdef");
	timeline_row(t, &s, row);
	assert_holds(row, "rack-07-chassis-2-01 failed");
	assert_holds(row, "The bytes of vmlinuz differ: ... ");
	assert_int_equal(format_width(row), 80);
	free(t);
}

static void test_words(void **state)
{
	enum timeline_what what = TIMELINE_WHATS;

	(void)state;
	assert_int_equal(timeline_what_parse("aborted", &what), 0);
	assert_int_equal(what, TIMELINE_ABORTED);
	assert_int_equal(timeline_what_parse("", &what), -EINVAL);
	assert_int_equal(timeline_what_parse("paused", &what), -EINVAL);
	assert_int_equal(what, TIMELINE_ABORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_going_on),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_long_detail),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_over),
		cmocka_unit_test(test_long_note),
		cmocka_unit_test(test_retry),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
