"""Vectors of docs/specs/evidence-snp.md: signature, binding, freshness and policy."""

from __future__ import annotations

from typing import Any

from attestation.simulated.snp.report_writer import attach_signature
from tests.vectors.snp_cases import (
    MILAN,
    SILICON,
    Case,
    Change,
    bytes_at,
    case,
    good,
    part,
    report,
)

MODEL = MILAN.identity.model
OLD_VEK = MILAN.vek("vcek", MODEL.old_tcb).certificate
SINGLE_SOCKET = 1 << 20


def tcb_at(offset: int, value: int) -> bytes:
    changed = bytearray(MODEL.tcb)
    changed[offset] = value
    return bytes(changed)


def bad_policy(
    name: str, why: str, code: str, change: Change | None = None, **options: Any
) -> Case:
    return case(name, why, code, "policy", change=change or (lambda parts: parts), **options)


BINDINGS = (
    case("tampered", "G1: signed bytes", "signature-invalid", "signature", fault="tampered"),
    case(
        "last-signed-byte",
        "G1: signed bytes",
        "signature-invalid",
        "signature",
        change=bytes_at(0x207, 1, resign=False),
        product="genoa",
    ),
    case(
        "other-key",
        "G1: signed by the VEK",
        "signature-invalid",
        "signature",
        change=part("vek", OLD_VEK),
    ),
    case(
        "zero-signature",
        "G1: signed by the VEK",
        "signature-invalid",
        "signature",
        change=lambda p: p | {"report": attach_signature(p["report"][:0x2A0], 0, 0)},
    ),
    case("unsigned", "G2: a key signed", "signature-invalid", "signature", fault="unsigned"),
    case("says-vlek", "B1: kind of key", "binding", "binding", change=report(key_info=1 << 2)),
    case(
        "cpuid-of-genoa",
        "B2: product",
        "product-mismatch",
        "binding",
        change=report(cpuid=(0x19, 0x11, 1)),
    ),
    case(
        "cpuid-unknown",
        "B2: product",
        "product-mismatch",
        "binding",
        change=report(cpuid=(0x1A, 0x12, 0)),
    ),
    good(
        "cpuid-bergamo",
        "B2: Genoa's keys",
        product="genoa",
        change=report(SILICON["genoa"], cpuid=(0x19, 0xA0, 2)),
    ),
    case(
        "wrong-tcb", "B3: TCB of the VEK", "tcb-mismatch", "binding", fault="wrong-tcb-certificate"
    ),
    case(
        "reported-lower",
        "B3: TCB of the VEK",
        "tcb-mismatch",
        "binding",
        change=report(reported_tcb=tcb_at(7, 218)),
    ),
    case(
        "reserved-tcb",
        "B4: reserved bytes",
        "malformed",
        "binding",
        change=report(launch_tcb=tcb_at(3, 1)),
    ),
    case(
        "committed-lower", "B5: in order", "tcb-inconsistent", "binding", fault="tcb-out-of-order"
    ),
    case(
        "current-lower",
        "B5: in order",
        "tcb-inconsistent",
        "binding",
        change=report(tcb=tcb_at(6, 23), reported_tcb=MODEL.tcb, committed_tcb=MODEL.tcb),
    ),
    good(
        "committed-higher",
        "B5: in order",
        change=report(tcb=tcb_at(6, 25), reported_tcb=MODEL.tcb, committed_tcb=MODEL.tcb),
    ),
    case("wrong-chip", "B6: chip", "chip-id-mismatch", "binding", fault="wrong-chip"),
    case(
        "wrong-chip-turin",
        "B6: chip",
        "chip-id-mismatch",
        "binding",
        product="turin",
        change=report(SILICON["turin"], chip_id=SILICON["turin"].chip_id + b"\x01"),
    ),
    case(
        "replayed", "F1: this request", "report-data-mismatch", "freshness", fault="replayed-nonce"
    ),
    case(
        "empty-report-data",
        "F1: this request",
        "report-data-mismatch",
        "freshness",
        fault="empty-report-data",
    ),
    case(
        "last-byte",
        "F1: all 64 bytes",
        "report-data-mismatch",
        "freshness",
        change=bytes_at(0x8F, 0),
    ),
)

