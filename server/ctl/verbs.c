/* verbs.c: the table of verbs; also the help. Verbs of one noun stand together. */
#include "server/ctl/verbs.h"

#include "server/bytes.h"

const struct verb verbs[] = {
	{ "", "setup", verb_setup, "[--dry-run]",
		"ask what the server needs to know, and write its configuration",
		"  --interface IF     where hosts boot\n"
		"  --mode full|proxy  give addresses, or leave that to another DHCP server\n"
		"  --range A-B        the addresses to give (default: half of the subnet)\n"
		"  --router ADDRESS, --dns ADDRESS  what hosts are told, or none (default: what this\n"
		"                     machine uses, where hosts can reach it)\n"
		"  --admission open|registered|approve  who may boot (default approve)\n"
		"  --image IMAGE      of hosts that have none assigned, or none\n"
		"  --name NAME        of this server (default: this machine's)\n"
		"  --etc DIR          where muster.conf is (default /etc/muster)\n"
		"  --yes              ask nothing\n"
		"  --force            also in the place of a file that it did not make, which is kept\n"
		"  --no-start         leave the service alone\n"
		"  --dry-run          only say what would be done\n"
		"It may be run again: what is done already is left as it is. It touches no other\n"
		"service and none of its files.\n" },
	{ "", "status", verb_status, "", "what the server is and how its hosts are", NULL },
	{ "", "doctor", verb_doctor, "[--quick] [--snippet SERVER]",
		"what keeps hosts from booting, and what to do about it",
		"  --quick           do not ask the network for other DHCP servers (4 s)\n"
		"  --snippet SERVER  what another DHCP server has to be told, to paste there:\n"
		"                    dnsmasq kea isc windows mikrotik pfsense openwrt. Needed where\n"
		"                    firmware does not put two answers together, so that [dhcp] mode =\n"
		"                    proxy cannot work\n"
		"Exit 1 when a check fails.\n" },
	{ "", "support", verb_support, "FILE",
		"what somebody who helps from afar needs to see, in one file without secrets",
		"What the server says of itself, why hosts failed, its configuration and log, and\n"
		"this machine's addresses. The file must not be there yet.\n" },
	{ "", "backup", verb_backup, "FILE [--with-keys]",
		"database, configuration and public keys of a running server, in one file",
		"  --with-keys        and the site's private key: needed for hosts to believe a restored\n"
		"                     server; on the server's machine, as root\n"
		"Secrets of hosts (disks' passwords) are in the database: keep the file as you keep the\n"
		"server. Files of images are not in it; they are imported again. The file must not be\n"
		"there yet; hosts are served meanwhile. It is a tar archive, compressed by zstd.\n" },
	{ "", "restore", verb_restore, "FILE [--check] [--replace]",
		"begin with what a backup holds; the server must not run",
		"  --check            only say whether it is whole, and what it holds\n"
		"  --replace          also where there is something: it is kept as NAME.before-DATE\n"
		"  --state-dir DIR    where to (default: where it was)\n"
		"  --config FILE      of the server (default /etc/muster/muster.conf); conf.d is beside it\n"
		"  --keep-config      leave the configuration that is here alone\n"
		"  --any-audit        also when rows of its audit log are not what was written\n"
		"Killed at any moment it leaves the old or the new. It says which images have to be\n"
		"imported again.\n" },
	{ "", "waiting", verb_waiting, "[--rejected]",
		"hosts that wait for somebody to let them in: what they are, where, and their code",
		"  --rejected       those that were rejected\n"
		"`muster host approve` lets them in, by name or code; `muster host reject` hides them.\n" },
	{ "", "export", verb_export, "[FILE]",
		"the site as one JSON document, for a git repository",
		"  --all            also hosts that nobody has set anything of\n"
		"Hosts, labels, reservations, options, values, pins, profiles and rules, as people have set them; no\n"
		"secrets. The order is always the same (docs/site.md).\n" },
	{ "", "apply", verb_apply, "-f FILE [--dry-run] [--prune]",
		"make the site as the document says, all of it or nothing",
		"  -f, --file FILE  what `muster export` wrote; - is standard input\n"
		"  --prune          remove hosts and profiles that are not in it\n"
		"  --dry-run        say what would be added, changed and removed, and have it checked\n"
		"  --yes            do not ask when something is removed or more than 10 things change\n"
		"What the document does not say stays as it is.\n" },
	{ "", "events", verb_events, "[-f] [--since ID] [--host NAMES]",
		"what hosts did, newest last; -f goes on",
		"  -f, --follow     go on with what happens from now on\n"
		"  --since ID       start after the event with that number\n"
		"  --host NAMES     these hosts only\n"
		"  --limit N        so many of the newest (default 50)\n" },

	{ "", "simulate", verb_simulate, "--hosts N --server ADDR --relay ADDR|--interface IF",
		"rehearse: many hosts boot from this server, all but their machines real",
		"  --server ADDR --relay ADDR  through a relay at this address of this machine, which the\n"
		"                    server must know ([dhcp] relays) and route the hosts' subnet to\n"
		"  --interface IF    or by broadcast there; this machine has an address on it\n"
		"  --at-once         all in the same moment (the default)\n"
		"  --rate R          or R begin in each second\n"
		"  --tftp-share 10%  so many read a loader by TFTP; the others' cards have iPXE in them\n"
		"  --image IMAGE     assign it to them (default: the server's)\n"
		"  --prefix MAC      first three bytes of their addresses (default 02:6d:73)\n"
		"  --trust DIR       release-*.pub and site-*.pub as an agent has them (default: the\n"
		"                    server's own, on its machine)\n"
		"  --timeout TIME    hosts that are not up by then have failed (default 30m)\n"
		"  --yes             also while real hosts boot; without the server's socket: as\n"
		"                    strangers\n"
		"  --clean           forget all simulated hosts, their addresses and their record\n"
		"Needs root: each host speaks from the address that it is given, which is on this\n"
		"machine meanwhile. Exit 1 when a host failed.\n" },

	{ "host", "list", verb_host_list, "[NAMES] [--where MATCH]", "hosts and how far they are",
		"  --where MATCH    that a match fits, as in a rule: 'firmware=U46* memory<64G disk=*SSD*'\n" },
	{ "host", "show", verb_host_show, "NAME", "one host: identity, facts, newest boots",
		"  --told           what it would be told now: kernel arguments and files of its profile,\n"
		"                   with its own values filled in\n" },
	{ "host", "add", verb_host_add, "NAME --mac MAC",
		"make a host known before it is switched on",
		"  --mac MAC        one of its network cards\n"
		"  --uuid UUID      of its mainboard, as SMBIOS has it\n"
		"  --serial TEXT    its serial number\n"
		"  --client-id HEX  what its DHCP client calls itself (option 61)\n"
		"  --circuit HEX    the relay's port that it hangs on (option 82); one of the five\n"
		"                   is needed\n"
		"  --ip ADDRESS     reserve this address for it\n"
		"  --option SETTING what DHCP tells it alone, as it stands in a [subnet]:\n"
		"                   'dns = 10.77.0.9', 'lease-time = 8h'; may be repeated\n"
		"  --image IMAGE    what it shall boot\n"
		"  --channel NAME   which channel of its image it follows\n"
		"  --profile NAME   what it is told beside its image\n"
		"  --value NAME=VALUE, --label NAME=VALUE  as with `host set`\n"
		"  --dry-run        have it checked, and only say what would be sent\n" },
	{ "host", "set", verb_host_set,
		"NAMES --image IMAGE|--channel NAME|--ip ADDRESS|--option SETTING",
		"change what is known or wanted",
		"  --image IMAGE    what it shall boot from now on\n"
		"  --channel NAME   which channel of its image it follows: canary (default: stable, else\n"
		"                   the one of the highest release)\n"
		"  --no-channel     the default again; so does another image\n"
		"  --no-image       the server's default again\n"
		"  --profile NAME   what it is told beside its image (`muster profile`)\n"
		"  --no-profile     what a rule says, or nothing\n"
		"  --ip ADDRESS     reserve this address, for one host\n"
		"  --no-ip          no reserved address\n"
		"  --option SETTING what DHCP tells it alone, in place of all that was set before:\n"
		"                   'dns = 10.77.0.9', 'lease-time = 8h'; may be repeated\n"
		"  --no-options     nothing of its own\n"
		"  --name NEW       another name, for one host\n"
		"  --value NAME=VALUE  a value that images and profiles fill in where they say\n"
		"                   @{NAME}; repeatable. Of a network disk: san-target, san-iqn, san-lun,\n"
		"                   san-initiator, chap-name, chap-secret (which is never shown)\n"
		"  --no-value NAME  take it away\n"
		"  --label NAME[=VALUE]  what rules and ranges of hosts call it by: rack=r3, gpu;\n"
		"                   repeatable. `muster host list @gpu,rack=r3` finds them\n"
		"  --no-label NAME  take it away\n"
		"  --dry-run        have it checked, and only say what would be sent\n" },
	{ "host", "reject", verb_host_reject, "NAMES|CODES [--undo]",
		"hide hosts from the waiting room until their hardware changes",
		"  --undo           show them again\n"
		"  --dry-run        have it checked, and only say what would be sent\n"
		"They go on waiting: nothing else is given to them.\n" },
	{ "host", "approve", verb_host_approve, "NAMES|CODES|--csv FILE [--image IMAGE]",
		"let hosts out of the waiting room",
		"CODES are what their screens show.\n"
		"  --csv FILE       by serial number: lines SERIAL[,NAME[,IMAGE]], or columns as a first\n"
		"                   line names them; also of machines that have not come yet. All or none\n"
		"  --image IMAGE    and assign this image\n"
		"  --dry-run        have it checked, and only say who would be let in\n"
		"Hosts that are admitted already are left as they are and named: exit 4 where all are.\n" },
	{ "host", "replace", verb_host_replace, "NAME --by BOX",
		"give the role of a host (name, image, address, values) to another box",
		"  --by BOX         a MAC address, a UUID, a serial number, the code on the screen of a\n"
		"                   host that waits, or a host's name\n"
		"  --force          even if that box has a role of its own\n"
		"  --dry-run        have it checked, and only say what would be sent\n"
		"The box that had the role stays on record under another name, not admitted.\n" },
	{ "host", "import", verb_host_import, "FILE.csv [--dry-run]",
		"hosts from a spreadsheet; all of them or none",
		"  --dry-run        say what would be added and changed, and have it checked\n"
		"  --yes            do not ask when more than 10 hosts change\n"
		"Columns, as a first line names them: name macs serial uuid client_id circuit ip\n"
		"admitted image channel profile labels ('rack=r3 gpu'); all that `muster host list -o csv` writes\n"
		"is understood. An empty cell changes nothing, - takes away.\n" },
	{ "host", "reboot", verb_host_reboot, "NAMES [--reason TEXT] [--yes]",
		"ask hosts that run to start anew, so that they get what is assigned to them now",
		"  --reason TEXT    for the record\n"
		"  --undo           withdraw it, where the host has not obeyed yet\n"
		"  --yes            do not ask\n"
		"  --dry-run        only say which hosts would be asked\n"
		"A host hears of it at its next heartbeat, within half a minute; its guests get a minute\n"
		"to end. Those that cannot be asked are named apart (exit 4): not up, lost, or without an\n"
		"agent. `muster host wait NAMES --next` waits for the boots that come of it.\n" },
	{ "host", "rm", verb_host_rm, "NAMES [--yes]", "forget hosts and their record",
		"  --yes            do not ask\n"
		"  --dry-run        have it checked, and only say who would be forgotten\n" },
	{ "host", "why", verb_host_why, "NAMES|MAC", "why a host is not up, and what to do next",
		"One sentence, what it rests on and who saw that, the next step, and a code that\n"
		"stays the same (docs/why.md lists them). A MAC address asks for a machine that has\n"
		"no name yet. Exit 0 when all are up or on their way, 3 for an unknown name, else 1.\n" },
	{ "host", "diff", verb_host_diff, "NAMES [--boots A B]",
		"what has changed of machines: DIMM gone, NIC moved, firmware changed",
		"  --boots A B      between what they were at two boots (default: all changes that\n"
		"                   are kept, and the boot at which each was seen)\n" },
	{ "host", "timeline", verb_host_timeline, "NAMES|--all [-f]",
		"where the newest boot spent its time",
		"  -f, --follow     go on until it is up or has failed\n"
		"  --next           with -f: the next boot, not the newest that there is\n"
		"  --boot ID        that boot instead, however long ago\n"
		"  --svg [-o FILE]  as a picture, like systemd-analyze plot\n"
		"  --all            every host, one line each (so do several names)\n"
		"  --count N        with --all -f: end when N hosts are up or have failed\n" },
	{ "host", "wait", verb_host_wait, "NAMES|--count N [--for STAGE] [--timeout TIME]",
		"wait until hosts have reached a stage (default: up)",
		"  --for STAGE      discover offer lease loader script agent image verify handoff up\n"
		"  --count N        any N hosts, or N of NAMES\n"
		"  --appear         also for hosts that are not known yet; else exit 3 at once\n"
		"  --next           only boots that begin after this command\n"
		"  --timeout TIME   90s, 10m, 1h30m; then exit 6 (default 10m)\n"
		"Exit 1 as soon as a failed host makes it impossible. A server that was there and goes\n"
		"away is waited for, too.\n" },

	{ "rule", "list", verb_rule_list, "", "which hosts get which image and profile, in order",
		NULL },
	{ "rule", "add", verb_rule_add, "NAME --match MATCH --image IMAGE [--channel CHANNEL]",
		"which image and profile hosts get that have none set: by the first rule that fits",
		"  --match MATCH    conditions, all of which must hold, as in\n"
		"                   'vendor=HPE* memory>=64G subnet=10.77.0.0/24 @rack=r3|r4':\n"
		"                   FACT=GLOB, also with | between several, != for all but those, for\n"
		"                   numbers < <= > >=; @LABEL for hosts that have it. Facts: name mac\n"
		"                   serial uuid vendor model arch mode firmware cpu cpus memory subnet\n"
		"                   relay circuit remote switch port driver disk dimm (docs/rules.md).\n"
		"                   '' fits all hosts\n"
		"  --image IMAGE    what they boot (without it the server's default)\n"
		"  --channel NAME   of that image\n"
		"  --profile NAME   what they are told beside it\n"
		"  --before RULE    where it stands (default: at the end)\n"
		"  --at N           or its place, from 1\n"
		"  --dry-run        say which hosts would get another image or profile, and change nothing\n"
		"  --yes            do not ask when more than 10 hosts would\n"
		"What is set on a host itself counts more. Rules are looked at at every boot.\n" },
	{ "rule", "set", verb_rule_set, "NAME [--match MATCH] [--image IMAGE] [--channel CHANNEL]",
		"change a rule",
		"  --match, --image, --channel, --profile, --before, --at, --dry-run, --yes  as with `rule add`\n"
		"  --no-image       the server's default\n"
		"  --no-channel     none in particular\n"
		"  --no-profile     none\n"
		"  --name NEW       another name\n" },
	{ "rule", "move", verb_rule_move, "NAME --before RULE|--at N", "change the order",
		"  --before, --at, --dry-run, --yes  as with `rule add`\n" },
	{ "rule", "rm", verb_rule_rm, "NAME", "remove a rule",
		"  --dry-run, --yes  as with `rule add`\n" },
	{ "rule", "test", verb_rule_test, "HOSTS|--facts FILE",
		"which rule fits a host, and why the others do not",
		"  --facts FILE     a host that is described, in JSON: what `muster host show -o json`\n"
		"                   prints, or an object of facts by their names in a match and labels:\n"
		"                   {\"vendor\": \"HPE\", \"memory\": \"64G\", \"labels\": {\"rack\": \"r3\"}}\n"
		"                   (docs/rules.md); FILE - is standard input\n" },

	{ "profile", "list", verb_profile_list, "",
		"what hosts may be told beside their image: values, kernel arguments, files",
		NULL },
	{ "profile", "show", verb_profile_show, "NAME [--host HOST]",
		"one profile; or what exactly a host would be told with it",
		"  --host HOST      with the values of this host filled in\n" },
	{ "profile", "add", verb_profile_add,
		"NAME [--value NAME=VALUE] [--args TEXT] [--file PATH=FILE]",
		"make one; `muster host set --profile` or a rule gives it to hosts",
		"  --value NAME=VALUE  what @{NAME} stands for where a host has no value of its own;\n"
		"                   repeatable. One that ends in secret is never shown\n"
		"  --require NAME   each host has to have a value of that name\n"
		"  --args TEXT      further arguments of the kernel, with @{names}\n"
		"  --file PATH[:MODE]=FILE  a text file of the running hypervisor, with @{names}:\n"
		"                   /root/.ssh/authorized_keys:0600=keys.pub; FILE - is standard input;\n"
		"                   repeatable\n"
		"  --dry-run        check it, and change nothing\n"
		"Known without anybody's doing: host server url address netmask prefix gateway dns\n"
		"domain mac. What has no value is an error at once (docs/profiles.md).\n" },
	{ "profile", "set", verb_profile_set,
		"NAME [--value NAME=VALUE] [--args TEXT] [--file PATH=FILE]",
		"change one; hosts are told at their next boot",
		"  --value, --require, --args, --file, --dry-run  as with `profile add`\n"
		"  --no-value NAME  neither a value nor required any more\n"
		"  --no-args        no arguments\n"
		"  --no-file PATH   take the file away\n" },
	{ "profile", "rm", verb_profile_rm, "NAME", "remove one that no host and no rule has",
		"  --dry-run        check it, and change nothing\n" },

	{ "image", "build", verb_image_build, "RECIPE|--from MEDIUM [-o DIR]",
		"build a hypervisor image; needs no server",
		"  -o, --out DIR  where to (default: a folder named like the recipe)\n"
		"  --recipes DIR  where RECIPE.sh is (default: $MUSTER_RECIPES, then\n"
		"                 PREFIX/share/muster/recipes, then images/recipes)\n"
		"All other arguments, and all after --, go to the recipe.\n"
		"Or of what you have, without a recipe:\n"
		"  --from MEDIUM    an ISO image, a folder, a tar or zip archive: what `image inspect`\n"
		"                   finds there; --kind linux|esxi|efi|iso, --kernel, --initrd, --efi\n"
		"                   PATH choose among several\n"
		"  --kernel FILE    a Linux kernel, with --initrd FILE (repeatable)\n"
		"  --efi FILE       an EFI program, with --with FILE for files that it finds beside\n"
		"                   itself (repeatable)\n"
		"  --iso FILE       a bootable CD\n"
		"  --san            a disk of the network; its address is a value of each host\n"
		"  --args TEXT      arguments; @{name} is a value of the host\n"
		"  --name NAME, --version VERSION, --channel NAME\n"
		"  --reports        muster-agent is in this Linux: silence after the hand-off is a\n"
		"                   failure\n" },
	{ "image", "inspect", verb_image_inspect, "MEDIUM",
		"what can be booted on an ISO image, in a folder or an archive", NULL },
	{ "image", "sign", verb_image_sign, "DIR --key KEY", "sign an image; needs no server",
		"  --key KEY       a secret key's file, or the name of a key\n"
		"  --valid TIME    400d, 12h (default 400d)\n"
		"  --release N     counts up with each release (default: seconds since 1970)\n"
		"  --channel NAME  instead of the recipe's\n"
		"  --floor N       hosts may be pinned to releases from N on (default: to none)\n"
		"  --restamp       a new release of the same files; other signatures go\n"
		"Makes and signs DIR/channel.json too: that this release is the current one.\n"
		"A second signer signs the same release: just sign again with another key.\n" },
	{ "image", "verify", verb_image_verify, "DIR --root ROOTS|--key KEY, or --all",
		"check the signatures and every file of an image; needs no server",
		"  --root ROOTS  as many signatures as the last root in this folder asks for\n"
		"  --key KEY     a public key's file, or the name of a key; repeatable, one suffices\n"
		"Or every blob on the server's disk: what is damaged is taken out of service.\n"
		"  --all         all that images, channels and roots need\n" },
	{ "image", "channel", verb_image_channel, "FILE [--image DIR]",
		"which release of an image is the current one: make the file, or show it",
		"  --image DIR   make it for this signed image: its channel, name and release;\n"
		"                signatures of an earlier one go\n"
		"  --valid TIME  30d, 12h (default 30d)\n"
		"  --floor N     hosts may be pinned to releases from N on (default: as before, and\n"
		"                at first the release itself: no pins)\n"
		"  --rollback    release or floor are older than before, on purpose\n"
		"  --root ROOTS  show, and check the signatures by the last root in this folder\n"
		"Needs no server. Each signer signs it: muster key sign FILE --key KEY.\n" },
	{ "image", "import", verb_image_import, "DIR|CHANNEL|ROOTS...",
		"give signed images, channels and roots to the server",
		"An image's folder with the channel.json that lies in it, a channel's file, or a\n"
		"folder of roots, of which those are sent that the server does not have.\n"
		"What is there already, in whole or in part, does not cross the line again.\n"
		"  --hold         what is current stays so, for a rollout to come; the channel must allow\n"
		"                 it (`image sign --floor`)\n"
		"  --progress     tell it in lines where stderr is no terminal\n"
		"  --reason TEXT  for the log of images\n" },
	{ "image", "gc", verb_image_gc, "[--dry-run]", "remove blobs that nothing needs",
		"  --older TIME  that nothing has needed for so long (default 1h, at least 10m)\n"
		"  --dry-run     say how many\n" },
	{ "image", "list", verb_image_list, "",
		"every version of every image that the server has; * marks what is current", NULL },
	{ "image", "show", verb_image_show, "NAME[@VERSION]",
		"one version of an image and its files; without VERSION the current one",
		"A version that was signed more than once is written NAME@VERSION#RELEASE.\n" },
	{ "image", "channels", verb_image_channels, "",
		"the signed channels that the server has: release, floor, time, and what is current",
		NULL },
	{ "image", "rollback", verb_image_rollback, "NAME [--to VERSION] --reason TEXT",
		"make the version current again that was so before; hosts run it from their next boot on",
		"  --to VERSION    that one instead, older or newer; VERSION#RELEASE of several\n"
		"  --channel NAME  in this channel of the image (default: stable, else the one of the\n"
		"                  highest release)\n"
		"  --reason TEXT   why: goes on record\n"
		"  --dry-run       check it, and only say what would be current\n"
		"Down to the floor of the signed channel. It lasts until a channel is imported that names\n"
		"another version.\n" },
	{ "image", "pin", verb_image_pin, "HOSTS NAME@VERSION|--none [--reason TEXT]",
		"have hosts run one version, whatever is current",
		"  --none         no pin any more\n"
		"  --reason TEXT  why: goes on record\n"
		"  --dry-run      check it, and only say what would be pinned\n"
		"Between floor and release of the version's own signed channel. NAME is what the host\n"
		"boots, or agent.\n" },
	{ "image", "rm", verb_image_rm, "NAME@VERSION [--reason TEXT]",
		"forget a version that nothing needs any more",
		"  --reason TEXT  why: goes on record\n"
		"  --yes          with NAME alone: do not ask whether all versions shall go, and its\n"
		"                 channels\n"
		"  --dry-run      check it, and only say what would be forgotten\n"
		"Refused while it is current, named by a channel, pinned or being booted.\n" },
	{ "image", "log", verb_image_log, "[NAME] [--limit N]",
		"who changed what hosts run, when and why; newest first",
		"  --limit N  so many lines (default 50)\n" },

	{ "rollout", "start", verb_rollout_start, "IMAGE@VERSION [--waves LIST] [--max-failures N]",
		"bring a version to hosts in waves, and stop when hosts fail with it",
		"  --waves LIST      how many hosts have it when a wave is through: numbers and shares\n"
		"                    (default 1,10%,50%,100%)\n"
		"  --max-failures N  so many hosts may fail; one more pauses it (default 0)\n"
		"  --bake TIME       a host is good when it came up and was heard for so long: 90s, 5m\n"
		"                    (the default), 2h\n"
		"  --hosts HOSTS     who takes part, in this order (default: all that follow the channel);\n"
		"                    others get the version when it is over\n"
		"  --reboot          ask the hosts of a wave to start anew (default: wait until they do)\n"
		"  --channel NAME    of the image (default: stable, else the one of the highest release)\n"
		"  --reason TEXT     why: goes on record\n"
		"  --dry-run         check it, and only say which hosts would be in which wave\n"
		"Hosts get it at their next boot; one on which it fails has the old one again at the boot\n"
		"after that. With the last wave it is current. Hosts with a pin take no part. Import it\n"
		"before, with `muster image import --hold`, so that it is not current at once.\n" },
	{ "rollout", "status", verb_rollout_status, "[ID]",
		"which hosts are how far, and what it waits for", NULL },
	{ "rollout", "list", verb_rollout_list, "", "the last 20, newest first", NULL },
	{ "rollout", "pause", verb_rollout_pause, "[ID] [--reason TEXT]",
		"nobody else is told the new version; hosts that are up with it keep it",
		"  --reason TEXT  why: goes on record\n"
		"  --dry-run      check it only\n" },
	{ "rollout", "resume", verb_rollout_resume, "[ID] [--retry]",
		"go on: as many hosts may fail again",
		"  --retry        hosts that failed get another try\n"
		"  --reason TEXT  why: goes on record\n"
		"  --dry-run      check it only\n" },
	{ "rollout", "abort", verb_rollout_abort, "[ID] [--reason TEXT]",
		"every host has the old version again at its next boot",
		"  --reason TEXT  why: goes on record\n"
		"  --dry-run      check it only\n" },

	{ "key", "generate", verb_key_generate, "NAME [--dir DIR]", "make a key pair for signing",
		"  --dir DIR  where keys are kept ($MUSTER_KEYS, else ~/.config/muster/keys)\n"
		"Its files are minisign's, not encrypted: NAME.key stays off the server.\n" },
	{ "key", "list", verb_key_list, "[--dir DIR]", "the keys that are kept here",
		"  --dir DIR  where keys are kept ($MUSTER_KEYS, else ~/.config/muster/keys)\n" },
	{ "key", "show", verb_key_show, "KEY", "the public half of a key's file, or of a kept key",
		NULL },
	{ "key", "root", verb_key_root, "ROOTS --key KEY... [--threshold N]",
		"make the first root: whose signatures count, and how many are needed",
		"  --key KEY      a public key's file, or the name of a key; up to 8\n"
		"  --threshold N  so many of them must sign (default 1)\n"
		"  --valid TIME   730d, 12h (default 730d)\n"
		"ROOTS is a folder: root.1.json, root.2.json, ... Sign what this makes with\n"
		"muster key sign.\n" },
	{ "key", "rotate", verb_key_rotate, "ROOTS [--add KEY] [--remove NAME] [--lost NAME]",
		"make the next root: other keys, another threshold, or just more time",
		"  --add KEY      a further public key\n"
		"  --remove NAME  without this key, which may still sign the change itself\n"
		"  --lost NAME    without this key, which cannot sign any more\n"
		"  --threshold N  from now on (default: as before)\n"
		"  --valid TIME   730d, 12h (default 730d)\n"
		"It must be signed by enough keys of the root before it and by enough of its own.\n" },
	{ "key", "sign", verb_key_sign, "FILE --key KEY...",
		"sign a root, a channel or a stamped manifest, beside other signers",
		"  --key KEY  a secret key's file, or the name of a key; repeatable\n"
		"Writes FILE.minisig.KEYID, as minisign -S would.\n" },
	{ "key", "verify", verb_key_verify, "ROOTS",
		"check a folder of roots from the first to the last, and show the last", NULL },

	{ "lease", "list", verb_lease_list, "[NAMES] [--state STATE]",
		"addresses that hosts have or had",
		"  --state STATE    free (ended, its host is remembered), offered, leased, declined,\n"
		"                   ending (reserved for another by now), reserved (not in use now)\n"
		"  --subnet SUBNET  of this subnet only, such as 10.77.0.0/24\n" },
	{ "lease", "show", verb_lease_show, "ADDRESS|NAME", "one address, or those of one host",
		NULL },
	{ "lease", "release", verb_lease_release, "ADDRESSES|NAMES [--yes]",
		"end leases now; a host that still uses its address asks again",
		"  --forget         and forget whose it was: the host may get another one\n"
		"  --yes            do not ask\n"
		"  --dry-run        only say what would be ended\n" },
	{ "lease", "import", verb_lease_import, "FILE [--from FORMAT] [--dry-run]",
		"take over the reservations of another DHCP server; all of them or none",
		"  --from FORMAT    dnsmasq, isc, kea or csv (default: what the file looks like);\n"
		"                   csv: mac,ip,name, or columns as a header line names them: mac\n"
		"                   ip name uuid serial client_id circuit\n"
		"  --dry-run        say what would change, row by row\n"
		"  --yes            do not ask\n"
		"FILE - is standard input. What cannot be taken over is named with its line.\n" },

	{ "audit", "list", verb_audit_list, "[--since TIME] [--who NAME] [--object NAME]",
		"who changed what through the API, newest last; -o wide: from what to what",
		"  --since TIME     90m, 12h, 168h\n"
		"  --who NAME       this user or token only\n"
		"  --object NAME    whose path has this: n07, hosts/import, tokens\n"
		"  --limit N        so many of the newest (default 50)\n" },
	{ "audit", "verify", verb_audit_verify, "[--head ID:HASH]",
		"is every row as it was written? Names the first that is not",
		"  --head ID:HASH   and is this one still among them? Keep what verify prints, or take\n"
		"                   the last `change: audit=ID ... hash=HASH` of the server's log: rows\n"
		"                   cut off at the end are seen by that alone\n" },

	{ "token", "create", verb_token_create, "NAME --role viewer|operator|admin",
		"let somebody use this server from another machine",
		"  --role ROLE      viewer sees everything but tokens and the audit log; operator also\n"
		"                   changes hosts and leases; admin also images, roots, channels, tokens\n"
		"  --scope LIST     for these parts of the API only: hosts,images,leases,...\n"
		"  --expires TIME   90d (the default), 12h, never\n"
		"  --dry-run        check only\n"
		"The token is shown this once, on standard output:\n"
		"  (umask 077; muster token create ci --role operator >ci.token)\n" },
	{ "token", "list", verb_token_list, "", "tokens, who may do what until when", NULL },
	{ "token", "revoke", verb_token_revoke, "ID...", "from now on a token is good for nothing",
		"  --dry-run        check only\n" },
};

const size_t n_verbs = ARRAY_LEN(verbs);
