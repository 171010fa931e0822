"""Documents that people sign for one broker: found, verified, for us and in time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from keybroker.errors import BrokerCode, BrokerError
from keybroker.limits import ENROLMENT_BODY_BYTES
from keybroker.modules import FindOwner, require_owner
from keybroker.protocol import FormatVersion, KeyId, Message, Time, parse_time
from keybroker.records import new_id
from sealing import canonical
from sealing.keys import Signer, VerifyingKey
from sealing.signatures import dsse

_ENVELOPE = ("payload", "payloadType", "signatures")


class SignedDocument(Message):
    """What every signed document says: its form, the broker it is for, and until when it counts."""

    v: FormatVersion
    broker: KeyId
    not_after: Time


class OwnedDocument(SignedDocument):
    """A document that an enrolled owner signs alone."""

    owner: KeyId


@dataclass(frozen=True, slots=True)
class Entry:
    """What the log says of a document that counts: a new id, the time, and the digest of it all."""

    id: str
    at: datetime
    document: str


@dataclass(frozen=True, slots=True)
class Intake:
    """Accepts what people signed for this broker. Safe to call from many threads."""

    identity: str
    clock: Callable[[], datetime] = field(repr=False)
    entropy: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False)

    def accept(
        self,
        body: bytes,
        claimed: SignedDocument,
        *,
        payload_type: str,
        signers: Sequence[VerifyingKey],
        threshold: int = 1,
        id_prefix: str,
    ) -> Entry:
        """Return the entry of a document that `threshold` of `signers`, and nobody else, signed.

        `claimed` is what `body` says. Raises `SealError`, and `BrokerError` for a document that is
        for another broker or counts no more. Writes nothing.
        """
        dsse.verify(body, payload_type=payload_type, keys=signers, threshold=threshold)
        now = self.clock()
        require_current(claimed, identity=self.identity, now=now)
        return Entry(new_id(id_prefix, self.entropy), now, canonical.digest_of(body))


Document = TypeVar("Document", bound=SignedDocument)
Owned = TypeVar("Owned", bound=OwnedDocument)


def unverified_document(body: bytes, kind: type[Document]) -> Document:
    """Return what an envelope claims to say, to look up who should have signed it.

    Nothing is verified. Raises `SealError` and `ProtocolError`.
    """
    what = "signed document"
    found = canonical.parse_canonical(body, limit_bytes=ENROLMENT_BODY_BYTES, what=what)
    found = canonical.members(found, _ENVELOPE, what)
    payload = canonical.b64decode(found["payload"], what=what)
    return kind.parse(payload, limit_bytes=ENROLMENT_BODY_BYTES)


def verify_owned(
    body: bytes, kind: type[Owned], *, payload_type: str, find_owner: FindOwner
) -> Owned:
    """Return the document that the enrolled owner it names, and nobody else, signed.

    Raises `BrokerError` with `OWNER_UNKNOWN`, `SealError` and `ProtocolError`.
    """
    claimed = unverified_document(body, kind)
    owner = require_owner(claimed.owner, find_owner)
    dsse.verify(body, payload_type=payload_type, keys=[owner])
    return claimed


def require_current(document: SignedDocument, *, identity: str, now: datetime) -> None:
    """Accept a document for this broker that still counts, or raise `BrokerError`."""
    if document.broker != identity:
        detail = f"document is for broker {document.broker}"
        raise BrokerError(BrokerCode.DOCUMENT_FOR_ANOTHER_BROKER, detail)
    if now >= parse_time(document.not_after):
        detail = f"document counted until {document.not_after}"
        raise BrokerError(BrokerCode.DOCUMENT_EXPIRED, detail)


def sign_document(document: SignedDocument, payload_type: str, *keys: Signer) -> bytes:
    """Return the envelope of a document, as the broker takes it."""
    return dsse.sign(payload_type, document.to_bytes(), keys)
