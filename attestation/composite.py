"""Composite evidence: a processor with the devices beside it, chained so that none can be swapped.

Each device is asked with a nonce of its own that follows from the request and its place, and the
processor signs over the request and the evidence of all devices. docs/specs/evidence-composite.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, TypeVar

from attestation.claims import ClaimValue, VerifiedClaims
from attestation.encoding import parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import DEVICE_TEES, PARTS, UnverifiedEvidence
from attestation.limits import MAX_DEVICES, MAX_DEVICES_BYTES
from attestation.report_data import ExpectedNonce, ExpectedReportData, UnsafeAnyReportData
from attestation.trace import NO_TRACE, Trace
from attestation.x509.der import malformed

DEVICES: Final = "devices"
_DEVICE: Final = b"sealwasm/device/v1\0"
_COMPOSITE: Final = b"sealwasm/composite/v1\0"
# tee, report and chain of one device.
_MEMBERS: Final = 3
# Claims of devices that the processor's claims repeat where all devices agree.
_SHARED: Final = ("architecture", "driver-version", "vbios-version")

_Result = TypeVar("_Result")
_Expected = ExpectedReportData | ExpectedNonce | UnsafeAnyReportData
# Verifies the evidence of one TEE with this expectation, noting comparisons in this trace.
VerifyOne = Callable[[UnverifiedEvidence, _Expected, Trace], VerifiedClaims]


def device_nonce(report_data: bytes, index: int) -> bytes:
    """Return what the device at this place is asked with, for a request's 64 bytes."""
    return hashlib.sha256(_DEVICE + report_data + index.to_bytes(4, "big")).digest()


def composite_report_data(report_data: bytes, devices: bytes) -> bytes:
    """Return what the processor is asked with, for a request's 64 bytes and the `devices` part."""
    return hashlib.sha512(_COMPOSITE + report_data + hashlib.sha256(devices).digest()).digest()


def encode_devices(devices: Iterable[UnverifiedEvidence]) -> bytes:
    """Return the `devices` part of these devices, in this order: RFC 8785 of their wires."""
    # Names and base64 hold nothing that JSON escapes, so the canonical form can be written down;
    # a general encoder would look at every character.
    return _canonical(one.to_wire() for one in devices)


def _canonical(wires: Iterable[Mapping[str, str]]) -> bytes:
    objects = (
        ",".join(f'"{name}":"{value}"' for name, value in sorted(wire.items())) for wire in wires
    )
    return f"[{','.join(f'{{{members}}}' for members in objects)}]".encode("ascii")


def parse_devices(data: bytes) -> tuple[UnverifiedEvidence, ...]:
    """Return the evidence of each device in a `devices` part.

    Nothing in it is looked at. Raises `EvidenceError` `malformed` unless it is the one byte form of
    a list of 1 to 16 pieces of evidence, each of a TEE that is a device.
    """
    # Bounded before anything is built.
    if data.count(b"{") > MAX_DEVICES or data.count(b",") >= _MEMBERS * MAX_DEVICES:
        raise malformed(f"more than {MAX_DEVICES} devices")
    listed = parse_json(data, limit_bytes=MAX_DEVICES_BYTES, what=DEVICES)
    if not isinstance(listed, list) or not listed:
        raise malformed("devices is not a list of at least one")
    devices = tuple(_device(index, one) for index, one in enumerate(listed))
    if _canonical(listed) != data:
        raise malformed("devices is not in canonical form")
    return devices


def _device(index: int, wire: Any) -> UnverifiedEvidence:
    if not isinstance(wire, dict) or wire.get("tee") not in DEVICE_TEES:
        raise malformed(f"device {index} is not evidence of a device")
    return _named(index, lambda: UnverifiedEvidence.from_wire(wire))