POLICIES = (
    bad_policy("bit-17", "P1: must be one", "malformed", report(policy=0x10000)),
    bad_policy("bit-26", "P1: high bits", "malformed", report(policy=0x30000 | 1 << 26)),
    bad_policy("debug", "P2: no debugging", "debug-enabled", fault="debug"),
    good("debug-allowed", "P2: by policy", fault="debug", policy={"allow_debug": True}),
    bad_policy("migratable", "P3: no agent", "migratable", fault="migratable"),
    good(
        "migratable-allowed", "P3: by policy", fault="migratable", policy={"allow_migration": True}
    ),
    bad_policy("vmpl-1", "P4: VMPL 0", "vmpl-nonzero", fault="wrong-vmpl"),
    good("vmpl-1-allowed", "P4: by policy", fault="wrong-vmpl", policy={"max_vmpl": 1}),
    bad_policy("vmpl-2", "P4: the maximum", "vmpl-nonzero", report(vmpl=2), policy={"max_vmpl": 1}),
    bad_policy(
        "vmpl-host",
        "P4: never the host",
        "vmpl-nonzero",
        fault="host-requested",
        policy={"max_vmpl": 3},
    ),
    bad_policy("smt", "P5: by policy", "guest-policy-not-allowed", policy={"allow_smt": False}),
    bad_policy(
        "sockets",
        "P6: by policy",
        "guest-policy-not-allowed",
        policy={"require_single_socket": True},
    ),
    good(
        "single-socket",
        "P6: by policy",
        change=report(policy=0x30000 | SINGLE_SOCKET),
        policy={"require_single_socket": True},
    ),
    bad_policy(
        "abi",
        "P7: by policy",
        "guest-policy-not-allowed",
        report(policy=0x30136),
        policy={"minimum_abi": [1, 55]},
    ),
    good(
        "abi-equal", "P7: by policy", change=report(policy=0x30137), policy={"minimum_abi": [1, 55]}
    ),
    bad_policy(
        "version-minimum",
        "P8: by policy",
        "report-version-too-old",
        guest={"report_version": 2},
        policy={"minimum_report_version": 3},
    ),
    bad_policy(
        "product", "P9: by policy", "product-not-allowed", policy={"products": ["genoa", "turin"]}
    ),
    bad_policy(
        "signing-key",
        "P10: by policy",
        "signing-key-not-allowed",
        kind="vlek",
        policy={"signing_keys": ["vcek"]},
    ),
    bad_policy("masked-chip", "P11: not masked", "chip-id-masked", fault="masked-chip-id"),
    good(
        "masked-chip-allowed",
        "P11: by policy",
        fault="masked-chip-id",
        policy={"allow_masked_chip_id": True},
    ),
    bad_policy(
        "old-tcb",
        "P12: the minimum",
        "tcb-below-minimum",
        fault="old-tcb",
        policy={"minimum_tcb": {"milan": {"snp": 9}}},
    ),
    good(
        "old-tcb-enough",
        "P12: the minimum",
        fault="old-tcb",
        policy={"minimum_tcb": {"milan": {"snp": 8}}},
    ),
    bad_policy(
        "launch-tcb",
        "P12: the launch TCB too",
        "tcb-below-minimum",
        report(launch_tcb=tcb_at(6, 23)),
        policy={"minimum_tcb": {"milan": {"snp": 24}}},
    ),
    bad_policy(
        "no-such-part",
        "P12: parts of the product",
        "tcb-below-minimum",
        policy={"minimum_tcb": {"milan": {"fmc": 0}}},
    ),
    good("minimum-of-other", "P12: per product", policy={"minimum_tcb": {"genoa": {"snp": 255}}}),
    bad_policy(
        "fmc",
        "P12: the minimum",
        "tcb-below-minimum",
        product="turin",
        policy={"minimum_tcb": {"turin": {"fmc": 2}}},
    ),
    bad_policy(
        "alias-check",
        "P13: by policy",
        "platform-not-allowed",
        report(platform_info=0x05),
        policy={"require_alias_check": True},
    ),
    bad_policy(
        "ciphertext",
        "P14: by policy",
        "platform-not-allowed",
        policy={"require_ciphertext_hiding": True},
    ),
    bad_policy(
        "platform-smt",
        "P15: by policy",
        "platform-not-allowed",
        policy={"require_platform_smt_off": True},
    ),
)
