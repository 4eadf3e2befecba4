/*
 * fuzz_bootcfg.c: any bytes. What is accepted can be rendered unless a path names no file; what was
 * rendered is accepted, says the same, and is rendered to the same bytes.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/bootcfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int same_place(void *arg, const char *name, char *out, size_t size)
{
	(void)arg;
	if (strlen(name) >= size)
		return -ENOSPC;
	strcpy(out, name);
	return 0;
}

static void must(int holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char one[2 * BOOTCFG_MAX], two[2 * BOOTCFG_MAX];
	const struct bootcfg_host first = { "http://h/p", "ks=x", same_place, NULL };
	const struct bootcfg_host second = { "http://h/p", "", same_place, NULL };
	static struct bootcfg cfg, back;
	char err[BOOTCFG_ERR_MAX] = "";
	int len, again;

	if (bootcfg_parse((const char *)data, size, &cfg, err)) {
		must(*err != 0);
		return 0;
	}
	len = bootcfg_render(&cfg, &first, one, sizeof one);
	must(len > 0 || len == -EINVAL || len == -ENOSPC);
	if (len < 0 || len > BOOTCFG_MAX)
		return 0;
	must(bootcfg_parse(one, (size_t)len, &back, err) == 0);
	must(back.n_modules == cfg.n_modules);
	again = bootcfg_render(&back, &second, two, sizeof two);
	must(again == len && !memcmp(one, two, (size_t)len));
	return 0;
}
