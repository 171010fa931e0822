"""The business acts as statements. Each function runs inside one savepoint of one transaction."""

from __future__ import annotations

from keybroker.errors import BrokerCode, BrokerError
from keybroker.store.limits import PURGE_BATCH
from keybroker.store.logged import log_leaf
from keybroker.store.owner_acts import require_newest_policy, require_not_revoked
from keybroker.store.protocol import (
    AttestationKeyEnrolment,
    ChallengeUse,
    DecisionRow,
    Idempotency,
    Initialisation,
    LeaseRow,
    Recorded,
    RefusalRecord,
    ReleaseRecord,
)
from keybroker.store.times import DAY_SECONDS, to_seconds
from keybroker.store.transaction import Transaction


def initialise(transaction: Transaction, record: Initialisation) -> Recorded:
    """Write the broker's keys and leaf 0."""
    if transaction.tree.size:
        raise BrokerError(BrokerCode.ALREADY_INITIALISED, "the audit log has its first leaf")
    for key in record.keys:
        transaction.execute(
            "INSERT INTO sealed_key (purpose, key_id, version, algorithm, created, sealed)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                key.purpose,
                key.key_id,
                key.version,
                key.algorithm,
                to_seconds(key.created),
                key.sealed,
            ),
        )
    return Recorded(transaction.append_leaf(record.leaf))


def enrol_attestation_key(transaction: Transaction, record: AttestationKeyEnrolment) -> Recorded:
    """Write the leaf of a certified attestation key."""
    return log_leaf(transaction, record.leaf)


def record_release(transaction: Transaction, record: ReleaseRecord) -> Recorded:
    """Write a whole release, or raise and leave nothing."""
    # (1) Was this very request answered, or its key used for another?
    _require_new_request(transaction, record.idempotency)

    # (2) Spend the challenge: here, and only here, is decided who was first.
    if not _spend(transaction, record.challenge):
        raise BrokerError(BrokerCode.CHALLENGE_SPENT, "the challenge was answered before")

    # (3) Nothing that was taken back, by a revocation or a newer policy, while this was decided.
    require_not_revoked(transaction, record)
    require_newest_policy(transaction, record)

    # (4) A module's version never goes back.
    _raise_version(transaction, record.lease, record.version)

    # (5) What the policy may have out at once and a day.
    _count_lease(transaction, record)
    _count_day(transaction, record)

    # (6) The leaf, and what refers to it.
    recorded = log_leaf(transaction, record.leaf)
    _write_decision(transaction, record.decision, recorded.leaf_index)
    _write_lease(transaction, record.lease)
    _write_response(transaction, record)
    return recorded


def record_refusal(transaction: Transaction, record: RefusalRecord) -> Recorded:
    """Write a refusal. The challenge may have been spent before: that may be what is refused."""
    _spend(transaction, record.challenge)
    recorded = log_leaf(transaction, record.leaf)
    _write_decision(transaction, record.decision, recorded.leaf_index)
    return recorded


def purge(transaction: Transaction, now_seconds: int) -> int:
    """Forget up to `PURGE_BATCH` rows of each kind that expired; return how many."""
    # The horizon never goes back: a clock set back must not make a forgotten challenge fresh. Nor
    # does it go beyond what is forgotten: a clock set ahead must not make new challenges old.
    transaction.execute(_HORIZON, (now_seconds, PURGE_BATCH))
    forgotten = 0
    for sql in _PURGES:
        forgotten += transaction.execute(sql, (now_seconds, PURGE_BATCH)).rowcount
    return forgotten


# What the first of the purges is about to forget. Both take the oldest first.
_HORIZON = """UPDATE purge_horizon SET expires = max(expires, (
    SELECT coalesce(max(expires), 0) FROM
    (SELECT expires FROM spent_challenge WHERE expires <= ? ORDER BY expires LIMIT ?)))"""
_PURGES = (
    """DELETE FROM spent_challenge WHERE nonce_hash IN
       (SELECT nonce_hash FROM spent_challenge WHERE expires <= ? ORDER BY expires LIMIT ?)""",
    "DELETE FROM response WHERE rowid IN (SELECT rowid FROM response WHERE expires <= ? LIMIT ?)",
    "DELETE FROM lease WHERE rowid IN (SELECT rowid FROM lease WHERE expires <= ? LIMIT ?)",
    """DELETE FROM lease_second WHERE (owner, policy, expires) IN
       (SELECT owner, policy, expires FROM lease_second WHERE expires <= ? LIMIT ?)""",
)


