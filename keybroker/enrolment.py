"""Enrolment by signed documents: owners by the operator and themselves, policies by their owner.

Every document names the broker it is for, so that one cannot be shown to another broker, and a
time after which it no longer counts. Format: docs/specs/enrolment.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from keybroker.audit.fields import PolicyReference
from keybroker.audit.leaf import OwnerEnrolledLeaf, PolicyEnrolledLeaf, encode_leaf
from keybroker.directory import Directory
from keybroker.documents import (
    OwnedDocument,
    SignedDocument,
    require_current,
    sign_document,
    unverified_document,
    verify_owned,
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
from keybroker.records import new_id
from keybroker.rulings import parse_release_policy
from keybroker.store.protocol import OwnerEnrolment, OwnerRow, PolicyEnrolment, PolicyRow
from sealing import canonical, dsse
from sealing.keys import Signer, VerifyingKey

OWNER_TYPE = "application/vnd.sealwasm.owner.v1+json"
POLICY_TYPE = "application/vnd.sealwasm.policy.v1+json"


class OwnerDocument(SignedDocument):
    """Who may seal modules for a broker. Signed by its operator and, as a proof, by the owner."""

    name: Name
    tenant: Name
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
    tenant: str,
    operator: Signer,
    owner: Signer,
    not_after: datetime,
) -> bytes:
    """Return what `POST /v1/owners` takes."""
    document = OwnerDocument(
        v=1,
        broker=broker,
        name=name,
        tenant=tenant,
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
    identity: str
    operator: VerifyingKey
    clock: Callable[[], datetime] = field(repr=False)
    entropy: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False)

    def enrol_owner(self, body: bytes) -> OwnerEnrolled:
        """Enrol an owner whose document both operator and owner signed.

        Raises `BrokerError`, `SealError` and `ProtocolError`; nothing was written then.
        """
        # (2.1) The claimed owner key, then both signatures over the claim.
        claimed = unverified_document(body, OwnerDocument)
        owner = VerifyingKey.from_spki(claimed.key)
        dsse.verify(body, payload_type=OWNER_TYPE, keys=[self.operator, owner], threshold=2)

        # (2.2) For this broker, and in time.
        now = self.clock()
        require_current(claimed, identity=self.identity, now=now)

        # (2.3) On disk and in the log, or not at all.
        enrolment = new_id("enrolment", self.entropy)
        document = canonical.digest_of(body)
        leaf = OwnerEnrolledLeaf(enrolment, now, owner.key_id, claimed.name, document)
        row = OwnerRow(owner.key_id, claimed.name, owner.spki, now)
        recorded = self.directory.enrol_owner(OwnerEnrolment(row, encode_leaf(leaf)))
        return OwnerEnrolled(
            enrolment=enrolment, owner=owner.key_id, leaf_index=recorded.leaf_index
        )

    def enrol_policy(self, body: bytes) -> PolicyEnrolled:
        """Enrol a policy version that its enrolled owner signed.

        Raises `BrokerError`, `SealError`, `PolicyError` and `ProtocolError`; nothing was written
        then.
        """
        # (3.1) The claimed owner, enrolled here, and its signature.
        signed = verify_owned(
            body, PolicyDocument, payload_type=POLICY_TYPE, find_owner=self.directory.owner
        )

        # (3.2) For this broker, and in time.
        now = self.clock()
        require_current(signed, identity=self.identity, now=now)

        # (3.3) A release policy in canonical form: its digest is that of what was signed.
        policy = parse_release_policy(signed.document)
        name, version = policy.name, policy.metadata.version

        # (3.4) Above every earlier version; on disk and in the log, or not at all.
        enrolment = new_id("enrolment", self.entropy)
        leaf = PolicyEnrolledLeaf(
            enrolment,
            now,
            signed.owner,
            PolicyReference(name, version, policy.digest),
            canonical.digest_of(body),
        )
        content = canonical.encode(signed.document)
        row = PolicyRow(signed.owner, name, version, policy.digest, now, content, body)
        recorded = self.directory.put_policy(PolicyEnrolment(row, encode_leaf(leaf)))
        return PolicyEnrolled(
            enrolment=enrolment,
            owner=signed.owner,
            name=name,
            version=version,
            digest=policy.digest,
            leaf_index=recorded.leaf_index,
        )
