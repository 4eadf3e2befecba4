/* test_timeline_svg.c: a boot as a picture: every step has its bar, and whatever hosts say is text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/timeline_svg.h"

#define MIB (1024ULL * 1024)

static const struct timeline_event events[] = {
	{ STAGE_DISCOVER, TIMELINE_DONE, 0, 0, 0, "<script>&\"\xef\xbf\xbe\x01" },
	{ STAGE_LEASE, TIMELINE_DONE, 1000, 0, 0, "10.0.0.9" },
	{ STAGE_LOADER, TIMELINE_REQUESTED, 1000, 0, MIB, "undionly.kpxe" },
	{ STAGE_IMAGE, TIMELINE_STARTED, 4000, 0, 8 * MIB, "vmlinuz" },
	{ STAGE_IMAGE, TIMELINE_FINISHED, 6000, 8 * MIB, 8 * MIB, "vmlinuz" },
	{ STAGE_IMAGE, TIMELINE_PROGRESS, 5500, 8 * MIB, 16 * MIB, NULL },
	{ STAGE_IMAGE, TIMELINE_STARTED, 6000, 0, 8 * MIB, "initrd" },
	{ STAGE_IMAGE, TIMELINE_ABORTED, 8000, 2 * MIB, 8 * MIB, "initrd" },
};

static struct timeline *make(size_t n)
{
	struct timeline *t = calloc(1, sizeof *t);

	assert_non_null(t);
	t->boot = 17;
	t->state = BOOT_FAILED;
	strcpy(t->host, "n01");
	for (size_t i = 0; i < n; i++)
		timeline_add(t, &events[i]);
	t->elapsed_ms = 10000;
	strcpy(t->reason, "file-digest");
	memset(t->sentence, 'x', sizeof t->sentence - 1); /* no blank to break at */
	return t;
}

static size_t count(const char *s, const char *what)
{
	size_t n = 0;

	for (; (s = strstr(s, what)); s += strlen(what))
		n++;
	return n;
}

static void test_bars(void **state)
{
	struct timeline *t = make(ARRAY_LEN(events));
	char *svg = timeline_svg(t);

	(void)state;
	assert_non_null(svg);
	assert_int_equal(count(svg, "rx=\"2\""), 5);
	assert_int_equal(count(svg, "rx=\"2\" class=\"asked\""), 1);
	assert_int_equal(count(svg, "rx=\"2\" class=\"bad\""), 1);
	/* the first file: from 4 s to 6 s of 10 s on 900 */
	assert_non_null(strstr(svg, "<rect x=\"500.0\" y="));
	assert_non_null(strstr(svg, "width=\"180.0\" height=\"14\""));
	assert_non_null(strstr(svg, ">vmlinuz  8.0 MiB, 4.0 MiB/s, 2.0 s<"));
	assert_non_null(strstr(svg, ">initrd  2.0 MiB of 8.0 MiB, 1.0 MiB/s, 2.0 s, aborted<"));
	assert_non_null(strstr(svg, ">undionly.kpxe  1.0 MiB asked<"));
	assert_non_null(strstr(svg, "failed after 10.0 s"));
	assert_non_null(strstr(svg, "(file-digest)"));
	free(svg);
	free(t);
}

static void test_text_is_text(void **state)
{
	struct timeline *t = make(ARRAY_LEN(events));
	char *svg = timeline_svg(t);

	(void)state;
	assert_non_null(svg);
	assert_non_null(strstr(svg, ">&lt;script&gt;&amp;&quot;?"
				    "?<"));
	assert_null(strstr(svg, "<script"));
	assert_int_equal(count(svg, "<text"), count(svg, "</text>"));
	assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
	free(svg);
	free(t);
}

/* As many steps as there can be, each as long as it can be: nothing is cut. */
static void test_the_largest(void **state)
{
	struct timeline *t = make(0);
	char detail[TIMELINE_DETAIL_MAX], *svg;

	(void)state;
	memset(detail, '&', sizeof detail - 1);
	detail[sizeof detail - 1] = 0;
	for (unsigned stage = 0; stage < STAGES; stage++) {
		for (size_t i = 0; i < TIMELINE_SPANS_MAX; i++) {
			detail[0] = (char)('a' + i);
			timeline_add(t,
				&(struct timeline_event){ (enum boot_stage)stage, TIMELINE_ABORTED,
					TIMELINE_MS_MAX - 1, 1, UINT64_MAX, detail });
		}
	}
	svg = timeline_svg(t);
	assert_non_null(svg);
	assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
	assert_int_equal(count(svg, "rx=\"2\""), STAGES * TIMELINE_SPANS_MAX);
	free(svg);
	free(t);
}

static void test_nothing_yet(void **state)
{
	struct timeline *t = calloc(1, sizeof *t);
	char *svg = timeline_svg(t);

	(void)state;
	assert_non_null(svg);
	assert_int_equal(count(svg, "rx=\"2\""), 0);
	free(svg);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_text_is_text),
		cmocka_unit_test(test_the_largest),
		cmocka_unit_test(test_nothing_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
