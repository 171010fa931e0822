"""The owner's statement about one sealed module: in-toto Statement v1 in a sigstore bundle.

It says what the manifest is for, which envelopes are the owner's, what the module may be granted at
most and what it is made of. Sources: in-toto attestation `spec/v1/statement.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from sealing import canonical, limits, names
from sealing.bill import AnyBill, parse_bill
from sealing.envelope import EnvelopeContext
from sealing.errors import SealError, SealRefusal
from sealing.hidden_bill import HiddenBill
from sealing.keys import Signer, VerifyingKey
from sealing.manifest import SealedManifest
from sealing.signatures.bundle import UnverifiedBundle, sign_bundle

IN_TOTO_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:sealwasm:sealed-module:v1"
_STATEMENT: Final = ("_type", "subject", "predicateType", "predicate")
_PREDICATE: Final = (
    "module",
    "version",
    "owner",
    "policy",
    "brokers",
    "threshold",
    "recipients",
    "config",
    "layer",
    "envelopes",
    "capabilities",
    "created",
)
# One of the two: the bill in clear, or a commitment to it.
_BILL: Final = "bill-of-materials"
_HIDDEN_BILL: Final = "hidden-bill"


@dataclass(frozen=True, slots=True)
class SealedModuleStatement:
    """What an owner says about a sealed module. True only after `verify_bundle`."""

    module: str
    version: int
    owner: str
    policy: str
    brokers: tuple[str, ...]
    threshold: int
    recipients: tuple[str, ...]
    manifest: str
    config: str
    layer: str
    envelopes: tuple[str, ...]
    capabilities: Mapping[str, Any] = field(repr=False)
    capabilities_digest: str
    bill: AnyBill | HiddenBill = field(repr=False)
    created: datetime

    @classmethod
    def about(
        cls,
        manifest: SealedManifest,
        *,
        capabilities: Mapping[str, Any],
        bill: AnyBill | HiddenBill,
        created: datetime,
    ) -> Self:
        """Return the statement that fits `manifest`, whose envelopes agree with each other.

        Raises `SealError` for a policy above the limit, `ValueError` for a naive `created`.
        """
        first = manifest.envelopes[0]
        return cls(
            module=first.context.module,
            version=first.context.version,
            owner=first.context.owner,
            policy=first.context.policy,
            brokers=manifest.brokers,
            threshold=manifest.threshold,
            recipients=manifest.recipients,
            manifest=manifest.digest,
            config=manifest.config_digest,
            layer=manifest.layer_digest,
            envelopes=tuple(envelope.digest for envelope in manifest.envelopes),
            capabilities=capabilities,
            capabilities_digest=digest_capabilities(capabilities),
            bill=bill,
            created=names.parse_time(names.format_time(created), "created"),
        )

    @property
    def context(self) -> EnvelopeContext:
        """The context every envelope of the manifest must carry."""
        return EnvelopeContext(
            module=self.module,
            version=self.version,
            owner=self.owner,
            policy=self.policy,
            capabilities=self.capabilities_digest,
            config=self.config,
            layer=self.layer,
        )

    def _predicate(self) -> dict[str, Any]:
        return {
            "module": self.module,
            "version": self.version,
            "owner": self.owner,
            "policy": self.policy,
            "brokers": list(self.brokers),
            "threshold": self.threshold,
            "recipients": list(self.recipients),
            "config": self.config,
            "layer": self.layer,
            "envelopes": list(self.envelopes),
            "capabilities": {"digest": self.capabilities_digest, "document": self.capabilities},
            **_disclosed(self.bill),
            "created": names.format_time(self.created),
        }

    def to_bytes(self) -> bytes:
        """Return the canonical JSON of the statement. Raises `SealError` if it is too large."""
        data = canonical.encode(
            {
                "_type": IN_TOTO_TYPE,
                "subject": [{"digest": {"sha256": self.manifest.removeprefix("sha256:")}}],
                "predicateType": PREDICATE_TYPE,
                "predicate": self._predicate(),
            }
        )
        if len(data) > limits.STATEMENT_BYTES:
            detail = f"statement is {len(data)} bytes, limit {limits.STATEMENT_BYTES}"
            raise SealError(SealRefusal.TOO_LARGE, detail)
        canonical.require_affordable(data, "statement", dense=True)
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the statement whose canonical form is `data`, or raise `SealError`."""
        what = "statement"
        value = canonical.parse_canonical(
            data, limit_bytes=limits.STATEMENT_BYTES, what=what, dense=True
        )
        value = canonical.members(value, _STATEMENT, what)
        if (value["_type"], value["predicateType"]) != (IN_TOTO_TYPE, PREDICATE_TYPE):
            raise SealError(SealRefusal.STATEMENT_TYPE, f"expected {PREDICATE_TYPE}")
        found = _predicate(value["predicate"])
        capabilities, capabilities_digest = _capabilities(found["capabilities"])
        return cls(
            module=names.parse_name(found["module"], "module name"),
            version=names.parse_version(found["version"], "module version"),
            owner=names.parse_key_id(found["owner"], "owner"),
            policy=names.parse_name(found["policy"], "policy name"),
            brokers=tuple(_texts(found["brokers"], "brokers", names.parse_key_id)),
            threshold=canonical.whole(
                found["threshold"], "threshold", least=1, most=limits.ENVELOPES
            ),
            recipients=tuple(_texts(found["recipients"], "recipients", canonical.text)),
            manifest=_subject(value["subject"]),
            config=canonical.parse_digest(found["config"], what="config digest"),
            layer=canonical.parse_digest(found["layer"], what="layer digest"),
            envelopes=_envelopes(found["envelopes"]),
            capabilities=capabilities,
            capabilities_digest=capabilities_digest,
            bill=_bill(found),
            created=names.parse_time(found["created"], "created"),
        )

    def require_manifest(self, manifest: SealedManifest) -> None:
        """Accept only the manifest this statement is about, field by field, or raise."""
        pairs = (
            ("manifest", self.manifest, manifest.digest),
            ("config", self.config, manifest.config_digest),
            ("layer", self.layer, manifest.layer_digest),
            ("envelopes", self.envelopes, tuple(each.digest for each in manifest.envelopes)),
            ("brokers", self.brokers, manifest.brokers),
            ("threshold", self.threshold, manifest.threshold),
            ("recipients", self.recipients, manifest.recipients),
        )
        for name, said, found in pairs:
            if said != found:
                raise SealError(SealRefusal.STATEMENT_MISMATCH, f"statement is for another {name}")
        for envelope in manifest.envelopes:
            envelope.context.require_equal(self.context)


