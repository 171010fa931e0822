"""The acts of owners as statements: enrolled, followed by another key, their policies, revoked."""

from __future__ import annotations

from typing import Final

from keybroker.errors import BrokerCode, BrokerError
from keybroker.store.limits import KEYS_OF_LINE, POLICY_BYTES_OF_OWNER, REVOCATIONS_OF_OWNER
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
    known = transaction.row(_POLICIES, (policy.owner, policy.name))
    if known is None:
        raise BrokerError(BrokerCode.OWNER_UNKNOWN, f"owner {policy.owner[:16]} is not enrolled")
    newest, held = known
    if policy.version <= newest:
        detail = f"policy version {policy.version} is not above {newest}"
        raise BrokerError(BrokerCode.POLICY_NOT_NEWER, detail)
    if held + len(policy.document) + len(policy.envelope) > POLICY_BYTES_OF_OWNER:
        raise _too_much(policy.owner, f"{held} bytes of policies")
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


# The newest version of one policy, and how many bytes all of the owner's policies take.
_POLICIES: Final = """
    SELECT (SELECT coalesce(max(version), 0) FROM policy WHERE owner = ?1 AND name = ?2),
        (SELECT coalesce(sum(length(document) + length(envelope)), 0) FROM policy WHERE owner = ?1)
    FROM owner WHERE key_id = ?1"""


def rotate_owner(transaction: Transaction, record: OwnerRotation) -> Recorded:
    """Write the key that follows another, with all that the old one has reached."""
    key_id, previous = record.key_id, record.previous
    known = transaction.row(_STANDING, (previous, key_id))
    if known is None:
        raise BrokerError(BrokerCode.OWNER_UNKNOWN, f"owner {previous[:16]} is not enrolled")
    if known[0]:
        raise BrokerError(BrokerCode.OWNER_REVOKED, f"key {previous[:16]} was revoked")
    if known[1] is not None:
        detail = f"key {previous[:16]} was followed by key {known[1][:16]}, which counts"
        raise BrokerError(BrokerCode.OWNER_FOLLOWED, detail)
    line = transaction.row(_LINE_LENGTH, (previous,))
    if line is None or line[0] > KEYS_OF_LINE:
        raise _too_much(previous, f"{KEYS_OF_LINE} keys that follow the first")
    added = transaction.execute(
        "INSERT INTO owner (key_id, name, spki, enrolled, previous)"
        " SELECT ?, name, ?, ?, key_id FROM owner WHERE key_id = ? ON CONFLICT DO NOTHING",
        (key_id, record.spki, to_seconds(record.enrolled), previous),
    )
    if not added.rowcount:
        raise BrokerError(BrokerCode.OWNER_EXISTS, f"owner {key_id[:16]} is enrolled")
    for statement in _GO_ALONG:
        transaction.execute(statement, (key_id, previous))
    return log_leaf(transaction, record.leaf)


# Whether a key is revoked, and the key besides a given one that followed it and is not: whoever
# steals an old key should not get another one in beside its owner's new one.
_STANDING: Final = """
    SELECT EXISTS (SELECT 1 FROM revocation WHERE owner = ?1 AND kind = 'key' AND subject = ''),
        (SELECT next.key_id FROM owner AS next WHERE next.previous = ?1 AND next.key_id <> ?2
         AND NOT EXISTS (SELECT 1 FROM revocation
                         WHERE owner = next.key_id AND kind = 'key' AND subject = ''))
    FROM owner WHERE key_id = ?1"""

# How many keys the operator's countersignature has let in, the first included: up to the first of
# the line, then down to all that followed.
_LINE_LENGTH: Final = """
    WITH RECURSIVE
        before (key_id) AS (
            SELECT ?1 UNION SELECT previous FROM owner JOIN before USING (key_id)
            WHERE previous IS NOT NULL),
        line (key_id) AS (
            SELECT key_id FROM before UNION
            SELECT next.key_id FROM owner AS next JOIN line ON next.previous = line.key_id)
    SELECT count(*) FROM line"""

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
    known = transaction.row(_REVOCATIONS, (row.owner, row.kind, row.subject))
    if known is None:
        raise BrokerError(BrokerCode.OWNER_UNKNOWN, f"owner {row.owner[:16]} is not enrolled")
    others, is_repeated = known
    if others >= REVOCATIONS_OF_OWNER and not is_repeated and row.kind is not RevokedKind.KEY:
        raise _too_much(row.owner, f"{others} revocations")
    transaction.execute(
        _REVOKE, (row.owner, row.kind, row.subject, row.through, to_seconds(row.at))
    )
    return log_leaf(transaction, record.leaf)


_REVOCATIONS: Final = """
    SELECT (SELECT count(*) FROM revocation WHERE owner = ?1), EXISTS
        (SELECT 1 FROM revocation WHERE owner = ?1 AND kind = ?2 AND subject = ?3)
    FROM owner WHERE key_id = ?1"""

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


def require_newest_policy(transaction: Transaction, record: ReleaseRecord) -> None:
    """Accept a release that the newest version of its policy decided, or raise."""
    lease, decided = record.lease, record.policy_version
    found = transaction.row(
        "SELECT max(version) FROM policy WHERE owner = ? AND name = ?", (lease.owner, lease.policy)
    )
    if found is not None and found[0] is not None and found[0] > decided:
        detail = f"version {found[0]} of {lease.policy} came while version {decided} decided"
        raise BrokerError(BrokerCode.POLICY_REPLACED, detail)


def _too_much(owner: str, what: str) -> BrokerError:
    return BrokerError(BrokerCode.QUOTA_EXCEEDED, f"owner {owner[:16]} has {what}")
