"""Sigstore bundle v0.3 around one DSSE signature by a bare public key, in one exact byte form.

Source: sigstore/protobuf-specs `sigstore_bundle.proto` v0.3, as cosign 3 and npm @sigstore/verify
read it. No certificate and no transparency log: owner keys are enrolled with the broker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from sealing import canonical, limits
from sealing.dsse import pre_authentication_encoding
from sealing.errors import SealError, SealRefusal
from sealing.keys import Signer, VerifyingKey

BUNDLE_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT_TYPE: Final = "application/vnd.in-toto+json"
_KEY_ID_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class UnverifiedBundle:
    """A bundle of the right form. `verify` returns its payload as something that was signed."""

    key_hint: str
    _payload: bytes = field(repr=False)
    _signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the bundle whose canonical form is `data`, or raise `SealError`."""
        what = "bundle"
        value = canonical.parse_canonical(data, limit_bytes=limits.BUNDLE_BYTES, what=what)
        value = canonical.members(
            value, ("mediaType", "verificationMaterial", "dsseEnvelope"), what
        )
        if value["mediaType"] != BUNDLE_TYPE:
            raise SealError(SealRefusal.MEDIA_TYPE, f"expected media type {BUNDLE_TYPE}")
        material = canonical.members(
            value["verificationMaterial"], ("publicKey",), "verification material"
        )
        key = canonical.members(material["publicKey"], ("hint",), "bundle public key")
        hint = canonical.b64decode(key["hint"], what="bundle key hint")
        if len(hint) != _KEY_ID_BYTES:
            raise canonical.malformed("bundle key hint", f"{len(hint)} bytes, expected 32")
        payload, signature = _dsse(value["dsseEnvelope"])
        return cls(hint.hex(), payload, signature)

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
    """Return the canonical form of a bundle: `payload`, an in-toto statement, signed by `key`."""
    signature = key.sign(pre_authentication_encoding(STATEMENT_TYPE, payload))
    return canonical.encode(
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


def _dsse(value: object) -> tuple[bytes, bytes]:
    what = "bundle envelope"
    found = canonical.members(value, ("payload", "payloadType", "signatures"), what)
    if found["payloadType"] != STATEMENT_TYPE:
        raise SealError(SealRefusal.PAYLOAD_TYPE, f"expected {STATEMENT_TYPE}")
    signatures = found["signatures"]
    if not isinstance(signatures, list) or not signatures:
        raise SealError(SealRefusal.SIGNATURE_MISSING, "bundle has no signature")
    if len(signatures) > 1:
        raise SealError(SealRefusal.SIGNATURE_REPEATED, "bundle has more than one signature")
    only = canonical.members(signatures[0], ("sig",), "bundle signature")
    return (
        canonical.b64decode(found["payload"], what="bundle payload"),
        canonical.b64decode(only["sig"], what="bundle signature"),
    )
