"""What the NVIDIA vectors are made of: a good report, and ways to make one thing wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.report_data import sha256_nonce
from attestation.simulated.authority import Authority, Period, derive_key
from attestation.simulated.nvidia import report_writer as writer
from attestation.simulated.nvidia.faults import Fault
from attestation.simulated.nvidia.gpu import SimulatedGpu
from attestation.simulated.nvidia.models import MODELS
from attestation.simulated.nvidia.vendor import DeviceKey, Vendor
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import NOW, REPORT_DATA
from tests.vectors.folder import ACCEPTED

DAY = timedelta(days=1)
YEAR = timedelta(days=365)
SECRET = hashlib.sha384(b"vectors of nvidia").digest()
VENDORS = {name: Vendor(SECRET, NOW, model) for name, model in MODELS.items()}
HOPPER = VENDORS["hopper"]
GPU = SimulatedGpu(HOPPER)
KEY = GPU.device_key()
NONCE = sha256_nonce(REPORT_DATA)
# The device of these vectors that is on the packaged list of revocations.
KNOWN_DEVICE = 99


@dataclass(frozen=True)
class Case:
    """One folder: evidence, what the caller gives, and what must come out."""

    name: str
    why: str
    expect: str
    stage: str
    parts: Mapping[str, bytes]
    rims: Sequence[bytes] = ()
    ocsp: Sequence[bytes] = ()
    certificates: Sequence[bytes] = ()
    roots: Sequence[bytes] = ()
    anchors: str = "simulated"
    now: datetime = NOW
    policy: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)


def case(name: str, why: str, expect: str, stage: str, **options: Any) -> Case:
    """Return a case that differs from the good one of its model only in `options`."""
    vendor = VENDORS[options.pop("model", "hopper")]
    gpu = SimulatedGpu(vendor, number=options.pop("number", 0))
    if fault := options.pop("fault", None):
        gpu = gpu.with_fault(Fault(fault))
    made = Case(
        name=name,
        why=why,
        expect=expect,
        stage=stage,
        parts=gpu.attest(REPORT_DATA).parts,
        roots=[vendor.root.certificate, vendor.rim_root.certificate],
    )
    changes = {part: options.pop(part) for part in ("report", "chain") if part in options}
    return replace(made, **options, parts={**made.parts, **changes})


def good(name: str, why: str, **options: Any) -> Case:
    """Return an accepted case."""
    return case(name, why, ACCEPTED, "claims", **options)


def signed(body: bytes, key: ec.EllipticCurvePrivateKey = KEY.key) -> bytes:
    """Return a report with a right signature over whatever it says."""
    return body + writer.sign_raw(key, body)


def body(
    *,
    head: bytes = b"",
    response: bytes = b"",
    record: bytes | None = None,
    count: int | None = None,
    opaque: bytes | None = None,
    opaque_length: int | None = None,
    nonce: bytes = NONCE,
) -> bytes:
    """Return request and response of the good report with parts of it replaced."""
    blocks = GPU.measurements()
    record = writer.encode_record(blocks) if record is None else record
    opaque = writer.encode_opaque(GPU.opaque()) if opaque is None else opaque
    request = writer.encode_request(nonce)
    answer = writer.encode_response(
        record, len(blocks) if count is None else count, bytes(32), opaque
    )
    if opaque_length is not None:
        at = len(answer) - len(opaque) - 2
        answer = answer[:at] + opaque_length.to_bytes(2, "little") + answer[at + 2 :]
    return head + request[len(head) :] + response + answer[len(response) :]


def opaque(**fields: bytes | None) -> bytes:
    """Return the good opaque data with fields replaced (`f3=...`), added or left out (None)."""
    changed = GPU.opaque() | {int(name[1:]): value for name, value in fields.items()}
    return writer.encode_opaque({kind: one for kind, one in changed.items() if one is not None})


def pem(chain: Sequence[bytes]) -> bytes:
    """Return the `chain` part."""
    return b"".join(encode_pem("CERTIFICATE", one) for one in chain)


def other_leaf(
    *,
    common_name: str = "SIMULATED-GH100 A01 GSP FMC LF",
    issuer: Authority | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    extensions: Sequence[x509.ExtensionType] = (),
    critical: Sequence[x509.ExtensionType] = (),
    above: Sequence[bytes] | None = None,
) -> dict[str, bytes]:
    """Return report and chain with another leaf, whose key signed the report."""
    brom = issuer or HOPPER.device_authority(0)
    key = key or derive_key(SECRET, "another leaf", ec.SECP384R1())
    period = Period(NOW - YEAR, NOW + YEAR)
    leaf = brom.issue(
        common_name, key.public_key(), period, extensions=extensions, critical=critical
    )
    rest = KEY.chain[2:] if above is None else above
    chain = pem([leaf, brom.certificate, *rest])
    if isinstance(key.curve, ec.SECP384R1):
        # Without a firmware id in the leaf there is nothing to compare.
        return {"report": signed(body(), key), "chain": chain}
    return {"chain": chain}


def device(key: DeviceKey) -> dict[str, bytes]:
    """Return report and chain by a device key."""
    return {"report": signed(body(), key.key), "chain": pem(key.chain)}


def flip(data: bytes, at: int, bit: int = 0) -> bytes:
    """Return `data` with one bit changed."""
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


Change = Callable[[bytes], bytes]
