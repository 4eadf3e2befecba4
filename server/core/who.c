#include "server/core/who.h"

#include <pwd.h>
#include <stdio.h>

const char *who_name(uint32_t uid, char *out, size_t size)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *p;

	*out = 0;
	while (f && (p = fgetpwent(f))) {
		if (p->pw_uid == uid) {
			snprintf(out, size, "%s", p->pw_name);
			break;
		}
	}
	if (f)
		fclose(f);
	return out;
}
