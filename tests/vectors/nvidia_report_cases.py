"""Vectors about the report itself, its signature, its binding and its nonce."""

from __future__ import annotations

from attestation.simulated.nvidia import report_writer as writer
from tests.fakes.silicon import REPORT_DATA
from tests.vectors.nvidia_cases import (
    GPU,
    HOPPER,
    KEY,
    body,
    case,
    device,
    flip,
    good,
    opaque,
    signed,
)

BLOCKS = GPU.measurements()
RECORD = writer.encode_record(BLOCKS)
REPORT = GPU.attest(REPORT_DATA).parts["report"]
DIGEST = bytes(48)


def bad(name: str, why: str, report: bytes, expect: str = "malformed") -> object:
    return case(name, why, expect, "report", report=report)


def record(index: int = 64, spec: int = 1, size: int = 51, kind: int = 1, value: int = 48) -> bytes:
    """The good record with the header of its last block replaced."""
    head = bytes([index, spec, *size.to_bytes(2, "little"), kind, *value.to_bytes(2, "little")])
    return RECORD[:-55] + head + DIGEST


REPORTS = (
    good(
        "hopper",
        "R1: a GPU of the Hopper generation",
        claims={"gpu.architecture": "hopper", "gpu.driver-version": "570.86.10"},
    ),
    good(
        "blackwell",
        "R1: a GPU of the Blackwell generation",
        model="blackwell",
        claims={"gpu.architecture": "blackwell", "gpu.vbios-version": "97.00.88.00.0F"},
    ),
    good(
        "switch",
        "R1: a switch",
        model="ls10",
        claims={"gpu.switch": True, "gpu.vbios-version": "96.10.55.00.01"},
    ),
    bad("empty", "R1: request", b""),
    bad("request-cut", "R1: request", REPORT[:36]),
    bad("request-version-12", "R1: request", signed(body(head=b"\x12"))),
    bad("request-one-block", "R1: request", signed(body(head=bytes.fromhex("11e00101")))),
    bad("request-unsigned", "R1: request", signed(body(head=bytes.fromhex("11e000ff")))),
    bad("slot-8", "R1: slot", signed(flip(body(), 36, 3))),
    bad("response-error", "R2: response", signed(body(response=bytes.fromhex("117f00")))),
    bad("response-version", "R2: response", signed(body(response=bytes.fromhex("126000")))),
    bad("response-slot", "R2: response", signed(body(response=bytes.fromhex("11600001")))),
    bad("response-cut", "R2: response", REPORT[:40]),
    good(
        "fewer-blocks",
        "R3: blocks",
        report=signed(body(record=RECORD[: 55 * 31], count=31)),
        claims={"gpu.measurement-blocks": 31},
    ),
    bad("block-specification", "R3: blocks", signed(body(record=record(spec=2)))),
    bad("block-size", "R3: blocks", signed(body(record=record(size=52)))),
    bad("block-raw", "R3: blocks", signed(body(record=record(kind=0x81)))),
    bad("block-sha256", "R3: blocks", signed(body(record=record(size=35, value=32)[:-16]))),
    bad("block-twice", "R3: blocks", signed(body(record=record(index=63)))),
    bad("block-order", "R3: blocks", signed(body(record=RECORD[55:110] + RECORD[:55], count=2))),
    bad("block-index-0", "R3: blocks", signed(body(record=b"\0" + RECORD[1:]))),
    bad("block-cut", "R3: blocks", signed(body(record=RECORD[:-1]))),
    bad("block-count", "R3: blocks", signed(body(count=63))),
    bad("no-blocks", "R3: blocks", signed(body(record=b"", count=0))),
    good(
        "field-unknown",
        "R4: opaque data",
        report=signed(body(opaque=opaque(f77=b"new"))),
        claims={"gpu.unknown-fields": "77"},
    ),
    good(
        "no-fields",
        "R4: opaque data",
        report=signed(body(opaque=b"")),
        claims={"gpu.driver-version": ""},
    ),
    bad("field-twice", "R4: opaque data", signed(body(opaque=opaque() + b"\x03\0\x01\x001"))),
    bad("field-cut", "R4: opaque data", signed(body(opaque=opaque()[:-1]))),
    bad("field-header-cut", "R4: opaque data", signed(body(opaque=opaque() + b"\x63\0"))),
    bad(
        "fields-65",
        "R4: opaque data",
        signed(
            body(opaque=b"".join(kind.to_bytes(2, "little") + b"\0\0" for kind in range(100, 165)))
        ),
    ),
    bad("opaque-length", "R4: opaque data", signed(body(opaque_length=60000))),
    bad("driver-not-text", "R5: known forms", signed(body(opaque=opaque(f3=b"5\xff")))),
    bad("driver-inner-nul", "R5: known forms", signed(body(opaque=opaque(f3=b"5\0007")))),
    bad("vbios-9-bytes", "R5: known forms", signed(body(opaque=opaque(f6=bytes(9))))),
    bad("vbios-rest", "R5: known forms", signed(body(opaque=opaque(f6=b"\1" * 8)))),
    bad("vbios-text", "R5: known forms", signed(body(opaque=opaque(f6=b"96.10.55.00")))),
    bad("fwid-32-bytes", "R5: known forms", signed(body(opaque=opaque(f20=bytes(32))))),
    bad("decoder-status", "R5: known forms", signed(body(opaque=opaque(f11=b"\0")))),
    bad("pcie-status", "R5: known forms", signed(body(opaque=opaque(f21=b"\xab")))),
    good("one-nul", "R6: end", report=REPORT + b"\0"),
    bad("two-nuls", "R6: end", REPORT + b"\0\0", "trailing-data"),
    bad("one-byte-more", "R6: end", REPORT + b"\1", "trailing-data"),
    bad("signature-cut", "R6: end", REPORT[:-1]),
)

