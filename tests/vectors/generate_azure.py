"""Vectors of docs/specs/evidence-azure.md: by simulated paravisors, one folder per case."""

from __future__ import annotations

from pathlib import Path

from attestation.simulated.intel.publish import roots_of
from attestation.x509.pem import parse_pem
from tests.vectors.azure_cases import INTEL, MILAN, SNP
from tests.vectors.azure_hcl_cases import BINDING, HARDWARE, REPORTS
from tests.vectors.azure_quote_cases import POLICIES, QUOTES
from tests.vectors.folder import fresh_folder, write_case
from tests.vectors.shared_files import SharedFiles

CASES = (*REPORTS, *HARDWARE, *BINDING, *QUOTES, *POLICIES)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "azure")
    shared = SharedFiles(folder)
    (intel_root,) = parse_pem(roots_of(INTEL), label="CERTIFICATE", limit=1)
    for one in CASES:
        pinned = MILAN.root() if one.tee == SNP else intel_root
        document = {
            "why": one.why,
            "expect": one.expect,
            "stage": one.stage,
            "tee": one.tee,
            "now": "2026-11-22T12:00:00Z",
            "anchors": one.anchors,
            "root": shared.name(pinned, "cert.der"),
            "certificates": shared.names(one.certificates, "cert.der"),
            "crls": shared.names(one.crls, "crl.der"),
            "bundle": shared.name(one.bundle, "json") if one.bundle else None,
            "policy": one.policy,
            "report_data": one.report_data.hex(),
            "parts": {
                name: shared.name(blob, f"{name}.bin") for name, blob in sorted(one.parts.items())
            },
        } | ({"claims": one.claims} if one.claims else {})
        write_case(folder, one.name, document)
