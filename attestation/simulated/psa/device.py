"""A simulated PSA device: tokens of either profile, for tests and vectors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from attestation import cbor
from attestation.evidence import UnverifiedEvidence
from attestation.simulated.arm.device import Device, components, sign1
from attestation.verifiers.psa.token import PROFILE_1, PROFILE_2, Layout

SECURED: Final = 0x3000
MEASUREMENT_BYTES: Final = 48


def psa_claims(
    device: Device, nonce: bytes, measurement: bytes, layout: Layout = PROFILE_2
) -> dict[int, Any]:
    """Return the claims of a token: firmware first, then what was launched."""
    application = {1: "NSPE", 2: measurement, 4: "1.0.0", 5: hashlib.sha256(b"owner").digest()}
    return {
        layout.profile: min(layout.names),
        layout.nonce: nonce,
        layout.instance: device.ids.instance,
        layout.implementation: device.ids.implementation,
        layout.client: 1,
        layout.lifecycle: SECURED,
        layout.boot_seed: hashlib.sha256(b"simulated boot").digest(),
        layout.certification: "0604565272829-10010",
        layout.components: [*components(), application],
        layout.service: "https://simulated.invalid/verification",
    }


@dataclass(frozen=True, slots=True)
class SimulatedPsaDevice:
    """An `Attester` with an initial attestation key (IAK). `old` gives PSA_IOT_PROFILE_1.

    With `short_nonce` the nonce is the SHA-256 of the report data, as on devices without room.
    """

    device: Device = field(repr=False)
    measurement: bytes
    old: bool = False
    short_nonce: bool = False

    @classmethod
    def of(cls, secret: bytes, measurement: bytes, *, platform: str = "psa") -> SimulatedPsaDevice:
        """Return a device whose key follows from `secret`; raise `ValueError` for a bad length."""
        if len(measurement) != MEASUREMENT_BYTES:
            raise ValueError(f"measurement is {len(measurement)} bytes, expected 48")
        return cls(Device("iak", platform, ec.SECP256R1(), secret), measurement)

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return "psa"

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a signed token for these 64 bytes."""
        claims = self.claims(report_data)
        return UnverifiedEvidence("psa", {"token": sign1(cbor.encode(claims), self.device.key)})

    def claims(self, report_data: bytes) -> dict[int, Any]:
        """Return what the token says."""
        nonce = hashlib.sha256(report_data).digest() if self.short_nonce else report_data
        layout = PROFILE_1 if self.old else PROFILE_2
        return psa_claims(self.device, nonce, self.measurement, layout)

    def of_profile_1(self) -> SimulatedPsaDevice:
        """Return it with the older profile."""
        return replace(self, old=True)