SIGNATURES = (
    case("tampered", "G1: signature", "signature-invalid", "signature", fault="tampered"),
    case(
        "nonce-changed", "G1: signature", "signature-invalid", "signature", report=flip(REPORT, 4)
    ),
    case(
        "signature-bit",
        "G1: signature",
        "signature-invalid",
        "signature",
        report=flip(REPORT, len(REPORT) - 1),
    ),
    case(
        "signature-zero",
        "G1: signature",
        "signature-invalid",
        "signature",
        report=REPORT[:-96] + bytes(96),
    ),
    case(
        "other-key", "G1: signature", "signature-invalid", "signature", fault="signed-by-other-key"
    ),
    case(
        "other-device",
        "G1: signature",
        "signature-invalid",
        "signature",
        chain=GPU.__class__(HOPPER, number=1).attest(REPORT_DATA).parts["chain"],
    ),
    good(
        "slot-1", "G1: signature", report=signed(flip(body(response=bytes.fromhex("11600001")), 36))
    ),
    case("device-key", "B1: device key", "binding", "binding", fault="other-device-key"),
    case("firmware-id", "B2: firmware id", "binding", "binding", fault="wrong-firmware-id"),
    case(
        "firmware-id-blackwell",
        "B2: firmware id",
        "binding",
        "binding",
        model="blackwell",
        fault="wrong-firmware-id",
    ),
    good("no-firmware-id", "B2: firmware id", report=signed(body(opaque=opaque(f20=None)))),
    good("firmware-id", "B1: device key", **device(KEY)),
    case("replayed", "F1: nonce", "nonce-mismatch", "freshness", fault="replayed-nonce"),
    case(
        "nonce-of-zeros",
        "F1: nonce",
        "nonce-mismatch",
        "freshness",
        report=signed(body(nonce=bytes(32))),
    ),
    case(
        "report-data-as-nonce",
        "F1: nonce",
        "nonce-mismatch",
        "freshness",
        report=signed(body(nonce=REPORT_DATA[:32])),
    ),
    good("fresh", "F1: nonce"),
)
