"""Leaves of the audit log: one frozen type per kind of event, in one canonical form each.

A leaf holds digests, ids and names. It never holds a key, a plaintext, evidence or claims; those
who may see more find it in the decision of the same id. Every leaf carries a random `id`, so that
nobody who sees only hashes can confirm a guess. Format: docs/specs/audit-log.md, leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from keybroker.audit import fields
from keybroker.audit.fields import LeafField, PolicyReference, refuse
from keybroker.audit.limits import MAX_LEAF_BYTES
from keybroker.errors import BrokerCode, BrokerError
from sealing import canonical
from sealing.errors import SealError


@dataclass(frozen=True, slots=True)
class ReleaseLeaf:
    """A key was released: `id` is the decision. Digests: see `docs/specs/audit-log.md`."""

    kind: ClassVar[str] = "release"

    id: str
    at: datetime
    owner: str
    module: str
    version: int
    policy: PolicyReference
    guardrails: tuple[str, ...]
    tee: str
    simulated: bool
    evidence: str
    manifest: str
    request: str
    grant: str
    runner_key: str
    lease: str
    lease_expires: datetime


@dataclass(frozen=True, slots=True)
class RefusalLeaf:
    """A request was refused or denied. `None`: not known yet at the step that refused."""

    kind: ClassVar[str] = "refusal"

    id: str
    at: datetime
    code: str
    rules: tuple[str, ...]
    tee: str
    simulated: bool | None
    evidence: str
    manifest: str
    request: str
    owner: str | None
    module: str | None
    version: int | None
    policy: PolicyReference | None


@dataclass(frozen=True, slots=True)
class OwnerEnrolledLeaf:
    """An owner's signatures count from here on. `document` is what was signed to say so."""

    kind: ClassVar[str] = "owner-enrolled"

    id: str
    at: datetime
    owner: str
    name: str
    document: str


@dataclass(frozen=True, slots=True)
class PolicyEnrolledLeaf:
    """A policy version counts from here on. `document` is what its owner signed."""

    kind: ClassVar[str] = "policy-enrolled"

    id: str
    at: datetime
    owner: str
    policy: PolicyReference
    document: str


@dataclass(frozen=True, slots=True)
class OwnerRotatedLeaf:
    """The key `owner` follows `previous`. `document` is what both signed."""

    kind: ClassVar[str] = "owner-rotated"

    id: str
    at: datetime
    owner: str
    previous: str
    document: str


@dataclass(frozen=True, slots=True)
class RevocationLeaf:
    """Of `owner` was revoked: `revokes` says what kind of thing, `subject` and `through` which.

    The key itself has no subject, and only a module has a version through which it is revoked.
    """

    kind: ClassVar[str] = "revocation"

    id: str
    at: datetime
    owner: str
    revokes: str
    subject: str | None
    through: int | None
    reason: str
    document: str


@dataclass(frozen=True, slots=True)
class AttestationKeyLeaf:
    """A TPM's attestation key was certified. `key` names it, `endorsement` its EK's certificate."""

    kind: ClassVar[str] = "attestation-key"

    id: str
    at: datetime
    key: str
    endorsement: str
    certificate: str
    expires: datetime
    simulated: bool


@dataclass(frozen=True, slots=True)
class BrokerInitialisedLeaf:
    """Leaf 0: the broker's public keys, by id."""

    kind: ClassVar[str] = "broker-initialised"

    id: str
    at: datetime
    identity: str
    sealing: tuple[str, ...]
    ear: str
    checkpoint: str


Leaf = (
    ReleaseLeaf
    | RefusalLeaf
    | OwnerEnrolledLeaf
    | PolicyEnrolledLeaf
    | OwnerRotatedLeaf
    | RevocationLeaf
    | AttestationKeyLeaf
    | BrokerInitialisedLeaf
)