def sign_statement(statement: SealedModuleStatement, key: Signer) -> bytes:
    """Return the sigstore bundle of `statement`, or raise for a key that is not its owner's."""
    if statement.owner != key.key_id:
        raise SealError(SealRefusal.STATEMENT_MISMATCH, "statement names another owner")
    return sign_bundle(statement.to_bytes(), key)


def verify_bundle(
    bundle: bytes, *, manifest_digest: str, keys: Sequence[VerifyingKey]
) -> SealedModuleStatement:
    """Return the statement one of `keys` signed about this manifest, or raise `SealError`.

    The caller compares the manifest's fields with it: `SealedModuleStatement.require_manifest`.
    Versions, policies and the broker's rules are not looked at.
    """
    found = UnverifiedBundle.parse(bundle)
    signer = next((key for key in keys if key.key_id == found.key_hint), None)
    if signer is None:
        detail = f"signature names key {found.key_hint[:16]}, which is not trusted here"
        raise SealError(SealRefusal.SIGNER_UNKNOWN, detail)
    statement = SealedModuleStatement.parse(found.verify(signer))
    if statement.owner != signer.key_id:
        raise SealError(SealRefusal.STATEMENT_MISMATCH, "statement names another owner")
    if statement.manifest != manifest_digest:
        raise SealError(SealRefusal.STATEMENT_MISMATCH, "statement is for another manifest")
    return statement


def unverified_key_hint(bundle: bytes) -> str:
    """Return the key id a bundle claims to be signed by, to look the owner up. Proves nothing.

    Raises `SealError`.
    """
    return UnverifiedBundle.parse(bundle).key_hint


def unverified_statement(bundle: bytes) -> SealedModuleStatement:
    """Return what a bundle claims, signed by nobody we know: for showing, never for deciding.

    Raises `SealError`.
    """
    return SealedModuleStatement.parse(UnverifiedBundle.parse(bundle).unverified_payload)


def digest_capabilities(capabilities: Mapping[str, Any]) -> str:
    """Return the digest of a capability policy document, or raise `SealError` above the limit."""
    data = canonical.encode(capabilities)
    if len(data) > limits.CAPABILITIES_BYTES:
        detail = f"capability policy is {len(data)} bytes, limit {limits.CAPABILITIES_BYTES}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    return canonical.digest_of(data)


def _predicate(value: Any) -> dict[str, Any]:
    hidden = isinstance(value, dict) and _HIDDEN_BILL in value
    return canonical.members(value, (*_PREDICATE, _HIDDEN_BILL if hidden else _BILL), "predicate")


def _bill(predicate: Mapping[str, Any]) -> AnyBill | HiddenBill:
    if _HIDDEN_BILL in predicate:
        return HiddenBill.parse(predicate[_HIDDEN_BILL])
    return parse_bill(predicate[_BILL])


def _disclosed(bill: AnyBill | HiddenBill) -> dict[str, Any]:
    if isinstance(bill, HiddenBill):
        return {_HIDDEN_BILL: bill.commitment}
    return {_BILL: bill.to_document()}


def _capabilities(value: Any) -> tuple[dict[str, Any], str]:
    found = canonical.members(value, ("digest", "document"), "capabilities")
    document = found["document"]
    if not isinstance(document, dict):
        raise canonical.malformed("capabilities", "document is not an object")
    digest = canonical.parse_digest(found["digest"], what="capabilities digest")
    if digest_capabilities(document) != digest:
        raise SealError(SealRefusal.STATEMENT_MISMATCH, "capabilities have another digest")
    return document, digest


def _subject(value: Any) -> str:
    if not isinstance(value, list) or len(value) != 1:
        raise canonical.malformed("subject", "not a list of one")
    subject = canonical.members(value[0], ("digest",), "subject")
    digest = canonical.members(subject["digest"], ("sha256",), "subject digest")
    hexadecimal = canonical.text(digest["sha256"], "subject digest")
    return canonical.parse_digest(f"sha256:{hexadecimal}", what="subject digest")


def _texts(value: Any, what: str, parse: Callable[[Any, str], str]) -> Iterator[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= limits.ENVELOPES:
        raise canonical.malformed(what, f"not a list of 1 to {limits.ENVELOPES}")
    return (parse(item, what) for item in value)


def _envelopes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= limits.ENVELOPES:
        detail = f"statement does not list 1 to {limits.ENVELOPES} envelopes"
        raise SealError(SealRefusal.ENVELOPE_COUNT, detail)
    return tuple(canonical.parse_digest(digest, what="envelope digest") for digest in value)
