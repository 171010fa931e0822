"""Records for store tests: a number in, a complete record out."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from keybroker.store.protocol import (
    ChallengeUse,
    DecisionKind,
    DecisionRow,
    Idempotency,
    Initialisation,
    LeaseRow,
    OwnerEnrolment,
    OwnerRotation,
    OwnerRow,
    PolicyEnrolment,
    PolicyRow,
    Quota,
    RefusalRecord,
    ReleaseRecord,
    Revocation,
    RevocationRow,
    RevokedKind,
    SealedKeyRow,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
OWNER, MODULE, POLICY = "0" * 64, "acme/scoring", "acme/prod"
MANIFEST = "sha256:" + "aa" * 32
ENOUGH = Quota(live_leases=1_000_000, releases_per_day=1_000_000)


def nonce_hash(number: int) -> bytes:
    return hashlib.sha256(f"nonce {number}".encode()).digest()


def challenge(number: int) -> ChallengeUse:
    return ChallengeUse(nonce_hash(number), NOW + timedelta(minutes=5))


def birth() -> Initialisation:
    key = SealedKeyRow("identity", "ab" * 32, 1, "ed25519", NOW, b"sealed bytes")
    return Initialisation((key,), b"leaf of the birth")


def owner(name: str = "acme", key_id: str = OWNER) -> OwnerEnrolment:
    return OwnerEnrolment(OwnerRow(key_id, name, b"spki", NOW), f"leaf of owner {name}".encode())


def policy(version: int = 1, owner_id: str = OWNER) -> PolicyEnrolment:
    row = PolicyRow(owner_id, POLICY, version, "sha256:aa", NOW, b"document", b"envelope")
    return PolicyEnrolment(row, f"leaf of policy {version}".encode())


def rotation(successor: str = "1" * 64, previous: str = OWNER) -> OwnerRotation:
    leaf = f"leaf of rotation to {successor}".encode()
    return OwnerRotation(previous, successor, b"spki of the next", NOW, leaf)


def revocation(
    kind: RevokedKind, subject: str = "", through: int = 0, owner_id: str = OWNER
) -> Revocation:
    row = RevocationRow(owner_id, kind, subject, through, NOW)
    return Revocation(row, f"leaf of revocation {kind} {subject} {through}".encode())


def decision(number: int, kind: DecisionKind) -> DecisionRow:
    code = "released" if kind is DecisionKind.RELEASE else "evidence-stale"
    return DecisionRow(
        f"{kind}-{number}", kind, NOW, code, OWNER, MODULE, 1, POLICY, b'{"rules":[]}'
    )


def release(
    number: int,
    *,
    nonce: int | None = None,
    version: int = 1,
    policy_version: int = 9,
    quota: Quota = ENOUGH,
    at: datetime = NOW,
    lease: timedelta = timedelta(minutes=15),
) -> ReleaseRecord:
    row = replace(decision(number, DecisionKind.RELEASE), at=at, version=version)
    return ReleaseRecord(
        challenge=challenge(number if nonce is None else nonce),
        idempotency=Idempotency("runner", f"key-{number}", f"sha256:{number}", NOW + 2 * lease),
        response=f"response {number}".encode(),
        quota=quota,
        lease=LeaseRow(f"lease-{number}", row.id, OWNER, MODULE, POLICY, "runner", at, at + lease),
        version=version,
        policy_version=policy_version,
        manifest=MANIFEST,
        decision=row,
        leaf=f"leaf of release {number}".encode(),
    )


def refusal(number: int, *, nonce: int | None = None) -> RefusalRecord:
    return RefusalRecord(
        challenge(number if nonce is None else nonce),
        decision(number, DecisionKind.REFUSAL),
        f"leaf of refusal {number}".encode(),
    )
