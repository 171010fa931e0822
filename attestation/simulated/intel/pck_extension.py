"""The SGX extension of a PCK certificate (Intel: SGX PCK Certificate and CRL Profile, 1.3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attestation.simulated import der_writer
from attestation.x509 import der

SGX_EXTENSIONS: Final = "1.2.840.113741.1.13.1"
COMPONENTS: Final = 16


@dataclass(frozen=True, slots=True)
class PckExtension:
    """What the vendor certifies about one processor package or multi-package platform.

    `instance_id` and `configuration` (dynamic platform, cached keys, SMT) are there for platforms
    of several packages only, whose certificates the platform CA issues.
    """

    ppid: bytes
    components: tuple[int, ...]
    pce_svn: int
    fmspc: bytes
    pce_id: bytes = bytes(2)
    sgx_type: int = 0
    instance_id: bytes | None = None
    configuration: tuple[bool, bool, bool] | None = None

    @property
    def cpu_svn(self) -> bytes:
        """The component SVNs as the 16 bytes that the processor calls CPUSVN."""
        return bytes(self.components)

    def encode(self) -> bytes:
        """Return the DER value of the extension."""
        members = [
            _entry("1", der_writer.octets(self.ppid)),
            _entry("2", self._tcb()),
            _entry("3", der_writer.octets(self.pce_id)),
            _entry("4", der_writer.octets(self.fmspc)),
            _entry("5", der_writer.tlv(der.ENUMERATED, bytes([self.sgx_type]))),
        ]
        if self.instance_id is not None:
            members.append(_entry("6", der_writer.octets(self.instance_id)))
        if self.configuration is not None:
            flags = (
                _entry(f"7.{number}", der_writer.tlv(der.BOOLEAN, b"\xff" if flag else b"\0"))
                for number, flag in enumerate(self.configuration, 1)
            )
            members.append(_entry("7", der_writer.sequence(*flags)))
        return der_writer.sequence(*members)

    def _tcb(self) -> bytes:
        components = (
            _entry(f"2.{number}", der_writer.integer(svn))
            for number, svn in enumerate(self.components, 1)
        )
        return der_writer.sequence(
            *components,
            _entry("2.17", der_writer.integer(self.pce_svn)),
            _entry("2.18", der_writer.octets(self.cpu_svn)),
        )


def _entry(number: str, value: bytes) -> bytes:
    return der_writer.sequence(der_writer.oid(f"{SGX_EXTENSIONS}.{number}"), value)
