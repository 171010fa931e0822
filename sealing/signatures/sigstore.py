"""Bundles and statements as other tools write them: cosign's signatures, anybody's attestations.

Not canonical JSON and with members that we have no use for, so nothing here decides about a
module: our own statement is read by `sealing.signatures.statement` alone. Sources:
sigstore/protobuf-specs v0.3, in-toto attestation `spec/v1/statement.md`, what cosign 3.1
writes. Spec: docs/specs/attestations.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.signatures.bundle import STATEMENT_TYPE, bundle_parts
from sealing.signatures.dsse import pre_authentication_encoding
from sealing.signatures.statement import IN_TOTO_TYPE

# What `cosign sign` says: this key signed this digest, and nothing else.
COSIGN_SIGN: Final = "https://sigstore.dev/cosign/sign/v1"
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
CYCLONEDX: Final = "https://cyclonedx.org/bom"
# `cosign attest` still writes the older name of the same four members.
_IN_TOTO_TYPES: Final = (IN_TOTO_TYPE, "https://in-toto.io/Statement/v0.1")
# What tools write that we have no use for.
_BESIDE_KEY: Final = {"tlogEntries": list, "timestampVerificationData": object}
_BESIDE_SIGNATURE: Final = {"keyid": str}
_BESIDE_DIGEST: Final = ("name", "uri", "annotations")


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a key says about one digest. True as far as whoever holds `signer` is believed."""

    signer: VerifyingKey
    predicate_type: str
    predicate: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ForeignBundle:
    """A bundle by a bare key in the form of any tool. `verify` says what was signed."""

    key_hint: str
    _payload: bytes = field(repr=False)
    _signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the bundle in `data`, or raise `SealError`.

        Log entries and timestamps may be there and are not looked at: no log is trusted here.
        """
        value = canonical.parse_json(data, limit_bytes=limits.BUNDLE_BYTES, what="bundle")
        return cls(*bundle_parts(value, beside_key=_BESIDE_KEY, beside_signature=_BESIDE_SIGNATURE))

    def verify(self, keys: Sequence[VerifyingKey]) -> tuple[VerifyingKey, bytes]:
        """Return the one of `keys` that signed and what it signed, or raise `SealError`."""
        signer = next((key for key in keys if key.key_id == self.key_hint), None)
        if signer is None:
            detail = f"key {self.key_hint[:16]} is none of the {len(keys)} expected"
            raise SealError(SealRefusal.SIGNER_UNKNOWN, detail)
        message = pre_authentication_encoding(STATEMENT_TYPE, self._payload)
        signer.verify(self._signature, message)
        return signer, self._payload

    @property
    def unverified_predicate_type(self) -> str:
        """What the bundle says it is about: for showing, never for deciding."""
        return _statement(self._payload)[1]


def verify_attestation(
    bundle: bytes, *, manifest_digest: str, keys: Sequence[VerifyingKey]
) -> Attestation:
    """Return what one of `keys` says about this manifest, or raise `SealError`.

    The predicate is an object of whatever type it names; it is not looked into.
    """
    signer, payload = ForeignBundle.parse(bundle).verify(keys)
    subjects, predicate_type, predicate = _statement(payload)
    if manifest_digest not in subjects:
        raise SealError(SealRefusal.STATEMENT_MISMATCH, "statement is for another manifest")
    return Attestation(signer, predicate_type, predicate)


def statement_bytes(manifest_digest: str, predicate_type: str, predicate: Any) -> bytes:
    """Return the statement of `predicate` about a manifest, in canonical form.

    Raises `SealError` for what this module's own reader would refuse.
    """
    hexadecimal = canonical.parse_digest(manifest_digest).removeprefix("sha256:")
    data = canonical.encode(
        {
            "_type": IN_TOTO_TYPE,
            "subject": [{"digest": {"sha256": hexadecimal}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )
    _statement(data)
    return data


def _statement(data: bytes) -> tuple[tuple[str, ...], str, dict[str, Any]]:
    """Return digests of the subjects, predicate type and predicate."""
    what = "statement"
    value = canonical.parse_json(data, limit_bytes=limits.STATEMENT_BYTES, what=what, dense=True)
    value = canonical.members(value, ("_type", "subject", "predicateType", "predicate"), what)
    if value["_type"] not in _IN_TOTO_TYPES:
        raise SealError(SealRefusal.STATEMENT_TYPE, f"expected {IN_TOTO_TYPE}")
    kind = canonical.text(value["predicateType"], "predicate type")
    if not kind or len(kind) > limits.PREDICATE_TYPE_CHARS:
        raise canonical.malformed("predicate type", f"{len(kind)} characters")
    if not isinstance(value["predicate"], dict):
        raise canonical.malformed("predicate", "not an object")
    return _subjects(value["subject"]), kind, value["predicate"]


def _subjects(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= limits.STATEMENT_SUBJECTS:
        raise canonical.malformed("subject", f"not a list of 1 to {limits.STATEMENT_SUBJECTS}")
    return tuple(_subject(one) for one in value)


def _subject(value: Any) -> str:
    beside = [name for name in _BESIDE_DIGEST if isinstance(value, dict) and name in value]
    digests = canonical.members(value, ("digest", *beside), "subject")["digest"]
    if not isinstance(digests, dict):
        raise canonical.malformed("subject", "lacks its digest")
    hexadecimal = canonical.text(digests.get("sha256"), "subject digest")
    return canonical.parse_digest(f"sha256:{hexadecimal}", what="subject digest")
