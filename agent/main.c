/*
 * main.c: muster-agent. A straight line of steps in one of two places, chosen by the first word;
 * when a step fails the host says why, waits and reboots.
 */
#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/boot.h"
#include "agent/cmdline.h"
#include "agent/file.h"
#include "agent/handoff.h"
#include "agent/hypervisor.h"
#include "agent/net.h"
#include "agent/pace.h"
#include "agent/run.h"
#include "agent/screen.h"
#include "agent/trust.h"

#define REBOOT_S 60 /* when the server names no pause */

static const char usage[] =
	"usage: muster-agent boot | hypervisor\n"
	"       muster-agent rehearse URL [TRUST-DIR [SYSROOT]]\n"
	"boot        in the boot ramdisk: fetch, verify and start the assigned image\n"
	"hypervisor  in the started image: prove that a guest runs, report, send heartbeats\n"
	"rehearse    on a running machine: everything of boot up to the hand-off\n";

/* Both places are ramdisks; anywhere else a hand-off or a reboot would hit somebody's machine. */
static int in_ramdisk(void)
{
	struct statfs s;

	return statfs("/", &s) == 0 && (s.f_type == RAMFS_MAGIC || s.f_type == TMPFS_MAGIC);
}

_Noreturn static void restart(unsigned pause_s)
{
	pace_sleep_ms((int64_t)pause_s * 1000);
	sync();
	reboot(RB_AUTOBOOT);
	_exit(1); /* not permitted: init will see */
}

_Noreturn static void give_up(const struct cmdline *cmd, const struct fault *f, unsigned pause_s)
{
	char next[80];

	snprintf(next, sizeof next, "This host reboots in %u s and tries again.", pause_s);
	screen_fault(f, cmd->debug ? "A shell follows; the host reboots when it ends." : next);
	if (cmd->debug)
		run_shell();
	restart(cmd->debug ? 0 : pause_s);
}

/* As process 1 a crash would be a kernel panic: let a child do the work and bury what dies. */
static void be_init(void)
{
	pid_t worker, gone;
	int status = 0;

	if (getpid() != 1)
		return;
	worker = fork();
	if (worker == 0)
		return;
	do {
		gone = wait(&status);
	} while (gone != worker && (gone > 0 || errno == EINTR));
	if (gone == worker && WIFEXITED(status) && WEXITSTATUS(status) == HANDOFF_SWITCH_STATUS)
		handoff_become_init();
	screen_say("The agent ended without a reason. This host reboots in %d s.", REBOOT_S);
	restart(REBOOT_S);
}

_Noreturn static void run_in_ramdisk(int hypervisor)
{
	char text[4096];
	struct cmdline cmd;
	struct fault fault = { 0 };
	unsigned reboot_s = REBOOT_S;

	if (!in_ramdisk()) {
		fputs("muster-agent: this machine does not run from a ramdisk; see rehearse\n",
			stderr);
		exit(2);
	}
	signal(SIGPIPE, SIG_IGN);
	screen_open();
	be_init();
	file_read("/proc/cmdline", text, sizeof text);
	cmdline_parse(text, &cmd);
	screen_say("muster-agent " MUSTER_VERSION);
	if (hypervisor)
		hypervisor_run(&reboot_s, &fault);
	else
		boot_run(&cmd, &reboot_s, &fault);
	give_up(&cmd, &fault, reboot_s);
}

static int rehearse(int argc, char **argv)
{
	struct fault fault = { 0 };
	int rc;

	signal(SIGPIPE, SIG_IGN);
	rc = boot_rehearse(
		argv[2], argc > 3 ? argv[3] : TRUST_DIR, argc > 4 ? argv[4] : "", &fault);
	if (rc < 0)
		screen_fault(&fault, "Nothing was changed on this machine.");
	else
		screen_say("this machine would start now");
	return rc < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(slash ? slash + 1 : argv[0], NET_SCRIPT) == 0)
		return net_event(mode);
	if (argc == 2 && (strcmp(mode, "boot") == 0 || strcmp(mode, "hypervisor") == 0))
		run_in_ramdisk(mode[0] == 'h');
	if (argc >= 3 && argc <= 5 && strcmp(mode, "rehearse") == 0)
		return rehearse(argc, argv);
	fputs(usage, stderr);
	return 2;
}
