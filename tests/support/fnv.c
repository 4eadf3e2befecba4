/* fnv FILE...: "LENGTH HASH NAME" of each, 64-bit FNV-1a, as tests/boot/reporter.c says it. */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		uint64_t sum = 0xcbf29ce484222325, len = 0;

		if (!f)
			err(1, "%s", argv[i]);
		for (int c; (c = getc_unlocked(f)) != EOF; len++)
			sum = (sum ^ (uint64_t)c) * 0x100000001b3;
		fclose(f);
		printf("%" PRIu64 " %" PRIx64 " %s\n", len, sum, argv[i]);
	}
	return 0;
}
