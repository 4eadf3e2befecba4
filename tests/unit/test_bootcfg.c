/*
 * test_bootcfg.c: boot.cfg as installation CDs have it, in every form that mboot accepts, and a
 * table of what is refused; what a host gets, read again, says the same.
 */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/bootcfg.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char cd[] =
	"bootstate=0\r\n"
	"title=Loading ESXi installer\r\n"
	"timeout=5\r\n"
	"prefix=\r\n"
	"kernel=/b.b00\r\n"
	"kernelopt=runweasel cdromBoot\r\n"
	"modules=/jumpstrt.gz --- /useropts.gz --- /k.b00 debug=1  x --- /s.v00\r\n"
	"build=8.0.2-0.0.22380479\r\n"
	"updated=0\r\n";

/* An exact heap block, so that a byte too many is seen. */
static int parse(const char *text, size_t len, struct bootcfg *out, char *err, char **block)
{
	*block = malloc(len ? len : 1);
	assert_non_null(*block);
	memcpy(*block, text, len);
	return bootcfg_parse(*block, len, out, err);
}

static void assert_text(const struct bootcfg_text *t, const char *want)
{
	assert_int_equal(t->len, strlen(want));
	assert_memory_equal(t->p, want, t->len);
}

static void test_cd(void **state)
{
	char err[BOOTCFG_ERR_MAX] = "", name[32], *block;
	struct bootcfg cfg;

	(void)state;
	assert_int_equal(parse(cd, strlen(cd), &cfg, err, &block), 0);
	assert_text(&cfg.kernel.path, "/b.b00");
	assert_text(&cfg.kernelopt, "runweasel cdromBoot");
	assert_int_equal(cfg.prefix.len, 0);
	assert_int_equal(cfg.crypto.path.len, 0);
	assert_int_equal(cfg.n_modules, 4);
	assert_text(&cfg.modules[2].path, "/k.b00");
	assert_text(&cfg.modules[2].options, "debug=1  x");
	assert_text(&cfg.modules[3].path, "/s.v00");
	assert_int_equal(cfg.modules[3].options.len, 0);
	assert_int_equal(bootcfg_name(&cfg.kernel.path, name, sizeof name), 0);
	assert_string_equal(name, "b.b00");
	assert_int_equal(bootcfg_name(&cfg.kernel.path, name, 5), -ENOSPC);
	free(block);
}

static const struct {
	const char *name, *text;
	const char *kernel, *opt; /* NULL: refused */
	size_t modules;
	const char *says;
} rows[] = {
	{ "the least", "kernel=b", "b", "", 0, NULL },
	{ "blanks", "  kernel = b  \n\tkernelopt\t=  a   b\n", "b", "a   b", 0, NULL },
	{ "either case", "KERNEL=b\nKernelOpt=x\nMODULES=c\n", "b", "x", 1, NULL },
	{ "comment", "# kernel=c\nkernel=b\n #kernel=d\n", "b", "", 0, NULL },
	{ "the last counts", "kernel=a\nkernel=b\nkernelopt=1\nkernelopt=2\n", "b", "2", 0, NULL },
	{ "empty clears", "kernel=b\nkernelopt=1\nkernelopt=\nmodules=c\nmodules=\n", "b", "", 0,
		NULL },
	{ "unknown keys", "kernel=b\nkernels=c\nmodule=d\nfoo\n=x\n", "b", "", 0, NULL },
	{ "'=' in the value", "kernel=b\nkernelopt=ks=http://h/ks.cfg?a=b\n", "b",
		"ks=http://h/ks.cfg?a=b", 0, NULL },
	{ "empty items", "kernel=b\nmodules= --- a --- --- b ---\n", "b", "", 2, NULL },
	{ "separator without blanks", "kernel=b\nmodules=a---b---c\n", "b", "", 3, NULL },
	{ "dashes that are none", "kernel=b\nmodules=a--b --- -c\n", "b", "", 2, NULL },
	{ "numbers", "kernel=b\nerrtimeout=-1\nskip=\ntimeout=10\n", "b", "", 0, NULL },
	{ "empty", "", NULL, NULL, 0, "kernel: the file names none" },
	{ "no kernel", "modules=a\n", NULL, NULL, 0, "kernel: the file names none" },
	{ "kernel taken away", "kernel=b\nkernel=\n", NULL, NULL, 0, "kernel" },
	{ "two words", "kernel=b c\n", NULL, NULL, 0, "'b c' is no file's name" },
	{ "CR in the name", "kernel=b\rc\n", NULL, NULL, 0, "is no file's name" },
	{ "crypto of two words", "kernel=b\ncrypto=a b\n", NULL, NULL, 0, "crypto: 'a b'" },
	{ "no number", "kernel=b\ntimeout=soon\n", NULL, NULL, 0, "timeout: 'soon'" },
	{ "only a sign", "kernel=b\ntimeout=-\n", NULL, NULL, 0, "timeout: '-'" },
	{ "escape", "kernel=b\ntitle=\x1b[2J\n", NULL, NULL, 0, "line 2: a control byte (0x1b)" },
	{ "delete", "kernel=b\x7f", NULL, NULL, 0, "line 1: a control byte" },
	{ "ACPI tables", "kernel=b\nacpitables=a\n", NULL, NULL, 0, "acpitables" },
	{ "a binary", "MZ\x90\x01\x02", NULL, NULL, 0, "line 1" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char err[BOOTCFG_ERR_MAX] = "", *block;
		struct bootcfg cfg;
		int rc = parse(rows[i].text, strlen(rows[i].text), &cfg, err, &block);

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(rc, rows[i].kernel ? 0 : -EBADMSG);
		if (rows[i].says) {
			print_message("     %s\n", err);
			assert_non_null(strstr(err, rows[i].says));
		} else {
			assert_text(&cfg.kernel.path, rows[i].kernel);
			assert_text(&cfg.kernelopt, rows[i].opt);
			assert_int_equal(cfg.n_modules, rows[i].modules);
		}
		free(block);
	}
}

