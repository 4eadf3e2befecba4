#include "db/stage.h"

#include <errno.h>
#include <string.h>

static const char *const names[STAGES] = { "discover", "offer", "lease", "loader", "script",
	"agent", "image", "verify", "handoff", "up", "failed" };

const char *boot_stage_name(enum boot_stage stage)
{
	return stage < STAGES ? names[stage] : "unknown";
}

int boot_stage_parse(const char *name, enum boot_stage *out)
{
	for (int i = 0; i < STAGES; i++) {
		if (!strcmp(name, names[i])) {
			*out = (enum boot_stage)i;
			return 0;
		}
	}
	return -EINVAL;
}
