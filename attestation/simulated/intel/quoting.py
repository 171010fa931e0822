"""The quoting enclave: certified by the platform's PCK, it signs quotes with its own key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.intel.quote_writer import (
    PCK_CHAIN,
    QE_REPORT,
    EnclaveReport,
    auth_data,
    certification,
    raw_point,
    raw_signature,
    with_length,
)


@dataclass(frozen=True, slots=True)
class Quoting:
    """All that stands behind a quote's body. An honest one has one key and one PCK throughout.

    `vouched_key` is the key whose digest the QE report carries, `certificates` the PCK chain as
    PEM. `signature` replaces that of the attestation key.
    """

    attestation_key: ec.EllipticCurvePrivateKey = field(repr=False)
    vouched_key: ec.EllipticCurvePrivateKey = field(repr=False)
    pck_key: ec.EllipticCurvePrivateKey = field(repr=False)
    report: EnclaveReport
    certificates: bytes = field(repr=False)
    auth: bytes = bytes(range(32))
    signature: bytes | None = None

    def sign_v3(self, signed: bytes) -> bytes:
        """Return an SGX quote over `signed`, which is header and body."""
        data = self._signature(signed) + raw_point(self.attestation_key) + self._certified()
        return signed + with_length(data)

    def sign_v4(self, signed: bytes) -> bytes:
        """Return a quote of version 4 or 5: the certified part is nested as kind 6."""
        nested = certification(QE_REPORT, self._certified())
        data = self._signature(signed) + raw_point(self.attestation_key) + nested
        return signed + with_length(data)

    def _signature(self, signed: bytes) -> bytes:
        if self.signature is not None:
            return self.signature
        return raw_signature(self.attestation_key, signed)

    def _certified(self) -> bytes:
        report = self._report().encode()
        chain = certification(PCK_CHAIN, self.certificates)
        return report + raw_signature(self.pck_key, report) + auth_data(self.auth) + chain

    def _report(self) -> EnclaveReport:
        binding = hashlib.sha256(raw_point(self.vouched_key) + self.auth).digest()
        return replace(self.report, report_data=binding + bytes(32))
