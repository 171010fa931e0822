-- What an owner, or the operator, took back. Rows are only ever added, or made to reach further.
CREATE TABLE revocation (
    owner   TEXT NOT NULL REFERENCES owner (key_id),
    kind    TEXT NOT NULL CHECK (kind IN ('key', 'manifest', 'module')),
    -- The digest of the manifest or the name of the module; empty where the key itself is meant.
    subject TEXT NOT NULL,
    -- Of a module, every version up to this one.
    through INTEGER NOT NULL CHECK (through >= 0),
    at      INTEGER NOT NULL,
    PRIMARY KEY (owner, kind, subject)
) WITHOUT ROWID;
