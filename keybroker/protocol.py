"""The wire messages between a runner and the broker, and the pure functions both sides compute.

This is the one module of the broker that a runner imports. Nothing here talks to a network, reads a
clock or holds a private key. Format: docs/specs/release-protocol.md.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

from sealing import canonical, dsse, names
from sealing.errors import SealError
from sealing.hpke import SealingKey
from sealing.keys import VerifyingKey

BROKER_TYPE = "application/vnd.sealwasm.broker.v1+json"
RELEASE_TYPE = "application/vnd.sealwasm.release.v1+json"
CONTEXT = b"sealwasm/release/v1\x00"

# The largest bundle that can be sealed (its capability policy holds inline files), as base64, and
# a manifest. A release repeats the capability policy as its grant.
MAX_REQUEST_BYTES = 8 * 1024 * 1024
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
MAX_SMALL_BYTES = 64 * 1024
MAX_MANIFEST_BYTES = 1024 * 1024
MAX_BUNDLE_BYTES = 4 * 1024 * 1024
MAX_EVIDENCE_CHARS = 512 * 1024
RECEIPT_KEY_BYTES = 32


class ProtocolRefusal(StrEnum):
    """Stable codes for messages that are not what they must be."""

    MALFORMED = "message-malformed"
    WRONG_IDENTITY = "broker-identity-differs"
    BAD_SIGNATURE = "broker-signature-invalid"
    OTHER_REQUEST = "release-for-another-request"
    LEASE_EXPIRED = "release-lease-expired"


class ProtocolError(Exception):
    """A message was refused. `detail` is for the log of the side that read it."""

    def __init__(self, code: ProtocolRefusal, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


format_time = names.format_time


def parse_time(text: str) -> datetime:
    """Return the aware moment of an exact `format_time` text, or raise `ProtocolError`."""
    try:
        return names.parse_time(text, "time")
    except SealError as error:
        raise ProtocolError(ProtocolRefusal.MALFORMED, error.detail) from error


def _from_base64(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return canonical.b64decode(value, what="member")
    except SealError as error:
        raise ValueError("not canonical base64") from error


def _is_time(value: str) -> str:
    try:
        parse_time(value)
    except ProtocolError as error:
        raise ValueError(error.detail) from error
    return value


def _names_a_tee(value: dict[str, str]) -> dict[str, str]:
    if re.fullmatch("[a-z]{2,16}", value.get("tee", "")) is None:
        raise ValueError("evidence names no TEE")
    return value


Base64 = Annotated[
    bytes,
    BeforeValidator(_from_base64),
    PlainSerializer(canonical.b64encode, return_type=str),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
Time = Annotated[
    str, AfterValidator(_is_time), WithJsonSchema({"type": "string", "format": "date-time"})
]
_WORD = r"[a-z0-9]+([._-][a-z0-9]+)*"
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{7,63}$")]
Name = Annotated[str, Field(max_length=200, pattern=rf"^{_WORD}(/{_WORD})*$")]
Version = Annotated[int, Field(ge=1, le=2**53 - 1)]
IdempotencyKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22,64}$")]
ChallengeToken = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+/=-]{16,1024}$")]
Nonce = Annotated[Base64, Field(min_length=32, max_length=32)]
ReceiptKey = Annotated[Base64, Field(min_length=RECEIPT_KEY_BYTES, max_length=RECEIPT_KEY_BYTES)]
Bundle = Annotated[Base64, Field(min_length=2, max_length=MAX_BUNDLE_BYTES)]
# One to sixteen members; JSON arrays become tuples, which strict mode alone would refuse.
Several = Field(min_length=1, max_length=16, strict=False)
Suite = Literal["mlkem768x25519-hkdfsha256-aes256gcm", "x25519-hkdfsha256-aes256gcm"]


class Message(BaseModel):
    """A frozen message with no unknown members, in one canonical form."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    @classmethod
    def parse(cls, data: bytes, *, limit_bytes: int = MAX_SMALL_BYTES) -> Self:
        """Return the message in `data`, which must be canonical JSON, or raise `ProtocolError`."""
        try:
            return cls.model_validate(
                canonical.parse_canonical(data, limit_bytes=limit_bytes, what=cls.__name__)
            )
        except SealError as error:
            raise ProtocolError(ProtocolRefusal.MALFORMED, error.detail) from error
        except ValidationError as error:
            where = [f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors()[:4]]
            detail = f"{cls.__name__}: {', '.join(where)}"
            raise ProtocolError(ProtocolRefusal.MALFORMED, detail) from error

    def to_document(self) -> dict[str, Any]:
        """Return the JSON values of this message; absent members are left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_bytes(self) -> bytes:
        """Return the only form of this message."""
        return canonical.encode(self.to_document())


class RunnerKey(Message):
    """An HPKE public key: the one that a release is wrapped to."""

    suite: Suite
    public: Annotated[Base64, Field(min_length=32, max_length=2048)]

    def sealing_key(self) -> SealingKey:
        """Return the key, or raise `ProtocolError` if its bytes are not a key of its suite."""
        try:
            return SealingKey.from_bytes(self.suite, self.public)
        except SealError as error:
            raise ProtocolError(ProtocolRefusal.MALFORMED, error.detail) from error


class Binding(Message):
    """What the evidence vouches for: the document whose SHA-512 is the report data."""

    idempotency_key: IdempotencyKey
    manifest: Digest
    nonce: Nonce
    receipt_key: ReceiptKey
    runner_key: RunnerKey

    @cached_property
    def form(self) -> bytes:
        """The only form of this document."""
        return self.to_bytes()

    def report_data(self) -> bytes:
        """Return the 64 bytes a TEE must have signed for this request."""
        return hashlib.sha512(CONTEXT + self.form).digest()

    def digest(self) -> str:
        """Return the digest by which a response names the request it answers."""
        return canonical.digest_of(self.form)


class ChallengeResponse(Message):
    """One challenge: opaque to the runner, to be used once before `expires`."""

    challenge: ChallengeToken
    nonce: Nonce
    expires: Time


PartName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Part = Annotated[str, Field(max_length=MAX_EVIDENCE_CHARS)]
Evidence = Annotated[dict[PartName, Part], Several, AfterValidator(_names_a_tee)]


class ReleaseRequest(Message):
    """The body of `POST /v1/releases`."""

    challenge: ChallengeToken
    runner_key: RunnerKey
    receipt_key: ReceiptKey
    evidence: Evidence
    manifest: Annotated[Base64, Field(min_length=2, max_length=MAX_MANIFEST_BYTES)]
    signatures: Annotated[tuple[Bundle, ...], Several]
    idempotency_key: IdempotencyKey

    def binding(self, nonce: bytes) -> Binding:
        """Return the binding document of this request under the challenge's `nonce`."""
        return Binding(
            idempotency_key=self.idempotency_key,
            manifest=canonical.digest_of(self.manifest),
            nonce=nonce,
            receipt_key=self.receipt_key,
            runner_key=self.runner_key,
        )


