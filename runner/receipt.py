"""The receipt of one run: who ran what, under which grant, released by whom, with what outcome.

An in-toto Statement v1 in a DSSE envelope, signed by the key whose public half is in the evidence.
Format: docs/specs/receipt.md. The numbers of the checks below are its.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from keybroker import protocol
from keybroker.protocol import Binding, Digest, Evidence, ProtocolError, ReleaseDocument, Time
from runner.ending import Ending
from runner.errors import RunnerCode, RunnerError
from sealing import canonical, dsse
from sealing.errors import SealError
from sealing.keys import SigningKey, VerifyingKey

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:sealwasm:execution:v1"
# A release document is at most 1 MiB and evidence some KiB; base64 in the envelope adds a third.
MAX_RECEIPT_BYTES: Final = 4 * 1024 * 1024
MAX_COUNTER: Final = 2**53 - 1

ShortText = Annotated[str, Field(max_length=256)]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Counter = Annotated[int, Field(ge=0, le=MAX_COUNTER)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Sha256(_Model):
    """The one digest algorithm of a subject."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Subject(_Model):
    """The sealed module that ran, by the digest of its manifest."""

    name: protocol.Name
    digest: Sha256


class Engine(_Model):
    """What executed the module."""

    name: ShortText
    version: ShortText
    profile: Digest


class Lockdown(_Model):
    """What held in the worker while the guest ran, and what its kernel did not offer."""

    held: dict[Slug, ShortText]
    missing: dict[Slug, ShortText]


class Result(_Model):
    """How the run ended. `exit_code` is there exactly if the guest chose one."""

    ending: Annotated[Ending, Field(strict=False)]
    exit_code: Annotated[int, Field(ge=0, le=2**32 - 1)] | None


class Inputs(_Model):
    """Digests of what went in: arguments, environment and files as canonical JSON of digests."""

    arguments: Digest
    environment: Digest
    stdin: Digest
    files: Digest


class Stream(_Model):
    """What came out of one stream."""

    digest: Digest
    size: Counter


class Outputs(_Model):
    """Digests of what came out."""

    stdout: Stream
    stderr: Stream
    files: Digest


class Predicate(_Model):
    """Everything a verifier needs, so that a receipt is checked with nothing but trust anchors."""

    # Not Literal[1]: that would take `true` for 1.
    v: Annotated[int, Field(ge=1, le=1)]
    binding: Binding
    evidence: Evidence
    release: Annotated[str, Field(min_length=2, max_length=protocol.MAX_RESPONSE_BYTES)]
    proof: Annotated[str, Field(max_length=protocol.MAX_SMALL_BYTES)] | None
    engine: Engine
    grant: Digest
    guardrails: Annotated[tuple[Digest, ...], Field(max_length=16, strict=False)]
    lockdown: Lockdown
    result: Result
    usage: dict[Slug, Counter]
    inputs: Inputs
    outputs: Outputs
    denials: Annotated[tuple[ShortText, ...], Field(max_length=256, strict=False)]
    deterministic: bool
    started: Time
    finished: Time
    sequence: Annotated[int, Field(ge=1, le=MAX_COUNTER)]
    previous: Digest | None
    simulated: bool


class Receipt(_Model):
    """The statement of one run."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[tuple[Subject, ...], Field(min_length=1, max_length=1, strict=False)]
    predicate_type: Literal["urn:sealwasm:execution:v1"] = Field(alias="predicateType")
    predicate: Predicate

    @classmethod
    def about(cls, predicate: Predicate, *, module: str) -> Self:
        """Return the statement with `predicate` about the module its binding names."""
        manifest = predicate.binding.manifest.removeprefix("sha256:")
        subject = {"name": module, "digest": {"sha256": manifest}}
        return cls.model_validate(
            {
                "_type": STATEMENT_TYPE,
                "subject": [subject],
                "predicateType": PREDICATE_TYPE,
                "predicate": predicate,
            }
        )

    def to_document(self) -> dict[str, Any]:
        """Return the JSON values of the statement."""
        return self.model_dump(mode="json", by_alias=True)

    def receipt_key(self) -> VerifyingKey:
        """Return the key that must have signed. Only evidence bound to it makes it a runner's."""
        return VerifyingKey.from_raw_ed25519(self.predicate.binding.receipt_key)

    def release(self) -> ReleaseDocument:
        """Return the broker's document. Its signature is not checked here."""
        try:
            return ReleaseDocument.parse(
                _payload(self.predicate.release.encode("utf-8")),
                limit_bytes=protocol.MAX_RESPONSE_BYTES,
            )
        except ProtocolError as error:
            raise _malformed(f"release: {error.detail}") from error


