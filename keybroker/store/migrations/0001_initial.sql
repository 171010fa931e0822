-- Times are whole seconds since 1970 UTC. Hashes are raw bytes, ids and digests are text.
-- The database outlives programs, so it checks by itself what must never be written.

CREATE TABLE sealed_key (
    purpose   TEXT NOT NULL,
    key_id    TEXT NOT NULL,
    version   INTEGER NOT NULL CHECK (version >= 1),
    algorithm TEXT NOT NULL,
    created   INTEGER NOT NULL,
    sealed    BLOB NOT NULL,
    PRIMARY KEY (purpose, key_id)
) WITHOUT ROWID;

CREATE TABLE owner (
    key_id   TEXT NOT NULL PRIMARY KEY,
    name     TEXT NOT NULL,
    spki     BLOB NOT NULL,
    enrolled INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE policy (
    owner    TEXT NOT NULL REFERENCES owner (key_id),
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL CHECK (version >= 1),
    digest   TEXT NOT NULL,
    enrolled INTEGER NOT NULL,
    document BLOB NOT NULL,
    envelope BLOB NOT NULL,
    PRIMARY KEY (owner, name, version)
);

-- The audit log: what was said, and the hashes of complete subtrees. Rows are only ever added.
CREATE TABLE leaf (
    position INTEGER PRIMARY KEY CHECK (position >= 0),
    body     BLOB NOT NULL CHECK (length(body) BETWEEN 1 AND 65535)
);

CREATE TABLE node (
    level    INTEGER NOT NULL CHECK (level >= 0),
    position INTEGER NOT NULL CHECK (position >= 0),
    hash     BLOB NOT NULL CHECK (typeof(hash) = 'blob' AND length(hash) = 32),
    PRIMARY KEY (level, position)
) WITHOUT ROWID;

CREATE TABLE decision (
    id      TEXT NOT NULL PRIMARY KEY,
    kind    TEXT NOT NULL CHECK (kind IN ('release', 'refusal')),
    at      INTEGER NOT NULL,
    code    TEXT NOT NULL,
    owner   TEXT,
    module  TEXT,
    version INTEGER,
    policy  TEXT,
    detail  BLOB NOT NULL,
    leaf    INTEGER NOT NULL REFERENCES leaf (position)
);

CREATE TABLE spent_challenge (
    nonce_hash BLOB NOT NULL PRIMARY KEY CHECK (typeof(nonce_hash) = 'blob' AND length(nonce_hash) = 32),
    expires    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX spent_challenge_expires ON spent_challenge (expires);

-- Challenges that expire at or before this moment were forgotten, so all of them count as spent.
CREATE TABLE purge_horizon (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    expires INTEGER NOT NULL
);
INSERT INTO purge_horizon (id, expires) VALUES (1, 0);

CREATE TABLE response (
    runner_key     TEXT NOT NULL,
    key            TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    decision       TEXT NOT NULL REFERENCES decision (id),
    expires        INTEGER NOT NULL,
    body           BLOB NOT NULL,
    PRIMARY KEY (runner_key, key)
);
CREATE INDEX response_expires ON response (expires);

CREATE TABLE lease (
    id         TEXT NOT NULL PRIMARY KEY,
    decision   TEXT NOT NULL REFERENCES decision (id),
    owner      TEXT NOT NULL,
    module     TEXT NOT NULL,
    policy     TEXT NOT NULL,
    runner_key TEXT NOT NULL,
    issued     INTEGER NOT NULL,
    expires    INTEGER NOT NULL CHECK (expires > issued)
);
CREATE INDEX lease_expires ON lease (expires);

-- How many leases end in each second: live leases are summed over seconds, not over leases.
CREATE TABLE lease_second (
    owner   TEXT NOT NULL,
    policy  TEXT NOT NULL,
    expires INTEGER NOT NULL,
    count   INTEGER NOT NULL CHECK (count >= 1),
    PRIMARY KEY (owner, policy, expires)
) WITHOUT ROWID;
CREATE INDEX lease_second_expires ON lease_second (expires);

CREATE TABLE module_version (
    owner   TEXT NOT NULL,
    module  TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    PRIMARY KEY (owner, module)
) WITHOUT ROWID;

CREATE TABLE release_day (
    owner  TEXT NOT NULL,
    policy TEXT NOT NULL,
    day    INTEGER NOT NULL,
    count  INTEGER NOT NULL CHECK (count >= 1),
    PRIMARY KEY (owner, policy, day)
) WITHOUT ROWID;