def _require_new_request(transaction: Transaction, request: Idempotency) -> None:
    before = transaction.row(
        "SELECT request_digest FROM response WHERE runner_key = ? AND key = ?",
        (request.runner_key, request.key),
    )
    if before is None:
        return
    if before[0] == request.request_digest:
        raise BrokerError(BrokerCode.REQUEST_REPEATED, "this request was answered before")
    raise BrokerError(BrokerCode.IDEMPOTENCY_CONFLICT, "another request used this key")


def _spend(transaction: Transaction, challenge: ChallengeUse) -> bool:
    """Mark a challenge as used; return whether it was not before."""
    spent = transaction.execute(
        "INSERT INTO spent_challenge (nonce_hash, expires)"
        " SELECT ?1, ?2 FROM purge_horizon WHERE expires < ?2 ON CONFLICT DO NOTHING",
        (challenge.nonce_hash, to_seconds(challenge.expires)),
    )
    return spent.rowcount == 1


def _raise_version(transaction: Transaction, lease: LeaseRow, version: int) -> None:
    raised = transaction.execute(
        "INSERT INTO module_version (owner, module, version) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET version = excluded.version WHERE excluded.version >= version",
        (lease.owner, lease.module, version),
    )
    if not raised.rowcount:
        detail = f"version {version} of {lease.module} is below one that was released"
        raise BrokerError(BrokerCode.VERSION_ROLLED_BACK, detail)
    transaction.execute(_RAISE_BEFORE, (lease.owner, lease.module, version))


# The keys before this one go on counting: what they published is no way back from what it published
# since. Not the keys after it, as an old one may be stolen.
_RAISE_BEFORE = """
    WITH RECURSIVE line (key_id) AS (
        SELECT previous FROM owner WHERE key_id = ?1 AND previous IS NOT NULL
        UNION SELECT previous FROM owner JOIN line USING (key_id) WHERE previous IS NOT NULL)
    INSERT INTO module_version (owner, module, version) SELECT key_id, ?2, ?3 FROM line WHERE true
    ON CONFLICT DO UPDATE SET version = max(version, excluded.version)"""


def _count_lease(transaction: Transaction, record: ReleaseRecord) -> None:
    lease, limit = record.lease, record.quota.live_leases
    scope = (lease.owner, lease.policy)
    live = transaction.row(
        "SELECT coalesce(sum(count), 0) FROM lease_second"
        " WHERE owner = ? AND policy = ? AND expires > ?",
        (*scope, to_seconds(lease.issued)),
    )
    if live is None or live[0] >= limit:
        raise BrokerError(BrokerCode.QUOTA_EXCEEDED, f"{limit} leases of {lease.policy} are live")
    transaction.execute(
        "INSERT INTO lease_second (owner, policy, expires, count) VALUES (?, ?, ?, 1)"
        " ON CONFLICT DO UPDATE SET count = count + 1",
        (*scope, to_seconds(lease.expires)),
    )


def _count_day(transaction: Transaction, record: ReleaseRecord) -> None:
    lease, limit = record.lease, record.quota.releases_per_day
    counted = transaction.execute(
        "INSERT INTO release_day (owner, policy, day, count) SELECT ?, ?, ?, 1 WHERE ?4 >= 1"
        " ON CONFLICT DO UPDATE SET count = count + 1 WHERE count < ?4",
        (lease.owner, lease.policy, to_seconds(lease.issued) // DAY_SECONDS, limit),
    )
    if not counted.rowcount:
        detail = f"{limit} releases under {lease.policy} today"
        raise BrokerError(BrokerCode.QUOTA_EXCEEDED, detail)


def _write_decision(transaction: Transaction, decision: DecisionRow, leaf_index: int) -> None:
    transaction.execute(
        "INSERT INTO decision (id, kind, at, code, owner, module, version, policy, detail, leaf)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            decision.id,
            decision.kind,
            to_seconds(decision.at),
            decision.code,
            decision.owner,
            decision.module,
            decision.version,
            decision.policy,
            decision.detail,
            leaf_index,
        ),
    )


def _write_lease(transaction: Transaction, lease: LeaseRow) -> None:
    transaction.execute(
        "INSERT INTO lease (id, decision, owner, module, policy, runner_key, issued, expires)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            lease.id,
            lease.decision,
            lease.owner,
            lease.module,
            lease.policy,
            lease.runner_key,
            to_seconds(lease.issued),
            to_seconds(lease.expires),
        ),
    )


def _write_response(transaction: Transaction, record: ReleaseRecord) -> None:
    request = record.idempotency
    transaction.execute(
        "INSERT INTO response (runner_key, key, request_digest, decision, expires, body)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            request.runner_key,
            request.key,
            request.request_digest,
            record.decision.id,
            to_seconds(request.expires),
            record.response,
        ),
    )