def raw_ed25519(key: VerifyingKey) -> bytes:
    """Return the 32 bytes of an Ed25519 key, as requests and receipts carry them."""
    # RFC 8410: the SubjectPublicKeyInfo ends with the key.
    return key.spki[-protocol.RECEIPT_KEY_BYTES :]


def sign_receipt(receipt: Receipt, key: SigningKey) -> bytes:
    """Return the signed receipt. Raises `RunnerError` if a reader would refuse it."""
    envelope = dsse.sign(PAYLOAD_TYPE, canonical.encode(receipt.to_document()), [key])
    read_receipt(envelope)
    return envelope


def read_receipt(envelope: bytes) -> Receipt:
    """Return a receipt that the key in its binding signed, and that agrees with itself.

    Not checked: that evidence vouches for that key, that a broker made the release, that the log
    holds it. `sealwasm receipt verify` does. Raises `RunnerError` with a `RECEIPT_*` code.
    """
    # (1) One form of envelope and statement, nothing missing, nothing unknown.
    receipt = _statement(_payload(envelope))
    # (2) Signed by the key that the binding names, and by nobody else.
    try:
        dsse.verify(envelope, payload_type=PAYLOAD_TYPE, keys=[receipt.receipt_key()])
    except SealError as error:
        raise RunnerError(RunnerCode.RECEIPT_SIGNATURE, error.detail, reason=error.code) from error
    # (3) Subject, binding, evidence and release are about one and the same request.
    release = receipt.release()
    _require_one_request(receipt, release)
    # (4) Result, times and sequence are possible.
    _require_possible(receipt.predicate, release)
    return receipt


def _payload(envelope: bytes) -> bytes:
    try:
        value = canonical.parse_canonical(
            envelope, limit_bytes=MAX_RECEIPT_BYTES, what="DSSE envelope"
        )
        found = canonical.members(value, ("payload", "payloadType", "signatures"), "DSSE envelope")
        return canonical.b64decode(found["payload"], what="DSSE payload")
    except SealError as error:
        raise _malformed(error.detail) from error


def _statement(payload: bytes) -> Receipt:
    try:
        value = canonical.parse_canonical(
            payload, limit_bytes=MAX_RECEIPT_BYTES, what="receipt statement"
        )
        return Receipt.model_validate(value)
    except SealError as error:
        raise _malformed(error.detail) from error
    except ValidationError as error:
        where = ", ".join(".".join(map(str, e["loc"])) for e in error.errors()[:4])
        raise _malformed(f"statement is wrong at {where}") from error


def _require_one_request(receipt: Receipt, release: ReleaseDocument) -> None:
    predicate = receipt.predicate
    binding = predicate.binding
    (subject,) = receipt.subject
    if f"sha256:{subject.digest.sha256}" != binding.manifest:
        raise RunnerError(RunnerCode.RECEIPT_SUBJECT, "subject is not the manifest of the request")
    if (release.manifest, release.request) != (binding.manifest, binding.digest()):
        raise RunnerError(RunnerCode.RECEIPT_RELEASE, "release answers another request")
    if release.module != subject.name:
        raise RunnerError(RunnerCode.RECEIPT_RELEASE, f"release is for {release.module}")
    if release.simulated != predicate.simulated:
        raise RunnerError(RunnerCode.RECEIPT_SIMULATED, "release and receipt disagree")
    try:
        UnverifiedEvidence.from_wire(dict(predicate.evidence))
    except EvidenceError as error:
        raise _malformed(f"evidence: {error.detail}") from error


def _require_possible(predicate: Predicate, release: ReleaseDocument) -> None:
    result = predicate.result
    if (result.ending is Ending.EXIT) != (result.exit_code is not None):
        raise RunnerError(RunnerCode.RECEIPT_RESULT, f"exit code with ending {result.ending}")
    # Times of one form compare as text.
    if not predicate.started <= predicate.finished or predicate.started >= release.lease.expires:
        raise RunnerError(RunnerCode.RECEIPT_TIMES, "ended before its start, or began too late")
    if (predicate.sequence == 1) != (predicate.previous is None):
        detail = f"sequence {predicate.sequence} does not fit its previous receipt"
        raise RunnerError(RunnerCode.RECEIPT_SEQUENCE, detail)


def _malformed(detail: str) -> RunnerError:
    return RunnerError(RunnerCode.RECEIPT_MALFORMED, detail)
