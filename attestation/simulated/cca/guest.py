"""A realm on a simulated CCA platform: gives tokens, and can be made to go wrong in one way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Final

from attestation import cbor
from attestation.evidence import UnverifiedEvidence
from attestation.report_data import REPORT_DATA_BYTES
from attestation.simulated.arm.device import Device, sign1
from attestation.simulated.cca.faults import LIFECYCLE_FAULTS, Fault
from attestation.simulated.cca.token_writer import (
    SECURED,
    collection,
    name_of_key,
    platform_claims,
    realm_claims,
)
from attestation.verifiers.cca import platform as p
from attestation.verifiers.cca import realm as r

MEASUREMENT_BYTES: Final = 48
_REAL_LOOKING: Final = hashlib.sha256(b"implementation of some vendor").digest()


@dataclass(frozen=True, slots=True)
class SimulatedRealm:
    """An `Attester`. Each verb returns another realm that has one more thing wrong with it.

    `old` gives tokens of the profile before 2023, `wrapped` the collection under tag 907.
    """

    device: Device = field(repr=False)
    measurement: bytes
    personalization: bytes = bytes(64)
    old: bool = False
    wrapped: bool = False
    faults: frozenset[Fault] = frozenset()

    def __post_init__(self) -> None:
        if len(self.measurement) != MEASUREMENT_BYTES:
            raise ValueError(f"measurement is {len(self.measurement)} bytes, expected 48")

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return "cca"

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a token over exactly these 64 bytes, unless a fault says otherwise.

        Raises `ValueError` for another length: a realm pads by itself, and nobody should rely on
        it.
        """
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"report data is {len(report_data)} bytes, expected 64")
        realm = self._realm(report_data)
        platform = self._platform(name_of_key(realm))
        token = collection(
            self._signed_platform(platform), self._signed_realm(realm), wrapped=self.wrapped
        )
        if Fault.TRAILING_DATA in self.faults:
            token += b"\0"
        return UnverifiedEvidence("cca", {"token": token})

    def _realm(self, report_data: bytes) -> dict[int, Any]:
        if Fault.REPLAYED_NONCE in self.faults:
            report_data = hashlib.sha512(b"an earlier request").digest()
        if Fault.EMPTY_REPORT_DATA in self.faults:
            report_data = bytes(REPORT_DATA_BYTES)
        claims = realm_claims(
            report_data,
            self.measurement,
            self.device.derived("rak").public_key(),
            personalization=self.personalization,
            old=self.old,
        )
        if Fault.NO_CHALLENGE in self.faults:
            del claims[r.CHALLENGE]
        return claims

    def _platform(self, name: bytes) -> dict[int, Any]:
        if Fault.OTHER_REALM_KEY in self.faults:
            name = hashlib.sha256(b"the key of another realm").digest()
        lifecycle = SECURED
        for fault in sorted(self.faults & LIFECYCLE_FAULTS.keys()):
            lifecycle = LIFECYCLE_FAULTS[fault]
        other = Fault.OTHER_PLATFORM in self.faults
        ids = self.device.stranger().ids if other else self.device.ids
        claims = platform_claims(ids, name, lifecycle=lifecycle, old=self.old)
        if Fault.UNKNOWN_PROFILE in self.faults:
            claims[p.PROFILE_CLAIM] = "tag:simulated.invalid,2026:cca_platform#9"
        if Fault.NOT_MARKED in self.faults:
            claims[p.IMPLEMENTATION_ID] = _REAL_LOOKING
        return claims

    def _signed_platform(self, claims: dict[int, Any]) -> bytes:
        strangers = {Fault.SIGNED_BY_STRANGER, Fault.OTHER_PLATFORM}
        device = self.device.stranger() if strangers & self.faults else self.device
        signed = sign1(cbor.encode(claims), device.key)
        if Fault.UNSIGNED in self.faults:
            return signed[:-96] + bytes(96)
        if Fault.TAMPERED_PLATFORM in self.faults:
            # The lowest bit of the configuration, after signing.
            return _flipped(signed, claims[p.CONFIG])
        return signed

    def _signed_realm(self, claims: dict[int, Any]) -> bytes:
        forged = Fault.FORGED_REALM in self.faults
        device = self.device.stranger() if forged else self.device
        signed = sign1(cbor.encode(claims), device.derived("rak"))
        if Fault.TAMPERED in self.faults:
            # The lowest bit of the last byte of the initial measurement, after signing.
            return _flipped(signed, self.measurement)
        return signed

    def with_fault(self, fault: Fault) -> SimulatedRealm:
        """Return this realm with one more fault."""
        return replace(self, faults=self.faults | {fault})

    def debug(self) -> SimulatedRealm:
        """Return it on a platform whose root of trust is being debugged."""
        return self.with_fault(Fault.DEBUG)

    def replayed_nonce(self) -> SimulatedRealm:
        """Return it showing a token that was made for an earlier request."""
        return self.with_fault(Fault.REPLAYED_NONCE)

    def signed_by_stranger(self) -> SimulatedRealm:
        """Return it on a platform that claims this one's ids and has another key."""
        return self.with_fault(Fault.SIGNED_BY_STRANGER)

    def other_realm_key(self) -> SimulatedRealm:
        """Return it with a platform token that names another realm's key."""
        return self.with_fault(Fault.OTHER_REALM_KEY)

    def tampered(self) -> SimulatedRealm:
        """Return it with one bit of the initial measurement changed after signing."""
        return self.with_fault(Fault.TAMPERED)


def _flipped(signed: bytes, value: bytes) -> bytes:
    at = signed.index(value) + len(value) - 1
    return signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
