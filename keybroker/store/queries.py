"""Everything the store can be asked. Each query runs on a connection that cannot write."""

from __future__ import annotations

import sqlite3
from typing import Any

from keybroker.store.protocol import (
    DecisionKind,
    DecisionRow,
    LeaseRow,
    OwnerRow,
    PolicyRow,
    SealedKeyRow,
    StoredResponse,
)
from keybroker.store.times import from_seconds


def sealed_keys(connection: sqlite3.Connection) -> tuple[SealedKeyRow, ...]:
    """Return every broker key, sealed."""
    rows = connection.execute(
        "SELECT purpose, key_id, version, algorithm, created, sealed FROM sealed_key"
        " ORDER BY purpose, version, key_id"
    )
    return tuple(
        SealedKeyRow(purpose, key_id, version, algorithm, from_seconds(created), sealed)
        for purpose, key_id, version, algorithm, created, sealed in rows
    )


def owner(connection: sqlite3.Connection, key_id: str) -> OwnerRow | None:
    """Return the owner with this key."""
    row = _one(
        connection,
        "SELECT key_id, name, spki, enrolled, EXISTS (SELECT 1 FROM revocation"
        " WHERE owner = key_id AND kind = 'key' AND subject = '') FROM owner WHERE key_id = ?",
        key_id,
    )
    return row and OwnerRow(row[0], row[1], row[2], from_seconds(row[3]), bool(row[4]))


def policy(connection: sqlite3.Connection, owner_id: str, name: str) -> PolicyRow | None:
    """Return the newest version of a policy."""
    row = _one(
        connection,
        "SELECT owner, name, version, digest, enrolled, document, envelope FROM policy"
        " WHERE owner = ? AND name = ? ORDER BY version DESC LIMIT 1",
        owner_id,
        name,
    )
    if row is None:
        return None
    owner_id, name, version, digest, enrolled, document, envelope = row
    return PolicyRow(owner_id, name, version, digest, from_seconds(enrolled), document, envelope)


def highest_version(connection: sqlite3.Connection, owner_id: str, module: str) -> int:
    """Return the highest version released, or 0."""
    row = _one(
        connection,
        "SELECT version FROM module_version WHERE owner = ? AND module = ?",
        owner_id,
        module,
    )
    return int(row[0]) if row else 0


def challenge_spent(connection: sqlite3.Connection, nonce_hash: bytes) -> bool:
    """Return whether the challenge is among those remembered as used."""
    sql = "SELECT 1 FROM spent_challenge WHERE nonce_hash = ?"
    return _one(connection, sql, nonce_hash) is not None


def stored_response(
    connection: sqlite3.Connection, runner_key: str, key: str
) -> StoredResponse | None:
    """Return the answer given before."""
    row = _one(
        connection,
        "SELECT request_digest, body FROM response WHERE runner_key = ? AND key = ?",
        runner_key,
        key,
    )
    return row and StoredResponse(*row)


def lease(connection: sqlite3.Connection, lease_id: str) -> LeaseRow | None:
    """Return a lease that has not been purged."""
    row = _one(
        connection,
        "SELECT id, decision, owner, module, policy, runner_key, issued, expires FROM lease"
        " WHERE id = ?",
        lease_id,
    )
    if row is None:
        return None
    lease_id, made_by, owner_id, module, policy_name, runner_key, issued, expires = row
    return LeaseRow(
        lease_id,
        made_by,
        owner_id,
        module,
        policy_name,
        runner_key,
        from_seconds(issued),
        from_seconds(expires),
    )


def decision(connection: sqlite3.Connection, decision_id: str) -> DecisionRow | None:
    """Return what was decided."""
    row = _one(
        connection,
        "SELECT id, kind, at, code, owner, module, version, policy, detail FROM decision"
        " WHERE id = ?",
        decision_id,
    )
    return row and DecisionRow(row[0], DecisionKind(row[1]), from_seconds(row[2]), *row[3:])


def leaf_index(connection: sqlite3.Connection, decision_id: str) -> int | None:
    """Return where the decision stands in the log."""
    row = _one(connection, "SELECT leaf FROM decision WHERE id = ?", decision_id)
    return row and int(row[0])


def leaf(connection: sqlite3.Connection, index: int) -> bytes | None:
    """Return the bytes of a leaf."""
    row = _one(connection, "SELECT body FROM leaf WHERE position = ?", index)
    return row and bytes(row[0])


def _one(connection: sqlite3.Connection, sql: str, *values: str | int | bytes) -> Any:
    return connection.execute(sql, values).fetchone()
