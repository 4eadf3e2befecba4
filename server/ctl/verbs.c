/* verbs.c: the table of verbs; also the help. Verbs of one noun stand together. */
#include "server/ctl/verbs.h"

#include "server/bytes.h"

const struct verb verbs[] = {
	{ "", "status", verb_status, "", "what the server is and how its hosts are", NULL },
	{ "", "doctor", verb_doctor, "[--quick] [--snippet SERVER]",
		"what keeps hosts from booting, and what to do about it",
		"  --quick           do not ask the network for other DHCP servers (4 s)\n"
		"  --snippet SERVER  what another DHCP server has to be told, to paste there:\n"
		"                    dnsmasq kea isc windows mikrotik pfsense openwrt. Needed where\n"
		"                    firmware does not put two answers together, so that [dhcp] mode =\n"
		"                    proxy cannot work\n"
		"Exit 1 when a check fails.\n" },
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

	{ "host", "list", verb_host_list, "[NAMES]", "hosts and how far they are", NULL },
	{ "host", "show", verb_host_show, "NAME", "one host: identity, facts, newest boots", NULL },
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
		"  --value NAME=VALUE  as with `host set`\n"
		"  --dry-run        only say what would be sent\n" },
	{ "host", "set", verb_host_set, "NAMES --image IMAGE|--ip ADDRESS|--option SETTING",
		"change what is known or wanted",
		"  --image IMAGE    what it shall boot from now on\n"
		"  --no-image       the server's default again\n"
		"  --ip ADDRESS     reserve this address, for one host\n"
		"  --no-ip          no reserved address\n"
		"  --option SETTING what DHCP tells it alone, in place of all that was set before:\n"
		"                   'dns = 10.77.0.9', 'lease-time = 8h'; may be repeated\n"
		"  --no-options     nothing of its own\n"
		"  --name NEW       another name, for one host\n"
		"  --value NAME=VALUE  a value that images fill in where their arguments say\n"
		"                   @{NAME}; repeatable. Of a network disk: san-target, san-iqn, san-lun,\n"
		"                   san-initiator, chap-name, chap-secret (which is never shown)\n"
		"  --no-value NAME  take it away\n"
		"  --dry-run        only say what would be sent\n" },
	{ "host", "approve", verb_host_approve, "NAMES [--image IMAGE]",
		"let hosts out of the waiting room",
		"  --image IMAGE    and assign this image\n"
		"  --dry-run        only say who would be let in\n" },
	{ "host", "replace", verb_host_replace, "NAME --by BOX",
		"give the role of a host (name, image, address, values) to another box",
		"  --by BOX         a MAC address, a UUID, a serial number, the code on the screen of a\n"
		"                   host that waits, or a host's name\n"
		"  --force          even if that box has a role of its own\n"
		"  --dry-run        only say what would be sent\n"
		"The box that had the role stays on record under another name, not admitted.\n" },
	{ "host", "rm", verb_host_rm, "NAMES [--yes]", "forget hosts and their record",
		"  --yes            do not ask\n"
		"  --dry-run        only say who would be forgotten\n" },
	{ "host", "timeline", verb_host_timeline, "NAMES|--all [-f]",
		"where the newest boot spent its time",
		"  -f, --follow     go on until it is up or has failed\n"
		"  --next           with -f: the next boot, not the newest that there is\n"
		"  --boot ID        that boot instead\n"
		"  --all            every host, one line each (so do several names)\n"
		"  --count N        with --all -f: end when N hosts are up or have failed\n" },
	{ "host", "wait", verb_host_wait, "NAMES|--count N [--for STAGE] [--timeout TIME]",
		"wait until hosts have reached a stage (default: up)",
		"  --for STAGE      discover offer lease loader script agent image verify handoff up\n"
		"  --count N        any N hosts, or N of NAMES; names need not be known yet\n"
		"  --next           only boots that begin after this command\n"
		"  --timeout TIME   90s, 10m, 1h30m; then exit 6 (default 10m)\n"
		"Exit 1 as soon as a failed host makes it impossible.\n" },

	{ "image", "build", verb_image_build, "RECIPE|--from MEDIUM [-o DIR]",
		"build a hypervisor image; needs no server",
		"  -o, --out DIR  where to (default: a folder named like the recipe)\n"
		"  --recipes DIR  where RECIPE.sh is (default: $MUSTER_RECIPES, then\n"
		"                 /usr/share/muster/recipes, then images/recipes)\n"
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
	{ "image", "verify", verb_image_verify, "DIR --root ROOTS|--key KEY",
		"check the signatures and every file; needs no server",
		"  --root ROOTS  as many signatures as the last root in this folder asks for\n"
		"  --key KEY     a public key's file, or the name of a key; repeatable, one suffices\n" },
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
		"give signed images, channels and roots to the server, on its own machine",
		"An image's folder with the channel.json that lies in it, a channel's file, or a\n"
		"folder of roots, of which those are sent that the server does not have.\n" },
	{ "image", "list", verb_image_list, "", "images that the server has", NULL },
	{ "image", "show", verb_image_show, "NAME", "one image and its files", NULL },

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
};

const size_t n_verbs = ARRAY_LEN(verbs);
