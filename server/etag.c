#include "server/etag.h"

#include <string.h>

bool etag_listed(const char *list, const char *etag, bool weak)
{
	size_t n = strlen(etag);
	const char *s = list + strspn(list, " \t");

	if (strcmp(s, "*") == 0)
		return true;
	while (*s) {
		bool is_weak = strncmp(s, "W/", 2) == 0;
		const char *tag = is_weak ? s + 2 : s;

		if ((weak || !is_weak) && strncmp(tag, etag, n) == 0 && strchr(", \t", tag[n]))
			return true;
		s += strcspn(s, ",");
		s += strspn(s, ", \t");
	}
	return false;
}
