"""The store's interface: one verb per business act, each of them one transaction.

Rows are frozen and hold nothing that needs the database. Times are aware UTC and kept in whole
seconds, the resolution of the wire. No row holds a key, a plaintext or evidence bytes in clear:
`StoredResponse` is wrapped to its runner's key, `SealedKeyRow` is sealed under the master key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from keybroker.audit.merkle import NodePlace


class DecisionKind(StrEnum):
    """How a request for release ended."""

    RELEASE = "release"
    REFUSAL = "refusal"


class RevokedKind(StrEnum):
    """What a revocation is about."""

    KEY = "key"
    MANIFEST = "manifest"
    MODULE = "module"


@dataclass(frozen=True, slots=True)
class SealedKeyRow:
    """One broker key, encrypted under the master key with its other fields as associated data."""

    purpose: str
    key_id: str
    version: int
    algorithm: str
    created: datetime
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """A module owner whose signatures count here."""

    key_id: str
    name: str
    spki: bytes = field(repr=False)
    enrolled: datetime
    # The key was taken back: nothing it signed counts any more.
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One version of a policy, as its owner signed it."""

    owner: str
    name: str
    version: int
    digest: str
    enrolled: datetime
    document: bytes = field(repr=False)
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RevocationRow:
    """What of an owner was revoked: a manifest, a module up to a version, or its key."""

    owner: str
    kind: RevokedKind
    subject: str
    through: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ChallengeUse:
    """The challenge a request answers. Kept until it expires: from then on its age refuses it."""

    nonce_hash: bytes
    expires: datetime


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Names a request so that asking again gives the same answer and no second release."""

    runner_key: str
    key: str
    request_digest: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The answer given to a request before, byte for byte."""

    request_digest: str
    response: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A key that is lent: to whom, for which module, until when."""

    id: str
    decision: str
    owner: str
    module: str
    policy: str
    runner_key: str
    issued: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Quota:
    """How much one policy of one owner may have out at once, and a (UTC) day."""

    live_leases: int
    releases_per_day: int


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What was decided about one request. `None`: the request was refused before that was known.

    `code` is "released" or a refusal code; `detail` is a canonical JSON document for owner and
    compliance (claims, rules), which the store does not read.
    """

    id: str
    kind: DecisionKind
    at: datetime
    code: str
    owner: str | None
    module: str | None
    version: int | None
    policy: str | None
    detail: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """Everything one release leaves behind. All of it is written, or none."""

    challenge: ChallengeUse
    idempotency: Idempotency
    response: bytes = field(repr=False)
    quota: Quota
    lease: LeaseRow
    version: int
    # Of the policy in the lease, which decided.
    policy_version: int
    manifest: str
    decision: DecisionRow
    leaf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefusalRecord:
    """Everything one refusal leaves behind, after an authentic challenge. All of it, or none."""

    challenge: ChallengeUse
    decision: DecisionRow
    leaf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Initialisation:
    """The birth of a broker: its sealed keys and the first leaf of its log."""

    keys: tuple[SealedKeyRow, ...]
    leaf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnerEnrolment:
    """A new owner and the leaf that says so."""

    owner: OwnerRow
    leaf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PolicyEnrolment:
    """A new version of a policy and the leaf that says so."""

    policy: PolicyRow
    leaf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnerRotation:
    """The key that follows `previous` and takes over its name, and the leaf that says so."""

    previous: str
    key_id: str
    spki: bytes = field(repr=False)
    enrolled: datetime
    leaf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Revocation:
    """What was revoked and the leaf that says so."""

    revoked: RevocationRow
    leaf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AttestationKeyEnrolment:
    """The leaf that says which attestation key was certified; nothing else is kept of it."""

    leaf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where the act stands in the audit log. Whoever holds one may answer the peer."""

    leaf_index: int


class Store(Protocol):
    """What the broker remembers. Safe to call from many threads; every verb may block on disk.

    A verb that writes returns only when the disk has it. Raises `BrokerError`: the codes named at
    each verb, `STORE_UNAVAILABLE` when the disk fails (nothing was written then), `RECORD_INVALID`
    when a record contradicts the schema, which is our bug.
    """

    def initialise(self, record: Initialisation) -> Recorded:
        """Write the broker's keys and leaf 0, or raise `ALREADY_INITIALISED`."""

    def sealed_keys(self) -> tuple[SealedKeyRow, ...]:
        """Every broker key, still sealed; empty before `initialise`."""

    def enrol_owner(self, record: OwnerEnrolment) -> Recorded:
        """Enrol an owner, or raise `OWNER_EXISTS`."""

    def owner(self, key_id: str) -> OwnerRow | None:
        """The owner with this key, if enrolled."""

    def put_policy(self, record: PolicyEnrolment) -> Recorded:
        """Enrol a policy version. Raises `OWNER_UNKNOWN`, `POLICY_NOT_NEWER`, `QUOTA_EXCEEDED`."""

    def policy(self, owner: str, name: str) -> PolicyRow | None:
        """The newest version of an owner's policy."""

    def rotate_owner(self, record: OwnerRotation) -> Recorded:
        """Enrol the key that follows another; name, newest policies and versions go along.

        Raises `OWNER_UNKNOWN`, `OWNER_REVOKED`, `OWNER_FOLLOWED`, `QUOTA_EXCEEDED` (too many keys
        follow each other) or `OWNER_EXISTS`.
        """

    def revoke(self, record: Revocation) -> Recorded:
        """Write down what is revoked, or raise `OWNER_UNKNOWN` or `QUOTA_EXCEEDED` (too much is).

        Again is not an error, and a key can always be revoked.
        """

    def enrol_attestation_key(self, record: AttestationKeyEnrolment) -> Recorded:
        """Write down that an attestation key is certified."""

    def highest_version(self, owner: str, module: str) -> int:
        """The highest version of a module ever released here; 0 before the first."""

    def challenge_spent(self, nonce_hash: bytes) -> bool:
        """Whether a challenge was used. Only a hint: the unique row in the transaction decides."""

    def stored_response(self, runner_key: str, idempotency_key: str) -> StoredResponse | None:
        """The answer this runner key got before under this idempotency key."""

    def record_release(self, record: ReleaseRecord) -> Recorded:
        """Write a whole release in one transaction. Checked inside it, in this order:

        `REQUEST_REPEATED` (this very request was answered: read `stored_response`),
        `IDEMPOTENCY_CONFLICT` (another request used the key), `CHALLENGE_SPENT`, `OWNER_REVOKED`,
        `MODULE_REVOKED`, `POLICY_REPLACED` (by a newer version), `VERSION_ROLLED_BACK`,
        `QUOTA_EXCEEDED`.
        """

    def record_refusal(self, record: RefusalRecord) -> Recorded:
        """Spend the challenge if it still can be, and write decision and leaf, always."""

    def lease(self, lease_id: str) -> LeaseRow | None:
        """A lease, until it has expired and was purged."""

    def decision(self, decision_id: str) -> DecisionRow | None:
        """What was decided under this id."""

    def leaf_index(self, decision_id: str) -> int | None:
        """Where that decision stands in the log."""

    def leaf(self, index: int) -> bytes | None:
        """The bytes of a leaf."""

    def tree_size(self) -> int:
        """How many leaves are on disk."""

    def tree_nodes(self, places: Sequence[NodePlace]) -> Mapping[NodePlace, bytes]:
        """Stored nodes of the audit tree; places that are not complete yet are absent."""

    def purge_expired(self, now: datetime) -> int:
        """Forget what its age refuses anyway (challenges, responses, leases); return how many."""

    @property
    def writable(self) -> bool:
        """Whether anything can still be recorded; if not, only opening the file anew helps."""

    def close(self) -> None:
        """Finish what was accepted, then let go of the file."""
