"""Sigstore bundle v0.3 around one DSSE signature by a bare public key, in one exact byte form.

Source: sigstore/protobuf-specs `sigstore_bundle.proto` v0.3, as cosign 3 and npm @sigstore/verify
read it. No certificate and no transparency log: owner keys are enrolled with the broker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import Signer, VerifyingKey
from sealing.signatures.dsse import pre_authentication_encoding

BUNDLE_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT_TYPE: Final = "application/vnd.in-toto+json"
_BUNDLE: Final = ("mediaType", "verificationMaterial", "dsseEnvelope")
_KEY_ID_BYTES: Final = 32
_NOTHING: Final[Mapping[str, type]] = {}


@dataclass(frozen=True, slots=True)
class UnverifiedBundle:
    """A bundle of the right form. `verify` returns its payload as something that was signed."""

    key_hint: str
    _payload: bytes = field(repr=False)
    _signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the bundle whose canonical form is `data`, or raise `SealError`."""
        value = canonical.parse_canonical(data, limit_bytes=limits.BUNDLE_BYTES, what="bundle")
        return cls(*bundle_parts(value))

    @property
    def unverified_payload(self) -> bytes:
        """The payload as anybody could have written it."""
        return self._payload

    def verify(self, key: VerifyingKey) -> bytes:
        """Return the payload `key` signed, or raise `SealError`. The payload is not parsed."""
        if self.key_hint != key.key_id:
            detail = f"bundle is by key {self.key_hint[:16]}, expected {key.key_id[:16]}"
            raise SealError(SealRefusal.SIGNER_UNKNOWN, detail)
        key.verify(self._signature, pre_authentication_encoding(STATEMENT_TYPE, self._payload))
        return self._payload


def sign_bundle(payload: bytes, key: Signer) -> bytes:
    """Return the canonical form of a bundle: `payload`, an in-toto statement, signed by `key`.

    Raises `SealError` where no reader would take it: base64 makes a statement that is within its
    own limit larger than a bundle may be.
    """
    signature = key.sign(pre_authentication_encoding(STATEMENT_TYPE, payload))
    data = canonical.encode(
        {
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": {
                "publicKey": {"hint": canonical.b64encode(bytes.fromhex(key.key_id))}
            },
            "dsseEnvelope": {
                "payload": canonical.b64encode(payload),
                "payloadType": STATEMENT_TYPE,
                "signatures": [{"sig": canonical.b64encode(signature)}],
            },
        }
    )
    if len(data) > limits.BUNDLE_BYTES:
        detail = f"bundle is {len(data)} bytes, limit {limits.BUNDLE_BYTES}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    return data


def bundle_parts(
    value: Any,
    *,
    beside_key: Mapping[str, type] = _NOTHING,
    beside_signature: Mapping[str, type] = _NOTHING,
) -> tuple[str, bytes, bytes]:
    """Return the id of the key that a bundle claims, its payload and its signature, or raise.

    Other members than ours may stand `beside_key` and `beside_signature` where they are named
    there; only their type is looked at. Raises `SealError`.
    """
    found = canonical.members(value, _BUNDLE, "bundle")
    if found["mediaType"] != BUNDLE_TYPE:
        raise SealError(SealRefusal.MEDIA_TYPE, f"expected media type {BUNDLE_TYPE}")
    material = _members(
        found["verificationMaterial"], ("publicKey",), beside_key, "verification material"
    )
    payload, only = _dsse(found["dsseEnvelope"])
    signature = _members(only, ("sig",), beside_signature, "bundle signature")
    return (
        _hint(material["publicKey"]),
        canonical.b64decode(payload, what="bundle payload"),
        canonical.b64decode(signature["sig"], what="bundle signature"),
    )


def _members(
    value: Any, own: Sequence[str], others: Mapping[str, type], what: str
) -> dict[str, Any]:
    beside = [name for name in others if isinstance(value, dict) and name in value]
    found = canonical.members(value, (*own, *beside), what)
    for name in beside:
        if not isinstance(found[name], others[name]):
            raise canonical.malformed(what, f"{name} is no {others[name].__name__}")
    return found


def _hint(value: Any) -> str:
    key = canonical.members(value, ("hint",), "bundle public key")
    return canonical.b64decode(key["hint"], what="bundle key hint", size=_KEY_ID_BYTES).hex()


def _dsse(value: Any) -> tuple[Any, Any]:
    """Return payload and only signature of an envelope, as they stand there."""
    found = canonical.members(value, ("payload", "payloadType", "signatures"), "bundle envelope")
    if found["payloadType"] != STATEMENT_TYPE:
        raise SealError(SealRefusal.PAYLOAD_TYPE, f"expected {STATEMENT_TYPE}")
    signatures = found["signatures"]
    if not isinstance(signatures, list) or not signatures:
        raise SealError(SealRefusal.SIGNATURE_MISSING, "bundle has no signature")
    if len(signatures) > 1:
        raise SealError(SealRefusal.SIGNATURE_REPEATED, "bundle has more than one signature")
    return found["payload"], signatures[0]
