#include "agent/down.h"

#include <signal.h>
#include <stddef.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "agent/guest_stop.h"
#include "agent/pace.h"
#include "agent/run.h"
#include "agent/screen.h"

#define GUESTS_MS 60000
#define SYNC_MS	  20000 /* a disk of the network may be gone */
#define INIT_MS	  30000 /* init ends all processes, this one too */

/* Not to be ended by init, nor to wait for anything that hangs. */
static void start_last_resort(void)
{
	sigset_t all;

	if (fork() != 0)
		return;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (unsigned left = DOWN_LAST_S; left;)
		left = sleep(left);
	reboot(RB_AUTOBOOT);
	_exit(1);
}

_Noreturn void down_reboot(void)
{
	static const char *const write_disks[] = { "sync", NULL };
	static const char *const by_init[] = { "reboot", NULL };
	char said[64];

	start_last_resort();
	guest_stop_all(GUESTS_MS);
	screen_say("going down");
	run_capture(write_disks, SYNC_MS, said, sizeof said);
	run_capture(by_init, INIT_MS, said, sizeof said);
	pace_sleep_ms(INIT_MS);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
