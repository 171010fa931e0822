"""Documents that people sign for one broker: found, verified, for us and in time."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from keybroker.errors import BrokerCode, BrokerError
from keybroker.limits import ENROLMENT_BODY_BYTES
from keybroker.modules import FindOwner, require_owner
from keybroker.protocol import FormatVersion, KeyId, Message, Time, parse_time
from sealing import canonical, dsse
from sealing.keys import Signer

_ENVELOPE = ("payload", "payloadType", "signatures")


class SignedDocument(Message):
    """What every signed document says: its form, the broker it is for, and until when it counts."""

    v: FormatVersion
    broker: KeyId
    not_after: Time


class OwnedDocument(SignedDocument):
    """A document that an enrolled owner signs alone."""

    owner: KeyId


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
