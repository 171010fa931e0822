"""Enrolment by signed documents: owners by the operator and themselves, policies by their owner.

Every document names the broker it is for, so that one cannot be shown to another broker, and a
time after which it no longer counts. Format: docs/specs/enrolment.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from keybroker.audit.fields import PolicyReference
from keybroker.audit.leaf import OwnerEnrolledLeaf, PolicyEnrolledLeaf, encode_leaf
from keybroker.limits import POLICY_BYTES
from keybroker.modules import require_owner
from keybroker.owners.directory import Directory
from keybroker.owners.documents import (
    Intake,
    OwnedDocument,
    SignedDocument,
    sign_document,
    unverified_document,
)
from keybroker.protocol import (
    Base64,
    Digest,
    Identifier,
    KeyId,
    Message,
    Name,
    Version,
    format_time,
)
from keybroker.rulings import parse_release_policy
from keybroker.store.protocol import OwnerEnrolment, OwnerRow, PolicyEnrolment, PolicyRow
from policies.errors import PolicyError, PolicyRefusal, Problem
from policies.models import ReleasePolicy
from sealing import canonical
from sealing.keys import Signer, VerifyingKey

OWNER_TYPE = "application/vnd.sealwasm.owner.v1+json"
POLICY_TYPE = "application/vnd.sealwasm.policy.v1+json"


class OwnerDocument(SignedDocument):
    """Who may seal modules for a broker. Signed by its operator and, as a proof, by the owner."""

    name: Name
    key: Annotated[Base64, Field(max_length=512)]


class PolicyDocument(OwnedDocument):
    """A release policy in its canonical form. Signed by its owner."""

    document: dict[str, Any]


class OwnerEnrolled(Message):
    """An owner's signatures count from leaf `leaf_index` on."""

    enrolment: Identifier
    owner: KeyId
    leaf_index: int


class PolicyEnrolled(Message):
    """A policy version counts from leaf `leaf_index` on."""

    enrolment: Identifier
    owner: KeyId
    name: Name
    version: Version
    digest: Digest
    leaf_index: int


def sign_owner(
    *,
    broker: str,
    name: str,
    operator: Signer,
    owner: Signer,
    not_after: datetime,
) -> bytes:
    """Return what `POST /v1/owners` takes."""
    document = OwnerDocument(
        v=1,
        broker=broker,
        name=name,
        key=owner.public.spki,
        not_after=format_time(not_after),
    )
    return sign_document(document, OWNER_TYPE, operator, owner)


def sign_policy(
    document: Mapping[str, Any], *, broker: str, owner: Signer, not_after: datetime
) -> bytes:
    """Return what `POST /v1/policies` takes for the canonical form of a release policy."""
    message = PolicyDocument(
        v=1,
        broker=broker,
        owner=owner.key_id,
        document=dict(document),
        not_after=format_time(not_after),
    )
    return sign_document(message, POLICY_TYPE, owner)


@dataclass(frozen=True, slots=True)
class EnrolmentService:
    """Writes down who may sign, and which policies they signed. Safe to call from many threads."""

    directory: Directory = field(repr=False)
    intake: Intake
    operator: VerifyingKey

    def enrol_owner(self, body: bytes) -> OwnerEnrolled:
        """Enrol an owner whose document both operator and owner signed.

        Raises `BrokerError`, `SealError` and `ProtocolError`; nothing was written then.
        """
        # (2.1, 2.2) The claimed owner key; both signatures over the claim; for us and in time.
        claimed = unverified_document(body, OwnerDocument)
        owner = VerifyingKey.from_spki(claimed.key)
        entry = self.intake.accept(
            body,
            claimed,
            payload_type=OWNER_TYPE,
            signers=[self.operator, owner],
            threshold=2,
            id_prefix="enrolment",
        )

        # (2.3) On disk and in the log, or not at all.
        leaf = OwnerEnrolledLeaf(entry.id, entry.at, owner.key_id, claimed.name, entry.document)
        row = OwnerRow(owner.key_id, claimed.name, owner.spki, entry.at)
        recorded = self.directory.enrol_owner(OwnerEnrolment(row, encode_leaf(leaf)))
        return OwnerEnrolled(enrolment=entry.id, owner=owner.key_id, leaf_index=recorded.leaf_index)

    def enrol_policy(self, body: bytes) -> PolicyEnrolled:
        """Enrol a policy version that its enrolled owner signed.

        Raises `BrokerError`, `SealError`, `PolicyError` and `ProtocolError`; nothing was written
        then.
        """
        # (3.1, 3.2) The claimed owner, enrolled here; its signature; for us and in time.
        signed = unverified_document(body, PolicyDocument)
        entry = self.intake.accept(
            body,
            signed,
            payload_type=POLICY_TYPE,
            signers=[require_owner(signed.owner, self.directory.owner)],
            id_prefix="enrolment",
        )

        # (3.3) A release policy in canonical form: its digest is that of what was signed.
        policy, content = _policy_in(signed)
        name, version = policy.name, policy.metadata.version

        # (3.4) Above every earlier version; on disk and in the log, or not at all.
        reference = PolicyReference(name, version, policy.digest)
        leaf = PolicyEnrolledLeaf(entry.id, entry.at, signed.owner, reference, entry.document)
        row = PolicyRow(signed.owner, name, version, policy.digest, entry.at, content, body)
        recorded = self.directory.put_policy(PolicyEnrolment(row, encode_leaf(leaf)))
        return PolicyEnrolled(
            enrolment=entry.id,
            owner=signed.owner,
            name=name,
            version=version,
            digest=policy.digest,
            leaf_index=recorded.leaf_index,
        )


def _policy_in(signed: PolicyDocument) -> tuple[ReleasePolicy, bytes]:
    """Return the policy that an owner signed and its canonical form, or raise `PolicyError`."""
    policy = parse_release_policy(signed.document)
    content = canonical.encode(signed.document)
    if len(content) > POLICY_BYTES:
        detail = f"is {len(content)} bytes, limit {POLICY_BYTES}"
        raise PolicyError(Problem(PolicyRefusal.TOO_LARGE, "document", "", detail))
    return policy, content
