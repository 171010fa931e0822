"""A simulated enclave: real attester code in front of a simulated security module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from attestation.evidence import UnverifiedEvidence
from attestation.nsm import NsmAttester
from attestation.simulated.nitro.faults import Fault
from attestation.simulated.nitro.module import Clock, SimulatedNsm

MEASUREMENT_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class SimulatedEnclave:
    """An `Attester`. Each verb returns another enclave that has one more thing wrong with it."""

    device: SimulatedNsm
    user_data: bytes | None = field(default=None, repr=False)
    public_key: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if len(self.device.measurement) != MEASUREMENT_BYTES:
            raise ValueError(f"measurement is {len(self.device.measurement)} bytes, expected 48")

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return "nitro"

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a document over exactly these 64 bytes, unless a fault says otherwise.

        Raises `ValueError` for another length.
        """
        attester = NsmAttester(self.device, self.public_key, self.user_data)
        return attester.attest(report_data)

    def with_fault(self, fault: Fault) -> SimulatedEnclave:
        """Return this enclave with one more fault."""
        return replace(self, device=replace(self.device, faults=self.device.faults | {fault}))

    def with_pcrs(self, pcrs: Mapping[int, bytes]) -> SimulatedEnclave:
        """Return it with these PCRs besides: 8 for a signed image, 16 and up for its own."""
        return replace(self, device=replace(self.device, pcrs=tuple(pcrs.items())))

    def with_clock(self, clock: Clock) -> SimulatedEnclave:
        """Return it with a security module that reads this clock."""
        return replace(self, device=replace(self.device, clock=clock))

    def debug(self) -> SimulatedEnclave:
        """Return it started in debug mode: nothing is measured."""
        return self.with_fault(Fault.DEBUG)

    def replayed_nonce(self) -> SimulatedEnclave:
        """Return it showing a document that was made for an earlier request."""
        return self.with_fault(Fault.REPLAYED_NONCE)

    def expired_leaf(self) -> SimulatedEnclave:
        """Return it with a certificate that is out of date."""
        return self.with_fault(Fault.EXPIRED_LEAF)

    def signed_by_stranger(self) -> SimulatedEnclave:
        """Return it on hardware of a vendor nobody knows, who uses AWS's names."""
        return self.with_fault(Fault.SIGNED_BY_STRANGER)

    def tampered(self) -> SimulatedEnclave:
        """Return it with one bit of PCR0 changed after signing."""
        return self.with_fault(Fault.TAMPERED)
