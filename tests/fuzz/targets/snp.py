"""SEV-SNP: reports, certificate tables, containers, and the whole verifier."""

from __future__ import annotations

from pathlib import Path

from attestation.tsm import parse_tsm
from attestation.verifiers.snp.cert_table import parse_cert_table
from attestation.verifiers.snp.report import parse_report
from tests.fuzz.target import Target

VECTORS = Path(__file__).parents[2] / "vectors" / "snp"


def _files(pattern: str) -> list[bytes]:
    found = sorted(VECTORS.glob(pattern))
    return [path.read_bytes() for path in found[:: max(1, len(found) // 16)]]


TARGETS = [
    Target("snp-report", parse_report, lambda: _files("*/report.bin")),
    Target("snp-cert-table", parse_cert_table, lambda: _files("*/cert_table.bin")),
    Target("tsm", parse_tsm, lambda: [b'{"outblob":"AA"}', b"\xa1\x67outblob\x41\x00"]),
]
