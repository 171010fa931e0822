"""A guest under a simulated paravisor: gives evidence, and can be made to go wrong in one way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from attestation.attesters import Attester
from attestation.evidence import UnverifiedEvidence
from attestation.intel.quote import parse_quote
from attestation.intel.reports import TdReport
from attestation.policy.tpm import RUNNER_PCR
from attestation.report_data import REPORT_DATA_BYTES, sha256_nonce
from attestation.simulated.azure.faults import Fault
from attestation.simulated.azure.hcl_writer import (
    HclFields,
    encode_hcl,
    runtime_data,
    tdreport_of,
)
from attestation.simulated.tpm.log_writer import boot_log
from attestation.simulated.tpm.machine import booted_pcrs, runner_pcr
from attestation.tpm.attest import Quote, encode_quote
from attestation.tpm.constants import ALG_SHA256
from attestation.tpm.pcr import PcrSelection, digest_of, encode_pcrs
from attestation.verifiers.azure.hcl import REPORT_SNP, REPORT_TDX

_TYPES: Final = {"snp": REPORT_SNP, "tdx": REPORT_TDX}
_FIRMWARE: Final = 0x2020_0312_0012_0003
_ALL: Final = tuple(range(24))


@dataclass(frozen=True, slots=True)
class Keys:
    """The RSA keys of one virtual TPM; `other` is a key it does not have."""

    ak: rsa.RSAPrivateKey
    other: rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class SimulatedAzureGuest:
    """An `Attester`. Each verb returns another guest that has one more thing wrong with it."""

    hardware: Attester = field(repr=False)
    keys: Keys = field(repr=False)
    measurement: bytes
    faults: frozenset[Fault] = frozenset()

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return f"azure-{self.hardware.tee}"

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a quote whose nonce is the SHA-256 of these 64 bytes, unless a fault says not.

        Raises `ValueError` for another length.
        """
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"report data is {len(report_data)} bytes, expected 64")
        runtime = self._runtime()
        bound = hashlib.sha256(runtime).digest().ljust(REPORT_DATA_BYTES, b"\0")
        parts = self._hardware_parts(bound)
        hardware = parts.pop("hardware")
        log = boot_log()
        pcrs = booted_pcrs(log, self.measurement)
        message = self._message(report_data, pcrs)
        wrong_log = Fault.WRONG_EVENT_LOG in self.faults
        return UnverifiedEvidence(
            self.tee,
            parts
            | {
                "hcl_report": self._hcl(hardware, runtime),
                "quote": self._tampered(message),
                "signature": self._sign(message),
                "pcrs": encode_pcrs({"sha256": self._shown(pcrs)}),
                "event_log": boot_log(secure_boot=b"\0") if wrong_log else log,
            },
        )

    def _runtime(self) -> bytes:
        keys = self.keys
        if Fault.NO_ATTESTATION_KEY in self.faults:
            return runtime_data(keys.ak.public_key(), keys.other.public_key(), keys=[])
        return runtime_data(keys.ak.public_key(), keys.other.public_key())

    def _hardware_parts(self, bound: bytes) -> dict[str, bytes]:
        """Return the report that the paravisor got, and what vouches for it."""
        if self.hardware.tee == "snp":
            evidence = self.hardware.attest(bound).parts
            return {"hardware": evidence["report"], "vek": evidence["vek"]}
        quote = self.hardware.attest(bound).parts["quote"]
        body = parse_quote(quote).body
        if not isinstance(body, TdReport):
            raise TypeError("quote is of an enclave")
        return {"hardware": tdreport_of(body), "td_quote": quote}

    def _hcl(self, hardware: bytes, runtime: bytes) -> bytes:
        report_type = _TYPES[self.hardware.tee]
        fields = HclFields(
            hardware, runtime, report_type, version=1 if report_type == REPORT_SNP else 2
        )
        if Fault.UNKNOWN_VERSION in self.faults:
            fields = replace(fields, version=9)
        if Fault.WRONG_SIZE in self.faults:
            fields = replace(fields, size_off_by=1)
        if Fault.TRAILING_DATA in self.faults:
            fields = replace(fields, tail=b"\1")
        if Fault.OTHER_HARDWARE in self.faults:
            fields = replace(fields, report_type=REPORT_SNP + REPORT_TDX - report_type)
        if Fault.OTHER_RUNTIME_DATA in self.faults:
            fields = replace(fields, runtime=runtime.replace(b"51A17A7E", b"51A17A7F"))
        return encode_hcl(fields)

    def _message(self, report_data: bytes, pcrs: Mapping[int, bytes]) -> bytes:
        replayed = Fault.REPLAYED_NONCE in self.faults
        selections = (PcrSelection(ALG_SHA256, _ALL),)
        return encode_quote(
            Quote(
                qualified_signer=b"\0\x0b" + hashlib.sha256(b"simulated parent").digest(),
                extra_data=sha256_nonce(b"an earlier request" if replayed else report_data),
                clock=60_000,
                reset_count=1,
                restart_count=0,
                clock_safe=True,
                firmware_version=_FIRMWARE,
                selections=selections,
                pcr_digest=digest_of(selections, {"sha256": pcrs}, ALG_SHA256),
            )
        )

    def _tampered(self, message: bytes) -> bytes:
        if Fault.TAMPERED not in self.faults:
            return message
        # The lowest bit of the PCR digest, after signing.
        return message[:-1] + bytes([message[-1] ^ 1])

    def _sign(self, message: bytes) -> bytes:
        signed_by_other = Fault.SIGNED_BY_OTHER_KEY in self.faults
        key = self.keys.other if signed_by_other else self.keys.ak
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def _shown(self, pcrs: Mapping[int, bytes]) -> dict[int, bytes]:
        if Fault.WRONG_PCRS in self.faults:
            return {**pcrs, RUNNER_PCR: runner_pcr(bytes(48))}
        return dict(pcrs)

    def with_fault(self, fault: Fault) -> SimulatedAzureGuest:
        """Return this guest with one more fault of paravisor or virtual TPM."""
        return replace(self, faults=self.faults | {fault})
