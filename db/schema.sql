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
	code TEXT NOT NULL,            -- shown on the host's screen while it waits
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
	manifest BLOB,
	session BLOB,                  -- SHA-256 of the agent's token
	nonce TEXT NOT NULL,
	secret_sent INTEGER NOT NULL DEFAULT 0,  -- its disk's, once
	reason TEXT NOT NULL,
	sentence TEXT NOT NULL
) STRICT;
CREATE INDEX boot_host ON boot (host, id);
CREATE INDEX boot_session ON boot (session) WHERE session IS NOT NULL;
CREATE INDEX boot_open ON boot (addr, id) WHERE state = 0;

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
	digest BLOB NOT NULL,
	PRIMARY KEY (manifest, digest)
) STRICT, WITHOUT ROWID;

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
