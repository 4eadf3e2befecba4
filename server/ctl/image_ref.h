/*
 * image_ref.h: how people write a version of an image: NAME@VERSION, and NAME@VERSION#RELEASE where
 * a version was signed more than once. NAME#RELEASE says it, too. Pure.
 */
#ifndef MUSTER_SERVER_CTL_IMAGE_REF_H
#define MUSTER_SERVER_CTL_IMAGE_REF_H

#include <stddef.h>
#include <stdint.h>

#include "images/manifest.h"

struct image_ref {
	char name[MANIFEST_NAME_MAX];
	char version[MANIFEST_NAME_MAX]; /* "": not said */
	uint64_t release;		 /* 0: not said */
};

/* 0, or -EINVAL. */
int image_ref_parse(const char *text, struct image_ref *out);
/* The same without the name: VERSION, VERSION#RELEASE, #RELEASE. out->name stays. */
int image_ref_version(const char *text, struct image_ref *out);

/* "kvm@1#7" as far as it was said. Returns out. */
#define IMAGE_REF_TEXT (2 * MANIFEST_NAME_MAX + 24)
char *image_ref_print(const struct image_ref *ref, char out[IMAGE_REF_TEXT]);

/* "version=1&release=7" for a query, escaped; "" where neither was said. Returns out. */
#define IMAGE_REF_QUERY (3 * MANIFEST_NAME_MAX + 64)
char *image_ref_query(const struct image_ref *ref, char out[IMAGE_REF_QUERY]);

/* Any text as a value of a query; cut at a whole character where it does not fit. Returns out. */
char *image_ref_escape(const char *text, char *out, size_t size);

#endif
