"""What changes after an owner was enrolled: a new key in the place of the old, and what is revoked.

Format: docs/specs/enrolment.md, sections 5 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from keybroker.audit.leaf import OwnerRotatedLeaf, RevocationLeaf, encode_leaf
from keybroker.errors import BrokerCode, BrokerError
from keybroker.modules import require_owner
from keybroker.owners.directory import Directory
from keybroker.owners.documents import Intake, OwnedDocument, sign_document, unverified_document
from keybroker.protocol import Base64, Digest, Identifier, KeyId, Message, Name, Version
from keybroker.protocol import format_time as written
from keybroker.store.protocol import (
    OwnerRotation,
    Revocation,
    RevocationRow,
    RevokedKind,
)
from sealing.keys import Signer, VerifyingKey

ROTATION_TYPE = "application/vnd.sealwasm.owner-rotation.v1+json"
REVOCATION_TYPE = "application/vnd.sealwasm.revocation.v1+json"

Reason = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class RotationDocument(OwnedDocument):
    """The key that follows the one of `owner`. Signed by both."""

    key: Annotated[Base64, Field(max_length=512)]


class RevokedManifest(Message):
    """One artifact."""

    manifest: Digest


class RevokedModule(Message):
    """Every version of a module up to `through`."""

    module: Name
    through: Version


def _is_true(value: bool) -> bool:  # noqa: FBT001  what pydantic calls
    if not value:
        raise ValueError("false revokes nothing")
    return value


class RevokedKey(Message):
    """The owner's key, and with it everything it signed and will sign."""

    # Not Literal[True]: that would take 1 for `true`.
    key: Annotated[bool, AfterValidator(_is_true)]


Revoked = RevokedManifest | RevokedModule | RevokedKey


class RevocationDocument(OwnedDocument):
    """What of `owner` no runner gets a key for any more. Signed by the owner or the operator."""

    revokes: Revoked
    reason: Reason


class OwnerRotated(Message):
    """The new key counts from leaf `leaf_index` on, the old one goes on counting."""

    rotation: Identifier
    owner: KeyId
    previous: KeyId
    leaf_index: int


class RevocationRecorded(Message):
    """No release after leaf `leaf_index` is of what was revoked."""

    revocation: Identifier
    owner: KeyId
    leaf_index: int


def sign_rotation(*, broker: str, old: Signer, new: Signer, not_after: datetime) -> bytes:
    """Return what `POST /v1/owners/rotations` takes."""
    document = RotationDocument(
        v=1, broker=broker, owner=old.key_id, key=new.public.spki, not_after=written(not_after)
    )
    return sign_document(document, ROTATION_TYPE, old, new)


def sign_revocation(
    revokes: Revoked, *, broker: str, owner: str, reason: str, signer: Signer, not_after: datetime
) -> bytes:
    """Return what `POST /v1/revocations` takes; `signer` is the owner or the operator."""
    document = RevocationDocument(
        v=1,
        broker=broker,
        owner=owner,
        revokes=revokes,
        reason=reason,
        not_after=written(not_after),
    )
    return sign_document(document, REVOCATION_TYPE, signer)


@dataclass(frozen=True, slots=True)
class OwnerChangeService:
    """Writes down new keys of owners, and what was revoked. Safe to call from many threads."""

    directory: Directory = field(repr=False)
    intake: Intake
    operator: VerifyingKey

    def rotate(self, body: bytes) -> OwnerRotated:
        """Enrol the key that follows an owner's, as both keys signed.

        Raises `BrokerError`, `SealError` and `ProtocolError`; nothing was written then.
        """
        # (5.1, 5.2) The old key, enrolled and not revoked; both signatures; for us and in time.
        claimed = unverified_document(body, RotationDocument)
        old = require_owner(claimed.owner, self.directory.owner)
        new = VerifyingKey.from_spki(claimed.key)
        entry = self.intake.accept(
            body,
            claimed,
            payload_type=ROTATION_TYPE,
            signers=[old, new],
            threshold=2,
            id_prefix="rotation",
        )

        # (5.3) On disk and in the log, or not at all.
        leaf = OwnerRotatedLeaf(entry.id, entry.at, new.key_id, old.key_id, entry.document)
        record = OwnerRotation(old.key_id, new.key_id, new.spki, entry.at, encode_leaf(leaf))
        recorded = self.directory.rotate_owner(record)
        return OwnerRotated(
            rotation=entry.id,
            owner=new.key_id,
            previous=old.key_id,
            leaf_index=recorded.leaf_index,
        )

    def revoke(self, body: bytes) -> RevocationRecorded:
        """Write down what no release may be of from now on, as its owner or the operator signed.

        Raises `BrokerError`, `SealError` and `ProtocolError`; nothing was written then.
        """
        # (6.1, 6.2) An owner of ours, revoked or not; its signature or the operator's; for us and
        # in time.
        claimed = unverified_document(body, RevocationDocument)
        row = self.directory.owner(claimed.owner)
        if row is None:
            raise BrokerError(BrokerCode.OWNER_UNKNOWN, f"no owner with key {claimed.owner}")
        entry = self.intake.accept(
            body,
            claimed,
            payload_type=REVOCATION_TYPE,
            signers=[VerifyingKey.from_spki(row.spki), self.operator],
            id_prefix="revocation",
        )

        # (6.3) On disk and in the log, or not at all.
        what = _row(claimed, entry.at)
        leaf = RevocationLeaf(
            entry.id,
            entry.at,
            claimed.owner,
            what.kind.value,
            what.subject or None,
            what.through or None,
            claimed.reason,
            entry.document,
        )
        recorded = self.directory.revoke(Revocation(what, encode_leaf(leaf)))
        return RevocationRecorded(
            revocation=entry.id, owner=claimed.owner, leaf_index=recorded.leaf_index
        )


def _row(document: RevocationDocument, now: datetime) -> RevocationRow:
    revokes, owner = document.revokes, document.owner
    if isinstance(revokes, RevokedManifest):
        return RevocationRow(owner, RevokedKind.MANIFEST, revokes.manifest, 0, now)
    if isinstance(revokes, RevokedModule):
        return RevocationRow(owner, RevokedKind.MODULE, revokes.module, revokes.through, now)
    return RevocationRow(owner, RevokedKind.KEY, "", 0, now)