class PolicyName(Message):
    """The release policy that allowed a release."""

    name: Name
    version: Version
    digest: Digest


class Lease(Message):
    """How long the runner may hold the key."""

    id: Identifier
    expires: Time
    renew_after: Time


class ReleaseDocument(Message):
    """What the broker signs about one release."""

    v: Literal[1]
    decision: Identifier
    manifest: Digest
    module: Name
    version: Version
    owner: KeyId
    policy: PolicyName
    guardrails: Annotated[tuple[Digest, ...], Field(strict=False)]
    grant: dict[str, Any]
    lease: Lease
    result: Annotated[str, Field(min_length=1, max_length=16384, pattern=r"^[A-Za-z0-9_.-]+$")]
    leaf: Annotated[Base64, Field(min_length=2, max_length=MAX_SMALL_BYTES)]
    request: Digest
    simulated: bool


class ReleaseResponse(Message):
    """The answer to a release: the signed document, and the key wrapped to the runner key."""

    release: Annotated[str, Field(min_length=2, max_length=MAX_RESPONSE_BYTES)]
    wrapped_key: Annotated[Base64, Field(min_length=32, max_length=MAX_SMALL_BYTES)]


class DescribedKey(RunnerKey):
    """One sealing key of the broker: owners seal envelopes to it."""

    id: KeyId


class LogKey(Message):
    """The audit log's origin line and its C2SP verifier key."""

    origin: Annotated[str, Field(pattern=r"^[!-*,-~]{1,255}$")]
    key: Annotated[str, Field(pattern=r"^[!-~]{1,512}$")]


class Descriptor(Message):
    """What a broker says of itself, signed by the identity that clients pin."""

    v: Literal[1]
    identity: Annotated[Base64, Field(min_length=32, max_length=512)]
    sealing_keys: Annotated[tuple[DescribedKey, ...], Several]
    tees: Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z]{2,16}$")], ...], Several]
    simulated: bool
    log: LogKey
    ear: dict[Literal["jwk"], dict[str, str]]
    issued: Time

    def identity_key(self) -> VerifyingKey:
        """Return the key that signs this broker's descriptor and releases."""
        try:
            return VerifyingKey.from_spki(self.identity)
        except SealError as error:
            raise ProtocolError(ProtocolRefusal.MALFORMED, error.detail) from error


