"""The acts of owners as statements: enrolled, followed by another key, their policies, revoked."""

from __future__ import annotations

from typing import Final

from keybroker.errors import BrokerCode, BrokerError
from keybroker.store.logged import log_leaf
from keybroker.store.protocol import (
    OwnerEnrolment,
    OwnerRotation,
    PolicyEnrolment,
    Recorded,
    ReleaseRecord,
    Revocation,
    RevokedKind,
)
from keybroker.store.times import to_seconds
from keybroker.store.transaction import Transaction


def enrol_owner(transaction: Transaction, record: OwnerEnrolment) -> Recorded:
    """Write an owner who is not there yet."""
    owner = record.owner
    added = transaction.execute(
        "INSERT INTO owner (key_id, name, spki, enrolled) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (owner.key_id, owner.name, owner.spki, to_seconds(owner.enrolled)),
    )
    if not added.rowcount:
        raise BrokerError(BrokerCode.OWNER_EXISTS, f"owner {owner.key_id[:16]} is enrolled")
    return log_leaf(transaction, record.leaf)


def put_policy(transaction: Transaction, record: PolicyEnrolment) -> Recorded:
    """Write a policy version above all earlier ones."""
    policy = record.policy
    known = transaction.row(
        "SELECT (SELECT coalesce(max(version), 0) FROM policy WHERE owner = key_id AND name = ?)"
        " FROM owner WHERE key_id = ?",
        (policy.name, policy.owner),
    )
    if known is None:
        raise BrokerError(BrokerCode.OWNER_UNKNOWN, f"owner {policy.owner[:16]} is not enrolled")
    if policy.version <= known[0]:
        detail = f"policy version {policy.version} is not above {known[0]}"
        raise BrokerError(BrokerCode.POLICY_NOT_NEWER, detail)
    transaction.execute(
        "INSERT INTO policy (owner, name, version, digest, enrolled, document, envelope)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            policy.owner,
            policy.name,
            policy.version,
            policy.digest,
            to_seconds(policy.enrolled),
            policy.document,
            policy.envelope,
        ),
    )
    return log_leaf(transaction, record.leaf)


def rotate_owner(transaction: Transaction, record: OwnerRotation) -> Recorded:
    """Write the key that follows another, with all that the old one has reached."""
    owner, previous = record.owner, record.previous
    known = transaction.row(_STANDING, (previous, owner.key_id))
    if known is None:
        raise BrokerError(BrokerCode.OWNER_UNKNOWN, f"owner {previous[:16]} is not enrolled")
    if known[0]:
        raise BrokerError(BrokerCode.OWNER_REVOKED, f"key {previous[:16]} was revoked")
    if known[1] is not None:
        detail = f"key {previous[:16]} was followed by key {known[1][:16]}, which counts"
        raise BrokerError(BrokerCode.OWNER_FOLLOWED, detail)
    added = transaction.execute(
        "INSERT INTO owner (key_id, name, spki, enrolled, previous)"
        " SELECT ?, name, ?, ?, key_id FROM owner WHERE key_id = ? ON CONFLICT DO NOTHING",
        (owner.key_id, owner.spki, to_seconds(owner.enrolled), previous),
    )
    if not added.rowcount:
        raise BrokerError(BrokerCode.OWNER_EXISTS, f"owner {owner.key_id[:16]} is enrolled")
    for statement in _GO_ALONG:
        transaction.execute(statement, (owner.key_id, previous))
    return log_leaf(transaction, record.leaf)


# Whether a key is revoked, and the key besides a given one that followed it and is not: whoever
# steals an old key should not get another one in beside its owner's new one.
_STANDING: Final = """
    SELECT EXISTS (SELECT 1 FROM revocation WHERE owner = ?1 AND kind = 'key' AND subject = ''),
        (SELECT next.key_id FROM owner AS next WHERE next.previous = ?1 AND next.key_id <> ?2
         AND NOT EXISTS (SELECT 1 FROM revocation
                         WHERE owner = next.key_id AND kind = 'key' AND subject = ''))
    FROM owner WHERE key_id = ?1"""

# Versions, so that a new key is no way back to an old module; the newest policies, which the old
# key signed while it counted; and what is revoked stays so.
_GO_ALONG: Final = (
    """INSERT INTO module_version (owner, module, version)
       SELECT ?1, module, version FROM module_version WHERE owner = ?2""",
    """INSERT INTO policy (owner, name, version, digest, enrolled, document, envelope)
       SELECT ?1, name, version, digest, enrolled, document, envelope FROM policy AS p
       WHERE owner = ?2 AND version =
       (SELECT max(version) FROM policy WHERE owner = p.owner AND name = p.name)""",
    """INSERT INTO revocation (owner, kind, subject, through, at)
       SELECT ?1, kind, subject, through, at FROM revocation WHERE owner = ?2""",
)


def revoke(transaction: Transaction, record: Revocation) -> Recorded:
    """Write what is revoked; a module is revoked through the highest version ever named."""
    row = record.revoked
    if transaction.row("SELECT 1 FROM owner WHERE key_id = ?", (row.owner,)) is None:
        raise BrokerError(BrokerCode.OWNER_UNKNOWN, f"owner {row.owner[:16]} is not enrolled")
    transaction.execute(
        _REVOKE, (row.owner, row.kind, row.subject, row.through, to_seconds(row.at))
    )
    return log_leaf(transaction, record.leaf)


# Artifacts and modules also of the keys before, which go on counting: an owner signs with the
# newest key, about what an older one published. Not of later keys, as an old one may be stolen.
_REVOKE: Final = """
    WITH RECURSIVE line (key_id) AS (
        SELECT ?1 UNION SELECT previous FROM owner JOIN line USING (key_id)
        WHERE previous IS NOT NULL AND ?2 <> 'key')
    INSERT INTO revocation (owner, kind, subject, through, at)
    SELECT key_id, ?2, ?3, ?4, ?5 FROM line WHERE true
    ON CONFLICT DO UPDATE SET through = max(through, excluded.through)"""


def require_not_revoked(transaction: Transaction, record: ReleaseRecord) -> None:
    """Accept a release of what nobody took back, or raise `OWNER_REVOKED` or `MODULE_REVOKED`."""
    lease = record.lease
    found = transaction.row(
        "SELECT kind FROM revocation WHERE owner = ?1 AND ((kind = 'key' AND subject = '')"
        " OR (kind = 'manifest' AND subject = ?2)"
        " OR (kind = 'module' AND subject = ?3 AND through >= ?4))"
        " ORDER BY kind LIMIT 1",
        (lease.owner, record.manifest, lease.module, record.version),
    )
    if found is None:
        return
    if found[0] == RevokedKind.KEY:
        raise BrokerError(BrokerCode.OWNER_REVOKED, f"key {lease.owner[:16]} was revoked")
    detail = f"version {record.version} of {lease.module} was revoked"
    raise BrokerError(BrokerCode.MODULE_REVOKED, detail)