_COMMON: Mapping[str, LeafField] = {"id": fields.ID, "at": fields.TIME}
_SHAPES: Mapping[str, tuple[type[Leaf], Mapping[str, LeafField]]] = {
    ReleaseLeaf.kind: (
        ReleaseLeaf,
        {
            **_COMMON,
            "owner": fields.KEY_ID,
            "module": fields.TEXT,
            "version": fields.VERSION,
            "policy": fields.POLICY,
            "guardrails": fields.DIGESTS,
            "tee": fields.TEE,
            "simulated": fields.FLAG,
            "evidence": fields.DIGEST,
            "manifest": fields.DIGEST,
            "request": fields.DIGEST,
            "grant": fields.DIGEST,
            "runner_key": fields.KEY_ID,
            "lease": fields.ID,
            "lease_expires": fields.TIME,
        },
    ),
    RefusalLeaf.kind: (
        RefusalLeaf,
        {
            **_COMMON,
            "code": fields.CODE,
            "rules": fields.TEXTS,
            "tee": fields.TEE,
            "simulated": fields.optional(fields.FLAG),
            "evidence": fields.DIGEST,
            "manifest": fields.DIGEST,
            "request": fields.DIGEST,
            "owner": fields.optional(fields.KEY_ID),
            "module": fields.optional(fields.TEXT),
            "version": fields.optional(fields.VERSION),
            "policy": fields.optional(fields.POLICY),
        },
    ),
    OwnerEnrolledLeaf.kind: (
        OwnerEnrolledLeaf,
        {**_COMMON, "owner": fields.KEY_ID, "name": fields.TEXT, "document": fields.DIGEST},
    ),
    PolicyEnrolledLeaf.kind: (
        PolicyEnrolledLeaf,
        {**_COMMON, "owner": fields.KEY_ID, "policy": fields.POLICY, "document": fields.DIGEST},
    ),
    OwnerRotatedLeaf.kind: (
        OwnerRotatedLeaf,
        {
            **_COMMON,
            "owner": fields.KEY_ID,
            "previous": fields.KEY_ID,
            "document": fields.DIGEST,
        },
    ),
    RevocationLeaf.kind: (
        RevocationLeaf,
        {
            **_COMMON,
            "owner": fields.KEY_ID,
            "revokes": fields.CODE,
            "subject": fields.optional(fields.TEXT),
            "through": fields.optional(fields.VERSION),
            "reason": fields.TEXT,
            "document": fields.DIGEST,
        },
    ),
    AttestationKeyLeaf.kind: (
        AttestationKeyLeaf,
        {
            **_COMMON,
            "key": fields.KEY_ID,
            "endorsement": fields.DIGEST,
            "certificate": fields.DIGEST,
            "expires": fields.TIME,
            "simulated": fields.FLAG,
        },
    ),
    BrokerInitialisedLeaf.kind: (
        BrokerInitialisedLeaf,
        {
            **_COMMON,
            "identity": fields.KEY_ID,
            "sealing": fields.KEY_IDS,
            "ear": fields.KEY_ID,
            "checkpoint": fields.KEY_ID,
        },
    ),
}


def encode_leaf(leaf: Leaf) -> bytes:
    """Return the bytes that go into the log, or raise `LEAF_MALFORMED`: a field is not its type."""
    shape = _SHAPES[leaf.kind][1]
    document = {name: field.write(getattr(leaf, name)) for name, field in shape.items()}
    try:
        body = canonical.encode({"v": 1, "kind": leaf.kind, **document})
    except SealError as error:
        raise BrokerError(BrokerCode.LEAF_MALFORMED, error.detail) from error
    if len(body) > MAX_LEAF_BYTES:
        refuse(f"leaf is {len(body)} bytes, limit {MAX_LEAF_BYTES}")
    return body


def parse_leaf(data: bytes) -> Leaf:
    """Return the event in a leaf of exactly this form, or raise `LEAF_MALFORMED`.

    That the leaf is in any log is not checked: `keybroker.audit.proof` does that.
    """
    try:
        document = canonical.parse_canonical(data, limit_bytes=MAX_LEAF_BYTES, what="audit leaf")
    except SealError as error:
        raise BrokerError(BrokerCode.LEAF_MALFORMED, error.detail) from error
    if not isinstance(document, dict):
        refuse("leaf is not an object")
    version, kind = document.get("v"), document.get("kind")
    if type(version) is not int or version != 1:
        refuse("leaf is not of version 1")
    if not isinstance(kind, str) or kind not in _SHAPES:
        refuse("leaf is of no known kind")
    made, shape = _SHAPES[kind]
    if document.keys() != {"v", "kind", *shape}:
        refuse(f"{kind} leaf lacks a member or has one too many")
    return made(**{name: field.read(document[name]) for name, field in shape.items()})
