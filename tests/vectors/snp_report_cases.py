"""Vectors of docs/specs/evidence-snp.md: the report itself and the certificate table."""

from __future__ import annotations

from uuid import UUID

from attestation.verifiers.snp import cert_table
from attestation.x509.pem import encode_pem
from tests.vectors.snp_cases import (
    MILAN,
    Case,
    Change,
    bytes_at,
    case,
    good,
    part,
    report,
    table,
    vek_of,
)

MODEL = MILAN.identity.model
ASK, ASVK, ARK = MILAN.intermediate("vcek"), MILAN.intermediate("vlek"), MILAN.root()
VEK = vek_of(MILAN)
OLD_VEK = MILAN.vek("vcek", MODEL.old_tcb).certificate
TABLE = ((cert_table.VCEK, VEK.der), (cert_table.ASK, ASK), (cert_table.ARK, ARK))


def bad_report(name: str, why: str, code: str, change: Change) -> Case:
    return case(name, why, code, "report", change=change)


def bad_table(name: str, why: str, code: str, data: bytes) -> Case:
    return case(name, why, code, "chain", change=part("cert_table", data))


REPORTS = (
    good("vcek-milan", "C8: signed by the chain"),
    good("vcek-milan-v2", "R3: version 2", guest={"report_version": 2}),
    good("vcek-genoa", "C9: layout of Genoa", product="genoa"),
    good("vcek-turin", "C9: layout of Turin", product="turin"),
    good("vlek-milan", "C5: a VLEK under the ASVK", kind="vlek"),
    good("vlek-turin", "C5: a VLEK under the ASVK", kind="vlek", product="turin"),
    good(
        "unknown-platform-bit", "P13: unknown platform bits pass", change=report(platform_info=0x65)
    ),
    good(
        "mitigations",
        "R4: version 5 has them, and their claims are hex",
        change=report(version=5, mitigations=1 << 63 | 5),
        claims=dict.fromkeys(("mit-vector.launch", "mit-vector.current"), "8000000000000005"),
    ),
    bad_report("short", "R1: 1184 bytes", "malformed", lambda p: p | {"report": p["report"][:-1]}),
    bad_report("empty", "R1: 1184 bytes", "malformed", part("report", b"")),
    bad_report(
        "long", "R1: 1184 bytes", "trailing-data", lambda p: p | {"report": p["report"] + b"\0"}
    ),
    bad_report("algorithm", "R2: ECDSA P-384", "alg-mismatch", bytes_at(0x34, 2)),
    bad_report("version-0", "R3: known versions", "malformed", bytes_at(0, 0)),
    bad_report("version-4", "R3: known versions", "malformed", bytes_at(0, 4)),
    bad_report("cpuid-in-v2", "R4: fields of the version", "malformed", bytes_at(0, 2)),
    bad_report("mitigations-in-v3", "R4: fields of the version", "malformed", bytes_at(0x1F8, 1)),
    bad_report("unsigned-tail", "R5: zero", "malformed", bytes_at(0x49F, 1, resign=False)),
    bad_report("long-r", "R6: 48 bytes of R", "malformed", bytes_at(0x2D0, 1, resign=False)),
    bad_report("long-s", "R6: 48 bytes of S", "malformed", bytes_at(0x32F, 1, resign=False)),
    bad_report("reserved-04c", "R7: reserved bytes", "malformed", bytes_at(0x4F, 1)),
    bad_report("reserved-18b", "R7: reserved bytes", "malformed", bytes_at(0x18B, 1)),
    bad_report("reserved-1eb", "R7: reserved bytes", "malformed", bytes_at(0x1EB, 1)),
    bad_report("reserved-1ef", "R7: reserved bytes", "malformed", bytes_at(0x1EF, 1)),
    bad_report("reserved-29f", "R7: reserved bytes", "malformed", bytes_at(0x29F, 1)),
    bad_report("signing-key-2", "R8: known keys", "malformed", bytes_at(0x48, 2 << 2)),
    bad_report("key-info-bit-5", "R8: high bits zero", "malformed", bytes_at(0x48, 1 << 5)),
)

TABLES = (
    good("table", "T1: everything comes in it", guest={"extended": True}, certificates=()),
    good("table-vlek", "T1: a VLEK in it", guest={"extended": True}, kind="vlek"),
    good("table-beside-vek", "T5: the same VEK", change=part("cert_table", table(*TABLE))),
    good("table-padded", "T4: zeros", change=part("cert_table", table(*TABLE, tail=bytes(99)))),
    good(
        "table-pem",
        "T1: blobs may be PEM",
        change=part("cert_table", table((cert_table.ASK, encode_pem("CERTIFICATE", ASK)))),
        certificates=(ARK,),
    ),
    good(
        "table-unknown-guid",
        "T1: other entries pass",
        change=part("cert_table", table((UUID(int=1), b"{}"), *TABLE)),
    ),
    bad_table("table-no-end", "T1: an end", "malformed", b"\x01" * 24),
    bad_table("table-short", "T1: an end", "malformed", bytes(23)),
    bad_table("table-half-end", "T1: an all-zero end", "malformed", bytes(20) + b"\x01\0\0\0"),
    bad_table(
        "table-crowded",
        "T1: 16 entries",
        "malformed",
        table(*[(UUID(int=i + 1), b"x") for i in range(17)]),
    ),
    bad_table("table-outside", "T2: inside", "malformed", table(*TABLE)[:-1]),
    bad_table(
        "table-in-header",
        "T2: behind the header",
        "malformed",
        cert_table.ASK.bytes + bytes([24, 0, 0, 0, 1, 0, 0, 0]) + bytes(24),
    ),
    bad_table("table-empty-blob", "T2: not empty", "malformed", table((cert_table.ASK, b""))),
    bad_table("table-guid-twice", "T3: once", "malformed", table(*TABLE, TABLE[0])),
    bad_table("table-tail", "T4: zeros", "trailing-data", table(*TABLE, tail=b"\x01")),
    bad_table("table-other-vek", "T5: the same VEK", "binding", table((cert_table.VCEK, OLD_VEK))),
)
