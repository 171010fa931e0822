"""What changes after an owner was enrolled: a new key in the place of the old, and what is revoked.

Format: docs/specs/enrolment.md, sections 5 and 6.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from keybroker.audit.leaf import OwnerRotatedLeaf, RevocationLeaf, encode_leaf
from keybroker.directory import Directory
from keybroker.documents import (
    OwnedDocument,
    require_current,
    sign_document,
    unverified_document,
)
from keybroker.errors import BrokerCode, BrokerError
from keybroker.modules import require_owner
from keybroker.protocol import Base64, Digest, Identifier, KeyId, Message, Name, Version
from keybroker.protocol import format_time as written
from keybroker.records import new_id
from keybroker.store.protocol import (
    OwnerRotation,
    OwnerRow,
    Revocation,
    RevocationRow,
    RevokedKind,
)
from sealing import canonical, dsse
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


class RevokedKey(Message):
    """The owner's key, and with it everything it signed and will sign."""

    key: Literal[True]


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
    identity: str
    operator: VerifyingKey
    clock: Callable[[], datetime] = field(repr=False)
    entropy: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False)

    def rotate(self, body: bytes) -> OwnerRotated:
        """Enrol the key that follows an owner's, as both keys signed.

        Raises `BrokerError`, `SealError` and `ProtocolError`; nothing was written then.
        """
        # (5.1) The old key, enrolled and not revoked; both signatures over the claim.
        claimed = unverified_document(body, RotationDocument)
        old = require_owner(claimed.owner, self.directory.owner)
        new = VerifyingKey.from_spki(claimed.key)
        dsse.verify(body, payload_type=ROTATION_TYPE, keys=[old, new], threshold=2)

        # (5.2) For this broker, and in time.
        now = self.clock()
        require_current(claimed, identity=self.identity, now=now)

        # (5.3) On disk and in the log, or not at all.
        rotation, document = new_id("rotation", self.entropy), canonical.digest_of(body)
        leaf = OwnerRotatedLeaf(rotation, now, new.key_id, old.key_id, document)
        row = OwnerRow(new.key_id, "", new.spki, now)
        record = OwnerRotation(old.key_id, row, encode_leaf(leaf))
        recorded = self.directory.rotate_owner(record)
        return OwnerRotated(
            rotation=rotation,
            owner=new.key_id,
            previous=old.key_id,
            leaf_index=recorded.leaf_index,
        )

    def revoke(self, body: bytes) -> RevocationRecorded:
        """Write down what no release may be of from now on, as its owner or the operator signed.

        Raises `BrokerError`, `SealError` and `ProtocolError`; nothing was written then.
        """
        # (6.1) An owner of ours, whose key may be revoked already; its signature or the operator's.
        claimed = unverified_document(body, RevocationDocument)
        row = self.directory.owner(claimed.owner)
        if row is None:
            raise BrokerError(BrokerCode.OWNER_UNKNOWN, f"no owner with key {claimed.owner}")
        keys = [VerifyingKey.from_spki(row.spki), self.operator]
        dsse.verify(body, payload_type=REVOCATION_TYPE, keys=keys)

        # (6.2) For this broker, and in time.
        now = self.clock()
        require_current(claimed, identity=self.identity, now=now)

        # (6.3) On disk and in the log, or not at all.
        revocation, document = new_id("revocation", self.entropy), canonical.digest_of(body)
        what = _row(claimed, now)
        through = what.through or None
        leaf = RevocationLeaf(
            revocation,
            now,
            claimed.owner,
            what.kind.value,
            what.subject or None,
            through,
            claimed.reason,
            document,
        )
        recorded = self.directory.revoke(Revocation(what, encode_leaf(leaf)))
        return RevocationRecorded(
            revocation=revocation, owner=claimed.owner, leaf_index=recorded.leaf_index
        )


def _row(document: RevocationDocument, now: datetime) -> RevocationRow:
    revokes, owner = document.revokes, document.owner
    if isinstance(revokes, RevokedManifest):
        return RevocationRow(owner, RevokedKind.MANIFEST, revokes.manifest, 0, now)
    if isinstance(revokes, RevokedModule):
        return RevocationRow(owner, RevokedKind.MODULE, revokes.module, revokes.through, now)
    return RevocationRow(owner, RevokedKind.KEY, "", 0, now)