static void test_nul(void **state)
{
	static const char text[] = "kernel=b\0c\n";
	char err[BOOTCFG_ERR_MAX] = "", *block;
	struct bootcfg cfg;

	(void)state;
	assert_int_equal(parse(text, sizeof text - 1, &cfg, err, &block), -EBADMSG);
	assert_non_null(strstr(err, "0"));
	free(block);
}

static void test_limits(void **state)
{
	char err[BOOTCFG_ERR_MAX] = "", *text = malloc(BOOTCFG_MAX + 2);
	struct bootcfg cfg;
	int n = sprintf(text, "kernel=b\nmodules=");

	(void)state;
	for (int i = 0; i < BOOTCFG_MODULES_MAX; i++)
		n += sprintf(text + n, "m%d---", i);
	assert_int_equal(bootcfg_parse(text, (size_t)n, &cfg, err), 0);
	assert_int_equal(cfg.n_modules, BOOTCFG_MODULES_MAX);
	n += sprintf(text + n, "one more");
	assert_int_equal(bootcfg_parse(text, (size_t)n, &cfg, err), -EBADMSG);
	assert_non_null(strstr(err, "more than 250"));
	memset(text, ' ', BOOTCFG_MAX + 1);
	memcpy(text, "kernel=b\n", 9);
	assert_int_equal(bootcfg_parse(text, BOOTCFG_MAX, &cfg, err), 0);
	assert_int_equal(bootcfg_parse(text, BOOTCFG_MAX + 1, &cfg, err), -EBADMSG);
	free(text);
}

/* ---- what a host gets ---- */

static int below_digest(void *arg, const char *name, char *out, size_t size)
{
	if (arg && !strcmp(name, arg))
		return -ENOENT;
	return snprintf(out, size, "00ff/%s", name) < (int)size ? 0 : -ENOSPC;
}

static const char rendered[] =
	"bootstate=0\n"
	"title=Loading ESXi installer\n"
	"timeout=5\n"
	"build=8.0.2-0.0.22380479\n"
	"updated=0\n"
	"prefix=http://10.77.0.1/blobs/sha256\n"
	"kernelopt=runweasel cdromBoot ks=http://h/n07.cfg\n"
	"kernel=00ff/b.b00\n"
	"modules=00ff/jumpstrt.gz --- 00ff/useropts.gz --- 00ff/k.b00 debug=1 x --- 00ff/s.v00\n";

static void test_render(void **state)
{
	const struct bootcfg_host host = { "http://10.77.0.1/blobs/sha256", "ks=http://h/n07.cfg",
		below_digest, NULL };
	char err[BOOTCFG_ERR_MAX] = "", out[1024], again[1024];
	struct bootcfg cfg, back;
	int len;

	(void)state;
	assert_int_equal(bootcfg_parse(cd, strlen(cd), &cfg, err), 0);
	len = bootcfg_render(&cfg, &host, out, sizeof out);
	assert_string_equal(out, rendered);
	assert_int_equal(len, strlen(rendered));
	for (size_t room = 0; room <= (size_t)len; room++) {
		char *small = malloc(room ? room : 1);

		assert_int_equal(bootcfg_render(&cfg, &host, small, room), -ENOSPC);
		free(small);
	}
	/* what was written is read the same, and a second time with no arguments more */
	assert_int_equal(bootcfg_parse(out, (size_t)len, &back, err), 0);
	assert_int_equal(back.n_modules, 4);
	assert_text(&back.modules[2].options, "debug=1 x");
	assert_int_equal(
		bootcfg_render(&back, &(struct bootcfg_host){ host.prefix, "", below_digest, NULL },
			again, sizeof again),
		len);
	assert_string_equal(again, out);
}

static void test_render_refused(void **state)
{
	struct bootcfg_host host = { "http://h", "", below_digest, (void *)(uintptr_t) "s.v00" };
	char err[BOOTCFG_ERR_MAX] = "", out[1024];
	static const char folder[] = "kernel=/boot/\n";
	struct bootcfg cfg;

	(void)state;
	assert_int_equal(bootcfg_parse(cd, strlen(cd), &cfg, err), 0);
	assert_int_equal(bootcfg_render(&cfg, &host, out, sizeof out), -ENOENT);
	assert_int_equal(bootcfg_parse(folder, strlen(folder), &cfg, err), 0);
	assert_int_equal(bootcfg_render(&cfg, &host, out, sizeof out), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cd),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_render),
		cmocka_unit_test(test_render_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
