"""A simulated GPU or switch: gives reports, and can be made to go wrong in one way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.evidence import UnverifiedEvidence
from attestation.report_data import REPORT_DATA_BYTES, sha256_nonce
from attestation.simulated.authority import Period, derive_key
from attestation.simulated.nvidia import report_writer
from attestation.simulated.nvidia.faults import Fault
from attestation.simulated.nvidia.models import Model
from attestation.simulated.nvidia.vendor import DeviceKey, Vendor
from attestation.verifiers.nvidia import fields
from attestation.verifiers.nvidia.report import NONCE_BYTES
from attestation.x509.pem import encode_pem

_ON: Final = b"\xaa"
_OFF: Final = b"\x55"
# Block that the measurement fault changes: one that a VBIOS RIM speaks of.
_CHANGED_BLOCK: Final = 3


@dataclass(frozen=True, slots=True)
class SimulatedGpu:
    """An `Attester` and a device: each verb returns one that has one more thing wrong with it."""

    vendor: Vendor = field(repr=False)
    number: int = 0
    faults: frozenset[Fault] = frozenset()

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return "nvidia"

    @property
    def model(self) -> Model:
        """What kind of device it is."""
        return self.vendor.model

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a report over the SHA-256 of these 64 bytes: a device has room for 32.

        Raises `ValueError` for another length.
        """
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"report data is {len(report_data)} bytes, expected 64")
        return self.attest_nonce(sha256_nonce(report_data))

    def attest_nonce(self, nonce: bytes) -> UnverifiedEvidence:
        """Return a signed report over exactly this nonce, unless a fault says otherwise.

        Raises `ValueError` unless it has 32 bytes.
        """
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"nonce is {len(nonce)} bytes, expected {NONCE_BYTES}")
        if Fault.REPLAYED_NONCE in self.faults:
            nonce = hashlib.sha256(b"an earlier request").digest()
        device = self.device_key()
        chain = list(device.chain)
        if Fault.MISSING_ISSUER in self.faults:
            del chain[2]
        pem = b"".join(encode_pem("CERTIFICATE", one) for one in chain)
        return UnverifiedEvidence("nvidia", {"report": self._report(nonce, device), "chain": pem})

    def device_key(self) -> DeviceKey:
        """Return the key that signs, with the chain that the faults leave it."""
        vendor = self.vendor.stranger() if Fault.SIGNED_BY_STRANGER in self.faults else self.vendor
        other = derive_key(vendor.secret, "nvidia nobody", ec.SECP384R1()).public_key()
        return vendor.device(
            self.number,
            fwid=self.fwid,
            debug=Fault.DEBUG in self.faults,
            validity=self._validity(),
            device_key=other if Fault.OTHER_DEVICE_KEY in self.faults else None,
        )

    @property
    def fwid(self) -> bytes:
        """The digest of the firmware that attests."""
        return hashlib.sha384(f"firmware {self.model.chip}".encode()).digest()

    def opaque(self) -> dict[int, bytes]:
        """Return the fields that a report of this device has."""
        model = self.model
        major, *rest, last = (int(octet, 16) for octet in model.vbios_version.split("."))
        if model.is_switch:
            identifier = self.vendor.device_authority(self.number).certificate
            return {
                fields.VBIOS_VERSION: model.vbios_version.encode(),
                fields.DEVICE_IDENTIFIERS: hashlib.sha256(identifier).digest()[:8],
                fields.DISABLED_PORTS: b"\xec\0",
                fields.POSITION: bytes([self.number, 0]),
                fields.LOCK_STATUS: b"\1\0",
            }
        fwid = bytes(48) if Fault.WRONG_FIRMWARE_ID in self.faults else self.fwid
        driver = "1.0" if Fault.OTHER_FIRMWARE in self.faults else model.driver_version
        return {
            fields.VBIOS_VERSION: bytes([*reversed([major, *rest]), last, 0, 0, 0]),
            fields.BOARD_ID: bytes.fromhex("b1030000"),
            fields.CHIP_SKU: model.chip_sku.encode() + b"\0",
            fields.PROJECT: model.project.encode() + b"\0",
            fields.PROJECT_SKU: model.project_sku.encode() + b"\0",
            fields.DRIVER_VERSION: driver.encode() + b"\0",
            fields.MEASUREMENT_COUNTS: b"\1\0\0\0" * model.blocks,
            fields.NVDEC0_STATUS: _OFF,
            fields.FWID: fwid,
            fields.PROTECTED_PCIE_STATUS: _ON,
        }

    def measurements(self) -> dict[int, bytes]:
        """Return the digests that a report of this device has."""
        found = self.model.measurements()
        if Fault.WRONG_MEASUREMENT in self.faults:
            found[_CHANGED_BLOCK] = hashlib.sha384(b"other firmware").digest()
        return found

    def _report(self, nonce: bytes, device: DeviceKey) -> bytes:
        blocks = self.measurements()
        record = report_writer.encode_record(blocks)
        answer = hashlib.sha256(b"response" + nonce).digest()
        opaque = report_writer.encode_opaque(self.opaque())
        body = report_writer.encode_request(nonce) + report_writer.encode_response(
            record, len(blocks), answer, opaque
        )
        key = device.key
        if Fault.SIGNED_BY_OTHER_KEY in self.faults:
            key = derive_key(self.vendor.secret, "nvidia nobody", ec.SECP384R1())
        report = body + report_writer.sign_raw(key, body)
        if Fault.TAMPERED in self.faults:
            # The lowest bit of the last digest, after signing.
            at = body.index(record) + len(record) - 1
            report = report[:at] + bytes([report[at] ^ 1]) + report[at + 1 :]
        return report + b"more" if Fault.TRAILING_DATA in self.faults else report

    def _validity(self) -> Period | None:
        if Fault.EXPIRED_LEAF in self.faults:
            return self.vendor.past()
        return self.vendor.future() if Fault.FUTURE_LEAF in self.faults else None

    def with_fault(self, fault: Fault) -> SimulatedGpu:
        """Return this device with one more fault."""
        return replace(self, faults=self.faults | {fault})
