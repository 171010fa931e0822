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
from sealing import canonical, limits
from sealing.errors import SealError
from sealing.keys import SigningKey, VerifyingKey
from sealing.signatures import dsse

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:sealwasm:execution:v1"
# A grant is at most 1 MiB, twice in base64 by the time it is here; as many releases as a key has
# brokers, and some KiB of evidence with each.
MAX_RECEIPT_BYTES: Final = limits.DSSE_BYTES
MAX_RELEASES: Final = limits.ENVELOPES
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


class ToldRelease(_Model):
    """One broker's release: what it was asked, with which evidence, its answer, its log's proof."""

    binding: Binding
    evidence: Evidence
    release: Annotated[str, Field(min_length=2, max_length=protocol.MAX_RESPONSE_BYTES)]
    proof: Annotated[str, Field(max_length=protocol.MAX_SMALL_BYTES)] | None

    def document(self) -> ReleaseDocument:
        """Return the broker's document. Its signature is not checked here."""
        try:
            return ReleaseDocument.parse(
                _payload(self.release.encode("utf-8")),
                limit_bytes=protocol.MAX_RESPONSE_BYTES,
            )
        except ProtocolError as error:
            raise _malformed(f"release: {error.detail}") from error


class Predicate(_Model):
    """Everything a verifier needs, so that a receipt is checked with nothing but trust anchors."""

    # Not Literal[1]: that would take `true` for 1.
    v: Annotated[int, Field(ge=1, le=1)]
    # One of the whole key, or one by each broker whose share was used.
    releases: Annotated[
        tuple[ToldRelease, ...], Field(min_length=1, max_length=MAX_RELEASES, strict=False)
    ]
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
        """Return the statement with `predicate` about the module that its releases name."""
        manifest = predicate.releases[0].binding.manifest.removeprefix("sha256:")
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
        return VerifyingKey.from_raw_ed25519(self.predicate.releases[0].binding.receipt_key)

    def releases(self) -> tuple[ReleaseDocument, ...]:
        """Return the documents of the brokers. Their signatures are not checked here."""
        return tuple(told.document() for told in self.predicate.releases)


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
    # (3) Subject, bindings, evidence and releases are about one and the same run.
    releases = receipt.releases()
    for told, release in zip(receipt.predicate.releases, releases, strict=True):
        _require_one_request(receipt, told, release)
    _require_one_run(receipt.predicate.releases, releases)
    # (4) Result, times and sequence are possible.
    _require_possible(receipt.predicate, releases)
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


def _require_one_request(receipt: Receipt, told: ToldRelease, release: ReleaseDocument) -> None:
    binding = told.binding
    (subject,) = receipt.subject
    if f"sha256:{subject.digest.sha256}" != binding.manifest:
        raise RunnerError(RunnerCode.RECEIPT_SUBJECT, "subject is not the manifest of the request")
    if (release.manifest, release.request) != (binding.manifest, binding.digest()):
        raise RunnerError(RunnerCode.RECEIPT_RELEASE, "release answers another request")
    if release.module != subject.name:
        raise RunnerError(RunnerCode.RECEIPT_RELEASE, f"release is for {release.module}")
    if release.simulated != receipt.predicate.simulated:
        raise RunnerError(RunnerCode.RECEIPT_SIMULATED, "release and receipt disagree")
    try:
        UnverifiedEvidence.from_wire(dict(told.evidence))
    except EvidenceError as error:
        raise _malformed(f"evidence: {error.detail}") from error


def _require_one_run(told: tuple[ToldRelease, ...], releases: tuple[ReleaseDocument, ...]) -> None:
    """Accept releases to one worker that are one key: it alone, or as many shares as it takes."""
    keys = {(each.binding.receipt_key, each.binding.runner_key.public) for each in told}
    if len(keys) != 1 or len({(each.version, each.owner) for each in releases}) != 1:
        raise RunnerError(RunnerCode.RECEIPT_RELEASE, "releases are of more than one run")
    shares = [each.share for each in releases if each.share is not None]
    splits = {(share.set, share.threshold, share.of) for share in shares}
    needed = shares[0].threshold if shares else 1
    indices = {share.index for share in shares}
    one_key = len(releases) == needed and len(splits) <= 1 and len(indices) == len(shares)
    if not one_key or len(shares) not in {0, needed}:
        detail = f"{len(releases)} releases with {len(shares)} shares are not one key"
        raise RunnerError(RunnerCode.RECEIPT_RELEASE, detail)


def _require_possible(predicate: Predicate, releases: tuple[ReleaseDocument, ...]) -> None:
    result = predicate.result
    if (result.ending is Ending.EXIT) != (result.exit_code is not None):
        raise RunnerError(RunnerCode.RECEIPT_RESULT, f"exit code with ending {result.ending}")
    # Times of one form compare as text.
    lease_ends = min(release.lease.expires for release in releases)
    if not predicate.started <= predicate.finished or predicate.started >= lease_ends:
        raise RunnerError(RunnerCode.RECEIPT_TIMES, "ended before its start, or began too late")
    if (predicate.sequence == 1) != (predicate.previous is None):
        detail = f"sequence {predicate.sequence} does not fit its previous receipt"
        raise RunnerError(RunnerCode.RECEIPT_SEQUENCE, detail)


def _malformed(detail: str) -> RunnerError:
    return RunnerError(RunnerCode.RECEIPT_MALFORMED, detail)
