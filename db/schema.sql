-- Version 1. Never edit a version that was released: add the next one.
CREATE TABLE host (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE COLLATE NOCASE,
	uuid BLOB,
	serial TEXT NOT NULL,
	vendor TEXT NOT NULL,
	product TEXT NOT NULL,
	admitted INTEGER NOT NULL,
	image TEXT NOT NULL,           -- '' = the server's default
	channel TEXT NOT NULL DEFAULT '',         -- of its image that it follows; '' = none in particular
	profile TEXT NOT NULL DEFAULT '',         -- '' = what a rule says
	code TEXT NOT NULL,            -- shown on the host's screen while it waits
	rejected_ms INTEGER NOT NULL DEFAULT 0,  -- hidden from the waiting room since; 0: it is not
	facts TEXT,                    -- JSON, as the agent sent it last
	options TEXT,                  -- JSON array: what DHCP tells this host alone
	created_ms INTEGER NOT NULL,
	seen_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX host_uuid ON host (uuid) WHERE uuid IS NOT NULL;
CREATE INDEX host_serial ON host (serial) WHERE serial != '';
CREATE TABLE host_mac (
	mac BLOB PRIMARY KEY,
	host INTEGER NOT NULL REFERENCES host ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX host_mac_host ON host_mac (host);
CREATE TABLE host_client (         -- DHCP option 61, where people have named one
	host INTEGER PRIMARY KEY REFERENCES host ON DELETE CASCADE,
	client_id BLOB NOT NULL UNIQUE
) STRICT;
CREATE TABLE host_place (          -- where the relay saw it last
	host INTEGER PRIMARY KEY REFERENCES host ON DELETE CASCADE,
	relay INTEGER NOT NULL,        -- giaddr
	circuit BLOB,
	remote BLOB
) STRICT;
CREATE TABLE host_neighbour (      -- switch ports that its agent heard of, by LLDP
	host INTEGER NOT NULL REFERENCES host ON DELETE CASCADE,
	nic TEXT NOT NULL,
	chassis TEXT NOT NULL,
	port TEXT NOT NULL,
	port_description TEXT NOT NULL,
	system TEXT NOT NULL,
	vlan INTEGER NOT NULL,         -- 0: not said
	PRIMARY KEY (host, nic)
) STRICT, WITHOUT ROWID;
CREATE TABLE reservation (         -- the address that is the host's alone
	host INTEGER PRIMARY KEY REFERENCES host ON DELETE CASCADE,
	addr INTEGER NOT NULL UNIQUE,
	circuit BLOB                   -- for whoever is plugged in there
) STRICT;

CREATE TABLE host_value (          -- what is this host's alone: its disk's target, its arguments
	host INTEGER NOT NULL REFERENCES host ON DELETE CASCADE,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (host, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE host_reboot (         -- asked of the boot that ran then: no other one obeys
	host INTEGER PRIMARY KEY REFERENCES host ON DELETE CASCADE,
	boot INTEGER NOT NULL,
	asked_ms INTEGER NOT NULL,
	who TEXT NOT NULL,
	why TEXT NOT NULL,             -- '' = nothing was said
	taken_ms INTEGER NOT NULL,     -- when its agent began to obey, 0: not yet
	refused TEXT NOT NULL          -- why its agent does not, '' = it did not say so
) STRICT;

CREATE TABLE host_label (          -- what people call it by: rack=r3, gpu
	host INTEGER NOT NULL REFERENCES host ON DELETE CASCADE,
	name TEXT NOT NULL COLLATE NOCASE,
	value TEXT NOT NULL,
	PRIMARY KEY (host, name)
) STRICT, WITHOUT ROWID;

-- What its agent said, whenever the machine had changed; the newest rows of a host are kept.
CREATE TABLE host_facts (
	id INTEGER PRIMARY KEY,
	host INTEGER NOT NULL REFERENCES host ON DELETE CASCADE,
	boot INTEGER NOT NULL,         -- the first in which it was so
	at_ms INTEGER NOT NULL,
	facts TEXT NOT NULL
) STRICT;
CREATE INDEX host_facts_host ON host_facts (host, id);

-- Which hosts get which image, where nothing is set on the host: the first that fits.
CREATE TABLE rule (
	position INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE COLLATE NOCASE,
	match TEXT NOT NULL,           -- server/core/rule.h
	image TEXT NOT NULL,           -- '' = the server's default
	channel TEXT NOT NULL,         -- of that image; '' = none in particular
	profile TEXT NOT NULL          -- '' = none
) STRICT;

-- What hosts are told, beside their image: values, kernel arguments and files, with @{names} in them.
CREATE TABLE profile (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	args TEXT NOT NULL             -- further ones of the kernel
) STRICT;
CREATE TABLE profile_value (
	profile INTEGER NOT NULL REFERENCES profile ON DELETE CASCADE,
	name TEXT NOT NULL,
	value TEXT,                    -- NULL: each host has to have its own
	PRIMARY KEY (profile, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE profile_file (
	profile INTEGER NOT NULL REFERENCES profile ON DELETE CASCADE,
	path TEXT NOT NULL,
	mode INTEGER NOT NULL,
	content TEXT NOT NULL,
	PRIMARY KEY (profile, path)
) STRICT, WITHOUT ROWID;

-- What got a host to its script or to the agent, for each kind of firmware, and what did not since.
CREATE TABLE host_loader (
	host INTEGER NOT NULL REFERENCES host ON DELETE CASCADE,
	firmware TEXT NOT NULL,        -- bios, uefi, uefi-http, ipxe
	loader TEXT NOT NULL,          -- '' = nothing yet
	http INTEGER NOT NULL,         -- 0: TFTP
	form INTEGER NOT NULL,         -- option 43, 2 bits; option 60, 2 bits; where the file name is
	boot INTEGER NOT NULL,         -- the first in which it did
	dead TEXT NOT NULL,            -- loader of a boot that ended too early; '' = none
	dead_form INTEGER NOT NULL,
	dead_read INTEGER NOT NULL,    -- it was read, at least
	dead_boot INTEGER NOT NULL,
	PRIMARY KEY (host, firmware)
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
	addr INTEGER PRIMARY KEY,
	mac BLOB NOT NULL,
	state INTEGER NOT NULL,
	known INTEGER NOT NULL,
	machine INTEGER NOT NULL,      -- a hash of the holder's SMBIOS UUID, 0: not known
	expires_ms INTEGER NOT NULL
) STRICT;

-- One row from the first packet to `up` or `failed`. AUTOINCREMENT: a number is never used again.
CREATE TABLE boot (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	host INTEGER NOT NULL REFERENCES host ON DELETE CASCADE,
	started_ms INTEGER NOT NULL,
	mono_ms INTEGER NOT NULL,
	seen_ms INTEGER NOT NULL,
	ended_ms INTEGER NOT NULL,     -- 0: open
	due_ms INTEGER NOT NULL,       -- when to look whether it is silent for too long
	silence BLOB NOT NULL,         -- the longest at each stage: 10 times 4 bytes, ms, big-endian
	stage INTEGER NOT NULL,
	state INTEGER NOT NULL,        -- 0 open, 1 up, 2 failed, 3 over
	addr INTEGER NOT NULL,
	arch INTEGER NOT NULL,
	loader_sent INTEGER NOT NULL,
	loader TEXT NOT NULL,          -- offered to its firmware, as in host_loader; '' = none
	loader_for TEXT NOT NULL,
	http INTEGER NOT NULL,
	form INTEGER NOT NULL,
	firmware TEXT NOT NULL,
	image TEXT NOT NULL,
	version TEXT NOT NULL,
	rule TEXT NOT NULL,            -- by which the image was chosen, '' = by none
	manifest BLOB,
	agent BLOB,                    -- manifest of the agent image that its loader was given
	session BLOB,                  -- SHA-256 of the agent's token
	nonce TEXT NOT NULL,
	obeys TEXT NOT NULL DEFAULT '',          -- the name by which its hypervisor takes orders, '' = none
	secret_sent INTEGER NOT NULL DEFAULT 0,  -- its disk's, once
	reason TEXT NOT NULL,
	sentence TEXT NOT NULL,
	wait INTEGER NOT NULL DEFAULT 0,        -- for what it waits: 0 nothing, 1 approval, 2 an image, 3 its turn
	wait_since_ms INTEGER NOT NULL DEFAULT 0,
	waited_approval_ms INTEGER NOT NULL DEFAULT 0,  -- before that
	waited_image_ms INTEGER NOT NULL DEFAULT 0,
	waited_turn_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX boot_host ON boot (host, id);
CREATE INDEX boot_session ON boot (session) WHERE session IS NOT NULL;
CREATE INDEX boot_open ON boot (addr, id) WHERE state = 0;
CREATE INDEX boot_due ON boot (due_ms) WHERE state = 0;
CREATE INDEX boot_up ON boot (host, id) WHERE state = 1;
CREATE INDEX boot_image ON boot (image, id) WHERE state = 1;

CREATE TABLE boot_event (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	boot INTEGER NOT NULL REFERENCES boot ON DELETE CASCADE,
	stage INTEGER NOT NULL,
	what TEXT NOT NULL,            -- requested, started, progress, finished, aborted, done, seen
	source TEXT NOT NULL,          -- who saw it: net, tftp, http, agent, core
	at_ms INTEGER NOT NULL,
	since_ms INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	total INTEGER NOT NULL,
	detail TEXT NOT NULL
) STRICT;
CREATE INDEX boot_event_boot ON boot_event (boot, id);

-- Other DHCP servers that were heard. The place is one of 64: a new one takes the oldest's.
CREATE TABLE dhcp_server (
	place INTEGER PRIMARY KEY CHECK (place BETWEEN 0 AND 63),
	server INTEGER NOT NULL,       -- option 54, 0 = none
	source INTEGER NOT NULL,       -- its packets' IPv4 source
	mac BLOB NOT NULL,             -- and Ethernet source
	interface TEXT NOT NULL,
	addresses INTEGER NOT NULL,    -- it gives addresses
	next_server INTEGER NOT NULL,
	file TEXT NOT NULL,
	first_ms INTEGER NOT NULL,
	last_ms INTEGER NOT NULL,
	count INTEGER NOT NULL
) STRICT;

CREATE TABLE image (
	manifest BLOB PRIMARY KEY,     -- SHA-256 of the manifest's text, which is a blob
	name TEXT NOT NULL,
	version TEXT NOT NULL,
	channel TEXT NOT NULL,
	kind INTEGER NOT NULL,
	release INTEGER NOT NULL,
	created_s INTEGER NOT NULL,
	expires_s INTEGER NOT NULL,
	args TEXT NOT NULL,
	xen_args TEXT NOT NULL,
	imported_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX image_name ON image (name, release);
CREATE TABLE image_file (
	manifest BLOB NOT NULL REFERENCES image ON DELETE CASCADE,
	position INTEGER NOT NULL,
	role INTEGER NOT NULL,
	name TEXT NOT NULL,
	length INTEGER NOT NULL,
	digest BLOB NOT NULL,
	PRIMARY KEY (manifest, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_file_digest ON image_file (digest);
CREATE TABLE image_signature (
	manifest BLOB NOT NULL REFERENCES image ON DELETE CASCADE,
	signer BLOB NOT NULL,          -- public key
	digest BLOB NOT NULL,          -- of its signature file
	PRIMARY KEY (manifest, signer)
) STRICT, WITHOUT ROWID;

-- Which version hosts run, of those that are here: for each channel of an image, and for one host.
CREATE TABLE image_current (
	name TEXT NOT NULL,
	channel TEXT NOT NULL,
	manifest BLOB NOT NULL REFERENCES image,
	since_ms INTEGER NOT NULL,
	PRIMARY KEY (name, channel)
) STRICT, WITHOUT ROWID;
CREATE TABLE host_pin (
	host INTEGER NOT NULL REFERENCES host ON DELETE CASCADE,
	name TEXT NOT NULL,            -- of the image
	manifest BLOB NOT NULL REFERENCES image,
	PRIMARY KEY (host, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX host_pin_manifest ON host_pin (manifest);
-- Every change of what hosts run. Rows are added, and neither changed nor removed.
CREATE TABLE image_log (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	at_ms INTEGER NOT NULL,
	what TEXT NOT NULL,            -- import, channel, current, rollback, pin, unpin, rollout, aborted, rm
	name TEXT NOT NULL,            -- of the image
	channel TEXT NOT NULL,
	host TEXT,                     -- of a pin
	from_version TEXT,             -- NULL: of none, or of one that is not here
	from_release INTEGER,
	to_version TEXT,
	to_release INTEGER,
	manifest BLOB,                 -- of the version that it came to, or that was removed
	floor INTEGER,                 -- of a channel
	uid INTEGER,                   -- who: the user at the other end of the server's socket
	user TEXT,                     -- as the user was called then
	why TEXT
) STRICT;
CREATE INDEX image_log_name ON image_log (name, id);

-- A new version comes to the hosts of a channel in waves: server/core/rollouts.h. Versions by their
-- names too, for they may be forgotten once it is over.
CREATE TABLE rollout (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL,            -- of the image
	channel TEXT NOT NULL,
	manifest BLOB NOT NULL,        -- that it brings
	to_version TEXT NOT NULL,
	to_release INTEGER NOT NULL,
	from_manifest BLOB NOT NULL,   -- that was current
	from_version TEXT NOT NULL,
	from_release INTEGER NOT NULL,
	state INTEGER NOT NULL,        -- 0 starting, 1 running, 2 paused, 3 done, 4 aborted
	waves TEXT NOT NULL,           -- "1,10%,50%,100%"
	named INTEGER NOT NULL,        -- people named the hosts; else all that follow the channel
	hosts INTEGER NOT NULL,        -- that have a place in it
	wave INTEGER NOT NULL,         -- that is on its way, from 1; 0: none yet
	reach INTEGER NOT NULL,        -- places up to this one are told the new version
	max_failures INTEGER NOT NULL,
	failures INTEGER NOT NULL,     -- since it started or was resumed
	bake_ms INTEGER NOT NULL,
	reboot INTEGER NOT NULL,       -- hosts of a wave are asked to start anew
	started_ms INTEGER NOT NULL,
	changed_ms INTEGER NOT NULL,   -- when state or wave did last
	uid INTEGER,                   -- who started it
	user TEXT NOT NULL,
	why TEXT NOT NULL,
	note TEXT NOT NULL             -- why it is paused, or was aborted
) STRICT;
CREATE UNIQUE INDEX rollout_one ON rollout (name, channel) WHERE state < 3;
CREATE TABLE rollout_host (
	rollout INTEGER NOT NULL REFERENCES rollout ON DELETE CASCADE,
	host INTEGER NOT NULL REFERENCES host ON DELETE CASCADE,
	place INTEGER NOT NULL,        -- from 1, in the order of the waves; while it is picked: of the asking
	state INTEGER NOT NULL,        -- 0 picked, 1 waiting, 2 baking, 3 good, 4 failed, 5 skipped
	since_ms INTEGER NOT NULL,
	due_ms INTEGER NOT NULL,       -- when to look at one that bakes
	boot INTEGER NOT NULL,         -- of the new version, that it bakes in or that failed; 0: none
	restarts INTEGER NOT NULL,     -- while it baked
	reason TEXT NOT NULL,          -- why it failed or is skipped
	PRIMARY KEY (rollout, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollout_host_host ON rollout_host (host);
CREATE INDEX rollout_host_state ON rollout_host (rollout, state, place);
CREATE INDEX rollout_host_due ON rollout_host (due_ms) WHERE state = 2;

-- Who may sign, and what is current. The texts and their signature files are blobs.
CREATE TABLE root (
	version INTEGER PRIMARY KEY,
	digest BLOB NOT NULL,
	expires_s INTEGER NOT NULL,
	imported_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE channel (
	image TEXT NOT NULL,
	name TEXT NOT NULL,
	digest BLOB NOT NULL,
	manifest BLOB NOT NULL,        -- that is current; it may not be here yet
	release INTEGER NOT NULL,
	floor INTEGER NOT NULL,
	issued_s INTEGER NOT NULL,
	expires_s INTEGER NOT NULL,
	imported_ms INTEGER NOT NULL,
	PRIMARY KEY (image, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE trust_signature (
	signed BLOB NOT NULL,          -- digest of a root or a channel
	signer BLOB NOT NULL,          -- public key
	digest BLOB NOT NULL,          -- of its signature file
	PRIMARY KEY (signed, signer)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_signature_digest ON image_signature (digest);
CREATE INDEX trust_signature_digest ON trust_signature (digest);

CREATE TABLE metric (              -- counters, by name and labels as Prometheus has them
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How to take back the parts of a change that takes several transactions, while it is being made.
CREATE TABLE undo (
	id INTEGER PRIMARY KEY,
	changes BLOB NOT NULL          -- a changeset of SQLite's
) STRICT;

-- Who may use the API over the network. Rows stay when they are revoked: the audit log names them.
CREATE TABLE token (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL,
	hash BLOB NOT NULL,            -- SHA-256 of the token's text, which is nowhere
	role INTEGER NOT NULL,         -- 1 viewer, 2 operator, 3 admin
	scope TEXT NOT NULL,           -- families of routes, "hosts,leases"; '' = all
	created_ms INTEGER NOT NULL,
	expires_ms INTEGER NOT NULL,   -- 0: never
	used_ms INTEGER NOT NULL,      -- within a minute; 0: never
	used_addr INTEGER NOT NULL,    -- from where then
	revoked_ms INTEGER NOT NULL    -- 0: it is not
) STRICT;
CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked_ms = 0;

-- Who changed what through the API; each row's hash goes over the one before it, see store_audit.c.
CREATE TABLE audit (
	id INTEGER PRIMARY KEY,        -- 1, 2, 3, ... without a gap
	at_ms INTEGER NOT NULL,
	uid INTEGER,                   -- the user at the other end of the socket; or
	token INTEGER,                 -- the token that came over the network
	who TEXT NOT NULL,             -- its name, or the user's, as it was then
	source TEXT NOT NULL,          -- address, or socket
	request TEXT NOT NULL,         -- X-Request-Id
	method TEXT NOT NULL,
	path TEXT NOT NULL,
	status INTEGER NOT NULL,
	why TEXT,                      -- as they said
	before TEXT,                   -- JSON: what was otherwise
	after TEXT,
	hash BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'audit rows stay'); END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'audit rows stay'); END;

-- Each blob that something names, and what does. No other one is kept.
CREATE VIEW blob_use (digest, length, name) AS
	SELECT f.digest, f.length, i.name || ' ' || i.version || ': ' || f.name
		FROM image_file f JOIN image i ON i.manifest = f.manifest
	UNION ALL SELECT manifest, NULL, name || ' ' || version || ': manifest' FROM image
	UNION ALL SELECT g.digest, NULL, i.name || ' ' || i.version || ': signature'
		FROM image_signature g JOIN image i ON i.manifest = g.manifest
	UNION ALL SELECT digest, NULL, 'root ' || version FROM root
	UNION ALL SELECT digest, NULL, image || ': channel ' || name FROM channel
	UNION ALL SELECT t.digest, NULL, 'root ' || r.version || ': signature'
		FROM trust_signature t JOIN root r ON r.digest = t.signed
	UNION ALL SELECT t.digest, NULL, c.image || ': channel ' || c.name || ': signature'
		FROM trust_signature t JOIN channel c ON c.digest = t.signed;
