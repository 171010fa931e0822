"""What the TPM vectors are made of: a good quote, and ways to make one thing wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.simulated.tpm.faults import Fault
from attestation.simulated.tpm.machine import SimulatedTpmMachine, runner_pcr, sign_ecdsa
from attestation.tpm.pcr import encode_pcrs, parse_pcrs
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA
from tests.fakes.tpm import VENDOR
from tests.vectors.folder import ACCEPTED

Parts = dict[str, bytes]
Change = Callable[[Parts], Parts]

DAY = timedelta(days=1)
MACHINE = SimulatedTpmMachine(VENDOR, MEASUREMENT)
GOOD = dict(MACHINE.attest(REPORT_DATA).parts)
CAS = (VENDOR.ca.certificate, VENDOR.root.certificate)
# Letter of a step -> which part of the verification must refuse.
STAGES = {
    "Q": "quote",
    "V": "pcrs",
    "K": "key",
    "D": "dates",
    "G": "signature",
    "R": "digest",
    "L": "event-log",
    "E": "event-log",
    "F": "freshness",
    "P": "policy",
}


@dataclass(frozen=True)
class Case:
    """One folder: evidence, what the caller gives, and what must come out."""

    name: str
    why: str
    expect: str
    parts: Parts
    certificates: Sequence[bytes] = ()
    crls: Sequence[bytes] = field(default_factory=VENDOR.lists)
    anchors: str = "simulated"
    keys: Sequence[bytes] = ()
    now: datetime = NOW
    policy: dict[str, Any] = field(default_factory=dict)
    crl_policy: str = "required"
    report_data: bytes = REPORT_DATA
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        return "claims" if self.expect == ACCEPTED else STAGES[self.why[0]]


def case(name: str, why: str, expect: str = ACCEPTED, **options: Any) -> Case:
    """Return a case that differs from the good one only in `options`."""
    machine = MACHINE
    if fault := options.pop("fault", None):
        machine = machine.with_fault(Fault(fault))
    machine = replace(machine, **options.pop("machine", {}))
    change = options.pop("change", lambda parts: parts)
    parts = change(dict(machine.attest(REPORT_DATA).parts))
    return replace(Case(name, why, expect, parts), **options)


def part(**values: bytes) -> Change:
    """Replace or add parts."""
    return lambda parts: parts | values


def without(*names: str) -> Change:
    """Remove parts."""
    return lambda parts: {name: value for name, value in parts.items() if name not in names}


def quote(change: Callable[[bytes], bytes]) -> Change:
    """Change the quote and sign it again with the attestation key."""

    def run(parts: Parts) -> Parts:
        message = change(parts["quote"])
        return parts | {"quote": message, "signature": sign_ecdsa(VENDOR.ak(), message)}

    return run


def at(offset: int, value: bytes) -> Callable[[bytes], bytes]:
    """Replace bytes at an offset."""
    return lambda data: data[:offset] + value + data[offset + len(value) :]


def pcrs(change: Callable[[dict[int, bytes]], dict[int, bytes]]) -> Change:
    """Change the values given for the SHA-256 bank."""

    def run(parts: Parts) -> Parts:
        values = dict(parse_pcrs(parts["pcrs"])["sha256"])
        return parts | {"pcrs": encode_pcrs({"sha256": change(values)})}

    return run


def pem(*certificates: bytes) -> bytes:
    """Return certificates as PEM."""
    return b"".join(encode_pem("CERTIFICATE", one) for one in certificates)


def spki(key: Any) -> bytes:
    """Return a public key as DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_of(role: str = "ak") -> ec.EllipticCurvePublicKey:
    """Return the public half of a key of the vendor."""
    return VENDOR.ak(role).public_key()


CLAIMS = {
    "tee": "tpm",
    "simulated": True,
    "measurement": runner_pcr(MEASUREMENT).hex(),
    "root": "manufacturer",
    "signature-scheme": "ecdsa",
    "secure-boot": True,
    "event-log": True,
    "clock-safe": True,
    "reset-count": 1,
}
