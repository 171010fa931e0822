"""Asks a processor and its devices for composite evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from attestation.attesters import Attester
from attestation.composite import DEVICES, composite_report_data, device_nonce, encode_devices
from attestation.evidence import PARTS, UnverifiedEvidence
from attestation.limits import MAX_DEVICES


class DeviceAttester(Protocol):
    """A device beside the processor that can report over a nonce."""

    @property
    def tee(self) -> str:
        """Return the device's kind, as in evidence."""
        ...

    def attest_nonce(self, nonce: bytes) -> UnverifiedEvidence:
        """Return a fresh report over exactly these 32 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class CompositeAttester:
    """An `Attester` of a processor that vouches for devices; build with `composite_attester`."""

    primary: Attester
    devices: tuple[DeviceAttester, ...]

    @property
    def tee(self) -> str:
        """The processor's TEE."""
        return self.primary.tee

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return evidence of the processor with that of all devices, for these 64 bytes.

        The devices are asked first: the processor's report covers what they said.
        """
        reports = [
            device.attest_nonce(device_nonce(report_data, index))
            for index, device in enumerate(self.devices)
        ]
        data = encode_devices(reports)
        evidence = self.primary.attest(composite_report_data(report_data, data))
        return UnverifiedEvidence(evidence.tee, {**evidence.parts, DEVICES: data})


def composite_attester(primary: Attester, devices: Sequence[DeviceAttester]) -> CompositeAttester:
    """Return the attester of `primary` with `devices`, in an order that its evidence keeps.

    Raises `ValueError` for a processor whose evidence has no room for devices, or another number
    of them than 1 to 16.
    """
    if DEVICES not in PARTS[primary.tee][1]:
        raise ValueError(f"evidence of {primary.tee} has no devices")
    if not 1 <= len(devices) <= MAX_DEVICES:
        raise ValueError(f"{len(devices)} devices, expected 1 to {MAX_DEVICES}")
    return CompositeAttester(primary, tuple(devices))
