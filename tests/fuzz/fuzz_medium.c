/*
 * fuzz_medium.c: the first byte chooses: a path, what lies on a medium, or a boot catalogue. A path
 * that is accepted leads nowhere else, and is accepted again as it came out.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/ctl/medium_find.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

static void try_path(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), out[MEDIUM_PATH_MAX], again[MEDIUM_PATH_MAX];

	memcpy(text, data, size);
	text[size] = 0;
	if (medium_path(text, out) == 0) {
		must(*out && *out != '/' && strcmp(out, "..") && strncmp(out, "../", 3));
		must(!strstr(out, "/../") && !strstr(out, "//") && !strchr(out, '\\'));
		must(medium_path(out, again) == 0 && !strcmp(out, again));
	}
	free(text);
}

/* Files of 64 bytes of name and a head each; the names are paths made of the bytes. */
static void try_medium(const uint8_t *data, size_t size)
{
	struct medium_file files[8];
	struct medium m = { .files = files };
	struct medium_found f;

	while (size > 64 && m.n < 8) {
		size_t n = size - 64 < MEDIUM_HEAD ? size - 64 : MEDIUM_HEAD;
		struct medium_file *file = &files[m.n++];

		*file = (struct medium_file){
			.path = malloc(65), .head = malloc(n), .head_len = n
		};
		memcpy(file->path, data, 64);
		file->path[64] = 0;
		memcpy(file->head, data + 64, n);
		data += 64 + n;
		size -= 64 + n;
	}
	medium_find(&m, &f);
	must(f.kernel == MEDIUM_NONE || f.kernel < m.n);
	must(f.n_kernels <= m.n && (f.n_kernels == 0) == (f.kernel == MEDIUM_NONE));
	if (f.bootcfg != MEDIUM_NONE)
		medium_of_bootcfg(&m, f.bootcfg, m.n > 1 ? files[1].path : "", files[0].path);
	for (size_t i = 0; i < m.n; i++) {
		free(files[i].path);
		free(files[i].head);
	}
}

static void try_sector(const uint8_t *data, size_t size)
{
	uint8_t *sector = calloc(1, 2048);
	struct medium_boots boots;
	uint32_t where;

	memcpy(sector, data, size < 2048 ? size : 2048);
	medium_boot_record(sector, &where);
	medium_boot_catalogue(sector, &boots);
	free(sector);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (data[0] % 3) {
	case 0:
		try_path(data + 1, size - 1);
		break;
	case 1:
		try_medium(data + 1, size - 1);
		break;
	default:
		try_sector(data + 1, size - 1);
	}
	return 0;
}
