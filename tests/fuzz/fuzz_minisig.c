/*
 * fuzz_minisig.c: the same bytes as each of the three files. A key that is accepted must print and
 * parse to the same key; no input may be a signature by a key that never signed it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/minisig.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct minisig_public stranger;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct minisig_secret sec;

	(void)argc;
	(void)argv;
	if (minisig_init())
		abort();
	minisig_generate(&sec, &stranger);
	minisig_wipe(&sec);
	return 0;
}

static void check_public(const char *text, size_t size)
{
	struct minisig_public pub, again;
	char out[MINISIG_TEXT_MAX];

	if (minisig_public_parse(text, size, &pub))
		return;
	minisig_public_print(&pub, out);
	if (minisig_public_parse(out, strlen(out), &again) || memcmp(&pub, &again, sizeof pub) != 0)
		abort();
}

static void check_secret(const char *text, size_t size)
{
	struct minisig_secret sec, again;
	char out[MINISIG_TEXT_MAX];

	if (minisig_secret_parse(text, size, &sec))
		return;
	minisig_secret_print(&sec, out);
	if (minisig_secret_parse(out, strlen(out), &again) || memcmp(&sec, &again, sizeof sec) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check_public(text, size);
	check_secret(text, size);
	if (minisig_verify(&stranger, 1, "manifest", 8, text, size) >= 0)
		abort();
	return 0;
}
