/*
 * format.h: numbers and times for people. Pure; each writes a NUL-terminated text into `out` and
 * returns it.
 */
#ifndef MUSTER_SERVER_CTL_FORMAT_H
#define MUSTER_SERVER_CTL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_MAX 24 /* bytes that any of these write at most, NUL included */

char *format_bytes(uint64_t bytes, char out[FORMAT_MAX]); /* "512 B", "8.0 MiB" */
char *format_age(int64_t ms, char out[FORMAT_MAX]);	  /* "12s", "3m", "5h", "2d" */
char *format_seconds(int64_t ms, char out[FORMAT_MAX]);	  /* "0.4 s", "12.3 s", "2m05s" */
char *format_count(uint64_t n, char out[FORMAT_MAX]);	  /* plain decimal */
char *format_date(uint64_t unix_s, char out[FORMAT_MAX]); /* "2027-01-15", UTC */

/* "90", "90s", "10m", "2h", "1h30m" -> milliseconds; -1 for anything else or above a week. */
int64_t format_parse_duration(const char *s);

/*
 * What people type when they sign: digits only, 1 to max; and "400d" or "12h" in seconds, at most
 * 75 years. False for anything else.
 */
bool format_parse_number(const char *s, uint64_t max, uint64_t *out);
bool format_parse_validity(const char *s, uint64_t *out);

/* Replace control characters by '?', in place; valid UTF-8 above them stays. Returns s. */
char *format_clean(char *s);
/* Characters seen on a terminal, for text that is clean UTF-8 of single-width letters. */
size_t format_width(const char *s);

#endif