class Problem(Message):
    """An RFC 9457 problem: a code for machines, and never the detail of a refusal."""

    type: Annotated[str, Field(pattern=r"^urn:sealwasm:problem:[a-z-]{1,64}$")]
    title: Annotated[str, Field(max_length=200)]
    status: Annotated[int, Field(ge=400, le=599)]
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
    decision: Identifier | None = None
    rules: Annotated[tuple[str, ...], Field(max_length=64, strict=False)] | None = None
    incident: Identifier | None = None


@dataclass(frozen=True, slots=True)
class VerifiedRelease:
    """A release that the pinned broker made for this very request. The key is still wrapped."""

    document: ReleaseDocument
    info: bytes
    wrapped_key: bytes = field(repr=False)


def release_info(payload: bytes, *, decision: str, grant: str, lease: str, manifest: str) -> bytes:
    """Return the HPKE info that ties a wrapped key to a signed document; `grant` is its digest."""
    binding = {
        "decision": decision,
        "grant": grant,
        "lease": lease,
        "manifest": manifest,
        "release": canonical.digest_of(payload),
    }
    return CONTEXT + canonical.encode(binding)


def verify_descriptor(data: bytes, *, identity: str) -> Descriptor:
    """Return the descriptor that the broker with key id `identity` signed.

    Its age is not checked: a descriptor is a list of public keys, and an old one fails closed.
    Raises `ProtocolError`.
    """
    # spec 2.1: find the key the descriptor claims, and accept it only if it is the pinned one.
    descriptor = Descriptor.parse(_unverified_payload(data))
    claimed = descriptor.identity_key()
    if claimed.key_id != identity:
        raise ProtocolError(ProtocolRefusal.WRONG_IDENTITY, f"broker identity is {claimed.key_id}")
    _verified(data, BROKER_TYPE, claimed)
    for key in descriptor.sealing_keys:
        if key.sealing_key().key_id != key.id:
            raise ProtocolError(ProtocolRefusal.MALFORMED, "sealing key does not have its id")
    return descriptor


def unverified_identity(data: bytes) -> str:
    """Return the key id that a descriptor claims: for somebody to look at and pin."""
    return Descriptor.parse(_unverified_payload(data)).identity_key().key_id


def verify_release(
    data: bytes, *, identity: VerifyingKey, manifest: str, request: str, now: datetime
) -> VerifiedRelease:
    """Return the release in `data`, made by `identity` for `manifest` and the binding `request`.

    Opening `wrapped_key` under `info` is left to the holder of the runner key, and is the last
    check: it fails if any byte of the document is not what the broker wrapped. Not checked: that
    the grant, module, owner and policy are the ones the caller wants. Raises `ProtocolError`.
    """
    response = ReleaseResponse.parse(data, limit_bytes=MAX_RESPONSE_BYTES)
    payload = _verified(response.release.encode(), RELEASE_TYPE, identity)
    document = ReleaseDocument.parse(payload, limit_bytes=MAX_RESPONSE_BYTES)
    if (document.manifest, document.request) != (manifest, request):
        detail = f"release is for {document.manifest} and {document.request}"
        raise ProtocolError(ProtocolRefusal.OTHER_REQUEST, detail)
    if now >= parse_time(document.lease.expires):
        raise ProtocolError(ProtocolRefusal.LEASE_EXPIRED, f"since {document.lease.expires}")
    info = release_info(
        payload,
        decision=document.decision,
        grant=canonical.digest_of(canonical.encode(document.grant)),
        lease=document.lease.id,
        manifest=document.manifest,
    )
    return VerifiedRelease(document, info, response.wrapped_key)


def _verified(envelope: bytes, payload_type: str, key: VerifyingKey) -> bytes:
    try:
        return dsse.verify(envelope, payload_type=payload_type, keys=[key])
    except SealError as error:
        raise ProtocolError(ProtocolRefusal.BAD_SIGNATURE, error.detail) from error


def _unverified_payload(envelope: bytes) -> bytes:
    what, names = "envelope", ("payload", "payloadType", "signatures")
    try:
        found = canonical.parse_canonical(envelope, limit_bytes=MAX_SMALL_BYTES, what=what)
        return canonical.b64decode(canonical.members(found, names, what)["payload"], what=what)
    except SealError as error:
        raise ProtocolError(ProtocolRefusal.MALFORMED, error.detail) from error