def verify_composite(
    evidence: UnverifiedEvidence,
    verify_one: VerifyOne,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    trace: Trace,
) -> VerifiedClaims:
    """Return what the processor proves, with what each of its devices proves.

    `verify_one` is the strict verification of one piece. Raises `EvidenceError`: that of the
    processor, that of the first device that fails, or `device-binding` for a device that is there
    twice.
    """
    # (1) The processor can vouch for devices, and the list of them is in its one form.
    data = evidence.parts[DEVICES]
    trace.check("X1", "devices", "a canonical list", f"{len(data)} bytes")
    if DEVICES not in PARTS[evidence.tee][1]:
        raise malformed(f"evidence of {evidence.tee} has no devices")
    devices = parse_devices(data)

    # (2) The processor is genuine and vouches for the request with exactly this list.
    rest = {name: part for name, part in evidence.parts.items() if name != DEVICES}
    primary = verify_one(
        UnverifiedEvidence(evidence.tee, rest), _of_processor(report_data, data), trace
    )

    # (3) Each device is genuine and answered this request in this place.
    verified = tuple(
        _verify_device(verify_one, index, one, report_data, trace)
        for index, one in enumerate(devices)
    )

    # (4) They are as many as they seem.
    identities = [one.values["gpu.device-id"] for one in verified]
    trace.check("X5", "devices that differ", len(verified), len(set(identities)))
    if len(set(identities)) != len(verified):
        raise EvidenceError(Refusal.DEVICE_BINDING, "a device is there twice")
    return _with_devices(primary, verified)


def without_devices(claims: VerifiedClaims) -> VerifiedClaims:
    """Return the claims of a processor that showed no devices; they say so."""
    return replace(claims, values=MappingProxyType({**claims.values, "devices.count": 0}))


def _of_processor(
    report_data: ExpectedReportData | UnsafeAnyReportData, devices: bytes
) -> ExpectedReportData | UnsafeAnyReportData:
    if isinstance(report_data, UnsafeAnyReportData):
        return report_data
    return ExpectedReportData(composite_report_data(report_data.value, devices))


def _verify_device(
    verify_one: VerifyOne,
    index: int,
    device: UnverifiedEvidence,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    trace: Trace,
) -> VerifiedClaims:
    expected: _Expected = report_data
    if isinstance(report_data, ExpectedReportData):
        expected = ExpectedNonce(device_nonce(report_data.value, index))
    noted = trace if trace is NO_TRACE else _DeviceTrace(trace, index)
    return _named(index, lambda: verify_one(device, expected, noted))


def _named(index: int, run: Callable[[], _Result]) -> _Result:
    """Return what `run` returns; its error says which device it is about."""
    try:
        return run()
    except EvidenceError as error:
        raise EvidenceError(error.code, f"device {index}: {error.detail}") from error


@dataclass(frozen=True, slots=True)
class _DeviceTrace:
    """Notes comparisons with the place of the device they are about."""

    inner: Trace
    index: int

    def check(self, step: str, what: str, expected: object, actual: object) -> None:
        self.inner.check(step, f"device {self.index}: {what}", expected, actual)


def _with_devices(primary: VerifiedClaims, devices: Sequence[VerifiedClaims]) -> VerifiedClaims:
    simulated = any(one.simulated for one in (primary, *devices))
    values = {**primary.values, "simulated": simulated, **_summary(devices)}
    return replace(
        primary, simulated=simulated, values=MappingProxyType(values), devices=tuple(devices)
    )


def _summary(devices: Sequence[VerifiedClaims]) -> Mapping[str, ClaimValue]:
    """Return what a policy may ask about all devices at once."""
    summary: dict[str, ClaimValue] = {
        "devices.count": len(devices),
        "devices.simulated": any(one.simulated for one in devices),
        "devices.rim-checked": all(one.values["gpu.rim-checked"] for one in devices),
        "devices.ocsp-checked": all(one.values["gpu.ocsp-checked"] for one in devices),
    }
    for name in _SHARED:
        said = {one.values[f"gpu.{name}"] for one in devices}
        if len(said) == 1:
            summary[f"devices.{name}"] = said.pop()
    return summary
