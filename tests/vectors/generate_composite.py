"""Vectors of docs/specs/evidence-composite.md: a simulated processor with two simulated GPUs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attestation.composite import (
    composite_report_data,
    device_nonce,
    encode_devices,
)
from attestation.encoding import canonical_json
from attestation.evidence import UnverifiedEvidence
from attestation.simulated import Fault, SimulatedGuest
from attestation.simulated.nvidia.faults import Fault as GpuFault
from attestation.simulated.nvidia.gpu import SimulatedGpu
from attestation.simulated.nvidia.models import MODELS
from attestation.simulated.nvidia.vendor import Vendor
from tests.fakes.silicon import (
    MEASUREMENT,
    NOW,
    REPORT_DATA,
    fixed_salt_signer_of,
    make_silicon,
)
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case
from tests.vectors.generate_snp import SharedFiles

SILICON = make_silicon("milan", signers=fixed_salt_signer_of)
STRANGER = make_silicon(is_stranger=True, signers=fixed_salt_signer_of)
GUEST = SimulatedGuest(SILICON, lambda: STRANGER, MEASUREMENT)
SECRET = hashlib.sha384(b"vectors of composite").digest()
VENDORS = {name: Vendor(SECRET, NOW, model) for name, model in MODELS.items()}
GPUS = tuple(SimulatedGpu(VENDORS["hopper"], number) for number in range(3))
SWITCH = SimulatedGpu(VENDORS["ls10"])
BLACKWELL = SimulatedGpu(VENDORS["blackwell"])
OTHER_REQUEST = hashlib.sha512(b"another request").digest()

Change = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Case:
    """One folder: what the processor signed, what is shown beside it, what must come out."""

    name: str
    why: str
    expect: str
    parts: dict[str, bytes]
    rims: Sequence[bytes] = ()
    policy: dict[str, Any] = field(default_factory=dict)
    tee: str = "snp"
    claims: dict[str, Any] = field(default_factory=dict)


def reports(*gpus: SimulatedGpu, request: bytes = REPORT_DATA, first: int = 0) -> list[Any]:
    """What devices answer, asked in this order from place `first`."""
    return [
        gpu.attest_nonce(device_nonce(request, first + place)) for place, gpu in enumerate(gpus)
    ]


def signed(
    data: bytes, *, request: bytes = REPORT_DATA, guest: SimulatedGuest = GUEST
) -> dict[str, bytes]:
    """What a processor says that vouches for this list, with the list."""
    evidence = guest.attest(composite_report_data(request, data))
    return {**evidence.parts, "devices": data}


def good(name: str, why: str, *gpus: SimulatedGpu, **options: Any) -> Case:
    return Case(name, why, ACCEPTED, signed(encode_devices(reports(*gpus))), **options)


def bad(name: str, why: str, expect: str, parts: dict[str, bytes], **options: Any) -> Case:
    return Case(name, why, expect, parts, **options)


def lied(
    name: str, why: str, expect: str, devices: Sequence[UnverifiedEvidence], **more: Any
) -> Case:
    """A processor that vouches for a list which it should not vouch for."""
    return bad(name, why, expect, signed(encode_devices(devices)), **more)


def raw(name: str, why: str, data: bytes) -> Case:
    return bad(name, why, "malformed", signed(data))


def faulty(fault: GpuFault) -> list[Any]:
    return reports(GPUS[0], GPUS[1].with_fault(fault))


TWO = reports(*GPUS[:2])
DATA = encode_devices(TWO)
WIRE = [one.to_wire() for one in TWO]
VOUCHED = signed(DATA)
COUNT = {"devices.count": 2, "devices.simulated": True, "devices.driver-version": "570.86.10"}

CASES = (
    good("two-gpus", "X1: devices", *GPUS[:2], claims=COUNT),
    good("one-gpu", "X1: devices", GPUS[0], claims={"devices.count": 1}),
    good(
        "switch-too",
        "X2: device types",
        GPUS[0],
        SWITCH,
        claims={"devices.count": 2, "devices.rim-checked": False},
    ),
    good("blackwell", "X2: device types", BLACKWELL, claims={"devices.architecture": "blackwell"}),
    good(
        "checked",
        "X4: devices",
        *GPUS[:2],
        rims=VENDORS["hopper"].rims(),
        policy={"require_rim": True},
        claims=COUNT | {"devices.rim-checked": True},
    ),
    Case(
        "no-devices",
        "X1: devices",
        ACCEPTED,
        dict(GUEST.attest(REPORT_DATA).parts),
        claims={"devices.count": 0},
    ),
    raw("empty-list", "X1: devices", b"[]"),
    raw("nothing", "X1: devices", b""),
    raw("object", "X1: devices", canonical_json({"0": WIRE[0]})),
    raw("not-json", "X1: devices", b"[{]"),
    raw("spaced", "X1: canonical", DATA.replace(b",", b", ", 1)),
    raw("trailing", "X1: canonical", DATA + b"\n"),
    raw(
        "members-unordered",
        "X1: canonical",
        DATA.replace(b'"tee":"nvidia"}', b"}", 1)
        .replace(b"{", b'{"tee":"nvidia",', 1)
        .replace(b",}", b"}", 1),
    ),
    raw("member-twice", "X1: canonical", DATA.replace(b"{", b'{"chain":"",', 1)),
    raw("seventeen", "X1: number", encode_devices([TWO[0]] * 17)),
    raw("many-values", "X1: number", b"[" + b"0," * 60 + b"0]"),
    bad("sgx", "X1: processors", "malformed", {"quote": b"", "devices": DATA}, tee="sgx"),
    raw(
        "processor-as-device",
        "X2: device types",
        canonical_json([{"tee": "snp", "report": "AAAA"}]),
    ),
    raw("unknown-device", "X2: device types", canonical_json([{"tee": "fpga", "report": "AAAA"}])),
    raw("device-is-text", "X2: device types", canonical_json(["nvidia"])),
    raw("nested", "X2: parts", canonical_json([WIRE[0] | {"devices": "AAAA"}])),
    raw("chain-missing", "X2: parts", canonical_json([{"tee": "nvidia", "report": "AAAA"}])),
    raw("base64-loose", "X2: parts", canonical_json([WIRE[0] | {"report": "AAB="}])),
    bad(
        "processor-alone",
        "X3: processor",
        "report-data-mismatch",
        {name: part for name, part in VOUCHED.items() if name != "devices"},
    ),
    bad(
        "devices-unvouched",
        "X3: processor",
        "report-data-mismatch",
        {**GUEST.attest(REPORT_DATA).parts, "devices": DATA},
    ),
    bad(
        "swapped",
        "X3: processor",
        "report-data-mismatch",
        VOUCHED | {"devices": encode_devices(reports(GPUS[0], GPUS[2]))},
    ),
    bad(
        "dropped",
        "X3: processor",
        "report-data-mismatch",
        VOUCHED | {"devices": encode_devices(TWO[:1])},
    ),
    bad(
        "added",
        "X3: processor",
        "report-data-mismatch",
        VOUCHED | {"devices": encode_devices(reports(*GPUS))},
    ),
    bad(
        "order-changed",
        "X3: processor",
        "report-data-mismatch",
        VOUCHED | {"devices": encode_devices(TWO[::-1])},
    ),
    bad(
        "other-request",
        "X3: processor",
        "report-data-mismatch",
        signed(encode_devices(reports(*GPUS[:2], request=OTHER_REQUEST)), request=OTHER_REQUEST),
    ),
    bad(
        "processor-for-other-request",
        "X3: processor",
        "report-data-mismatch",
        signed(DATA, request=OTHER_REQUEST),
    ),
    bad(
        "request-without-list",
        "X3: processor",
        "report-data-mismatch",
        {
            **GUEST.attest(hashlib.sha512(b"sealwasm/composite/v1\0" + REPORT_DATA).digest()).parts,
            "devices": DATA,
        },
    ),
    bad(
        "processor-debug",
        "X3: processor",
        "debug-enabled",
        signed(DATA, guest=GUEST.with_fault(Fault.DEBUG)),
    ),
    bad(
        "processor-tampered",
        "X3: processor",
        "signature-invalid",
        signed(DATA, guest=GUEST.with_fault(Fault.TAMPERED)),
    ),
    lied(
        "device-for-other-request",
        "X4: devices",
        "nonce-mismatch",
        [TWO[0], *reports(GPUS[1], request=OTHER_REQUEST, first=1)],
    ),
    lied("device-for-other-place", "X4: devices", "nonce-mismatch", TWO[::-1]),
    lied(
        "device-with-request-as-nonce",
        "X4: devices",
        "nonce-mismatch",
        [GPUS[0].attest(REPORT_DATA)],
    ),
    lied(
        "device-of-stranger", "X4: devices", "untrusted-chain", faulty(GpuFault.SIGNED_BY_STRANGER)
    ),
    lied("device-tampered", "X4: devices", "signature-invalid", faulty(GpuFault.TAMPERED)),
    lied("device-expired", "X4: devices", "cert-expired", faulty(GpuFault.EXPIRED_LEAF)),
    lied(
        "device-measures-else",
        "X4: devices",
        "measurement-mismatch",
        faulty(GpuFault.WRONG_MEASUREMENT),
        rims=VENDORS["hopper"].rims(),
    ),
    lied("device-unchecked", "X4: devices", "no-endorsement", TWO, policy={"require_rim": True}),
    lied(
        "device-not-allowed",
        "X4: devices",
        "product-not-allowed",
        reports(GPUS[0], SWITCH),
        policy={"architectures": ["hopper"]},
    ),
    lied("same-device-twice", "X5: devices", "device-binding", reports(GPUS[0], GPUS[0])),
    lied("same-device-far", "X5: devices", "device-binding", reports(*GPUS[:2], GPUS[0])),
    good("three-differ", "X5: devices", *GPUS, claims={"devices.count": 3}),
)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "composite")
    shared = SharedFiles(folder)
    roots = [SILICON.root()]
    for vendor in VENDORS.values():
        roots += [vendor.root.certificate, vendor.rim_root.certificate]
    for one in CASES:
        document = {
            "why": one.why,
            "expect": one.expect,
            "tee": one.tee,
            "now": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
            "roots": shared.names(roots, "cert.der"),
            "certificates": shared.names(
                [SILICON.intermediate("vcek"), SILICON.root()], "cert.der"
            ),
            "crls": shared.names([SILICON.crl()], "crl.der"),
            "rims": shared.names(one.rims, "xml"),
            "policy": one.policy,
            "report_data": REPORT_DATA.hex(),
            "parts": {
                name: shared.names([data], f"{name}.bin")[0] for name, data in one.parts.items()
            },
        } | ({"claims": one.claims} if one.claims else {})
        write_case(folder, one.name, document)
