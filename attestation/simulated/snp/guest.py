"""A guest on simulated silicon: gives evidence, and can be made to go wrong in one way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from attestation.evidence import UnverifiedEvidence
from attestation.report_data import REPORT_DATA_BYTES
from attestation.simulated.snp.faults import FIELD_FAULTS, Fault
from attestation.simulated.snp.report_writer import (
    ReportFields,
    attach_signature,
    build_cert_table,
    encode_body,
    sign_report,
)
from attestation.simulated.snp.silicon import Silicon, VekKey
from attestation.verifiers.snp import cert_table
from attestation.verifiers.snp.report import VCEK, VLEK

MEASUREMENT_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class SimulatedGuest:
    """An `Attester`. Each verb returns another guest that has one more thing wrong with it."""

    silicon: Silicon = field(repr=False)
    stranger: Callable[[], Silicon] = field(repr=False)
    measurement: bytes
    host_data: bytes = bytes(32)
    signing_key: str = "vcek"
    report_version: int | None = None
    extended: bool = False
    faults: frozenset[Fault] = frozenset()

    def __post_init__(self) -> None:
        if len(self.measurement) != MEASUREMENT_BYTES:
            raise ValueError(f"measurement is {len(self.measurement)} bytes, expected 48")

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return "snp"

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a signed report over exactly these 64 bytes, unless a fault says otherwise.

        Raises `ValueError` for another length: the real device pads, and nobody should rely on it.
        """
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"report data is {len(report_data)} bytes, expected 64")
        silicon = self.stranger() if Fault.SIGNED_BY_STRANGER in self.faults else self.silicon
        if Fault.REPLAYED_NONCE in self.faults:
            report_data = hashlib.sha512(b"an earlier request").digest()
        fields = self._fields(silicon, report_data)
        vek = self._vek(silicon, fields.tcb)
        parts = {"report": self._sign(fields, vek)}
        if Fault.SIGNED_BY_STRANGER in self.faults or self.extended:
            # A stranger's host gladly supplies the whole chain.
            parts["cert_table"] = self._table(silicon, vek)
        elif Fault.NO_CERTIFICATE not in self.faults:
            parts["vek"] = vek.certificate
        return UnverifiedEvidence("snp", parts)

    def _table(self, silicon: Silicon, vek: VekKey) -> bytes:
        return build_cert_table(
            {
                cert_table.VCEK if self.signing_key == "vcek" else cert_table.VLEK: vek.certificate,
                cert_table.ASK: silicon.intermediate(self.signing_key),
                cert_table.ARK: silicon.root(),
            }
        )

    def _fields(self, silicon: Silicon, report_data: bytes) -> ReportFields:
        model = silicon.identity.model
        of_chip = self.signing_key == "vcek"
        fields = ReportFields(
            version=model.report_version if self.report_version is None else self.report_version,
            cpuid=model.cpuid,
            tcb=model.old_tcb if Fault.OLD_TCB in self.faults else model.tcb,
            chip_id=silicon.chip_id if of_chip else b"",
            measurement=self.measurement,
            report_data=report_data,
            host_data=self.host_data,
            key_info=(VCEK if of_chip else VLEK) << 2,
            report_id=hashlib.sha256(self.measurement + silicon.chip_id).digest(),
            firmware=model.firmware,
        )
        for fault in sorted(self.faults & FIELD_FAULTS.keys()):
            fields = FIELD_FAULTS[fault](fields)
        return fields

    def _vek(self, silicon: Silicon, tcb: bytes) -> VekKey:
        if Fault.EXPIRED_VEK in self.faults:
            return silicon.vek(self.signing_key, tcb, validity=silicon.past())
        if Fault.FUTURE_CLOCK in self.faults:
            return silicon.vek(self.signing_key, tcb, validity=silicon.future())
        if Fault.WRONG_TCB_CERTIFICATE in self.faults:
            old = silicon.identity.model.old_tcb
            return silicon.vek(self.signing_key, tcb, certified_tcb=old)
        return silicon.vek(self.signing_key, tcb)

    def _sign(self, fields: ReportFields, vek: VekKey) -> bytes:
        body = encode_body(fields)
        if Fault.UNSIGNED in self.faults:
            return attach_signature(body, 0, 0)
        report = sign_report(body, vek.key)
        if Fault.TAMPERED in self.faults:
            # The lowest bit of the measurement, after signing.
            changed = bytearray(report)
            changed[0x90] ^= 1
            return bytes(changed)
        return report

    def with_fault(self, fault: Fault) -> SimulatedGuest:
        """Return this guest with one more fault."""
        return replace(self, faults=self.faults | {fault})

    def debug(self) -> SimulatedGuest:
        """Return it launched with debugging by the host allowed."""
        return self.with_fault(Fault.DEBUG)

    def migratable(self) -> SimulatedGuest:
        """Return it launched with a migration agent allowed."""
        return self.with_fault(Fault.MIGRATABLE)

    def wrong_vmpl(self) -> SimulatedGuest:
        """Return it asking from VMPL 1, where its own kernel does not protect it."""
        return self.with_fault(Fault.WRONG_VMPL)

    def host_requested(self) -> SimulatedGuest:
        """Return it with a report that the host asked for, not the guest."""
        return self.with_fault(Fault.HOST_REQUESTED)

    def old_tcb(self) -> SimulatedGuest:
        """Return it on old firmware, with the right key and certificate for that firmware."""
        return self.with_fault(Fault.OLD_TCB)

    def wrong_chip(self) -> SimulatedGuest:
        """Return it with a report that names another chip than its certificate."""
        return self.with_fault(Fault.WRONG_CHIP)

    def masked_chip_id(self) -> SimulatedGuest:
        """Return it on a host that masks the chip id."""
        return self.with_fault(Fault.MASKED_CHIP_ID)

    def empty_report_data(self) -> SimulatedGuest:
        """Return it binding nothing: report data is all zeros."""
        return self.with_fault(Fault.EMPTY_REPORT_DATA)

    def replayed_nonce(self) -> SimulatedGuest:
        """Return it showing a report that was made for an earlier request."""
        return self.with_fault(Fault.REPLAYED_NONCE)

    def signed_by_stranger(self) -> SimulatedGuest:
        """Return it on silicon of a vendor nobody knows, who uses AMD's names."""
        return self.with_fault(Fault.SIGNED_BY_STRANGER)

    def tampered(self) -> SimulatedGuest:
        """Return it with one bit of the measurement changed after signing."""
        return self.with_fault(Fault.TAMPERED)

    def wrong_tcb_certificate(self) -> SimulatedGuest:
        """Return it with the right key under a certificate for old firmware."""
        return self.with_fault(Fault.WRONG_TCB_CERTIFICATE)

    def expired_vek(self) -> SimulatedGuest:
        """Return it with a certificate that is out of date."""
        return self.with_fault(Fault.EXPIRED_VEK)

    def future_clock(self) -> SimulatedGuest:
        """Return it with a certificate issued by someone whose clock is years ahead."""
        return self.with_fault(Fault.FUTURE_CLOCK)
