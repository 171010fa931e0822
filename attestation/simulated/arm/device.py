"""One simulated device: the keys that follow from its secret, and what it signs with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attestation import cbor
from attestation.cbor import Tagged
from attestation.cose import ALGORITHM, ES256, ES384, ES512, TAG
from attestation.keys import TrustedKey
from attestation.simulated.authority import Authority, Period, derive_key
from attestation.trust import SIMULATED_PREFIX, simulated_key
from attestation.verifiers.arm.signer import SIMULATED_ID, DeviceId, instance_id_of

_YEAR: Final = timedelta(days=365)
_IMPLEMENTATION_BYTES: Final = 32
_SCHEMES: Final = MappingProxyType(
    {
        "secp256r1": (ES256, hashes.SHA256()),
        "secp384r1": (ES384, hashes.SHA384()),
        "secp521r1": (ES512, hashes.SHA512()),
    }
)
# What firmware a simulated device started with.
_STAGES: Final = (("BL", "2.9.0"), ("RMM", "0.6.0"))


@dataclass(frozen=True, slots=True)
class Device:
    """A device and its attestation key: the CPAK of a CCA platform, the IAK of a PSA device."""

    role: str
    platform: str
    curve: ec.EllipticCurve = field(repr=False, compare=False)
    secret: bytes = field(repr=False)

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The attestation key."""
        return derive_key(self.secret, self.role, self.curve)

    @property
    def trusted_key(self) -> TrustedKey:
        """Its public half, as somebody holds it who trusts this silicon by name."""
        return simulated_key(TrustedKey(self.key.public_key()))

    @property
    def ids(self) -> DeviceId:
        """Kind and device; the kind says that it is simulated."""
        name = SIMULATED_ID + self.platform.encode()
        return DeviceId(name.ljust(_IMPLEMENTATION_BYTES, b"\0"), instance_id_of(self.trusted_key))

    def derived(self, role: str) -> ec.EllipticCurvePrivateKey:
        """Return a further key of this device."""
        return derive_key(self.secret, role, self.curve)

    def stranger(self) -> Device:
        """Return a device with another secret, which may say what it likes."""
        return replace(self, secret=hashlib.sha384(b"stranger" + self.secret).digest())

    def certificate(self, created: datetime) -> bytes:
        """Return the attestation key in a certificate, only so that it has a name."""
        period = Period(created - _YEAR, created + 24 * _YEAR)
        common_name = f"{SIMULATED_PREFIX}{self.role.upper()}"
        more = {"organization": "sealwasm simulated silicon", "unit": f"platform {self.platform}"}
        return Authority.root(common_name, self.key, period, **more).certificate


def components() -> list[dict[int, Any]]:
    """Return the firmware that every simulated device has started."""
    return [
        {
            1: kind,
            2: hashlib.sha256(f"simulated {kind} {version}".encode()).digest(),
            4: version,
            5: hashlib.sha256(b"simulated signer").digest(),
            6: "sha-256",
        }
        for kind, version in _STAGES
    ]


def sign1(
    payload: bytes,
    key: ec.EllipticCurvePrivateKey,
    *,
    algorithm: int | None = None,
    protected: Mapping[Any, Any] | None = None,
) -> bytes:
    """Return a tagged COSE_Sign1; another algorithm than the key's is only named, not used.

    `protected` replaces the whole protected header.
    """
    own, digest = _SCHEMES[key.curve.name]
    named = {ALGORITHM: own if algorithm is None else algorithm}
    header = cbor.encode(named if protected is None else dict(protected))
    message = cbor.encode(["Signature1", header, b"", payload])
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest, deterministic_signing=True)))
    half = (key.curve.key_size + 7) // 8
    signature = r.to_bytes(half, "big") + s.to_bytes(half, "big")
    return cbor.encode(Tagged(TAG, [header, {}, payload, signature]))
