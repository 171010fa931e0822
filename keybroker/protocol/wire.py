"""The messages of a release and of the broker's descriptor, and what both sides compute of them.

Format: docs/specs/release-protocol.md.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from keybroker.protocol.messages import (
    MAX_MEMBERS,
    MAX_SMALL_BYTES,
    Base64,
    ChallengeToken,
    Digest,
    FormatVersion,
    IdempotencyKey,
    Identifier,
    KeyId,
    Message,
    Name,
    Nonce,
    OrderedMessage,
    ProtocolError,
    ProtocolRefusal,
    ReceiptKey,
    Several,
    Suite,
    Time,
    Version,
    parse_time,
)
from sealing import canonical
from sealing.errors import SealError
from sealing.hpke import SealingKey
from sealing.keys import VerifyingKey
from sealing.signatures import dsse

BROKER_TYPE = "application/vnd.sealwasm.broker.v1+json"
RELEASE_TYPE = "application/vnd.sealwasm.release.v1+json"
CONTEXT = b"sealwasm/release/v1\x00"

# The largest bundle that can be sealed (its capability policy holds inline files), as base64, and
# a manifest. A release repeats the capability policy as its grant.
MAX_REQUEST_BYTES = 8 * 1024 * 1024
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
MAX_MANIFEST_BYTES = 1024 * 1024
MAX_BUNDLE_BYTES = 4 * 1024 * 1024
# One part of evidence as base64: devices of one machine are 16 pieces of 13 KiB.
MAX_EVIDENCE_CHARS = 512 * 1024
# An attestation result of a processor and 16 devices is 27 KiB; who reads one takes 64 KiB.
MAX_RESULT_CHARS = 64 * 1024


class RunnerKey(Message):
    """An HPKE public key: the one that a release is wrapped to."""

    # In order, as a part of ordered messages.
    public: Annotated[Base64, Field(min_length=32, max_length=2048)]
    suite: Suite

    def sealing_key(self) -> SealingKey:
        """Return the key, or raise `ProtocolError` if its bytes are not a key of its suite."""
        try:
            return SealingKey.from_bytes(self.suite, self.public)
        except SealError as error:
            raise ProtocolError(ProtocolRefusal.MALFORMED, error.detail) from error


class Binding(OrderedMessage):
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


def _names_a_tee(value: dict[str, str]) -> dict[str, str]:
    if re.fullmatch("[a-z]{2,8}(-[a-z]{2,8})?", value.get("tee", "")) is None:
        raise ValueError("evidence names no TEE")
    return value


def _in_order(value: dict[str, str]) -> dict[str, str]:
    return dict(sorted(value.items()))


Bundle = Annotated[Base64, Field(min_length=2, max_length=MAX_BUNDLE_BYTES)]
PartName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Part = Annotated[str, Field(max_length=MAX_EVIDENCE_CHARS)]
Evidence = Annotated[
    dict[PartName, Part], *Several, AfterValidator(_names_a_tee), PlainSerializer(_in_order)
]


class ReleaseRequest(OrderedMessage):
    """The body of `POST /v1/releases`."""

    challenge: ChallengeToken
    evidence: Evidence
    idempotency_key: IdempotencyKey
    manifest: Annotated[Base64, Field(min_length=2, max_length=MAX_MANIFEST_BYTES)]
    receipt_key: ReceiptKey
    runner_key: RunnerKey
    signatures: Annotated[tuple[Bundle, ...], *Several]

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


SplitCount = Annotated[int, Field(ge=1, le=MAX_MEMBERS)]


class ReleasedShare(Message):
    """Which share of a split content key a release is of, as the owner's envelope names it."""

    set: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    index: SplitCount
    threshold: Annotated[int, Field(ge=2, le=MAX_MEMBERS)]
    of: SplitCount


def _is_said(value: object) -> object:
    if value is None:
        raise ValueError("null, expected a member or none")
    return value


class ReleaseDocument(Message):
    """What the broker signs about one release."""

    v: FormatVersion
    decision: Identifier
    manifest: Digest
    module: Name
    version: Version
    owner: KeyId
    policy: PolicyName
    guardrails: Annotated[tuple[Digest, ...], Field(strict=False)]
    grant: dict[str, Any]
    lease: Lease
    result: Annotated[
        str, Field(min_length=1, max_length=MAX_RESULT_CHARS, pattern=r"^[A-Za-z0-9_.-]+$")
    ]
    leaf: Annotated[Base64, Field(min_length=2, max_length=MAX_SMALL_BYTES)]
    request: Digest
    # Absent where the release is of the whole key.
    share: Annotated[ReleasedShare | None, BeforeValidator(_is_said)] = None
    simulated: bool


class ReleaseResponse(Message):
    """The answer to a release: the signed document, and the key wrapped to the runner key."""

    release: Annotated[str, Field(min_length=2, max_length=MAX_RESPONSE_BYTES)]
    wrapped_key: Annotated[Base64, Field(min_length=32, max_length=MAX_SMALL_BYTES)]


Tee = Annotated[str, Field(pattern=r"^[a-z]{2,8}(-[a-z]{2,8})?$")]


class DescribedKey(RunnerKey):
    """One sealing key of the broker: owners seal envelopes to it."""

    id: KeyId


class LogKey(Message):
    """The audit log's origin line and its C2SP verifier key."""

    origin: Annotated[str, Field(pattern=r"^[!-*,-~]{1,255}$")]
    key: Annotated[str, Field(pattern=r"^[!-~]{1,512}$")]


class Descriptor(Message):
    """What a broker says of itself, signed by the identity that clients pin."""

    v: FormatVersion
    identity: Annotated[Base64, Field(min_length=32, max_length=512)]
    sealing_keys: Annotated[tuple[DescribedKey, ...], *Several]
    tees: Annotated[tuple[Tee, ...], *Several]
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
