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
	state INTEGER NOT NULL,        -- 0 open, 1 up, 2 failed
	addr INTEGER NOT NULL,
	arch INTEGER NOT NULL,
	loader_sent INTEGER NOT NULL,
	firmware TEXT NOT NULL,
	image TEXT NOT NULL,
	version TEXT NOT NULL,
	manifest BLOB,
	session BLOB,                  -- SHA-256 of the agent's token
	nonce TEXT NOT NULL,
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
	what TEXT NOT NULL,            -- requested, started, progress, finished, aborted, done
	source TEXT NOT NULL,          -- who saw it: net, tftp, http, agent, core
	at_ms INTEGER NOT NULL,
	since_ms INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	total INTEGER NOT NULL,
	detail TEXT NOT NULL
) STRICT;
CREATE INDEX boot_event_boot ON boot_event (boot, id);

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
